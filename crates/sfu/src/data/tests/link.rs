//! The link and the two associations at its ends. All that is random comes from one seed; what `sctp-proto` draws itself
//! (tags, first numbers) does not change what is lost when.
use crate::data::{
    Association, AssociationOptions, DataOutput, Payload, Role, SctpState, SctpStreamParameters,
};
use crate::epoch::Epoch;
use bytes::Bytes;
use media::Moment;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// Small and seeded (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True in so many of a thousand.
    pub(super) fn chance(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }
}

/// What the link does to packets, in thousandths.
#[derive(Clone, Copy, Default)]
pub(super) struct Weather {
    pub(super) loss: u64,
    pub(super) late: u64,
    pub(super) twice: u64,
}

/// Packets that an end takes in before it is polled: 32, as a socket gives them at once.
const BATCH: usize = 32;

/// 0 and 1 are the ends of the link.
pub(super) type Side = usize;

pub(super) struct Pair {
    pub(super) ends: [Association; 2],
    pub(super) seen: [VecDeque<DataOutput>; 2],
    pub(super) now: Moment,
    pub(super) weather: Weather,
    pub(super) dice: Dice,
    /// Packets as they were sent, when somebody wants to know.
    pub(super) record: Option<Vec<(Side, Bytes)>>,
    under_way: BinaryHeap<Reverse<(Moment, u64, Side, Bytes)>>,
    wait: [Moment; 2],
    sent: u64,
}

#[expect(clippy::disallowed_methods, reason = "an epoch begins at some instant")]
pub(super) fn epoch() -> Epoch {
    Epoch::new(std::time::Instant::now(), Moment::ZERO)
}

impl Pair {
    pub(super) fn new(seed: u64, options: AssociationOptions) -> Self {
        let epoch = epoch();
        let end = |role| Association::new(options.clone(), role, epoch);
        let mut pair = Self {
            ends: [end(Role::Client), end(Role::Server)],
            seen: Default::default(),
            now: Moment::ZERO,
            weather: Weather::default(),
            dice: Dice(seed),
            record: None,
            under_way: BinaryHeap::new(),
            wait: [Moment::FAR_FUTURE; 2],
            sent: 0,
        };
        pair.ends[0].start(pair.now);
        pair.ends[1].start(pair.now);
        pair
    }

    /// A pair that is connected over a perfect link.
    pub(super) fn connected(seed: u64, options: AssociationOptions) -> Self {
        let mut pair = Self::new(seed, options);
        pair.connect();
        pair
    }

    pub(super) fn connect(&mut self) {
        let connected = |pair: &Pair| pair.ends.iter().all(|end| end.state() == SctpState::Connected);
        assert!(self.run_until(Duration::from_secs(60), connected), "not connected");
    }

    /// Opens the same agreed streams on both sides.
    pub(super) fn open(&mut self, streams: &[SctpStreamParameters]) {
        for parameters in streams {
            for end in &mut self.ends {
                end.open(parameters, None, self.now).unwrap();
            }
        }
    }

    /// Takes everything that both ends have to say.
    pub(super) fn drain(&mut self) {
        for side in [0, 1] {
            loop {
                match self.ends[side].poll_output(self.now) {
                    DataOutput::WaitUntil(moment) => {
                        self.wait[side] = moment;
                        break;
                    }
                    DataOutput::Packet(packet) => self.launch(side, packet),
                    other => self.seen[side].push_back(other),
                }
            }
        }
    }

    /// Puts a packet of `side` on the link.
    pub(super) fn launch(&mut self, side: Side, packet: Bytes) {
        if let Some(record) = &mut self.record {
            record.push((side, packet.clone()));
        }
        if self.dice.chance(self.weather.loss) {
            return;
        }
        let copies = if self.dice.chance(self.weather.twice) { 2 } else { 1 };
        for _ in 0..copies {
            let late = if self.dice.chance(self.weather.late) { 1 + self.dice.below(60) } else { 0 };
            let delay = Duration::from_millis(20 + late);
            self.sent += 1;
            self.under_way.push(Reverse((self.now + delay, self.sent, 1 - side, packet.clone())));
        }
    }

    /// Goes on to the next thing that happens, but not beyond `end`. False when that is reached.
    pub(super) fn step(&mut self, end: Moment) -> bool {
        self.drain();
        let arrival = self.under_way.peek().map(|Reverse((at, ..))| *at);
        let next = self.wait.into_iter().chain(arrival).min().unwrap_or(Moment::FAR_FUTURE);
        if next > end {
            self.now = end;
            return false;
        }
        self.now = self.now.max(next);
        let mut batch = 0;
        while let Some(Reverse((at, ..))) = self.under_way.peek()
            && *at <= self.now
        {
            let Some(Reverse((_, _, side, packet))) = self.under_way.pop() else { break };
            self.ends[side].handle_packet(packet, self.now);
            batch += 1;
            if batch % BATCH == 0 {
                self.drain();
            }
        }
        true
    }

    /// Goes on until `done`; false when that does not come within `limit`.
    pub(super) fn run_until(&mut self, limit: Duration, done: impl Fn(&Pair) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            self.drain();
            if done(self) {
                return true;
            }
            if !self.step(end) {
                self.drain();
                return done(self);
            }
        }
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    pub(super) fn send(&mut self, side: Side, stream_id: u16, bytes: &'static [u8]) {
        self.ends[side].send(stream_id, &Payload::Binary(Bytes::from_static(bytes)), self.now).unwrap();
    }

    /// What `side` has been told since the last call, without states.
    pub(super) fn told(&mut self, side: Side) -> Vec<DataOutput> {
        self.seen[side].drain(..).filter(|output| !matches!(output, DataOutput::State(_))).collect()
    }

    pub(super) fn states(&mut self, side: Side) -> Vec<SctpState> {
        let states = self.seen[side].drain(..).filter_map(|output| match output {
            DataOutput::State(state) => Some(state),
            _ => None,
        });
        states.collect()
    }
}

pub(super) fn message(stream_id: u16, bytes: &'static [u8]) -> DataOutput {
    DataOutput::Message { stream_id, payload: Payload::Binary(Bytes::from_static(bytes)) }
}
