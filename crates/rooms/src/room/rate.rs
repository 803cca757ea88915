//! [`Rate`]: how often a client may ask. What it asks is often told to all others, so one that asks without end would
//! keep everybody busy, and have those with a slow connection cut off.
use std::time::Duration;
use tokio::time::Instant;

/// Requests that may come at once: 400, as a page asks that shows a hundred people and rearranges them.
pub(super) const BURST: u32 = 400;
/// How often one more is allowed: each 20 ms, 50 a second.
const EACH: Duration = Duration::from_millis(20);

/// What is left, as the time by which all that came would have been allowed one by one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    allowed_by: Instant,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { allowed_by: now }
    }

    /// Counts one more; false when that is too many.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let next = self.allowed_by.max(now) + EACH;
        if next > now + EACH * BURST {
            return false;
        }
        self.allowed_by = next;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_as_many_as_time_goes_by() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let mut allowed = |now| (0..1000).filter(|_| rate.take(now)).count();
        assert_eq!(allowed(start), BURST as usize);
        let later = start + Duration::from_secs(1);
        assert_eq!(allowed(later), 50);
        assert_eq!(allowed(later + Duration::from_secs(60)), BURST as usize);
    }
}
