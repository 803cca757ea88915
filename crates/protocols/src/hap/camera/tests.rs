//! Against what HAP-python and hap-nodejs write: `fixtures/hap/make.py` and `make.js`.
use super::recording::{
    RecordingAudio, RecordingAudioCodec, RecordingRate, RecordingTimes, SelectedRecording,
    SelectedRecordingAudio, SelectedRecordingVideo, SupportedRecordingAudio, SupportedRecordingVideo,
    Triggers,
};
use super::*;
use crate::hap::tests::fixture;
use proptest::prelude::*;

const PYTHON: &str = include_str!("../../../fixtures/hap/camera.txt");
const NODE: &str = include_str!("../../../fixtures/hap/camera_node.txt");

fn text(file: &'static str, name: &str) -> String {
    String::from_utf8(fixture(file)[name].clone()).unwrap()
}

fn session() -> SessionId {
    std::array::from_fn(|index| index as u8)
}

fn srtp(from: u8) -> SrtpParameters {
    SrtpParameters {
        suite: CryptoSuite::AesCm128,
        key: (from..from + 16).collect(),
        salt: (from + 16..from + 30).collect(),
    }
}

fn audio(codec: AudioCodec, rate: SampleRate) -> AudioConfiguration {
    AudioConfiguration { codec, channels: 1, constant_bitrate: false, rate, packet_ms: None }
}

fn pictures() -> Vec<VideoAttributes> {
    vec![
        VideoAttributes { width: 1920, height: 1080, fps: 30 },
        VideoAttributes { width: 320, height: 240, fps: 15 },
    ]
}

fn selected() -> SelectedStream {
    let rtp = StreamParameters {
        payload_type: Some(99),
        ssrc: Some(0x0102_0304),
        kbits_max: 299,
        rtcp_interval_s: 0.5,
        mtu_bytes: Some(1378),
        comfort_noise_payload_type: None,
    };
    let codec = Some(SelectedVideoCodec { profile: H264Profile::Main, level: H264Level::L40 });
    let sound = AudioConfiguration { packet_ms: Some(20), ..audio(AudioCodec::Opus, SampleRate::Khz24) };
    SelectedStream {
        session: session(),
        command: Command::Start,
        video: Some(SelectedVideo { codec, attributes: Some(pictures()[0]), rtp }),
        audio: Some(SelectedAudio {
            configuration: sound,
            rtp: StreamParameters {
                payload_type: Some(110),
                mtu_bytes: None,
                comfort_noise_payload_type: Some(13),
                ..rtp
            },
            comfort_noise: false,
        }),
    }
}

#[test]
fn what_a_camera_supports_is_read_from_both_and_written_as_hap_nodejs_does() {
    use H264Level::{L31, L40};
    use H264Profile::{Baseline, High, Main};
    let rtp = SupportedRtp { suites: vec![CryptoSuite::AesCm128, CryptoSuite::None] };
    assert_eq!(rtp.to_base64(), text(NODE, "rtp"));
    assert_eq!(SupportedRtp::from_base64(&text(NODE, "rtp")), Ok(rtp));
    let python = SupportedRtp::from_base64(&text(PYTHON, "rtp")).unwrap();
    assert_eq!(python.suites, [CryptoSuite::AesCm128]);

    let video = |profiles: &[H264Profile]| SupportedVideo {
        configurations: vec![VideoConfiguration {
            profiles: profiles.to_vec(),
            levels: vec![L31, L40],
            attributes: pictures(),
        }],
    };
    assert_eq!(video(&[Baseline, Main, High]).to_base64(), text(NODE, "video"));
    assert_eq!(SupportedVideo::from_base64(&text(NODE, "video")), Ok(video(&[Baseline, Main, High])));
    assert_eq!(SupportedVideo::from_base64(&text(PYTHON, "video")), Ok(video(&[Baseline, Main])));

    let sound = SupportedAudio {
        configurations: vec![
            audio(AudioCodec::Opus, SampleRate::Khz24),
            audio(AudioCodec::AacEld, SampleRate::Khz16),
        ],
        comfort_noise: false,
    };
    assert_eq!(sound.to_base64(), text(NODE, "audio"));
    assert_eq!(SupportedAudio::from_base64(&text(NODE, "audio")).as_ref(), Ok(&sound));
    assert_eq!(SupportedAudio::from_base64(&text(PYTHON, "audio")), Ok(sound));
}

