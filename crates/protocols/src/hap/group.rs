//! Arithmetic in the 3072-bit group of SRP; the one module that knows the big-integer crate.
//!
//! Source: RFC 5054 appendix A (the group), RFC 3526 §4 (its prime). Powers take constant time for exponents of one length:
//! exponents are secrets. Numbers go in and out as big-endian bytes.
use crypto_bigint::modular::{ConstMontyForm, ConstMontyParams};
use crypto_bigint::{U3072, const_monty_params};

/// A number's length: 384 bytes.
pub(super) const GROUP_BYTES: usize = 384;

/// The generator.
pub(super) const GENERATOR: u8 = 5;

const_monty_params!(
    Prime,
    U3072,
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"
);

/// An exponent: a secret, or made of one.
#[derive(Clone, Copy)]
pub(super) struct Exponent {
    value: U3072,
    bits: u32,
}

impl Exponent {
    /// At most 64 bytes; the time of a power depends on their number only.
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self { value: number(bytes), bits: 8 * bytes.len() as u32 }
    }

    /// `self` + `factor` · `other`, no larger than the group's numbers since all are at most 64 bytes long.
    pub(super) fn plus_product(&self, factor: &Exponent, other: &Exponent) -> Self {
        let product = factor.value.wrapping_mul(&other.value);
        let bits = self.bits.max(factor.bits + other.bits) + 1;
        Self { value: self.value.wrapping_add(&product), bits }
    }
}

/// A number of the group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Element(ConstMontyForm<Prime, { U3072::LIMBS }>);

impl Element {
    /// The generator.
    pub(super) fn generator() -> Self {
        Self::new(&[GENERATOR])
    }

    /// A number of at most [`GROUP_BYTES`], reduced.
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(ConstMontyForm::new(&number(bytes)))
    }

    pub(super) fn pow(&self, exponent: &Exponent) -> Self {
        Self(self.0.pow_bounded_exp(&exponent.value, exponent.bits))
    }

    pub(super) fn times(&self, other: &Element) -> Self {
        Self(self.0.mul(&other.0))
    }

    pub(super) fn plus(&self, other: &Element) -> Self {
        Self(self.0.add(&other.0))
    }

    pub(super) fn minus(&self, other: &Element) -> Self {
        Self(self.0.sub(&other.0))
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == Self::new(&[])
    }

    pub(super) fn to_bytes(self) -> [u8; GROUP_BYTES] {
        to_array(&self.0.retrieve())
    }
}

/// The prime.
pub(super) fn prime() -> [u8; GROUP_BYTES] {
    to_array(Prime::PARAMS.modulus().as_ref())
}

fn to_array(value: &U3072) -> [u8; GROUP_BYTES] {
    let mut bytes = [0; GROUP_BYTES];
    bytes.copy_from_slice(value.to_be_bytes().as_ref());
    bytes
}

/// What is longer loses its first bytes; callers have checked.
fn number(bytes: &[u8]) -> U3072 {
    let bytes = &bytes[bytes.len().saturating_sub(GROUP_BYTES)..];
    let mut padded = [0; GROUP_BYTES];
    padded[GROUP_BYTES - bytes.len()..].copy_from_slice(bytes);
    U3072::from_be_slice(&padded)
}
