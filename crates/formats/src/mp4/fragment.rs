//! Fragmented MP4 for browsers: each unit becomes one `moof` and `mdat`, so nothing waits for the next frame.
//!
//! Source: ISO/IEC 14496-12 §8.8, and the Media Source Extensions byte stream format for ISO BMFF.
//!
//! Times: `tfdt` is the unit's own decoding time on the stream's line, so nothing adds up and two renditions of
//! one stream agree. The duration of a frame is only known when the next one comes, and waiting for it would cost
//! a frame of latency; so a video frame is written with the duration of the frame before, and a wrong guess is
//! corrected by the next `tfdt`. Audio durations come from the frame itself where the codec says them.
use super::Mp4Error;
use super::entry::Entry;
use super::init::{Carried, write_init};
use crate::bitstream;
use bytes::Bytes;
use media::{Codec, MediaTime, Track, TrackId, Unit};

/// Bytes of `moof` and of the head of `mdat`, always the same layout.
const HEAD_BYTES: usize = 112;
/// What a frame is taken to last before two of them were seen: 40 ms, as at 25 frames a second.
const FIRST_FRAME_MS: u32 = 40;
/// A step between two frames beyond this is a gap and says nothing about how long a frame lasts: 1 s.
const FRAME_SECONDS_MAX: i64 = 1;
/// `sample_depends_on = 2` (§8.8.3.1): shown without any other sample.
const FLAGS_KEY: u32 = 0x0200_0000;
/// `sample_depends_on = 1` and `sample_is_non_sync_sample`.
const FLAGS_DELTA: u32 = 0x0101_0000;

/// One unit as `moof` and `mdat`.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The track of the unit.
    pub track: TrackId,
    /// A reader may start here: a key frame of video, or any frame when no video is carried.
    pub keyframe: bool,
    /// What goes on the wire, in order: `moof` with the head of `mdat`, then the unit's data, shared and not copied.
    pub parts: [Bytes; 2],
}

impl Fragment {
    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.parts[0].len() + self.parts[1].len()
    }

    /// Never: a fragment has at least its head.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A track that a file of ours does not carry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The track.
    pub track: TrackId,
    /// Its codec.
    pub codec: Codec,
    /// Why, as part of a sentence.
    pub why: &'static str,
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "track {} ({}): {}", self.track, self.codec, self.why)
    }
}

#[derive(Debug)]
struct Lane {
    track: Track,
    entry: Entry,
    /// The head of the last fragment; the next one overwrites what differs.
    head: [u8; HEAD_BYTES],
    last_dts: Option<i64>,
    duration: u32,
}

/// Muxes the units of a stream into fragments, one each. Made once per stream and shared by its readers.
#[derive(Debug)]
pub struct Fragmenter {
    lanes: Vec<Lane>,
    skipped: Vec<Skipped>,
    video: bool,
    sequence: u32,
    /// Seconds added to all times, so that none is negative; fixed by the first unit.
    lead_seconds: Option<i64>,
}

impl Fragmenter {
    /// Takes the tracks that browsers can play from MP4; the others are in [`Fragmenter::skipped`]. Fails when
    /// none is left. `tracks` may be a part of a stream's tracks: units are told apart by [`Track::id`].
    pub fn new(tracks: &[Track]) -> Result<Self, Mp4Error> {
        let mut lanes = Vec::with_capacity(tracks.len());
        let mut skipped = Vec::new();
        for track in tracks {
            match Entry::new(track) {
                Ok(entry) => lanes.push(Lane::new(track.clone(), entry, lanes.len() as u32 + 1)),
                Err(why) => skipped.push(Skipped { track: track.id, codec: track.codec, why }),
            }
        }
        if lanes.is_empty() {
            return Err(Mp4Error::NothingFits { skipped });
        }
        let video = lanes.iter().any(|lane| lane.track.codec.is_video());
        Ok(Self { lanes, skipped, video, sequence: 0, lead_seconds: None })
    }

    /// The tracks that are not carried, and why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The tracks that are carried, in the order of the file.
    pub fn carried(&self) -> impl Iterator<Item = TrackId> {
        self.lanes.iter().map(|lane| lane.track.id)
    }

    /// The type for `MediaSource.addSourceBuffer`, such as `video/mp4; codecs="avc1.640029,mp4a.40.2"`.
    /// Source: RFC 6381 §3.
    pub fn mime(&self) -> String {
        let codecs: Vec<&str> = self.lanes.iter().map(|lane| lane.entry.codec_string.as_str()).collect();
        format!("video/mp4; codecs=\"{}\"", codecs.join(","))
    }

    /// The initialization segment, `ftyp` and `moov`.
    pub fn init(&self) -> Bytes {
        write_init(&self.tracks(), None)
    }

    /// The initialization segment for a reader that starts with the unit decoded at `first`: its edit list makes
    /// that the zero of what a player shows, so a download of a stream that runs for days does not begin there.
    pub fn init_from(&self, first: MediaTime) -> Bytes {
        let lead = self.lead_seconds.unwrap_or(0).saturating_mul(first.rate.into());
        write_init(&self.tracks(), Some(MediaTime::new(first.ticks.saturating_add(lead).max(0), first.rate)))
    }

