#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| formats::rtp::fuzz::every_reader(data));
