//! Mixer: several voices on one time line, added sample by sample.
//!
//! Each voice has a lane and says at which sample each of its blocks begins. What goes out waits until every lane that
//! speaks has come as far, but
//! - a lane that sent nothing for 100 ms is not waited for, so one that stops, or never starts, stalls nobody;
//! - nothing waits while another lane is 200 ms ahead, so delay and memory have a bound.
//!
//! A block that comes too late for what went out loses its beginning. One that comes wholly too late moves its lane
//! to now, and so does one that is too far ahead of a conversation that goes on: the lane keeps that shift until its
//! own times jump. When the only voice jumps ahead by more than 200 ms, the time line jumps with it.
//! The sum is bent softly above −1.9 dBFS; a single lane is left alone.
use media::Moment;
use std::time::Duration;

/// A lane that sent nothing for so long is not waited for: 100 ms, five packets of a browser.
const SILENT_AFTER: Duration = Duration::from_millis(100);
/// Longest that sound waits for a lane that is behind, in sound: 200 ms, where a talk begins to feel slow.
const WAIT_MS: i64 = 200;
/// Up to here sound passes as it is.
const KNEE: f32 = 0.8;

/// Furthest sample from zero: 2^60, some hundred thousand years. Beyond it times mean nothing, and sums overflow.
const AT_MAX: i64 = 1 << 60;

/// A lane's number, from [`Mixer::add_lane`].
pub type LaneId = usize;

/// Sound that all lanes have given to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Chunk<'a> {
    /// Sample at which it begins.
    pub at: i64,
    /// Interleaved samples.
    pub samples: &'a [f32],
    /// The time line jumped: it does not follow the chunk before.
    pub discontinuity: bool,
}

/// What a mixer had to do beyond adding. Samples are of one channel.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct MixerStats {
    /// Samples that came after their time had gone out.
    pub late_samples: u64,
    /// How often a lane was moved to now.
    pub shifts: u64,
    /// How often the time line jumped.
    pub jumps: u64,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    active: bool,
    /// Where its next block begins if its times go on.
    next: i64,
    /// Where its sound ends on our time line; the far past before its first block.
    end: i64,
    /// Our time minus its time.
    shift: i64,
    pushed_at: Option<Moment>,
}

/// Adds up lanes of sound.
#[derive(Clone, Debug)]
pub struct Mixer {
    channels: usize,
    wait: i64,
    lanes: Vec<Lane>,
    /// Sample at which `sum` begins: everything before it has gone out. `None` before the first block.
    position: Option<i64>,
    sum: Vec<f32>,
    jumped: bool,
    /// When the first block came.
    began_at: Option<Moment>,
    stats: MixerStats,
}

impl Mixer {
    /// For sound of `rate` samples a second in `channels` channels.
    pub fn new(rate: u32, channels: u8) -> Self {
        Self {
            channels: usize::from(channels.max(1)),
            wait: i64::from(rate) * WAIT_MS / 1_000,
            lanes: Vec::new(),
            position: None,
            sum: Vec::new(),
            jumped: false,
            began_at: None,
            stats: MixerStats::default(),
        }
    }

    /// A lane for one more voice.
    pub fn add_lane(&mut self) -> LaneId {
        let lane = Lane { active: true, ..Lane::NONE };
        match self.lanes.iter().position(|lane| !lane.active) {
            Some(free) => {
                self.lanes[free] = lane;
                free
            }
            None => {
                self.lanes.push(lane);
                self.lanes.len() - 1
            }
        }
    }

    /// The voice has gone; what it said goes out. Its number may be given again.
    pub fn remove_lane(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(id) {
            *lane = Lane::NONE;
        }
    }

    /// What it had to do beyond adding.
    pub const fn stats(&self) -> MixerStats {
        self.stats
    }

