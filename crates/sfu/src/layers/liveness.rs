//! Which layers live: those with packets lately.
use media::Moment;
use std::time::Duration;

/// A layer without packets for so long is dead: 1.5 s. Browsers stop upper layers without a word when bandwidth or
/// CPU is short; a stream of one frame a second still lives.
pub const DEAD_AFTER: Duration = Duration::from_millis(1500);

/// The last packet of each layer.
#[derive(Debug)]
pub(super) struct Liveness(Vec<Option<Moment>>);

impl Liveness {
    pub(super) fn new(layers: u8) -> Self {
        Self(vec![None; layers.into()])
    }

    /// Records a packet. True when the layer was dead before.
    pub(super) fn handle_packet(&mut self, layer: u8, now: Moment) -> bool {
        let Some(seen) = self.0.get_mut(usize::from(layer)) else { return false };
        seen.replace(now).is_none_or(|seen| now.since(seen) >= DEAD_AFTER)
    }

    /// The highest living layer up to `wished`, else the lowest living one.
    pub(super) fn best(&self, wished: u8, now: Moment) -> Option<u8> {
        let mut living = (0..).zip(&self.0).filter(|(_, seen)| lives(seen, now)).map(|(layer, _)| layer);
        let lowest = living.next()?;
        Some(living.take_while(|layer| *layer <= wished).last().unwrap_or(lowest))
    }

    /// When the next layer dies.
    pub(super) fn next_death(&self, now: Moment) -> Option<Moment> {
        self.0.iter().filter(|seen| lives(seen, now)).flatten().min().map(|seen| *seen + DEAD_AFTER)
    }
}

fn lives(seen: &Option<Moment>, now: Moment) -> bool {
    seen.is_some_and(|seen| now.since(seen) < DEAD_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_dies_after_a_second_and_a_half_and_the_next_one_is_best() {
        let ms = Moment::from_millis;
        let mut layers = Liveness::new(3);
        assert_eq!(layers.best(2, ms(0)), None);
        assert!(layers.handle_packet(1, ms(0)));
        assert!(layers.handle_packet(2, ms(100)));
        assert_eq!(
            (layers.best(2, ms(100)), layers.best(1, ms(100)), layers.best(0, ms(100))),
            (Some(2), Some(1), Some(1))
        );
        assert_eq!(layers.next_death(ms(100)), Some(ms(1500)));
        assert!(!layers.handle_packet(1, ms(1000)));
        assert_eq!(layers.best(2, ms(1600)), Some(1));
        assert!(layers.handle_packet(2, ms(1700)));
    }
}
