//! [`ActiveSpeakerObserver`]: who dominates the conversation.
//!
//! Source: Volfin and Cohen 2013 (see `activity`): another becomes dominant when each of its three scores exceeds the
//! dominant one's by a factor. Noise fails on the long time, an old talker on the immediate and the medium.
use super::AudioLevel;
use super::activity::{Activity, Scores};
use media::Moment;
use std::collections::BTreeMap;
use std::time::Duration;

/// Log of the least factor between scores of the immediate time. Source: the paper's C1, as mediasoup sets it.
const IMMEDIATE_MIN: f64 = 3.0;
/// Of the medium time: C2.
const MEDIUM_MIN: f64 = 2.0;
/// Of the long time: C3; any excess is enough.
const LONG_MIN: f64 = 0.0;
/// Intervals are held between 50 ms and 5 s.
const INTERVAL_MS: std::ops::RangeInclusive<u16> = 50..=5000;

/// Options, with mediasoup's names and defaults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ActiveSpeakerObserverOptions {
    /// Milliseconds between decisions: 300. Held between 50 and 5000.
    pub interval: u16,
}

impl Default for ActiveSpeakerObserverOptions {
    fn default() -> Self {
        Self { interval: 300 }
    }
}

/// Observes producers, which `P` names.
#[derive(Clone, Debug)]
pub struct ActiveSpeakerObserver<P> {
    interval: Duration,
    speakers: BTreeMap<P, Activity>,
    dominant: Option<P>,
    next_at: Moment,
    paused: bool,
}

impl<P: Ord + Copy> ActiveSpeakerObserver<P> {
    /// Observes nobody yet.
    pub fn new(options: ActiveSpeakerObserverOptions, now: Moment) -> Self {
        let ms = options.interval.clamp(*INTERVAL_MS.start(), *INTERVAL_MS.end());
        let interval = Duration::from_millis(ms.into());
        Self { interval, speakers: BTreeMap::new(), dominant: None, next_at: now + interval, paused: false }
    }

    /// Observes a producer too.
    pub fn add_producer(&mut self, producer: P, now: Moment) {
        self.speakers.entry(producer).or_insert_with(|| Activity::new(now));
    }

    /// Observes it no longer. If it dominated, nobody does until the next one speaks.
    pub fn remove_producer(&mut self, producer: P) {
        self.speakers.remove(&producer);
        self.dominant = self.dominant.filter(|dominant| *dominant != producer);
    }

    /// Takes a packet's level. Of producers that are not observed it is ignored.
    pub fn handle_level(&mut self, producer: P, level: AudioLevel, now: Moment) {
        if self.paused {
            return;
        }
        if let Some(activity) = self.speakers.get_mut(&producer) {
            activity.handle_level(level.dbov, now);
        }
    }

    /// Decides nothing for a while.
    pub const fn pause(&mut self) {
        self.paused = true;
    }

    /// Decides again, an interval from now.
    pub fn resume(&mut self, now: Moment) {
        self.paused = false;
        self.next_at = now + self.interval;
    }

    /// Who dominates now.
    pub const fn dominant(&self) -> Option<P> {
        self.dominant
    }

    /// Decides when it is time; call at [`ActiveSpeakerObserver::wake_at`]. Returns the dominant speaker when it is
    /// another one than before.
    pub fn poll(&mut self, now: Moment) -> Option<P> {
        if self.paused || now < self.next_at {
            return None;
        }
        self.next_at = now + self.interval;
        self.speakers.values_mut().for_each(|activity| activity.advance(now));
        let dominant = self.dominant.and_then(|dominant| self.speakers.get(&dominant)).map(Activity::scores);
        let challengers = self
            .speakers
            .iter()
            .filter(|(producer, activity)| Some(**producer) != self.dominant && activity.speaks());
        let (winner, _) = challengers
            .map(|(producer, activity)| (*producer, activity.scores()))
            .filter(|(_, scores)| dominant.is_none_or(|dominant| exceeds(*scores, dominant)))
            .max_by(|(_, a), (_, b)| {
                let by_medium = a.medium.total_cmp(&b.medium);
                by_medium.then(a.long.total_cmp(&b.long)).then(a.immediate.total_cmp(&b.immediate))
            })?;
        self.dominant = Some(winner);
        self.dominant
    }

    /// When the next decision is due.
    pub const fn wake_at(&self) -> Moment {
        if self.paused { Moment::FAR_FUTURE } else { self.next_at }
    }
}

fn exceeds(challenger: Scores, dominant: Scores) -> bool {
    (challenger.immediate / dominant.immediate).ln() > IMMEDIATE_MIN
        && (challenger.medium / dominant.medium).ln() > MEDIUM_MIN
        && (challenger.long / dominant.long).ln() > LONG_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    /// Runs a conversation of packets each 20 ms; `dbov` says who is how loud when. Returns who was told when.
    fn converse(end_ms: u64, dbov: impl Fn(u8, u64) -> i8) -> Vec<(u64, u8)> {
        let mut observer = ActiveSpeakerObserver::new(ActiveSpeakerObserverOptions::default(), at(0));
        (1..=3).for_each(|producer| observer.add_producer(producer, at(0)));
        let mut told = Vec::new();
        for ms in (0..end_ms).step_by(20) {
            for producer in 1..=3 {
                let level = AudioLevel { dbov: dbov(producer, ms), voice: true };
                observer.handle_level(producer, level, at(ms));
            }
            if let Some(producer) = observer.poll(at(ms)) {
                told.push((ms, producer));
            }
        }
        told
    }

    #[test]
    fn who_speaks_is_dominant_and_the_next_follows_within_two_seconds() {
        let told = converse(10_000, |producer, ms| {
            let speaks = if ms < 5000 { producer == 1 } else { producer == 2 };
            if speaks { -30 } else { -75 }
        });
        let producers: Vec<u8> = told.iter().map(|(_, producer)| *producer).collect();
        assert_eq!(producers, [1, 2], "{told:?}");
        assert!(told[0].0 <= 600 && (5000..=7000).contains(&told[1].0), "{told:?}");
    }

    #[test]
    fn a_cough_and_a_pause_for_breath_change_nothing() {
        let told = converse(10_000, |producer, ms| match producer {
            1 if ms % 1500 < 1200 => -30,
            2 if (4200..4400).contains(&ms) => -5,
            _ => -75,
        });
        assert_eq!(told.iter().map(|(_, producer)| *producer).collect::<Vec<_>>(), [1], "{told:?}");
    }

    #[test]
    fn nobody_is_dominant_in_silence_and_noise_is_silence() {
        assert!(converse(10_000, |producer, _| if producer == 1 { -60 } else { -127 }).is_empty());
    }

    #[test]
    fn a_dominant_speaker_that_leaves_makes_room_at_once() {
        let mut observer = ActiveSpeakerObserver::new(ActiveSpeakerObserverOptions::default(), at(0));
        (1..=2).for_each(|producer| observer.add_producer(producer, at(0)));
        let mut told = Vec::new();
        for ms in (0..3000).step_by(20) {
            if ms == 2000 {
                observer.remove_producer(1);
                assert_eq!(observer.dominant(), None);
            }
            for (producer, dbov) in [(1, -20), (2, -40)] {
                observer.handle_level(producer, AudioLevel { dbov, voice: true }, at(ms));
            }
            told.extend(observer.poll(at(ms)));
        }
        assert_eq!(told, [1, 2]);
    }
}