    /// Takes a block of lane `id` that begins at sample `at` and arrived at `now`; gives `out` what became complete.
    /// Says how far behind its own time the block was put. The samples are interleaved; an unknown lane is ignored.
    pub fn push(
        &mut self,
        id: LaneId,
        at: i64,
        samples: &[f32],
        now: Moment,
        out: &mut dyn FnMut(Chunk<'_>),
    ) -> i64 {
        let frames = (samples.len() / self.channels) as i64;
        let Some(mut lane) = self.lanes.get(id).copied().filter(|lane| lane.active && frames > 0) else {
            return 0;
        };
        let at = at.clamp(-AT_MAX, AT_MAX);
        if lane.pushed_at.is_none() || at != lane.next {
            lane.shift = 0;
        }
        self.began_at.get_or_insert(now);
        let position = self.position.unwrap_or(at);
        let start = at + lane.shift;
        let alone = !self.others_speak(id, now);
        if alone && start - self.end(position) > self.wait {
            self.flush(out);
            self.stats.jumps += u64::from(self.position.is_some());
            (self.jumped, self.position) = (self.position.is_some(), Some(start));
        } else if start + frames <= position || (!alone && start - position > self.wait && start > lane.end) {
            lane.shift = position.max(lane.end) - at;
            self.stats.shifts += 1;
        }
        let position = *self.position.get_or_insert(start);
        // No voice overlaps itself, and nothing changes what has gone out.
        let start = at + lane.shift;
        let first = (position.max(lane.end.min(start + frames)) - start).clamp(0, frames);
        self.stats.late_samples += first as u64;
        self.add(start + first - position, &samples[first as usize * self.channels..]);
        lane.next = at + frames;
        lane.end = start + frames;
        lane.pushed_at = Some(now);
        self.lanes[id] = lane;
        self.release(now, out);
        lane.shift
    }

    /// Gives out everything that came, without waiting for anybody: the end of the sound.
    pub fn flush(&mut self, out: &mut dyn FnMut(Chunk<'_>)) {
        self.emit(self.sum.len() / self.channels, out);
    }

    /// Gives out what no lane that speaks is waited for any more.
    pub fn release(&mut self, now: Moment, out: &mut dyn FnMut(Chunk<'_>)) {
        let Some(position) = self.position else { return };
        let end = self.end(position);
        let slowest =
            self.lanes.iter().filter(|lane| lane.speaks(self.began_at, now)).map(|lane| lane.end).min();
        let until = slowest.unwrap_or(end).max(end - self.wait).min(end);
        self.emit((until - position).max(0) as usize, out);
    }

    fn end(&self, position: i64) -> i64 {
        position + (self.sum.len() / self.channels) as i64
    }

    fn others_speak(&self, id: LaneId, now: Moment) -> bool {
        self.lanes.iter().enumerate().any(|(index, lane)| index != id && lane.speaks(self.began_at, now))
    }

    /// Adds a block `offset` samples behind the position.
    fn add(&mut self, offset: i64, samples: &[f32]) {
        let from = offset.max(0) as usize * self.channels;
        if self.sum.len() < from + samples.len() {
            self.sum.resize(from + samples.len(), 0.0);
        }
        for (sum, sample) in self.sum[from..].iter_mut().zip(samples) {
            *sum += sample;
        }
    }

    fn emit(&mut self, frames: usize, out: &mut dyn FnMut(Chunk<'_>)) {
        let (Some(position), true) = (self.position, frames > 0) else { return };
        let length = frames * self.channels;
        if self.lanes.iter().filter(|lane| lane.active).count() > 1 {
            self.sum[..length].iter_mut().for_each(|sample| *sample = bend(*sample));
        }
        out(Chunk { at: position, samples: &self.sum[..length], discontinuity: self.jumped });
        self.jumped = false;
        self.sum.drain(..length);
        self.position = Some(position + frames as i64);
    }
}

impl Lane {
    const NONE: Lane = Lane { active: false, next: 0, end: i64::MIN, shift: 0, pushed_at: None };

    /// True while others wait for it: also before its first block, at the beginning of them all.
    fn speaks(&self, began_at: Option<Moment>, now: Moment) -> bool {
        self.active && self.pushed_at.or(began_at).is_some_and(|at| now.since(at) < SILENT_AFTER)
    }
}

/// Straight up to the knee, then ever flatter, never above 1.
fn bend(sample: f32) -> f32 {
    let above = sample.abs() - KNEE;
    if above <= 0.0 { sample } else { (KNEE + (1.0 - KNEE) * (above / (1.0 - KNEE)).tanh()).copysign(sample) }
}

#[cfg(test)]
mod tests;
