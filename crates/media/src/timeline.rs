//! One track's clock, as the peer sends it, mapped to a 64-bit time line: wraps, jumps, resets and wrong rates end here.
use crate::{MediaTime, Moment};
use std::time::Duration;

/// A step of the peer's clock beyond this is a jump, not a gap: 10 s. Cameras pause for a key frame or a slow
/// exposure, never that long; a seek, a reboot or an SSRC change is longer at once.
const JUMP: Duration = Duration::from_secs(10);
/// Media time may drift this far from arrival before it is anchored anew: 5 s. A camera that says 25 frames a
/// second and sends 21 drifts that much in half a minute.
const DRIFT_MAX: Duration = Duration::from_secs(5);

/// Where a raw timestamp came to lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// Ticks on the 64-bit line.
    pub ticks: i64,
    /// The peer's clock jumped: what follows does not continue what came before.
    pub discontinuity: bool,
}

/// Maps a wrapping clock of `rate` ticks a second to a 64-bit line.
#[derive(Debug)]
pub struct Timeline {
    rate: u32,
    bits: u32,
    state: Option<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    raw: u64,
    ticks: i64,
    arrival: Moment,
    /// Where drift is measured from.
    anchor_ticks: i64,
    anchor_arrival: Moment,
}

impl Timeline {
    /// For a clock of `rate` ticks a second whose counter has `bits` bits (32 for RTP and RTMP).
    pub const fn new(rate: u32, bits: u32) -> Self {
        Self { rate, bits, state: None }
    }

    /// Maps the timestamp `raw` of a unit that arrived at `arrival`. The first one maps to `first`; small steps
    /// back (B frames) stay steps back.
    pub fn map(&mut self, raw: u64, arrival: Moment, first: i64) -> Mapped {
        let Some(state) = &mut self.state else {
            self.state =
                Some(State { raw, ticks: first, arrival, anchor_ticks: first, anchor_arrival: arrival });
            return Mapped { ticks: first, discontinuity: false };
        };
        let step = wrapping_step(state.raw, raw, self.bits);
        let elapsed = MediaTime::ticks_of(arrival.since(state.arrival), self.rate);
        let jump = MediaTime::ticks_of(JUMP, self.rate);
        let mut ticks = state.ticks.saturating_add(step);
        let since_anchor = MediaTime::ticks_of(arrival.since(state.anchor_arrival), self.rate);
        let drift = (ticks - state.anchor_ticks) - since_anchor;
        let jumped = step.abs() > jump && (step - elapsed).abs() > jump;
        let drifted = drift.abs() > MediaTime::ticks_of(DRIFT_MAX, self.rate);
        let discontinuity = jumped || drifted;
        if discontinuity {
            ticks = (state.anchor_ticks + since_anchor).max(state.ticks + 1);
            state.anchor_ticks = ticks;
            state.anchor_arrival = arrival;
        }
        state.raw = raw;
        state.ticks = ticks;
        state.arrival = arrival;
        Mapped { ticks, discontinuity }
    }

    /// Where `raw` lies relative to the last timestamp mapped; `None` before the first. Changes nothing: for
    /// timestamps that no unit carries, as in RTCP sender reports.
    pub fn peek(&self, raw: u64) -> Option<i64> {
        self.state.map(|state| state.ticks + wrapping_step(state.raw, raw, self.bits))
    }
}

/// How far it is from `from` to `to` on a counter of `bits` bits that wraps: at most half of its range, either way.
pub const fn wrapping_step(from: u64, to: u64, bits: u32) -> i64 {
    let bits = if bits == 0 || bits > 64 { 64 } else { bits };
    let shift = 64 - bits;
    ((to.wrapping_sub(from) << shift) as i64) >> shift
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    #[test]
    fn a_32_bit_wrap_is_no_jump() {
        let mut line = Timeline::new(90_000, 32);
        assert_eq!(line.map(u64::from(u32::MAX) - 99, at(0), 0).ticks, 0);
        let mapped = line.map(3500, at(40), 0);
        assert_eq!(mapped, Mapped { ticks: 3600, discontinuity: false });
    }

    #[test]
    fn a_reset_of_the_clock_goes_on_where_arrival_says() {
        let mut line = Timeline::new(90_000, 32);
        line.map(4_000_000_000, at(0), 0);
        line.map(4_000_003_600, at(40), 0);
        let mapped = line.map(17, at(80), 0);
        assert_eq!(mapped, Mapped { ticks: 7200, discontinuity: true });
        assert_eq!(line.map(3617, at(120), 0), Mapped { ticks: 10_800, discontinuity: false });
    }

    #[test]
    fn a_long_pause_with_an_honest_clock_is_a_gap_and_no_jump() {
        let mut line = Timeline::new(1_000, 32);
        line.map(0, at(0), 0);
        assert_eq!(line.map(60_000, at(60_000), 0), Mapped { ticks: 60_000, discontinuity: false });
    }

    #[test]
    fn a_camera_that_says_25_and_sends_21_is_anchored_anew_before_it_is_5_s_off() {
        let mut line = Timeline::new(90_000, 32);
        let mut last = i64::MIN;
        let mut marks = 0;
        for frame in 0..21 * 600u64 {
            let arrival = at(frame * 1000 / 21);
            let mapped = line.map((frame * 3600) & 0xffff_ffff, arrival, 0);
            assert!(mapped.ticks > last);
            last = mapped.ticks;
            marks += u32::from(mapped.discontinuity);
            let off = mapped.ticks - arrival.as_nanos() as i64 / 1_000_000 * 90;
            assert!(off.abs() <= 90_000 * 5 + 3600, "frame {frame} is {off} ticks off");
        }
        assert!(marks > 5, "{marks}");
    }
}
