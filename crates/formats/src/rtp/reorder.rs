//! Puts packets from UDP back into order, without waiting for ever for those that are lost.
//!
//! Source: RFC 3550 §A.1 for what is a restart of the sender. Owns the packets that wait; time comes in.
use super::Packet;
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// A packet that many numbers ahead is a restart rather than a gap. Source: `MAX_DROPOUT`, RFC 3550 §A.1.
const AHEAD_MAX: i16 = 3000;
/// A packet that many numbers behind is a restart rather than late. Source: `MAX_MISORDER`, RFC 3550 §A.1.
const BEHIND_MAX: i16 = 100;

/// How long and how much to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReorderOptions {
    /// Longest time that a packet waits for an earlier one. 200 ms by default: a retransmission over a
    /// transatlantic path still makes it.
    pub wait_max: Duration,
    /// Most numbers between the packet waited for and the newest. 1024 by default: 200 ms of 60 Mbit/s.
    pub packets_max: usize,
}

impl Default for ReorderOptions {
    fn default() -> Self {
        Self { wait_max: Duration::from_millis(200), packets_max: 1024 }
    }
}

/// What happened so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReorderStats {
    /// Packets taken, duplicates and late ones included.
    pub received: u64,
    /// Numbers given up.
    pub lost: u64,
    /// Packets that came after their number was given up or passed on; dropped.
    pub late: u64,
    /// Packets that were waiting already; dropped.
    pub duplicate: u64,
    /// Packets that came after one with a higher number, in time.
    pub reordered: u64,
    /// Changes of SSRC and jumps of the sequence number.
    pub resets: u64,
}

struct Waiting {
    packet: Packet,
    arrival: Moment,
}

/// Reorder buffer of one RTP stream.
pub struct Reorder {
    options: ReorderOptions,
    stats: ReorderStats,
    ssrc: Option<u32>,
    /// Number of the slot in front.
    next: u16,
    /// Slot `i` is for number `next + i`; the last slot is never empty.
    slots: VecDeque<Option<Waiting>>,
    /// In order already: what an ended run left behind.
    ready: VecDeque<Packet>,
    /// A packet far from the others: if its successor follows, the sender restarted.
    stray: Option<Packet>,
    /// Since when a packet waits behind an empty front slot.
    blocked_since: Option<Moment>,
}

impl Reorder {
    /// An empty buffer; the first packet says where the numbers start.
    pub fn new(options: ReorderOptions) -> Self {
        Self {
            options: ReorderOptions {
                packets_max: options.packets_max.clamp(1, AHEAD_MAX as usize),
                ..options
            },
            stats: ReorderStats::default(),
            ssrc: None,
            next: 0,
            slots: VecDeque::new(),
            ready: VecDeque::new(),
            stray: None,
            blocked_since: None,
        }
    }

    /// Counters.
    pub fn stats(&self) -> ReorderStats {
        self.stats
    }

    /// Takes a packet that arrived at `now`.
    pub fn handle(&mut self, packet: Packet, now: Moment) {
        self.stats.received += 1;
        let sequence = packet.header.sequence;
        match self.ssrc {
            Some(ssrc) if ssrc == packet.header.ssrc => {}
            Some(_) => self.restart(packet.header.ssrc, sequence),
            None => {
                self.ssrc = Some(packet.header.ssrc);
                self.next = sequence;
            }
        }
        let mut ahead = sequence.wrapping_sub(self.next) as i16;
        if !(-BEHIND_MAX..=AHEAD_MAX).contains(&ahead) {
            match self.stray.take() {
                Some(stray) if stray.header.sequence.wrapping_add(1) == sequence => {
                    self.restart(packet.header.ssrc, stray.header.sequence);
                    self.place(stray, 0, now);
                    ahead = 1;
                }
                Some(_) | None => {
                    self.stray = Some(packet);
                    return;
                }
            }
        }
        match usize::try_from(ahead) {
            Ok(ahead) => self.place(packet, ahead, now),
            Err(_) => self.stats.late += 1,
        }
    }

