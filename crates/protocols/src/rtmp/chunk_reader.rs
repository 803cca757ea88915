//! Chunks → messages.
//!
//! Source: RTMP 1.0 §5.3, §5.4.1, §5.4.2. Owns the header that each chunk stream had last, and what is unfinished.
use super::RtmpError;
use super::message::{Message, kind};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// Chunk size until the peer says another. Source: §5.4.1.
const CHUNK_SIZE_INITIAL: usize = 128;
/// Most bytes of unfinished messages: 32 MiB, two of the largest that a length of 24 bits can say, as when audio and
/// video interleave.
const UNFINISHED_BYTES_MAX: usize = 32 << 20;
/// Most chunk streams: 64. Clients use up to 8; each costs memory for ever.
const CHUNK_STREAMS_MAX: usize = 64;
/// Room made for a message before its bytes are there: 64 KiB.
const RESERVE_MAX: usize = 64 << 10;
/// The timestamp field that says "extended".
const EXTENDED: u32 = 0x00ff_ffff;
/// Longest header: basic 3, message 11, extended timestamp 4.
const HEADER_MAX: usize = 18;

/// Reads chunks. An error is final.
#[derive(Debug)]
pub(super) struct ChunkReader {
    chunk_size: usize,
    streams: Vec<ChunkStream>,
    header: [u8; HEADER_MAX],
    header_length: usize,
    /// Index of the stream whose chunk is being read, and bytes of it that are missing.
    current: Option<(usize, usize)>,
    unfinished: usize,
    position: u64,
}

#[derive(Debug, Default)]
struct ChunkStream {
    id: u32,
    timestamp: u32,
    delta: u32,
    length: usize,
    kind: u8,
    stream: u32,
    /// The last header had an extended timestamp, this one.
    extended: Option<u32>,
    /// Bytes of the unfinished message; `Some` also when it has none yet.
    partial: Option<BytesMut>,
}

impl ChunkReader {
    pub(super) fn new() -> Self {
        Self {
            chunk_size: CHUNK_SIZE_INITIAL,
            streams: Vec::new(),
            header: [0; HEADER_MAX],
            header_length: 0,
            current: None,
            unfinished: 0,
            position: 0,
        }
    }

    /// Bytes read so far.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Reads `data`; whole messages go to `out`.
    pub(super) fn read(&mut self, mut data: &[u8], out: &mut VecDeque<Message>) -> Result<(), RtmpError> {
        while !data.is_empty() {
            if let Some((index, missing)) = self.current {
                let (now, later) = data.split_at(missing.min(data.len()));
                data = later;
                self.position += now.len() as u64;
                self.append(index, now)?;
                self.current = (now.len() < missing).then(|| (index, missing - now.len()));
                if self.current.is_none() {
                    self.finish_chunk(index, out)?;
                }
                continue;
            }
            let wanted = self.header_wanted();
            let (now, later) = data.split_at((wanted - self.header_length).min(data.len()));
            data = later;
            self.header[self.header_length..self.header_length + now.len()].copy_from_slice(now);
            self.header_length += now.len();
            self.position += now.len() as u64;
            if self.header_length == self.header_wanted() {
                self.begin_chunk(out)?;
            }
        }
        Ok(())
    }

    /// How long the header is, as far as its bytes tell yet.
    fn header_wanted(&self) -> usize {
        if self.header_length == 0 {
            return 1;
        }
        let (format, basic) = (self.header[0] >> 6, basic_length(self.header[0]));
        let whole = basic + [11, 7, 3, 0][usize::from(format)];
        if self.header_length < whole {
            return whole;
        }
        let extended = match format {
            3 => self.find(chunk_stream_id(&self.header)).is_some_and(|i| self.streams[i].extended.is_some()),
            _ => u24(&self.header[basic..]) == EXTENDED,
        };
        if extended { whole + 4 } else { whole }
    }

    fn find(&self, id: u32) -> Option<usize> {
        self.streams.iter().position(|stream| stream.id == id)
    }

