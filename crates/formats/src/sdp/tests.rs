mod devices;

use super::*;
use crate::bitstream::fixtures::{SVT_AV1_10BIT, X264_HIGH, X265_MAIN, hex};
use crate::bitstream::{aac, av1, h264, h265};
use crate::rtp::AacPayload;
use media::{Codec, CodecParams, Track};

fn tracks() -> Vec<Track> {
    let lc =
        |rate, channels| CodecParams::Aac { config: aac::AudioSpecificConfig::lc(rate, channels).build() };
    let video = |codec, params| Track::video(0, codec, params);
    let audio = |codec, rate, channels| Track::audio(0, codec, rate, channels, CodecParams::None);
    let mut tracks = vec![
        video(Codec::H264, h264::parse_avcc(&hex(X264_HIGH)).unwrap()),
        video(Codec::H265, h265::parse_hvcc(&hex(X265_MAIN)).unwrap()),
        video(Codec::Av1, av1::parse_av1c(&hex(SVT_AV1_10BIT)).unwrap()),
        video(Codec::Vp8, CodecParams::None),
        video(Codec::Vp9, CodecParams::Vp9 { profile: 0, level: 0, bit_depth: 8 }),
        video(Codec::Mjpeg, CodecParams::None),
        Track::audio(0, Codec::Aac, 48_000, 2, lc(48_000, 2)),
        audio(Codec::Opus, 48_000, 2),
        audio(Codec::Opus, 48_000, 1),
        audio(Codec::Pcmu, 8_000, 1),
        audio(Codec::Pcma, 16_000, 1),
        audio(Codec::G722, 8_000, 1),
        audio(Codec::L16, 44_100, 2),
        audio(Codec::L16, 48_000, 2),
        audio(Codec::Mp3, 44_100, 2),
        video(Codec::H264, CodecParams::None),
    ];
    for (id, track) in tracks.iter_mut().enumerate() {
        track.id = id as u8;
    }
    tracks
}

#[test]
fn every_codec_survives_a_round_trip() {
    let tracks = tracks();
    for spec in [SdpSpec::describe("camera", &tracks), SdpSpec::announce("camera", &tracks)] {
        let session = parse(write(&spec).as_bytes()).unwrap();
        assert_eq!(session.name, "camera");
        assert_eq!(session.skipped, Vec::<String>::new());
        assert_eq!(session.control.as_deref(), spec.control);
        assert_eq!(session.range.as_deref(), spec.range);
        let read: Vec<Track> = session.sections.iter().map(|section| section.track.clone()).collect();
        // Of AV1 a description tells no more than profile and level: the first key frame brings the header.
        let mut expected = tracks.clone();
        expected[2].params = CodecParams::None;
        assert_eq!(read, expected);
        for (section, written) in session.sections.iter().zip(&spec.sections) {
            assert_eq!(section.payload_type, written.payload_type);
            assert_eq!(section.control.as_ref(), Some(&written.control));
            assert_eq!(section.rtp_clock_rate, crate::rtp::clock_rate(&section.track));
            assert_eq!(section.depacketizer, crate::rtp::DepacketizerOptions::for_track(&section.track));
        }
    }
}

#[test]
fn payload_types_are_static_where_the_form_of_the_track_allows() {
    assert_eq!(
        assign_payload_types(&tracks()),
        [96, 97, 98, 99, 100, 26, 101, 102, 103, 0, 104, 9, 10, 105, 14, 106]
    );
}

#[test]
fn a_strict_parser_takes_what_is_written() {
    let tracks = tracks();
    let text = write(&SdpSpec::describe("camera\r\nwith a line break", &tracks));
    let strict = sdp_types::Session::parse(text.as_bytes()).unwrap();
    assert_eq!(strict.session_name, "camera  with a line break");
    assert_eq!(strict.medias.len(), tracks.len());
    assert!(strict.medias.iter().all(|media| media.attributes.iter().any(|a| a.attribute == "rtpmap")));
}

