//! Descriptions in the manner of devices, with what each does differently. The parameter sets are x264's and x265's.
use super::*;

/// Of a section: codec, payload type, RTP clock rate, channels, whether it has parameters, control.
type Expected = (Codec, u8, u32, u8, bool, Option<&'static str>);

/// `{H264}` stands for the two parameter sets of x264, `{VPS}`, `{SPS}`, `{PPS}` for those of x265.
pub(super) struct Device {
    name: &'static str,
    sdp: &'static str,
    sections: &'static [Expected],
    backchannels: usize,
    /// A word of each sentence about what was left out.
    skipped: &'static [&'static str],
}

impl Device {
    pub(super) fn text(&self) -> String {
        use base64::Engine;
        let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let CodecParams::H264 { sps, pps } = h264::parse_avcc(&hex(X264_HIGH)).unwrap() else { panic!() };
        let h264 = format!("{},{}", base64(&sps), base64(&pps[0]));
        let annexb = base64(&[&[0, 0, 0, 1][..], &sps, &[0, 0, 0, 1], &pps[0], &[0]].concat());
        let CodecParams::H265 { vps, sps, pps } = h265::parse_hvcc(&hex(X265_MAIN)).unwrap() else {
            panic!()
        };
        self.sdp
            .replace("{H264}", &h264)
            .replace("{H264_ANNEXB}", &annexb)
            .replace("{H264_UNPADDED}", &h264.replace('=', ""))
            .replace("{VPS}", &base64(&vps))
            .replace("{SPS}", &base64(&sps))
            .replace("{PPS}", &base64(&pps[0]))
    }
}

