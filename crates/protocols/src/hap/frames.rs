//! The frames that a session is enciphered in: ChaCha20-Poly1305, at most 1024 bytes each, numbered from 0 in each direction.
//!
//! Source: HAP specification (R2) §6.5.2. [`Sealer`] owns the outgoing direction, [`Opener`] the incoming one with the bytes of a
//! frame that is not complete. A frame is two bytes of length (the lowest first, authenticated), the cipher text and 16 bytes of tag.
use super::crypto::{Cipher, TAG_BYTES};
use super::pairing::SessionKeys;
use media::Fault;

/// Most plain text of a frame, as the specification says.
pub const FRAME_BYTES_MAX: usize = 1024;

const LENGTH_BYTES: usize = 2;

/// Why a session's bytes go no further. All of them are final: numbers of frames cannot be found again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// A frame longer than any.
    #[error("frame {number} says it has {length} bytes")]
    TooLong {
        /// Which one.
        number: u64,
        /// What it says.
        length: usize,
    },
    /// A frame that this key did not seal under this number: forged, replayed, lost or damaged.
    #[error("frame {number} is not authentic")]
    NotAuthentic {
        /// Which one was due.
        number: u64,
    },
    /// The keys cannot be used, or the numbers are.
    #[error("frame {number} cannot be enciphered")]
    Cipher {
        /// Which one was due.
        number: u64,
    },
}

impl FrameError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::TooLong { .. } | Self::NotAuthentic { .. } => Fault::Peer,
            Self::Cipher { .. } => Fault::Us,
        }
    }
}

/// The outgoing direction.
pub struct Sealer {
    cipher: Cipher,
    next: u64,
}

/// The incoming direction.
pub struct Opener {
    cipher: Cipher,
    next: u64,
    buffer: Vec<u8>,
    /// Set once, and for ever.
    failed: Option<FrameError>,
}

/// Both directions of an accessory's session.
///
/// # Errors
/// The keys cannot be used.
pub fn of_accessory(keys: &SessionKeys) -> Result<(Sealer, Opener), FrameError> {
    Ok((Sealer::new(&keys.to_controller)?, Opener::new(&keys.to_accessory)?))
}

/// Both directions of a controller's session.
///
/// # Errors
/// The keys cannot be used.
pub fn of_controller(keys: &SessionKeys) -> Result<(Sealer, Opener), FrameError> {
    Ok((Sealer::new(&keys.to_accessory)?, Opener::new(&keys.to_controller)?))
}

fn cipher(key: &[u8; 32]) -> Result<Cipher, FrameError> {
    Cipher::new(key).map_err(|_| FrameError::Cipher { number: 0 })
}

impl Sealer {
    fn new(key: &[u8; 32]) -> Result<Self, FrameError> {
        Ok(Self { cipher: cipher(key)?, next: 0 })
    }

    /// Appends the frames of this plain text to `out`.
    ///
    /// # Errors
    /// The numbers have come to an end.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        out.reserve(plain.len() + plain.len().div_ceil(FRAME_BYTES_MAX) * (LENGTH_BYTES + TAG_BYTES));
        for part in plain.chunks(FRAME_BYTES_MAX) {
            let refused = FrameError::Cipher { number: self.next };
            let length = (part.len() as u16).to_le_bytes();
            let mut data = part.to_vec();
            self.cipher.seal_frame(self.next, &length, &mut data).map_err(|_| refused)?;
            self.next = self.next.checked_add(1).ok_or(refused)?;
            out.extend_from_slice(&length);
            out.extend_from_slice(&data);
        }
        Ok(())
    }
}

impl Opener {
    fn new(key: &[u8; 32]) -> Result<Self, FrameError> {
        Ok(Self { cipher: cipher(key)?, next: 0, buffer: Vec::new(), failed: None })
    }

