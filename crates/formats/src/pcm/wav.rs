//! The head of WAV, read and written.
//!
//! Source: see [`super`]. Pipes cannot go back to fill in lengths: programs write 0 or the largest number there.
use super::{Coding, PcmError, RawAudio, Samples, checked};
use bytes::{Buf, BytesMut};
use media::Codec;

const CONTAINER: &str = "WAV";
/// `RIFF`, length, `WAVE`.
const RIFF_BYTES: usize = 12;
/// Name and length of a chunk.
const CHUNK_BYTES: usize = 8;
/// Longest `fmt ` chunk that makes sense: 40 bytes with the extension; ten times that.
const FORMAT_BYTES_MAX: usize = 400;
/// Lengths from here on are those of programs that did not know: within the last MiB below 2³², as 0xFFFFFFFF less the
/// head, and 0x7FFFFFFF and what is close to it.
const UNKNOWN_LENGTHS: [std::ops::RangeInclusive<u32>; 2] =
    [0x7ff0_0000..=0x7fff_ffff, 0xfff0_0000..=0xffff_ffff];

const PCM: u16 = 1;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xfffe;

/// Bytes of the head that [`wav_header`] makes.
pub const WAV_HEADER_BYTES: usize = 44;

/// The head of a WAV whose length is not known, as for a pipe or a stream. Samples of 16 bits follow with the low byte
/// first (units have them the other way round), or those of G.711. `None` for other codecs.
pub fn wav_header(raw: RawAudio) -> Option<[u8; WAV_HEADER_BYTES]> {
    let (tag, bits) = match raw.codec {
        Codec::L16 => (PCM, 16_u16),
        Codec::Pcma => (A_LAW, 8),
        Codec::Pcmu => (MU_LAW, 8),
        Codec::H264
        | Codec::H265
        | Codec::Av1
        | Codec::Vp8
        | Codec::Vp9
        | Codec::Mjpeg
        | Codec::Aac
        | Codec::Opus
        | Codec::G722
        | Codec::Mp3 => return None,
    };
    let align = raw.frame_bytes() as u16;
    let mut head = [0; WAV_HEADER_BYTES];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        head[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"RIFF");
    put(&u32::MAX.to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    put(&tag.to_le_bytes());
    put(&u16::from(raw.channels).to_le_bytes());
    put(&raw.rate.to_le_bytes());
    put(&(raw.rate * u32::from(align)).to_le_bytes());
    put(&align.to_le_bytes());
    put(&bits.to_le_bytes());
    put(b"data");
    put(&u32::MAX.to_le_bytes());
    Some(head)
}

/// Reads up to the samples, chunk by chunk.
#[derive(Debug, Default)]
pub(super) struct Reader {
    begun: bool,
    /// Bytes of a chunk that is passed over.
    skip: u64,
    format: Option<(RawAudio, Coding)>,
}

impl Reader {
    /// Takes the head off the buffer, as far as it is there. `position`: where in the stream the buffer begins.
    pub(super) fn read(&mut self, buffer: &mut BytesMut, position: u64) -> Result<Option<Samples>, PcmError> {
        let length = buffer.len();
        loop {
            let at = position + (length - buffer.len()) as u64;
            let malformed = |what| PcmError::Malformed { container: CONTAINER, at, what };
            let skipped = self.skip.min(buffer.len() as u64);
            buffer.advance(skipped as usize);
            self.skip -= skipped;
            if self.skip > 0 {
                return Ok(None);
            }
            if !self.begun {
                let Some(riff) = buffer.first_chunk::<RIFF_BYTES>() else { return Ok(None) };
                if !matches!(&riff[..4], b"RIFF" | b"RF64") || &riff[8..] != b"WAVE" {
                    return Err(malformed("no RIFF WAVE"));
                }
                self.begun = true;
                buffer.advance(RIFF_BYTES);
                continue;
            }
            let Some(&[n0, n1, n2, n3, l0, l1, l2, l3]) = buffer.first_chunk::<CHUNK_BYTES>() else {
                return Ok(None);
            };
            let bytes = u32::from_le_bytes([l0, l1, l2, l3]);
            match &[n0, n1, n2, n3] {
                b"data" => {
                    let (raw, coding) =
                        self.format.ok_or_else(|| malformed("samples before the fmt chunk"))?;
                    buffer.advance(CHUNK_BYTES);
                    let unknown = bytes == 0 || UNKNOWN_LENGTHS.iter().any(|range| range.contains(&bytes));
                    let bytes = (!unknown).then(|| u64::from(bytes));
                    return Ok(Some(Samples { raw, coding, bytes }));
                }
                b"fmt " => {
                    let bytes = bytes as usize;
                    if !(16..=FORMAT_BYTES_MAX).contains(&bytes) {
                        return Err(malformed("a fmt chunk of a length that none has"));
                    }
                    let Some(format) = buffer.get(CHUNK_BYTES..CHUNK_BYTES + bytes) else { return Ok(None) };
                    self.format = Some(read_format(format, at)?);
                    buffer.advance(CHUNK_BYTES);
                    self.skip = bytes as u64 + bytes as u64 % 2;
                }
                // Texts, cue points, long lengths of RF64: a chunk has an even length in the file.
                _ => {
                    buffer.advance(CHUNK_BYTES);
                    self.skip = u64::from(bytes) + u64::from(bytes % 2);
                }
            }
        }
    }
}

fn read_format(format: &[u8], at: u64) -> Result<(RawAudio, Coding), PcmError> {
    let u16_at = |place: usize| u16::from_le_bytes([format[place], format[place + 1]]);
    let rate = u32::from_le_bytes([format[4], format[5], format[6], format[7]]);
    let (mut tag, channels, bits) = (u16_at(0), u16_at(2), u16_at(14));
    // The first two bytes of the identifier in the extension are the tag that it stands for.
    if tag == EXTENSIBLE && format.len() >= 26 {
        tag = u16_at(24);
    }
    let (codec, coding) = match (tag, bits) {
        (PCM, 16) => (Codec::L16, Coding::LittleEndian),
        (PCM, 8) => (Codec::L16, Coding::Unsigned8),
        (A_LAW, _) => (Codec::Pcma, Coding::AsUnits),
        (MU_LAW, _) => (Codec::Pcmu, Coding::AsUnits),
        (PCM, bits) => {
            return Err(PcmError::Unsupported { container: CONTAINER, what: format!("{bits}-bit samples") });
        }
        (3, _) => {
            let what = "floating point samples".into();
            return Err(PcmError::Unsupported { container: CONTAINER, what });
        }
        (tag, _) => {
            let what = format!("samples of format {tag:#06x}");
            return Err(PcmError::Unsupported { container: CONTAINER, what });
        }
    };
    checked(CONTAINER, at, codec, rate, channels).map(|raw| (raw, coding))
}
