//! The association against a stack that others wrote: aiortc's, in Python, over plain UDP on loopback, with and without
//! loss, in both roles.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a real peer needs a socket and a clock"
)]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the outputs that it is about")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of a test, which clippy takes for more"
)]
use bytes::Bytes;
use media::Moment;
use sfu::data::{
    Association, AssociationOptions, DataOutput, Payload, Role, SctpState, SctpStreamParameters, SendError,
};
use sfu::epoch::Epoch;
use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::process::{Peer, Place, eventually};
use testkit::require;

const LIMIT: Duration = Duration::from_secs(60);
const ORDERED: u16 = 100;
const UNORDERED: u16 = 101;
const LIMITED: u16 = 102;
const IN_BAND: u16 = 10;
const MESSAGES: usize = 60;

/// An association, its socket, and what it said.
struct End {
    association: Association,
    socket: UdpSocket,
    epoch: Epoch,
    heard: Vec<DataOutput>,
}

impl End {
    fn now(&self) -> Moment {
        self.epoch.moment(Instant::now())
    }

    /// Turns for a moment: what comes in, what goes out.
    fn turn(&mut self) {
        let wait = loop {
            match self.association.poll_output(self.now()) {
                DataOutput::WaitUntil(moment) => break moment,
                // A full socket buffer is one more kind of loss.
                DataOutput::Packet(packet) => drop(self.socket.send(&packet)),
                other => self.heard.push(other),
            }
        };
        let wait = wait.since(self.now()).clamp(Duration::from_millis(1), Duration::from_millis(10));
        self.socket.set_read_timeout(Some(wait)).unwrap();
        let mut buffer = [0; 2_048];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.association.handle_packet(Bytes::copy_from_slice(&buffer[..length]), self.now());
            self.socket.set_read_timeout(Some(Duration::from_micros(1))).unwrap();
        }
    }

    fn turn_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + LIMIT;
        while !done(self) {
            assert!(
                Instant::now() < end,
                "{what}: {:?} {:?}",
                self.association.state(),
                self.association.stats()
            );
            self.turn();
        }
    }

    fn messages(&self, stream: u16) -> Vec<&Payload> {
        let of = |output| match output {
            &DataOutput::Message { stream_id, ref payload } if stream_id == stream => Some(payload),
            _ => None,
        };
        self.heard.iter().filter_map(of).collect()
    }
}

/// Message number `index`: text and bytes, empty, small, and as large as aiortc takes.
fn message(index: usize) -> Payload {
    let length = match index % 10 {
        0 => 0,
        1 => 1,
        2 => 65_536,
        3 => 1_163,
        4 => 1_164,
        _ => index * 37,
    };
    let text: String = format!("{index} ").chars().cycle().take(length).collect();
    if index.is_multiple_of(3) { Payload::String(text.into()) } else { Payload::Binary(text.into()) }
}

