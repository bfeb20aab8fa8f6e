//! Whatever is posted, the decoder does not panic, loses no element of an array, and makes batches that the merge takes.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    usage_ingestor::fuzzing::data_streamer(body);
});
