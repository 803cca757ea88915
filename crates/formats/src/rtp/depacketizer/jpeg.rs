//! Motion JPEG: scan data in, complete JPEG files out.
//!
//! Source: RFC 2435 (types 0 and 1 with and without restart markers, Q 1 to 99 and 128 to 255); ONVIF Streaming
//! Specification §5.1.3 (header extension 0xFFD8, which carries the size of pictures beyond 2040).
use super::{Finished, VideoPayload};
use crate::rtp::cursor::Cursor;
use crate::rtp::jpeg_tables::{HUFFMAN_TABLES, quantisation_tables};
use crate::rtp::{Packet, PayloadError};
use bytes::Bytes;

/// Profile of the header extension that carries JPEG segments.
const EXTENSION_JPEG_HEADER: u16 = 0xffd8;

pub(super) struct Jpeg {
    size: Option<(u16, u16)>,
    scan: Vec<u8>,
    head: Option<Head>,
    tables: Vec<u8>,
    /// Tables of each Q from 128 to 254: later frames may leave them out.
    known_tables: Vec<(u8, u8, Vec<u8>)>,
    table_precision: u8,
    file: Vec<u8>,
}

/// What the first packet of a frame says.
struct Head {
    kind: u8,
    width: u16,
    height: u16,
    restart_interval: u16,
}

impl Jpeg {
    pub(super) fn new(size: Option<(u16, u16)>) -> Self {
        Self {
            size,
            scan: Vec::new(),
            head: None,
            tables: Vec::new(),
            known_tables: Vec::new(),
            table_precision: 0,
            file: Vec::new(),
        }
    }

    fn read_tables(&mut self, q: u8, payload: &mut Cursor<'_>) -> Result<(), PayloadError> {
        self.tables.clear();
        self.table_precision = 0;
        if q < 128 {
            if !(1..=99).contains(&q) {
                return Err(payload.invalid("JPEG Q", q.into()));
            }
            self.tables.extend_from_slice(&quantisation_tables(q));
            return Ok(());
        }
        payload.u8("JPEG quantisation header")?;
        let precision = payload.u8("JPEG quantisation header")?;
        let length = payload.u16("JPEG quantisation header")?;
        let tables = payload.take(length.into(), "JPEG quantisation tables")?;
        let known = self.known_tables.iter().position(|(known, _, _)| *known == q);
        if tables.is_empty() {
            let Some(known) = known else { return Err(payload.invalid("JPEG Q without tables", q.into())) };
            let (_, precision, tables) = &self.known_tables[known];
            self.table_precision = *precision;
            self.tables.extend_from_slice(tables);
            return Ok(());
        }
        // One table for all components, or one for luminance and one for chrominance.
        let bytes = |table: u8| if precision >> table & 1 == 1 { 128 } else { 64 };
        if tables.len() != bytes(0) && tables.len() != bytes(0) + bytes(1) {
            return Err(payload.invalid("length of the JPEG quantisation tables", length.into()));
        }
        self.tables.extend_from_slice(tables);
        self.table_precision = precision;
        if q != 255 {
            match known {
                Some(known) => self.known_tables[known] = (q, precision, tables.to_vec()),
                None => self.known_tables.push((q, precision, tables.to_vec())),
            }
        }
        Ok(())
    }