#[test]
fn endpoints_are_set_up_with_hap_nodejs_in_both_roles() {
    let endpoint = |address: [u8; 4], video_port| Endpoint {
        address: address.into(),
        video_port,
        audio_port: video_port + 2,
    };
    let request = SetupRequest {
        session: session(),
        controller: endpoint([192, 168, 1, 20], 50000),
        video: srtp(16),
        audio: srtp(64),
    };
    assert_eq!(request.to_base64(), text(NODE, "setup_request"));
    assert_eq!(SetupRequest::from_base64(&request.to_base64()), Ok(request));
    let response = SetupResponse {
        session: Some(session()),
        status: SetupStatus::Success {
            accessory: endpoint([192, 168, 1, 9], 40000),
            video: srtp(16),
            audio: srtp(64),
            video_ssrc: 0x0102_0304,
            audio_ssrc: 0x7fff_ffff,
        },
    };
    assert_eq!(response.to_base64(), text(NODE, "setup_response"));
    assert_eq!(SetupResponse::from_base64(&response.to_base64()), Ok(response));
}

#[test]
fn refusals_of_a_set_up_need_no_more_than_a_status() {
    for (status, text) in [(SetupStatus::Busy, "AgEB"), (SetupStatus::Error, "AgEC")] {
        let response = SetupResponse { session: None, status };
        assert_eq!(response.to_base64(), text);
        assert_eq!(SetupResponse::from_base64(text), Ok(response));
    }
    let refused = Err(Tlv8Error::Value { kind: 2, number: 3 });
    assert_eq!(SetupResponse::from_base64("AgED"), refused);
}

#[test]
fn a_key_of_another_length_than_its_suite_wants_is_refused() {
    let mut request = SetupRequest::from_base64(&text(NODE, "setup_request")).unwrap();
    request.video.key.push(0);
    let refused = Err(Tlv8Error::Length { kind: 2, length: 17 });
    assert_eq!(SetupRequest::from_base64(&request.to_base64()), refused);
    request.video = SrtpParameters { suite: CryptoSuite::None, key: vec![], salt: vec![] };
    assert_eq!(SetupRequest::from_base64(&request.to_base64()), Ok(request));
}

#[test]
fn keys_are_not_shown() {
    let shown = format!("{:?}", SetupRequest::from_base64(&text(NODE, "setup_request")).unwrap());
    assert!(!shown.contains("16, 17, 18"), "{shown}");
}

#[test]
fn a_start_a_reconfiguration_and_an_end_come_back() {
    let start = selected();
    assert_eq!(SelectedStream::from_base64(&start.to_base64()), Ok(start));
    let video = SelectedVideo { codec: None, ..start.video.unwrap() };
    let reconfigure =
        SelectedStream { command: Command::Reconfigure, video: Some(video), audio: None, ..start };
    assert_eq!(SelectedStream::from_base64(&reconfigure.to_base64()), Ok(reconfigure));
    let end = SelectedStream::command(session(), Command::End);
    assert_eq!(end.to_base64(), "ARUBEAABAgMEBQYHCAkKCwwNDg8CAQA=");
    assert_eq!(SelectedStream::from_base64(&end.to_base64()), Ok(end));
}

#[test]
fn a_start_without_video_is_refused() {
    let start = SelectedStream::command(session(), Command::Start);
    assert_eq!(SelectedStream::from_base64(&start.to_base64()), Err(Tlv8Error::Missing { kind: 2 }));
    let number = SelectedStream::from_base64("ARUBEAABAgMEBQYHCAkKCwwNDg8CAQU=");
    assert_eq!(number, Err(Tlv8Error::Value { kind: 2, number: 5 }));
}

#[test]
fn the_streaming_status_comes_back() {
    for status in [StreamingStatus::Available, StreamingStatus::InUse, StreamingStatus::Unavailable] {
        assert_eq!(StreamingStatus::from_base64(&status.to_base64()), Ok(status));
    }
    assert_eq!(StreamingStatus::from_base64("AQED"), Err(Tlv8Error::Value { kind: 1, number: 3 }));
    assert_eq!(StreamingStatus::from_base64("?"), Err(Tlv8Error::Base64));
}

