//! What sending costs a player, without sockets. Run with
//! `cargo test --release -p aqueduct-gateway measure -- --ignored --nocapture`.
use super::link::{Peer, World, ours};
use crate::webrtc::{
    Bandwidth, Context, LocalCandidate, Output, Role, SendFrame, SendPacket, Session, SessionConfig,
    Transport,
};
use media::{Codec, CodecParams, Moment, Track};
use nix::sys::resource::{UsageWho, getrusage};
use std::sync::Arc;
use std::time::Duration;
use str0m::Rtc;
use str0m::media::{Direction, MediaKind};

const SESSIONS: usize = 200;
/// Less than a session lives without a word from its peer.
const SECONDS: u64 = 10;
/// 25 frames a second of nine packets: 2 Mbit/s.
const PACKETS: usize = 9;

fn connected(context: &Context, bandwidth: Bandwidth) -> (Session, Moment) {
    let start = Moment::from_millis(1_000);
    let sections = [(MediaKind::Video, Direction::RecvOnly)];
    let (peer, offer) = Peer::new(context, Rtc::builder(), &sections, start);
    let config = SessionConfig {
        role: Role::Player(Arc::new([Track::video(0, Codec::H264, CodecParams::None)])),
        ice_lite: true,
        candidates: vec![LocalCandidate::host(Transport::Udp, ours())],
        bandwidth,
    };
    let mut world = World::new(1, context.clone(), config, peer, &offer, start);
    world.run_for(Duration::from_secs(1));
    assert!(world.session.is_connected());
    (world.session, world.now)
}

/// What this thread has worked so far; other load on the machine does not count.
fn worked() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let of = |time: nix::sys::time::TimeVal| {
        Duration::from_micros(time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64)
    };
    of(usage.user_time()) + of(usage.system_time())
}

fn resident_kib() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4
}

fn measure(name: &str, bandwidth: Bandwidth) {
    let context = Context::new(Moment::ZERO).unwrap();
    let before = resident_kib();
    let mut sessions: Vec<_> = (0..SESSIONS).map(|_| connected(&context, bandwidth)).collect();
    let joined = resident_kib();
    let mut now = sessions[0].1;
    let payload: Arc<[u8]> = vec![0x41_u8; 1_110].into();
    let packets =
        (0..PACKETS).map(|index| SendPacket { payload: payload.clone(), marker: index + 1 == PACKETS });
    let mut frame = SendFrame { track: 0, pts: 0, keyframe: false, past: false, packets: packets.collect() };
    let (mut sent, mut bytes, mut polls) = (0_u64, 0_u64, 0_u64);
    let begun = worked();
    for number in 0..SECONDS * 25 {
        frame.pts = number as i64 * 3_600;
        for (session, wakes) in &mut sessions {
            session.send_frame(&frame, now);
            // Timers between two frames, as the pacer wants them.
            let next = now + Duration::from_millis(40);
            let mut at = now;
            loop {
                polls += 1;
                match session.poll_output(at) {
                    Output::Transmit(transmit) => {
                        sent += 1;
                        bytes += transmit.contents.len() as u64;
                    }
                    Output::Event(_) => {}
                    Output::WaitUntil(until) if until < next => {
                        at = at.max(until);
                        session.handle_timeout(at);
                    }
                    Output::WaitUntil(until) => {
                        *wakes = until;
                        break;
                    }
                }
            }
        }
        now += Duration::from_millis(40);
    }
    let spent = worked() - begun;
    let wanted = SESSIONS as u64 * SECONDS * 25 * PACKETS as u64;
    println!(
        "{name}: {sent} datagrams for {wanted} packets, {polls} polls, {:.0} ns a packet, {:.4} CPU-s per Gbit, \
         {} KiB a session joined, {} after {SECONDS} s",
        spent.as_nanos() as f64 / wanted as f64,
        spent.as_secs_f64() / (bytes as f64 * 8.0 / 1e9),
        (joined - before) / SESSIONS,
        (resident_kib() - before) / SESSIONS,
    );
}

#[test]
#[ignore = "a measurement: seconds of work, and nothing to fail on"]
fn measure_sending() {
    for _ in 0..2 {
        measure("no estimate", Bandwidth::Unknown);
        measure("receiver's estimate", Bandwidth::Receiver);
        measure("sender's estimate", Bandwidth::Sender { initial: 3_000_000 });
    }
}