pub(super) const ALL: &[Device] = &[
    Device {
        name: "Hikvision: absolute controls, dimensions, metadata, vendor attributes",
        sdp: "v=0\r\no=- 1718000000000000 1718000000000000 IN IP4 192.0.2.64\r\ns=Media Presentation\r\ne=NONE\r\n\
            b=AS:5100\r\nt=0 0\r\na=control:rtsp://192.0.2.64/Streaming/Channels/101/\r\n\
            m=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\nb=AS:5000\r\na=recvonly\r\na=x-dimensions:2560,1440\r\n\
            a=control:rtsp://192.0.2.64/Streaming/Channels/101/trackID=1\r\na=rtpmap:96 H264/90000\r\n\
            a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets={H264}\r\n\
            m=audio 0 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\nb=AS:50\r\na=recvonly\r\n\
            a=control:rtsp://192.0.2.64/Streaming/Channels/101/trackID=2\r\na=rtpmap:8 PCMA/8000\r\n\
            m=application 0 RTP/AVP 107\r\na=control:rtsp://192.0.2.64/Streaming/Channels/101/trackID=3\r\n\
            a=rtpmap:107 vnd.onvif.metadata/90000\r\n\
            a=Media_header:MEDIAINFO=494D4B48010300000400000111710110;\r\na=appversion:1.0\r\n",
        sections: &[
            (Codec::H264, 96, 90_000, 0, true, Some("rtsp://192.0.2.64/Streaming/Channels/101/trackID=1")),
            (Codec::Pcma, 8, 8_000, 1, false, Some("rtsp://192.0.2.64/Streaming/Channels/101/trackID=2")),
        ],
        backchannels: 0,
        skipped: &["neither video nor audio"],
    },
    Device {
        name: "Dahua: H.265, AAC, back channel with a choice of codecs",
        sdp: "v=0\r\no=- 2251938202 2251938202 IN IP4 0.0.0.0\r\ns=RTSP Session/2.0\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
            a=control:*\r\na=range:npt=now-\r\na=packetization-supported:DH\r\n\
            m=video 0 RTP/AVP 98\r\na=control:trackID=0\r\na=framerate:20.000000\r\na=rtpmap:98 H265/90000\r\n\
            a=fmtp:98 profile-id=1;sprop-sps={SPS};sprop-pps={PPS};sprop-vps={VPS}\r\na=recvonly\r\n\
            m=audio 0 RTP/AVP 97\r\na=control:trackID=1\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\n\
            a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;\
            indexdeltalength=3;config=1408\r\na=recvonly\r\n\
            m=application 0 RTP/AVP 107\r\na=control:trackID=4\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n\
            m=audio 0 RTP/AVP 8 0 97\r\na=control:trackID=5\r\na=rtpmap:97 L16/16000\r\na=sendonly\r\n",
        sections: &[
            (Codec::H265, 98, 90_000, 0, true, Some("trackID=0")),
            (Codec::Aac, 97, 16_000, 1, true, Some("trackID=1")),
        ],
        backchannels: 1,
        skipped: &["neither video nor audio"],
    },
    Device {
        name: "Reolink: sets without padding, LF alone, no rtpmap for the static type",
        sdp: "v=0\no=- 1700000000 1 IN IP4 192.0.2.7\ns=Session streamed by \"preview\"\nt=0 0\na=type:broadcast\n\
            a=control:*\na=range:npt=now-\nm=video 0 RTP/AVP 96\nc=IN IP4 0.0.0.0\nb=AS:500\n\
            a=rtpmap:96 H264/90000\n\
            a=fmtp:96 packetization-mode=1;profile-level-id=640033;sprop-parameter-sets={H264_UNPADDED}\n\
            a=control:track1\nm=audio 0 RTP/AVP 0\na=control:track2\n",
        sections: &[
            (Codec::H264, 96, 90_000, 0, true, Some("track1")),
            (Codec::Pcmu, 0, 8_000, 1, false, Some("track2")),
        ],
        backchannels: 0,
        skipped: &[],
    },
    Device {
        name: "live555: source filter, tool, MP3 on its own clock",
        sdp: "v=0\r\no=- 1600000000000000 1 IN IP4 192.0.2.9\r\ns=Session streamed by a test\r\ni=test.ts\r\nt=0 0\r\n\
            a=tool:streaming media v2020.01.01\r\na=type:broadcast\r\na=control:*\r\na=range:npt=0-\r\n\
            a=x-qt-text-nam:Session\r\nm=video 0 RTP/AVP 33\r\nc=IN IP4 0.0.0.0\r\nb=AS:5000\r\n\
            a=control:track1\r\nm=audio 0 RTP/AVP 14\r\na=control:track2\r\n",
        sections: &[(Codec::Mp3, 14, 90_000, 2, false, Some("track2"))],
        backchannels: 0,
        skipped: &["MP2T"],
    },
    Device {
        name: "sets as Annex B, fmtp of the video below the audio",
        sdp: "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n\
            m=audio 0 RTP/AVP 97\r\na=rtpmap:97 PCMA/16000/1\r\n\
            a=fmtp:96 sprop-parameter-sets={H264_ANNEXB}\r\na=control:a\r\n",
        sections: &[
            (Codec::H264, 96, 90_000, 0, true, Some("v")),
            (Codec::Pcma, 97, 16_000, 1, false, Some("a")),
        ],
        backchannels: 0,
        skipped: &[],
    },
    Device {
        name: "spaces everywhere, no space after the payload type, CR alone, garbage behind",
        sdp: " v = 0\r s= \rm= video 0  RTP/AVP  96 \ra=rtpmap: 96  H264 / 90000 ;\r\
            a=fmtp: 96 packetization-mode = 1 ; sprop-parameter-sets = {H264} \ra = control : v \r\
            m=audio 0 RTP/AVP 97\ra=rtpmap:97L16/8000\r\0\u{1}\u{2}rubbish=",
        sections: &[(Codec::H264, 96, 90_000, 0, true, Some("v")), (Codec::L16, 97, 8_000, 1, false, None)],
        backchannels: 0,
        skipped: &[],
    },
    Device {
        name: "bad base64, empty sets, no payload type in m=",
        sdp: "v=0\r\nm=video 0 RTP/AVP\r\na=rtpmap:96 H264/90000\r\n\
            a=fmtp:96 sprop-parameter-sets=!!!,\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 H265/90000\r\n\
            a=fmtp:97 sprop-max-don-diff=0;sprop-vps={VPS}\r\n",
        sections: &[(Codec::H264, 96, 90_000, 0, false, None), (Codec::H265, 97, 90_000, 0, false, None)],
        backchannels: 0,
        skipped: &["sprop-parameter-sets of payload type 96"],
    },
    Device {
        name: "AAC without config, LATM with and without one",
        sdp: "v=0\r\nm=audio 0 RTP/AVP 96\r\na=rtpmap:96 mpeg4-generic/44100/2\r\na=fmtp:96 mode=AAC-hbr\r\n\
            m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MP4A-LATM/16000/1\r\n\
            a=fmtp:97 profile-level-id=15;object=2;cpresent=0;config=40002810\r\n\
            m=audio 0 RTP/AVP 98\r\na=rtpmap:98 MP4A-LATM/16000/1\r\n",
        sections: &[(Codec::Aac, 96, 44_100, 2, true, None), (Codec::Aac, 97, 16_000, 1, true, None)],
        backchannels: 0,
        skipped: &["AAC-LC is assumed", "in-band"],
    },
    Device {
        name: "a server that describes its own side: everything is sendonly",
        sdp: "v=0\r\na=sendonly\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=control:0\r\n\
            m=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\na=fmtp:97 sprop-stereo=1\r\na=control:1\r\n",
        sections: &[
            (Codec::Vp8, 96, 90_000, 0, false, Some("0")),
            (Codec::Opus, 97, 48_000, 2, false, Some("1")),
        ],
        backchannels: 0,
        skipped: &[],
    },
    Device {
        name: "unknown codecs, inactive sections, video under audio",
        sdp: "v=0\r\nm=audio 0 RTP/AVP 100\r\na=rtpmap:100 G726-32/8000\r\nm=video 0 RTP/AVP 96\r\n\
            a=rtpmap:96 H264/90000\r\na=inactive\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n\
            m=video 0 RTP/AVP 98\r\nm=video 0 RTP/AVP 26\r\na=framesize:26 2592-1944\r\n",
        sections: &[(Codec::Mjpeg, 26, 90_000, 0, false, None)],
        backchannels: 0,
        skipped: &["G726-32", "inactive", "H264 in a section for audio", "98 without rtpmap"],
    },
];

