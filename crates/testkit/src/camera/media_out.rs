//! The camera's media: the clip in real time as RTP, with what is wrong with it.
use super::Fault;
use crate::net::{Link, LinkConfig};
use formats::replay::{Clip, Next, Replay};
use formats::rtp::{PacketBatch, Packetizer, PacketizerOptions, clock_rate};
use formats::sdp::assign_payload_types;
use media::{Kind, Moment, TrackId};
use protocols::rtsp::server::TrackStart;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

/// Longest packet, as cameras make them.
const PACKET_BYTES: usize = 1_400;
/// What is asked again when nothing is due for long.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// The seed of the bad network.
const SEED: u64 = 0x00ca_4e4a;
/// Pairs of neighbouring ports that are tried.
const PORT_TRIES: u32 = 50;

enum Way {
    Tcp { channel: u8 },
    Udp { rtp: UdpSocket, _rtcp: UdpSocket, to: SocketAddr },
}

struct Track {
    kind: Kind,
    rate: u32,
    packetizer: Packetizer,
    way: Option<Way>,
    /// Added to RTP times, sequence numbers and SSRC.
    shift: Shift,
    last_time: u32,
}

#[derive(Clone, Copy, Default)]
struct Shift {
    time: u32,
    sequence: u16,
    ssrc: u32,
}

/// Everything that goes out on one connection.
pub(super) struct MediaOut {
    tracks: Vec<Track>,
    replay: Option<Replay>,
    batch: PacketBatch,
    frames: u64,
    shifted: bool,
    link: Link<(TrackId, Vec<u8>)>,
    /// When it began, and how much of the clip's time has passed: a slow camera's goes slower.
    begun: Option<Moment>,
}

impl MediaOut {
    pub(super) fn new(clip: &Clip) -> Self {
        let tracks =
            clip.tracks.iter().zip(assign_payload_types(&clip.tracks)).filter_map(|(track, payload_type)| {
                let options = PacketizerOptions {
                    payload_type,
                    ssrc: 0x1000 + u32::from(track.id),
                    first_sequence: 60_000,
                    timestamp_offset: 0xffff_0000,
                    packet_bytes_max: PACKET_BYTES,
                    interleaved_channel: None,
                    rtp_clock_rate: clock_rate(track),
                };
                let packetizer = Packetizer::new(track, options).ok()?;
                let (kind, rate) = (track.kind(), clock_rate(track));
                Some(Track { kind, rate, packetizer, way: None, shift: Shift::default(), last_time: 0 })
            });
        Self {
            tracks: tracks.collect(),
            replay: Replay::new(&clip.tracks, &clip.units).ok(),
            batch: PacketBatch::new(),
            frames: 0,
            shifted: false,
            link: Link::new(LinkConfig::default(), SEED),
            begun: None,
        }
    }

    /// Video frames sent so far.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether all tracks have a way to go.
    pub(super) fn is_set_up(&self) -> bool {
        self.tracks.iter().all(|track| track.way.is_some())
    }

    pub(super) fn over_tcp(&mut self, track: TrackId, channel: u8) {
        if let Some(track) = self.tracks.get_mut(usize::from(track)) {
            track.way = Some(Way::Tcp { channel });
        }
    }

