//! Packets of 188 bytes around PES packets and tables.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.2 to §2.4.3.7, §2.4.4.3, §2.4.4.8.
use crate::mpegts::packet::{PACKET_BYTES, SYNC};
use crate::mpegts::section::checksum;

/// Times have 33 bits.
pub(super) const TIME_MASK: u64 = (1 << 33) - 1;
/// Bytes of a packet behind its head.
const BODY_BYTES: usize = PACKET_BYTES - 4;
const PID_PROGRAMS: u16 = 0;
const PID_MAP: u16 = 0x1000;
/// Elementary streams count from here, as ffmpeg does.
const PID_FIRST: u16 = 0x100;
const PROGRAM: u16 = 1;
/// Offset of the length in a PES packet, and the bytes up to its end.
const PES_LENGTH_AT: usize = 4;
const PES_PREFIX_BYTES: usize = 6;

/// An elementary stream, as the map has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stream {
    pub(super) pid: u16,
    stream_type: u8,
    descriptors: Vec<u8>,
}

impl Stream {
    pub(super) fn new(number: u16, stream_type: u8, descriptors: Vec<u8>) -> Self {
        Self { pid: PID_FIRST + number, stream_type, descriptors }
    }
}

/// What the first packet of a PES packet says in its adaptation field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Adaptation {
    /// A decoder may start here.
    pub(super) random_access: bool,
    /// What comes does not follow what was.
    pub(super) discontinuity: bool,
    /// The programme clock, in ticks of 90 kHz.
    pub(super) clock: Option<u64>,
}

impl Adaptation {
    /// The field without its length; `None` when it says nothing.
    fn bytes(&self, out: &mut [u8; 7]) -> usize {
        let mut flags = 0;
        for (set, flag) in
            [(self.discontinuity, 0x80), (self.random_access, 0x40), (self.clock.is_some(), 0x10)]
        {
            flags |= if set { flag } else { 0 };
        }
        if flags == 0 {
            return 0;
        }
        out[0] = flags;
        let Some(clock) = self.clock else { return 1 };
        // 33 bits, 6 reserved ones, and 9 bits of a finer clock.
        let word = (clock & TIME_MASK) << 15 | 0x7e00;
        out[1..].copy_from_slice(&word.to_be_bytes()[2..]);
        7
    }
}

/// Counts the packets of each identifier and writes them.
#[derive(Debug)]
pub(super) struct Packetizer {
    /// Sections with their pointers.
    programs: Vec<u8>,
    map: Vec<u8>,
    /// Identifier, and the next packet's number.
    counters: Vec<(u16, u8)>,
}