proptest! {
    /// One byte of a good value is another one: nothing panics.
    #[test]
    fn turned_bytes_are_read_or_refused(at in 0..200_usize, byte in any::<u8>()) {
        for value in [selected().to_base64(), text(NODE, "setup_request"), text(NODE, "setup_response"), text(NODE, "video")] {
            let mut bytes = Tlv8::from_base64(&value).unwrap().to_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
            let _ = (SelectedStream::from_base64(&text), SetupRequest::from_base64(&text));
            let _ = (SetupResponse::from_base64(&text), SupportedVideo::from_base64(&text), SupportedAudio::from_base64(&text));
        }
    }
}

const STREAM_NODE: &str = include_str!("../../../fixtures/hap/data_stream_node.txt");

fn selected_recording() -> SelectedRecording {
    SelectedRecording {
        times: RecordingTimes { prebuffer_ms: 4000, triggers: Triggers::MOTION, fragments_ms: vec![4000] },
        video: SelectedRecordingVideo {
            profile: H264Profile::High,
            level: H264Level::L40,
            kbits: 2000,
            key_frame_ms: 4000,
            attributes: pictures()[0],
        },
        audio: SelectedRecordingAudio {
            codec: RecordingAudioCodec::AacLc,
            channels: 1,
            constant_bitrate: false,
            rate: RecordingRate::Khz16,
            kbits_max: 24,
        },
    }
}

#[test]
fn what_a_camera_records_is_read_from_hap_nodejs_and_written_as_it_does() {
    let times = RecordingTimes {
        prebuffer_ms: 4000,
        triggers: Triggers::MOTION.with(Triggers::DOORBELL),
        fragments_ms: vec![4000],
    };
    assert_eq!(times.to_base64(), text(STREAM_NODE, "supported_recording"));
    assert_eq!(RecordingTimes::from_base64(&times.to_base64()), Ok(times));
    let video = SupportedRecordingVideo {
        configurations: vec![VideoConfiguration {
            profiles: vec![H264Profile::Baseline, H264Profile::Main, H264Profile::High],
            levels: vec![H264Level::L31, H264Level::L32, H264Level::L40],
            attributes: vec![pictures()[0], VideoAttributes { width: 1280, height: 720, fps: 15 }],
        }],
    };
    assert_eq!(video.to_base64(), text(STREAM_NODE, "supported_video"));
    assert_eq!(SupportedRecordingVideo::from_base64(&video.to_base64()), Ok(video));
    let audio = SupportedRecordingAudio {
        configurations: vec![RecordingAudio {
            codec: RecordingAudioCodec::AacLc,
            channels: 1,
            constant_bitrate: false,
            rates: vec![RecordingRate::Khz16, RecordingRate::Khz48],
        }],
    };
    assert_eq!(audio.to_base64(), text(STREAM_NODE, "supported_audio"));
    assert_eq!(SupportedRecordingAudio::from_base64(&audio.to_base64()), Ok(audio));
}

#[test]
fn the_recording_that_is_chosen_comes_back_and_needs_a_length_of_fragments() {
    let selected = selected_recording();
    assert_eq!(selected.fragment_ms(), 4000);
    assert_eq!(SelectedRecording::from_base64(&selected.to_base64()).as_ref(), Ok(&selected));
    let times = RecordingTimes { fragments_ms: vec![], ..selected.times.clone() };
    let none = SelectedRecording { times, ..selected };
    assert_eq!(SelectedRecording::from_base64(&none.to_base64()), Err(Tlv8Error::Missing { kind: 3 }));
}

proptest! {
    #[test]
    fn turned_bytes_of_recordings_are_read_or_refused(at in 0..200_usize, byte in any::<u8>()) {
        for value in [selected_recording().to_base64(), text(STREAM_NODE, "supported_recording"), text(STREAM_NODE, "supported_video"), text(STREAM_NODE, "supported_audio")] {
            let mut bytes = Tlv8::from_base64(&value).unwrap().to_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
            let _ = (SelectedRecording::from_base64(&text), RecordingTimes::from_base64(&text));
            let _ = (SupportedRecordingVideo::from_base64(&text), SupportedRecordingAudio::from_base64(&text));
        }
    }
}
