//! Messages → chunks.
//!
//! Source: RTMP 1.0 §5.3. Every message begins with a header of type 0 and an absolute timestamp: so its bytes do not
//! depend on what the peer got before, and all players of a stream can share them.
use super::MEDIA_STREAM_ID;
use super::message::kind;
use bytes::{BufMut, Bytes, BytesMut};
use formats::flv;

/// Size of the chunks that we announce and send: 64 KiB. The largest that Flash ever took; most frames are one chunk.
pub const CHUNK_SIZE: u32 = 65_536;

/// Chunk streams by what they carry.
pub(super) mod chunk_stream {
    pub(in super::super) const CONTROL: u8 = 2;
    pub(in super::super) const COMMAND: u8 = 3;
    pub(in super::super) const AUDIO: u8 = 4;
    pub(in super::super) const DATA: u8 = 5;
    pub(in super::super) const VIDEO: u8 = 6;
}

/// The timestamp field that says "extended".
const EXTENDED: u32 = 0x00ff_ffff;
/// Bytes of a header of type 0 with an extended timestamp.
const HEADER_MAX: usize = 16;
/// Bytes of a header of type 3 with an extended timestamp.
const CONTINUED_MAX: usize = 5;

/// What stands before the body of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) chunk_stream: u8,
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) timestamp_ms: u32,
}

/// A message for the players of a stream, as bytes that are the same for each of them: chunks of [`CHUNK_SIZE`] on
/// message stream [`MEDIA_STREAM_ID`]. The payload is shared, not copied. Write the pieces one after the other.
pub fn chunked(message: &flv::Message) -> Vec<Bytes> {
    let [front, payload] = message.body();
    chunks(media_header(message, MEDIA_STREAM_ID), &front, payload, CHUNK_SIZE as usize)
}

/// The header of an FLV message on a message stream.
pub(super) fn media_header(message: &flv::Message, stream: u32) -> Header {
    let (chunk_stream, kind) = match message.kind() {
        flv::TagKind::Audio => (chunk_stream::AUDIO, kind::AUDIO),
        flv::TagKind::Video => (chunk_stream::VIDEO, kind::VIDEO),
        flv::TagKind::Script => (chunk_stream::DATA, kind::DATA_AMF0),
    };
    Header { chunk_stream, kind, stream, timestamp_ms: message.timestamp_ms() }
}

/// The chunks of a message whose body is `front`, of a few bytes, and `payload`. One allocation for all headers.
pub(super) fn chunks(header: Header, front: &[u8], payload: Bytes, chunk_size: usize) -> Vec<Bytes> {
    let length = front.len() + payload.len();
    let mut buffer = BytesMut::with_capacity(HEADER_MAX + front.len() + CONTINUED_MAX);
    put_header(&mut buffer, header, length);
    buffer.put_slice(front);
    // Chunks are 128 bytes at least (§5.4.1), the front always fits the first.
    let mut room = chunk_size.max(128).saturating_sub(front.len());
    let mut parts = Vec::with_capacity(2 + payload.len() / chunk_size.max(128) * 2);
    if payload.len() <= room {
        parts.push(buffer.freeze());
        if !payload.is_empty() {
            parts.push(payload);
        }
        return parts;
    }
    let first = buffer.len();
    put_continued(&mut buffer, header);
    let mut first_header = buffer.freeze();
    let continued = first_header.split_off(first);
    parts.push(first_header);
    let mut rest = payload;
    loop {
        parts.push(rest.split_to(room.min(rest.len())));
        if rest.is_empty() {
            return parts;
        }
        parts.push(continued.clone());
        room = chunk_size.max(128);
    }
}

/// Appends a small message in one piece of memory: control messages and commands.
pub(super) fn put_message(out: &mut BytesMut, header: Header, body: &[u8], chunk_size: usize) {
    put_header(out, header, body.len());
    for (index, chunk) in body.chunks(chunk_size.max(128)).enumerate() {
        if index > 0 {
            put_continued(out, header);
        }
        out.put_slice(chunk);
    }
}

fn put_header(out: &mut BytesMut, header: Header, length: usize) {
    let field = header.timestamp_ms.min(EXTENDED);
    out.put_u8(header.chunk_stream);
    out.put_uint(u64::from(field), 3);
    out.put_uint(length as u64, 3);
    out.put_u8(header.kind);
    out.put_u32_le(header.stream);
    put_extended(out, header);
}

fn put_continued(out: &mut BytesMut, header: Header) {
    out.put_u8(0xc0 | header.chunk_stream);
    put_extended(out, header);
}

fn put_extended(out: &mut BytesMut, header: Header) {
    if header.timestamp_ms >= EXTENDED {
        out.put_u32(header.timestamp_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunk_reader::ChunkReader;
    use super::super::message::Message;
    use super::*;
    use std::collections::VecDeque;

    fn read(parts: &[Bytes], chunk_size: u32) -> Vec<Message> {
        let mut reader = ChunkReader::new();
        let mut out = VecDeque::new();
        let mut size = BytesMut::new();
        let control = Header {
            chunk_stream: chunk_stream::CONTROL,
            kind: kind::SET_CHUNK_SIZE,
            stream: 0,
            timestamp_ms: 0,
        };
        put_message(&mut size, control, &chunk_size.to_be_bytes(), 128);
        reader.read(&size, &mut out).unwrap();
        for part in parts {
            reader.read(part, &mut out).unwrap();
        }
        out.into()
    }

    #[test]
    fn what_is_chunked_is_read_again_at_any_size_and_time() {
        for timestamp_ms in [0, 1, EXTENDED - 1, EXTENDED, EXTENDED + 1, u32::MAX] {
            for length in [0, 1, 122, 123, 124, 128, 129, 1000] {
                let header = Header { chunk_stream: 6, kind: 9, stream: 1, timestamp_ms };
                let payload: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
                let parts = chunks(header, b"front", Bytes::from(payload.clone()), 128);
                let messages = read(&parts, 128);
                assert_eq!(messages.len(), 1);
                assert_eq!(messages[0].timestamp_ms, timestamp_ms);
                assert_eq!(&messages[0].data[..5], b"front");
                assert_eq!(&messages[0].data[5..], payload);
            }
        }
    }

    #[test]
    fn a_frame_that_fits_is_two_pieces_and_its_payload_is_not_copied() {
        let header = Header { chunk_stream: 6, kind: 9, stream: 1, timestamp_ms: 40 };
        let payload = Bytes::from(vec![1; 60_000]);
        let parts = chunks(header, b"front", payload.clone(), CHUNK_SIZE as usize);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1].as_ptr(), payload.as_ptr());
    }
}
