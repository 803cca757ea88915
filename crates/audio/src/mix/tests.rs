use super::*;
use proptest::prelude::*;

const RATE: u32 = 8_000;
/// 20 ms.
const BLOCK: usize = 160;

/// A mixer, what it gave out, and where the parts began.
struct Desk {
    mixer: Mixer,
    sound: Vec<f32>,
    starts: Vec<(i64, bool)>,
}

impl Desk {
    fn new(lanes: usize) -> Self {
        let mut mixer = Mixer::new(RATE, 1);
        (0..lanes).for_each(|_| {
            mixer.add_lane();
        });
        Self { mixer, sound: Vec::new(), starts: Vec::new() }
    }

    fn push(&mut self, lane: LaneId, at: i64, samples: &[f32], now_ms: u64) -> i64 {
        let Self { mixer, sound, starts } = self;
        mixer.push(lane, at, samples, Moment::from_millis(now_ms), &mut |chunk| {
            starts.push((chunk.at, chunk.discontinuity));
            sound.extend_from_slice(chunk.samples);
        })
    }

    /// A block of 20 ms of one value.
    fn speak(&mut self, lane: LaneId, block: i64, value: f32, now_ms: u64) -> i64 {
        self.push(lane, block * BLOCK as i64, &[value; BLOCK], now_ms)
    }
}

#[test]
fn lanes_that_start_apart_are_added_sample_by_sample() {
    let mut desk = Desk::new(2);
    desk.push(0, 1_000, &[0.1; 100], 0);
    desk.push(1, 1_130, &[0.2; 100], 5);
    desk.push(0, 1_100, &[0.1; 100], 12);
    assert_eq!(desk.starts[0], (1_000, false));
    assert_eq!(desk.sound.len(), 200, "as far as both have come");
    assert_eq!(desk.sound[129..131], [0.1, 0.1 + 0.2]);
}

#[test]
fn a_lane_that_stops_is_waited_for_100_ms_and_no_longer() {
    let mut desk = Desk::new(2);
    for block in 0..10 {
        desk.speak(0, block, 0.1, block as u64 * 20);
        if block < 3 {
            desk.speak(1, block, 0.1, block as u64 * 20 + 1);
        }
        let given = desk.sound.len() / BLOCK;
        // The last block of lane 1 came at 41 ms.
        let expected = if (3..8).contains(&block) { 3 } else { block as usize + 1 };
        assert_eq!(given, expected, "after block {block}");
    }
}

#[test]
fn nothing_waits_for_more_than_200_ms_of_sound() {
    let mut desk = Desk::new(2);
    desk.speak(0, 0, 0.1, 0);
    desk.speak(1, 0, 0.1, 0);
    for block in 1..100 {
        desk.speak(0, block, 0.1, 1);
        let held = (block as usize + 1) * BLOCK - desk.sound.len();
        assert!(held <= RATE as usize / 5, "{held} samples wait after block {block}");
    }
}

#[test]
fn a_block_that_is_partly_late_loses_its_beginning() {
    let mut desk = Desk::new(2);
    (0..10).for_each(|block| {
        desk.speak(0, block, 0.1, block as u64 * 20);
    });
    desk.push(1, 10 * BLOCK as i64 - 100, &[0.2; BLOCK], 190);
    assert_eq!(desk.mixer.stats(), MixerStats { late_samples: 100, ..MixerStats::default() });
    desk.speak(0, 10, 0.1, 200);
    assert_eq!(desk.sound[10 * BLOCK..], [0.1 + 0.2; 60], "what is in time is in its place");
}

#[test]
fn a_lane_that_is_wholly_late_goes_on_from_now() {
    let mut desk = Desk::new(2);
    (0..50).for_each(|block| {
        desk.speak(0, block, 0.1, block as u64 * 20);
    });
    let shift = desk.speak(1, 10, 0.2, 1_000);
    assert_eq!(shift, 40 * BLOCK as i64);
    desk.speak(0, 50, 0.1, 1_001);
    assert_eq!(desk.speak(1, 11, 0.2, 1_020), shift, "the shift stays");
    desk.speak(0, 51, 0.1, 1_021);
    assert_eq!((desk.mixer.stats().shifts, desk.mixer.stats().late_samples), (1, 0));
    assert!(desk.sound[50 * BLOCK..52 * BLOCK].iter().all(|sample| (sample - 0.3).abs() < 1e-6));
    assert_eq!(desk.speak(1, 52, 0.2, 1_040), 0, "until its own times jump");
}

