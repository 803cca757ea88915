//! Store of sent packets, for sending them again.
//!
//! A ring by sequence number, bounded by number, bytes and age. What is kept of a packet is the caller's choice, `P`:
//! mostly a reference that all consumers of a producer share, so that a store costs numbers and not payloads.
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Most packets: 3,000, two seconds of video at 15 Mbit/s. Source: mediasoup.
pub const PACKETS_MAX: usize = 3000;
/// Most bytes on the wire: 4 MiB, what as many packets of full size are.
pub const BYTES_MAX: usize = 4 << 20;
/// Oldest packet: 3 s, as long as our own receivers ask.
pub const AGE_MAX: Duration = Duration::from_secs(3);
/// Packets that a probe may be filled with: the newest 32, which are of one or two frames.
const NEWEST: usize = 32;
/// Packets that are too old are looked for this often while others are stored: 100 ms.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Least time between two retransmissions of a packet: 10 ms, or a round trip if that is more. Source: mediasoup.
const AGAIN_AFTER_MIN: Duration = Duration::from_millis(10);
/// A round trip above 1 s counts as 1 s: a receiver that lies about it must still be served.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);

/// Why a packet is not sent again. No error: receivers ask late and twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAgain {
    /// Not stored: never sent, or too old.
    Unknown,
    /// It was sent again less than a round trip ago, and may be on its way.
    OnItsWay,
}

#[derive(Clone, Debug)]
struct Stored<P> {
    packet: P,
    bytes: u32,
    sent_at: Moment,
    again_at: Option<Moment>,
    times: u32,
}

/// The packets of one outgoing stream, by sequence number.
#[derive(Clone, Debug)]
pub struct RetransmissionStore<P> {
    /// From number `first` on; `None` where a number was not sent. The first and the last are there.
    ring: VecDeque<Option<Stored<P>>>,
    first: u16,
    bytes: usize,
    /// When to look for old packets again: looking costs a cache line, and they are few in a moment.
    look_at: Moment,
}

impl<P> Default for RetransmissionStore<P> {
    fn default() -> Self {
        Self { ring: VecDeque::new(), first: 0, bytes: 0, look_at: Moment::ZERO }
    }
}

impl<P> RetransmissionStore<P> {
    /// Keeps a packet that goes out now, `bytes` long on the wire. One whose number is stored is replaced; one from
    /// before all that is stored is not kept.
    pub fn insert(&mut self, sequence: u16, packet: P, bytes: usize, now: Moment) {
        if self.look_at <= now {
            self.look_at = now + LOOK_EVERY;
            self.forget_old(now);
        }
        let stored = Stored { packet, bytes: bytes as u32, sent_at: now, again_at: None, times: 0 };
        let ahead = sequence.wrapping_sub(self.first);
        let at = usize::from(ahead);
        if self.ring.is_empty() {
            self.first = sequence;
            self.ring.push_back(Some(stored));
        } else if at < self.ring.len() {
            if let Some(replaced) = self.ring.get_mut(at).and_then(|place| place.replace(stored)) {
                self.bytes -= replaced.bytes as usize;
            }
        } else if at <= self.ring.len() + PACKETS_MAX {
            self.ring.resize_with(at, || None);
            self.ring.push_back(Some(stored));
        } else if ahead > u16::MAX - PACKETS_MAX as u16 {
            return;
        } else {
            // the numbers jumped: nothing stored can be told from what is to come
            self.clear();
            self.first = sequence;
            self.ring.push_back(Some(stored));
        }
        self.bytes += bytes;
        while self.ring.len() > PACKETS_MAX || self.bytes > BYTES_MAX {
            self.forget_first();
        }
    }

    /// Takes a packet for sending it again now. The flag says whether it is the first time.
    pub fn take(&mut self, sequence: u16, round_trip: Duration, now: Moment) -> Result<(&P, bool), NotAgain> {
        self.forget_old(now);
        let at = usize::from(sequence.wrapping_sub(self.first));
        let stored = self.ring.get_mut(at).and_then(Option::as_mut).ok_or(NotAgain::Unknown)?;
        let wait = round_trip.clamp(AGAIN_AFTER_MIN, ROUND_TRIP_MAX);
        if stored.again_at.is_some_and(|again_at| now < again_at + wait) {
            return Err(NotAgain::OnItsWay);
        }
        stored.again_at = Some(now);
        stored.times += 1;
        Ok((&stored.packet, stored.times == 1))
    }

