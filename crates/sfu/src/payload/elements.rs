//! Elements of a header extension, of one and two bytes of header. Source: RFC 8285 §4.2, §4.3.
use formats::rtp::Extension;

/// The profile of elements with a header of one byte.
pub(crate) const ONE_BYTE: u16 = 0xbede;
/// The profile of elements with a header of two bytes; the lower four bits are the sender's own.
pub(crate) const TWO_BYTES: u16 = 0x1000;

/// The elements of an extension, number and data; it ends where the data is damaged, or at once for other profiles.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    two_bytes: bool,
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// The elements of this extension.
    pub fn new(extension: &'a Extension) -> Self {
        let two_bytes = extension.profile & 0xfff0 == TWO_BYTES;
        let known = two_bytes || extension.profile == ONE_BYTE;
        Self { two_bytes, rest: if known { &extension.data } else { &[] } }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (first, rest) = self.rest.split_first()?;
            self.rest = rest;
            if *first == 0 {
                continue; // padding
            }
            let (id, length) = if self.two_bytes {
                let (length, rest) = rest.split_first()?;
                self.rest = rest;
                (*first, usize::from(*length))
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1)
            };
            if !self.two_bytes && id == 15 {
                self.rest = &[]; // reserved: nothing more is to be read
                return None;
            }
            let (data, rest) = self.rest.split_at_checked(length)?;
            self.rest = rest;
            if id != 0 {
                return Some((id, data));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(profile: u16, data: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let extension = Extension { profile, data: data.to_vec().into() };
        Elements::new(&extension).map(|(id, data)| (id, data.to_vec())).collect()
    }

    #[test]
    fn both_forms_are_read_over_padding() {
        assert_eq!(read(ONE_BYTE, &[0x10, 7, 0, 0x31, 1, 2, 0, 0]), [(1, vec![7]), (3, vec![1, 2])]);
        assert_eq!(read(0x1005, &[20, 0, 0, 1, 2, 8, 9]), [(20, vec![]), (1, vec![8, 9])]);
        assert_eq!(read(ONE_BYTE, &[0x10, 7, 0xf0, 0, 0x10, 7]), [(1, vec![7])]);
        assert_eq!(read(0xabac, &[0x10, 7]), []);
        assert_eq!(read(ONE_BYTE, &[0x10, 7, 0x23, 1]), [(1, vec![7])], "cut");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(two: bool, data in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = read(if two { TWO_BYTES } else { ONE_BYTE }, &data);
        }
    }
}
