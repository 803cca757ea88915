//! RTP as RTSP carries it: each frame's packets in one piece of memory, muxed once for all readers.
//!
//! Source: RFC 3550 §6.4 (sender reports), RFC 2326 §10.12 (`$` frames), §12.33 (RTP-Info). Owns, per rendition, SSRCs,
//! sequence numbers and RTP clocks: all readers see the same packets, also across a change of parameters. Sender
//! reports tie the tracks together; they go in front of a frame's packets, so that no reader costs anything for them.
use bytes::Bytes;
use formats::rtp::rtcp::{SenderStats, write_sender_report};
use formats::rtp::{
    HEADER_BYTES, INTERLEAVED_HEADER_BYTES, PACKET_BYTES_MIN, PacketBatch, Packetizer, PacketizerOptions,
    clock_rate,
};
use formats::sdp::assign_payload_types;
use hub::{Chunk, Format, Muxer};
use media::{Moment, Track, TrackId, Unit, WallTime, rescale};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Longest packet where nothing else is configured: 1,472 bytes, one IPv4 datagram on Ethernet.
pub const PACKET_BYTES_DEFAULT: usize = 1472;
/// Longest packet that may be configured: what a `$` frame can say.
const PACKET_BYTES_MAX: usize = 65_535;
/// Sender reports come at least so often: 5 s, the interval of RFC 3550 §6.2.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// Each key frame has them in front, for those who join there (ffmpeg 5 shifts a track whose first packet comes before
/// them), unless the last ones are younger: 500 ms, for streams where every frame is one. Cameras with a key frame each
/// second send it a little early as often as late, so it is less than that.
const REPORT_AT_START_EVERY: Duration = Duration::from_millis(500);
/// Wall clock and media clock may drift apart so far before reports follow the wall clock: 1 s. Each step of it is a
/// step in the readers' clocks.
const ANCHOR_DRIFT_MAX_MICROS: i64 = 1_000_000;
/// The name of all our sources.
const CNAME: &str = "aqueduct";

/// One track of a format.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The track as the reader was told it.
    pub track: Track,
    /// Channels of RTP and RTCP on an RTSP connection; `None` for datagrams.
    pub channels: Option<(u8, u8)>,
}

/// The packets of these tracks, with `$` frames where they have channels (all or none do). For datagrams, a chunk's
/// first part holds the packets, and the parts behind it, if there are any, one report for each lane in order.
pub fn format(lanes: Vec<Lane>, packet_bytes_max: usize) -> Format {
    let packet_bytes_max = match packet_bytes_max {
        0 => PACKET_BYTES_DEFAULT,
        bytes => bytes.clamp(PACKET_BYTES_MIN, PACKET_BYTES_MAX),
    };
    let list: Vec<String> = lanes
        .iter()
        .map(|lane| match lane.channels {
            Some((rtp, rtcp)) => format!("{}={rtp}-{rtcp}", lane.track.id),
            None => lane.track.id.to_string(),
        })
        .collect();
    let carrier = if lanes.iter().any(|lane| lane.channels.is_some()) { "tcp" } else { "udp" };
    let key = format!("rtp-{carrier}:{}:{packet_bytes_max}", list.join(","));
    let ids: Vec<TrackId> = lanes.iter().map(|lane| lane.track.id).collect();
    let identities: Rc<[Identity]> = lanes.iter().map(|_| Identity::new()).collect();
    Format::new(key, move |tracks| {
        let muxer = Rtp::new(tracks, &lanes, &identities, packet_bytes_max)?;
        Ok(Box::new(muxer))
    })
    .of(ids)
}

/// What stays when the muxer is made anew for changed parameters.
struct Identity {
    ssrc: u32,
    timestamp_offset: u32,
    next_sequence: Cell<u16>,
    sent: Cell<SenderStats>,
}

impl Identity {
    fn new() -> Self {
        Self {
            ssrc: rand::random(),
            timestamp_offset: rand::random(),
            next_sequence: Cell::new(rand::random()),
            sent: Cell::new(SenderStats::new()),
        }
    }
}

