//! What fuzzing found, and its seeds, replayed: no session panics on them, or on their pieces.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
#[path = "../../../fuzz/replay.rs"]
mod replay;

/// Each so-manyth byte is turned.
const STEP: usize = 197;

fn replay(target: &str, run: impl Fn(&[u8])) {
    replay::replay(target, STEP, run);
}

#[test]
fn rtsp_bytes() {
    replay("rtsp_framer", protocols::rtsp::fuzz::framer);
}

#[test]
fn rtsp_servers_answers() {
    replay("rtsp_client", protocols::rtsp::fuzz::client);
}

#[test]
fn rtsp_clients_requests() {
    replay("rtsp_server", protocols::rtsp::fuzz::server);
}

#[test]
fn rtmp_clients() {
    replay("rtmp_server", protocols::rtmp::fuzz_server);
}

#[test]
fn rtmp_servers() {
    replay("rtmp_client", protocols::rtmp::fuzz_client);
}

#[test]
fn isapi_devices() {
    replay("isapi_client", protocols::isapi::fuzz::client);
}

#[test]
fn homekits_tlv_http_and_frames() {
    replay("hap_tlv", protocols::hap::fuzz::tlv);
    replay("hap_http", protocols::hap::fuzz::http);
    replay("hap_frames", protocols::hap::fuzz::frames);
}

#[test]
fn homekits_strangers() {
    replay("hap_accessory", protocols::hap::fuzz::accessory);
    replay("srtp_table", protocols::srtp::fuzz::table);
}
