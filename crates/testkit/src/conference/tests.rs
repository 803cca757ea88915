//! Bots against a small server made of str0m, in each manner that a test of the real one needs.
mod mini_sfu;

use super::*;
use crate::net::LinkConfig;
use mini_sfu::{MiniSfu, Mistake, router_rtp_capabilities};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

struct Pair {
    fleet: Fleet,
    sfu: MiniSfu,
    sender: Transport,
    receiver: Transport,
}

fn pair(sending: TransportOptions, receiving: TransportOptions) -> Pair {
    let fleet = Fleet::start("bots").unwrap();
    let device = Device::load(&router_rtp_capabilities()).unwrap();
    let sfu = MiniSfu::start();
    let sender = fleet.transport(&device, &sfu.create(0), sending).unwrap();
    sfu.connect(0, &fleet, &sender);
    let receiver = fleet.transport(&device, &sfu.create(1), receiving).unwrap();
    sfu.connect(1, &fleet, &receiver);
    sender.wait_connected(SOON).unwrap();
    receiver.wait_connected(SOON).unwrap();
    Pair { fleet, sfu, sender, receiver }
}

impl Pair {
    fn show(&self, camera: &Sending) -> Viewing {
        let parameters = self.sfu.forward(camera.rtp_parameters(), 0);
        let view = self.receiver.consume(&parameters, Some(camera.tag())).unwrap();
        self.sfu.resume();
        view
    }

    fn stop(self) -> FleetReport {
        drop(self.sfu);
        self.fleet.stop(SOON).unwrap()
    }
}

fn both_ways() -> Pair {
    pair(TransportOptions::send(), TransportOptions::receive())
}

#[test]
fn every_codec_arrives_whole_through_a_server() {
    let pair = both_ways();
    let mut views = Vec::new();
    for (tag, codec) in [(1, VideoCodec::Vp8), (2, VideoCodec::H264), (3, VideoCodec::Vp9)] {
        let options = VideoOptions { codec, temporal_layers: 3, ..VideoOptions::new(tag) };
        let camera = pair.sender.publish_video(options).unwrap();
        views.push((pair.show(&camera), codec.name()));
    }
    let camera = pair.sender.publish_video(VideoOptions::svc(4)).unwrap();
    views.push((pair.show(&camera), "VP9 L3T3"));
    let microphone = pair.sender.publish_audio(AudioOptions::new(5)).unwrap();
    views.push((pair.show(&microphone), "Opus"));
    for (view, what) in &views {
        let report = view.wait(SOON, |report| report.frames_decodable > 90).unwrap();
        assert_eq!(report.faults(), Vec::<String>::new(), "{what}");
        assert_eq!((report.sequence_gaps, report.freezes), (0, 0), "{what}: {report:?}");
        if *what != "Opus" {
            assert_eq!(report.layer(), Some((if *what == "VP9 L3T3" { 2 } else { 0 }, 2)), "{what}");
        }
    }
    let report = pair.receiver.report().unwrap();
    assert_eq!(report.strays, 0);
    let cost = pair.stop();
    assert!(cost.cpu > Duration::ZERO && cost.datagrams_sent > 500, "{cost:?}");
}

#[test]
fn loss_on_both_legs_is_repaired_and_nothing_is_broken() {
    let pair = both_ways();
    let lossy = LinkOptions {
        link: LinkConfig {
            loss_per_mille: 30,
            delay: Duration::from_millis(10),
            reorder_per_mille: 20,
            reorder_delay: Duration::from_millis(8),
            ..LinkConfig::default()
        },
        ..LinkOptions::default()
    };
    pair.receiver.set_link(LinkOptions::default(), lossy).unwrap();
    let camera = pair.sender.publish_video(VideoOptions::new(1)).unwrap();
    let view = pair.show(&camera);
    let report = view.wait(SOON, |report| report.frames_decodable > 150).unwrap();
    assert_eq!(report.faults(), Vec::<String>::new());
    assert!(report.out_of_order > 5, "{report:?}");
    assert!(report.sequence_gaps <= 1, "repairs came: {report:?}");
    assert!(report.longest_recovery > Duration::from_millis(20), "{report:?}");
    let lost = pair.receiver.report().unwrap().lost_by_link;
    assert!(lost > 5, "{lost}");
    pair.stop();
}

