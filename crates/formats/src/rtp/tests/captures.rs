//! What ffmpeg sends is what it had: captures of 5.1 (AV1: of 9.0) on a local UDP port.
//!
//! `NAME.packets` are the packets, `NAME.frames` what ffmpeg's own demuxer gave for the file that was sent.
use super::{frames, track};
use crate::rtp::testing::capture;
use crate::rtp::{AacPayload, Depacketizer, DepacketizerOptions, Packet};
use bytes::Bytes;
use media::{Codec, CodecParams};

macro_rules! fixtures {
    ($($name:literal),*) => {
        fn fixture(name: &str) -> (&'static [u8], &'static [u8]) {
            match name {
                $($name => (
                    include_bytes!(concat!("../../../fixtures/rtp/", $name, ".packets")),
                    include_bytes!(concat!("../../../fixtures/rtp/", $name, ".frames")),
                ),)*
                other => panic!("no fixture {other}"),
            }
        }
    };
}
fixtures!("h264", "h265", "av1", "vp8", "vp9", "mjpeg", "aac", "latm", "opus", "mp3");

/// Each packet behind its length.
pub(super) fn packet_bytes(name: &str) -> &'static [u8] {
    fixture(name).0
}

pub(super) fn packets(name: &str) -> Vec<Packet> {
    capture(fixture(name).0).into_iter().map(|bytes| Packet::parse(bytes).unwrap()).collect()
}

pub(super) fn expected_frames(name: &str) -> Vec<Bytes> {
    let mut rest = Bytes::from_static(fixture(name).1);
    let mut frames = Vec::new();
    while rest.len() >= 4 {
        let length = u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        let _ = rest.split_to(4);
        frames.push(rest.split_to(length));
    }
    frames
}

/// ffmpeg keeps the last audio packet to itself when its input ends: `held_back` frames may be missing.
fn check(name: &str, codec: Codec, aac: AacPayload, held_back: usize, rtp_step: Option<u32>) -> usize {
    let mut track = track(codec, CodecParams::None);
    if codec == Codec::Aac {
        track.channels = 1;
    }
    let options = DepacketizerOptions { aac, ..DepacketizerOptions::for_track(&track) };
    let mut depacketizer = Depacketizer::new(&track, options).unwrap();
    for packet in packets(name) {
        depacketizer.push(&packet).unwrap();
    }
    let got = frames(&mut depacketizer);
    let expected = expected_frames(name);
    assert!(got.len() <= expected.len() && got.len() + held_back >= expected.len(), "{}", got.len());
    for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert_eq!(comparable(codec, &got.data), comparable(codec, expected), "frame {index} of {name}");
        assert!(!got.after_loss);
    }
    if let Some(step) = rtp_step {
        assert!(got.windows(2).all(|pair| pair[1].rtp_time.wrapping_sub(pair[0].rtp_time) == step), "{name}");
    }
    let stats = depacketizer.stats();
    assert_eq!((stats.frames, stats.frames_dropped, stats.packets_lost), (got.len() as u64, 0, 0));
    got.iter().filter(|frame| frame.keyframe).count()
}

/// Of a JPEG file the scan: the header is written anew.
fn comparable(codec: Codec, data: &[u8]) -> &[u8] {
    match codec {
        Codec::Mjpeg => &data[data.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap()..],
        Codec::H264
        | Codec::H265
        | Codec::Av1
        | Codec::Vp8
        | Codec::Vp9
        | Codec::Aac
        | Codec::Opus
        | Codec::Pcmu
        | Codec::Pcma
        | Codec::G722
        | Codec::L16
        | Codec::Mp3 => data,
    }
}

#[test]
fn every_video_codec_of_ffmpeg_comes_out_as_it_went_in() {
    let aac = AacPayload::HIGH_BIT_RATE;
    assert_eq!(check("h264", Codec::H264, aac, 0, None), 2);
    assert_eq!(check("h265", Codec::H265, aac, 0, None), 2);
    assert_eq!(check("av1", Codec::Av1, aac, 0, Some(9_000)), 2);
    assert_eq!(check("vp8", Codec::Vp8, aac, 0, Some(9_000)), 2);
    assert_eq!(check("vp9", Codec::Vp9, aac, 0, Some(9_000)), 2);
    assert_eq!(check("mjpeg", Codec::Mjpeg, aac, 0, Some(9_000)), 3);
}

#[test]
fn every_audio_codec_of_ffmpeg_comes_out_as_it_went_in() {
    let aac = AacPayload::HIGH_BIT_RATE;
    check("aac", Codec::Aac, aac, 2, Some(1024));
    check("latm", Codec::Aac, AacPayload::Latm, 0, Some(1024));
    check("opus", Codec::Opus, aac, 0, Some(960));
    check("mp3", Codec::Mp3, aac, 3, Some(2160));
}
