//! What fuzzing found, and its seeds, replayed: no parser panics on them, or on their pieces.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
#[path = "../../../fuzz/replay.rs"]
mod replay;

/// Each so-manyth byte is turned.
const STEP: usize = 97;

fn replay(target: &str, run: impl Fn(&[u8])) {
    replay::replay(target, STEP, run);
}

#[test]
fn bitstreams() {
    replay("bitstream", formats::bitstream::fuzz::every_parser);
}

#[test]
fn session_descriptions() {
    replay("sdp", |data| drop(formats::sdp::parse(data)));
}

#[test]
fn amf0_values() {
    replay("amf0", formats::amf0::fuzz_amf0);
}

#[test]
fn flv_tags() {
    replay("flv", formats::flv::fuzz_flv);
}

#[test]
fn mp4_files() {
    replay("mp4", formats::mp4::fuzz_mp4);
}

#[test]
fn rtp_packets() {
    replay("rtp", formats::rtp::fuzz::every_reader);
}

#[test]
fn transport_streams() {
    replay("mpegts", formats::mpegts::fuzz_mpegts);
}

#[test]
fn byte_streams_of_any_container() {
    replay("probe", formats::demux::fuzz_bytes);
}
