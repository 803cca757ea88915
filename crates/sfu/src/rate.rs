//! Bitrate over a sliding window. Owns the bytes of the last [`WINDOW`], in buckets.
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Window: 2.5 s, so that one key frame does not look like another bitrate.
pub const WINDOW: Duration = Duration::from_millis(2500);
/// Width of a bucket: 100 ms, so that a window is 25 numbers however many packets there are.
const BUCKET: Duration = Duration::from_millis(100);

/// Counts bytes and tells how many bits a second they were.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    buckets: VecDeque<(Moment, u64)>,
    bytes: u64,
}

impl Rate {
    /// Nothing counted yet.
    pub const fn new() -> Self {
        Self { buckets: VecDeque::new(), bytes: 0 }
    }

    /// Counts bytes that came or went now.
    pub fn add(&mut self, bytes: usize, now: Moment) {
        self.bytes += bytes as u64;
        match self.buckets.back_mut() {
            Some((start, sum)) if now < *start + BUCKET => *sum += bytes as u64,
            Some(_) | None => {
                self.forget(now);
                self.buckets.push_back((now, bytes as u64));
            }
        }
    }

    /// Bits a second over the window that ends now; a stream younger than the window is averaged over all of it.
    pub fn bps(&mut self, now: Moment) -> u64 {
        self.forget(now);
        self.bytes.saturating_mul(8 * 1000) / WINDOW.as_millis() as u64
    }

    fn forget(&mut self, now: Moment) {
        while let Some(&(start, bytes)) = self.buckets.front() {
            if now < start + WINDOW {
                break;
            }
            self.bytes -= bytes;
            self.buckets.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_shows_its_bitrate_and_an_ended_one_none() {
        let mut rate = Rate::new();
        for ms in (0..5000).step_by(10) {
            rate.add(125, Moment::from_millis(ms));
        }
        let bps = rate.bps(Moment::from_millis(5000));
        assert!((96_000..=104_000).contains(&bps), "{bps}");
        assert!(rate.buckets.len() <= 26);
        assert_eq!(rate.bps(Moment::from_millis(7600)), 0);
    }
}
