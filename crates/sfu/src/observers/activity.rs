//! Speech activity of one speaker over three times, and its scores.
//!
//! Source: I. Volfin, I. Cohen, "Dominant speaker identification for multipoint videoconferencing", Computer Speech
//! and Language 27 (2013): activity of an immediate, a medium and a long time, each counted in active parts of
//! the time below it; a score is the log likelihood of that count if there is speech (binomial), less that if there
//! is none (exponential). Since packets tell a level and no spectrum, the immediate activity is loudness above the
//! speaker's own noise, in steps, where the paper counts frequency bands.
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Immediate time: 40 ms, so that with packets of 20 ms there are always two.
const SLOT: Duration = Duration::from_millis(40);
/// A level is held for 100 ms without a packet: packets may be of 60 ms, and one be lost.
const HOLD: Duration = Duration::from_millis(100);
/// Steps of loudness. Source: mediasoup's N1.
const IMMEDIATE_MAX: u32 = 13;
/// Slots of the medium time: 200 ms, a syllable. Source: mediasoup's N2.
const MEDIUM_MAX: u32 = 5;
/// Medium times of the long time: 2 s, a sentence. Source: mediasoup's N3.
const LONG_MAX: u32 = 10;
/// A step is 4 dB: 13 of them are 52 dB, from noise to shouting.
const STEP_DB: u32 = 4;
/// A slot is active from 20 dB above noise, and a medium time from three active slots of its five.
const SLOT_ACTIVE: u32 = 5;
const MEDIUM_ACTIVE: u32 = 3;
/// Noise lies between −107 and −57 dBov: below, a microphone is off; above, it is speech.
const NOISE_DB: std::ops::RangeInclusive<u32> = 20..=70;
/// Noise rises toward a louder signal by 1 dB in this many slots (1 s), and falls at once.
const NOISE_RISE_SLOTS: u32 = 25;
/// Slots of the long time.
const SLOTS: usize = (MEDIUM_MAX * LONG_MAX) as usize;
/// Rate of the exponential law for silence. Large enough that more activity is always more likely speech.
const LAMBDA: f64 = 3.0;
/// Scores are at least this, so that their ratio is defined.
const SCORE_MIN: f64 = 0.01;

/// Scores of the three times.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Scores {
    pub(super) immediate: f64,
    pub(super) medium: f64,
    pub(super) long: f64,
}

/// One speaker's levels of the long time.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    /// Steps of loudness of each slot, newest last.
    slots: VecDeque<u32>,
    slot_at: Moment,
    /// Loudest of the current slot, in dB above −127 dBov.
    loudest: Option<u32>,
    last: Option<(u32, Moment)>,
    noise_db: u32,
    quiet_slots: u32,
}

impl Activity {
    pub(super) fn new(now: Moment) -> Self {
        Self {
            slots: VecDeque::from([0; SLOTS]),
            slot_at: now,
            loudest: None,
            last: None,
            noise_db: 50,
            quiet_slots: 0,
        }
    }

    pub(super) fn handle_level(&mut self, dbov: i8, now: Moment) {
        self.advance(now);
        let loudness = (127 + i32::from(dbov)).clamp(0, 127) as u32;
        self.loudest = Some(self.loudest.unwrap_or(0).max(loudness));
        self.last = Some((loudness, now));
    }

    /// Closes the slots that ended. After a long silence only the last [`SLOTS`] of them.
    pub(super) fn advance(&mut self, now: Moment) {
        let ended = (now.since(self.slot_at).as_nanos() / SLOT.as_nanos()) as u64;
        let skipped = ended.saturating_sub(SLOTS as u64 + 1);
        self.slot_at += Duration::from_nanos(SLOT.as_nanos() as u64 * skipped);
        for _ in skipped..ended {
            let held = self.last.filter(|(_, at)| self.slot_at < *at + HOLD).map(|(loudness, _)| loudness);
            let loudness = self.loudest.take().or(held).unwrap_or(0);
            self.learn_noise(loudness);
            self.slots.pop_front();
            self.slots.push_back((loudness.saturating_sub(self.noise_db) / STEP_DB).min(IMMEDIATE_MAX));
            self.slot_at += SLOT;
        }
    }

    pub(super) fn scores(&self) -> Scores {
        let slots: Vec<u32> = self.slots.iter().rev().copied().collect();
        let mediums = slots.chunks(MEDIUM_MAX as usize).map(active_slots);
        let long = mediums.clone().filter(|medium| *medium >= MEDIUM_ACTIVE).count() as u32;
        Scores {
            immediate: score(slots.first().copied().unwrap_or(0), IMMEDIATE_MAX),
            medium: score(mediums.clone().next().unwrap_or(0), MEDIUM_MAX),
            long: score(long, LONG_MAX),
        }
    }

    /// Whether there was speech in the medium time.
    pub(super) fn speaks(&self) -> bool {
        let newest: Vec<u32> = self.slots.iter().rev().take(MEDIUM_MAX as usize).copied().collect();
        active_slots(&newest) >= MEDIUM_ACTIVE
    }

    fn learn_noise(&mut self, loudness: u32) {
        if loudness <= self.noise_db {
            self.noise_db = loudness;
            self.quiet_slots = 0;
        } else {
            self.quiet_slots += 1;
            if self.quiet_slots == NOISE_RISE_SLOTS {
                self.quiet_slots = 0;
                self.noise_db += 1;
            }
        }
        self.noise_db = self.noise_db.clamp(*NOISE_DB.start(), *NOISE_DB.end());
    }
}

fn active_slots(slots: &[u32]) -> u32 {
    slots.iter().filter(|steps| **steps >= SLOT_ACTIVE).count() as u32
}

/// Log likelihood ratio of `active` parts out of `all`: speech, each active with probability 1/2, against silence.
fn score(active: u32, all: u32) -> f64 {
    let choose: f64 = (1..=active).map(|k| f64::from(all - active + k) / f64::from(k)).product();
    let speech = choose.ln() - f64::from(all) * std::f64::consts::LN_2;
    let silence = LAMBDA.ln() - LAMBDA * f64::from(active);
    (speech - silence).max(SCORE_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_activity_never_scores_less() {
        for all in [IMMEDIATE_MAX, MEDIUM_MAX, LONG_MAX] {
            let scores: Vec<f64> = (0..=all).map(|active| score(active, all)).collect();
            assert!(scores.is_sorted(), "{scores:?}");
            assert_eq!(scores[0], SCORE_MIN);
        }
    }

    #[test]
    fn steady_noise_is_no_speech_and_a_silence_of_days_costs_nothing() {
        let mut activity = Activity::new(Moment::ZERO);
        for ms in (0..20_000).step_by(20) {
            activity.handle_level(-62, Moment::from_millis(ms));
        }
        assert!(!activity.speaks());
        activity.advance(Moment::from_millis(1_000_000_000));
        assert!(activity.slots.iter().all(|steps| *steps == 0));
        assert_eq!(activity.slots.len(), SLOTS);
    }
}
