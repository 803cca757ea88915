//! Units → transport packets: one programme, a PES packet for each unit.
//!
//! Source: ISO/IEC 13818-1 §2.4.3 (packets, PES), §2.4.4 (tables), §2.7 (how often clocks and tables come); RFC 8216 §3.2
//! for what players of HLS want: tables before each key frame.
mod coding;
mod packets;
#[cfg(test)]
mod tests;

use crate::mp4::Skipped;
use coding::Carrier;
use media::{MediaTime, Track, Unit, rescale};
use packets::{Adaptation, Packetizer, Stream, TIME_MASK};

/// Ticks a second of all times.
const RATE: u32 = 90_000;
/// The first time of a stream: 1 s, so that sound which comes a little before the first picture has a time, too.
const FIRST: i64 = RATE as i64;
/// The clock is this far behind decoding times: 500 ms. Sound may come that much later than the pictures of its time,
/// and a key frame of 2.5 MB is through in it at 40 Mbit/s.
const LEAD: i64 = RATE as i64 / 2;
/// Longest time between two clocks: 100 ms. Source: §2.7.2.
const CLOCK_EVERY: i64 = RATE as i64 / 10;
/// How often tables come without pictures: 500 ms. With them, before each key frame.
const TABLES_EVERY: i64 = RATE as i64 / 2;

/// No track has a place in a transport stream.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no track can be carried in MPEG-TS: {}", skipped.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct NothingFits {
    /// Each track and why.
    pub skipped: Vec<Skipped>,
}

#[derive(Debug)]
struct Lane {
    track: Track,
    carrier: Carrier,
    stream: Stream,
}

/// Makes one transport stream. Units are given in the order of their arrival.
#[derive(Debug)]
pub struct Muxer {
    lanes: Vec<Lane>,
    skipped: Vec<Skipped>,
    packetizer: Packetizer,
    /// The lane that carries the clock: the first with pictures, or the first.
    clock_lane: usize,
    /// What becomes [`FIRST`].
    zero: Option<MediaTime>,
    /// The clock that was sent last, without the wrap of 33 bits.
    clock: Option<i64>,
    tables_at: Option<i64>,
    /// The PES packet under way; kept for its memory.
    pes: Vec<u8>,
}

impl Muxer {
    /// A stream of those of the tracks that MPEG-TS can carry; the others are in [`Muxer::skipped`]. Fails when none is
    /// left.
    pub fn new(tracks: &[Track]) -> Result<Self, NothingFits> {
        let (mut lanes, mut skipped) = (Vec::new(), Vec::new());
        for track in tracks {
            match Carrier::of(track) {
                Ok(carrier) => {
                    let stream =
                        Stream::new(lanes.len() as u16, carrier.stream_type(), carrier.descriptors());
                    lanes.push(Lane { track: track.clone(), carrier, stream });
                }
                Err(why) => skipped.push(Skipped { track: track.id, codec: track.codec, why }),
            }
        }
        if lanes.is_empty() {
            return Err(NothingFits { skipped });
        }
        let clock_lane = lanes.iter().position(|lane| lane.track.codec.is_video()).unwrap_or(0);
        let streams = lanes.iter().map(|lane| &lane.stream);
        let packetizer = Packetizer::new(streams, clock_lane);
        Ok(Self {
            lanes,
            skipped,
            packetizer,
            clock_lane,
            zero: None,
            clock: None,
            tables_at: None,
            pes: Vec::new(),
        })
    }

    /// Makes this moment of the units' line the beginning, instead of the first unit: streams that follow each other, such
    /// as the segments of a playlist, then have one line.
    pub fn with_zero(mut self, zero: MediaTime) -> Self {
        self.zero = Some(zero);
        self
    }

    /// The tracks that are not carried, and why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The tracks that are carried, in the order of the map.
    pub fn carried(&self) -> impl Iterator<Item = &Track> {
        self.lanes.iter().map(|lane| &lane.track)
    }

    /// Appends the packets of a unit. Units of tracks that are not carried, and those that cannot be written, are left out.
    pub fn push(&mut self, unit: &Unit, out: &mut Vec<u8>) {
        let Some(number) = self.lanes.iter().position(|lane| lane.track.id == unit.track) else { return };
        let lane = &self.lanes[number];
        let zero = *self.zero.get_or_insert(unit.dts_time(&lane.track));
        let time = |ticks: i64| {
            let since = rescale(ticks, lane.track.clock_rate, RATE).saturating_sub(zero.ticks_at(RATE));
            since.saturating_add(FIRST)
        };
        let (dts, pts) = (time(unit.dts), time(unit.pts.max(unit.dts)));
        let video = lane.track.codec.is_video();
        self.pes.clear();
        let head = packets::pes_head(&mut self.pes, lane.carrier.stream_id(), pts, dts);
        if !lane.carrier.write(unit, &mut self.pes) {
            return;
        }
        head.finish(&mut self.pes, video);
        let stream = lane.stream.pid;
        self.tables(video && unit.keyframe, dts, out);
        let clock = self.clock(number, dts, out);
        let adaptation = Adaptation {
            random_access: unit.keyframe && (video || clock.is_some()),
            discontinuity: unit.discontinuity,
            clock,
        };
        self.packetizer.write(stream, &self.pes, &adaptation, out);
    }

    /// Tables at the beginning, before key frames, and every so often without pictures.
    fn tables(&mut self, key: bool, dts: i64, out: &mut Vec<u8>) {
        let pictures = self.lanes[self.clock_lane].track.codec.is_video();
        let due = self.tables_at.is_none_or(|at| key || !pictures && dts.saturating_sub(at) >= TABLES_EVERY);
        if due {
            self.tables_at = Some(dts);
            self.packetizer.tables(out);
        }
    }

    /// The clock for a packet of this lane; where another lane carries it and is late, a packet for it alone.
    fn clock(&mut self, lane: usize, dts: i64, out: &mut Vec<u8>) -> Option<u64> {
        let now = dts.saturating_sub(LEAD);
        let step = self.clock.map_or(CLOCK_EVERY, |last| now.saturating_sub(last));
        let carries = lane == self.clock_lane;
        // It never runs backwards. Its own lane says it with each unit, others only where that would be too late.
        if step <= 0 || !carries && step < CLOCK_EVERY {
            return None;
        }
        self.clock = Some(now);
        let clock = now as u64 & TIME_MASK;
        if carries {
            return Some(clock);
        }
        self.packetizer.clock(self.lanes[self.clock_lane].stream.pid, clock, out);
        None
    }
}
