//! Data channels: messages that say whose they are, which one, and that they are whole.
use super::BotError;
use super::body::{fill, sum};
use super::report::DataReport;
use crate::net::Dice;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Length of a message's head; a shorter message is a run of one byte.
const HEAD: usize = 28;
const MAGIC: u32 = 0x4171_444d;

/// Who sends a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DataTag {
    /// Worker, or whatever else a test counts first.
    pub worker: u32,
    /// Transport of that worker.
    pub transport: u32,
    /// Channel of that transport.
    pub channel: u32,
}

/// How much a channel promises. Those with a limit are unordered, as with mediasoup.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Promise {
    /// Everything, in order.
    #[default]
    Ordered,
    /// Everything, in any order.
    Unordered,
    /// What arrives within so many milliseconds.
    LifeTime(u16),
    /// What arrives with so many repetitions.
    Retransmits(u16),
}

/// A data channel's end: one that sends, receives, or both.
#[derive(Clone, Debug)]
pub struct DataOptions {
    /// SCTP stream, agreed on beforehand: there is no DCEP.
    pub stream_id: u16,
    /// What it promises.
    pub promise: Promise,
    /// In each message that is sent.
    pub tag: DataTag,
    /// Whose messages are to come; `None` takes the first one's.
    pub expect: Option<DataTag>,
    /// Bytes a message, 1 to 65,536: str0m takes the peer for one that said no maximum in its SDP, and its DirectApi cannot say
    /// another. What is received may be as long as 262,144.
    pub sizes: RangeInclusive<usize>,
    /// One message so often; zero is as fast as SCTP takes them.
    pub interval: Duration,
    /// How many are sent; 0 makes an end that only receives.
    pub count: u32,
    /// Decides sizes.
    pub seed: u64,
    /// Told to the server.
    pub label: String,
}

impl DataOptions {
    /// An end that sends `count` messages of 100 bytes, 50 a second, reliably and in order.
    pub fn sending(stream_id: u16, tag: DataTag, count: u32) -> Self {
        Self {
            stream_id,
            promise: Promise::Ordered,
            tag,
            expect: None,
            sizes: 100..=100,
            interval: Duration::from_millis(20),
            count,
            seed: stream_id.into(),
            label: String::new(),
        }
    }

    /// An end that receives the messages of `expect`.
    pub fn receiving(stream_id: u16, expect: DataTag) -> Self {
        Self { expect: Some(expect), ..Self::sending(stream_id, DataTag::default(), 0) }
    }

    /// With the stream and the promise of a server's `sctpStreamParameters`.
    ///
    /// # Errors
    /// [`BotError::Json`] if that is none, or if it promises order and a limit at once.
    pub fn with_parameters(mut self, parameters: &Value) -> Result<Self, BotError> {
        let wrong = |why: &str| BotError::Json { what: "sctpStreamParameters", why: why.to_owned() };
        let number = |name| parameters.get(name).and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok());
        self.stream_id = number("streamId").ok_or_else(|| wrong("no streamId"))?;
        let ordered = parameters.get("ordered").and_then(Value::as_bool);
        self.promise = match (number("maxPacketLifeTime"), number("maxRetransmits")) {
            (None, None) if ordered == Some(false) => Promise::Unordered,
            (None, None) => Promise::Ordered,
            (Some(milliseconds), None) if ordered != Some(true) => Promise::LifeTime(milliseconds),
            (None, Some(times)) if ordered != Some(true) => Promise::Retransmits(times),
            _ => return Err(wrong("order, life time and retransmissions exclude each other")),
        };
        Ok(self)
    }

    /// A message as an end of `tag` sends it, for a test's server that sends itself; at least one byte.
    pub fn message(tag: DataTag, sequence: u32, length: usize) -> Vec<u8> {
        message(tag, sequence, length)
    }

    /// What is sent to the server as `sctpStreamParameters`.
    pub fn parameters(&self) -> Value {
        let id = self.stream_id;
        match self.promise {
            Promise::Ordered => json!({ "streamId": id, "ordered": true }),
            Promise::Unordered => json!({ "streamId": id, "ordered": false }),
            Promise::LifeTime(milliseconds) => {
                json!({ "streamId": id, "ordered": false, "maxPacketLifeTime": milliseconds })
            }
            Promise::Retransmits(times) => {
                json!({ "streamId": id, "ordered": false, "maxRetransmits": times })
            }
        }
    }
}

/// Writes a message.
pub(super) fn message(tag: DataTag, sequence: u32, length: usize) -> Vec<u8> {
    if length < HEAD {
        return vec![sequence as u8; length.max(1)];
    }
    let mut out = Vec::with_capacity(length);
    for word in [MAGIC, tag.worker, tag.transport, tag.channel, sequence, length as u32, 0] {
        out.extend(word.to_be_bytes());
    }
    fill(&mut out, length - HEAD, u64::from(tag.worker ^ tag.channel << 16) << 32 | u64::from(sequence));
    let sum = sum(&out);
    out[HEAD - 4..HEAD].copy_from_slice(&sum.to_be_bytes());
    out
}

/// What messages must be, and which came.
pub(super) struct DataEnd {
    pub(super) options: DataOptions,
    dice: Dice,
    next: u32,
    /// Made, but not taken yet.
    waiting: Option<Vec<u8>>,
    report: DataReport,
    /// Numbers that have come and are above [`complete`](Self::complete).
    came: BTreeSet<u32>,
    /// All numbers below have come.
    complete: u32,
    highest: Option<u32>,
}

