//! The session keys of one direction's RTP or RTCP, ready for use, whatever the profile.
use super::cm::Cm;
use super::derive::SessionKeys;
use super::gcm::Gcm;
use super::header::RtpHeader;
use super::{Profile, SrtpError};
use aws_lc_rs::error::Unspecified;
use std::fmt;

/// Set in the word behind an RTCP packet: it is enciphered. Source: RFC 3711 §3.4.
const E_FLAG: u32 = 1 << 31;

/// Last index of RTCP. Source: RFC 3711 §3.2.1.
pub(super) const RTCP_INDEX_MAX: u32 = E_FLAG - 1;

/// Boxed, so that the one is not as large as the other: both are made once per transport.
enum Keys {
    Gcm(Box<Gcm>),
    Cm(Box<Cm>),
}

/// Keys of RTP or RTCP in one direction. `Debug` shows the profile only.
pub(super) struct Cipher {
    profile: Profile,
    keys: Keys,
}

/// What the word behind an RTCP packet says.
#[derive(Clone, Copy)]
pub(super) struct RtcpWord {
    word: u32,
    pub(super) index: u32,
}

impl Cipher {
    pub(super) fn new(profile: Profile, keys: &SessionKeys) -> Result<Self, SrtpError> {
        let keys = match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => Keys::Gcm(Box::new(Gcm::new(keys)?)),
            Profile::AesCm128HmacSha1_80 | Profile::AesCm128HmacSha1_32 => {
                Keys::Cm(Box::new(Cm::new(keys, profile.rtp_overhead())?))
            }
        };
        Ok(Self { profile, keys })
    }

    pub(super) const fn profile(&self) -> Profile {
        self.profile
    }

    /// Enciphers `packet[start..]`, whose header was parsed, and appends the tag.
    pub(super) fn seal_rtp(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        header: &RtpHeader,
        index: u64,
    ) -> Result<(), SrtpError> {
        Ok(match &self.keys {
            Keys::Gcm(gcm) => gcm.seal_rtp(packet, start, header, index),
            Keys::Cm(cm) => cm.seal_rtp(packet, start, header, index),
        }?)
    }

    /// Checks and deciphers a packet whose header was parsed from the part before the tag; returns the plain length.
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header: &RtpHeader,
        index: u64,
    ) -> Result<usize, SrtpError> {
        match &self.keys {
            Keys::Gcm(gcm) => gcm.open_rtp(packet, header, index),
            Keys::Cm(cm) => cm.open_rtp(packet, header, index),
        }
        .map_err(|Unspecified| SrtpError::Authentication(header.id()))
    }

    /// Enciphers `packet[start..]`, of at least RTCP's header, and appends tag and index.
    pub(super) fn seal_rtcp(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        ssrc: u32,
        index: u32,
    ) -> Result<(), SrtpError> {
        let word = E_FLAG | index;
        Ok(match &self.keys {
            Keys::Gcm(gcm) => gcm.seal_rtcp(packet, start, ssrc, word, index),
            Keys::Cm(cm) => cm.seal_rtcp(packet, start, ssrc, word, index),
        }?)
    }

    /// Reads E flag and index, which nobody has authenticated yet.
    pub(super) fn rtcp_word(&self, packet: &[u8]) -> Result<RtcpWord, SrtpError> {
        let word = match &self.keys {
            Keys::Gcm(_) => Gcm::rtcp_word(packet),
            Keys::Cm(_) => Cm::rtcp_word(packet),
        }
        .ok_or(SrtpError::Short { got: packet.len() })?;
        Ok(RtcpWord { word, index: word & !E_FLAG })
    }

    /// Checks and, if it is enciphered, deciphers a packet of at least header, tag and index; returns the plain length.
    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        RtcpWord { word, index }: RtcpWord,
    ) -> Result<usize, SrtpError> {
        let enciphered = word & E_FLAG != 0;
        match &self.keys {
            Keys::Gcm(gcm) => gcm.open_rtcp(packet, ssrc, word, enciphered, index),
            Keys::Cm(cm) => cm.open_rtcp(packet, ssrc, enciphered, index),
        }
        .map_err(|Unspecified| SrtpError::Authentication(super::PacketId::Rtcp { ssrc, index }))
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher").field("profile", &self.profile).finish_non_exhaustive()
    }
}