    /// One of the newest packets, of those of about so many bytes if there are some. Going on with `nth` gives them
    /// in turn.
    pub fn newest(&self, nth: usize, bytes: usize) -> Option<&P> {
        let newest = || self.ring.iter().rev().take(NEWEST).flatten();
        let fitting = newest().filter(|stored| stored.bytes as usize <= bytes + bytes / 4).count();
        let fits = |stored: &&Stored<P>| fitting == 0 || stored.bytes as usize <= bytes + bytes / 4;
        let count = newest().filter(fits).count();
        let at = nth.checked_rem(count)?;
        newest().filter(fits).nth(at).map(|stored| &stored.packet)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.ring.clear();
        self.bytes = 0;
    }

    /// Number of places: packets, and numbers between them that were not sent.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Bytes of all packets.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Packets go out one after the other, so the first is the oldest; one sent late is only kept longer.
    fn forget_old(&mut self, now: Moment) {
        while let Some(Some(first)) = self.ring.front()
            && first.sent_at + AGE_MAX < now
        {
            self.forget_first();
        }
    }

    /// Forgets the first packet and the empty places behind it.
    fn forget_first(&mut self) {
        loop {
            if let Some(first) = self.ring.pop_front().flatten() {
                self.bytes -= first.bytes as usize;
            }
            self.first = self.first.wrapping_add(1);
            if self.ring.front().is_none_or(Option::is_some) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn store(sequences: impl IntoIterator<Item = u16>) -> RetransmissionStore<u16> {
        let mut store = RetransmissionStore::default();
        for sequence in sequences {
            store.insert(sequence, sequence, 100, at(0));
        }
        store
    }

    #[test]
    fn a_packet_goes_again_once_a_round_trip_and_not_within_10_ms() {
        let mut store = store([7]);
        let mut times = |round_trip_ms, range: std::ops::Range<u64>| -> Vec<u64> {
            range.filter(|ms| store.take(7, Duration::from_millis(round_trip_ms), at(*ms)).is_ok()).collect()
        };
        assert_eq!(times(0, 0..25), [0, 10, 20]);
        assert_eq!(times(100, 120..330), [120, 220, 320]);
    }

    #[test]
    fn packets_before_and_after_the_wrap_are_both_found() {
        let mut store = store([65_534, 65_535, 1, 0]);
        for sequence in [65_534, 65_535, 0, 1] {
            assert_eq!(store.take(sequence, Duration::ZERO, at(1)), Ok((&sequence, true)));
        }
        assert_eq!(store.take(2, Duration::ZERO, at(1)), Err(NotAgain::Unknown));
        assert_eq!(store.take(0, Duration::ZERO, at(3002)), Err(NotAgain::Unknown));
        assert!(store.is_empty());
    }

    #[test]
    fn a_number_from_before_all_is_not_kept_and_a_jump_forgets_all() {
        let mut store = store([100, 99]);
        assert_eq!((store.len(), store.take(99, Duration::ZERO, at(1))), (1, Err(NotAgain::Unknown)));
        store.insert(30_000, 1, 100, at(1));
        assert_eq!((store.len(), store.bytes()), (1, 100));
        assert_eq!(store.take(100, Duration::ZERO, at(1)), Err(NotAgain::Unknown));
    }

    proptest! {
        #[test]
        fn the_store_never_exceeds_its_bounds(
            steps in prop::collection::vec(
                (prop_oneof![9 => -20i16..60, 1 => any::<i16>()], 0usize..65_536, 0u64..30), 0..400,
            ),
        ) {
            let mut store = RetransmissionStore::default();
            let (mut sequence, mut now) = (0u16, 0);
            for (step, bytes, pause) in steps {
                sequence = sequence.wrapping_add_signed(step);
                now += pause;
                store.insert(sequence, (), bytes, at(now));
                prop_assert!(store.len() <= PACKETS_MAX && store.bytes() <= BYTES_MAX);
                let bytes: usize = store.ring.iter().flatten().map(|stored| stored.bytes as usize).sum();
                prop_assert_eq!(store.bytes(), bytes);
                prop_assert!(store.ring.front().is_none_or(Option::is_some));
                prop_assert!(store.ring.back().is_none_or(Option::is_some));
                if let Some(Some(first)) = store.ring.front() {
                    prop_assert!(at(now).since(first.sent_at) <= AGE_MAX + LOOK_EVERY);
                }
            }
        }

        #[test]
        fn what_is_stored_is_found_and_nothing_else(
            mut sequences in prop::collection::vec(0u16..200, 1..100), asked in 0u16..250,
        ) {
            sequences.sort_unstable();
            let mut store = store(sequences.iter().copied());
            let found = store.take(asked, Duration::ZERO, at(1)).map(|(packet, _)| *packet);
            prop_assert_eq!(found, if sequences.contains(&asked) { Ok(asked) } else { Err(NotAgain::Unknown) });
        }
    }
}
