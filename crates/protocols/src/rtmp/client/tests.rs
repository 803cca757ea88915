use super::super::tests::Random;
use super::*;
use formats::demux::DemuxEvent;
use formats::flv::Demuxer;
use media::Codec;

const START: Moment = Moment::from_millis(1_000);

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/rtmp/", $name, ".bin"))
    };
}

#[test]
fn servers_in_the_field_are_understood_at_any_split() {
    for (name, data, units) in [
        ("nginx-rtmp", &fixture!("serve_nginx_rtmp")[..], (15, 41)),
        ("ffmpeg 5", fixture!("serve_ffmpeg5_listen"), (11, 15)),
    ] {
        for seed in 1..8 {
            let target = Target::from_url(&url::Url::parse("rtmp://h/live/s").unwrap()).unwrap();
            let mut session = Session::new(Config::new(target, Role::Play), START);
            let mut random = Random(seed);
            let mut demuxer = Demuxer::new();
            let mut started = false;
            let max = 1 + random.next() as usize % 2000;
            for piece in random.split(data, max) {
                session.handle_input(piece, START);
                loop {
                    match session.poll_output(START).unwrap() {
                        Output::Event(Event::Media(media)) => {
                            let now = START + Duration::from_millis(u64::from(media.timestamp_ms));
                            demuxer.handle_tag(media.kind, media.timestamp_ms, media.data, now).unwrap();
                        }
                        Output::Event(event) => {
                            assert_eq!(event, Event::Started, "{name}");
                            started = true;
                        }
                        Output::Transmit(_) => {}
                        Output::WaitUntil(_) => break,
                    }
                }
            }
            assert!(started, "{name}");
            let (mut video, mut audio) = (0, 0);
            while let Some(event) = demuxer.pop() {
                match event {
                    DemuxEvent::Tracks(tracks) => {
                        let codecs: Vec<Codec> = tracks.iter().map(|track| track.codec).collect();
                        assert_eq!(codecs, [Codec::H264, Codec::Aac], "{name}");
                    }
                    DemuxEvent::Unit(unit) if unit.track == 0 => video += 1,
                    DemuxEvent::Unit(_) => audio += 1,
                    DemuxEvent::Metadata(_) | DemuxEvent::Note(_) => {}
                }
            }
            assert_eq!((video, audio), units, "{name}");
        }
    }
}

#[test]
fn what_is_sent_before_the_server_accepted_is_not_sent() {
    let target = Target { tc_url: "rtmp://h/a".into(), app: "a".into(), stream: "s".into() };
    let mut session = Session::new(Config::new(target, Role::Publish), START);
    let Ok(Output::Transmit(hello)) = session.poll_output(START) else { panic!() };
    assert_eq!(hello.len(), 1537);
    let track = media::Track::video(0, Codec::Vp8, media::CodecParams::None);
    let muxer = flv::Muxer::new(&[track], flv::MuxerOptions::default()).unwrap();
    for message in muxer.headers(0) {
        session.send(&message);
    }
    assert_eq!(session.poll_output(START), Ok(Output::WaitUntil(START + STEP_TIMEOUT)));
}