    fn begin_chunk(&mut self, out: &mut VecDeque<Message>) -> Result<(), RtmpError> {
        let header = self.header;
        let length = std::mem::take(&mut self.header_length);
        let at = self.position - length as u64;
        let (format, basic) = (header[0] >> 6, basic_length(header[0]));
        let id = chunk_stream_id(&header);
        let index = match self.find(id) {
            Some(index) => index,
            None if format != 0 => return Err(RtmpError::NoHeader { format, id, at }),
            None if self.streams.len() == CHUNK_STREAMS_MAX => {
                return Err(RtmpError::ChunkStreams { max: CHUNK_STREAMS_MAX, at });
            }
            None => {
                self.streams.push(ChunkStream { id, ..ChunkStream::default() });
                self.streams.len() - 1
            }
        };
        let stream = &mut self.streams[index];
        let fields = &header[basic..];
        let tail = u32::from_be_bytes([
            header[length.saturating_sub(4)],
            header[length.saturating_sub(3)],
            header[length.saturating_sub(2)],
            header[length - 1],
        ]);
        let mut not_header = None;
        if format == 3 {
            // Old encoders leave out the extended timestamp of continued chunks; then these four bytes are payload.
            if stream.extended.is_some_and(|extended| extended != tail) {
                not_header = Some(tail.to_be_bytes());
            }
        } else {
            if let Some(dropped) = stream.partial.take() {
                self.unfinished -= dropped.len();
            }
            let field = u24(fields);
            stream.extended = (field == EXTENDED).then_some(tail);
            let time = stream.extended.unwrap_or(field);
            if format <= 1 {
                stream.length = u24(&fields[3..]) as usize;
                stream.kind = fields[6];
            }
            if format == 0 {
                stream.stream = u32::from_le_bytes([fields[7], fields[8], fields[9], fields[10]]);
                // The message begins now, by adding the delta: so it lies back by it.
                stream.timestamp = 0;
            }
            stream.delta = time;
        }
        if stream.partial.is_none() {
            stream.timestamp = stream.timestamp.wrapping_add(stream.delta);
            stream.partial = Some(BytesMut::with_capacity(stream.length.min(RESERVE_MAX)));
        }
        let missing = stream.length - stream.partial.as_ref().map_or(0, BytesMut::len);
        let missing = missing.min(self.chunk_size);
        if missing == 0 {
            self.finish_chunk(index, out)?;
        } else {
            self.current = Some((index, missing));
        }
        match not_header {
            Some(payload) => {
                self.position -= payload.len() as u64;
                self.read(&payload, out)
            }
            None => Ok(()),
        }
    }

    fn append(&mut self, index: usize, data: &[u8]) -> Result<(), RtmpError> {
        self.unfinished += data.len();
        if self.unfinished > UNFINISHED_BYTES_MAX {
            return Err(RtmpError::Unfinished { max: UNFINISHED_BYTES_MAX, at: self.position });
        }
        if let Some(partial) = &mut self.streams[index].partial {
            partial.extend_from_slice(data);
        }
        Ok(())
    }

    fn finish_chunk(&mut self, index: usize, out: &mut VecDeque<Message>) -> Result<(), RtmpError> {
        let stream = &mut self.streams[index];
        let Some(partial) = stream.partial.take_if(|partial| partial.len() == stream.length) else {
            return Ok(());
        };
        self.unfinished -= partial.len();
        let message = Message {
            kind: stream.kind,
            stream: stream.stream,
            timestamp_ms: stream.timestamp,
            data: partial.freeze(),
        };
        match message.kind {
            kind::SET_CHUNK_SIZE => {
                // The highest bit must be zero; sizes beyond the largest message mean the same as it.
                let size = first_u32(&message.data).unwrap_or(0) & 0x7fff_ffff;
                if size == 0 {
                    return Err(RtmpError::ChunkSize { size, at: self.position });
                }
                self.chunk_size = size as usize;
            }
            kind::ABORT => {
                let id = first_u32(&message.data).unwrap_or(0);
                if let Some(index) = self.find(id)
                    && let Some(dropped) = self.streams[index].partial.take()
                {
                    self.unfinished -= dropped.len();
                }
            }
            _ => out.push_back(message),
        }
        Ok(())
    }
}

/// Bytes of the basic header. Source: §5.3.1.1.
const fn basic_length(first: u8) -> usize {
    match first & 0x3f {
        0 => 2,
        1 => 3,
        _ => 1,
    }
}

fn chunk_stream_id(header: &[u8; HEADER_MAX]) -> u32 {
    match header[0] & 0x3f {
        0 => u32::from(header[1]) + 64,
        1 => u32::from(header[2]) * 256 + u32::from(header[1]) + 64,
        id => u32::from(id),
    }
}

fn u24(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
}

