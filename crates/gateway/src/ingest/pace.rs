//! Sound that comes faster than it plays is played in its own time; who speaks live is never held up.
//!
//! Owns the line between the media's time and the clock. No sleeping here: it says how long to wait.
use media::Moment;
use std::time::Duration;

/// How far sound may be ahead of its time: 100 ms, half of what a call sends on (`outputs::call`), so that nothing of it is
/// dropped there when a frame is late by as much.
pub(crate) const LEAD: Duration = Duration::from_millis(100);
/// How long a sender of unknown kind is watched: 1 s.
const JUDGED_FOR: Duration = Duration::from_secs(1);

/// What the sender does.
///
/// `Unknown` → `Stored`, or `Live`, after [`JUDGED_FOR`]; both are final.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Since when it is watched, and how long it had to wait in that time.
    Unknown { since: Option<Moment>, waited: Duration },
    /// Everything is there already, as in a file.
    Stored,
    /// It speaks now. What its network held up comes in a heap; to wait with that would delay all that follows.
    Live,
}

/// Paces one sender's sound. Times of media count from anywhere.
#[derive(Debug)]
pub(crate) struct Pace {
    kind: Kind,
    /// A moment, and the time of the media that plays then.
    tied: Option<(Moment, Duration)>,
}

impl Pace {
    /// For a file.
    pub(crate) fn stored() -> Self {
        Self { kind: Kind::Stored, tied: None }
    }

    /// For somebody who may speak, or send a file.
    pub(crate) fn unknown() -> Self {
        Self { kind: Kind::Unknown { since: None, waited: Duration::ZERO }, tied: None }
    }

    /// Whether it still is to be found out what the sender does.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown { .. })
    }

    /// The sender was found out to speak live, or to send a file.
    pub(crate) fn judge(&mut self, live: bool) {
        self.kind = if live { Kind::Live } else { Kind::Stored };
    }

    /// How long to wait with the media of this time.
    pub(crate) fn wait(&mut self, time: Duration, now: Moment) -> Duration {
        let plays_in = self.plays_in(time, now);
        // The first, or what comes late: what follows is counted from here.
        if plays_in.is_zero() {
            self.tied = Some((now, time));
        }
        match self.kind {
            Kind::Live => Duration::ZERO,
            Kind::Stored | Kind::Unknown { .. } => plays_in.saturating_sub(LEAD),
        }
    }

    /// The sender's media waited for so long, now that it is `now`. Who is held up most of the time has a file.
    pub(crate) fn handle_waited(&mut self, waited: Duration, now: Moment) {
        let Kind::Unknown { since, waited: so_far } = &mut self.kind else { return };
        let since = *since.get_or_insert(now);
        *so_far += waited;
        if now.since(since) >= JUDGED_FOR {
            let live = *so_far < JUDGED_FOR / 2;
            self.judge(live);
        }
    }

    /// How long until the media of this time plays; zero for what is late, and before the first.
    pub(crate) fn plays_in(&self, time: Duration, now: Moment) -> Duration {
        let Some((moment, tied)) = self.tied else { return Duration::ZERO };
        (moment + time.saturating_sub(tied)).since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    /// Frames of 20 ms that are there at these moments; when each goes on, in ms.
    fn played(mut pace: Pace, there_ms: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut now = Moment::ZERO;
        let frames = there_ms.enumerate().map(|(number, there)| {
            now = now.max(Moment::from_millis(there));
            let wait = pace.wait(FRAME * number as u32, now);
            now += wait;
            pace.handle_waited(wait, now);
            now.as_nanos() / 1_000_000
        });
        frames.collect()
    }

    #[test]
    fn a_file_plays_in_its_own_time_and_is_never_far_ahead_of_it() {
        for pace in [Pace::stored(), Pace::unknown()] {
            let times = played(pace, (0..500).map(|_| 7));
            for (number, at) in times.iter().enumerate() {
                assert_eq!(*at, 7 + (number as u64 * 20).saturating_sub(100), "frame {number}");
            }
        }
    }

    #[test]
    fn a_file_whose_network_stops_goes_on_where_it_was_and_loses_nothing() {
        let times = played(Pace::stored(), (0..100).map(|number| if number < 30 { 0 } else { 900 }));
        assert_eq!((times[29], times[30]), (480, 900));
        // All of what came late is not sent at once, but in its own time.
        assert_eq!((times[35], times[36], times[99]), (900, 920, 900 + 69 * 20 - 100));
    }

    #[test]
    fn who_speaks_live_is_never_held_up() {
        // With the jitter of a network, and a hole of half a second behind which everything comes at once.
        let there = |number: u64| {
            let spoken = number * 20 + number % 3 * 7;
            if (100..125).contains(&number) { 125 * 20 } else { spoken }
        };
        let times = played(Pace::unknown(), (0..500).map(there));
        assert_eq!(times, (0..500).map(there).collect::<Vec<_>>());
    }

    #[test]
    fn what_plays_last_is_waited_for() {
        let mut pace = Pace::stored();
        assert_eq!(pace.plays_in(FRAME, Moment::ZERO), Duration::ZERO);
        pace.wait(FRAME, Moment::from_millis(50));
        assert_eq!(pace.plays_in(FRAME * 10, Moment::from_millis(100)), Duration::from_millis(130));
        assert_eq!(pace.plays_in(FRAME * 10, Moment::from_millis(900)), Duration::ZERO);
    }
}
