//! Cheap deterministic noise for the tests of this folder.
use bytes::Bytes;

/// xorshift64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// In `0..below`.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        (self.next() >> 11) as usize % below.max(1)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// Bytes without zeros: they cannot look like a start code.
    pub(crate) fn dense_bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8 | 1).collect()
    }

    /// Flips, cuts or lengthens.
    pub(crate) fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..1 + self.below(4) {
            match self.below(4) {
                0 if !out.is_empty() => {
                    let at = self.below(out.len());
                    out[at] = self.next() as u8;
                }
                1 if !out.is_empty() => {
                    let at = self.below(out.len());
                    out[at] ^= 1 << self.below(8);
                }
                2 => out.truncate(self.below(out.len() + 1)),
                _ => {
                    let extra = self.below(8);
                    let tail = self.bytes(extra);
                    out.extend(tail);
                }
            }
        }
        out
    }
}

/// Each packet of a capture: a big-endian 16-bit length, then the packet.
pub(crate) fn capture(bytes: &'static [u8]) -> Vec<Bytes> {
    let mut packets = Vec::new();
    let mut rest = Bytes::from_static(bytes);
    while rest.len() >= 2 {
        let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        let _ = rest.split_to(2);
        packets.push(rest.split_to(length));
    }
    packets
}