    fn tracks(&self) -> Vec<Carried<'_>> {
        let numbered = self.lanes.iter().zip(1..);
        numbered.map(|(Lane { track, entry, .. }, number)| Carried { track, entry, number }).collect()
    }

    /// Makes the fragment of one unit. `None` when its track is not carried or the unit is empty.
    pub fn push(&mut self, unit: &Unit) -> Option<Fragment> {
        let lane = self.lanes.iter_mut().find(|lane| lane.track.id == unit.track)?;
        let mdat_bytes = u32::try_from(unit.data.len() + 8).ok().filter(|&size| size > 8)?;
        let rate = i64::from(lane.track.clock_rate);
        // A first unit before zero (B frames at the start of a stream) gets a whole second more than it needs,
        // for the tracks that start a little earlier still.
        let lead = *self.lead_seconds.get_or_insert_with(|| {
            if unit.dts < 0 { 1_i64.saturating_sub(unit.dts.div_euclid(rate.max(1))) } else { 0 }
        });
        self.sequence = self.sequence.wrapping_add(1);
        let decode_time = unit.dts.saturating_add(lead.saturating_mul(rate)).max(0) as u64;
        let sample = Sample {
            sequence: self.sequence,
            decode_time,
            duration: lane.duration_of(unit),
            data_bytes: mdat_bytes - 8,
            flags: if unit.keyframe { FLAGS_KEY } else { FLAGS_DELTA },
            composition: unit.pts.saturating_sub(unit.dts).clamp(i32::MIN.into(), i32::MAX.into()) as i32,
        };
        sample.write(&mut lane.head);
        Some(Fragment {
            track: unit.track,
            keyframe: unit.keyframe && lane.track.codec.is_video() == self.video,
            parts: [Bytes::copy_from_slice(&lane.head), unit.data.clone()],
        })
    }
}

impl Lane {
    fn new(track: Track, entry: Entry, number: u32) -> Self {
        let duration = (track.clock_rate / (1_000 / FIRST_FRAME_MS)).max(1);
        Self { track, entry, head: head(number), last_dts: None, duration }
    }

    fn duration_of(&mut self, unit: &Unit) -> u32 {
        let from_frame = if self.track.codec.is_video() {
            None
        } else {
            bitstream::audio_frame_ticks(&self.track, &unit.data)
        };
        let since_last = self.last_dts.map(|last| unit.dts.saturating_sub(last));
        let longest = FRAME_SECONDS_MAX * i64::from(self.track.clock_rate);
        let guess = from_frame.map(i64::from).or(since_last).filter(|ticks| (1..=longest).contains(ticks));
        if let Some(ticks) = guess {
            self.duration = ticks as u32;
        }
        self.last_dts = Some(unit.dts);
        self.duration
    }
}

/// What differs from one fragment of a track to the next.
struct Sample {
    sequence: u32,
    decode_time: u64,
    duration: u32,
    data_bytes: u32,
    flags: u32,
    composition: i32,
}

impl Sample {
    fn write(&self, head: &mut [u8; HEAD_BYTES]) {
        head[20..24].copy_from_slice(&self.sequence.to_be_bytes());
        head[60..68].copy_from_slice(&self.decode_time.to_be_bytes());
        head[88..92].copy_from_slice(&self.duration.to_be_bytes());
        head[92..96].copy_from_slice(&self.data_bytes.to_be_bytes());
        head[96..100].copy_from_slice(&self.flags.to_be_bytes());
        head[100..104].copy_from_slice(&self.composition.to_be_bytes());
        head[104..108].copy_from_slice(&(self.data_bytes + 8).to_be_bytes());
    }
}

/// `moof` with one sample of track `number`, and the head of `mdat`. What [`Sample::write`] fills in is zero.
#[rustfmt::skip]
const fn head(number: u32) -> [u8; HEAD_BYTES] {
    let [_, _, hi, lo] = number.to_be_bytes();
    [
        0, 0, 0, 104, b'm', b'o', b'o', b'f',
        0, 0, 0, 16, b'm', b'f', b'h', b'd', 0, 0, 0, 0,
            0, 0, 0, 0,                                     // 20: sequence number
        0, 0, 0, 80, b't', b'r', b'a', b'f',
        0, 0, 0, 16, b't', b'f', b'h', b'd', 0, 0x02, 0, 0, // flags: default-base-is-moof
            0, 0, hi, lo,                                   // track number
        0, 0, 0, 20, b't', b'f', b'd', b't', 1, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0,                         // 60: decoding time
        0, 0, 0, 36, b't', b'r', b'u', b'n', 1, 0, 0x0f, 1, // version 1: signed composition offsets
            0, 0, 0, 1,                                     // one sample
            0, 0, 0, HEAD_BYTES as u8,                      // where its data begins, from the start of moof
            0, 0, 0, 0,                                     // 88: duration
            0, 0, 0, 0,                                     // 92: bytes
            0, 0, 0, 0,                                     // 96: flags
            0, 0, 0, 0,                                     // 100: composition offset
        0, 0, 0, 0, b'm', b'd', b'a', b't',                 // 104: bytes with this head
    ]
}
