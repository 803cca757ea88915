//! `multipart/x-mixed-replace`, in any pieces, to pictures.
//!
//! Source: RFC 2046 §5.1.1; cameras' own manners: line feeds alone, no line end before a boundary, lengths that are
//! wrong, other parts in between. Owns the head or the picture under way.
use crate::bitstream::{ACCESS_UNIT_BYTES_MAX, JpegFrames};
use bytes::{Buf, Bytes, BytesMut};

/// Longest boundary line: 70 characters are allowed (RFC 2046 §5.1.1); three times that.
const BOUNDARY_BYTES_MAX: usize = 210;
/// Longest head of a part: 8 KiB. Real ones have three lines.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// `Boundary` → `Head` behind the line → `Body` or `Picture` behind the empty line → `Boundary`.
#[derive(Debug, Default)]
enum State {
    /// Searching for the boundary line.
    #[default]
    Boundary,
    /// Reading the head of a part.
    Head,
    /// A part of so many bytes; a picture, or something else.
    Body { bytes: usize, is_picture: bool },
    /// A picture whose length nobody said: the JPEG itself tells its end.
    Picture(Box<JpegFrames>),
}

/// Finds the pictures of a multipart stream.
#[derive(Debug, Default)]
pub(super) struct Parts {
    buffer: BytesMut,
    state: State,
    /// The line between parts, `--` included; known from the first one.
    boundary: Option<Bytes>,
    garbage: bool,
    damaged: bool,
}

impl Parts {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole picture; `None` until more bytes come.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        loop {
            match &mut self.state {
                State::Boundary => self.boundary()?,
                State::Head => self.head()?,
                State::Body { bytes, is_picture } => {
                    let (bytes, is_picture) = (*bytes, *is_picture);
                    if self.buffer.len() < bytes {
                        return None;
                    }
                    let body = self.buffer.split_to(bytes).freeze();
                    self.state = State::Boundary;
                    if is_picture && body.starts_with(&[0xff, 0xd8]) {
                        return Some(body);
                    }
                    self.damaged |= is_picture;
                }
                State::Picture(frames) => {
                    frames.push(&self.buffer.split());
                    let picture = frames.pop();
                    self.damaged |= frames.take_damaged();
                    let picture = picture?;
                    self.buffer = frames.take_rest();
                    self.state = State::Boundary;
                    return Some(picture);
                }
            }
        }
    }

    /// True once after bytes between parts were passed over.
    pub(super) fn take_garbage(&mut self) -> bool {
        std::mem::take(&mut self.garbage)
    }

    /// True once after a part was given up.
    pub(super) fn take_damaged(&mut self) -> bool {
        std::mem::take(&mut self.damaged)
    }

    /// Goes behind the next boundary line. A length that was too small leaves the rest of a picture before it.
    fn boundary(&mut self) -> Option<()> {
        let wanted: &[u8] = self.boundary.as_deref().unwrap_or(b"--");
        let Some(at) = find(&self.buffer, wanted) else {
            let passed = (self.buffer.len() + 1).saturating_sub(wanted.len());
            self.pass(passed);
            return None;
        };
        self.pass(at);
        let line = &self.buffer[..self.buffer.len().min(BOUNDARY_BYTES_MAX)];
        let Some(end) = line.iter().position(|&byte| byte == b'\n') else {
            if line.len() < BOUNDARY_BYTES_MAX {
                return None;
            }
            self.pass(2);
            return Some(());
        };
        let line = self.buffer.split_to(end + 1).freeze();
        if self.boundary.is_none() {
            self.boundary = Some(line.slice_ref(line.trim_ascii_end()));
        }
        self.state = State::Head;
        Some(())
    }

    /// Passes over bytes that are no part. Line ends belong to a boundary.
    fn pass(&mut self, count: usize) {
        self.garbage |= self.buffer[..count].iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
        self.buffer.advance(count);
    }

    /// Reads the head of a part: all that counts is its length and whether it is a picture.
    fn head(&mut self) -> Option<()> {
        let Some((bytes, head)) = split_head(&self.buffer) else {
            if self.buffer.len() > HEAD_BYTES_MAX {
                self.damaged = true;
                self.state = State::Boundary;
                return Some(());
            }
            return None;
        };
        let field = |name: &str| {
            head.split(|&byte| byte == b'\n').find_map(|line| {
                let (key, value) = line.split_at(line.iter().position(|&byte| byte == b':')?);
                key.trim_ascii().eq_ignore_ascii_case(name.as_bytes()).then(|| value[1..].trim_ascii())
            })
        };
        let is_picture = field("content-type").is_none_or(|kind| {
            let kind = kind.to_ascii_lowercase();
            kind.starts_with(b"image/") || kind.starts_with(b"application/octet-stream")
        });
        let length = field("content-length").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        self.state = match length {
            Some(bytes @ 1..=ACCESS_UNIT_BYTES_MAX) => State::Body { bytes, is_picture },
            Some(_) | None if is_picture => State::Picture(Box::default()),
            Some(_) | None => State::Boundary,
        };
        self.buffer.advance(bytes);
        Some(())
    }
}

