//! Randomness as an argument: the system's, or what a test makes up.

/// No key could be made: ours or the machine's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the system gives no random bytes, or refuses a key of ours")]
pub struct KeyError;

/// Where keys, salts and nonces come from.
pub trait Random {
    /// Fills the buffer.
    ///
    /// # Errors
    /// There is no randomness.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), KeyError>;
}

/// The system's generator.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), KeyError> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| KeyError)
    }
}

/// So many random bytes.
pub(super) fn bytes<const N: usize>(random: &mut dyn Random) -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    random.fill(&mut bytes)?;
    Ok(bytes)
}
