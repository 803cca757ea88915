//! Pieces of a transfer, put together as a controller gets them.
use super::messages::{Data, DataType, Packet};
use bytes::{Bytes, BytesMut};
use media::Fault;

/// Longest piece: 64 MiB, 8 s at 64 Mbit/s. Fragments have 1 to 4 MiB.
pub const PIECE_BYTES_MAX: usize = 64 << 20;

/// A piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// What it is.
    pub kind: DataType,
    /// Its bytes.
    pub data: Bytes,
}

/// Why data is no piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AssemblyError {
    /// A chunk is lost or out of order.
    #[error("chunk {chunk} of piece {piece} comes where {due_chunk} of {due_piece} is due")]
    OutOfOrder {
        /// What came.
        chunk: i64,
        /// Of which piece.
        piece: i64,
        /// What was due.
        due_chunk: i64,
        /// Of which piece.
        due_piece: i64,
    },
    /// A piece is longer than any, or than it says.
    #[error("piece {piece} has {length} bytes of {limit}")]
    TooLong {
        /// Which.
        piece: i64,
        /// What came.
        length: usize,
        /// What it may have.
        limit: usize,
    },
    /// A piece ends before its end.
    #[error("piece {piece} has {length} bytes of {total}")]
    Short {
        /// Which.
        piece: i64,
        /// What came.
        length: usize,
        /// What it says.
        total: usize,
    },
}

impl AssemblyError {
    /// The peer's, always.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

/// What there is of the piece that comes.
#[derive(Debug)]
pub struct Assembler {
    piece: i64,
    chunk: i64,
    total: Option<usize>,
    data: BytesMut,
}

impl Default for Assembler {
    fn default() -> Self {
        Self { piece: 1, chunk: 1, total: None, data: BytesMut::new() }
    }
}

impl Assembler {
    /// Takes an event; returns the pieces that are complete.
    ///
    /// # Errors
    /// The transfer is of no further use.
    pub fn take(&mut self, data: &Data) -> Result<Vec<Piece>, AssemblyError> {
        let mut pieces = Vec::new();
        for packet in &data.packets {
            pieces.extend(self.packet(packet)?);
        }
        Ok(pieces)
    }

    fn packet(&mut self, packet: &Packet) -> Result<Option<Piece>, AssemblyError> {
        let (due_piece, due_chunk) = (self.piece, self.chunk);
        let Packet { piece, chunk, .. } = *packet;
        if (piece, chunk) != (due_piece, due_chunk) {
            return Err(AssemblyError::OutOfOrder { chunk, piece, due_chunk, due_piece });
        }
        if chunk == 1 {
            self.total = packet.total.and_then(|total| usize::try_from(total).ok());
        }
        let limit = self.total.unwrap_or(PIECE_BYTES_MAX).min(PIECE_BYTES_MAX);
        let length = self.data.len() + packet.data.len();
        if length > limit {
            return Err(AssemblyError::TooLong { piece, length, limit });
        }
        self.data.extend_from_slice(&packet.data);
        if !packet.is_last {
            self.chunk += 1;
            return Ok(None);
        }
        if let Some(total) = self.total.filter(|total| *total != length) {
            return Err(AssemblyError::Short { piece, length, total });
        }
        (self.piece, self.chunk) = (piece.saturating_add(1), 1);
        Ok(Some(Piece { kind: packet.kind, data: self.data.split().freeze() }))
    }
}