impl Packetizer {
    pub(super) fn new<'a>(streams: impl Iterator<Item = &'a Stream> + Clone, clock: usize) -> Self {
        let clock_pid = streams.clone().nth(clock).map_or(PID_FIRST, |stream| stream.pid);
        let mut map = (clock_pid | 0xe000).to_be_bytes().to_vec();
        map.extend_from_slice(&0xf000_u16.to_be_bytes());
        for stream in streams.clone() {
            map.push(stream.stream_type);
            map.extend_from_slice(&(stream.pid | 0xe000).to_be_bytes());
            map.extend_from_slice(&(stream.descriptors.len() as u16 | 0xf000).to_be_bytes());
            map.extend_from_slice(&stream.descriptors);
        }
        let programs = [PROGRAM.to_be_bytes(), (PID_MAP | 0xe000).to_be_bytes()].concat();
        let pids = streams.map(|stream| stream.pid);
        Self {
            programs: section(0, 1, &programs),
            map: section(2, PROGRAM, &map),
            counters: [PID_PROGRAMS, PID_MAP].into_iter().chain(pids).map(|pid| (pid, 0)).collect(),
        }
    }

    /// Both tables.
    pub(super) fn tables(&mut self, out: &mut Vec<u8>) {
        for (pid, section) in
            [(PID_PROGRAMS, std::mem::take(&mut self.programs)), (PID_MAP, std::mem::take(&mut self.map))]
        {
            self.write(pid, &section, &Adaptation::default(), out);
            if pid == PID_MAP { self.map = section } else { self.programs = section }
        }
    }

    /// A packet with nothing but the clock. It has no payload and does not count.
    pub(super) fn clock(&mut self, pid: u16, clock: u64, out: &mut Vec<u8>) {
        let mut field = [0; 7];
        let bytes = Adaptation { clock: Some(clock), ..Adaptation::default() }.bytes(&mut field);
        let count = self.counter(pid).wrapping_sub(1) & 0x0f;
        let [p1, p0] = pid.to_be_bytes();
        out.extend_from_slice(&[SYNC, p1, p0, 0x20 | count, BODY_BYTES as u8 - 1]);
        out.extend_from_slice(&field[..bytes]);
        out.resize(out.len() + BODY_BYTES - 1 - bytes, 0xff);
    }

    /// A PES packet or a section, in as many packets as it takes. Where it ends, sections have filling behind them and
    /// PES packets before them.
    pub(super) fn write(&mut self, pid: u16, payload: &[u8], first: &Adaptation, out: &mut Vec<u8>) {
        let mut field = [0; 7];
        let mut field_bytes = first.bytes(&mut field);
        let [p1, p0] = pid.to_be_bytes();
        let (mut rest, mut start) = (payload, 0x40);
        out.reserve(payload.len().div_ceil(BODY_BYTES - 8) * PACKET_BYTES);
        while !rest.is_empty() {
            let adapted = if field_bytes > 0 { field_bytes + 1 } else { 0 };
            let (now, later) = rest.split_at(rest.len().min(BODY_BYTES - adapted));
            let filling = BODY_BYTES - adapted - now.len();
            let control = if adapted + filling > 0 { 0x30 } else { 0x10 };
            let count = self.counter(pid);
            self.count(pid);
            out.extend_from_slice(&[SYNC, start | p1, p0, control | count]);
            if adapted + filling > 0 {
                out.push((adapted + filling - 1) as u8);
                let end = out.len() + adapted + filling - 1;
                if field_bytes > 0 {
                    out.extend_from_slice(&field[..field_bytes]);
                } else if filling > 1 {
                    // No flags.
                    out.push(0);
                }
                out.resize(end, 0xff);
            }
            out.extend_from_slice(now);
            (rest, start, field_bytes) = (later, 0, 0);
        }
    }

    fn counter(&self, pid: u16) -> u8 {
        self.counters.iter().find(|(this, _)| *this == pid).map_or(0, |(_, count)| *count)
    }

    fn count(&mut self, pid: u16) {
        if let Some((_, count)) = self.counters.iter_mut().find(|(this, _)| *this == pid) {
            *count = (*count + 1) & 0x0f;
        }
    }
}

/// A section with the pointer before it and filling behind it.
fn section(table: u8, number: u16, content: &[u8]) -> Vec<u8> {
    // Number, version, two counters, checksum.
    let length = content.len() as u16 + 9;
    let mut out = vec![0, table];
    out.extend_from_slice(&(length | 0xb000).to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
    // Version 0, which applies; the first section and the last.
    out.extend_from_slice(&[0xc1, 0, 0]);
    out.extend_from_slice(content);
    let sum = checksum(&out[1..]);
    out.extend_from_slice(&sum.to_be_bytes());
    out.resize(out.len().next_multiple_of(BODY_BYTES), 0xff);
    out
}

/// A PES packet whose length is not known yet.
pub(super) struct PesHead {
    at: usize,
}

/// Begins a PES packet; times are in ticks of 90 kHz without their wrap.
pub(super) fn pes_head(out: &mut Vec<u8>, stream_id: u8, pts: i64, dts: i64) -> PesHead {
    let at = out.len();
    let both = pts != dts;
    // Aligned: a frame begins here.
    out.extend_from_slice(&[0, 0, 1, stream_id, 0, 0, 0x84, if both { 0xc0 } else { 0x80 }]);
    out.push(if both { 10 } else { 5 });
    time(out, if both { 0x30 } else { 0x20 }, pts);
    if both {
        time(out, 0x10, dts);
    }
    PesHead { at }
}

impl PesHead {
    /// Fills in the length, which pictures may leave open.
    pub(super) fn finish(self, pes: &mut [u8], video: bool) {
        let length = pes.len() - self.at - PES_PREFIX_BYTES;
        let length = if video { 0 } else { u16::try_from(length).unwrap_or(0) };
        let place = self.at + PES_LENGTH_AT;
        pes[place..place + 2].copy_from_slice(&length.to_be_bytes());
    }
}

/// A time of 33 bits with its mark and three marker bits.
fn time(out: &mut Vec<u8>, mark: u8, ticks: i64) {
    let ticks = ticks as u64 & TIME_MASK;
    out.push(mark | (ticks >> 29) as u8 & 0x0e | 1);
    out.extend_from_slice(&[(ticks >> 22) as u8, (ticks >> 14) as u8 | 1]);
    out.extend_from_slice(&[(ticks >> 7) as u8, (ticks << 1) as u8 | 1]);
}
