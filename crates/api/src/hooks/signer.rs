//! Signatures: HMAC-SHA256 over `id.timestamp.body`.
//!
//! Source: Standard Webhooks 1.0.0, "Signature scheme": keys of 24 to 64 bytes, written `whsec_` and base64; the header
//! has `v1,` and the signature in base64, several with spaces between.
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Lengths of keys in bytes. Source: Standard Webhooks 1.0.0, "Signature scheme".
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Signs with one key.
pub(super) struct Signer(hmac::Key);

impl Signer {
    /// Takes a secret. What is wrong is said without the secret.
    pub(super) fn new(secret: &str) -> Result<Self, String> {
        const HELP: &str = "write `whsec_` and what `openssl rand -base64 32` says";
        let encoded = secret
            .strip_prefix("whsec_")
            .ok_or_else(|| format!("it does not begin with `whsec_`: {HELP}"))?;
        let key =
            STANDARD.decode(encoded).map_err(|_| format!("what follows `whsec_` is no base64: {HELP}"))?;
        if !KEY_BYTES.contains(&key.len()) {
            let (min, max) = (KEY_BYTES.start(), KEY_BYTES.end());
            return Err(format!("its key has {} bytes, and {min} to {max} are wanted: {HELP}", key.len()));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The signature as the header has it.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(id.as_bytes());
        context.update(format!(".{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the reference libraries' tests.
    #[test]
    fn the_signature_is_the_one_that_the_reference_libraries_make() {
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_that_are_too_short_or_no_base64_are_refused_without_being_said() {
        for (secret, why) in [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "does not begin"),
            ("whsec_hello world", "no base64"),
            ("whsec_MfKQ9r8G", "6 bytes"),
        ] {
            let Err(said) = Signer::new(secret) else { panic!("{secret} was taken") };
            assert!(said.contains(why) && !said.contains("MfKQ") && !said.contains("hello"), "{said}");
        }
    }
}
