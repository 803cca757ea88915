//! Talkback: what a phone says while it looks goes into the stream's talk stream.
use super::phone::{Phone, View};
use super::{Folder, Home, accessory, home, name, paired, picture, publish, run, unit, video_track};
use crate::renditions::talk;
use audio::tone::{Sine, analyse};
use audio::{Decoder, Encoder, Target};
use formats::rtp::Packet as RtpPacket;
use hub::{Item, PeerInfo, Wants};
use media::Codec;
use protocols::hap::accessory::services;
use protocols::hap::camera::{AudioCodec, SampleRate};
use std::time::Duration;
use tokio::sync::mpsc;

/// A phone that looks at `door`, which can be talked to.
async fn looking(home: &Home, rate: SampleRate, packet_ms: u8) -> (Phone, View) {
    let (mut phone, mut view) = (paired(home).await, View::new());
    let streams = phone.streams().await;
    phone.set_up(streams[0], &mut view).await;
    phone.begin(streams[0], &view, rate, packet_ms).await;
    view.video().await;
    (phone, view)
}

/// What the talk stream's device hears, as L16 at 16 kHz.
async fn listen(home: &Home) -> mpsc::UnboundedReceiver<Vec<f32>> {
    let (heard, hears) = mpsc::unbounded_channel();
    let job = move |worker: hub::Worker| async move {
        let target = Target::usual(Codec::L16);
        let view = worker.open_for(&name("door/talk"), Wants::none()).await.unwrap();
        let mut decoder = Decoder::new(&target.track(0)).unwrap();
        loop {
            let Ok(_) = view.ready().await else { return };
            let Ok(mut reader) = view.reader(talk::format(target), PeerInfo::default()) else { continue };
            loop {
                match reader.next().await {
                    Item::Chunk(chunk) => {
                        let mut samples = Vec::new();
                        decoder.decode(&chunk.parts[0], &mut samples).unwrap();
                        if heard.send(samples).is_err() {
                            return;
                        }
                    }
                    Item::Header(_) => {}
                    Item::Ended(_) => break,
                }
            }
        }
    };
    home.hub.worker().await.unwrap().run("a device that listens", job).await.unwrap();
    hears
}

/// All that was heard, once nothing more comes.
async fn heard_within(hears: &mut mpsc::UnboundedReceiver<Vec<f32>>) -> Vec<f32> {
    let mut sound = Vec::new();
    while let Ok(Some(samples)) = tokio::time::timeout(Duration::from_millis(500), hears.recv()).await {
        sound.extend(samples);
    }
    sound
}

/// Sound at 16 kHz is this tone, at −12 dBFS: in most pieces of 200 ms, since what a busy machine brings late is left out.
fn assert_tone(sound: &[f32], hz: f64) {
    let mut pieces: Vec<_> = sound.chunks_exact(3_200).filter_map(|piece| analyse(piece, 16_000)).collect();
    assert!(pieces.len() >= 3, "{} samples are no tone", sound.len());
    pieces.sort_by(|one, other| one.purity_db.total_cmp(&other.purity_db));
    let usual = pieces[pieces.len() / 2];
    assert!((usual.frequency_hz - hz).abs() < 2.0, "{pieces:?}");
    assert!((usual.level_dbfs + 12.0).abs() < 1.0 && usual.purity_db > 18.0, "{pieces:?}");
}

/// Says a tone of `hz` for so many packets, in real time.
async fn say(view: &mut View, hz: f64, rate: SampleRate, packets: u32) {
    let target = Target::usual(Codec::Opus);
    let mut encoder = Encoder::new(target).unwrap();
    let mut tone = Sine::new(target.rate, hz, -12.0);
    let mut tick = tokio::time::interval(target.frame);
    for _ in 0..packets {
        tick.tick().await;
        let samples: Vec<f32> = tone.by_ref().take(target.frame_samples()).collect();
        view.say(&encoder.encode(&samples).unwrap(), rate.hz() / 50);
    }
}

async fn talkers(home: &Home) -> usize {
    home.hub.report(&name("door/talk")).await.map_or(0, |report| report.publishers.len())
}

