//! Numbers of header extensions, a producer's to a consumer's. Source: RFC 8285 §4.2, §4.3.
use crate::payload::{Elements, ONE_BYTE, TWO_BYTES};
use formats::rtp::Extension;

/// Which number of a consumer each number of a producer becomes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExtensionIds(Vec<(u8, u8)>);

impl ExtensionIds {
    /// From pairs of a producer's and a consumer's number. Zero is padding and left out; of a number that comes
    /// twice the first counts.
    pub fn new(pairs: impl IntoIterator<Item = (u8, u8)>) -> Self {
        Self(pairs.into_iter().filter(|(from, to)| *from != 0 && *to != 0).collect())
    }

    /// The consumer's number; `None` when it did not ask for the extension.
    pub fn map(&self, producer: u8) -> Option<u8> {
        self.0.iter().find(|(from, _)| *from == producer).map(|(_, to)| *to)
    }

    /// Appends to `out` the elements that the consumer asked for, with its numbers and whole words, and returns the
    /// profile. `frame_number` has the producer's number of the dependency descriptor and what to write into it.
    pub fn write(&self, extension: &Extension, frame_number: Option<(u8, u16)>, out: &mut Vec<u8>) -> u16 {
        let start = out.len();
        let mapped = || Elements::new(extension).filter_map(|(id, data)| Some((id, self.map(id)?, data)));
        let small = |to: u8, data: &[u8]| to < 15 && (1..=16).contains(&data.len());
        let one_byte = mapped().all(|(_, to, data)| small(to, data));
        for (from, to, data) in mapped() {
            if one_byte {
                out.push(to << 4 | (data.len() - 1) as u8);
            } else {
                out.extend_from_slice(&[to, data.len() as u8]);
            }
            let at = out.len();
            out.extend_from_slice(data);
            if let Some((_, number)) = frame_number.filter(|(id, _)| *id == from)
                && let Some(place) = out.get_mut(at + 1..at + 3)
            {
                place.copy_from_slice(&number.to_be_bytes());
            }
        }
        out.resize(start + (out.len() - start).next_multiple_of(4), 0);
        if one_byte { ONE_BYTE } else { TWO_BYTES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(data: &[u8]) -> Extension {
        Extension { profile: ONE_BYTE, data: data.to_vec().into() }
    }

    #[test]
    fn an_extension_that_a_consumer_does_not_know_is_left_out() {
        let ids = ExtensionIds::new([(3, 4), (0, 7), (12, 1)]);
        assert_eq!((ids.map(3), ids.map(12), ids.map(4), ids.map(0)), (Some(4), Some(1), None, None));
        let mut out = vec![9];
        assert_eq!(ids.write(&extension(&[0x20, 5, 0x31, 6, 7, 0xc0, 8, 0]), None, &mut out), ONE_BYTE);
        assert_eq!(out, [9, 0x41, 6, 7, 0x10, 8, 0, 0, 0]);
    }

    #[test]
    fn a_number_too_large_for_one_byte_makes_all_elements_two_bytes() {
        let ids = ExtensionIds::new([(3, 20)]);
        let mut out = Vec::new();
        assert_eq!(ids.write(&extension(&[0x31, 6, 7, 0]), None, &mut out), TWO_BYTES);
        assert_eq!(out, [20, 2, 6, 7]);
    }

    #[test]
    fn the_frame_number_is_written_into_the_dependency_descriptor() {
        let ids = ExtensionIds::new([(3, 4), (5, 6)]);
        let mut out = Vec::new();
        ids.write(&extension(&[0x32, 0xc1, 0, 1, 0x52, 1, 2, 3]), Some((3, 0x1234)), &mut out);
        assert_eq!(out, [0x42, 0xc1, 0x12, 0x34, 0x62, 1, 2, 3]);
    }
}
