//! Sections: tables out of the payloads of one packet identifier.
//!
//! Source: ISO/IEC 13818-1 §2.4.4.1, §2.4.4.11, annex A (checksum).

/// Longest section of a programme table: 1,024 bytes. Source: §2.4.4.4.
const SECTION_BYTES_MAX: usize = 1024;
/// Table identifier, length.
const HEAD_BYTES: usize = 3;
/// Bytes of the checksum at the end.
pub(super) const CHECKSUM_BYTES: usize = 4;

/// Collects sections.
#[derive(Debug, Default)]
pub(super) struct Sections {
    buffer: Vec<u8>,
    /// A section is under way, or may begin here.
    open: bool,
}

impl Sections {
    /// Takes a payload and gives `found` each section whose checksum is right. `starts`: it begins with a pointer to
    /// the first section that begins in it.
    pub(super) fn push(&mut self, payload: &[u8], starts: bool, mut found: impl FnMut(&[u8])) {
        if !starts {
            if self.open {
                self.take(payload, &mut found);
            }
            return;
        }
        let Some((&pointer, rest)) = payload.split_first() else { return };
        let Some((before, rest)) = rest.split_at_checked(pointer.into()) else { return self.clear() };
        if self.open {
            self.take(before, &mut found);
        }
        self.clear();
        self.open = true;
        self.take(rest, &mut found);
    }

    /// Forgets the section under way, as after loss.
    pub(super) fn clear(&mut self) {
        self.buffer.clear();
        self.open = false;
    }

    fn take(&mut self, bytes: &[u8], found: &mut impl FnMut(&[u8])) {
        self.buffer.extend_from_slice(bytes);
        while let Some(&[table, high, low]) = self.buffer.first_chunk::<HEAD_BYTES>() {
            // Filling up to the end of the packet.
            if table == 0xff {
                return self.clear();
            }
            let length = HEAD_BYTES + usize::from(u16::from_be_bytes([high & 0x0f, low]));
            if length > SECTION_BYTES_MAX {
                return self.clear();
            }
            let Some(section) = self.buffer.get(..length) else { return };
            if section.len() > HEAD_BYTES + CHECKSUM_BYTES && checksum(section) == 0 {
                found(section);
            }
            self.buffer.drain(..length);
        }
    }
}

/// CRC-32 as MPEG has it, which is zero over data that ends with it. Tables are small and rare, so it counts bits.
pub(super) fn checksum(data: &[u8]) -> u32 {
    data.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| {
            if sum & 0x8000_0000 != 0 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn section(table: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() + CHECKSUM_BYTES) as u16;
        let mut section = vec![table, 0xb0 | (length >> 8) as u8, length as u8];
        section.extend_from_slice(content);
        let sum = checksum(&section);
        section.extend_from_slice(&sum.to_be_bytes());
        section
    }

    #[test]
    fn a_section_over_several_packets_and_one_behind_it_are_found() {
        let (long, short) = (section(2, &[7; 300]), section(2, &[8; 20]));
        let mut sections = Sections::default();
        let mut found = Vec::new();
        let mut push = |payload: &[u8], starts| {
            sections.push(payload, starts, |section| found.push(section.to_vec()));
        };
        // The end of one whose beginning was missed.
        push(&long[200..], false);
        push(&[&[0][..], &long[..183]].concat(), true);
        push(&[&[124][..], &long[183..], &short, &[0xff; 20]].concat(), true);
        push(&[0xff; 184], false);
        assert_eq!(found, [long.clone(), short]);
    }

    #[test]
    fn a_wrong_checksum_and_absurd_lengths_give_nothing() {
        let mut wrong = section(0, &[1; 10]);
        wrong[5] ^= 1;
        let mut sections = Sections::default();
        for payload in [&[&[0][..], &wrong].concat()[..], &[0, 0, 0xbf, 0xff, 1, 2], &[200, 1], &[]] {
            sections.push(payload, true, |section| panic!("{section:?}"));
        }
    }
}
