//! The one real clock: everything below the hub gets its time from here, as an argument.
use media::{Moment, WallTime};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the process's monotonic time starts. Set once, never changed.
static START: OnceLock<Instant> = OnceLock::new();

fn start() -> Instant {
    *START.get_or_init(|| tokio::time::Instant::now().into_std())
}

/// The present moment. Follows tokio's clock, so that a test that pauses it gets virtual time.
pub fn now() -> Moment {
    let since = tokio::time::Instant::now().into_std().saturating_duration_since(start());
    Moment::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// The present wall-clock time. It may jump; nothing is ordered by it.
pub fn wall_now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    WallTime::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Sleeps until `moment`; for ever at [`Moment::FAR_FUTURE`].
pub async fn sleep_until(moment: Moment) {
    if moment == Moment::FAR_FUTURE {
        return std::future::pending().await;
    }
    let at = start() + Duration::from_nanos(moment.as_nanos());
    tokio::time::sleep_until(tokio::time::Instant::from_std(at)).await;
}