#[test]
fn what_a_phone_says_is_heard_at_the_device_while_it_looks_and_listens() {
    run(async {
        let folder = Folder::new();
        let home = home_with_talk(&folder).await;
        let camera = publish(&home.hub, "door", Codec::H264).await;
        let (mut phone, mut view) = looking(&home, SampleRate::Khz24, 20).await;
        let mut hears = listen(&home).await;
        assert_eq!(talkers(&home).await, 0, "nothing was said yet");
        say(&mut view, 700.0, SampleRate::Khz24, 60).await;
        assert_eq!(talkers(&home).await, 1);
        let sound = heard_within(&mut hears).await;
        // The first packet tells the clock, the sound before the device listens is nobody's.
        assert!(sound.len() > 12_000, "{} samples of 19,200", sound.len());
        assert_tone(&sound[3_200..], 700.0);
        // The picture and the stream's own sound go on.
        view.drain();
        view.video().await;
        view.sound().await;

        // Silence of discontinuous transmission is no speech: whoever says nothing for 2 s lets others talk.
        for _ in 0..130 {
            view.say(&[0xf8, 0xff], SampleRate::Khz24.hz() / 50);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(talkers(&home).await, 0, "nothing was said for 2.6 s");
        say(&mut view, 700.0, SampleRate::Khz24, 10).await;
        assert_eq!(talkers(&home).await, 1, "it speaks again");
        let streams = phone.streams().await;
        phone.end(streams[0], &view).await;
        let ended = async {
            while talkers(&home).await > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(1), ended).await.expect("the talk ends with the view");
        camera.abort();
        home.accessories.end().await;
    });
}

/// Publishes a picture and a tone of `hz`, until it is aborted.
async fn publish_tone(home: &Home, hz: f64) -> tokio::task::JoinHandle<()> {
    let mut publisher = home.hub.publish(&name("door"), PeerInfo::default(), None).await.unwrap();
    let target = Target::usual(Codec::Pcmu);
    publisher.set_tracks(vec![video_track(Codec::H264), target.track(1)]).await.unwrap();
    let mut encoder = Encoder::new(target).unwrap();
    let mut tone = Sine::new(target.rate, hz, -12.0);
    tokio::task::spawn_local(async move {
        let mut tick = tokio::time::interval(target.frame);
        for number in 0_i64.. {
            tick.tick().await;
            let samples: Vec<f32> = tone.by_ref().take(target.frame_samples()).collect();
            let sound = encoder.encode(&samples).unwrap().to_vec();
            let picture = picture(number % 50 == 0, 1_000);
            let units =
                [unit(0, number * 1_800, number % 50 == 0, picture), unit(1, number * 160, true, sound)];
            for unit in units {
                if publisher.push(unit).await.is_err() {
                    return;
                }
            }
        }
    })
}

/// AAC-ELD as HomeKit has it at 16 kHz: an access unit of 30 ms in a packet, behind a header of its size (RFC 3640, AAC-hbr).
#[test]
fn a_phone_that_speaks_aac_eld_hears_the_stream_and_is_heard() {
    run(async {
        let folder = Folder::new();
        let home = home_with_talk(&folder).await;
        let camera = publish_tone(&home, 500.0).await;
        let (mut phone, mut view) = (paired(&home).await, View::new());
        let streams = phone.streams().await;
        phone.set_up(streams[0], &mut view).await;
        phone.begin_in(streams[0], &view, AudioCodec::AacEld, SampleRate::Khz16, 30).await;
        let target = Target { rate: 16_000, frame: Duration::from_millis(30), ..Target::usual(Codec::Aac) };
        let mut decoder = Decoder::new(&target.track(0)).unwrap();
        let (mut heard, mut last, mut steps) = (Vec::new(), None, Vec::new());
        for _ in 0..40 {
            let packet = RtpPacket::parse(view.sound().await).unwrap();
            let at = packet.header.timestamp;
            let number = packet.header.sequence;
            let step = |(before, last): (u16, u32)| (number.wrapping_sub(before), at.wrapping_sub(last));
            steps.extend(last.replace((number, at)).map(step));
            let size = usize::from(u16::from_be_bytes([packet.payload[2], packet.payload[3]]) >> 3);
            assert_eq!((&packet.payload[..2], packet.payload.len()), (&[0, 16][..], 4 + size));
            decoder.decode(&packet.payload[4..], &mut heard).unwrap();
        }
        assert!(steps.iter().all(|step| *step == (1, 480)), "each follows on the one before: {steps:?}");
        assert_tone(&heard[3_200..], 500.0);

        let mut hears = listen(&home).await;
        let mut encoder = Encoder::new(target).unwrap();
        let mut tone = Sine::new(16_000, 700.0, -12.0);
        let mut tick = tokio::time::interval(target.frame);
        for _ in 0..50 {
            tick.tick().await;
            let samples: Vec<f32> = tone.by_ref().take(480).collect();
            let unit = encoder.encode(&samples).unwrap();
            let size = (unit.len() as u16) << 3;
            view.say(&[&[0, 16], &size.to_be_bytes()[..], &unit].concat(), 480);
        }
        assert_eq!(talkers(&home).await, 1);
        let sound = heard_within(&mut hears).await;
        assert!(sound.len() > 14_000, "{} samples of 24,000", sound.len());
        assert_tone(&sound[3_200..], 700.0);
        camera.abort();
        home.accessories.end().await;
    });
}

#[test]
fn only_streams_that_can_be_talked_to_have_a_loudspeaker() {
    run(async {
        let has_speaker = async |home: &Home| {
            let mut phone = paired(home).await;
            phone.accessories().await[0].find(services::SPEAKER).is_some()
        };
        let folder = Folder::new();
        let deaf = home(&folder, accessory("door")).await;
        assert!(!has_speaker(&deaf).await, "it has no talk stream");
        deaf.accessories.end().await;
        let folder = Folder::new();
        let hears = home_with_talk(&folder).await;
        assert!(has_speaker(&hears).await);
        hears.accessories.end().await;
    });
}

async fn home_with_talk(folder: &Folder) -> Home {
    super::home_of(folder, accessory("door"), &["door/talk"]).await
}

#[test]
fn a_stream_that_may_not_be_talked_to_has_none_either() {
    run(async {
        let folder = Folder::new();
        let mut config = accessory("door");
        config.cameras[0].talk = false;
        let home = super::home_of(&folder, config, &["door/talk"]).await;
        let mut phone = paired(&home).await;
        assert!(phone.accessories().await[0].find(services::SPEAKER).is_none());
        home.accessories.end().await;
    });
}
