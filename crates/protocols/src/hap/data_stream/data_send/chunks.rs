//! A piece of a transfer, cut as an accessory sends it.
use super::messages::{Data, DataType, Packet};
use bytes::Bytes;

/// Bytes of a chunk: 256 KiB, as hap-nodejs sends them; a frame has room for four times that.
pub const CHUNK_BYTES: usize = 256 << 10;

/// Numbers the pieces of one transfer and cuts them. Pieces go out in the order in which they are cut.
#[derive(Debug)]
pub struct Chunks {
    stream: i64,
    next_piece: i64,
}

impl Chunks {
    /// Of a transfer that was opened with this number.
    pub const fn new(stream: i64) -> Self {
        Self { stream, next_piece: 1 }
    }

    /// The events that carry this piece. An empty one has one chunk, which says so.
    pub fn cut(&mut self, kind: DataType, piece: &Bytes, is_end: bool) -> impl Iterator<Item = Data> + use<> {
        let (stream, number, piece) = (self.stream, self.next_piece, piece.clone());
        self.next_piece += 1;
        let count = piece.len().div_ceil(CHUNK_BYTES).max(1);
        (0..count).map(move |index| {
            let end = piece.len().min((index + 1) * CHUNK_BYTES);
            let is_last = index + 1 == count;
            let packet = Packet {
                data: piece.slice(index * CHUNK_BYTES..end),
                kind,
                piece: number,
                chunk: index as i64 + 1,
                is_last,
                total: (index == 0).then_some(piece.len() as i64),
            };
            Data { stream, packets: vec![packet], end_of_stream: is_last.then_some(is_end) }
        })
    }
}