fn first_u32(data: &Bytes) -> Option<u32> {
    data.first_chunk().copied().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[u8], step: usize) -> Result<Vec<Message>, RtmpError> {
        let mut reader = ChunkReader::new();
        let mut out = VecDeque::new();
        for part in data.chunks(step) {
            reader.read(part, &mut out)?;
        }
        Ok(out.into())
    }

    fn header_0(id: u8, timestamp: [u8; 3], length: u16, kind: u8) -> Vec<u8> {
        let [l1, l0] = length.to_be_bytes();
        let mut out = vec![id];
        out.extend_from_slice(&timestamp);
        out.extend_from_slice(&[0, l1, l0, kind, 1, 0, 0, 0]);
        out
    }

    fn times(messages: &[Message]) -> Vec<(u32, usize)> {
        messages.iter().map(|message| (message.timestamp_ms, message.data.len())).collect()
    }

    #[test]
    fn the_four_types_of_headers_continue_each_other() {
        let mut data = header_0(4, [0, 3, 232], 4, 8);
        data.extend_from_slice(b"abcd");
        data.extend_from_slice(b"\x44\x00\x00\x14\x00\x00\x02\x08ab"); // type 1: +20, 2 bytes
        data.extend_from_slice(b"\x84\x00\x00\x17ab"); // type 2: +23
        data.extend_from_slice(b"\xc4ab"); // type 3: +23 again
        for step in [1, 2, 5, 100] {
            let messages = read(&data, step).unwrap();
            assert_eq!(times(&messages), [(1000, 4), (1020, 2), (1043, 2), (1066, 2)], "{step}");
            assert!(messages.iter().all(|message| message.stream == 1 && message.kind == 8));
        }
    }

    #[test]
    fn a_type_3_message_after_a_type_0_repeats_its_timestamp_as_delta() {
        let mut data = header_0(4, [0, 0, 10], 1, 8);
        data.extend_from_slice(b"a\xc4b");
        assert_eq!(times(&read(&data, 3).unwrap()), [(10, 1), (20, 1)]);
    }

    #[test]
    fn messages_of_two_chunk_streams_interleave_and_chunk_sizes_change() {
        let mut data = header_0(2, [0; 3], 4, kind::SET_CHUNK_SIZE);
        data.extend_from_slice(&3u32.to_be_bytes());
        data.extend(header_0(4, [0; 3], 5, 8));
        data.extend_from_slice(b"abc");
        data.extend(header_0(6, [0; 3], 4, 9));
        data.extend_from_slice(b"xyz\xc4de\xc6!");
        for step in [1, 4, 100] {
            let messages = read(&data, step).unwrap();
            let bodies: Vec<&[u8]> = messages.iter().map(|message| &message.data[..]).collect();
            assert_eq!(bodies, [&b"abcde"[..], b"xyz!"], "{step}");
        }
    }

    #[test]
    fn an_extended_timestamp_may_or_may_not_be_repeated_in_continued_chunks() {
        let mut body = header_0(6, [0xff; 3], 131, 9);
        body.extend_from_slice(&0x0123_4567u32.to_be_bytes());
        body.extend_from_slice(&[7; 128]);
        let mut with = body.clone();
        with.extend_from_slice(b"\xc6\x01\x23\x45\x67abc");
        let mut without = body;
        without.extend_from_slice(b"\xc6abc");
        // The next message, so that the reader sees enough to tell.
        for data in [&mut with, &mut without] {
            data.extend(header_0(4, [0, 0, 5], 1, 8));
            data.extend_from_slice(b"z");
            for step in [1, 3, 500] {
                let messages = read(data, step).unwrap();
                assert_eq!(times(&messages), [(0x0123_4567, 131), (5, 1)], "{step}");
                assert_eq!(&messages[0].data[128..], b"abc");
            }
        }
    }

    #[test]
    fn an_abort_drops_what_was_begun() {
        let mut data = header_0(6, [0; 3], 200, 9);
        data.extend_from_slice(&[1; 128]);
        data.extend(header_0(2, [0; 3], 4, kind::ABORT));
        data.extend_from_slice(&6u32.to_be_bytes());
        data.extend_from_slice(b"\x46\x00\x00\x00\x00\x00\x01\x09!");
        assert_eq!(times(&read(&data, 50).unwrap()), [(0, 1)]);
    }

    #[test]
    fn long_basic_headers_name_streams_up_to_65599() {
        let mut data = vec![0x00, 255 - 64];
        data.extend_from_slice(&header_0(0, [0; 3], 1, 8)[1..]);
        data.push(b'a');
        data.extend_from_slice(&[0x01, 0xff, 0xff]);
        data.extend_from_slice(&header_0(0, [0; 3], 1, 8)[1..]);
        data.extend_from_slice(b"b\xc1\xff\xffc\xc0\xbfd");
        let messages = read(&data, 2).unwrap();
        let bodies: Vec<&[u8]> = messages.iter().map(|message| &message.data[..]).collect();
        assert_eq!(bodies, [b"a", b"b", b"c", b"d"]);
    }

    #[test]
    fn limits_end_the_session_and_say_where() {
        assert_eq!(read(b"\xc4", 1), Err(RtmpError::NoHeader { format: 3, id: 4, at: 0 }));
        let mut zero = header_0(2, [0; 3], 4, kind::SET_CHUNK_SIZE);
        zero.extend_from_slice(&[0x80, 0, 0, 0]);
        assert_eq!(read(&zero, 9), Err(RtmpError::ChunkSize { size: 0, at: 16 }));
        let mut many = Vec::new();
        for id in 3..3 + 60 {
            many.extend(header_0(id, [0; 3], 1, 8));
            many.push(0);
        }
        for id in 0..10 {
            many.extend_from_slice(&[0, id]);
            many.extend_from_slice(&header_0(0, [0; 3], 1, 8)[1..]);
            many.push(0);
        }
        assert!(matches!(read(&many, 64), Err(RtmpError::ChunkStreams { max: 64, .. })));
        let mut data = header_0(2, [0; 3], 4, kind::SET_CHUNK_SIZE);
        data.extend_from_slice(&(8u32 << 20).to_be_bytes());
        for id in 3..8 {
            let mut header = header_0(id, [0; 3], 0, 8);
            header[4..7].copy_from_slice(&[0xff; 3]);
            data.extend(header);
            data.resize(data.len() + (8 << 20), 0);
        }
        assert!(matches!(read(&data, 1 << 20), Err(RtmpError::Unfinished { .. })));
    }
}
