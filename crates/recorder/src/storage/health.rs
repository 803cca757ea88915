//! How a storage is: the state, why, since when, and the figures.
use media::WallTime;
use std::time::{Duration, Instant};

/// An append that took longer, waiting included, means that the disk is slow: 2 s, half of what the hub keeps for those
/// who lag.
pub(crate) const SLOW: Duration = Duration::from_secs(2);
/// It is slow no more when nothing was for this long: 10 s.
const SLOW_ENDS: Duration = Duration::from_secs(10);

/// `Ok` → `Slow`, `Full` or `Gone` → `Ok`, as the disk does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Health {
    /// It takes what it is given.
    Ok,
    /// It takes it too slowly: recordings may get gaps.
    Slow {
        /// How slow.
        reason: String,
    },
    /// It has no room.
    Full {
        /// What the system said, and what is being done.
        reason: String,
    },
    /// It does not work, or is not there. It is tried again every two seconds.
    Gone {
        /// What the system said.
        reason: String,
    },
}

impl Health {
    /// The word for events and the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Health::Ok => "ok",
            Health::Slow { .. } => "slow",
            Health::Full { .. } => "full",
            Health::Gone { .. } => "gone",
        }
    }

    /// Why.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Health::Ok => None,
            Health::Slow { reason } | Health::Full { reason } | Health::Gone { reason } => Some(reason),
        }
    }
}

/// How a storage is, at its last turn.
#[derive(Clone, PartialEq, Debug)]
pub struct StorageReport {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub path: std::path::PathBuf,
    /// Its state.
    pub health: Health,
    /// Since when.
    pub since: WallTime,
    /// Bytes of recordings.
    pub bytes: u64,
    /// How many closed segments.
    pub segments: u64,
    /// How many are being written.
    pub open: usize,
    /// Bytes that are free on the disk.
    pub free: u64,
    /// Bytes that the disk has.
    pub total: u64,
    /// Bytes written since the start.
    pub written: u64,
    /// Bytes that are recorded in a day, by what was since the start; unknown in the first two minutes.
    pub bytes_per_day: Option<u64>,
    /// Segments deleted since the start, to make room or because they were old.
    pub deleted: u64,
    /// How long each segment is kept at least.
    pub retention: super::Retention,
    /// Bytes that stay free.
    pub free_min: u64,
    /// The longest append lately, waiting included.
    pub slowest_ms: u64,
}

/// Notices slowness.
pub(crate) struct Pace {
    slow_at: Option<Instant>,
    slowest: Duration,
    slowest_at: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { slow_at: None, slowest: Duration::ZERO, slowest_at: now }
    }

    /// An append took so long.
    pub(crate) fn note(&mut self, took: Duration, now: Instant) {
        if took >= SLOW {
            self.slow_at = Some(now);
        }
        if took >= self.slowest || now.duration_since(self.slowest_at) > SLOW_ENDS {
            (self.slowest, self.slowest_at) = (took, now);
        }
    }

    pub(crate) fn slowest(&self) -> Duration {
        self.slowest
    }

    pub(crate) fn is_slow(&self, now: Instant) -> bool {
        self.slow_at.is_some_and(|at| now.duration_since(at) < SLOW_ENDS)
    }
}
