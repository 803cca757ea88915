//! A simulated world: an RTSP client and an RTSP server session, requests over pipes that cut anywhere, media over UDP
//! with loss, reordering and duplicates, all in virtual time. Checked after each step:
//!
//! - neither session fails;
//! - each frame that comes out is, byte by byte, one that went in, in order and never twice;
//! - a frame whose packets all came is not withheld, and what is missing is counted as lost;
//! - time goes on: nobody asks to be polled again at once for ever.
//!
//! A seed decides everything; it is in the message of a failure. `AQUEDUCT_SEEDS=500` tries more of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is a test")]

use formats::rtp::{
    Depacketizer, DepacketizerOptions, Packet, PacketBatch, Packetizer, PacketizerOptions, Reorder,
    ReorderOptions,
};
use formats::sdp::{SdpSpec, write};
use media::{Moment, WallTime};
use protocols::rtsp::{client, server};
use std::collections::HashMap;
use std::time::Duration;
use testkit::load::publish::{Frames, Shape, track};
use testkit::net::{Dice, Link, LinkConfig, Pipe};
use testkit::time::VirtualClock;

/// Steps that may pass without time going on.
const STEPS_AT_ONCE_MAX: u32 = 10_000;
const CLIENT_PORTS: (u16, u16) = (40_000, 40_001);
const SERVER_PORTS: (u16, u16) = (50_000, 50_001);

struct World {
    clock: VirtualClock,
    client: client::Client,
    server: server::Session,
    to_server: Pipe,
    to_client: Pipe,
    media: Link<bytes::Bytes>,
    packetizer: Packetizer,
    batch: PacketBatch,
    frames: Frames,
    frames_begun: Option<Moment>,
    reorder: Reorder,
    depacketizer: Depacketizer,
    /// What was sent, by RTP time, and how much of it has arrived: packets that are on their way or lost.
    sent: HashMap<u32, Sent>,
    last_number: Option<u64>,
    whole: u64,
    client_closed: bool,
    server_closed: bool,
}

struct Sent {
    number: u64,
    data: bytes::Bytes,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let now = Moment::from_millis(1_000 + dice.below(1_000_000));
        let mut config = client::Config::new("rtsp://127.0.0.1/cam");
        config.transport = client::TransportPreference::Udp;
        let options = PacketizerOptions {
            payload_type: 96,
            ssrc: dice.roll() as u32,
            first_sequence: dice.roll() as u16,
            timestamp_offset: dice.roll() as u32,
            packet_bytes_max: 1_200,
            interleaved_channel: None,
            rtp_clock_rate: 90_000,
        };
        let link = LinkConfig {
            loss_per_mille: dice.below(80) as u32,
            duplicate_per_mille: dice.below(30) as u32,
            reorder_per_mille: dice.below(50) as u32,
            reorder_delay: Duration::from_millis(dice.below(60)),
            delay: Duration::from_millis(dice.below(150)),
            jitter: Duration::from_millis(dice.below(20)),
        };
        Self {
            clock: VirtualClock::new(now, WallTime::from_micros(1_700_000_000_000_000)),
            client: client::Client::new(config).unwrap(),
            server: server::Session::new(server::Config::default(), None, now),
            to_server: Pipe::new(link.delay, dice.roll()),
            to_client: Pipe::new(link.delay, dice.roll()),
            media: Link::new(link, dice.roll()),
            packetizer: Packetizer::new(&track(), options).unwrap(),
            batch: PacketBatch::new(),
            frames: Frames::new(Shape { bits_per_second: 1_000_000, fps: 25, gop: 25 }),
            frames_begun: None,
            reorder: Reorder::new(ReorderOptions::default()),
            depacketizer: Depacketizer::new(&track(), DepacketizerOptions::for_track(&track())).unwrap(),
            sent: HashMap::new(),
            last_number: None,
            whole: 0,
            client_closed: false,
            server_closed: false,
        }
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Polls both sessions until they are drained; returns when they want to be polled again.
    fn drain(&mut self) -> Moment {
        let mut wake = Moment::FAR_FUTURE;
        loop {
            match self
                .client
                .poll_output(self.now())
                .unwrap_or_else(|error| panic!("the client failed: {error}"))
            {
                client::Output::Transmit(bytes) => self.to_server.send(&bytes, self.clock.now()),
                client::Output::Event(client::Event::SetupUdp { track }) => {
                    self.client.udp_ports(track, CLIENT_PORTS.0, CLIENT_PORTS.1, self.clock.now());
                }
                client::Output::Event(client::Event::Closed) => self.client_closed = true,
                client::Output::Event(client::Event::Reconnect(why)) => {
                    panic!("the client dials again: {why:?}")
                }
                client::Output::Event(_) => {}
                client::Output::Datagram { .. } => panic!("nobody speaks"),
                client::Output::WaitUntil(at) => {
                    wake = wake.min(at);
                    break;
                }
            }
        }
        loop {
            match self
                .server
                .poll_output(self.now())
                .unwrap_or_else(|error| panic!("the server failed: {error}"))
            {
                server::Output::Transmit(bytes) => self.to_client.send(&bytes, self.clock.now()),
                server::Output::Event(event) => self.serve(event),
                server::Output::WaitUntil(at) => return wake.min(at),
            }
        }
    }

