#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| formats::flv::fuzz_flv(data));
