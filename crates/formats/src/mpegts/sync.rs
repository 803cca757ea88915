//! A byte stream to transport packets: finds their distance, and finds them again after garbage.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.2, annex G.1 (synchronisation). Owns the bytes of less than three packets.
use super::packet::{PACKET_BYTES, SYNC};
use bytes::{Buf, Bytes, BytesMut};

/// Distances between packets: bare, after a time of 4 bytes (Blu-ray, cameras), before a checksum of 16 (broadcast).
const STRIDES: [usize; 3] = [PACKET_BYTES, 192, 204];
/// Sync bytes in a row that make a stream: 3. One byte in 256 is one by chance, one place in 16 million all three.
const CONFIRMING: usize = 3;
/// Bytes that must be there to try a place with every distance.
const WINDOW: usize = STRIDES[2] * (CONFIRMING - 1) + 1;

/// `Searching` → `Synced` where sync bytes stand in a row → `Searching` when one is missing.
#[derive(Debug, Default)]
pub(super) struct PacketReader {
    buffer: BytesMut,
    state: State,
    /// Bytes to pass over before the next packet.
    between: usize,
    garbage: u64,
    at_end: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Searching,
    /// The distance of packets.
    Synced(usize),
}

impl PacketReader {
    /// Takes the next bytes of the stream.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// Nothing follows: the last packets need no others that confirm them.
    pub(super) fn end(&mut self) {
        self.at_end = true;
    }

    /// The next packet of 188 bytes; `None` until more bytes come.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.state {
                State::Searching => {
                    let place = find_sync(&self.buffer, self.at_end);
                    let passed = match place {
                        Some((at, _)) => at,
                        None if self.at_end => self.buffer.len(),
                        // Every earlier place was tried with all that belongs to it.
                        None => (self.buffer.len() + 1).saturating_sub(WINDOW),
                    };
                    self.buffer.advance(passed);
                    self.garbage += passed as u64;
                    self.state = State::Synced(place?.1);
                }
                State::Synced(stride) => {
                    let skipped = self.between.min(self.buffer.len());
                    self.buffer.advance(skipped);
                    self.between -= skipped;
                    match self.buffer.first() {
                        Some(&SYNC) if self.buffer.len() >= PACKET_BYTES => {
                            self.between = stride - PACKET_BYTES;
                            return Some(self.buffer.split_to(PACKET_BYTES).freeze());
                        }
                        Some(&SYNC) | None => return None,
                        Some(_) => self.state = State::Searching,
                    }
                }
            }
        }
    }

    /// Bytes passed over since the last call, because no packet was there.
    pub(super) fn take_garbage(&mut self) -> u64 {
        std::mem::take(&mut self.garbage)
    }
}

/// The first place where packets begin, and their distance. At the end of a stream fewer packets are enough, since
/// no more can come.
pub(crate) fn find_sync(data: &[u8], at_end: bool) -> Option<(usize, usize)> {
    let places = if at_end { data.len() } else { (data.len() + 1).saturating_sub(WINDOW) };
    (0..places).filter(|&at| data[at] == SYNC).find_map(|at| {
        let confirmed = |stride: &&usize| {
            (1..CONFIRMING).all(|n| data.get(at + n * **stride).is_none_or(|&byte| byte == SYNC))
        };
        Some((at, *STRIDES.iter().find(confirmed)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets that say their number.
    fn packets(numbers: std::ops::Range<u8>, before: usize, behind: usize) -> Vec<u8> {
        let packet = |number| {
            let mut packet = vec![number; PACKET_BYTES];
            packet[0] = SYNC;
            [vec![0xee; before], packet, vec![0xdd; behind]].concat()
        };
        numbers.flat_map(packet).collect()
    }

    fn read(data: &[u8], step: usize) -> (Vec<u8>, u64) {
        let mut reader = PacketReader::default();
        let mut numbers = Vec::new();
        for piece in data.chunks(step) {
            reader.push(piece);
            numbers.extend(std::iter::from_fn(|| reader.next()).map(|packet| packet[7]));
            assert!(reader.buffer.len() <= WINDOW, "{} bytes are kept", reader.buffer.len());
        }
        reader.end();
        numbers.extend(std::iter::from_fn(|| reader.next()).map(|packet| packet[7]));
        (numbers, reader.take_garbage())
    }

    #[test]
    fn packets_of_every_distance_are_found_behind_and_between_garbage_at_every_split() {
        for (before, behind) in [(0, 0), (4, 0), (0, 16)] {
            let garbage = [SYNC, 1, 2, 3, SYNC, 5];
            let data = [
                &garbage[..],
                &packets(1..6, before, behind),
                &garbage,
                &packets(6..11, before, behind),
                &packets(11..12, before, 0),
            ]
            .concat();
            let whole = read(&data, data.len());
            assert_eq!(whole.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "{before} and {behind}");
            for step in [1, 3, 100, 188, 189, 500] {
                assert_eq!(read(&data, step), whole, "split every {step} bytes");
            }
        }
    }

    #[test]
    fn a_short_stream_is_read_at_its_end() {
        assert_eq!(read(&packets(1..3, 0, 0), 10), (vec![1, 2], 0));
        assert_eq!(read(&[9; 100], 10), (vec![], 100));
    }
}