struct LaneState {
    track: TrackId,
    clock_rate: u32,
    is_video: bool,
    packetizer: Packetizer,
    rtcp_channel: Option<u8>,
}

struct Rtp {
    lanes: Vec<LaneState>,
    identities: Rc<[Identity]>,
    batch: PacketBatch,
    has_video: bool,
    interleaved: bool,
    /// Wall-clock time in microseconds at media time zero; the same for all tracks.
    anchor_micros: Option<i64>,
    reported_at: Option<Moment>,
}

impl Rtp {
    fn new(
        tracks: &[Track],
        lanes: &[Lane],
        identities: &Rc<[Identity]>,
        packet_bytes_max: usize,
    ) -> Result<Self, String> {
        let payload_types = assign_payload_types(tracks);
        let mut states = Vec::new();
        for (lane, identity) in lanes.iter().zip(identities.iter()) {
            let id = usize::from(lane.track.id);
            let (Some(track), Some(payload_type)) = (tracks.get(id), payload_types.get(id)) else {
                return Err(format!("the stream has no track {id} any more: connect again"));
            };
            if track.codec != lane.track.codec || track.clock_rate != lane.track.clock_rate {
                return Err(format!("track {id} is {} now: connect again", track.codec));
            }
            let options = PacketizerOptions {
                payload_type: *payload_type,
                ssrc: identity.ssrc,
                first_sequence: identity.next_sequence.get(),
                timestamp_offset: identity.timestamp_offset,
                packet_bytes_max,
                interleaved_channel: lane.channels.map(|(rtp, _)| rtp),
                rtp_clock_rate: clock_rate(track),
            };
            states.push(LaneState {
                track: track.id,
                clock_rate: track.clock_rate,
                is_video: track.codec.is_video(),
                packetizer: Packetizer::new(track, options).map_err(|error| error.to_string())?,
                rtcp_channel: lane.channels.map(|(_, rtcp)| rtcp),
            });
        }
        Ok(Self {
            has_video: states.iter().any(|lane| lane.is_video),
            interleaved: states.iter().any(|lane| lane.rtcp_channel.is_some()),
            lanes: states,
            identities: identities.clone(),
            batch: PacketBatch::new(),
            anchor_micros: None,
            reported_at: None,
        })
    }

    /// Whether reports are due in front of this unit.
    fn reports_due(&self, unit: &Unit, is_video: bool) -> bool {
        let Some(reported_at) = self.reported_at else { return true };
        let since = unit.arrival.since(reported_at);
        let start = unit.keyframe && (is_video || !self.has_video);
        since >= REPORT_EVERY || (start && since >= REPORT_AT_START_EVERY)
    }

    /// One report for each lane: where its RTP clock stands when `unit` is shown.
    fn reports(&mut self, unit: &Unit, clock_rate: u32) -> Vec<Vec<u8>> {
        let micros = rescale(unit.pts, clock_rate, 1_000_000);
        let anchor = unit.wall.as_micros() - micros;
        let anchor = match self.anchor_micros {
            Some(known) if (anchor - known).abs() <= ANCHOR_DRIFT_MAX_MICROS => known,
            Some(_) | None => anchor,
        };
        self.anchor_micros = Some(anchor);
        self.reported_at = Some(unit.arrival);
        let wall = WallTime::from_micros(anchor + micros);
        let lanes = self.lanes.iter().zip(self.identities.iter());
        let report = |(lane, identity): (&LaneState, &Identity)| {
            let ticks = rescale(unit.pts, clock_rate, lane.clock_rate);
            let rtp_time = lane.packetizer.rtp_time(ticks);
            let report = identity.sent.get().report(identity.ssrc, wall, rtp_time);
            let mut bytes = Vec::with_capacity(64);
            write_sender_report(&report, CNAME, &mut bytes);
            bytes
        };
        lanes.map(report).collect()
    }

