//! Store of sent packets, for sending them again.
//!
//! Bounded by number, bytes and age. Payloads are shared with whoever else holds them: a store costs headers.
use formats::rtp::{HEADER_BYTES, Packet};
use media::Moment;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most packets: 3,000, two seconds of video at 15 Mbit/s. Source: mediasoup.
pub const PACKETS_MAX: usize = 3000;
/// Most bytes: 4 MiB, what as many packets of full size are.
pub const BYTES_MAX: usize = 4 << 20;
/// Oldest packet: 3 s, as long as our own receivers ask.
pub const AGE_MAX: Duration = Duration::from_secs(3);
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
struct Stored {
    packet: Packet,
    /// Not later than that of any packet with a higher number, so that the oldest are always the first.
    sent_at: Moment,
    again_at: Option<Moment>,
    times: u32,
}

/// The packets of one outgoing stream, by extended sequence number.
#[derive(Clone, Debug, Default)]
pub struct RetransmissionStore {
    packets: BTreeMap<u64, Stored>,
    bytes: usize,
}

impl RetransmissionStore {
    /// Keeps a packet that goes out now. One whose number is stored is replaced.
    pub fn insert(&mut self, packet: Packet, now: Moment) {
        self.forget_old(now);
        let Some(extended) = self.extend(packet.header.sequence) else {
            // the numbers jumped: nothing stored can be told from what is to come
            self.clear();
            return self.insert_at(1 << 16 | u64::from(packet.header.sequence), packet, now);
        };
        self.insert_at(extended, packet, now);
    }

    /// Takes a packet for sending it again now. The flag says whether it is the first time.
    pub fn take(
        &mut self,
        sequence: u16,
        round_trip: Duration,
        now: Moment,
    ) -> Result<(&Packet, bool), NotAgain> {
        self.forget_old(now);
        let extended = self.extend(sequence).ok_or(NotAgain::Unknown)?;
        let stored = self.packets.get_mut(&extended).ok_or(NotAgain::Unknown)?;
        let wait = round_trip.clamp(AGAIN_AFTER_MIN, ROUND_TRIP_MAX);
        if stored.again_at.is_some_and(|again_at| now < again_at + wait) {
            return Err(NotAgain::OnItsWay);
        }
        stored.again_at = Some(now);
        stored.times += 1;
        Ok((&stored.packet, stored.times == 1))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.packets.clear();
        self.bytes = 0;
    }

    /// Number of packets.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Bytes of all packets.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn insert_at(&mut self, extended: u64, packet: Packet, now: Moment) {
        let next = self.packets.range(extended + 1..).next();
        let sent_at = next.map_or(now, |(_, next)| next.sent_at.min(now));
        self.bytes += packet_bytes(&packet);
        let stored = Stored { packet, sent_at, again_at: None, times: 0 };
        if let Some(replaced) = self.packets.insert(extended, stored) {
            self.bytes -= packet_bytes(&replaced.packet);
        }
        while self.packets.len() > PACKETS_MAX || self.bytes > BYTES_MAX {
            self.forget_first();
        }
    }

    /// `None` when the number is too far from the stored ones. The first number ever begins at the second cycle.
    fn extend(&self, sequence: u16) -> Option<u64> {
        let Some((highest, _)) = self.packets.last_key_value() else {
            return Some(1 << 16 | u64::from(sequence));
        };
        let ahead = i64::from(sequence.wrapping_sub(*highest as u16) as i16);
        (ahead.unsigned_abs() <= PACKETS_MAX as u64).then(|| highest.saturating_add_signed(ahead))
    }

    fn forget_old(&mut self, now: Moment) {
        while self.packets.first_key_value().is_some_and(|(_, first)| first.sent_at + AGE_MAX < now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, first)) = self.packets.pop_first() {
            self.bytes -= packet_bytes(&first.packet);
        }
    }
}

fn packet_bytes(packet: &Packet) -> usize {
    let extension = packet.extension.as_ref().map_or(0, |extension| 4 + extension.data.len());
    HEADER_BYTES + 4 * packet.csrcs.len() + extension + packet.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use formats::rtp::Header;
    use proptest::prelude::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn packet(sequence: u16, bytes: usize) -> Packet {
        let payload = Bytes::from_static(&[0; 65_536]).slice(..bytes);
        Packet { header: Header { sequence, ..Header::default() }, payload, ..Packet::default() }
    }

    #[test]
    fn a_packet_goes_again_once_a_round_trip_and_not_within_10_ms() {
        let mut store = RetransmissionStore::default();
        store.insert(packet(7, 100), at(0));
        let mut times = |round_trip_ms, range: std::ops::Range<u64>| -> Vec<u64> {
            range.filter(|ms| store.take(7, Duration::from_millis(round_trip_ms), at(*ms)).is_ok()).collect()
        };
        assert_eq!(times(0, 0..25), [0, 10, 20]);
        assert_eq!(times(100, 120..330), [120, 220, 320]);
    }

    #[test]
    fn payloads_are_shared_with_the_store() {
        let mut store = RetransmissionStore::default();
        let sent = packet(7, 100);
        store.insert(sent.clone(), at(0));
        let (again, first) = store.take(7, Duration::ZERO, at(1)).unwrap();
        assert_eq!((again.payload.as_ptr(), first), (sent.payload.as_ptr(), true));
    }

    #[test]
    fn packets_before_and_after_the_wrap_are_both_found() {
        let mut store = RetransmissionStore::default();
        for sequence in [65_534, 65_535, 1, 0] {
            store.insert(packet(sequence, 100), at(0));
        }
        for sequence in [65_534, 65_535, 0, 1] {
            assert_eq!(store.take(sequence, Duration::ZERO, at(1)).unwrap().0.header.sequence, sequence);
        }
        assert_eq!(store.take(2, Duration::ZERO, at(1)), Err(NotAgain::Unknown));
        assert_eq!(store.take(0, Duration::ZERO, at(3002)), Err(NotAgain::Unknown));
        assert!(store.is_empty());
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
                store.insert(packet(sequence, bytes), at(now));
                prop_assert!(store.len() <= PACKETS_MAX && store.bytes() <= BYTES_MAX);
                let bytes: usize = store.packets.values().map(|stored| packet_bytes(&stored.packet)).sum();
                prop_assert_eq!(store.bytes(), bytes);
                prop_assert!(store.packets.values().all(|stored| at(now).since(stored.sent_at) <= AGE_MAX));
                prop_assert!(store.packets.values().map(|stored| stored.sent_at).is_sorted());
            }
        }

        #[test]
        fn what_is_stored_is_found_and_nothing_else(
            sequences in prop::collection::vec(0u16..200, 1..100), asked in 0u16..250,
        ) {
            let mut store = RetransmissionStore::default();
            for sequence in &sequences {
                store.insert(packet(*sequence, 10), at(0));
            }
            let found = store.take(asked, Duration::ZERO, at(1)).map(|(packet, _)| packet.header.sequence);
            prop_assert_eq!(found, if sequences.contains(&asked) { Ok(asked) } else { Err(NotAgain::Unknown) });
        }
    }
}
