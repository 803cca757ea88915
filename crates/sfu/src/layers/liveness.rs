//! Which layers live: those with packets lately.
use media::Moment;
use std::time::Duration;

/// A layer without packets for so long is dead: 1.5 s. Browsers stop upper layers without a word when bandwidth or
/// CPU is short; a stream of one frame a second still lives.
pub const DEAD_AFTER: Duration = Duration::from_millis(1500);

/// A stream whose siblings ended so many frames since its last packet is dead after [`STALLED_AFTER`] already: 6, three
/// pictures of two siblings. All streams of simulcast carry each picture.
const FRAMES_BEHIND: u8 = 6;
/// 300 ms: a browser's pacer does not hold one stream back for so long. After a change of network it sends its lowest
/// stream only, and the picture must not stand still until the upper one is dead.
pub const STALLED_AFTER: Duration = Duration::from_millis(300);

/// What was seen of one layer.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Moment,
    /// Frames that its siblings ended since then.
    behind: u8,
}

/// The last packet of each layer.
#[derive(Debug)]
pub(super) struct Liveness(Vec<Option<Seen>>);

impl Liveness {
    pub(super) fn new(layers: u8) -> Self {
        Self(vec![None; layers.into()])
    }

    /// Records a packet. True when the layer was dead before.
    pub(super) fn handle_packet(&mut self, layer: u8, now: Moment) -> bool {
        let Some(seen) = self.0.get_mut(usize::from(layer)) else { return false };
        !lives(&seen.replace(Seen { at: now, behind: 0 }), now)
    }

    /// Records that a frame of a layer ended whose siblings carry the same pictures.
    pub(super) fn handle_frame_end(&mut self, layer: u8) {
        for (other, seen) in (0u8..).zip(&mut self.0) {
            if let Some(seen) = seen.as_mut().filter(|_| other != layer) {
                seen.behind = seen.behind.saturating_add(1);
            }
        }
    }

    /// The highest living layer up to `wished`, else the lowest living one.
    pub(super) fn best(&self, wished: u8, now: Moment) -> Option<u8> {
        let mut living = (0..).zip(&self.0).filter(|(_, seen)| lives(seen, now)).map(|(layer, _)| layer);
        let lowest = living.next()?;
        Some(living.take_while(|layer| *layer <= wished).last().unwrap_or(lowest))
    }

    /// When the next layer dies.
    pub(super) fn next_death(&self, now: Moment) -> Option<Moment> {
        self.0.iter().filter(|seen| lives(seen, now)).flatten().map(dies_at).min()
    }
}

fn lives(seen: &Option<Seen>, now: Moment) -> bool {
    seen.is_some_and(|seen| now < dies_at(&seen))
}

fn dies_at(seen: &Seen) -> Moment {
    seen.at + if seen.behind >= FRAMES_BEHIND { STALLED_AFTER } else { DEAD_AFTER }
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

    #[test]
    fn a_stream_is_dead_early_when_its_siblings_go_on_without_it() {
        let ms = Moment::from_millis;
        let mut streams = Liveness::new(3);
        assert!((0..3).all(|layer| streams.handle_packet(layer, ms(0))));
        for picture in 1..=3u64 {
            for layer in 0..2 {
                streams.handle_packet(layer, ms(100 * picture));
                streams.handle_frame_end(layer);
            }
            assert_eq!(streams.best(2, ms(100 * picture)), Some(if picture < 3 { 2 } else { 1 }));
        }
        assert!(streams.handle_packet(2, ms(400)));
        assert_eq!(streams.best(2, ms(400)), Some(2));
    }
}
