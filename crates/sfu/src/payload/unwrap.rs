//! Counters that wrap, as counters that do not.

/// Extends a counter of `BITS` bits: each value is taken for the nearest one to the highest so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unwrap<const BITS: u32> {
    highest: Option<u64>,
}

impl<const BITS: u32> Unwrap<BITS> {
    const SPAN: u64 = 1 << BITS;

    /// Begins a span above zero, so that what comes before the first value has a number too.
    pub(crate) fn extend(&mut self, value: u64) -> u64 {
        let extended = self.peek(value);
        self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
        extended
    }

    /// What [`Unwrap::extend`] would say.
    pub(crate) fn peek(&self, value: u64) -> u64 {
        let value = value % Self::SPAN;
        let Some(highest) = self.highest else { return Self::SPAN + value };
        let forward = value.wrapping_sub(highest) % Self::SPAN;
        if forward < Self::SPAN / 2 {
            highest + forward
        } else {
            (highest + forward).saturating_sub(Self::SPAN)
        }
    }

    /// The highest value so far.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrap_goes_on_and_a_late_value_lies_before_it() {
        let mut sequence = Unwrap::<16>::default();
        let start = sequence.extend(65_534);
        assert_eq!(sequence.extend(1), start + 3);
        assert_eq!(sequence.extend(65_535), start + 1);
        assert_eq!(sequence.highest(), Some(start + 3));
        assert_eq!(sequence.extend(65_533), start - 1);
    }
}
