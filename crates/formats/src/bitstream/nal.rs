//! NAL units in their two wrappings: with a length before each (MP4, FLV, [`media::Unit`]) or a start code (Annex B).
//!
//! Sources: ISO/IEC 14496-15 §5.3.3, ITU-T H.264 Annex B and §7.4.1.1.
use super::BitstreamError;
use bytes::{BufMut, BytesMut};

const WHAT: &str = "length-prefixed NAL units";

/// The NAL units of a frame that has a 4-byte big-endian length before each. Empty ones are passed over. After an
/// error the iterator ends.
pub fn split_length_prefixed(data: &[u8]) -> LengthPrefixed<'_> {
    LengthPrefixed { data, position: 0, length_size: 4 }
}

/// Like [`split_length_prefixed`], with lengths of `length_size` bytes (1, 2 or 4; others are taken for 4), as
/// `lengthSizeMinusOne` in `avcC` and `hvcC` says.
pub fn split_length_prefixed_sized(data: &[u8], length_size: u8) -> LengthPrefixed<'_> {
    let length_size = if (1..=4).contains(&length_size) { usize::from(length_size) } else { 4 };
    LengthPrefixed { data, position: 0, length_size }
}

/// See [`split_length_prefixed`].
#[derive(Debug, Clone)]
pub struct LengthPrefixed<'a> {
    data: &'a [u8],
    position: usize,
    length_size: usize,
}

impl<'a> Iterator for LengthPrefixed<'a> {
    type Item = Result<&'a [u8], BitstreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.data.get(self.position..).filter(|rest| !rest.is_empty())?;
            let whole = rest.split_at_checked(self.length_size).and_then(|(prefix, rest)| {
                let length = prefix.iter().fold(0_usize, |length, &byte| (length << 8) | usize::from(byte));
                rest.get(..length)
            });
            let Some(nal) = whole else {
                self.position = self.data.len();
                return Some(Err(BitstreamError::Truncated { what: WHAT, at: self.data.len() }));
            };
            self.position += self.length_size + nal.len();
            if !nal.is_empty() {
                return Some(Ok(nal));
            }
        }
    }
}

/// The NAL units of an Annex B stream, without start codes and trailing zeros. What comes before the first start
/// code is passed over, and so are empty units.
pub fn split_annexb(data: &[u8]) -> AnnexB<'_> {
    AnnexB { data, position: next_start_code(data, 0).map_or(data.len(), |at| at + 3) }
}

/// See [`split_annexb`].
#[derive(Debug, Clone)]
pub struct AnnexB<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Iterator for AnnexB<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while self.position < self.data.len() {
            let start = self.position;
            let end = next_start_code(self.data, start);
            self.position = end.map_or(self.data.len(), |at| at + 3);
            let nal = trim_zeros(&self.data[start..end.unwrap_or(self.data.len())]);
            if !nal.is_empty() {
                return Some(nal);
            }
        }
        None
    }
}

/// Position of the next `00 00 01` at or after `from`.
pub(super) fn next_start_code(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(&[a, b, c]) = data.get(at..).and_then(<[u8]>::first_chunk) {
        match (a, b, c) {
            (0, 0, 1) => return Some(at),
            (_, _, 1..) => at += 3,
            (_, 1.., 0) => at += 2,
            (_, 0, 0) => at += 1,
        }
    }
    None
}

/// A NAL unit never ends with a zero byte (H.264 §7.4.1); some cameras pad their parameter sets with them.
pub(crate) fn trim_zeros(mut nal: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = nal {
        nal = rest;
    }
    nal
}

/// Appends a NAL unit with its 4-byte length.
pub fn put_length_prefixed(out: &mut BytesMut, nal: &[u8]) {
    out.reserve(nal.len() + 4);
    out.put_u32(nal.len() as u32);
    out.put_slice(nal);
}

/// Appends a NAL unit with a 4-byte start code.
pub fn put_annexb(out: &mut BytesMut, nal: &[u8]) {
    out.reserve(nal.len() + 4);
    out.put_u32(1);
    out.put_slice(nal);
}

/// The bytes of a NAL unit without the emulation prevention bytes.
pub(super) fn unescaped(nal: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut zeros = 0;
    nal.iter().copied().filter(move |&byte| {
        let keep = !(zeros >= 2 && byte == 3);
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        keep
    })
}

/// Like `unescaped`, collected: for parameter sets.
pub(super) fn unescape(nal: &[u8]) -> Vec<u8> {
    unescaped(nal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_of_three_and_four_bytes_part_the_units() {
        let data = [9, 0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 0, 0, 1, 0, 0, 1, 0x65, 0, 0, 3, 1, 0, 0];
        let nals: Vec<&[u8]> = split_annexb(&data).collect();
        assert_eq!(nals, [&[0x67, 1][..], &[0x68], &[0x65, 0, 0, 3, 1]]);
        assert_eq!(split_annexb(&[1, 2, 3]).count(), 0);
        assert_eq!(split_annexb(&[0, 0, 1]).count(), 0);
    }

    #[test]
    fn every_place_of_a_start_code_is_found() {
        for lead in 0..8 {
            let mut data = vec![0, 0, 1];
            data.extend(std::iter::repeat_n(7, lead + 1));
            data.extend([0, 0, 1, 5, 1]);
            assert_eq!(split_annexb(&data).last(), Some(&[5, 1][..]), "{lead}");
        }
    }

    #[test]
    fn lengths_of_all_sizes_are_followed_and_an_overlong_one_ends_it() {
        let nals: Vec<_> = split_length_prefixed(&[0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0, 9, 1]).collect();
        assert_eq!(nals, [Ok(&[7][..]), Err(BitstreamError::Truncated { what: WHAT, at: 14 })]);
        let nals: Vec<_> = split_length_prefixed_sized(&[0, 1, 7, 0, 2, 8, 9], 2).collect();
        assert_eq!(nals, [Ok(&[7][..]), Ok(&[8, 9])]);
    }

    #[test]
    fn emulation_prevention_bytes_are_taken_out() {
        assert_eq!(unescape(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3]), [1, 0, 0, 1, 0, 0, 0, 0, 3]);
    }
}
