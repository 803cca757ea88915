//! Decoding times for streams that only say when to show a frame (RTP), also with B frames.
use std::collections::BinaryHeap;

/// Deepest reordering of H.264 and H.265: 16 frames (max_dec_frame_buffering).
const DEPTH_MAX: usize = 16;

/// Gives each frame, in decoding order, a decoding time that rises strictly and never passes its presentation time.
///
/// The i-th decoding time is the (i - depth)-th smallest presentation time so far. The depth comes
/// from the bitstream where it says so and grows when the stream proves it deeper.
#[derive(Debug)]
pub struct DecodeOrder {
    depth: usize,
    /// Largest first: presentation times that are not yet anybody's decoding time.
    waiting: BinaryHeap<std::cmp::Reverse<i64>>,
    first: Option<i64>,
    last: Option<i64>,
}

impl DecodeOrder {
    /// `depth`: how many frames may precede a frame in decoding order but follow it in showing; 0 without B frames.
    pub fn new(depth: usize) -> Self {
        Self { depth: depth.min(DEPTH_MAX), waiting: BinaryHeap::new(), first: None, last: None }
    }

    /// The decoding time of the next frame in decoding order, which is shown at `pts`. `frame_ticks` is about how
    /// long a frame lasts; it spaces the first ones out.
    pub fn dts(&mut self, pts: i64, frame_ticks: i64) -> i64 {
        self.waiting.push(std::cmp::Reverse(pts));
        let first = *self.first.get_or_insert(pts);
        let floor = self.last.map_or(i64::MIN, |last| last + 1);
        if pts < floor && self.depth < DEPTH_MAX {
            // Shown before something already decoded: the stream reorders deeper than was believed.
            self.depth += 1;
        }
        let wanted = if self.waiting.len() > self.depth {
            self.waiting.pop().map_or(pts, |smallest| smallest.0)
        } else {
            first - (self.depth + 1 - self.waiting.len()) as i64 * frame_ticks.max(1)
        };
        let dts = wanted.max(floor);
        self.last = Some(dts);
        dts
    }

    /// Forgets what came before: after a jump of the clock.
    pub fn reset(&mut self) {
        self.waiting.clear();
        self.first = None;
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(depth: usize, pts: &[i64]) -> Vec<i64> {
        let mut order = DecodeOrder::new(depth);
        pts.iter().map(|&pts| order.dts(pts, 10)).collect()
    }

    #[test]
    fn without_b_frames_both_times_are_the_same() {
        assert_eq!(run(0, &[0, 10, 20, 30]), [0, 10, 20, 30]);
    }

    #[test]
    fn b_frames_delay_the_decoding_time_by_the_depth() {
        // I P B B P B B: shown 0 30 10 20 60 40 50
        let pts = [0, 30, 10, 20, 60, 40, 50, 90];
        let dts = run(1, &pts);
        assert!(dts.windows(2).all(|w| w[0] < w[1]), "{dts:?}");
        assert!(dts.iter().zip(pts).all(|(d, p)| *d <= p), "{dts:?}");
        assert_eq!(dts, [-10, 0, 10, 20, 30, 40, 50, 60]);
    }

    #[test]
    fn an_unannounced_depth_is_learnt_and_time_still_rises() {
        let pts: Vec<i64> = (0..30).flat_map(|g| [g * 30 + 30, g * 30 + 10, g * 30 + 20]).collect();
        let dts = run(0, &pts);
        assert!(dts.windows(2).all(|w| w[0] < w[1]), "{dts:?}");
        let late = dts.iter().zip(&pts).skip(12).filter(|(d, p)| d > p).count();
        assert_eq!(late, 0, "{dts:?}");
    }
}
