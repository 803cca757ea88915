//! What can be wrong with a bitstream.
use media::Fault;

/// A header, parameter set or configuration record that cannot be read. Always the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BitstreamError {
    /// It ends too early.
    #[error("{what} ends at byte {at}, but more was announced")]
    Truncated {
        /// The structure that was read.
        what: &'static str,
        /// Byte position of the end, from the start of the structure.
        at: usize,
    },
    /// A field holds a value that the specification forbids or that this server does not carry.
    #[error("{what}: {field} cannot be {value} (byte {at})")]
    Invalid {
        /// The structure that was read.
        what: &'static str,
        /// The field's name in the specification.
        field: &'static str,
        /// What it holds.
        value: u64,
        /// Byte position, from the start of the structure.
        at: usize,
    },
}

impl BitstreamError {
    /// Whose fault it is: who sent the bytes.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}
