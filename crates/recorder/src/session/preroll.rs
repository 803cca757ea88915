//! What came lately, for a recording that waits for an event: from the last start that is old enough.
use crate::plan::When;
use media::{Moment, Unit};
use std::collections::VecDeque;
use std::time::Duration;

/// Most bytes that wait for an event: 64 MiB, a minute of 8 Mbit/s. The oldest group goes first.
const BYTES_MAX: usize = 64 << 20;

pub(super) struct Preroll {
    pre: Duration,
    units: VecDeque<(Unit, bool)>,
    bytes: usize,
}

impl Preroll {
    pub(super) fn new(when: &When) -> Self {
        let pre = match when {
            When::Always => Duration::ZERO,
            When::Events { pre, .. } => *pre,
        };
        Self { pre, units: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, unit: Unit, is_start: bool) {
        let newest = unit.arrival;
        self.bytes += unit.data.len();
        self.units.push_back((unit, is_start));
        if is_start {
            self.trim(newest);
        }
    }

    /// Groups that are older than what is wanted go, as long as the group after them is old enough to begin with.
    fn trim(&mut self, newest: Moment) {
        loop {
            let second = self.units.iter().skip(1).position(|(_, is_start)| *is_start).map(|place| place + 1);
            let Some(second) = second else { return };
            let old_enough =
                self.units.get(second).is_some_and(|(unit, _)| newest.since(unit.arrival) >= self.pre);
            if !old_enough && self.bytes <= BYTES_MAX {
                return;
            }
            for (unit, _) in self.units.drain(..second) {
                self.bytes -= unit.data.len();
            }
        }
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Unit> + '_ {
        self.bytes = 0;
        self.units.drain(..).map(|(unit, _)| unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use media::WallTime;

    fn unit(ms: u64) -> Unit {
        Unit {
            track: 0,
            pts: ms as i64,
            dts: ms as i64,
            arrival: Moment::from_millis(ms),
            wall: WallTime::default(),
            keyframe: ms.is_multiple_of(1000),
            discontinuity: false,
            data: Bytes::from_static(b"x"),
        }
    }

    #[test]
    fn what_waits_begins_at_a_start_and_is_as_long_as_wanted_and_a_group_more_at_most() {
        let mut preroll = Preroll::new(&When::Events { pre: Duration::from_secs(3), post: Duration::ZERO });
        for ms in (0..20_500).step_by(100) {
            preroll.push(unit(ms), ms.is_multiple_of(1000));
        }
        let kept: Vec<Unit> = preroll.drain().collect();
        assert!(kept[0].keyframe);
        let length = kept[kept.len() - 1].arrival.since(kept[0].arrival);
        assert!(length >= Duration::from_secs(3) && length <= Duration::from_millis(4900), "{length:?}");
    }
}