#[test]
fn without_repair_a_gap_makes_the_viewer_ask_for_a_key_frame_and_the_camera_sends_one() {
    let fleet = Fleet::start("bots").unwrap();
    let device = Device::load(&router_rtp_capabilities()).unwrap().without_rtx();
    let sfu = MiniSfu::start();
    let sender = fleet.transport(&device, &sfu.create(0), TransportOptions::send()).unwrap();
    sfu.connect(0, &fleet, &sender);
    let receiver = fleet.transport(&device, &sfu.create(1), TransportOptions::receive()).unwrap();
    sfu.connect(1, &fleet, &receiver);
    sender.wait_connected(SOON).unwrap();
    receiver.wait_connected(SOON).unwrap();
    let pair = Pair { fleet, sfu, sender, receiver };
    let camera = pair.sender.publish_video(VideoOptions::new(1)).unwrap();
    let view = pair.show(&camera);
    view.wait(SOON, |report| report.frames_decodable > 30).unwrap();
    pair.receiver.set_link(LinkOptions::default(), LinkOptions::lossy(1_000)).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    pair.receiver.set_link(LinkOptions::default(), LinkOptions::default()).unwrap();
    let report = view.wait(SOON, |report| report.key_frames >= 2 && report.frames_decodable > 60).unwrap();
    assert!(report.sequence_gaps > 3 && report.frames_broken > 0, "{report:?}");
    assert!(report.key_frames_wanted >= 1 && report.freezes == 1, "{report:?}");
    assert!(camera.report().unwrap().key_frame_requests >= 1);
    pair.stop();
}

#[test]
fn what_a_server_does_wrong_is_told() {
    for mistake in [Mistake::Corrupts, Mistake::SwapsNumbers, Mistake::LeavesOut, Mistake::WrongStream] {
        let pair = both_ways();
        let camera = pair
            .sender
            .publish_video(VideoOptions { layers: vec![1_000_000], ..VideoOptions::new(1) })
            .unwrap();
        let view = pair.show(&camera);
        view.wait(SOON, |report| report.frames_decodable > 20).unwrap();
        pair.sfu.make(mistake);
        let told = |report: &BotReport| match mistake {
            Mistake::Corrupts => report.corrupt > 0,
            Mistake::SwapsNumbers => report.misplaced > 0,
            Mistake::LeavesOut => report.sequence_gaps > 0,
            Mistake::WrongStream => report.sequence_gaps > 0,
        };
        let report = view.wait(SOON, told).unwrap_or_else(|error| panic!("{mistake:?}: {error}"));
        assert!(report.frames_broken > 0, "{mistake:?}: {report:?}");
        let strays = pair.receiver.report().unwrap().strays;
        assert_eq!(strays > 0, mistake == Mistake::WrongStream, "{mistake:?}: {strays}");
        pair.stop();
    }
}

#[test]
fn simulcast_layers_come_with_names_and_each_answers_requests() {
    let pair = both_ways();
    let options = VideoOptions { layers: vec![100_000, 300_000, 900_000], ..VideoOptions::simulcast(9) };
    let camera = pair.sender.publish_video(options).unwrap();
    let encodings = camera.rtp_parameters()["encodings"].as_array().unwrap().clone();
    assert_eq!(encodings.len(), 3);
    assert!(
        encodings
            .iter()
            .all(|encoding| encoding.get("ssrc").is_none() && encoding["scalabilityMode"] == "L1T3")
    );
    for layer in [2, 0, 1] {
        let parameters = pair.sfu.forward(camera.rtp_parameters(), layer);
        let view = pair.receiver.consume(&parameters, Some(9)).unwrap();
        pair.sfu.resume();
        // The stream began long ago: there is something to decode only because a key frame was asked for.
        let report = view.wait(SOON, |report| report.frames_decodable > 40).unwrap();
        assert_eq!(report.faults(), Vec::<String>::new());
        assert_eq!(report.layer(), Some((layer as u8, 2)));
    }
    assert!(camera.report().unwrap().key_frame_requests >= 1);
    pair.stop();
}

