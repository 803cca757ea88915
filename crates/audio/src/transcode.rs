//! The whole way: units of one or several tracks to encoded frames of one target.
//!
//! Each track is decoded, brought to the target's channels and rate, and mixed with the others on the time line they
//! share. The sum is cut into frames of exactly the target's length, measured, and encoded. Rules:
//! - A frame's time is the time of its first sample. Filters keep times; an encoder's look-ahead (Opus: 6.5 ms, G.722:
//!   1.4 ms) is not taken off. Times rise strictly, whatever the inputs' times do.
//! - Times within 10 ms of what the samples before say are taken as drift: one sample of a unit is repeated or left
//!   out until they are within 5 ms again. A millisecond clock (RTMP) never gets there.
//! - A gap up to 200 ms is filled: by the codec where it can (Opus, 60 ms), else by silence. A longer one is a jump:
//!   the open frame ends in silence, the next is marked as a discontinuity and has the new time.
//! - A step back up to 200 ms drops what was there already; a longer one goes on where the sound is.
//! - A damaged unit is a gap. A unit of a track that is no input is ignored.
use crate::decode::DecodeError;
use crate::encode::Encoder;
use crate::level::Reading;
use crate::mix::{Mixer, MixerStats};
use crate::target::{Target, TargetError};
use input::Input;
use media::{Track, Unit};
use outlet::Outlet;

mod framer;
mod input;
mod outlet;

/// Why there is no transcoder for these tracks and this target.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TranscodeError {
    /// None of the tracks is sound.
    #[error("there is no sound to transcode: the stream has no audio track")]
    NoSound,
    /// A track cannot be decoded.
    #[error(transparent)]
    Input(#[from] DecodeError),
    /// The target cannot be made.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// What was wrong with the inputs so far. Samples are of one channel, at the target's rate.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TranscoderStats {
    /// Units decoded.
    pub units: u64,
    /// Units that could not be decoded.
    pub damaged_units: u64,
    /// Gaps filled.
    pub gaps: u64,
    /// Units, or parts of them, dropped since their time had been there.
    pub repeated_units: u64,
    /// Samples repeated or left out to follow an input's clock.
    pub slips: u64,
    /// Frames that the encoder did not take.
    pub failed_frames: u64,
    /// Frames dropped since nobody drained them.
    pub overflowed_frames: u64,
    /// What the mixer had to do.
    pub mixer: MixerStats,
}

/// Turns units of one or several audio tracks of a stream into units of one target.
#[derive(Debug)]
pub struct Transcoder {
    inputs: Vec<Input>,
    mixer: Mixer,
    outlet: Outlet,
    stats: TranscoderStats,
    damage: Option<DecodeError>,
    sound: Vec<f32>,
}

impl Transcoder {
    /// Of the audio tracks among `inputs`; all of them are mixed.
    pub fn new(inputs: &[Track], target: Target) -> Result<Self, TranscodeError> {
        let encoder = Encoder::new(target)?;
        let mut this = Self {
            inputs: Vec::new(),
            mixer: Mixer::new(target.rate, target.channels),
            outlet: Outlet::new(encoder),
            stats: TranscoderStats::default(),
            damage: None,
            sound: Vec::new(),
        };
        this.set_inputs(inputs)?;
        Ok(this)
    }

    /// Other inputs from now on. A track that was there before and is the same goes on; the output's times go on in any
    /// case. After an error the inputs are as they were.
    pub fn set_inputs(&mut self, inputs: &[Track]) -> Result<(), TranscodeError> {
        let target = *self.target();
        let mut fresh = Vec::new();
        for track in inputs.iter().filter(|track| !track.codec.is_video()) {
            if !self.inputs.iter().any(|input| input.track() == track) {
                fresh.push(Input::new(track, &target)?);
            }
        }
        let kept = |input: &Input| inputs.iter().any(|track| input.track() == track);
        if fresh.is_empty() && !self.inputs.iter().any(kept) {
            return Err(TranscodeError::NoSound);
        }
        for gone in self.inputs.extract_if(.., |input| !kept(input)) {
            self.mixer.remove_lane(gone.lane);
        }
        for mut input in fresh {
            input.lane = self.mixer.add_lane();
            self.inputs.push(input);
        }
        Ok(())
    }

    /// Takes a unit; then drain [`poll_output`](Self::poll_output).
    pub fn push(&mut self, unit: &Unit) {
        let Some(input) = self.inputs.iter_mut().find(|input| input.track().id == unit.track) else { return };
        self.sound.clear();
        let made = match input.push(unit, &mut self.sound, &mut self.stats) {
            Ok(made) => made,
            Err(error) => {
                self.damage = Some(error);
                return;
            }
        };
        let lane = input.lane;
        self.outlet.framer.arrived(unit, made.unit_at);
        let Self { mixer, outlet, sound, .. } = self;
        let shift = mixer.push(lane, made.at, sound, unit.arrival, &mut |chunk| outlet.push(chunk));
        outlet.framer.placed(unit, made.unit_at + shift);
    }

    /// Gives out what still waits for more: the end of the sound. An incomplete last frame ends in silence.
    pub fn finish(&mut self) {
        let Self { mixer, outlet, .. } = self;
        mixer.flush(&mut |chunk| outlet.push(chunk));
        outlet.finish();
    }

    /// The next encoded frame, as a unit of track 0; see [`Target::track`].
    pub fn poll_output(&mut self) -> Option<Unit> {
        self.outlet.ready.pop_front()
    }

    /// Loudness of the last 100 ms encoded.
    pub const fn level(&self) -> Reading {
        self.outlet.level.latest()
    }

    /// What it makes.
    pub const fn target(&self) -> &Target {
        self.outlet.encoder.target()
    }

    /// What was wrong with the inputs so far.
    pub fn stats(&self) -> TranscoderStats {
        TranscoderStats {
            failed_frames: self.outlet.failed_frames,
            overflowed_frames: self.outlet.overflowed_frames,
            mixer: self.mixer.stats(),
            ..self.stats
        }
    }

    /// The last unit that could not be decoded.
    pub const fn damage(&self) -> Option<&DecodeError> {
        self.damage.as_ref()
    }
}

#[cfg(test)]
mod tests;
