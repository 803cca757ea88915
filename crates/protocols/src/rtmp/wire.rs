//! What both sides have: the handshake, messages in and out, acknowledgements, pings.
//!
//! Source: RTMP 1.0 §5.4, §7.1.7.
use super::chunk_reader::ChunkReader;
use super::chunk_writer::{self, CHUNK_SIZE, Header, chunk_stream, put_message};
use super::handshake::Handshake;
use super::message::{Message, event, kind};
use super::{Media, RtmpError};
use bytes::{BufMut, Bytes, BytesMut};
use formats::flv::{self, TagKind};
use media::Moment;
use std::collections::VecDeque;

/// Acknowledged window when the peer names none, and the one we name: 2.5 MB, as most servers do.
pub(super) const WINDOW: u32 = 2_500_000;
/// Chunk size before we announce ours. Source: §5.4.1.
const CHUNK_SIZE_INITIAL: usize = 128;

/// The connection under a session.
#[derive(Debug)]
pub(super) struct Wire {
    /// `None` when done.
    handshake: Option<Handshake>,
    reader: ChunkReader,
    messages: VecDeque<Message>,
    out: VecDeque<Bytes>,
    /// Small messages not yet in `out`.
    small: BytesMut,
    chunk_size: usize,
    window: u32,
    acknowledged: u64,
    received_at: Moment,
}

impl Wire {
    pub(super) fn server(now: Moment) -> Self {
        Self::new(Handshake::server(seed(now)), now)
    }

    /// Begins with C0 and C1.
    pub(super) fn client(now: Moment) -> Self {
        let (handshake, hello) = Handshake::client(seed(now));
        let mut wire = Self::new(handshake, now);
        wire.out.push_back(hello);
        wire
    }

    fn new(handshake: Handshake, now: Moment) -> Self {
        Self {
            handshake: Some(handshake),
            reader: ChunkReader::new(),
            messages: VecDeque::new(),
            out: VecDeque::new(),
            small: BytesMut::new(),
            chunk_size: CHUNK_SIZE_INITIAL,
            window: WINDOW,
            acknowledged: 0,
            received_at: now,
        }
    }

    pub(super) const fn is_handshake_done(&self) -> bool {
        self.handshake.is_none()
    }

    /// When the last bytes came.
    pub(super) const fn received_at(&self) -> Moment {
        self.received_at
    }

    /// Bytes received after the handshake.
    pub(super) const fn position(&self) -> u64 {
        self.reader.position()
    }

    pub(super) fn handle_input(&mut self, mut data: &[u8], now: Moment) -> Result<(), RtmpError> {
        self.received_at = now;
        if let Some(handshake) = &mut self.handshake {
            let step = handshake.handle_input(data)?;
            if !step.reply.is_empty() {
                self.out.push_back(step.reply);
            }
            let Some(used) = step.done else { return Ok(()) };
            self.handshake = None;
            data = &data[used..];
        }
        self.reader.read(data, &mut self.messages)?;
        if self.reader.position() - self.acknowledged >= u64::from(self.window) {
            self.acknowledged = self.reader.position();
            // The sequence number is 32 bits and wraps.
            self.send_control(kind::ACKNOWLEDGEMENT, &(self.acknowledged as u32).to_be_bytes());
        }
        Ok(())
    }

    /// Bytes of the messages that were read and not taken; empty ones cost memory, too.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.messages.iter().map(|message| size_of::<Message>() + message.data.len()).sum()
    }

    /// The next message that is not the connection's own.
    pub(super) fn next_message(&mut self) -> Option<Message> {
        while let Some(message) = self.messages.pop_front() {
            let number = message.data.first_chunk().copied().map(u32::from_be_bytes);
            match message.kind {
                kind::ACKNOWLEDGEMENT => {}
                // A window of zero would acknowledge for ever.
                kind::WINDOW_ACK_SIZE => self.window = number.unwrap_or(WINDOW).max(1024),
                kind::SET_PEER_BANDWIDTH => {
                    self.send_control(kind::WINDOW_ACK_SIZE, &number.unwrap_or(WINDOW).to_be_bytes());
                }
                kind::USER_CONTROL if is_event(&message.data, event::PING_REQUEST) => {
                    let payload = &message.data[2..message.data.len().min(6)];
                    let payload = Bytes::copy_from_slice(payload);
                    self.send_event(event::PING_RESPONSE, &payload);
                }
                _ => return Some(message),
            }
        }
        None
    }

    pub(super) fn next_transmit(&mut self) -> Option<Bytes> {
        if let Some(bytes) = self.out.pop_front() {
            return Some(bytes);
        }
        (!self.small.is_empty()).then(|| self.small.split().freeze())
    }

    /// Announces our chunk size and uses it from now on.
    pub(super) fn announce_chunk_size(&mut self) {
        self.send_control(kind::SET_CHUNK_SIZE, &CHUNK_SIZE.to_be_bytes());
        self.chunk_size = CHUNK_SIZE as usize;
    }

    pub(super) fn send_control(&mut self, kind: u8, body: &[u8]) {
        self.send_small(chunk_stream::CONTROL, kind, 0, body);
    }

    pub(super) fn send_event(&mut self, event: u16, body: &[u8]) {
        let mut whole = BytesMut::with_capacity(2 + body.len());
        whole.put_u16(event);
        whole.put_slice(body);
        self.send_control(kind::USER_CONTROL, &whole);
    }

    pub(super) fn send_command(&mut self, stream: u32, body: &[u8]) {
        self.send_small(chunk_stream::COMMAND, kind::COMMAND_AMF0, stream, body);
    }

    fn send_small(&mut self, chunk_stream: u8, kind: u8, stream: u32, body: &[u8]) {
        let header = Header { chunk_stream, kind, stream, timestamp_ms: 0 };
        put_message(&mut self.small, header, body, self.chunk_size);
    }

    /// Sends a message of a stream; the payload is not copied.
    pub(super) fn send_media(&mut self, message: &flv::Message, stream: u32, prefix: &[u8]) {
        if !self.small.is_empty() {
            self.out.push_back(self.small.split().freeze());
        }
        let [front, payload] = message.body();
        let header = chunk_writer::media_header(message, stream);
        if prefix.is_empty() {
            self.out.extend(chunk_writer::chunks(header, &front, payload, self.chunk_size));
        } else {
            let front = [prefix, &front[..]].concat();
            self.out.extend(chunk_writer::chunks(header, &front, payload, self.chunk_size));
        }
    }
}