    fn place(&mut self, packet: Packet, mut ahead: usize, now: Moment) {
        // A newcomer beyond the bound pushes out what is in front.
        while ahead >= self.options.packets_max {
            match self.slots.pop_front() {
                Some(Some(waiting)) => self.ready.push_back(waiting.packet),
                Some(None) | None => self.stats.lost += 1,
            }
            self.next = self.next.wrapping_add(1);
            ahead -= 1;
            self.blocked_since = None;
        }
        if ahead < self.slots.len() {
            if self.slots[ahead].is_some() {
                self.stats.duplicate += 1;
                return;
            }
            self.stats.reordered += 1;
        } else {
            self.slots.resize_with(ahead + 1, || None);
        }
        self.slots[ahead] = Some(Waiting { packet, arrival: now });
        self.update_blocked();
    }

    fn update_blocked(&mut self) {
        match self.slots.front() {
            Some(None) if self.blocked_since.is_none() => {
                self.blocked_since = self.slots.iter().flatten().map(|waiting| waiting.arrival).min();
            }
            Some(None) => {}
            Some(Some(_)) | None => self.blocked_since = None,
        }
    }

    fn restart(&mut self, ssrc: u32, sequence: u16) {
        self.stats.resets += 1;
        for slot in self.slots.drain(..) {
            match slot {
                Some(waiting) => self.ready.push_back(waiting.packet),
                None => self.stats.lost += 1,
            }
        }
        self.ssrc = Some(ssrc);
        self.next = sequence;
        self.stray = None;
        self.blocked_since = None;
    }

    /// The next packet in order, if it is there, or if the wait for those before it is over. Call until `None`.
    pub fn pop(&mut self, now: Moment) -> Option<Packet> {
        if let Some(packet) = self.ready.pop_front() {
            return Some(packet);
        }
        if self.next_deadline().is_some_and(|deadline| now >= deadline) {
            while let Some(None) = self.slots.front() {
                self.slots.pop_front();
                self.next = self.next.wrapping_add(1);
                self.stats.lost += 1;
            }
        }
        if !matches!(self.slots.front(), Some(Some(_))) {
            return None;
        }
        let waiting = self.slots.pop_front()??;
        self.next = self.next.wrapping_add(1);
        self.blocked_since = None;
        self.update_blocked();
        Some(waiting.packet)
    }

