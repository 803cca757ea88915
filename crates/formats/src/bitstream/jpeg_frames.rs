//! A byte stream of JPEG pictures, one after the other, in any pieces, to pictures.
//!
//! Source: ITU-T T.81 §B.1, §B.2. Segments are walked by their lengths, so that a thumbnail within one is no end of the
//! picture; coded data is searched for the next marker. Owns the picture under way.
use super::ACCESS_UNIT_BYTES_MAX;
use bytes::{Buf, Bytes, BytesMut};

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;

/// `Searching` → `Segments` at a start → `Coded` behind the head of a scan → `Segments` at a marker → `Searching` at the
/// end of the picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Searching,
    Segments,
    Coded,
}

/// Finds pictures in a byte stream.
#[derive(Debug, Default)]
pub struct JpegFrames {
    /// From the start of the picture under way; while searching, what may be a start.
    buffer: BytesMut,
    /// Everything before is read.
    position: usize,
    state: State,
    garbage: bool,
    damaged: bool,
}

impl JpegFrames {
    /// Starts anywhere in a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole picture; `None` until more bytes come. Call it until then, so that no more than one picture is
    /// kept.
    pub fn pop(&mut self) -> Option<Bytes> {
        loop {
            match self.state {
                State::Searching => self.search()?,
                State::Segments => {
                    if self.segment()? {
                        let picture = self.buffer.split_to(self.position).freeze();
                        self.begin_anew();
                        return Some(picture);
                    }
                }
                State::Coded => self.coded()?,
            }
        }
    }

    /// Bytes that belong to the picture under way; what is behind the last one stays.
    pub fn is_empty(&self) -> bool {
        self.state == State::Searching
    }

    /// All bytes that were not used.
    pub fn take_rest(&mut self) -> BytesMut {
        self.begin_anew();
        self.buffer.split()
    }

    /// True once after bytes between pictures were passed over. Line ends do not count: many cameras send them.
    pub fn take_garbage(&mut self) -> bool {
        std::mem::take(&mut self.garbage)
    }

    /// True once after a picture was given up: cut short by the next, without sense, or too large.
    pub fn take_damaged(&mut self) -> bool {
        std::mem::take(&mut self.damaged)
    }

    fn begin_anew(&mut self) {
        self.position = 0;
        self.state = State::Searching;
    }

    /// Goes to the next start: three bytes, since the second marker follows the first at once.
    fn search(&mut self) -> Option<()> {
        let found = self.buffer.windows(3).position(|bytes| bytes == [0xff, SOI, 0xff]);
        let passed = found.unwrap_or(self.buffer.len().saturating_sub(2));
        self.garbage |= self.buffer[..passed].iter().any(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        self.buffer.advance(passed);
        found?;
        self.position = 2;
        self.state = State::Segments;
        Some(())
    }

    /// Walks over one segment. True at the end of the picture.
    fn segment(&mut self) -> Option<bool> {
        let rest = &self.buffer[self.position..];
        let &[first, marker, ..] = rest else { return self.wait() };
        match (first, marker) {
            // A fill byte.
            (0xff, 0xff) => self.position += 1,
            (0xff, EOI) => {
                self.position += 2;
                return Some(true);
            }
            (0xff, SOI) => self.give_up(self.position),
            (0xff, 0x01 | 0xd0..=0xd7) => self.position += 2,
            (0xff, 0x02..) => {
                let &[_, _, high, low, ..] = rest else { return self.wait() };
                let length = usize::from(u16::from_be_bytes([high, low]));
                if length < 2 {
                    self.give_up(self.position + 2);
                    return Some(false);
                }
                if rest.len() < 2 + length {
                    return self.wait();
                }
                self.position += 2 + length;
                if marker == SOS {
                    self.state = State::Coded;
                }
            }
            (..) => self.give_up(self.position),
        }
        Some(false)
    }

    /// Goes on to the next marker in coded data that is no part of it.
    fn coded(&mut self) -> Option<()> {
        let rest = &self.buffer[self.position..];
        let ends = |bytes: &[u8]| bytes[0] == 0xff && !matches!(bytes[1], 0 | 0xd0..=0xd7 | 0xff);
        match rest.windows(2).position(ends) {
            Some(at) => {
                self.position += at;
                self.state = State::Segments;
                Some(())
            }
            None => {
                self.position += rest.len().saturating_sub(1);
                self.wait()
            }
        }
    }

    /// More bytes are needed, unless the picture is too large by now.
    fn wait<T>(&mut self) -> Option<T> {
        if self.buffer.len() > ACCESS_UNIT_BYTES_MAX {
            self.give_up(self.buffer.len());
        }
        None
    }

    /// Drops the picture under way, and searches on from here.
    fn give_up(&mut self, from: usize) {
        self.buffer.advance(from.min(self.buffer.len()));
        self.damaged = true;
        self.begin_anew();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with a thumbnail in a segment, two scans with restart markers and stuffed bytes.
    fn picture(fill: u8) -> Vec<u8> {
        let thumbnail = [0xff, SOI, 0xff, EOI];
        [
            &[0xff, SOI, 0xff, 0xe1, 0, 6][..],
            &thumbnail,
            &[0xff, 0xff, SOS, 0, 2, fill, 0xff, 0, 0xff, 0xd0, fill],
            &[0xff, 0xc4, 0, 3, 9, 0xff, SOS, 0, 2, fill, 0xff, 0, fill, 0xff, EOI],
        ]
        .concat()
    }

    fn read(data: &[u8], step: usize) -> (Vec<Bytes>, bool, bool) {
        let mut frames = JpegFrames::new();
        let mut found = Vec::new();
        for piece in data.chunks(step) {
            frames.push(piece);
            found.extend(std::iter::from_fn(|| frames.pop()));
        }
        (found, frames.take_garbage(), frames.take_damaged())
    }

    #[test]
    fn pictures_with_thumbnails_and_several_scans_come_out_whole_at_every_split() {
        let data = [&picture(1)[..], b"\r\n", &picture(2), &picture(3)].concat();
        for step in [1, 2, 3, 5, 11, 1000] {
            let (found, garbage, damaged) = read(&data, step);
            assert_eq!(found, [picture(1), picture(2), picture(3)], "split every {step} bytes");
            assert!(!garbage && !damaged);
        }
    }

    #[test]
    fn a_picture_cut_short_is_dropped_and_the_next_one_is_whole() {
        let cut = picture(1);
        let data =
            [&b"noise"[..], &cut[..17], &picture(2), &[0xff, SOI, 0xff, 0xe0, 0, 1], &picture(3)].concat();
        for step in [1, 4, 1000] {
            assert_eq!(read(&data, step), (vec![picture(2).into(), picture(3).into()], true, true), "{step}");
        }
    }

    #[test]
    fn a_picture_without_end_is_given_up_at_the_limit() {
        let mut frames = JpegFrames::new();
        frames.push(&[0xff, SOI, 0xff, SOS, 0, 2]);
        let piece = vec![7; 1 << 20];
        for _ in 0..=ACCESS_UNIT_BYTES_MAX >> 20 {
            frames.push(&piece);
            assert_eq!(frames.pop(), None);
        }
        assert!(frames.take_damaged() && frames.buffer.len() <= 1 << 20);
        frames.push(&picture(1));
        assert_eq!(frames.pop().unwrap(), picture(1));
    }
}