    /// Takes bytes as they came, and appends the plain text of complete frames to `plain`. Keeps less than a frame.
    ///
    /// # Errors
    /// A frame is too long or not authentic; so is everything after it.
    pub fn handle_input(&mut self, data: &[u8], plain: &mut Vec<u8>) -> Result<(), FrameError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        self.buffer.extend_from_slice(data);
        let mut at = 0;
        let result = loop {
            match self.open(at, plain) {
                Ok(0) => break Ok(()),
                Ok(length) => at += length,
                Err(error) => break Err(error),
            }
        };
        self.buffer.drain(..at);
        if let Err(error) = result {
            self.failed = Some(error);
            self.buffer = Vec::new();
        }
        result
    }

    /// Opens the frame at this place; returns its length, 0 when it is not complete.
    fn open(&mut self, at: usize, plain: &mut Vec<u8>) -> Result<usize, FrameError> {
        let number = self.next;
        let Some(head) = self.buffer.get(at..at + LENGTH_BYTES) else { return Ok(0) };
        let head = [head[0], head[1]];
        let length = usize::from(u16::from_le_bytes(head));
        if length > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong { number, length });
        }
        let end = at + LENGTH_BYTES + length + TAG_BYTES;
        let Some(sealed) = self.buffer.get_mut(at + LENGTH_BYTES..end) else { return Ok(0) };
        let opened = self.cipher.open_frame(number, &head, sealed);
        plain.extend_from_slice(opened.map_err(|_| FrameError::NotAuthentic { number })?);
        self.next = number.checked_add(1).ok_or(FrameError::Cipher { number })?;
        Ok(end - at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hap::tests::fixture;
    use proptest::prelude::*;

    fn keys() -> SessionKeys {
        SessionKeys::derive(&fixture(include_str!("../../fixtures/hap/frames.txt"))["shared_secret"]).unwrap()
    }

    #[test]
    fn frames_are_those_of_hap_python() {
        let vectors = fixture(include_str!("../../fixtures/hap/frames.txt"));
        let plain: Vec<u8> = (0..2500_u32).map(|index| (index % 251) as u8).collect();
        let (mut accessory, _) = of_accessory(&keys()).unwrap();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        accessory.seal(&plain, &mut first).unwrap();
        accessory.seal(b"HTTP/1.1 204 No Content\r\n\r\n", &mut second).unwrap();
        assert_eq!((&first, &second), (&vectors["first"], &vectors["second"]));
        let (_, mut controller) = of_controller(&keys()).unwrap();
        let mut opened = Vec::new();
        controller.handle_input(&[first, second].concat(), &mut opened).unwrap();
        assert_eq!(opened, [plain.as_slice(), b"HTTP/1.1 204 No Content\r\n\r\n"].concat());
    }

    #[test]
    fn the_other_direction_has_another_key() {
        let (mut sealer, mut opener) = of_controller(&keys()).unwrap();
        let mut frames = Vec::new();
        sealer.seal(b"GET /accessories HTTP/1.1\r\n\r\n", &mut frames).unwrap();
        let refused = opener.handle_input(&frames, &mut Vec::new());
        assert_eq!(refused, Err(FrameError::NotAuthentic { number: 0 }));
    }

    #[test]
    fn a_frame_replayed_reordered_or_turned_ends_the_session_for_ever() {
        let (mut sealer, _) = of_controller(&keys()).unwrap();
        let mut frames = [Vec::new(), Vec::new()];
        sealer.seal(b"one", &mut frames[0]).unwrap();
        sealer.seal(b"two", &mut frames[1]).unwrap();
        let mut turned = frames[0].clone();
        turned[4] ^= 1;
        for (bad, number) in
            [([frames[0].clone(), frames[0].clone()].concat(), 1), (frames[1].clone(), 0), (turned, 0)]
        {
            let (_, mut opener) = of_accessory(&keys()).unwrap();
            let refused = Err(FrameError::NotAuthentic { number });
            assert_eq!(opener.handle_input(&bad, &mut Vec::new()), refused);
            assert_eq!(opener.handle_input(&frames[usize::from(number == 1)], &mut Vec::new()), refused);
        }
    }

    #[test]
    fn an_oversized_frame_is_refused_before_its_bytes_are_kept() {
        let (_, mut opener) = of_accessory(&keys()).unwrap();
        let refused = opener.handle_input(&[0x01, 0x04, 0, 0], &mut Vec::new());
        assert_eq!(refused, Err(FrameError::TooLong { number: 0, length: 1025 }));
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_however_it_is_cut(
            plain in prop::collection::vec(any::<u8>(), 0..5000),
            cut in 1..1500_usize,
        ) {
            let (mut sealer, _) = of_accessory(&keys()).unwrap();
            let (_, mut opener) = of_controller(&keys()).unwrap();
            let (mut frames, mut opened) = (Vec::new(), Vec::new());
            sealer.seal(&plain, &mut frames).unwrap();
            for part in frames.chunks(cut) {
                opener.handle_input(part, &mut opened).unwrap();
                prop_assert!(opener.buffer.len() < LENGTH_BYTES + FRAME_BYTES_MAX + TAG_BYTES);
            }
            prop_assert_eq!(opened, plain);
        }
    }
}