impl DataEnd {
    pub(super) fn new(options: DataOptions) -> Self {
        let dice = Dice::new(options.seed);
        let (came, report) = (BTreeSet::new(), DataReport::default());
        Self { options, dice, next: 0, waiting: None, report, came, complete: 0, highest: None }
    }

    /// When the next message is due, since the channel opened; `None` if all are sent.
    pub(super) fn next_at(&self) -> Option<Duration> {
        (self.next < self.options.count).then(|| self.options.interval * self.next)
    }

    /// Sends more messages, each once.
    pub(super) fn send_more(&mut self, messages: u32) {
        self.options.count += messages;
    }

    /// The next message, if it is due; the same again until it was taken.
    pub(super) fn due(&mut self, since_open: Duration) -> Option<&[u8]> {
        if self.next_at()? > since_open {
            return None;
        }
        if self.waiting.is_none() {
            let (low, high) = (*self.options.sizes.start(), *self.options.sizes.end());
            let length = low + self.dice.below((high.saturating_sub(low) + 1) as u64) as usize;
            self.waiting = Some(message(self.options.tag, self.next, length));
        }
        self.waiting.as_deref()
    }

    /// Whether SCTP took the message that was due.
    pub(super) fn taken(&mut self, taken: bool) {
        if !taken {
            self.report.full += 1;
        } else if let Some(message) = self.waiting.take() {
            self.next += 1;
            self.report.sent += 1;
            self.report.bytes_sent += message.len() as u64;
        }
    }

    pub(super) fn handle_message(&mut self, bytes: &[u8]) {
        self.report.received += 1;
        self.report.bytes_received += bytes.len() as u64;
        let Some(sequence) = self.sequence(bytes) else { return };
        if sequence < self.complete || !self.came.insert(sequence) {
            self.report.duplicates += 1;
            return;
        }
        while self.came.remove(&self.complete) {
            self.complete += 1;
        }
        if self.highest.is_some_and(|highest| sequence < highest) {
            self.report.out_of_order += 1;
        }
        self.highest = self.highest.max(Some(sequence));
    }

    /// Which message that is; `None` if it is none of ours.
    fn sequence(&mut self, bytes: &[u8]) -> Option<u32> {
        if bytes.len() < HEAD {
            // One byte repeated says the number modulo 256: the nearest one to what is expected.
            let expected = self.highest.map_or(0, |highest| highest + 1);
            let value = *bytes.first()?;
            if bytes.iter().any(|byte| *byte != value) {
                self.report.corrupt += 1;
                return None;
            }
            let ahead = value.wrapping_sub(expected as u8).cast_signed();
            return Some(expected.saturating_add_signed(ahead.into()));
        }
        let mut copy = bytes.to_vec();
        copy[HEAD - 4..HEAD].fill(0);
        let word = |at: usize| {
            bytes.get(at..at + 4).map_or(0, |word| word.iter().fold(0, |all, b| all << 8 | u32::from(*b)))
        };
        if word(0) != MAGIC || word(20) as usize != bytes.len() || word(24) != sum(&copy) {
            self.report.corrupt += 1;
            return None;
        }
        let tag = DataTag { worker: word(4), transport: word(8), channel: word(12) };
        if tag != *self.options.expect.get_or_insert(tag) {
            self.report.foreign += 1;
            return None;
        }
        Some(word(16))
    }

    pub(super) fn report(&self) -> DataReport {
        let mut report = self.report.clone();
        let above = self.highest.map_or(0, |highest| u64::from(highest + 1 - self.complete.min(highest + 1)));
        report.missing = above - self.came.len() as u64;
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: DataTag = DataTag { worker: 1, transport: 2, channel: 3 };

    #[test]
    fn lost_doubled_swapped_changed_and_strange_messages_are_told_apart() {
        let mut end = DataEnd::new(DataOptions::receiving(0, TAG));
        for sequence in [0, 1, 3, 2, 2, 5] {
            end.handle_message(&message(TAG, sequence, 300));
        }
        end.handle_message(&message(DataTag { channel: 4, ..TAG }, 6, 300));
        let mut changed = message(TAG, 6, 300);
        changed[299] ^= 1;
        end.handle_message(&changed);
        let report = end.report();
        assert_eq!((report.received, report.missing, report.duplicates), (8, 1, 1));
        assert_eq!((report.out_of_order, report.foreign, report.corrupt), (1, 1, 1));
    }

    #[test]
    fn short_messages_are_counted_too() {
        let mut end = DataEnd::new(DataOptions::receiving(0, TAG));
        for sequence in (0..600).filter(|sequence| sequence % 100 != 7) {
            end.handle_message(&message(TAG, sequence, 1 + sequence as usize % 27));
        }
        let report = end.report();
        assert_eq!((report.missing, report.duplicates, report.out_of_order), (6, 0, 0));
    }

    #[test]
    fn what_a_channel_promises_travels_as_json() {
        for promise in [Promise::Ordered, Promise::Unordered, Promise::LifeTime(100), Promise::Retransmits(0)]
        {
            let options = DataOptions { promise, ..DataOptions::sending(9, TAG, 1) };
            let read = DataOptions::receiving(0, TAG).with_parameters(&options.parameters()).unwrap();
            assert_eq!((read.stream_id, read.promise), (9, promise));
        }
        let both = json!({ "streamId": 1, "ordered": true, "maxRetransmits": 1 });
        assert!(DataOptions::receiving(0, TAG).with_parameters(&both).is_err());
    }
}
