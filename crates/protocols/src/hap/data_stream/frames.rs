//! The frames of a data stream: ChaCha20-Poly1305, numbered from 0 in each direction, a message in each.
//!
//! Source: hap-nodejs 1.2.0. A frame is a type, 24 bits of length (the highest first; both authenticated), the cipher text and 16
//! bytes of tag. [`Sealer`] owns the outgoing direction, [`Opener`] the incoming one with the bytes of a frame that is not complete.
use crate::hap::crypto::{Cipher, KEY_BYTES, TAG_BYTES};
use bytes::{Bytes, BytesMut};
use media::Fault;

/// Most plain text of a frame: 2^20 - 1 bytes, which hap-nodejs takes too.
pub const PAYLOAD_BYTES_MAX: usize = (1 << 20) - 1;

/// The only type that there is.
const TYPE: u8 = 1;
const HEAD_BYTES: usize = 4;

/// Why a stream's bytes go no further. All of them are final.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// A type that is none.
    #[error("frame {number} has type {kind}")]
    Type {
        /// Which one.
        number: u64,
        /// Its type.
        kind: u8,
    },
    /// A frame longer than any.
    #[error("frame {number} has {length} bytes")]
    TooLong {
        /// Which one.
        number: u64,
        /// How many.
        length: usize,
    },
    /// A frame that this key did not seal under this number.
    #[error("frame {number} is not authentic")]
    NotAuthentic {
        /// Which one was due.
        number: u64,
    },
    /// The keys cannot be used, or the numbers are, or a message of ours is longer than a frame.
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
            Self::Type { .. } | Self::TooLong { .. } | Self::NotAuthentic { .. } => Fault::Peer,
            Self::Cipher { .. } => Fault::Us,
        }
    }
}

/// The outgoing direction.
pub(super) struct Sealer {
    cipher: Cipher,
    next: u64,
}

impl Sealer {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Result<Self, FrameError> {
        Ok(Self { cipher: cipher(key)?, next: 0 })
    }

    /// One frame of this payload.
    pub(super) fn seal(&mut self, payload: Vec<u8>) -> Result<Bytes, FrameError> {
        let number = self.next;
        let length = payload.len();
        if length > PAYLOAD_BYTES_MAX {
            return Err(FrameError::TooLong { number, length });
        }
        let refused = FrameError::Cipher { number };
        let [_, high, middle, low] = (length as u32).to_be_bytes();
        let head = [TYPE, high, middle, low];
        let mut data = payload;
        self.cipher.seal_frame(number, &head, &mut data).map_err(|_| refused)?;
        self.next = number.checked_add(1).ok_or(refused)?;
        let mut frame = BytesMut::with_capacity(HEAD_BYTES + data.len());
        frame.extend_from_slice(&head);
        frame.extend_from_slice(&data);
        Ok(frame.freeze())
    }
}

/// The bytes of frames that are not complete.
#[derive(Default)]
pub(super) struct Frames {
    buffer: BytesMut,
}

impl Frames {
    pub(super) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The length of the first frame's cipher text with its tag, once all of it is there.
    fn complete(&self, number: u64) -> Result<Option<usize>, FrameError> {
        let Some(head) = self.buffer.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let [kind, high, middle, low] = *head;
        if kind != TYPE {
            return Err(FrameError::Type { number, kind });
        }
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if length > PAYLOAD_BYTES_MAX {
            return Err(FrameError::TooLong { number, length });
        }
        let sealed = length + TAG_BYTES;
        Ok((self.buffer.len() >= HEAD_BYTES + sealed).then_some(sealed))
    }

    /// Whether the first frame is complete.
    pub(super) fn has_first(&self) -> Result<bool, FrameError> {
        Ok(self.complete(0)?.is_some())
    }
}

/// The incoming direction.
pub(super) struct Opener {
    cipher: Cipher,
    next: u64,
    frames: Frames,
    /// Set once, and for ever.
    failed: Option<FrameError>,
}

impl Opener {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Result<Self, FrameError> {
        Ok(Self { cipher: cipher(key)?, next: 0, frames: Frames::default(), failed: None })
    }

    /// Whether the first of these frames was sealed with this key.
    pub(super) fn knows(&self, frames: &Frames) -> bool {
        let Ok(Some(sealed)) = frames.complete(0) else { return false };
        let head = &frames.buffer[..HEAD_BYTES];
        let mut data = frames.buffer[HEAD_BYTES..HEAD_BYTES + sealed].to_vec();
        self.cipher.open_frame(0, head, &mut data).is_ok()
    }

    /// Goes on with those that it knows.
    pub(super) fn take_over(&mut self, frames: Frames) {
        self.frames = frames;
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        if self.failed.is_none() {
            self.frames.push(data);
        }
    }

    /// The next payload.
    pub(super) fn poll(&mut self) -> Result<Option<Bytes>, FrameError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let result = self.open();
        if let Err(error) = result {
            self.failed = Some(error);
            self.frames = Frames::default();
        }
        result
    }

    fn open(&mut self) -> Result<Option<Bytes>, FrameError> {
        let number = self.next;
        let Some(sealed) = self.frames.complete(number)? else { return Ok(None) };
        let head = self.frames.buffer.split_to(HEAD_BYTES);
        let mut data = self.frames.buffer.split_to(sealed);
        let opened = self.cipher.open_frame(number, &head, &mut data);
        let length = opened.map_err(|_| FrameError::NotAuthentic { number })?.len();
        self.next = number.checked_add(1).ok_or(FrameError::Cipher { number })?;
        data.truncate(length);
        Ok(Some(data.freeze()))
    }
}

fn cipher(key: &[u8; KEY_BYTES]) -> Result<Cipher, FrameError> {
    Cipher::new(key).map_err(|_| FrameError::Cipher { number: 0 })
}
