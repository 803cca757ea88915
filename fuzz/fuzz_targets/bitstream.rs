#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| formats::bitstream::fuzz::every_parser(data));
