//! The primitives of HomeKit out of aws-lc-rs: SHA-512, HKDF, ChaCha20-Poly1305, X25519, Ed25519.
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, UnparsedPublicKey, X25519};
use aws_lc_rs::digest::{Context, SHA512};
use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Salt};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey as SigningKey};

/// Length of symmetric keys, and of keys on the curve.
pub(super) const KEY_BYTES: usize = 32;
/// Length of a signature.
pub(super) const SIGNATURE_BYTES: usize = 64;
/// Length of what ChaCha20-Poly1305 appends.
pub(super) const TAG_BYTES: usize = 16;

/// A key that is none, or bytes that are not what was sealed or signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Refused;

impl From<aws_lc_rs::error::Unspecified> for Refused {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

impl From<aws_lc_rs::error::KeyRejected> for Refused {
    fn from(_: aws_lc_rs::error::KeyRejected) -> Self {
        Self
    }
}

pub(super) fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    let mut context = Context::new(&SHA512);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 64];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Compares in constant time.
pub(super) fn equal(one: &[u8], other: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one, other).is_ok()
}

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// A key of 32 bytes out of a secret.
pub(super) fn derive(secret: &[u8], salt: impl AsRef<[u8]>, info: &str) -> Result<[u8; KEY_BYTES], Refused> {
    let mut key = [0; KEY_BYTES];
    let pseudo_random = Salt::new(HKDF_SHA512, salt.as_ref()).extract(secret);
    pseudo_random.expand(&[info.as_bytes()], Length)?.fill(&mut key)?;
    Ok(key)
}

/// One direction's cipher.
pub(super) struct Cipher(LessSafeKey);

impl Cipher {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Result<Self, Refused> {
        Ok(Self(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key)?)))
    }

    /// The nonce of a session's frame is its number.
    pub(super) fn seal_frame(&self, number: u64, aad: &[u8], data: &mut Vec<u8>) -> Result<(), Refused> {
        Ok(self.0.seal_in_place_append_tag(nonce(&number.to_le_bytes()), Aad::from(aad), data)?)
    }

    /// Opens in place; what is left is the plain text.
    pub(super) fn open_frame<'a>(
        &self,
        number: u64,
        aad: &[u8],
        data: &'a mut [u8],
    ) -> Result<&'a [u8], Refused> {
        Ok(self.0.open_in_place(nonce(&number.to_le_bytes()), Aad::from(aad), data)?)
    }

    /// The nonce of a pairing message is its name.
    pub(super) fn seal_message(&self, name: &[u8; 8], data: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut data = data.to_vec();
        self.0.seal_in_place_append_tag(nonce(name), Aad::empty(), &mut data)?;
        Ok(data)
    }

    pub(super) fn open_message(&self, name: &[u8; 8], sealed: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut data = sealed.to_vec();
        let length = self.0.open_in_place(nonce(name), Aad::empty(), &mut data)?.len();
        data.truncate(length);
        Ok(data)
    }
}

fn nonce(last: &[u8; 8]) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[4..].copy_from_slice(last);
    Nonce::assume_unique_for_key(bytes)
}

/// A key pair for one agreement.
pub(super) struct Agreement {
    private: agreement::PrivateKey,
    public: [u8; KEY_BYTES],
}

impl Agreement {
    pub(super) fn new(secret: &[u8; KEY_BYTES]) -> Result<Self, Refused> {
        let private = agreement::PrivateKey::from_private_key(&X25519, secret)?;
        let public = private.compute_public_key()?.as_ref().try_into().map_err(|_| Refused)?;
        Ok(Self { private, public })
    }

    pub(super) const fn public(&self) -> &[u8; KEY_BYTES] {
        &self.public
    }

    /// A public key of low order is refused.
    pub(super) fn agree(&self, peer: &[u8]) -> Result<[u8; KEY_BYTES], Refused> {
        agreement::agree(&self.private, UnparsedPublicKey::new(&X25519, peer), Refused, |secret| {
            secret.try_into().map_err(|_| Refused)
        })
    }
}

/// Public key of the long-term key with this seed.
pub(super) fn signing_public(seed: &[u8; KEY_BYTES]) -> Result<[u8; KEY_BYTES], Refused> {
    Ed25519KeyPair::from_seed_unchecked(seed)?.public_key().as_ref().try_into().map_err(|_| Refused)
}

pub(super) fn sign(seed: &[u8; KEY_BYTES], parts: &[&[u8]]) -> Result<[u8; SIGNATURE_BYTES], Refused> {
    let signature = Ed25519KeyPair::from_seed_unchecked(seed)?.try_sign(&parts.concat())?;
    signature.as_ref().try_into().map_err(|_| Refused)
}

pub(super) fn verify(public: &[u8], parts: &[&[u8]], signature: &[u8]) -> Result<(), Refused> {
    Ok(SigningKey::new(&ED25519, public).verify(&parts.concat(), signature)?)
}
