//! The packets of one or several units, one after another in one piece of memory, ready for one write.
//!
//! Source: RFC 2326 §10.12 for the `$` frames of RTP over RTSP.
use super::packet::{HEADER_BYTES, Header};
use bytes::Bytes;

/// Bytes of the `$`, the channel and the length in front of a packet on an RTSP connection.
pub const INTERLEAVED_HEADER_BYTES: usize = 4;
/// Most segments of one UDP GSO send. Source: `UDP_MAX_SEGMENTS` of Linux before 6.9.
const GSO_SEGMENTS_MAX: usize = 64;
/// Most bytes of one UDP GSO send: an IP packet without its headers, with room for IPv6 and SRTP.
const GSO_BYTES_MAX: usize = 65_000;

/// Collects packets. Reuse it: [`freeze`](Self::freeze) takes out what is in it and keeps its settings.
#[derive(Debug, Default)]
pub struct PacketBatch {
    data: Vec<u8>,
    ends: Vec<u32>,
    interleaved: bool,
    /// Where the packet that is being written starts, its `$` included.
    open_at: usize,
}

impl PacketBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// True without packets.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Number of packets.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all packets, `$` frames included.
    pub fn byte_len(&self) -> usize {
        self.data.len()
    }

    /// Takes out all packets.
    pub fn freeze(&mut self) -> Packets {
        let data = Bytes::from(std::mem::take(&mut self.data));
        let ends = self.ends.as_slice().into();
        self.ends.clear();
        Packets { data, ends, interleaved: self.interleaved }
    }

    /// Makes room for `packets` packets with `bytes` bytes of payload together.
    pub(crate) fn reserve(&mut self, packets: usize, bytes: usize) {
        self.data.reserve(bytes + packets * (HEADER_BYTES + INTERLEAVED_HEADER_BYTES));
        self.ends.reserve(packets);
    }

    /// Starts a packet. All packets of a batch must be interleaved, or none.
    pub(crate) fn open(&mut self, header: Header, interleaved_channel: Option<u8>) {
        debug_assert!(self.ends.is_empty() || self.interleaved == interleaved_channel.is_some());
        self.open_at = self.data.len();
        self.interleaved = interleaved_channel.is_some();
        if let Some(channel) = interleaved_channel {
            self.data.extend_from_slice(&[b'$', channel, 0, 0]);
        }
        self.data.extend_from_slice(&header.to_bytes());
    }

    /// Appends to the packet that is open.
    pub(crate) fn extend(&mut self, payload: &[u8]) {
        self.data.extend_from_slice(payload);
    }

    /// Ends the packet that is open.
    pub(crate) fn close(&mut self) {
        if self.interleaved {
            let length = self.data.len() - self.open_at - INTERLEAVED_HEADER_BYTES;
            let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            self.data[self.open_at + 2..self.open_at + 4].copy_from_slice(&length);
        }
        self.ends.push(u32::try_from(self.data.len()).unwrap_or(u32::MAX));
    }

    /// Drops what was written after the first `packets` packets.
    pub(crate) fn truncate(&mut self, packets: usize) {
        self.ends.truncate(packets);
        self.data.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    /// Sets the marker of the last packet.
    pub(crate) fn mark_last(&mut self) {
        let skip = if self.interleaved { INTERLEAVED_HEADER_BYTES } else { 0 };
        if let Some(byte) = self.data.get_mut(self.open_at + skip + 1).filter(|_| !self.ends.is_empty()) {
            *byte |= 0x80;
        }
    }
}

/// Packets that will not change any more. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packets {
    /// Every packet, each behind its `$` frame if [`interleaved`](Self::interleaved).
    pub data: Bytes,
    /// Where each packet ends in `data`.
    pub ends: Box<[u32]>,
    /// Whether there are `$` frames: then `data` goes to an RTSP connection as it is.
    pub interleaved: bool,
}

/// Packets for one UDP send with segmentation offload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments {
    /// The packets, one after another.
    pub data: Bytes,
    /// Length of each packet; only the last may be shorter.
    pub segment_bytes: usize,
}

impl Packets {
    /// Number of packets.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without packets.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of the RTP payloads, as sender reports count them; right for packets without extension.
    pub fn payload_bytes(&self) -> usize {
        let overhead = HEADER_BYTES + if self.interleaved { INTERLEAVED_HEADER_BYTES } else { 0 };
        self.data.len().saturating_sub(self.len() * overhead)
    }

    fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let skip = if self.interleaved { INTERLEAVED_HEADER_BYTES } else { 0 };
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let range = start + skip..*end as usize;
            start = *end as usize;
            range
        })
    }

    /// Each RTP packet without its `$` frame.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + '_ {
        self.ranges().map(|range| &self.data[range])
    }

    /// Each RTP packet without its `$` frame, sharing the memory.
    pub fn iter_bytes(&self) -> impl Iterator<Item = Bytes> + '_ {
        self.ranges().map(|range| self.data.slice(range))
    }

    /// The packets in as few UDP GSO sends as there can be: runs of equal length whose last may be shorter. With
    /// `$` frames each packet is a run of its own.
    pub fn segments(&self) -> impl Iterator<Item = Segments> + '_ {
        let mut ranges = self.ranges().peekable();
        std::iter::from_fn(move || {
            let first = ranges.next()?;
            let segment_bytes = first.len();
            let (start, mut end, mut count) = (first.start, first.end, 1);
            while let Some(next) = ranges.next_if(|next| {
                let fits = count < GSO_SEGMENTS_MAX && next.end - start <= GSO_BYTES_MAX;
                fits && next.start == end
                    && next.len() <= segment_bytes
                    && (end - start) == count * segment_bytes
            }) {
                end = next.end;
                count += 1;
            }
            Some(Segments { data: self.data.slice(start..end), segment_bytes })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lengths: &[usize], channel: Option<u8>) -> Packets {
        let mut batch = PacketBatch::new();
        for length in lengths {
            batch.open(Header::default(), channel);
            batch.extend(&vec![7; length - HEADER_BYTES]);
            batch.close();
        }
        batch.freeze()
    }

    #[test]
    fn an_interleaved_batch_is_one_valid_piece_of_an_rtsp_connection() {
        let packets = batch(&[20, 300], Some(2));
        assert_eq!(&packets.data[..4], b"$\x02\x00\x14");
        assert_eq!(&packets.data[24..28], b"$\x02\x01\x2c");
        assert_eq!(packets.iter().map(<[u8]>::len).collect::<Vec<_>>(), [20, 300]);
        assert_eq!(packets.payload_bytes(), 8 + 288);
    }

    #[test]
    fn segments_are_runs_of_equal_length_with_a_shorter_end() {
        let packets = batch(&[30, 100, 100, 100, 40, 40, 20, 50], None);
        let runs: Vec<_> = packets.segments().map(|run| (run.data.len(), run.segment_bytes)).collect();
        assert_eq!(runs, [(30, 30), (340, 100), (60, 40), (50, 50)]);
    }

    #[test]
    fn segments_respect_what_the_kernel_takes_at_once() {
        let packets = batch(&[1200; 130], None);
        let runs: Vec<_> = packets.segments().map(|run| run.data.len() / 1200).collect();
        assert_eq!(runs, [54, 54, 22]);
        let packets = batch(&[100; 130], None);
        let runs: Vec<_> = packets.segments().map(|run| run.data.len() / 100).collect();
        assert_eq!(runs, [64, 64, 2]);
    }
}