#[test]
fn a_description_of_a_camera_reads_line_by_line() {
    let all = tracks();
    let two = [all[0].clone(), all[6].clone()];
    let mut spec = SdpSpec::describe("", &two);
    spec.sections[1].direction = Direction::SendOnly;
    let expected = "v=0\r\n\
        o=- 0 0 IN IP4 127.0.0.1\r\n\
        s=-\r\n\
        c=IN IP4 0.0.0.0\r\n\
        t=0 0\r\n\
        a=control:*\r\n\
        a=range:npt=now-\r\n\
        m=video 0 RTP/AVP 96\r\n\
        a=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 packetization-mode=1;profile-level-id=64000A;\
        sprop-parameter-sets=Z2QACqzZQg2wEQAAAwABAAADADIPEiWW,aOvjyyLA\r\n\
        a=control:trackID=0\r\n\
        m=audio 0 RTP/AVP 97\r\n\
        a=rtpmap:97 mpeg4-generic/48000/2\r\n\
        a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;\
        indexdeltalength=3;config=1190\r\n\
        a=sendonly\r\n\
        a=control:trackID=1\r\n";
    assert_eq!(write(&spec), expected);
    let session = parse(expected.as_bytes()).unwrap();
    assert_eq!((session.sections.len(), session.backchannels.len()), (1, 1));
    assert_eq!(session.backchannels[0].track.id, 0);
}

#[test]
fn controls_are_appended_to_the_base() {
    for (base, control, expected) in [
        ("rtsp://h/live", None, "rtsp://h/live"),
        ("rtsp://h/live", Some("*"), "rtsp://h/live"),
        ("rtsp://h/live", Some("trackID=1"), "rtsp://h/live/trackID=1"),
        ("rtsp://h/live/", Some("trackID=1"), "rtsp://h/live/trackID=1"),
        ("rtsp://h/live", Some("/trackID=1"), "rtsp://h/live/trackID=1"),
        ("rtsp://h/a?channel=1&subtype=0", Some("trackID=1"), "rtsp://h/a?channel=1&subtype=0/trackID=1"),
        ("rtsp://h/live", Some("rtsp://g/x/trackID=1"), "rtsp://g/x/trackID=1"),
    ] {
        assert_eq!(control_url(base, control), expected);
    }
}

#[test]
fn what_is_no_description_is_refused() {
    assert_eq!(parse(b""), Err(SdpError::NotSdp { bytes: 0 }));
    assert_eq!(parse(b"<html></html>"), Err(SdpError::NotSdp { bytes: 13 }));
    let long = vec![b'v'; SDP_BYTES_MAX + 1];
    assert_eq!(parse(&long), Err(SdpError::TooLong { bytes: SDP_BYTES_MAX + 1 }));
    assert_eq!(parse(b"v=0\r\n").unwrap().sections, []);
}

#[test]
fn sections_beyond_the_limit_are_named() {
    let text = "m=audio 0 RTP/AVP 0\n".repeat(SECTIONS_MAX + 5);
    let session = parse(text.as_bytes()).unwrap();
    assert_eq!(session.sections.len(), SECTIONS_MAX);
    assert_eq!(session.skipped, ["media sections from 16 on"]);
}

#[test]
fn no_description_makes_the_parser_panic() {
    let mut seeds: Vec<String> = devices::ALL.iter().map(|device| device.text()).collect();
    seeds.push(write(&SdpSpec::describe("camera", &tracks())));
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let tokens: [&[u8]; 12] =
        [b"\r\n", b"=", b";", b"/", b"a=fmtp:96 ", b"m=", b",", b"\0", b"\xff", b"999999999999", b"-1", b" "];
    for seed in &seeds {
        for end in (0..seed.len()).step_by(7) {
            let _ = parse(&seed.as_bytes()[..end]);
        }
        for _ in 0..300 {
            let mut data = seed.clone().into_bytes();
            for _ in 0..1 + random() % 8 {
                let at = random() % data.len();
                match random() % 3 {
                    0 => data[at] = random() as u8,
                    1 => drop(data.splice(at..at, tokens[random() % tokens.len()].iter().copied())),
                    _ => drop(data.remove(at)),
                }
            }
            let _ = parse(&data);
        }
    }
}
