//! The outgoing direction of a transport.
use super::cipher::{Cipher, RTCP_INDEX_MAX};
use super::derive::{For, SessionKeys};
use super::header::{self, RtpHeader};
use super::index::{NoIndex, nearest};
use super::ssrcs::BySsrc;
use super::{MasterKey, PacketId, Profile, SrtpError};

/// Most SSRCs that one transport sends, of RTP and of RTCP: 8,192. A participant who sees 2,000 others gets sound,
/// picture, screen and the picture's RTX of each. 430 KB when full.
///
/// It is we who choose these SSRCs, so none is forgotten to make room: it would begin again with index 0, which
/// receivers refuse, and which uses GCM's nonces twice.
pub const SSRCS_SENT_MAX: usize = 8_192;

/// First index of RTCP: 1. RFC 3711 §3.2.1 begins with 0, but libsrtp, and so all browsers, with 1.
const RTCP_INDEX_FIRST: u32 = 1;

/// Protects what one transport sends.
#[derive(Debug)]
pub struct Protector {
    rtp: Cipher,
    rtcp: Cipher,
    /// The highest index of each SSRC.
    sent: BySsrc<u64>,
    /// The next index of each SSRC's RTCP; one above the last when none is left.
    sent_rtcp: BySsrc<u32>,
}

impl Protector {
    /// Derives the keys and makes them ready.
    ///
    /// # Errors
    /// [`SrtpError::Crypto`]: the library refuses the keys, which have the right length. It has no memory, most likely.
    pub fn new(master: &MasterKey) -> Result<Self, SrtpError> {
        let keys = |usage| SessionKeys::derive(master, usage);
        Self::with_session_keys(master.profile(), &keys(For::Rtp)?, &keys(For::Rtcp)?)
    }

    pub(super) fn with_session_keys(
        profile: Profile,
        rtp: &SessionKeys,
        rtcp: &SessionKeys,
    ) -> Result<Self, SrtpError> {
        Ok(Self {
            rtp: Cipher::new(profile, rtp)?,
            rtcp: Cipher::new(profile, rtcp)?,
            sent: BySsrc::default(),
            sent_rtcp: BySsrc::default(),
        })
    }

    /// What it protects with.
    pub const fn profile(&self) -> Profile {
        self.rtp.profile()
    }

    /// Enciphers the RTP packet `packet[start..]` (header, extension, payload) in place and appends the tag,
    /// [`Profile::rtp_overhead`] bytes. Allocates only if the vector has no room for them.
    ///
    /// The packet's index follows its number, also back by up to half a round: see the module for what sending again takes.
    ///
    /// # Errors
    /// It is no RTP packet, has no index, or is of an SSRC too many; the packet is then as it was. Or
    /// [`SrtpError::Crypto`], after which it must not be sent.
    pub fn protect_rtp(&mut self, packet: &mut Vec<u8>, start: usize) -> Result<(), SrtpError> {
        let header = RtpHeader::parse(packet.get(start..).unwrap_or_default())?;
        if let Some(highest) = self.sent.get_mut(&header.ssrc) {
            let index = nearest(*highest, header.sequence_number).map_err(|none| match none {
                NoIndex::BeforeFirst => SrtpError::BeforeFirst(header.id()),
                NoIndex::Exhausted => SrtpError::IndexExhausted(header.id()),
            })?;
            self.rtp.seal_rtp(packet, start, &header, index)?;
            *highest = index.max(*highest);
            return Ok(());
        }
        if self.sent.len() >= SSRCS_SENT_MAX {
            return Err(SrtpError::TooManySsrcs { ssrc: header.ssrc });
        }
        let index = u64::from(header.sequence_number);
        self.rtp.seal_rtp(packet, start, &header, index)?;
        self.sent.insert(header.ssrc, index);
        Ok(())
    }

    /// Enciphers the compound RTCP packet `packet[start..]` in place and appends tag and index,
    /// [`Profile::rtcp_overhead`] bytes.
    ///
    /// # Errors
    /// As [`Protector::protect_rtp`].
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>, start: usize) -> Result<(), SrtpError> {
        let ssrc = header::rtcp_ssrc(packet.get(start..).unwrap_or_default())?;
        let index = self.sent_rtcp.get(&ssrc).copied();
        if index.is_none() && self.sent_rtcp.len() >= SSRCS_SENT_MAX {
            return Err(SrtpError::TooManySsrcs { ssrc });
        }
        let index = index.unwrap_or(RTCP_INDEX_FIRST);
        if index > RTCP_INDEX_MAX {
            return Err(SrtpError::IndexExhausted(PacketId::Rtcp { ssrc, index }));
        }
        self.rtcp.seal_rtcp(packet, start, ssrc, index)?;
        self.sent_rtcp.insert(ssrc, index + 1);
        Ok(())
    }

    /// Forgets an SSRC that nobody sends any more, such as that of a consumer that ended. It must not be used again with
    /// these keys.
    pub fn forget(&mut self, ssrc: u32) {
        self.sent.remove(&ssrc);
        self.sent_rtcp.remove(&ssrc);
    }

    #[cfg(test)]
    pub(super) fn set_indexes(&mut self, ssrc: u32, rtp_highest: u64, rtcp_next: u32) {
        self.sent.insert(ssrc, rtp_highest);
        self.sent_rtcp.insert(ssrc, rtcp_next);
    }
}
