//! Whatever lies in the stream INGEST, reading and adding it up does not panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    usage_ingestor::fuzzing::ingest_batch(payload);
});
