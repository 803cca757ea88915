//! Motion JPEG. Source: RFC 2435; ITU-T T.81 annex B (segments).
//!
//! Carried are baseline pictures with 4:2:2 or 4:2:0 chroma, up to 2040 pixels each way, with the usual Huffman
//! tables: the format has no words for others. The tables go along with Q 255 in the first packet of each picture.
use super::Writer;
use crate::rtp::PacketizeError;
use crate::rtp::jpeg_tables::HUFFMAN_TABLES;
use media::Codec;

/// Largest width or height: eight bits of blocks of eight.
const SIZE_MAX: u16 = 2040;
/// Largest picture: 24 bits of fragment offset.
const SCAN_BYTES_MAX: usize = 1 << 24;

/// Keeps nothing between pictures but its memory.
#[derive(Default)]
pub(super) struct Jpeg {
    tables: Vec<u8>,
}

struct Picture<'a> {
    kind: u8,
    width: u16,
    height: u16,
    restart_interval: u16,
    scan: &'a [u8],
}

const fn not_carried(what: &'static str) -> PacketizeError {
    PacketizeError::NotCarried { codec: Codec::Mjpeg, what }
}

impl Jpeg {
    pub(super) fn write(&mut self, data: &[u8], writer: &mut Writer<'_>) -> Result<(), PacketizeError> {
        let picture = self.read(data)?;
        let (kind, restart) = match picture.restart_interval {
            0 => (picture.kind, None),
            interval => {
                let [high, low] = interval.to_be_bytes();
                // F, L and the count all ones: fragments are not aligned to intervals.
                (picture.kind | 0x40, Some([high, low, 0xff, 0xff]))
            }
        };
        let restart = restart.as_ref().map_or(&[][..], |header| &header[..]);
        let mut offset = 0;
        while offset < picture.scan.len() {
            let [_, o1, o2, o3] = (offset as u32).to_be_bytes();
            let (width, height) = (picture.width.div_ceil(8) as u8, picture.height.div_ceil(8) as u8);
            let main = [0, o1, o2, o3, kind, 255, width, height];
            let quantisation = [0, 0, 0, 128];
            let (head, tables) =
                if offset == 0 { (&quantisation[..], &self.tables[..]) } else { (&[][..], &[][..]) };
            let room = writer.room - main.len() - restart.len() - head.len() - tables.len();
            let rest = &picture.scan[offset..];
            let piece = &rest[..rest.len().min(room)];
            offset += piece.len();
            writer.packet(offset == picture.scan.len(), &[&main, restart, head, tables, piece]);
        }
        Ok(())
    }

    /// Reads the segments; leaves both quantisation tables in `self.tables`.
    fn read<'a>(&mut self, data: &'a [u8]) -> Result<Picture<'a>, PacketizeError> {
        let mut at = 0;
        let mut quantisation: [Option<&[u8]>; 4] = [None; 4];
        let mut frame: Option<&[u8]> = None;
        let mut restart_interval = 0;
        loop {
            let malformed = |part| PacketizeError::Malformed { codec: Codec::Mjpeg, part, at };
            let &[marker, kind] =
                data.get(at..).and_then(|rest| rest.first_chunk()).ok_or(malformed("marker"))?;
            match (marker, kind) {
                (0xff, 0xff) => {
                    at += 1;
                    continue;
                }
                (0xff, 0xd8 | 0x01) => {
                    at += 2;
                    continue;
                }
                (0xff, 0xc0..=0xfe) => {}
                _ => return Err(malformed("marker")),
            }
            let length: &[u8; 2] =
                data.get(at + 2..).and_then(|rest| rest.first_chunk()).ok_or(malformed("segment"))?;
            let end = at + 2 + usize::from(u16::from_be_bytes(*length));
            let body = data.get(at + 4..end).ok_or(malformed("segment"))?;
            match kind {
                0xdb => read_quantisation(body, &mut quantisation)?,
                0xc4 => check_huffman(body)?,
                0xc0 | 0xc1 => frame = Some(body),
                0xc2..=0xcf => return Err(not_carried("a picture that is not baseline")),
                0xdd => {
                    let interval: &[u8; 2] = body.first_chunk().ok_or(malformed("restart interval"))?;
                    restart_interval = u16::from_be_bytes(*interval);
                }
                0xda => {
                    let scan = &data[end..];
                    let frame = frame.ok_or(malformed("frame header"))?;
                    return self.picture(frame, &quantisation, restart_interval, scan, at);
                }
                _ => {}
            }
            at = end;
        }
    }

    fn picture<'a>(
        &mut self,
        frame: &[u8],
        quantisation: &[Option<&[u8]>; 4],
        restart_interval: u16,
        scan: &'a [u8],
        at: usize,
    ) -> Result<Picture<'a>, PacketizeError> {
        let malformed = |part| PacketizeError::Malformed { codec: Codec::Mjpeg, part, at };
        let &[8, h0, h1, w0, w1, 3, _, y, y_table, _, u, u_table, _, v, v_table] = frame else {
            return Err(not_carried("a picture without three components of 8 bits"));
        };
        let kind = match (y, u, v) {
            (0x21, 0x11, 0x11) => 0,
            (0x22, 0x11, 0x11) => 1,
            // Twice the lines of each: the same as 2x1 with 1x1.
            (0x22, 0x12, 0x12) => return Err(not_carried("this chroma subsampling")),
            _ => return Err(not_carried("chroma that is neither 4:2:0 nor 4:2:2")),
        };
        if u_table != v_table {
            return Err(not_carried("different quantisation of the two chroma components"));
        }
        let (width, height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
        if width == 0 || height == 0 || width > SIZE_MAX || height > SIZE_MAX {
            return Err(not_carried("a picture of this size"));
        }
        // Behind the end there may be anything.
        let end = scan.windows(2).rposition(|marker| marker == [0xff, 0xd9]).unwrap_or(scan.len());
        if end == 0 || end > SCAN_BYTES_MAX {
            return Err(malformed("scan"));
        }
        self.tables.clear();
        for table in [y_table, u_table] {
            let table = quantisation.get(usize::from(table)).copied().flatten();
            self.tables.extend_from_slice(table.ok_or(malformed("quantisation table"))?);
        }
        Ok(Picture { kind, width, height, restart_interval, scan: &scan[..end] })
    }
}

fn read_quantisation<'a>(
    mut body: &'a [u8],
    tables: &mut [Option<&'a [u8]>; 4],
) -> Result<(), PacketizeError> {
    while let [head, rest @ ..] = body {
        let (table, after) = rest.split_at_checked(64).ok_or(not_carried("a cut quantisation table"))?;
        let slot = tables.get_mut(usize::from(*head)).ok_or(not_carried("quantisation of 16 bits"))?;
        *slot = Some(table);
        body = after;
    }
    Ok(())
}

/// Each table must be one of annex K: the receiver puts those in.
fn check_huffman(mut body: &[u8]) -> Result<(), PacketizeError> {
    while !body.is_empty() {
        let counts = body.get(1..17).ok_or(not_carried("a cut Huffman table"))?;
        let length = 17 + counts.iter().map(|count| usize::from(*count)).sum::<usize>();
        let (table, after) = body.split_at_checked(length).ok_or(not_carried("a cut Huffman table"))?;
        if !HUFFMAN_TABLES.windows(length).any(|usual| usual == table) {
            return Err(not_carried("Huffman tables of its own"));
        }
        body = after;
    }
    Ok(())
}
