//! SRP-6a as HomeKit computes it: proves that both sides know the setup code without showing it.
//!
//! Source: HAP specification (R2) §5.5, RFC 5054, RFC 2945. The 3072-bit group, SHA-512, the user `Pair-Setup`. Owns the numbers of
//! one exchange. `k` and `u` hash numbers at full length; proofs and the session key hash them without leading zero bytes, as
//! Apple's kit and HAP-python do. aiohomekit and hap-nodejs hash them at full length there too, which differs for one exchange in
//! 85: [`Server`] takes a proof of either kind and answers in that one.
use super::crypto::{equal, sha512};
use super::group::{Element, Exponent, GENERATOR, GROUP_BYTES, prime};
use super::random::{self, KeyError, Random};

/// The user's name of all setup codes.
const USER: &[u8] = b"Pair-Setup";
/// Length of a salt.
pub const SALT_BYTES: usize = 16;
/// Length of a secret exponent: 32 bytes, as the specification asks for.
pub const SECRET_BYTES: usize = 32;
/// Length of a public key.
pub const PUBLIC_KEY_BYTES: usize = GROUP_BYTES;
/// Length of proofs and of the session key.
pub const HASH_BYTES: usize = 64;
/// How often a secret is drawn until its public key has no leading zero byte: the chance that 8 of them have is 2^-64.
const DRAWS_MAX: usize = 8;

/// Why an exchange ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SrpError {
    /// A public key is longer than the group's numbers, or a multiple of the prime: it would make the secret known.
    #[error("the peer's public key of {length} bytes is none")]
    PublicKey {
        /// Its length.
        length: usize,
    },
    /// The proof is not that of this setup code.
    #[error("the proof does not match: another setup code")]
    Proof,
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] KeyError),
}

/// Key material of an exchange that both sides have proven; `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey([u8; HASH_BYTES]);

impl SessionKey {
    /// The key itself, to derive others from.
    pub fn expose(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKey(***)")
    }
}

/// The accessory's side, between M2 and M3.
pub struct Server {
    salt: [u8; SALT_BYTES],
    verifier: Element,
    secret: Exponent,
    public: [u8; PUBLIC_KEY_BYTES],
}

impl Server {
    /// Draws salt and secret.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn new(code: &str, random: &mut dyn Random) -> Result<Self, KeyError> {
        let salt = random::bytes(random)?;
        let mut server = Self::with_secrets(code, salt, &random::bytes(random)?);
        for _ in 1..DRAWS_MAX {
            if server.public[0] != 0 {
                break;
            }
            server = Self::with_secrets(code, salt, &random::bytes(random)?);
        }
        Ok(server)
    }

    /// Takes salt and secret as they are, for tests against vectors.
    pub fn with_secrets(code: &str, salt: [u8; SALT_BYTES], secret: &[u8; SECRET_BYTES]) -> Self {
        let verifier = Element::generator().pow(&private_key(&salt, code));
        let secret = Exponent::new(secret);
        let masked = Element::new(&multiplier()).times(&verifier);
        let public = masked.plus(&Element::generator().pow(&secret)).to_bytes();
        Self { salt, verifier, secret, public }
    }

    /// What M2 carries.
    pub const fn salt(&self) -> &[u8; SALT_BYTES] {
        &self.salt
    }

    /// What M2 carries.
    pub const fn public_key(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.public
    }

    /// Checks the client's proof; returns ours and the key.
    ///
    /// # Errors
    /// The public key is none, or the proof is that of another setup code.
    pub fn verify(
        self,
        client_public: &[u8],
        proof: &[u8],
    ) -> Result<([u8; HASH_BYTES], SessionKey), SrpError> {
        let client = public_key(client_public)?;
        let scrambler = scrambler(&client.to_bytes(), &self.public);
        let secret = client.times(&self.verifier.pow(&scrambler)).pow(&self.secret).to_bytes();
        for form in [minimal, full] {
            let exchange = Exchange {
                salt: &self.salt,
                client: form(client_public),
                server: form(&self.public),
                key: sha512(&[form(&secret)]),
            };
            let expected = exchange.client_proof();
            if equal(&expected, proof) {
                return Ok((exchange.server_proof(&expected), SessionKey(exchange.key)));
            }
        }
        Err(SrpError::Proof)
    }
}

