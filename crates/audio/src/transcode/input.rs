//! One input: from a track's units to sound at the target's rate, on the samples' time line.
use super::TranscoderStats;
use crate::channels;
use crate::decode::{DecodeError, Decoder};
use crate::mix::LaneId;
use crate::resample::Resampler;
use crate::target::Target;
use media::{Track, Unit, rescale};

/// Closer than this to what is expected, a time is right: 5 ms. A clock of whole milliseconds is 1 ms off.
const EXACT_MS: i64 = 5;
/// Closer than this, the clock drifts: 10 ms, the shortest packet in use. One that was lost is as far off or further.
const DRIFT_MS: i64 = 10;
/// Further away than this it is another place: 200 ms.
const GAP_MS: i64 = 200;
/// Furthest time from zero: 2^50 ticks, seven hundred years at 48 kHz. Beyond it arithmetic overflows.
const PTS_MAX: i64 = 1 << 50;

/// One track, decoded and converted.
#[derive(Debug)]
pub(super) struct Input {
    track: Track,
    decoder: Decoder,
    resampler: Resampler,
    /// Channels that are resampled: the fewer of both sides'.
    channels: u8,
    target_rate: u32,
    target_channels: u8,
    pub(super) lane: LaneId,
    place: Option<Place>,
    decoded: Vec<f32>,
    narrowed: Vec<f32>,
    resampled: Vec<f32>,
}

/// Where the input is on its time line.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Where the next unit begins, in samples of the decoder, if no time is lost.
    expected: i64,
    /// Where the next sample goes that the resampler gives, in samples of the target.
    at: i64,
}

/// Samples of the target: where what was made goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    /// Where its first sample goes: before the unit's own time, by what the resampler had held.
    pub(super) at: i64,
    /// The unit's own time.
    pub(super) unit_at: i64,
}

/// What a unit's time says, in samples of the decoder.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// It follows.
    On,
    /// It follows, but the clock has drifted: one sample is to be repeated.
    Stretch,
    /// It follows, but the clock has drifted: one sample is to be left out.
    Shrink,
    /// So much is missing before it.
    Gap(usize),
    /// So much of it has been there.
    Repeat(usize),
    /// It is at another place.
    Jump,
}

impl Input {
    pub(super) fn new(track: &Track, target: &Target) -> Result<Self, DecodeError> {
        let decoder = Decoder::new(track)?;
        let channels = target.channels.min(decoder.channels());
        let resampler =
            Resampler::new(decoder.rate(), target.rate, channels).map_err(|_| DecodeError::Track {
                track: track.id,
                codec: track.codec,
                rate: decoder.rate(),
                channels: decoder.channels(),
                why: "its rate cannot be brought to that of the target",
            })?;
        Ok(Self {
            track: track.clone(),
            decoder,
            resampler,
            channels,
            target_rate: target.rate,
            target_channels: target.channels,
            lane: 0,
            place: None,
            decoded: Vec::new(),
            narrowed: Vec::new(),
            resampled: Vec::new(),
        })
    }

    pub(super) fn track(&self) -> &Track {
        &self.track
    }

    /// Appends the sound that `unit` completes, in the target's channels. After an error nothing has happened: what is
    /// missing shows at the next unit.
    pub(super) fn push(
        &mut self,
        unit: &Unit,
        out: &mut Vec<f32>,
        stats: &mut TranscoderStats,
    ) -> Result<Made, DecodeError> {
        let rate = self.decoder.rate();
        let width = usize::from(self.decoder.channels());
        let pts = rescale(unit.pts.clamp(-PTS_MAX, PTS_MAX), self.track.clock_rate, rate);
        let here = Place { expected: pts, at: rescale(pts, rate, self.target_rate) };
        let (step, mut place) = match self.place {
            Some(place) => (step(pts - place.expected, i64::from(rate)), place),
            None => (Step::Jump, here),
        };
        self.decoded.clear();
        if let Step::Gap(missing) = step {
            self.decoder.conceal(missing, &unit.data, &mut self.decoded);
        }
        if let Step::Jump = step {
            self.decoder.reset();
        }
        let decoded = self.decoder.decode(&unit.data, &mut self.decoded);
        let frames = decoded.inspect_err(|_| stats.damaged_units += 1)? as i64;
        stats.units += 1;
        place.expected += frames;
        match step {
            Step::On => {}
            Step::Stretch => {
                repeat(&mut self.decoded, width);
                (place.expected, stats.slips) = (place.expected + 1, stats.slips + 1);
            }
            Step::Shrink => {
                leave_out(&mut self.decoded, width);
                (place.expected, stats.slips) = (place.expected - 1, stats.slips + 1);
            }
            Step::Gap(missing) => {
                (place.expected, stats.gaps) = (place.expected + missing as i64, stats.gaps + 1);
            }
            Step::Repeat(known) => {
                let known = known.min(frames as usize);
                self.decoded.drain(..known * width);
                (place.expected, stats.repeated_units) =
                    (place.expected - known as i64, stats.repeated_units + 1);
            }
            Step::Jump => {
                self.resampler.reset();
                place = Place { expected: pts + frames, ..here };
            }
        }
        let made = Made { at: place.at, unit_at: here.at };
        place.at += self.convert(out) as i64;
        self.place = Some(place);
        Ok(made)
    }

    /// Appends what was decoded in the target's rate and channels; says how many samples of each channel that is.
    fn convert(&mut self, out: &mut Vec<f32>) -> usize {
        self.narrowed.clear();
        self.resampled.clear();
        channels::convert(&self.decoded, self.decoder.channels(), self.channels, &mut self.narrowed);
        self.resampler.push(&self.narrowed, &mut self.resampled);
        channels::convert(&self.resampled, self.channels, self.target_channels, out);
        self.resampled.len() / usize::from(self.channels)
    }
}

/// What it means that a unit begins `ahead` samples behind the end of the one before.
fn step(ahead: i64, rate: i64) -> Step {
    let below = |millis: i64| ahead.abs() < rate * millis / 1_000;
    if below(EXACT_MS) {
        Step::On
    } else if below(DRIFT_MS) {
        if ahead > 0 { Step::Stretch } else { Step::Shrink }
    } else if below(GAP_MS + 1) {
        let samples = ahead.unsigned_abs() as usize;
        if ahead > 0 { Step::Gap(samples) } else { Step::Repeat(samples) }
    } else {
        Step::Jump
    }
}

/// Repeats the sample that is nearest to the one behind it, where it is heard least.
fn repeat(sound: &mut Vec<f32>, width: usize) {
    if let Some(index) = smoothest(sound, width) {
        let at = index * width;
        for channel in 0..width {
            sound.insert(at + width + channel, sound[at + channel]);
        }
    }
}

/// Leaves out the sample that is nearest to the one behind it.
fn leave_out(sound: &mut Vec<f32>, width: usize) {
    if let Some(index) = smoothest(sound, width) {
        sound.drain(index * width..(index + 1) * width);
    }
}

fn smoothest(sound: &[f32], width: usize) -> Option<usize> {
    let turn = |index: &usize| (sound[index * width] - sound[(index + 1) * width]).abs();
    (0..(sound.len() / width).saturating_sub(1)).min_by(|a, b| turn(a).total_cmp(&turn(b)))
}