fn seed(now: Moment) -> u64 {
    now.as_nanos() ^ 0x9e37_79b9_7f4a_7c15
}

/// True for a user control message of this event.
pub(super) fn is_event(data: &[u8], event: u16) -> bool {
    data.first_chunk().copied().map(u16::from_be_bytes) == Some(event)
}

/// The media in a message of a stream; an aggregate holds several, other messages none.
pub(super) fn media_of(message: Message) -> Vec<Media> {
    let Message { kind, timestamp_ms, mut data, .. } = message;
    let single = |kind, data| vec![Media { kind, timestamp_ms, data }];
    match kind {
        kind::AUDIO => single(TagKind::Audio, data),
        kind::VIDEO => single(TagKind::Video, data),
        kind::DATA_AMF0 => single(TagKind::Script, data),
        // One byte, zero, stands before what is AMF0 nevertheless.
        kind::DATA_AMF3 if data.first() == Some(&0) => single(TagKind::Script, data.split_off(1)),
        kind::AGGREGATE => aggregate(timestamp_ms, data),
        _ => Vec::new(),
    }
}

/// Source: §7.1.6. The times within count from the first; the message's own is where that lies.
fn aggregate(timestamp_ms: u32, mut data: Bytes) -> Vec<Media> {
    const TAG_HEADER: usize = 11;
    const TRAILER: usize = 4;
    let mut list = Vec::new();
    let mut first = None;
    while let Some(&[kind, l2, l1, l0, t2, t1, t0, t3]) = data.first_chunk() {
        let length = u32::from_be_bytes([0, l2, l1, l0]) as usize;
        if data.len() < TAG_HEADER + length {
            break;
        }
        let time = u32::from_be_bytes([t3, t2, t1, t0]);
        let offset = timestamp_ms.wrapping_sub(*first.get_or_insert(time));
        let mut tag = data.split_to(TAG_HEADER + length);
        if let Some(kind) = TagKind::from_number(kind) {
            let timestamp_ms = time.wrapping_add(offset);
            list.push(Media { kind, timestamp_ms, data: tag.split_off(TAG_HEADER) });
        }
        data = data.split_off(TRAILER.min(data.len()));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aggregate_is_several_messages_whose_times_follow_its_own() {
        let mut data = Vec::new();
        for (kind, time, body) in [(8u8, 500u32, &b"aa"[..]), (9, 520, b"v"), (77, 520, b"?"), (8, 523, b"")]
        {
            let [t3, t2, t1, t0] = time.to_be_bytes();
            data.extend_from_slice(&[kind, 0, 0, body.len() as u8, t2, t1, t0, t3, 0, 0, 0]);
            data.extend_from_slice(body);
            data.extend_from_slice(&[0, 0, 0, 11 + body.len() as u8]);
        }
        let message = |data| Message {
            kind: kind::AGGREGATE,
            stream: 1,
            timestamp_ms: 10_000,
            data: Bytes::from(data),
        };
        let times =
            |list: Vec<Media>| list.iter().map(|m| (m.timestamp_ms, m.data.len())).collect::<Vec<_>>();
        assert_eq!(times(media_of(message(data.clone()))), [(10_000, 2), (10_020, 1), (10_023, 0)]);
        data.truncate(25);
        assert_eq!(times(media_of(message(data))), [(10_000, 2)]);
    }
}