/// The controller's side, between M3 and M4.
pub struct Client {
    public: [u8; PUBLIC_KEY_BYTES],
    proof: [u8; HASH_BYTES],
    expected: [u8; HASH_BYTES],
    key: [u8; HASH_BYTES],
}

impl Client {
    /// Draws a secret, and answers what M2 brought.
    ///
    /// # Errors
    /// The server's public key is none, or there is no randomness.
    pub fn new(
        code: &str,
        salt: &[u8],
        server_public: &[u8],
        random: &mut dyn Random,
    ) -> Result<Self, SrpError> {
        let mut client = Self::with_secret(code, salt, server_public, &random::bytes(random)?)?;
        for _ in 1..DRAWS_MAX {
            if client.public[0] != 0 {
                break;
            }
            client = Self::with_secret(code, salt, server_public, &random::bytes(random)?)?;
        }
        Ok(client)
    }

    /// Takes the secret as it is, for tests against vectors.
    ///
    /// # Errors
    /// The server's public key is none.
    pub fn with_secret(
        code: &str,
        salt: &[u8],
        server_public: &[u8],
        secret: &[u8; SECRET_BYTES],
    ) -> Result<Self, SrpError> {
        let server = public_key(server_public)?;
        let secret = Exponent::new(secret);
        let public = Element::generator().pow(&secret).to_bytes();
        let private = private_key(salt, code);
        let scrambler = scrambler(&public, &server.to_bytes());
        let masked = Element::new(&multiplier()).times(&Element::generator().pow(&private));
        let shared = server.minus(&masked).pow(&secret.plus_product(&scrambler, &private)).to_bytes();
        let exchange = Exchange {
            salt,
            client: minimal(&public),
            server: minimal(server_public),
            key: sha512(&[minimal(&shared)]),
        };
        let proof = exchange.client_proof();
        Ok(Self { public, proof, expected: exchange.server_proof(&proof), key: exchange.key })
    }

    /// What M3 carries.
    pub const fn public_key(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.public
    }

    /// What M3 carries.
    pub const fn proof(&self) -> &[u8; HASH_BYTES] {
        &self.proof
    }

    /// Checks the server's proof.
    ///
    /// # Errors
    /// It does not know the setup code.
    pub fn verify(self, server_proof: &[u8]) -> Result<SessionKey, SrpError> {
        if equal(&self.expected, server_proof) { Ok(SessionKey(self.key)) } else { Err(SrpError::Proof) }
    }
}

/// What proofs are made of.
struct Exchange<'a> {
    salt: &'a [u8],
    client: &'a [u8],
    server: &'a [u8],
    key: [u8; HASH_BYTES],
}

impl Exchange<'_> {
    fn client_proof(&self) -> [u8; HASH_BYTES] {
        let mut group = sha512(&[&prime()]);
        for (byte, other) in group.iter_mut().zip(sha512(&[&[GENERATOR]])) {
            *byte ^= other;
        }
        sha512(&[&group, &sha512(&[USER]), self.salt, self.client, self.server, &self.key])
    }

    fn server_proof(&self, client_proof: &[u8]) -> [u8; HASH_BYTES] {
        sha512(&[self.client, client_proof, &self.key])
    }
}

/// `x` of RFC 5054 §2.4.
fn private_key(salt: &[u8], code: &str) -> Exponent {
    Exponent::new(&sha512(&[salt, &sha512(&[USER, b":", code.as_bytes()])]))
}

/// `k` of RFC 5054 §2.5.3.
fn multiplier() -> [u8; HASH_BYTES] {
    let mut generator = [0; GROUP_BYTES];
    generator[GROUP_BYTES - 1] = GENERATOR;
    sha512(&[&prime(), &generator])
}

/// `u` of RFC 5054 §2.5.3.
fn scrambler(client: &[u8; GROUP_BYTES], server: &[u8; GROUP_BYTES]) -> Exponent {
    Exponent::new(&sha512(&[client, server]))
}

/// A peer's public key; a multiple of the prime is refused (RFC 5054 §2.5.4).
fn public_key(bytes: &[u8]) -> Result<Element, SrpError> {
    let refused = SrpError::PublicKey { length: bytes.len() };
    if bytes.len() > GROUP_BYTES {
        return Err(refused);
    }
    let element = Element::new(bytes);
    if element.is_zero() { Err(refused) } else { Ok(element) }
}

/// Without leading zero bytes.
fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// As it was sent.
fn full(bytes: &[u8]) -> &[u8] {
    bytes
}

#[cfg(test)]
mod tests;
