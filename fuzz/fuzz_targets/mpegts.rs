#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| formats::mpegts::fuzz_mpegts(data));
