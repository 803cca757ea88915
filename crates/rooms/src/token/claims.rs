//! [`Claims`]: what a token says, read field by field so that errors name the claim and never show its value.
use super::error::TokenError;
use super::grants::Grants;
use media::WallTime;
use serde_json::{Map, Value, json};

/// Clocks may differ by 30 s.
const LEEWAY_SECONDS: i64 = 30;
/// Longest identity and display name: 128 characters; a mail address has less.
pub(crate) const NAME_CHARS_MAX: usize = 128;
/// Most metadata: 4 KiB, which everybody in the room is sent.
const METADATA_BYTES_MAX: usize = 4 << 10;

/// What a token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// Who this is: `sub`.
    pub identity: String,
    /// The last second in which it lets somebody in, since 1970: `exp`.
    pub expires: i64,
    /// The first: `nbf`.
    pub not_before: Option<i64>,
    /// Display name.
    pub name: Option<String>,
    /// What others and the server API are shown.
    pub metadata: Option<String>,
    /// What they may do.
    pub grants: Grants,
}

impl Claims {
    /// Of somebody, until `expires`, who may do this.
    pub fn new(identity: impl Into<String>, expires: i64, grants: Grants) -> Self {
        Self { identity: identity.into(), expires, not_before: None, name: None, metadata: None, grants }
    }

    pub(super) fn read(value: &Value) -> Result<Self, TokenError> {
        let Value::Object(claims) = value else { return Err(TokenError::Malformed) };
        let identity = text(claims, "sub", "1 to 128 characters", NAME_CHARS_MAX)?;
        let identity = identity.ok_or(TokenError::Missing("sub"))?;
        if identity.is_empty() {
            return Err(TokenError::Wrong { claim: "sub", wanted: "1 to 128 characters" });
        }
        let grants = claims.get("grants").ok_or(TokenError::Missing("grants"))?;
        Ok(Self {
            identity,
            expires: seconds(claims, "exp")?.ok_or(TokenError::Missing("exp"))?,
            not_before: seconds(claims, "nbf")?,
            name: text(claims, "name", "a text of at most 128 characters", NAME_CHARS_MAX)?,
            metadata: text(claims, "metadata", "a text of at most 4096 bytes", METADATA_BYTES_MAX)?
                .filter(|text| !text.is_empty()),
            grants: Grants::read(grants)?,
        })
    }

    pub(super) fn write(&self) -> Value {
        let mut claims = json!({ "sub": self.identity, "exp": self.expires, "grants": self.grants.write() });
        if let Value::Object(map) = &mut claims {
            map.extend(self.not_before.map(|nbf| ("nbf".to_owned(), nbf.into())));
            map.extend(self.name.clone().map(|name| ("name".to_owned(), name.into())));
            map.extend(self.metadata.clone().map(|data| ("metadata".to_owned(), data.into())));
        }
        claims
    }

    pub(super) fn check_time(&self, now: WallTime) -> Result<(), TokenError> {
        let now = now.as_micros().div_euclid(1_000_000);
        let late = now.saturating_sub(self.expires);
        if late >= LEEWAY_SECONDS {
            return Err(TokenError::Expired { seconds: late.unsigned_abs() });
        }
        let early = self.not_before.unwrap_or(i64::MIN).saturating_sub(now);
        if early > LEEWAY_SECONDS {
            return Err(TokenError::NotYet { seconds: early.unsigned_abs() });
        }
        Ok(())
    }
}

fn text(
    claims: &Map<String, Value>,
    claim: &'static str,
    wanted: &'static str,
    max: usize,
) -> Result<Option<String>, TokenError> {
    match claims.get(claim) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= max && text.len() <= METADATA_BYTES_MAX => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(TokenError::Wrong { claim, wanted }),
    }
}

fn seconds(claims: &Map<String, Value>, claim: &'static str) -> Result<Option<i64>, TokenError> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    // RFC 7519 §2 allows fractions
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
    seconds.map(Some).ok_or(TokenError::Wrong { claim, wanted: "a number of seconds since 1970" })
}
