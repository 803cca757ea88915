//! Splits an FLV byte stream into tags.
//!
//! Source: FLV 10.1 §E.2 to §E.4.1. The size of the previous tag and the stream id are read past: encoders get both
//! wrong, and neither is needed.
use super::tag::TAG_HEADER;
use super::{FlvError, Tag, TagKind};
use bytes::{Buf, Bytes, BytesMut};

/// Bytes of the file header that every writer makes.
const FILE_HEADER: usize = 9;
/// Largest file header believed: 1 KiB. All known ones have 9 bytes; the field could say 4 GiB.
const FILE_HEADER_MAX: usize = 1024;
/// Bytes after a tag that repeat its size.
const PREVIOUS_TAG_SIZE: usize = 4;
/// AMF3 script data. Source: Enhanced RTMP v2, "Enabling AMF3 in FLV".
const SCRIPT_AMF3: u8 = 15;

/// An FLV byte stream on its way into tags.
///
/// `Start` → `Tags` after the file header. An error is final: there is no mark in FLV to resume at.
#[derive(Debug, Default)]
pub struct TagReader {
    buffer: BytesMut,
    state: State,
    /// Bytes of the stream before the buffer.
    position: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Start,
    Tags,
    /// Bytes to read past before the next tag.
    Skipping(usize),
}

impl TagReader {
    /// Starts before the file header.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The next complete tag; `None` until more bytes come. Call it until then, so that the buffer holds at most one
    /// tag (16 MiB) and what was pushed last.
    pub fn next_tag(&mut self) -> Result<Option<Tag>, FlvError> {
        loop {
            match self.state {
                State::Start => {
                    let Some(length) = self.file_header()? else { return Ok(None) };
                    self.skip(length + PREVIOUS_TAG_SIZE);
                }
                State::Skipping(left) => {
                    let now = left.min(self.buffer.len());
                    self.advance(now);
                    if now < left {
                        self.state = State::Skipping(left - now);
                        return Ok(None);
                    }
                    self.state = State::Tags;
                }
                State::Tags => {
                    let Some(header) = self.buffer.first_chunk::<TAG_HEADER>().copied() else {
                        return Ok(None);
                    };
                    let [kind, l2, l1, l0, t2, t1, t0, t3, _, _, _] = header;
                    let length = u32::from_be_bytes([0, l2, l1, l0]) as usize;
                    let Some(tag_kind) = TagKind::from_number(kind & 0x1f) else {
                        if kind & 0x1f == SCRIPT_AMF3 {
                            self.skip(TAG_HEADER + length + PREVIOUS_TAG_SIZE);
                            continue;
                        }
                        return Err(FlvError::TagKind { kind, at: self.position });
                    };
                    if kind & 0x20 != 0 {
                        return Err(FlvError::Encrypted { at: self.position });
                    }
                    if self.buffer.len() < TAG_HEADER + length {
                        self.buffer.reserve(TAG_HEADER + length + PREVIOUS_TAG_SIZE - self.buffer.len());
                        return Ok(None);
                    }
                    self.advance(TAG_HEADER);
                    let data = self.take(length);
                    self.skip(PREVIOUS_TAG_SIZE);
                    return Ok(Some(Tag {
                        kind: tag_kind,
                        timestamp_ms: u32::from_be_bytes([t3, t2, t1, t0]),
                        data,
                    }));
                }
            }
        }
    }

    fn file_header(&self) -> Result<Option<usize>, FlvError> {
        let head = &self.buffer[..self.buffer.len().min(3)];
        if !b"FLV".starts_with(head) {
            return Err(FlvError::NotFlv);
        }
        let Some(header) = self.buffer.first_chunk::<FILE_HEADER>() else { return Ok(None) };
        let length = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize;
        // A length below the fixed part is a defect of the writer: the fixed part is there nevertheless.
        let length = length.max(FILE_HEADER);
        if length > FILE_HEADER_MAX { Err(FlvError::FileHeader { length }) } else { Ok(Some(length)) }
    }

    fn skip(&mut self, count: usize) {
        self.state = State::Skipping(count);
    }

    fn advance(&mut self, count: usize) {
        self.buffer.advance(count);
        self.position += count as u64;
    }

    fn take(&mut self, count: usize) -> Bytes {
        self.position += count as u64;
        self.buffer.split_to(count).freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tag::tag_header;
    use super::*;

    fn stream(tags: &[(TagKind, u32, &[u8])]) -> Vec<u8> {
        let mut out = b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00".to_vec();
        for (kind, timestamp, data) in tags {
            out.extend_from_slice(&tag_header(*kind, *timestamp, data.len()));
            out.extend_from_slice(data);
            out.extend_from_slice(&((data.len() + TAG_HEADER) as u32).to_be_bytes());
        }
        out
    }

    #[test]
    fn any_split_of_the_bytes_gives_the_same_tags() {
        let data = stream(&[
            (TagKind::Script, 0, b"meta"),
            (TagKind::Video, 0x0123_4567, &[7; 300]),
            (TagKind::Audio, u32::MAX, b""),
            (TagKind::Video, 3, &[1]),
        ]);
        for step in [1, 2, 3, 7, 11, 64, 1000] {
            let mut reader = TagReader::new();
            let mut tags = Vec::new();
            for part in data.chunks(step) {
                reader.push(part);
                while let Some(tag) = reader.next_tag().unwrap() {
                    tags.push(tag);
                }
            }
            let stamps: Vec<_> =
                tags.iter().map(|tag| (tag.kind, tag.timestamp_ms, tag.data.len())).collect();
            assert_eq!(
                stamps,
                [
                    (TagKind::Script, 0, 4),
                    (TagKind::Video, 0x0123_4567, 300),
                    (TagKind::Audio, u32::MAX, 0),
                    (TagKind::Video, 3, 1)
                ],
                "split every {step} bytes"
            );
        }
    }

    #[test]
    fn what_is_no_flv_is_refused_at_its_first_byte() {
        let mut reader = TagReader::new();
        reader.push(b"H");
        assert_eq!(reader.next_tag(), Err(FlvError::NotFlv));
    }

    #[test]
    fn rubbish_between_tags_says_where_it_is() {
        let mut data = stream(&[(TagKind::Audio, 0, b"x")]);
        data.extend_from_slice(&[0x47; 20]);
        let mut reader = TagReader::new();
        reader.push(&data);
        assert!(reader.next_tag().unwrap().is_some());
        assert_eq!(reader.next_tag(), Err(FlvError::TagKind { kind: 0x47, at: 29 }));
    }

    #[test]
    fn script_data_in_amf3_is_read_past() {
        let mut data = stream(&[(TagKind::Script, 0, b"abc"), (TagKind::Audio, 5, b"x")]);
        data[13] = SCRIPT_AMF3;
        let mut reader = TagReader::new();
        reader.push(&data);
        assert_eq!(reader.next_tag().unwrap().unwrap().timestamp_ms, 5);
    }
}