    fn serve(&mut self, event: server::Event) {
        match event {
            server::Event::Describe { .. } => {
                self.server.describe_ok(write(&SdpSpec::describe("cam", &[track()])));
            }
            server::Event::Setup { carrier, .. } => {
                let (rtp, rtcp) = CLIENT_PORTS;
                assert_eq!(carrier, server::Carrier::Udp { rtp, rtcp });
                self.server.setup_ok(Some(SERVER_PORTS), None);
            }
            server::Event::Play { .. } => {
                self.server.play_ok(&[]);
                self.frames_begun = Some(self.now());
            }
            server::Event::Closed => {
                self.server_closed = true;
                self.frames_begun = None;
            }
            server::Event::Announce { .. }
            | server::Event::Pause
            | server::Event::Record
            | server::Event::Teardown
            | server::Event::Rtp { .. }
            | server::Event::Rtcp { .. } => {}
        }
    }

    fn next_frame_at(&self) -> Option<Moment> {
        self.frames_begun.map(|begun| begun + self.frames.next_at())
    }

    fn send_frame(&mut self) {
        let unit = self.frames.next_unit();
        let number = testkit::load::publish::number(&unit).unwrap();
        self.packetizer.push(&unit, &mut self.batch).unwrap();
        for packet in self.batch.freeze().iter_bytes() {
            self.media.send(packet, self.clock.now());
        }
        let time = self.packetizer.rtp_time(unit.pts);
        self.sent.insert(time, Sent { number, data: unit.data });
    }

    fn receive_media(&mut self, data: bytes::Bytes) {
        self.client.handle_udp_media(self.clock.now());
        self.reorder.handle(Packet::parse(data).unwrap(), self.clock.now());
    }

    /// Takes what is in order and checks each frame.
    fn take_frames(&mut self) {
        while let Some(packet) = self.reorder.pop(self.clock.now()) {
            if let Err(error) = self.depacketizer.push(&packet) {
                // The rest of a frame whose start is lost or came too late; else nothing is wrong with a packet.
                let stats = self.media.stats();
                assert!(stats.lost + stats.held_back > 0, "{error}");
            }
            while let Some(frame) = self.depacketizer.pop() {
                let sent = self.sent.get(&frame.rtp_time).expect("a frame that nobody sent");
                assert_eq!(frame.data, sent.data, "frame {} is not what was sent", sent.number);
                assert!(
                    self.last_number.is_none_or(|last| last < sent.number),
                    "{} comes again",
                    sent.number
                );
                if self.last_number.map_or(0, |last| last + 1) != sent.number {
                    assert!(frame.after_loss, "frame {} does not say that something is missing", sent.number);
                }
                self.last_number = Some(sent.number);
                self.whole += 1;
            }
        }
    }

    /// Lets the world run for so long.
    fn run_for(&mut self, length: Duration) {
        let end = self.now() + length;
        let mut steps = 0;
        loop {
            let sessions = self.drain();
            self.take_frames();
            let arrivals = [
                self.to_server.next_at(),
                self.to_client.next_at(),
                self.media.next_at(),
                self.next_frame_at(),
                self.reorder.next_deadline(),
                Some(sessions),
            ];
            let next = arrivals.into_iter().flatten().min().unwrap_or(Moment::FAR_FUTURE);
            if next > end {
                self.clock.advance_to(end);
                return;
            }
            steps = if self.clock.advance_to(next) > Duration::ZERO { 0 } else { steps + 1 };
            assert!(steps < STEPS_AT_ONCE_MAX, "time stands still");
            let now = self.now();
            if let Some(bytes) = self.to_server.receive(now) {
                self.server.handle_input(&bytes, now);
            }
            if let Some(bytes) = self.to_client.receive(now) {
                self.client.handle_input(&bytes, now);
            }
            if let Some(datagram) = self.media.receive(now) {
                self.receive_media(datagram);
            }
            if self.next_frame_at().is_some_and(|at| at <= now) {
                self.send_frame();
            }
        }
    }
}

fn simulate(seed: u64) {
    let mut world = World::new(seed);
    world.client.handle_connected(world.clock.now());
    // Three times the server's limit for silent clients: they must ping.
    world.run_for(Duration::from_secs(200));
    let stats = world.media.stats();
    let reordered = world.reorder.stats();
    assert!(stats.sent > 10_000, "media flowed: {stats:?}");
    let frames = world.sent.len() as u64;
    // Each lost packet spoils one frame at most, and so does each one that was held back for too long.
    let spoiled = stats.lost + reordered.late;
    assert!(
        world.whole + spoiled + 10 >= frames,
        "{} of {frames} came, {stats:?}, {reordered:?}",
        world.whole
    );
    assert!(reordered.lost <= stats.lost + reordered.late + 20, "{reordered:?}, {stats:?}");
    assert!(reordered.lost + 20 >= stats.lost, "losses are counted: {reordered:?}, {stats:?}");
    world.client.close(world.clock.now());
    world.run_for(Duration::from_secs(2));
    assert!(world.client_closed && world.server_closed, "a session stays after TEARDOWN");
    assert_eq!(world.next_frame_at(), None);
}

#[test]
fn rtsp_over_udp_survives_a_bad_network_and_never_shows_a_wrong_frame() {
    let seeds: u64 = std::env::var("AQUEDUCT_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(12);
    for seed in 1..=seeds {
        let outcome = std::panic::catch_unwind(|| simulate(seed));
        assert!(outcome.is_ok(), "failed with seed {seed}: see above");
    }
}