/// The head up to its empty line: how many bytes with that, and the lines before it. A part may have no head at all.
fn split_head(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut start = 0;
    loop {
        let end = start + data.get(start..)?.iter().position(|&byte| byte == b'\n')?;
        if data[start..end].trim_ascii().is_empty() {
            return Some((end + 1, &data[..start]));
        }
        start = end + 1;
    }
}

fn find(data: &[u8], wanted: &[u8]) -> Option<usize> {
    data.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(fill: u8, length: usize) -> Vec<u8> {
        let mut picture = vec![0xff, 0xd8, 0xff, 0xda, 0, 2];
        picture.resize(length - 2, fill);
        picture.extend_from_slice(&[0xff, 0xd9]);
        picture
    }

    fn read(data: &[u8], step: usize) -> (Vec<Bytes>, bool, bool) {
        let mut parts = Parts::default();
        let mut found = Vec::new();
        for piece in data.chunks(step) {
            parts.push(piece);
            found.extend(std::iter::from_fn(|| parts.pop()));
        }
        (found, parts.take_garbage(), parts.take_damaged())
    }

    fn part(head: &str, body: &[u8]) -> Vec<u8> {
        [format!("--my boundary\r\n{head}\r\n\r\n").as_bytes(), body, b"\r\n"].concat()
    }

    #[test]
    fn parts_with_and_without_a_length_come_out_at_every_split() {
        let (a, b, c) = (picture(1, 40), picture(2, 50), picture(3, 60));
        let data = [
            &b"\r\n"[..],
            &part("Content-Type: image/jpeg\r\nContent-Length: 40", &a),
            &part("content-type:image/jpeg", &b),
            &part("Content-Type: text/plain\r\nContent-Length: 3", b"abc"),
            // Line feeds alone, no line end before the next.
            b"--my boundary\nContent-Length: 60\n\n",
            &c,
            &part("Content-Type: image/jpeg\r\nContent-Length: 40", &a),
        ]
        .concat();
        for step in [1, 2, 7, 33, 1000] {
            let found = read(&data, step);
            let expected: Vec<Bytes> = [&a, &b, &c, &a].map(|picture| picture.clone().into()).into();
            assert_eq!(found, (expected, false, false), "split every {step} bytes");
        }
    }

    #[test]
    fn a_length_that_is_too_small_costs_no_more_than_its_picture() {
        let (a, b) = (picture(1, 40), picture(2, 50));
        let data =
            [part("Content-Length: 30", &a), part("Content-Length: 50", &b), part("Content-Length: 50", &b)]
                .concat();
        let (found, garbage, _) = read(&data, 1000);
        assert_eq!((found.len(), garbage), (3, true));
        assert_eq!(found[1..], [b.clone(), b]);
    }

    #[test]
    fn absurd_heads_and_boundaries_are_given_up() {
        for data in [&b"--"[..], &part("X: y", b"")[..15], &[b'-'; 300]] {
            let mut parts = Parts::default();
            parts.push(data);
            for _ in 0..20 {
                parts.push(&[b'x'; 1 << 10]);
                assert_eq!(parts.pop(), None);
            }
            assert!(parts.buffer.len() <= HEAD_BYTES_MAX + (1 << 10), "{}", parts.buffer.len());
        }
    }
}
