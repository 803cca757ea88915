//! The protection profiles: their names, ids and sizes.
//!
//! Source: RFC 5764 §4.1.2 and RFC 7714 §14.2 (DTLS), RFC 4568 §6.2 and RFC 7714 §14.1 (SDES). The names of SDES are also
//! those of mediasoup's `srtpParameters.cryptoSuite`.
use std::fmt;

/// How packets are enciphered and authenticated. [`Profile::ALL`] is in the order in which we prefer them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Profile {
    /// AES-GCM with 128 bits, 16 bytes of tag.
    AeadAes128Gcm,
    /// AES-GCM with 256 bits, 16 bytes of tag.
    AeadAes256Gcm,
    /// AES in counter mode with 128 bits, HMAC-SHA1 cut to 10 bytes.
    AesCm128HmacSha1_80,
    /// The same, cut to 4 bytes for RTP; RTCP keeps 10 (RFC 5764 §4.1.2).
    AesCm128HmacSha1_32,
}

impl Profile {
    /// All of them; GCM first (`docs/decisions/0005`): a packet costs a fifth of what the others cost.
    pub const ALL: [Self; 4] =
        [Self::AeadAes128Gcm, Self::AeadAes256Gcm, Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// Its name in SDES and in mediasoup.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The profile of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// Its id in DTLS's `use_srtp` extension.
    pub const fn dtls_id(self) -> u16 {
        match self {
            Self::AesCm128HmacSha1_80 => 0x0001,
            Self::AesCm128HmacSha1_32 => 0x0002,
            Self::AeadAes128Gcm => 0x0007,
            Self::AeadAes256Gcm => 0x0008,
        }
    }

    /// The profile with that id.
    pub fn from_dtls_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.dtls_id() == id)
    }

    /// Bytes of a master key, and of a session key.
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            Self::AeadAes128Gcm | Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 16,
        }
    }

    /// Bytes of a master salt, and of a session salt.
    pub const fn salt_bytes(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
        }
    }

    /// Bytes of keying material that a DTLS handshake exports: key and salt of both sides.
    pub const fn keying_material_bytes(self) -> usize {
        2 * (self.key_bytes() + self.salt_bytes())
    }

    /// Bytes by which an RTP packet grows: the tag.
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
        }
    }

    /// Bytes by which an RTCP packet grows: the tag, and the word with E flag and index.
    pub const fn rtcp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 20,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
