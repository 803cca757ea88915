//! The head of Sun `.au`.
//!
//! Source: see [`super`]. All numbers have their high byte first.
use super::{Coding, PcmError, Samples, checked};
use bytes::{Buf, BytesMut};
use media::Codec;

const CONTAINER: &str = ".au";
/// Bytes of the fixed part.
const HEAD_BYTES: usize = 24;
/// Largest offset of the samples that is believed: 64 KiB of text.
const OFFSET_MAX: u32 = 64 << 10;
/// A length that says: not known.
const UNKNOWN: u32 = u32::MAX;

/// Reads up to the samples.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What was read, and bytes of text up to the samples.
    found: Option<(Samples, usize)>,
}

impl Reader {
    /// Takes the head off the buffer, as far as it is there. `position`: where in the stream the buffer begins.
    pub(super) fn read(&mut self, buffer: &mut BytesMut, position: u64) -> Result<Option<Samples>, PcmError> {
        if self.found.is_none() {
            let Some(head) = buffer.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
            self.found = Some(read_head(head, position)?);
            buffer.advance(HEAD_BYTES);
        }
        let Some((samples, text)) = &mut self.found else { return Ok(None) };
        let skipped = (*text).min(buffer.len());
        buffer.advance(skipped);
        *text -= skipped;
        Ok((*text == 0).then_some(*samples))
    }
}

fn read_head(head: &[u8; HEAD_BYTES], at: u64) -> Result<(Samples, usize), PcmError> {
    let malformed = |what| PcmError::Malformed { container: CONTAINER, at, what };
    let word =
        |place: usize| u32::from_be_bytes([head[place], head[place + 1], head[place + 2], head[place + 3]]);
    if &head[..4] != b".snd" {
        return Err(malformed("no .snd"));
    }
    let (offset, bytes, encoding, rate, channels) = (word(4), word(8), word(12), word(16), word(20));
    if !(HEAD_BYTES as u32..=OFFSET_MAX).contains(&offset) {
        return Err(malformed("samples at a place that makes no sense"));
    }
    let codec = match encoding {
        1 => Codec::Pcmu,
        3 => Codec::L16,
        27 => Codec::Pcma,
        other => {
            let what = format!("samples of encoding {other}");
            return Err(PcmError::Unsupported { container: CONTAINER, what });
        }
    };
    let raw = checked(CONTAINER, at, codec, rate, u16::try_from(channels).unwrap_or(u16::MAX))?;
    let bytes = (bytes != UNKNOWN && bytes != 0).then(|| u64::from(bytes));
    Ok((Samples { raw, coding: Coding::AsUnits, bytes }, offset as usize - HEAD_BYTES))
}
