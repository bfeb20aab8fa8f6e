//! Whatever 1NCE sends, no decoder panics and no list loses a record.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    once_client::decode_everything(body);
});
