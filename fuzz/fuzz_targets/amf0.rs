#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| formats::amf0::fuzz_amf0(data));
