//! Tokens: who somebody is and what they may do in which room, signed by whoever has a key.
//!
//! Source: RFC 7519 (JWT), RFC 7515 (HS256); docs/rooms.md, "Tokens". The one module that sees `jsonwebtoken`, of which only the
//! signature is used: claims and times are judged here, with the time as an argument, and messages never show a token's text.
mod claims;
mod error;
mod grants;
mod keys;
#[cfg(test)]
mod tests;

pub use claims::Claims;
pub use error::TokenError;
pub use grants::{Grants, Publish, RoomScope};
pub use keys::{KeyError, Keys, Secret};

use crate::name::RoomName;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use media::WallTime;
use serde_json::Value;

/// Longest token: 8 KiB. One with 4 KiB of metadata has less.
const BYTES_MAX: usize = 8 << 10;

impl Keys {
    /// Who a token says that somebody is, if it is right and lets them into this room at this time.
    ///
    /// # Errors
    /// What is wrong with it, without showing it.
    pub fn admit(&self, token: &str, room: &RoomName, now: WallTime) -> Result<Claims, TokenError> {
        let claims = self.verify(token, now)?;
        if !claims.grants.room.contains(room) {
            return Err(TokenError::OtherRoom);
        }
        if !claims.grants.join {
            return Err(TokenError::NotGranted("join"));
        }
        Ok(claims)
    }

    /// What a token says, if its signature is ours and its time is now.
    ///
    /// # Errors
    /// What is wrong with it, without showing it.
    pub fn verify(&self, token: &str, now: WallTime) -> Result<Claims, TokenError> {
        if self.is_empty() {
            return Err(TokenError::NoKeys);
        }
        if token.len() > BYTES_MAX {
            return Err(TokenError::TooLong { bytes: token.len(), max: BYTES_MAX });
        }
        let header = jsonwebtoken::decode_header(token).map_err(|error| of_shape(&error))?;
        if header.alg != Algorithm::HS256 {
            return Err(TokenError::Algorithm);
        }
        let secret = match &header.kid {
            Some(id) => self.named(id).ok_or(TokenError::UnknownKey)?,
            None => self.only().ok_or(TokenError::NoKeyId)?,
        };
        let key = DecodingKey::from_secret(secret.expose().as_bytes()).map_err(|error| of_shape(&error))?;
        let decoded = jsonwebtoken::decode::<Value>(token, &key, &signature_only());
        let claims = Claims::read(&decoded.map_err(|error| of_shape(&error))?.claims)?;
        claims.check_time(now)?;
        Ok(claims)
    }

    /// Signs a token with a key.
    ///
    /// # Errors
    /// There is no such key, or it cannot sign.
    pub fn sign(&self, key_id: &str, claims: &Claims) -> Result<String, TokenError> {
        let secret = self.named(key_id).ok_or(TokenError::UnknownKey)?;
        let key = EncodingKey::from_secret(secret.expose().as_bytes()).map_err(|error| of_shape(&error))?;
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key_id.to_owned());
        jsonwebtoken::encode(&header, &claims.write(), &key).map_err(|error| of_shape(&error))
    }
}

/// Times are checked by us, and `aud` is of no meaning here.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// The library's errors without their texts, which may quote the token.
fn of_shape(error: &jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    #[allow(clippy::wildcard_enum_match_arm)] // a list of somebody else's, which may grow
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidAlgorithmName
        | ErrorKind::UnsupportedAlgorithm
        | ErrorKind::MissingAlgorithm => TokenError::Algorithm,
        _ => TokenError::Malformed,
    }
}
