//! How much trouble is worth an alert, each with its reason.
use std::time::Duration;

/// Thresholds of alerts. A time or number of 0 switches its kind off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlertLimits {
    /// A wanted source that is not live for longer than this is down. 30 s: a camera that restarts takes 20 to 60 s, a
    /// switch 30; one attempt takes 5 to 12 s, so two or three have failed.
    pub source_down: Duration,
    /// A track that is silent for longer than this, while its source flows, is missing. 10 s: twice the time after which
    /// the stream is `stalled`.
    pub track_missing: Duration,
    /// A source that turns from live to not live this often within [`AlertLimits::flapping_within`] is flapping. 5: one
    /// restart of a camera is one turn, a loose plug makes dozens.
    pub flapping_turns: usize,
    /// The time for those turns, and how long it must be calm afterwards. 5 min.
    pub flapping_within: Duration,
    /// Pictures without a key frame for longer than this are frozen: nobody can begin to watch. 60 s: smart codecs stretch
    /// their groups of pictures to 10 or 20 s, some to 40.
    pub keyframe_gap: Duration,
    /// Key frames that repeat to the byte for this long (at least [`AlertLimits::SAME_KEYFRAMES`] of them) are a picture
    /// that stands still. 20 s. The noise of a real sensor makes every key frame another.
    pub still: Duration,
    /// A clock that runs off ours by more than so many millionths is drifting. 1,000, which is 60 ms a minute: crystals
    /// stay below 100, and half a second of buffer lasts for 8 min.
    pub drift_ppm: u32,
}

impl AlertLimits {
    /// Key frames that must be the same: 3. Two may be one sent twice.
    pub const SAME_KEYFRAMES: usize = 3;
}

impl Default for AlertLimits {
    fn default() -> Self {
        Self {
            source_down: Duration::from_secs(30),
            track_missing: Duration::from_secs(10),
            flapping_turns: 5,
            flapping_within: Duration::from_secs(300),
            keyframe_gap: Duration::from_secs(60),
            still: Duration::from_secs(20),
            drift_ppm: 1000,
        }
    }
}
