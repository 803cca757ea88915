//! [`TokenError`]: what is wrong with a token, without a word of it.

/// What is wrong with a token. The peer's fault; another token may help.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Nobody can have signed it.
    #[error("no token is valid here: rooms.keys is empty")]
    NoKeys,
    /// It is too long.
    #[error("the token has {bytes} bytes; at most {max} are taken")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The most.
        max: usize,
    },
    /// It is no JWT.
    #[error(
        "the token is no JSON Web Token: three parts in base64url with dots between, the first two JSON objects"
    )]
    Malformed,
    /// It is signed otherwise, or not at all.
    #[error("the token's alg is not HS256")]
    Algorithm,
    /// Its `kid` is none of ours.
    #[error("the token's kid is none of rooms.keys")]
    UnknownKey,
    /// It has no `kid`, and there are several keys.
    #[error("the token has no kid, which is needed where there are several keys")]
    NoKeyId,
    /// Its signature is wrong.
    #[error("the token's signature is not of the key that it names")]
    Signature,
    /// A claim is missing.
    #[error("the token lacks the claim {0}")]
    Missing(&'static str),
    /// A claim is not as it should be.
    #[error("the token's claim {claim} is not {wanted}")]
    Wrong {
        /// Which.
        claim: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// There is a grant that nobody knows; it may have been meant to forbid something.
    #[error(
        "the token's grants have an entry that is none of room, join, publish, subscribe, data, hidden, recorder, admin"
    )]
    UnknownGrant,
    /// Its time is over.
    #[error("the token expired {seconds} s ago")]
    Expired {
        /// How long ago.
        seconds: u64,
    },
    /// Its time has not come.
    #[error("the token is valid in {seconds} s only")]
    NotYet {
        /// In how long.
        seconds: u64,
    },
    /// It is for another room.
    #[error("the token is for another room")]
    OtherRoom,
    /// It does not grant this.
    #[error("the token does not grant {0}")]
    NotGranted(&'static str),
}

impl TokenError {
    /// As in HTTP: 403 for a token that is right and does not grant it, 401 for one that is wrong.
    pub const fn code(&self) -> u16 {
        match self {
            Self::OtherRoom | Self::NotGranted(_) => 403,
            Self::NoKeys
            | Self::TooLong { .. }
            | Self::Malformed
            | Self::Algorithm
            | Self::UnknownKey
            | Self::NoKeyId
            | Self::Signature
            | Self::Missing(_)
            | Self::Wrong { .. }
            | Self::UnknownGrant
            | Self::Expired { .. }
            | Self::NotYet { .. } => 401,
        }
    }
}