    /// Reports as `$` frames, one behind the other.
    fn interleave(&self, reports: Vec<Vec<u8>>) -> Bytes {
        let mut out = Vec::with_capacity(reports.len() * 64);
        for (lane, report) in self.lanes.iter().zip(reports) {
            push_frame(lane.rtcp_channel.unwrap_or_default(), &report, &mut out);
        }
        out.into()
    }
}

impl Muxer for Rtp {
    fn header(&mut self, _again: bool) -> Bytes {
        Bytes::new()
    }

    fn push(&mut self, unit: &Unit, out: &mut Vec<Chunk>) {
        let Some(index) = self.lanes.iter().position(|lane| lane.track == unit.track) else { return };
        let lane = &mut self.lanes[index];
        let (rate, is_video) = (lane.clock_rate, lane.is_video);
        if let Err(error) = lane.packetizer.push(unit, &mut self.batch) {
            tracing::debug!(%error, track = unit.track, "a unit that RTP cannot carry");
        }
        if self.batch.is_empty() {
            return;
        }
        let identity = &self.identities[index];
        identity.next_sequence.set(lane.packetizer.next_sequence());
        let packets = self.batch.freeze();
        let reports = self.reports_due(unit, is_video).then(|| self.reports(unit, rate));
        let mut sent = self.identities[index].sent.get();
        sent.handle_sent(packets.len(), packets.payload_bytes());
        self.identities[index].sent.set(sent);
        let chunk = if self.interleaved {
            let reports = reports.map(|reports| self.interleave(reports));
            Chunk::new(unit, reports.into_iter().chain([packets.data]))
        } else {
            let reports = reports.into_iter().flatten().map(Bytes::from);
            let mut chunk = Chunk::new(unit, std::iter::once(packets.data).chain(reports));
            chunk.packet_ends = packets.ends;
            chunk
        };
        out.push(chunk);
    }
}

/// Appends one `$` frame. Longer packets than it can say do not exist: RTCP is some hundred bytes.
pub(crate) fn push_frame(channel: u8, packet: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&[b'$', channel]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&packet[..usize::from(length)]);
}

/// What the header of a chunk's first packet says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FirstPacket {
    pub(crate) sequence: u16,
    pub(crate) rtp_time: u32,
    pub(crate) ssrc: u32,
}