    fn write_file(&mut self, head: &Head) {
        let file = &mut self.file;
        file.clear();
        file.extend_from_slice(&[0xff, 0xd8]);
        let first_bytes = if self.table_precision & 1 == 1 { 128 } else { 64 };
        let (first, second) = self.tables.split_at(first_bytes.min(self.tables.len()));
        for (number, table) in [first, second].into_iter().enumerate().filter(|(_, table)| !table.is_empty())
        {
            let precision = self.table_precision >> number & 1;
            file.extend_from_slice(&[0xff, 0xdb, 0, 3 + table.len() as u8, precision << 4 | number as u8]);
            file.extend_from_slice(table);
        }
        let second_table = u8::from(!second.is_empty());
        if head.restart_interval != 0 {
            let [high, low] = head.restart_interval.to_be_bytes();
            file.extend_from_slice(&[0xff, 0xdd, 0, 4, high, low]);
        }
        let ([h0, h1], [w0, w1]) = (head.height.to_be_bytes(), head.width.to_be_bytes());
        // Type 0 has 4:2:2, type 1 4:2:0.
        let sampling = if head.kind & 1 == 0 { 0x21 } else { 0x22 };
        file.extend_from_slice(&[0xff, 0xc0, 0, 17, 8, h0, h1, w0, w1, 3, 1, sampling, 0]);
        file.extend_from_slice(&[2, 0x11, second_table, 3, 0x11, second_table]);
        let [high, low] = (2 + HUFFMAN_TABLES.len() as u16).to_be_bytes();
        file.extend_from_slice(&[0xff, 0xc4, high, low]);
        file.extend_from_slice(&HUFFMAN_TABLES);
        file.extend_from_slice(&[0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
        file.extend_from_slice(&self.scan);
        if !self.scan.ends_with(&[0xff, 0xd9]) {
            file.extend_from_slice(&[0xff, 0xd9]);
        }
    }
}

impl VideoPayload for Jpeg {
    fn starts_frame(&self, payload: &[u8]) -> bool {
        matches!(payload, [_, 0, 0, 0, ..])
    }

    fn push(&mut self, packet: &Packet) -> Result<(), PayloadError> {
        let mut payload = Cursor::new(&packet.payload, packet.header.sequence);
        let main = payload.take(8, "JPEG header")?;
        let offset = u32::from_be_bytes([0, main[1], main[2], main[3]]);
        let (kind, q) = (main[4], main[5]);
        if kind & 0x3f > 1 || kind > 127 {
            return Err(payload.invalid("JPEG type", kind.into()));
        }
        let mut restart_interval = 0;
        if kind & 0x40 != 0 {
            restart_interval = payload.u16("JPEG restart header")?;
            payload.u16("JPEG restart header")?;
        }
        if offset as usize != self.scan.len() {
            return Err(payload.invalid("JPEG fragment offset", offset));
        }
        if offset == 0 {
            let in_header = (u16::from(main[6]) * 8, u16::from(main[7]) * 8);
            let in_extension = packet.extension.as_ref().filter(|it| it.profile == EXTENSION_JPEG_HEADER);
            let (width, height) = match in_extension.and_then(|extension| frame_size(&extension.data)) {
                Some(size) => size,
                None if in_header.0 != 0 && in_header.1 != 0 => in_header,
                None => self.size.ok_or(payload.invalid("JPEG size", 0))?,
            };
            self.read_tables(q, &mut payload)?;
            self.head = Some(Head { kind, width, height, restart_interval });
        }
        self.scan.extend_from_slice(payload.rest());
        Ok(())
    }

    fn finish(&mut self) -> Finished {
        let Some(head) = self.head.take().filter(|_| !self.scan.is_empty()) else {
            return Finished::Incomplete;
        };
        self.write_file(&head);
        self.scan.clear();
        Finished::Frame { data: Bytes::copy_from_slice(&self.file), keyframe: true, params: None }
    }

    fn clear(&mut self) {
        self.scan.clear();
        self.head = None;
    }
}

/// Width and height in the frame header among JPEG segments.
fn frame_size(mut segments: &[u8]) -> Option<(u16, u16)> {
    loop {
        // Before a marker there may be any number of fill bytes.
        while let [0xff, 0xff, ..] = segments {
            segments = &segments[1..];
        }
        let (&[marker, kind, l0, l1], rest) = segments.split_first_chunk()?;
        let body = rest.get(..usize::from(u16::from_be_bytes([l0, l1])).checked_sub(2)?)?;
        match (marker, kind, body) {
            (0xff, 0xc0 | 0xc1, [_, h0, h1, w0, w1, ..]) => {
                return Some((u16::from_be_bytes([*w0, *w1]), u16::from_be_bytes([*h0, *h1])));
            }
            (0xff, _, _) => segments = &rest[body.len()..],
            _ => return None,
        }
    }
}