    /// Opens a pair of ports, the first of them even. Source: RFC 3550 §11.
    pub(super) async fn over_udp(&mut self, track: TrackId, to: SocketAddr) -> io::Result<(u16, u16)> {
        for _ in 0..PORT_TRIES {
            let port = crate::process::free_port() & !1;
            let bind = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
            if let (Ok(rtp), Ok(rtcp)) = (bind(port).await, bind(port + 1).await) {
                if let Some(track) = self.tracks.get_mut(usize::from(track)) {
                    track.way = Some(Way::Udp { rtp, _rtcp: rtcp, to });
                }
                return Ok((port, port + 1));
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// Where each track starts.
    pub(super) fn begin(&mut self) -> Vec<TrackStart> {
        let starts = self.tracks.iter().enumerate().filter(|(_, track)| track.way.is_some());
        starts
            .map(|(index, track)| TrackStart {
                track: index as TrackId,
                sequence: track.packetizer.next_sequence(),
                rtptime: track.packetizer.rtp_time(0),
            })
            .collect()
    }

    /// Sends what is due over UDP and appends what is due over TCP. Returns how long there is nothing more.
    pub(super) fn poll(&mut self, now: Moment, fault: &Fault, out: &mut Vec<u8>) -> Duration {
        self.link.set_config(if let Fault::Lossy(config) = fault { *config } else { LinkConfig::default() });
        let begun = *self.begun.get_or_insert(now);
        let (come, of) = if let Fault::Slow { come, of } = fault { (*come, (*of).max(1)) } else { (1, 1) };
        let clip_now = begun + now.since(begun) * come / of;
        let mut wait = WAIT_MAX;
        while let Some(replay) = &mut self.replay {
            match replay.poll(clip_now) {
                Next::WaitUntil(at) => {
                    wait = wait.min(at.since(clip_now) * of / come.max(1));
                    break;
                }
                Next::Unit(unit) => self.send(&unit, now, fault, out),
            }
        }
        while let Some((track, packet)) = self.link.receive(now) {
            if let Some(Track { way: Some(Way::Udp { rtp, to, .. }), .. }) =
                self.tracks.get(usize::from(track))
            {
                // A full socket loses it, as a network would.
                let _ = rtp.try_send_to(&packet, *to);
            }
        }
        self.link.next_at().map_or(wait, |at| wait.min(at.since(now)))
    }

    fn send(&mut self, unit: &media::Unit, now: Moment, fault: &Fault, out: &mut Vec<u8>) {
        let Some(track) = self.tracks.get_mut(usize::from(unit.track)) else { return };
        if track.kind == Kind::Video {
            self.frames += 1;
        }
        // A fresh packetizer starts in the middle of the stream; numbers go on even while nothing is sent.
        if track.packetizer.push(unit, &mut self.batch).is_err() {
            return;
        }
        let packets = self.batch.freeze();
        let video = track.kind == Kind::Video;
        if fault.silences(video, self.frames) {
            return;
        }
        self.shift(fault);
        let Some(track) = self.tracks.get_mut(usize::from(unit.track)) else { return };
        for packet in packets.iter() {
            let packet = track.shifted(packet);
            match &track.way {
                None => {}
                Some(Way::Tcp { channel }) => {
                    out.extend_from_slice(&[b'$', *channel]);
                    out.extend_from_slice(&(packet.len() as u16).to_be_bytes());
                    out.extend_from_slice(&packet);
                }
                Some(Way::Udp { .. }) => self.link.send((unit.track, packet), now),
            }
        }
    }

    /// Changes the clocks and numbers of all tracks, once.
    fn shift(&mut self, fault: &Fault) {
        let change: &dyn Fn(&mut Track) = match fault {
            Fault::ClockJump { after, seconds } if self.frames > *after => &|track: &mut Track| {
                track.shift.time = (*seconds * i64::from(track.rate)) as u32;
            },
            Fault::ClockReset { after } if self.frames > *after => &|track: &mut Track| {
                track.shift.time = 0_u32.wrapping_sub(track.last_time);
            },
            Fault::SsrcChange { after } if self.frames > *after => &|track: &mut Track| {
                (track.shift.ssrc, track.shift.sequence) = (0x2000, 30_000);
            },
            Fault::ClockJump { .. }
            | Fault::ClockReset { .. }
            | Fault::SsrcChange { .. }
            | Fault::None
            | Fault::Refuse
            | Fault::HangUp
            | Fault::Mute
            | Fault::SlowDescribe(_)
            | Fault::UnauthorizedForEver
            | Fault::Redirect(_)
            | Fault::Status(_)
            | Fault::Stall { .. }
            | Fault::StopVideo { .. }
            | Fault::CloseMidFrame { .. }
            | Fault::Slow { .. }
            | Fault::Lossy(_) => return,
        };
        if !std::mem::replace(&mut self.shifted, true) {
            self.tracks.iter_mut().for_each(change);
        }
    }
}

impl Track {
    fn shifted(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut packet = packet.to_vec();
        let [_, _, s1, s0, t3, t2, t1, t0, r3, r2, r1, r0, ..] = packet[..] else { return packet };
        let time = u32::from_be_bytes([t3, t2, t1, t0]);
        self.last_time = time;
        let sequence = u16::from_be_bytes([s1, s0]).wrapping_add(self.shift.sequence);
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&time.wrapping_add(self.shift.time).to_be_bytes());
        let ssrc = u32::from_be_bytes([r3, r2, r1, r0]).wrapping_add(self.shift.ssrc);
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        packet
    }
}
