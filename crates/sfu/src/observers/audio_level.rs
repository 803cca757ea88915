//! [`AudioLevelObserver`]: the loudest producers, each interval.
use super::AudioLevel;
use media::Moment;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::time::Duration;

/// Intervals are held between 250 ms and 5 s. Source: mediasoup.
const INTERVAL_MS: std::ops::RangeInclusive<u16> = 250..=5000;

/// Options, with mediasoup's names and defaults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct AudioLevelObserverOptions {
    /// Most producers in a report: 1.
    pub max_entries: NonZeroU16,
    /// Mean volume in dBov, −127 to 0, below which a producer is left out: −80.
    pub threshold: i8,
    /// Milliseconds between reports: 1000. Held between 250 and 5000.
    pub interval: u16,
}

impl Default for AudioLevelObserverOptions {
    fn default() -> Self {
        Self { max_entries: NonZeroU16::MIN, threshold: -80, interval: 1000 }
    }
}

/// How loud a producer was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AudioLevelObserverVolume<P> {
    /// Whose volume.
    pub producer: P,
    /// Mean of its packets' levels in dBov: −127 to 0.
    pub volume: i8,
}

/// What is told to the application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AudioLevelObserverEvent<P> {
    /// The loudest, loudest first; never empty.
    Volumes(Vec<AudioLevelObserverVolume<P>>),
    /// Nobody is loud enough any more. Told once.
    Silence,
}

/// Levels since the last report.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    levels: i64,
    packets: i64,
}

/// Observes producers, which `P` names.
#[derive(Clone, Debug)]
pub struct AudioLevelObserver<P> {
    options: AudioLevelObserverOptions,
    producers: BTreeMap<P, Sum>,
    next_at: Moment,
    paused: bool,
    silent: bool,
}

impl<P: Ord + Copy> AudioLevelObserver<P> {
    /// Observes nobody yet.
    pub fn new(options: AudioLevelObserverOptions, now: Moment) -> Self {
        let mut observer =
            Self { options, producers: BTreeMap::new(), next_at: now, paused: false, silent: true };
        observer.next_at = now + observer.interval();
        observer
    }

    /// Observes a producer too.
    pub fn add_producer(&mut self, producer: P) {
        self.producers.entry(producer).or_default();
    }

    /// Observes it no longer.
    pub fn remove_producer(&mut self, producer: P) {
        self.producers.remove(&producer);
    }

    /// Takes a packet's level. Of producers that are not observed it is ignored.
    pub fn handle_level(&mut self, producer: P, level: AudioLevel) {
        if self.paused {
            return;
        }
        if let Some(sum) = self.producers.get_mut(&producer) {
            sum.levels += i64::from(level.dbov);
            sum.packets += 1;
        }
    }

    /// Observes nothing for a while; levels so far are forgotten. Whoever was loud is silent now.
    pub fn pause(&mut self) -> Option<AudioLevelObserverEvent<P>> {
        self.paused = true;
        self.producers.values_mut().for_each(|sum| *sum = Sum::default());
        (!std::mem::replace(&mut self.silent, true)).then_some(AudioLevelObserverEvent::Silence)
    }

    /// Observes again, with a whole interval from now.
    pub fn resume(&mut self, now: Moment) {
        self.paused = false;
        self.next_at = now + self.interval();
    }

    /// The report, when it is due; call at [`AudioLevelObserver::wake_at`].
    pub fn poll(&mut self, now: Moment) -> Option<AudioLevelObserverEvent<P>> {
        if self.paused || now < self.next_at {
            return None;
        }
        self.next_at = now + self.interval();
        let mut volumes: Vec<_> = self
            .producers
            .iter_mut()
            .filter_map(|(producer, sum)| {
                let Sum { levels, packets } = std::mem::take(sum);
                let volume = levels.checked_div(packets)?.clamp(-127, 0) as i8;
                Some(AudioLevelObserverVolume { producer: *producer, volume })
            })
            .filter(|entry| entry.volume >= self.options.threshold)
            .collect();
        volumes.sort_by_key(|entry| Reverse(entry.volume));
        volumes.truncate(self.options.max_entries.get().into());
        let was_silent = std::mem::replace(&mut self.silent, volumes.is_empty());
        match (volumes.is_empty(), was_silent) {
            (false, _) => Some(AudioLevelObserverEvent::Volumes(volumes)),
            (true, false) => Some(AudioLevelObserverEvent::Silence),
            (true, true) => None,
        }
    }

    /// When the next report is due.
    pub const fn wake_at(&self) -> Moment {
        if self.paused { Moment::FAR_FUTURE } else { self.next_at }
    }

    fn interval(&self) -> Duration {
        let ms = self.options.interval.clamp(*INTERVAL_MS.start(), *INTERVAL_MS.end());
        Duration::from_millis(ms.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn level(dbov: i8) -> AudioLevel {
        AudioLevel { dbov, voice: true }
    }

    fn observer(max_entries: u16) -> AudioLevelObserver<u8> {
        let max_entries = NonZeroU16::new(max_entries).unwrap();
        let mut observer = AudioLevelObserver::new(
            AudioLevelObserverOptions { max_entries, ..AudioLevelObserverOptions::default() },
            at(0),
        );
        (1..=4).for_each(|producer| observer.add_producer(producer));
        observer
    }

    #[test]
    fn the_loudest_come_first_by_their_mean_and_the_quiet_not_at_all() {
        let mut observer = observer(2);
        for (producer, dbov) in [(1, -50), (1, -30), (2, -10), (3, -41), (4, -81), (9, 0)] {
            observer.handle_level(producer, level(dbov));
        }
        assert_eq!((observer.wake_at(), observer.poll(at(999))), (at(1000), None));
        let Some(AudioLevelObserverEvent::Volumes(volumes)) = observer.poll(at(1000)) else { panic!() };
        let volumes: Vec<_> = volumes.iter().map(|entry| (entry.producer, entry.volume)).collect();
        assert_eq!(volumes, [(2, -10), (1, -40)]);
    }

    #[test]
    fn silence_is_told_once_and_not_before_there_was_sound() {
        let mut observer = observer(1);
        assert_eq!(observer.poll(at(1000)), None);
        observer.handle_level(1, level(-20));
        assert!(matches!(observer.poll(at(2000)), Some(AudioLevelObserverEvent::Volumes(_))));
        assert_eq!(observer.poll(at(3000)), Some(AudioLevelObserverEvent::Silence));
        assert_eq!(observer.poll(at(4000)), None);
    }

    #[test]
    fn a_pause_is_silence_and_a_removed_producer_is_not_heard() {
        let mut observer = observer(1);
        observer.handle_level(1, level(-20));
        observer.poll(at(1000));
        assert_eq!(observer.pause(), Some(AudioLevelObserverEvent::Silence));
        observer.handle_level(1, level(-20));
        assert_eq!((observer.wake_at(), observer.poll(at(9000))), (Moment::FAR_FUTURE, None));
        observer.resume(at(9000));
        observer.handle_level(1, level(-20));
        observer.remove_producer(1);
        assert_eq!(observer.poll(at(10_000)), None);
    }
}