    /// When [`pop`](Self::pop) gives up on the packet it waits for; `None` while it waits for none.
    pub fn next_deadline(&self) -> Option<Moment> {
        self.blocked_since.map(|since| since + self.options.wait_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Header;
    use crate::rtp::testing::Random;

    fn packet(sequence: u16, ssrc: u32) -> Packet {
        Packet { header: Header { sequence, ssrc, ..Header::default() }, ..Packet::default() }
    }

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn drain(reorder: &mut Reorder, now: Moment) -> Vec<u16> {
        std::iter::from_fn(|| reorder.pop(now)).map(|packet| packet.header.sequence).collect()
    }

    #[test]
    fn swapped_packets_come_out_in_order_across_the_wrap() {
        let mut reorder = Reorder::new(ReorderOptions::default());
        for (ms, sequence) in [65_534, 0, 65_535, 1].into_iter().enumerate() {
            reorder.handle(packet(sequence, 1), at(ms as u64));
        }
        assert_eq!(drain(&mut reorder, at(4)), [65_534, 65_535, 0, 1]);
        let stats = reorder.stats();
        assert_eq!((stats.received, stats.reordered, stats.lost), (4, 1, 0));
    }

    #[test]
    fn a_gap_is_given_up_at_its_deadline_and_not_before() {
        let mut reorder = Reorder::new(ReorderOptions::default());
        reorder.handle(packet(1, 1), at(0));
        reorder.handle(packet(4, 1), at(10));
        reorder.handle(packet(3, 1), at(50));
        assert_eq!(drain(&mut reorder, at(209)), [1]);
        assert_eq!(reorder.next_deadline(), Some(at(210)));
        assert_eq!(drain(&mut reorder, at(210)), [3, 4]);
        assert_eq!(reorder.next_deadline(), None);
        reorder.handle(packet(2, 1), at(211));
        assert_eq!((reorder.stats().lost, reorder.stats().late), (1, 1));
    }

    #[test]
    fn duplicates_are_dropped_whether_they_wait_or_have_passed() {
        let mut reorder = Reorder::new(ReorderOptions::default());
        for sequence in [1, 3, 3] {
            reorder.handle(packet(sequence, 1), at(0));
        }
        assert_eq!(drain(&mut reorder, at(0)), [1]);
        reorder.handle(packet(1, 1), at(0));
        assert_eq!((reorder.stats().duplicate, reorder.stats().late), (1, 1));
    }

    #[test]
    fn more_than_packets_max_never_wait() {
        let mut reorder =
            Reorder::new(ReorderOptions { packets_max: 4, wait_max: Duration::from_secs(3600) });
        reorder.handle(packet(1, 1), at(0));
        for sequence in 3..100 {
            reorder.handle(packet(sequence, 1), at(0));
        }
        assert_eq!(drain(&mut reorder, at(0)), [1].into_iter().chain(3..100).collect::<Vec<_>>());
        assert_eq!(reorder.stats().lost, 1);
    }

    #[test]
    fn a_new_ssrc_passes_on_what_waited_and_starts_anew() {
        let mut reorder = Reorder::new(ReorderOptions::default());
        for (sequence, ssrc) in [(1, 1), (3, 1), (900, 2), (901, 2)] {
            reorder.handle(packet(sequence, ssrc), at(0));
        }
        assert_eq!(drain(&mut reorder, at(0)), [1, 3, 900, 901]);
        assert_eq!(reorder.stats().resets, 1);
    }

    #[test]
    fn one_stray_packet_changes_nothing_and_two_in_a_row_are_a_restart() {
        let mut reorder = Reorder::new(ReorderOptions::default());
        for sequence in [10, 40_000, 11, 20_000, 20_001, 20_002] {
            reorder.handle(packet(sequence, 1), at(0));
        }
        assert_eq!(drain(&mut reorder, at(0)), [10, 11, 20_000, 20_001, 20_002]);
    }

    #[test]
    fn what_comes_out_rises_and_is_what_went_in_whatever_the_network_does() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut reorder = Reorder::new(ReorderOptions { packets_max: 16, ..Default::default() });
            let mut network: Vec<(usize, u16)> = Vec::new();
            for index in 0..500usize {
                for _ in 0..[0, 1, 1, 1, 1, 1, 1, 2][random.below(8)] {
                    network.push((index + random.below(6), (index as u16).wrapping_add(65_300)));
                }
            }
            network.sort_by_key(|(when, _)| *when);
            let mut out = Vec::new();
            for (when, sequence) in network {
                reorder.handle(packet(sequence, 1), at(when as u64 * 10));
                out.extend(drain(&mut reorder, at(when as u64 * 10)));
            }
            out.extend(drain(&mut reorder, Moment::FAR_FUTURE));
            let places: Vec<u16> = out.iter().map(|sequence| sequence.wrapping_sub(65_300)).collect();
            assert!(places.is_sorted_by(|a, b| a < b), "seed {seed}");
            let stats = reorder.stats();
            assert_eq!(stats.received, out.len() as u64 + stats.late + stats.duplicate);
            // What is lost before the first packet is nobody's to know.
            assert_eq!(u64::from(places[places.len() - 1] - places[0]) + 1, out.len() as u64 + stats.lost);
        }
    }
}