fn converse(role: Role, loss: u32) {
    require!(aiortc);
    let place = Place::new().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let theirs = match role {
        Role::Client => "server",
        Role::Server => "client",
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/peer.py");
    let mut command = Command::new(aiortc);
    command.args([script, &port, theirs, &loss.to_string(), "1"]);
    let peer = Peer::start(&place, "aiortc", &mut command, LIMIT * 3);
    let port: u16 = eventually("the peer's port", LIMIT, || peer.stdout().lines().next()?.parse().ok());
    socket.connect(("127.0.0.1", port)).unwrap();

    let epoch = Epoch::new(Instant::now(), Moment::from_millis(1_000));
    let mut options = AssociationOptions::new();
    options.max_send_message_size = 65_536;
    let association = Association::new(options, role, epoch);
    let mut end = End { association, socket, epoch, heard: Vec::new() };
    let streams = [
        SctpStreamParameters::new_ordered(ORDERED),
        SctpStreamParameters::new_unordered(UNORDERED),
        SctpStreamParameters::new_unordered_with_retransmits(LIMITED, 0),
    ];
    for stream in &streams {
        end.association.open(stream, None, epoch.moment(Instant::now())).unwrap();
    }
    let in_band = SctpStreamParameters::new_ordered(IN_BAND);
    end.association.open(&in_band, Some(("ours", "")), epoch.moment(Instant::now())).unwrap();
    end.association.start(end.now());
    end.turn_until("connected", |end| end.association.state() == SctpState::Connected);

    let mut next: BTreeMap<u16, usize> =
        [ORDERED, UNORDERED, LIMITED, IN_BAND].map(|stream| (stream, 0)).into();
    end.turn_until("all sent", |end| {
        for (&stream, index) in &mut next {
            while *index < MESSAGES {
                match end.association.send(stream, &message(*index), end.epoch.moment(Instant::now())) {
                    Ok(()) => *index += 1,
                    Err(SendError::BufferFull { .. }) => break,
                    Err(error) => panic!("{stream}: {error}"),
                }
            }
        }
        next.values().all(|&index| index == MESSAGES)
    });
    let all: Vec<Payload> = (0..MESSAGES).map(message).collect();
    let reliable = [ORDERED, UNORDERED, IN_BAND];
    end.turn_until("all echoed", |end| reliable.iter().all(|&stream| end.messages(stream).len() == MESSAGES));
    end.turn_until("all acknowledged", |end| {
        reliable.iter().all(|&stream| end.association.buffered_amount(stream) == Some(0))
    });
    for stream in [ORDERED, IN_BAND] {
        assert!(end.messages(stream).into_iter().eq(&all), "stream {stream} is not in order");
    }
    let sorted = |payloads: Vec<&Payload>| {
        let mut keys: Vec<_> = payloads.iter().map(|payload| format!("{payload:?}")).collect();
        keys.sort();
        keys
    };
    assert_eq!(sorted(end.messages(UNORDERED)), sorted(all.iter().collect()));
    let limited: Vec<_> = end.messages(LIMITED).into_iter().filter(|payload| payload.len() > 100).collect();
    let different: BTreeSet<_> = limited.iter().map(|payload| payload.bytes()).collect();
    let sent: BTreeSet<_> = all.iter().map(Payload::bytes).collect();
    assert!(different.is_subset(&sent), "a limited message was altered");

    end.turn_until("their channel and its hello", |end| {
        let hello = Payload::String(Bytes::from_static(b"hello"));
        let opened = end.heard.iter().find_map(|output| match output {
            DataOutput::Opened { stream_id, label, protocol, parameters } => {
                assert_eq!((label.as_str(), protocol.as_str()), ("theirs", "p"));
                assert!(!parameters.ordered);
                assert_eq!(parameters.max_packet_life_time, Some(5_000));
                Some(*stream_id)
            }
            _ => None,
        });
        opened.is_some_and(|stream| end.messages(stream).contains(&&hello))
    });
    let close_me = Payload::String(Bytes::from_static(b"close me"));
    end.association.send(IN_BAND, &close_me, end.now()).unwrap();
    end.turn_until("closed by the peer", |end| {
        end.heard.contains(&DataOutput::Closed { stream_id: IN_BAND })
    });
    end.association.close_stream(UNORDERED, end.now());
    let reopened = |end: &mut End| {
        let stream = SctpStreamParameters::new_unordered(UNORDERED);
        end.association.open(&stream, None, end.epoch.moment(Instant::now())).is_ok()
    };
    end.turn_until("closed here, and free again", reopened);
    println!(
        "{role:?}, {loss} per mille: {} limited, {:?}",
        end.messages(LIMITED).len(),
        end.association.stats()
    );

    // One packet says it, and it may be lost.
    end.association.close(end.now());
    end.turn_until("ended", |end| end.heard.contains(&DataOutput::State(SctpState::Closed)));
    end.turn();
    if loss == 0 {
        eventually("the peer has ended", LIMIT, || peer.stdout().contains("closed").then_some(()));
    }
    drop(peer);
}

#[test]
fn aiortc_and_we_understand_each_other_when_we_are_the_client() {
    converse(Role::Client, 0);
}

#[test]
fn aiortc_and_we_understand_each_other_when_it_is_the_client() {
    converse(Role::Server, 0);
}

#[test]
fn aiortc_and_we_lose_nothing_reliable_at_five_percent_loss_as_client() {
    converse(Role::Client, 50);
}

#[test]
fn aiortc_and_we_lose_nothing_reliable_at_five_percent_loss_as_server() {
    converse(Role::Server, 50);
}
