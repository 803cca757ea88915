//! PES packets: their heads, and where each ends.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.6, §2.4.3.7.

/// Bytes before the part that only media have.
const PREFIX_BYTES: usize = 6;
/// Bytes up to the length of the optional fields.
const HEAD_BYTES: usize = 9;
/// Longest head: its length of optional fields is a byte.
const HEAD_BYTES_MAX: usize = HEAD_BYTES + 255;

/// What a head says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// In ticks of 90 kHz, 33 bits.
    pub(super) pts: Option<u64>,
    /// As `pts`, where both are said.
    pub(super) dts: Option<u64>,
}

/// What comes out of the payloads of one packet identifier.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A PES packet begins.
    Begin(Head),
    /// More of it.
    Data(&'a [u8]),
    /// It is complete: the length that its head said has come. Those without a length end with the next one.
    End,
}

/// `Idle` → `Head` at a start → `Body` when the head is whole → `Idle` at its length, at damage, or at loss.
#[derive(Debug, Default)]
pub(super) enum Pes {
    #[default]
    Idle,
    /// The bytes of the head so far.
    Head(Vec<u8>),
    /// Bytes that are left, where the head said how many.
    Body(Option<usize>),
}

impl Pes {
    /// Takes a payload; `starts`: a packet begins with it. False when that packet is none that can be read.
    pub(super) fn push<'a>(
        &mut self,
        payload: &'a [u8],
        starts: bool,
        mut out: impl FnMut(Part<'_>),
    ) -> bool {
        if starts {
            *self = Pes::Head(Vec::new());
        }
        let mut data: &'a [u8] = payload;
        if let Pes::Head(head) = self {
            let before = head.len();
            let missing = HEAD_BYTES_MAX - before;
            head.extend_from_slice(&data[..data.len().min(missing)]);
            let (parsed, length, bytes) = match parse(head) {
                Parsed::Short => return true,
                Parsed::Wrong => {
                    *self = Pes::Idle;
                    return false;
                }
                Parsed::Head { head, payload_bytes, bytes } => (head, payload_bytes, bytes),
            };
            data = data.get(bytes.saturating_sub(before)..).unwrap_or_default();
            *self = Pes::Body(length);
            out(Part::Begin(parsed));
        }
        let Pes::Body(left) = self else { return true };
        match left {
            None => out(Part::Data(data)),
            Some(left) => {
                // What is behind the length is filling.
                let now = data.len().min(*left);
                *left -= now;
                let ended = *left == 0;
                out(Part::Data(&data[..now]));
                if ended {
                    *self = Pes::Idle;
                    out(Part::End);
                }
            }
        }
        true
    }

    /// Waits for the next start.
    pub(super) fn clear(&mut self) {
        *self = Pes::Idle;
    }
}

enum Parsed {
    Short,
    /// No media, or damaged.
    Wrong,
    Head {
        head: Head,
        /// `None` where the sender leaves it open, as for pictures.
        payload_bytes: Option<usize>,
        /// Bytes of the head.
        bytes: usize,
    },
}

fn parse(data: &[u8]) -> Parsed {
    let Some(&[0, 0, 1, stream_id, l1, l0]) = data.first_chunk::<PREFIX_BYTES>() else {
        let prefix = &data[..data.len().min(3)];
        return if [0, 0, 1].starts_with(prefix) && data.len() < PREFIX_BYTES {
            Parsed::Short
        } else {
            Parsed::Wrong
        };
    };
    // Maps, padding, the second private stream, keys and the like have no times.
    if matches!(stream_id, 0xbc | 0xbe | 0xbf | 0xf0..=0xf2 | 0xf8 | 0xff) {
        return Parsed::Wrong;
    }
    let Some(&[.., marks, flags, optional]) = data.first_chunk::<HEAD_BYTES>() else { return Parsed::Short };
    let bytes = HEAD_BYTES + usize::from(optional);
    let scrambled = marks & 0x30 != 0;
    if marks & 0xc0 != 0x80 || scrambled {
        return Parsed::Wrong;
    }
    let Some(fields) = data.get(HEAD_BYTES..bytes) else { return Parsed::Short };
    let pts = (flags & 0x80 != 0).then(|| time(fields)).flatten();
    let dts = (flags & 0xc0 == 0xc0).then(|| time(fields.get(5..)?)).flatten();
    let length = usize::from(u16::from_be_bytes([l1, l0]));
    let payload_bytes = match (length, length.checked_sub(bytes - PREFIX_BYTES)) {
        (0, _) => None,
        (_, None) => return Parsed::Wrong,
        (_, some) => some,
    };
    Parsed::Head { head: Head { pts, dts }, payload_bytes, bytes }
}

/// A time of 33 bits in five bytes. Its marker bits are not looked at: some encoders forget them.
fn time(fields: &[u8]) -> Option<u64> {
    let &[a, b, c, d, e] = fields.first_chunk()?;
    let [a, b, c, d, e] = [a, b, c, d, e].map(u64::from);
    Some((a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PTS 0x1_2345_6789 and DTS 0.
    const HEAD: [u8; 19] =
        [0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10, 0x39, 0x8d, 0x15, 0xcf, 0x13, 0x11, 0, 1, 0, 1];

    fn read(pieces: &[&[u8]]) -> (Vec<Head>, Vec<u8>, usize) {
        let mut pes = Pes::default();
        let (mut heads, mut bytes, mut ends) = (Vec::new(), Vec::new(), 0);
        for (index, piece) in pieces.iter().enumerate() {
            pes.push(piece, index == 0, |part| match part {
                Part::Begin(head) => heads.push(head),
                Part::Data(data) => bytes.extend_from_slice(data),
                Part::End => ends += 1,
            });
        }
        (heads, bytes, ends)
    }

    #[test]
    fn times_of_33_bits_are_read_and_a_head_may_come_in_pieces() {
        let data = [&HEAD[..], b"abc"].concat();
        let head = Head { pts: Some(0x1_2345_6789), dts: Some(0) };
        for cut in 0..data.len() {
            let (heads, bytes, ends) = read(&[&data[..cut], &data[cut..], b"de"]);
            assert_eq!((heads, &bytes[..], ends), (vec![head], &b"abcde"[..], 0), "cut at {cut}");
        }
    }

    #[test]
    fn a_packet_ends_at_its_length_and_what_follows_is_filling() {
        let mut data = [&HEAD[..], b"abc"].concat();
        data[5] = 13 + 4;
        let (_, bytes, ends) = read(&[&data, b"defg", b"hi"]);
        assert_eq!((&bytes[..], ends), (&b"abcd"[..], 1));
    }

    #[test]
    fn what_is_no_media_is_refused() {
        let mut padding = HEAD;
        padding[3] = 0xbe;
        let mut scrambled = HEAD;
        scrambled[6] |= 0x10;
        let mut short = HEAD;
        short[5] = 2;
        for wrong in [&padding[..], &scrambled, &short, b"\0\0\x02\xe0\0\0", b"garbage"] {
            assert!(!Pes::default().push(wrong, true, |part| panic!("{part:?}")), "{wrong:?}");
        }
    }
}