#[test]
fn a_bottleneck_drops_and_light_and_uncounted_receivers_say_how_much() {
    let receiving = |verify| TransportOptions { verify, ..TransportOptions::receive() };
    for verify in [Verify::Light, Verify::None] {
        let pair = pair(TransportOptions::send(), receiving(verify));
        let options = VideoOptions { layers: vec![1_000_000], ..VideoOptions::new(1) };
        let camera = pair.sender.publish_video(options).unwrap();
        let view = pair.show(&camera);
        std::thread::sleep(Duration::from_secs(1));
        let missing = |pair: &Pair| {
            let transport = pair.receiver.report().unwrap();
            (transport.missing + view.report().unwrap().sequence_gaps, transport.bytes_received)
        };
        let (before, bytes) = missing(&pair);
        assert_eq!(before, 0, "{verify:?}");
        assert!(bytes > 60_000, "{verify:?}: {bytes}");
        pair.receiver.set_link(LinkOptions::default(), LinkOptions::limited(300_000)).unwrap();
        std::thread::sleep(Duration::from_secs(2));
        let (after, _) = missing(&pair);
        assert!(after > 20, "{verify:?}: {after}");
        pair.stop();
    }
}

#[test]
fn all_kinds_of_data_channels_carry_messages_of_all_sizes_whole() {
    let pair = both_ways();
    let promises = [Promise::Ordered, Promise::Unordered, Promise::LifeTime(5_000), Promise::Retransmits(20)];
    let mut ends = Vec::new();
    for (stream_id, promise) in (0..).zip(promises) {
        let tag = DataTag { worker: 1, transport: 2, channel: stream_id.into() };
        let sizes = if stream_id == 0 { 1..=65_536 } else { 1..=2_000 };
        let options = DataOptions { promise, sizes, ..DataOptions::sending(stream_id, tag, 30) };
        pair.sfu.relay_channel(&options.parameters());
        let receiving = DataOptions::receiving(0, tag).with_parameters(&options.parameters()).unwrap();
        let to = pair.receiver.open_channel(receiving).unwrap();
        let from = pair.sender.open_channel(options).unwrap();
        ends.push((from, to));
    }
    for (from, to) in &ends {
        let report = to.wait(Duration::from_secs(8), |report| report.received == 30);
        let report = report.unwrap_or_else(|error| {
            let open = [&pair.sender, &pair.receiver].map(|end| end.report().unwrap());
            panic!("{open:?}; sent {:?}; {error}", from.report().unwrap())
        });
        assert_eq!(
            (report.missing, report.corrupt, report.foreign, report.duplicates),
            (0, 0, 0, 0),
            "{report:?}"
        );
        assert_eq!(from.report().unwrap().sent, 30);
    }
    pair.stop();
}

#[test]
fn bots_come_and_go_and_a_fleet_ends_in_time() {
    let pair = both_ways();
    let camera = pair.sender.publish_video(VideoOptions::new(1)).unwrap();
    let view = pair.show(&camera);
    view.wait(SOON, |report| report.frames_decodable > 10).unwrap();
    camera.set_enabled(false).unwrap();
    view.set_paused(true).unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let asleep = view.report().unwrap();
    camera.set_enabled(true).unwrap();
    view.set_paused(false).unwrap();
    let report = view.wait(SOON, |report| report.frames_decodable > asleep.frames_decodable + 10).unwrap();
    assert_eq!((report.freezes, report.faults()), (0, Vec::new()));
    assert!(view.close().unwrap().frames_decodable > 20);
    assert!(matches!(view.report(), Err(BotError::Gone)));
    assert!(pair.receiver.close().unwrap().connected);
    assert!(pair.receiver.report().is_err());
    assert_eq!(pair.fleet.report().unwrap().transports, 1);
    pair.sender.vanish().unwrap();
    assert_eq!(pair.fleet.report().unwrap().transports, 0);
    pair.stop();
}

#[test]
fn media_goes_on_through_an_ice_restart() {
    let pair = both_ways();
    let camera = pair.sender.publish_video(VideoOptions::new(1)).unwrap();
    let view = pair.show(&camera);
    view.wait(SOON, |report| report.frames_decodable > 10).unwrap();
    pair.receiver.restart_ice(&pair.sfu.restart_ice(1)).unwrap();
    pair.sfu.tell_credentials(1, &pair.fleet, &pair.receiver);
    let report = view.wait(SOON, |report| report.frames_decodable > 100).unwrap();
    assert_eq!((report.freezes, report.faults()), (0, Vec::new()));
    assert_eq!(pair.receiver.report().unwrap().ice_lost, 0);
    pair.stop();
}

#[test]
fn a_panic_of_the_thread_is_told() {
    let fleet = Fleet::start("bots").unwrap();
    assert!(fleet.call(|_| panic!("on purpose")).is_err());
    let ended = fleet.stop(SOON);
    assert!(matches!(&ended, Err(BotError::Panicked(why)) if why == "on purpose"), "{ended:?}");
}
