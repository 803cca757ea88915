//! The line between positions in a recording, times that go out, and the clock.
use media::Moment;
use std::time::Duration;

/// What lies before the moment that was asked for is shown so densely: a thirty-second of its time. It is decoded, and
/// hardly seen.
const BEFORE_SLOPE: f64 = 1.0 / 32.0;

/// Two straight pieces that meet at a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    position: i64,
    out: i64,
    moment: Moment,
    /// Outgoing time for each recorded time, before the position and behind it.
    before: f64,
    behind: f64,
}

impl Pace {
    /// A run that begins now with the unit at `first`, at the outgoing time `out`; what lies before `asked` is hurried
    /// over.
    pub(super) fn new(first: i64, asked: i64, out: i64, slope: f64, now: Moment) -> Self {
        let position = asked.max(first);
        let hurried = scaled(position.saturating_sub(first), BEFORE_SLOPE);
        Self { position, out: out + hurried, moment: now, before: BEFORE_SLOPE, behind: slope }
    }

    /// From this position on, another slope.
    pub(super) fn turn(&mut self, position: i64, slope: f64) {
        if position > self.position {
            let due = self.due(position).unwrap_or(self.moment);
            *self =
                Self { position, out: self.out(position), moment: due, before: self.behind, behind: slope };
        } else {
            self.behind = slope;
        }
    }

    /// Everything is due so much later.
    pub(super) fn delay(&mut self, by: Duration) {
        self.moment += by;
    }

    /// The outgoing time of a position.
    pub(super) fn out(&self, position: i64) -> i64 {
        let since = position.saturating_sub(self.position);
        self.out.saturating_add(scaled(since, if since < 0 { self.before } else { self.behind }))
    }

    /// When a position is due; `None`: at once.
    pub(super) fn due(&self, position: i64) -> Option<Moment> {
        let since = position.saturating_sub(self.position);
        if since <= 0 {
            return None;
        }
        let micros = u64::try_from(scaled(since, self.behind)).unwrap_or(0);
        Some(self.moment + Duration::from_micros(micros))
    }
}

fn scaled(micros: i64, slope: f64) -> i64 {
    (micros as f64 * slope).round() as i64
}