/// Reads it.
pub(crate) fn first_packet(chunk: &Chunk) -> Option<FirstPacket> {
    let (packets, skip) = if chunk.packet_ends.is_empty() {
        (chunk.parts.last()?, INTERLEAVED_HEADER_BYTES)
    } else {
        (chunk.parts.first()?, 0)
    };
    let header: &[u8; HEADER_BYTES] = packets.get(skip..)?.first_chunk()?;
    let [_, _, n0, n1, t0, t1, t2, t3, s0, s1, s2, s3] = *header;
    Some(FirstPacket {
        sequence: u16::from_be_bytes([n0, n1]),
        rtp_time: u32::from_be_bytes([t0, t1, t2, t3]),
        ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::rtp::rtcp::{Message, parse};
    use media::{Codec, CodecParams};

    fn tracks() -> Vec<Track> {
        vec![
            Track::video(0, Codec::Vp8, CodecParams::None),
            Track::audio(1, Codec::Pcma, 8_000, 1, CodecParams::None),
        ]
    }

    fn unit(track: TrackId, ms: i64, keyframe: bool, wall_ms: i64) -> Unit {
        let rate = if track == 0 { 90 } else { 8 };
        Unit {
            track,
            pts: ms * rate,
            dts: ms * rate,
            arrival: Moment::from_millis(ms as u64),
            wall: WallTime::from_micros(wall_ms * 1000),
            keyframe,
            discontinuity: false,
            data: Bytes::from(vec![0x10; 3000]),
        }
    }

    fn muxer(channels: bool) -> Box<dyn Muxer> {
        let lane =
            |track: Track| Lane { channels: channels.then_some((track.id * 2, track.id * 2 + 1)), track };
        let format = format(tracks().into_iter().map(lane).collect(), 1000);
        (format.make)(&tracks().into()).unwrap()
    }

    fn push(muxer: &mut dyn Muxer, unit: &Unit) -> Chunk {
        let mut out = Vec::new();
        muxer.push(unit, &mut out);
        out.pop().unwrap()
    }

    /// NTP time minus RTP time of the report, in ms of whatever zero.
    fn line(report: &[u8], rate: i64) -> (i64, u32) {
        let Message::SenderReport(report) = &parse(report).unwrap()[0] else { panic!() };
        (WallTime::from_ntp(report.ntp).as_micros() / 1000 * rate, report.rtp_time)
    }

    #[test]
    fn reports_of_both_tracks_lie_in_front_of_the_first_packets() {
        let mut muxer = muxer(true);
        let chunk = push(&mut *muxer, &unit(0, 100, true, 1_000_000));
        assert_eq!(chunk.parts.len(), 2);
        let reports = &chunk.parts[0];
        assert_eq!(&reports[..2], b"$\x01");
        let second = 4 + usize::from(u16::from_be_bytes([reports[2], reports[3]]));
        assert_eq!(&reports[second..second + 2], b"$\x03");
        assert_eq!(&chunk.parts[1][..2], b"$\x00");
        // Not again with the next frame, but after 5 s and at a key frame.
        assert_eq!(push(&mut *muxer, &unit(1, 120, true, 1_000_020)).parts.len(), 1);
        assert_eq!(push(&mut *muxer, &unit(0, 140, false, 1_000_040)).parts.len(), 1);
        assert_eq!(push(&mut *muxer, &unit(0, 1200, true, 1_001_100)).parts.len(), 2);
        assert_eq!(push(&mut *muxer, &unit(1, 6200, true, 1_006_100)).parts.len(), 2);
    }

    #[test]
    fn reports_tie_sound_and_picture_however_late_a_frame_came() {
        let mut muxer = muxer(false);
        let first = push(&mut *muxer, &unit(0, 100, true, 1_000_000));
        // This one was 300 ms late: the line stays where it was.
        let later = push(&mut *muxer, &unit(1, 5100, true, 1_005_300));
        assert_eq!((first.parts.len(), later.parts.len()), (3, 3));
        assert_eq!(first.packet_ends.len(), 4);
        for (lane, rate) in [(1, 90), (2, 8)] {
            let (wall_a, rtp_a) = line(&first.parts[lane], rate);
            let (wall_b, rtp_b) = line(&later.parts[lane], rate);
            assert_eq!((wall_b - wall_a, rtp_b.wrapping_sub(rtp_a)), (5000 * rate, 5000 * rate as u32));
        }
        // The first packet's time is that of the report.
        assert_eq!(first_packet(&first).unwrap().rtp_time, line(&first.parts[1], 90).1);
    }

    #[test]
    fn a_muxer_made_anew_goes_on_with_the_numbers() {
        let lane = |track| Lane { track, channels: Some((0, 1)) };
        let format = format(tracks().into_iter().take(1).map(lane).collect(), 1000);
        let mut first = (format.make)(&tracks().into()).unwrap();
        let before = first_packet(&push(&mut *first, &unit(0, 0, true, 0))).unwrap();
        let mut second = (format.make)(&tracks().into()).unwrap();
        let after = first_packet(&push(&mut *second, &unit(0, 40, true, 40))).unwrap();
        assert_eq!(after.sequence.wrapping_sub(before.sequence), 4);
        assert_eq!(after.rtp_time.wrapping_sub(before.rtp_time), 3600);
        assert_eq!(after.ssrc, before.ssrc);
    }

    #[test]
    fn other_codecs_than_the_reader_was_told_are_refused() {
        let lanes = vec![Lane { track: Track::video(0, Codec::H264, CodecParams::None), channels: None }];
        assert!((format(lanes, 0).make)(&tracks().into()).err().unwrap().contains("VP8 now"));
    }
}