#[test]
fn a_lane_that_is_far_ahead_of_a_conversation_joins_it() {
    let mut desk = Desk::new(2);
    desk.speak(0, 0, 0.1, 0);
    assert_eq!(desk.speak(1, 5_000, 0.2, 1), -5_000 * BLOCK as i64);
    desk.speak(0, 1, 0.1, 20);
    assert_eq!(desk.sound, [0.1 + 0.2; BLOCK]);
    assert_eq!(desk.mixer.stats().jumps, 0);
}

#[test]
fn the_time_line_jumps_with_the_only_voice_and_says_so() {
    let mut desk = Desk::new(1);
    desk.speak(0, 0, 0.1, 0);
    desk.speak(0, 8, 0.1, 160);
    assert_eq!(desk.sound.len(), 9 * BLOCK, "140 ms are filled with silence");
    desk.speak(0, 1_000, 0.1, 20_000);
    assert_eq!(desk.starts.last(), Some(&(160_000, true)));
    assert_eq!(desk.sound.len(), 10 * BLOCK);
    desk.speak(0, 2, 0.1, 20_020);
    assert_eq!(desk.starts.last(), Some(&(160_160, false)), "it never goes back");
}

#[test]
fn a_loud_sum_is_bent_below_full_scale_and_a_single_voice_is_left_alone() {
    let mut desk = Desk::new(2);
    desk.speak(0, 0, 0.9, 0);
    desk.speak(1, 0, 0.9, 1);
    let mut desk = Desk::new(2);
    desk.push(0, 0, &[0.5], 0);
    desk.push(1, 1, &[0.9, -0.9, 0.3], 1);
    desk.push(0, 1, &[0.9, -0.9, 0.3], 2);
    let [quiet, loud, negative, sum] = desk.sound[..] else { panic!("{:?}", desk.sound) };
    assert_eq!((quiet, sum), (0.5, 0.6));
    assert!(loud > 0.95 && loud <= 1.0 && negative == -loud, "{loud}");
    let mut alone = Desk::new(1);
    alone.push(0, 0, &[0.99], 0);
    assert_eq!(alone.sound, [0.99]);
}

#[test]
fn a_lane_that_left_is_not_waited_for_and_its_number_is_given_again() {
    let mut desk = Desk::new(2);
    desk.speak(0, 0, 0.1, 0);
    desk.speak(1, 0, 0.1, 0);
    desk.mixer.remove_lane(1);
    desk.speak(0, 1, 0.1, 20);
    assert_eq!(desk.sound.len(), 2 * BLOCK);
    assert_eq!(desk.speak(1, 1, 0.5, 20), 0, "nobody is there");
    assert_eq!((desk.mixer.add_lane(), desk.mixer.add_lane()), (1, 2));
}

/// Once it counted as being at sample 0, and the mixer filled what lay between with silence.
#[test]
fn a_lane_that_has_not_spoken_yet_is_nowhere_and_not_at_sample_0() {
    let mut desk = Desk::new(2);
    let past = -1_000_000;
    for block in 0..10 {
        desk.speak(0, past + block, 0.1, block as u64 * 20);
    }
    desk.speak(1, past + 3, 0.1, 190);
    desk.speak(0, past + 10, 0.1, 200);
    assert_eq!(desk.sound.len(), 11 * BLOCK);
}

proptest! {
    #[test]
    fn whatever_the_lanes_do_times_rise_and_memory_stays_bounded(
        blocks in prop::collection::vec((0usize..3, -6i64..8, 0usize..400, 0u64..60, 0u8..40), 1..300)
    ) {
        let mut desk = Desk::new(2);
        let (mut next, mut now) = ([0i64; 3], 0);
        for (lane, step, frames, later, rare) in blocks {
            now += later;
            next[lane] += step * 100;
            match rare {
                0 => next[lane] = i64::MAX - 7,
                1 => next[lane] = i64::MIN,
                2 => next[lane] = 0,
                3 => next[lane] = next[lane].saturating_add(1_000_000),
                _ => {}
            }
            next[lane] = next[lane].clamp(i64::MIN / 2, i64::MAX / 2);
            desk.push(lane, next[lane], &vec![0.5; frames], now);
            next[lane] += frames as i64;
            prop_assert!(desk.mixer.sum.len() <= RATE as usize / 5, "{} wait", desk.mixer.sum.len());
        }
        let mut open: Option<i64> = None;
        for (at, discontinuity) in &desk.starts {
            prop_assert!(open.is_none_or(|before| *at > before));
            prop_assert!(!discontinuity || open.is_some());
            open = Some(*at);
        }
        prop_assert!(desk.sound.iter().all(|sample| sample.abs() <= 1.0));
    }
}
