//! A seeded network for simulations and simulated devices: loss, reordering, duplicates, delay and jitter of datagrams,
//! and byte streams that are cut anywhere.
//!
//! The same seed gives the same fate to the same traffic. Time comes in as an argument.
use media::Moment;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Random numbers from a seed (xorshift64*). Not for secrets.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The numbers of a seed.
    pub const fn new(seed: u64) -> Self {
        // Neighbouring seeds must not give neighbouring numbers, and zero would give zeros for ever.
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d | 1 }
    }

    /// The next number.
    pub const fn roll(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 if that is 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { (self.roll() >> 16) % end }
    }

    /// True so many times in a thousand.
    pub const fn happens(&mut self, per_mille: u32) -> bool {
        self.below(1_000) < per_mille as u64
    }
}

/// What a link does to datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkConfig {
    /// Lost, of a thousand.
    pub loss_per_mille: u32,
    /// Sent twice, of a thousand.
    pub duplicate_per_mille: u32,
    /// Held back by [`reorder_delay`](Self::reorder_delay), so that others overtake, of a thousand.
    pub reorder_per_mille: u32,
    /// How long those are held back.
    pub reorder_delay: Duration,
    /// Under way, each.
    pub delay: Duration,
    /// Up to so much more, at random. Alone it changes no order.
    pub jitter: Duration,
}

/// What became of the traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkStats {
    /// Given to the link.
    pub sent: u64,
    /// Thrown away.
    pub lost: u64,
    /// Sent twice.
    pub duplicated: u64,
    /// Held back.
    pub held_back: u64,
}

/// One direction of a link for datagrams.
#[derive(Debug)]
pub struct Link<T> {
    config: LinkConfig,
    dice: Dice,
    under_way: BTreeMap<(Moment, u64), T>,
    number: u64,
    /// When the last one in order arrives.
    last: Moment,
    stats: LinkStats,
}

impl<T: Clone> Link<T> {
    /// A link with nothing under way.
    pub fn new(config: LinkConfig, seed: u64) -> Self {
        let (dice, stats) = (Dice::new(seed), LinkStats::default());
        Self { config, dice, under_way: BTreeMap::new(), number: 0, last: Moment::ZERO, stats }
    }

    /// Changes what happens to traffic from now on.
    pub fn set_config(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// What became of the traffic so far.
    pub fn stats(&self) -> LinkStats {
        self.stats
    }

    /// Takes a datagram.
    pub fn send(&mut self, datagram: T, now: Moment) {
        self.stats.sent += 1;
        if self.dice.happens(self.config.loss_per_mille) {
            self.stats.lost += 1;
            return;
        }
        let jitter = Duration::from_nanos(self.dice.below(self.config.jitter.as_nanos() as u64));
        let mut at = now + self.config.delay + jitter;
        if self.dice.happens(self.config.reorder_per_mille) {
            self.stats.held_back += 1;
            at += self.config.reorder_delay;
        } else {
            at = at.max(self.last);
            self.last = at;
        }
        if self.dice.happens(self.config.duplicate_per_mille) {
            self.stats.duplicated += 1;
            self.put(at, datagram.clone());
        }
        self.put(at, datagram);
    }

    fn put(&mut self, at: Moment, datagram: T) {
        self.number += 1;
        self.under_way.insert((at, self.number), datagram);
    }

    /// When the next datagram arrives; `None` if none is under way.
    pub fn next_at(&self) -> Option<Moment> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// A datagram that has arrived.
    pub fn receive(&mut self, now: Moment) -> Option<T> {
        let entry = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }
}

/// One direction of a connection: every byte arrives, in order, in pieces of any size.
#[derive(Debug)]
pub struct Pipe {
    delay: Duration,
    dice: Dice,
    under_way: VecDeque<(Moment, Vec<u8>)>,
}

impl Pipe {
    /// A pipe with nothing under way.
    pub const fn new(delay: Duration, seed: u64) -> Self {
        Self { delay, dice: Dice::new(seed), under_way: VecDeque::new() }
    }

    /// Takes bytes.
    pub fn send(&mut self, bytes: &[u8], now: Moment) {
        if !bytes.is_empty() {
            self.under_way.push_back((now + self.delay, bytes.to_vec()));
        }
    }

    /// When the next bytes arrive; `None` if none are under way.
    pub fn next_at(&self) -> Option<Moment> {
        self.under_way.front().map(|(at, _)| *at)
    }

    /// Some of the bytes that have arrived: as often a single one as all of a piece.
    pub fn receive(&mut self, now: Moment) -> Option<Vec<u8>> {
        let (_, bytes) = self.under_way.front_mut().filter(|(at, _)| *at <= now)?;
        let length = bytes.len() as u64;
        let wanted = match self.dice.below(3) {
            0 => length,
            1 => 1 + self.dice.below(length),
            _ => 1 + self.dice.below(length.min(8)),
        };
        let piece: Vec<u8> = bytes.drain(..wanted as usize).collect();
        if bytes.is_empty() {
            self.under_way.pop_front();
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(config: LinkConfig, seed: u64) -> Vec<(Moment, u32)> {
        let mut link = Link::new(config, seed);
        for number in 0..10_000 {
            link.send(number, Moment::from_millis(number.into()));
        }
        let mut arrived = Vec::new();
        while let Some(at) = link.next_at() {
            arrived.push((at, link.receive(at).unwrap()));
            assert_eq!(link.receive(Moment::ZERO), None);
        }
        arrived
    }

    #[test]
    fn a_seed_decides_everything_and_another_one_otherwise() {
        let config = LinkConfig {
            loss_per_mille: 100,
            duplicate_per_mille: 20,
            reorder_per_mille: 50,
            reorder_delay: Duration::from_millis(5),
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(3),
        };
        assert_eq!(fate(config, 1), fate(config, 1));
        assert_ne!(fate(config, 1), fate(config, 2));
        let arrived = fate(config, 1);
        assert!((9_000..9_400).contains(&arrived.len()), "{}", arrived.len());
        let turned = arrived.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
        assert!((300..700).contains(&turned), "{turned}");
    }

    #[test]
    fn jitter_alone_changes_no_order() {
        let config = LinkConfig { jitter: Duration::from_millis(50), ..LinkConfig::default() };
        let arrived = fate(config, 3);
        assert_eq!(arrived.len(), 10_000);
        assert!(arrived.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }

    #[test]
    fn a_pipe_loses_no_byte_however_it_cuts() {
        let mut pipe = Pipe::new(Duration::from_millis(10), 5);
        let bytes: Vec<u8> = (0..5_000_u32).map(|n| n as u8).collect();
        for piece in bytes.chunks(700) {
            pipe.send(piece, Moment::ZERO);
        }
        assert_eq!(pipe.receive(Moment::from_millis(9)), None);
        let mut arrived = Vec::new();
        let mut pieces = 0;
        while let Some(piece) = pipe.receive(Moment::from_millis(10)) {
            arrived.extend(piece);
            pieces += 1;
        }
        assert_eq!(arrived, bytes);
        assert!(pieces > 20, "{pieces}");
    }
}
