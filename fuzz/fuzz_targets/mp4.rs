#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| formats::mp4::fuzz_mp4(data));
