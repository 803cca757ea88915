//! What bots send as media and messages: bytes that say what they are, and that they are whole.
//!
//! A packet's body names its producer, layer, frame, what that frame refers to, and its place in it, so that a judge
//! far away needs no other knowledge. The sum is no CRC but a multiplicative hash of words: any changed byte changes it, and it
//! costs a tenth of the time.

/// Length of a body's head.
pub(super) const HEAD: usize = 36;
const MAGIC: u32 = 0x4171_4274;

/// What a packet is, in its own words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Body {
    /// Which producer.
    pub(super) tag: u32,
    /// Number of the picture, or of the sound packet. Simulcast layers of one moment share it.
    pub(super) frame: u32,
    /// The picture that must have been decoded before, of the same spatial layer. Meaningless in key frames.
    pub(super) reference: u32,
    /// Place in its frame.
    pub(super) index: u16,
    /// Packets of its frame.
    pub(super) count: u16,
    pub(super) spatial: u8,
    pub(super) temporal: u8,
    pub(super) key: bool,
    /// The spatial layer below, of the same picture, must have been decoded before.
    pub(super) inter_layer: bool,
    /// Layers within one stream, not several streams.
    pub(super) svc: bool,
    /// When it was captured, in ticks of the RTP clock since the source began.
    pub(super) ticks: u32,
}

impl Body {
    /// Appends the body, `length` bytes long, or as long as its head is.
    pub(super) fn write(&self, length: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let length = length.max(HEAD);
        let flags = u8::from(self.key) | u8::from(self.inter_layer) << 1 | u8::from(self.svc) << 2;
        for word in [MAGIC, self.tag, self.frame, self.reference] {
            out.extend(word.to_be_bytes());
        }
        out.extend(self.index.to_be_bytes());
        out.extend(self.count.to_be_bytes());
        out.extend([self.spatial, self.temporal, flags, 0]);
        out.extend(self.ticks.to_be_bytes());
        out.extend((length as u32).to_be_bytes());
        out.extend([0; 4]);
        fill(
            out,
            length - HEAD,
            u64::from(self.tag) << 32 | u64::from(self.frame ^ u32::from(self.index) << 20),
        );
        let sum = checksum(&out[start..]);
        out[start + HEAD - 4..start + HEAD].copy_from_slice(&sum.to_be_bytes());
    }

    /// Reads a body; `None` if a byte of it is not as it was written.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEAD>()?;
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if word(0) != MAGIC || word(28) as usize != bytes.len() || word(32) != whole(bytes) {
            return None;
        }
        Some(Self {
            tag: word(4),
            frame: word(8),
            reference: word(12),
            index: (word(16) >> 16) as u16,
            count: word(16) as u16,
            spatial: head[20],
            temporal: head[21],
            key: head[22] & 1 != 0,
            inter_layer: head[22] & 2 != 0,
            svc: head[22] & 4 != 0,
            ticks: word(24),
        })
    }
}

/// The sum of a body with its own four bytes as zeros.
fn whole(bytes: &[u8]) -> u32 {
    let mut head = [0; HEAD];
    head.copy_from_slice(&bytes[..HEAD]);
    head[HEAD - 4..].fill(0);
    fold(mix(mix(0, &head), &bytes[HEAD..]))
}

/// Appends `length` bytes that a seed decides.
pub(super) fn fill(out: &mut Vec<u8>, length: usize, seed: u64) {
    let mut state = seed;
    let end = out.len() + length;
    while out.len() < end {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let word = (state ^ state >> 29).to_be_bytes();
        out.extend(&word[..word.len().min(end - out.len())]);
    }
}

/// The sum over all bytes, in pieces as [`whole`] takes them.
fn checksum(bytes: &[u8]) -> u32 {
    fold(mix(mix(0, &bytes[..HEAD]), &bytes[HEAD..]))
}

/// The sum of bytes that have no head.
pub(super) fn sum(bytes: &[u8]) -> u32 {
    fold(mix(0, bytes))
}

fn mix(mut state: u64, bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    let mut step = |word: u64| {
        state = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    };
    for word in &mut words {
        step(word.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)));
    }
    step(words.remainder().iter().fold(bytes.len() as u64, |all, byte| all << 8 | u64::from(*byte)));
    state
}

const fn fold(state: u64) -> u32 {
    (state ^ state >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_bit_of_a_body_is_seen() {
        let body = Body {
            tag: 7,
            frame: 90_000,
            reference: 89_999,
            index: 2,
            count: 5,
            spatial: 1,
            temporal: 2,
            key: false,
            inter_layer: true,
            svc: true,
            ticks: 123_456,
        };
        for length in [0, HEAD + 1, 200] {
            let mut bytes = Vec::new();
            body.write(length, &mut bytes);
            assert_eq!(bytes.len(), length.max(HEAD));
            assert_eq!(Body::read(&bytes), Some(body));
            for bit in 0..bytes.len() * 8 {
                let mut changed = bytes.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Body::read(&changed), None, "bit {bit} of {length}");
            }
            assert_eq!(Body::read(&bytes[..bytes.len() - 1]), None);
        }
    }
}
