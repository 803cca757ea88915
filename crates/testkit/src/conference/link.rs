//! One direction of a bot's way to the server: a bottleneck with a bounded queue, then what [`net::Link`](crate::net::Link) does.
use crate::net::{Link, LinkConfig};
use media::Moment;
use std::time::Duration;

/// What a way does to datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkOptions {
    /// Loss, delay, jitter and reordering, behind the bottleneck.
    pub link: LinkConfig,
    /// Bits a second that pass; `None` is no limit.
    pub bits_per_second: Option<u64>,
    /// Longest time in the queue before the bottleneck; what would wait longer is dropped.
    pub queue_max: Duration,
}

impl Default for LinkOptions {
    /// Nothing happens. The queue is 200 ms, for whoever sets a limit.
    fn default() -> Self {
        let queue_max = Duration::from_millis(200);
        Self { link: LinkConfig::default(), bits_per_second: None, queue_max }
    }
}

impl LinkOptions {
    /// A bottleneck alone.
    pub fn limited(bits_per_second: u64) -> Self {
        Self { bits_per_second: Some(bits_per_second), ..Self::default() }
    }

    /// Loss alone, of a thousand.
    pub fn lossy(loss_per_mille: u32) -> Self {
        Self { link: LinkConfig { loss_per_mille, ..LinkConfig::default() }, ..Self::default() }
    }
}

/// One direction.
pub(super) struct Way<T> {
    options: LinkOptions,
    link: Link<T>,
    /// When the bottleneck is free again.
    free_at: Moment,
    dropped: u64,
}

impl<T: Clone> Way<T> {
    pub(super) fn new(options: LinkOptions, seed: u64) -> Self {
        Self { options, link: Link::new(options.link, seed), free_at: Moment::ZERO, dropped: 0 }
    }

    /// From now on. What is under way already arrives as it would have.
    pub(super) fn set_options(&mut self, options: LinkOptions) {
        self.options = options;
        self.link.set_config(options.link);
    }

    pub(super) fn send(&mut self, datagram: T, bytes: usize, now: Moment) {
        let mut leaves = now;
        if let Some(bits_per_second) = self.options.bits_per_second {
            let queued = self.free_at.since(now);
            if queued > self.options.queue_max {
                self.dropped += 1;
                return;
            }
            let takes = Duration::from_nanos(bytes as u64 * 8_000_000_000 / bits_per_second.max(1));
            leaves = now + queued + takes;
            self.free_at = leaves;
        }
        self.link.send(datagram, leaves);
    }

    pub(super) fn next_at(&self) -> Option<Moment> {
        self.link.next_at()
    }

    pub(super) fn receive(&mut self, now: Moment) -> Option<T> {
        self.link.receive(now)
    }

    /// Lost at random, and dropped before the bottleneck.
    pub(super) fn lost(&self) -> u64 {
        self.link.stats().lost + self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bottleneck_passes_its_rate_and_drops_what_does_not_fit_its_queue() {
        let mut way = Way::new(LinkOptions::limited(500_000), 1);
        let mut arrived = 0;
        // 2 Mbit/s for 10 s.
        for number in 0..2_000_u64 {
            let now = Moment::from_millis(number * 5);
            way.send(number, 1_250, now);
            while way.receive(now).is_some() {
                arrived += 1;
            }
        }
        assert!((485..=510).contains(&arrived), "{arrived}");
        let waiting = std::iter::from_fn(|| way.receive(Moment::from_millis(20_000))).count() as u64;
        assert_eq!(arrived + waiting + way.lost(), 2_000);
        assert!(waiting <= 12, "the queue holds 200 ms: {waiting}");
    }
}
