//! What a byte stream is, by its first bytes: content types and file names are looked at, not believed.
//!
//! Sources: the formats' own specifications, named with each signature; what cameras, encoders and child programs send.
mod foreign;
mod nals;
mod signature;
#[cfg(test)]
mod tests;

use crate::pcm::RawAudio;
use bytes::{Bytes, BytesMut};
use media::Fault;
use signature::{Guess, SIGNATURES, Signature};

/// Most bytes looked at: 64 KiB. Nearly everything says what it is with its first 16 bytes, and a transport stream in its
/// first three packets; only garbage before those, and the rest of a picture of which a bare H.264 stream shows no
/// beginning, take more: a slice of a camera's 1080p picture has 60 KiB at most.
pub const PROBE_BYTES_MAX: usize = 64 << 10;
/// Up to this length every byte that comes is a reason to look again: 1 KiB. Beyond, the beginning must have grown by a
/// sixteenth: a peer that sends single bytes would make us look at all of it each time.
const EAGER_BYTES: usize = 1 << 10;
/// Bytes of the beginning that an error shows.
const SHOWN_BYTES: usize = 16;

/// The container of a byte stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Container {
    /// FLV.
    Flv,
    /// MPEG transport stream.
    MpegTs,
    /// Bare H.264 with start codes.
    AnnexBH264,
    /// Bare H.265 with start codes.
    AnnexBH265,
    /// AAC with ADTS headers.
    Adts,
    /// AAC in LOAS frames (LATM).
    Loas,
    /// MPEG audio.
    MpegAudio,
    /// JPEG pictures one after the other.
    Mjpeg,
    /// JPEG pictures as parts of a `multipart/x-mixed-replace`.
    MultipartMjpeg,
    /// WAV.
    Wav,
    /// Sun `.au`.
    Au,
    /// MP4, fragmented or with its head in front.
    Fmp4,
    /// Samples of sound without a head. Never recognised: somebody must say so.
    Raw(RawAudio),
}

impl Container {
    /// Its name, as people know it.
    pub const fn name(self) -> &'static str {
        match self {
            Container::Flv => "FLV",
            Container::MpegTs => "MPEG-TS",
            Container::AnnexBH264 => "bare H.264",
            Container::AnnexBH265 => "bare H.265",
            Container::Adts => "AAC (ADTS)",
            Container::Loas => "AAC (LATM)",
            Container::MpegAudio => "MPEG audio",
            Container::Mjpeg => "MJPEG",
            Container::MultipartMjpeg => "MJPEG (multipart)",
            Container::Wav => "WAV",
            Container::Au => ".au",
            Container::Fmp4 => "MP4",
            Container::Raw(_) => "bare samples",
        }
    }
}

impl std::fmt::Display for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Everything that is understood, for errors.
const UNDERSTOOD: &str = "FLV, MPEG-TS, H.264 and H.265 with start codes, AAC (ADTS, LATM), MP3, MJPEG (bare, multipart), \
     MP4 (fragmented), WAV and .au";

/// Why a byte stream is not understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProbeError {
    /// It ended before its first byte.
    #[error("nothing came: the stream has no bytes")]
    Empty,
    /// It is something that does not carry live media, or that is not read here.
    #[error("this is {what} (it begins with {}); understood are {UNDERSTOOD}", hex(head))]
    Foreign {
        /// What it is, as part of a sentence.
        what: &'static str,
        /// Its first bytes.
        head: Bytes,
    },
    /// Nothing is known that looks like it.
    #[error("unknown format in {looked_at} bytes that begin with {}; understood are {UNDERSTOOD}", hex(head))]
    Unknown {
        /// Its first bytes.
        head: Bytes,
        /// How many were looked at.
        looked_at: usize,
    },
}

impl ProbeError {
    /// Whose fault it is. A web page instead of media means that the address is wrong; unknown bytes may be those of a
    /// device that is just starting.
    pub const fn fault(&self) -> Fault {
        match self {
            ProbeError::Foreign { .. } => Fault::Config,
            ProbeError::Empty | ProbeError::Unknown { .. } => Fault::Peer,
        }
    }
}

fn hex(head: &[u8]) -> String {
    head.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Looks at the beginning of a byte stream, and keeps it for the demuxer: at most [`PROBE_BYTES_MAX`] and what was
/// pushed last.
#[derive(Clone, Debug)]
pub struct Prober {
    head: BytesMut,
    /// How many of them were looked at last.
    looked_at: usize,
    signatures: &'static [Signature],
    /// What it is where no signature is found.
    otherwise: Option<Container>,
}

impl Default for Prober {
    fn default() -> Self {
        Self { head: BytesMut::new(), looked_at: 0, signatures: SIGNATURES, otherwise: None }
    }
}

impl Prober {
    /// Before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// For a stream that is said to be this, where it has no beginning that tells.
    #[must_use]
    pub fn otherwise(mut self, container: Container) -> Self {
        self.otherwise = Some(container);
        self
    }

    /// For what is said to be bare samples. They may look like anything, so only WAV and `.au`, which are called so at
    /// times, are looked for: four bytes tell.
    pub fn samples(raw: RawAudio) -> Self {
        let otherwise = Some(Container::Raw(raw));
        Self { signatures: signature::SAMPLES, otherwise, ..Self::default() }
    }

    /// Takes the next bytes. `None`: more are needed to tell.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Container>, ProbeError> {
        self.head.extend_from_slice(bytes);
        let length = self.head.len().min(PROBE_BYTES_MAX);
        let soon = self.looked_at + self.looked_at / 16;
        if length > EAGER_BYTES && length < PROBE_BYTES_MAX && length < soon {
            return Ok(None);
        }
        self.looked_at = length;
        let looked_at = &self.head[..length];
        if let Some(found) = self.look(looked_at, false)? {
            return Ok(Some(found));
        }
        if self.head.len() < PROBE_BYTES_MAX { Ok(None) } else { self.finish().map(Some) }
    }

    /// Nothing follows: says what it is by what is there.
    pub fn finish(&self) -> Result<Container, ProbeError> {
        let looked_at = &self.head[..self.head.len().min(PROBE_BYTES_MAX)];
        if looked_at.is_empty() {
            return Err(ProbeError::Empty);
        }
        let found = self.look(looked_at, true)?;
        found.ok_or_else(|| ProbeError::Unknown { head: shown(looked_at), looked_at: looked_at.len() })
    }

    /// All bytes pushed so far, for the demuxer.
    pub fn into_bytes(self) -> Bytes {
        self.head.freeze()
    }

    /// The first signature that fits; `None` while one may still. What is known to be something else is refused at once.
    fn look(&self, head: &[u8], at_end: bool) -> Result<Option<Container>, ProbeError> {
        let mut open = false;
        for signature in self.signatures {
            match signature(head, at_end) {
                Guess::Yes(container) => return Ok(Some(container)),
                Guess::Maybe => open = true,
                Guess::No => {}
            }
        }
        match (foreign::name(head), self.otherwise) {
            (_, Some(_)) if open && !at_end => Ok(None),
            (_, Some(container)) => Ok(Some(container)),
            (Some(what), None) => Err(ProbeError::Foreign { what, head: shown(head) }),
            (None, None) => Ok(None),
        }
    }
}

fn shown(head: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&head[..head.len().min(SHOWN_BYTES)])
}