#[test]
fn descriptions_of_devices_are_understood() {
    for device in ALL {
        let session = parse(device.text().as_bytes()).unwrap();
        let found: Vec<_> = session
            .sections
            .iter()
            .map(|section| {
                let Track { codec, channels, ref params, .. } = section.track;
                let has_params = *params != CodecParams::None;
                let control = section.control.as_deref();
                (codec, section.payload_type, section.rtp_clock_rate, channels, has_params, control)
            })
            .collect();
        assert_eq!(found, device.sections, "{}: {:?}", device.name, session.skipped);
        assert!(session.sections.iter().enumerate().all(|(id, section)| usize::from(section.track.id) == id));
        assert_eq!(session.backchannels.len(), device.backchannels, "{}", device.name);
        assert_eq!(session.skipped.len(), device.skipped.len(), "{}: {:?}", device.name, session.skipped);
        for (sentence, word) in session.skipped.iter().zip(device.skipped) {
            assert!(sentence.contains(word), "{}: {sentence}", device.name);
        }
    }
}

fn session_of(word: &str) -> Session {
    let device = ALL.iter().find(|device| device.name.contains(word)).unwrap();
    parse(device.text().as_bytes()).unwrap()
}

#[test]
fn the_sets_in_a_description_are_those_of_the_encoder_however_wrapped() {
    let expected = h264::parse_avcc(&hex(X264_HIGH)).unwrap();
    for name in ["Hikvision", "Reolink", "Annex B", "spaces"] {
        assert_eq!(session_of(name).sections[0].track.params, expected, "{name}");
    }
    assert_eq!(session_of("Dahua").sections[0].track.params, h265::parse_hvcc(&hex(X265_MAIN)).unwrap());
}

#[test]
fn bandwidth_frame_rate_and_picture_size_are_read() {
    let section = &session_of("Hikvision").sections[0];
    assert_eq!((section.bandwidth_kbps, section.direction), (Some(5_000), Direction::RecvOnly));
    assert_eq!(session_of("Dahua").sections[0].frames_per_second, Some(20.0));
    assert_eq!(session_of("unknown codecs").sections[0].depacketizer.jpeg_size, Some((2_592, 1_944)));
}

#[test]
fn a_back_channel_offers_its_other_codecs() {
    let session = session_of("Dahua");
    let back = &session.backchannels[0];
    assert_eq!((back.track.codec, back.direction), (Codec::Pcma, Direction::SendOnly));
    let others: Vec<_> =
        back.alternatives.iter().map(|other| (other.payload_type, other.track.codec)).collect();
    assert_eq!(others, [(0, Codec::Pcmu), (97, Codec::L16)]);
}

#[test]
fn latm_brings_its_own_packing_and_config() {
    let section = &session_of("LATM").sections[1];
    assert_eq!(section.depacketizer.aac, AacPayload::Latm);
    let config = aac::AudioSpecificConfig::lc(16_000, 1).build();
    assert_eq!(section.track.params, CodecParams::Aac { config });
}

#[test]
fn lengths_of_au_headers_come_from_the_parameters_or_the_mode() {
    for (parameters, expected) in [
        ("mode=AAC-hbr", AacPayload::HIGH_BIT_RATE),
        ("mode=AAC-lbr", AacPayload::LOW_BIT_RATE),
        ("sizeLength=13;indexLength=3;indexDeltaLength=3", AacPayload::HIGH_BIT_RATE),
        ("sizelength=16", AacPayload::Generic { size_length: 16, index_length: 0, index_delta_length: 0 }),
    ] {
        let text = format!(
            "m=audio 0 RTP/AVP 96\r\na=rtpmap:96 mpeg4-generic/48000/2\r\na=fmtp:96 {parameters};config=1190"
        );
        assert_eq!(parse(text.as_bytes()).unwrap().sections[0].depacketizer.aac, expected, "{parameters}");
    }
}
