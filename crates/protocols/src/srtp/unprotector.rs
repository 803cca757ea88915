//! The incoming direction of a transport.
use super::cipher::Cipher;
use super::derive::{For, SessionKeys};
use super::header::{self, RtpHeader};
use super::index::{NoIndex, nearest};
use super::replay::{Refusal, ReplayWindow};
use super::ssrcs::BySsrc;
use super::{MasterKey, PacketId, Profile, SrtpError};

/// Most SSRCs that one transport remembers, of RTP and of RTCP: 1,024. Only who has the keys gets one remembered; a pipe
/// from another server may have hundreds. 310 KB for RTP when full, and as much for RTCP.
///
/// One more makes it forget the SSRC that was silent for longest. Should that one speak again, then its rollover counter
/// begins at 0 (so that a long stream is lost), and what it sent in the first round could be replayed.
pub const SSRCS_RECEIVED_MAX: usize = 1_024;

/// Checks and deciphers what one transport receives.
#[derive(Debug)]
pub struct Unprotector {
    rtp: Cipher,
    rtcp: Cipher,
    received: Received,
    received_rtcp: Received,
}

impl Unprotector {
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
            received: Received::default(),
            received_rtcp: Received::default(),
        })
    }

    /// What it expects packets to be protected with.
    pub const fn profile(&self) -> Profile {
        self.rtp.profile()
    }

    /// Checks and deciphers an SRTP packet in place; returns the length of the RTP packet, which begins where it did.
    ///
    /// # Errors
    /// It is no SRTP packet, not authentic, replayed or too old. Its bytes are then of no use, and no state has changed.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let header = RtpHeader::parse(before(packet, self.profile().rtp_overhead())?)?;
        let window = self.received.window(header.ssrc);
        let index = match window {
            None => u64::from(header.sequence_number),
            Some(window) => match nearest(window.highest(), header.sequence_number) {
                Ok(index) => index,
                // There is no such round, so it is a leap ahead within the first: an old packet would have a wrong tag.
                Err(NoIndex::BeforeFirst) => u64::from(header.sequence_number),
                Err(NoIndex::Exhausted) => return Err(SrtpError::IndexExhausted(header.id())),
            },
        };
        if let Some(window) = window {
            window.check(index).map_err(|refusal| refused(refusal, header.id()))?;
        }
        let plain = self.rtp.open_rtp(packet, &header, index)?;
        self.received.accept(header.ssrc, index);
        Ok(plain)
    }

    /// Checks and deciphers an SRTCP packet in place; returns the length of the compound RTCP packet, which begins where
    /// it did. A packet that is authentic but not enciphered (E flag 0) is accepted.
    ///
    /// # Errors
    /// As [`Unprotector::unprotect_rtp`].
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let ssrc = header::rtcp_ssrc(before(packet, self.profile().rtcp_overhead())?)?;
        let word = self.rtcp.rtcp_word(packet)?;
        let index = u64::from(word.index);
        if let Some(window) = self.received_rtcp.window(ssrc) {
            let id = PacketId::Rtcp { ssrc, index: word.index };
            window.check(index).map_err(|refusal| refused(refusal, id))?;
        }
        let plain = self.rtcp.open_rtcp(packet, ssrc, word)?;
        self.received_rtcp.accept(ssrc, index);
        Ok(plain)
    }

    #[cfg(test)]
    pub(super) fn set_highest(&mut self, ssrc: u32, index: u64) {
        self.received.heard.remove(&ssrc);
        self.received.accept(ssrc, index);
    }
}

/// What was accepted, by SSRC.
#[derive(Debug, Default)]
struct Received {
    heard: BySsrc<Heard>,
    /// Of all SSRCs together: tells which one was silent for longest.
    packets: u64,
}

/// What was accepted of one SSRC.
#[derive(Debug)]
struct Heard {
    window: ReplayWindow,
    /// Which of [`Received::packets`] was its last.
    last: u64,
}

impl Received {
    fn window(&self, ssrc: u32) -> Option<&ReplayWindow> {
        self.heard.get(&ssrc).map(|heard| &heard.window)
    }

    /// Notes an authenticated packet.
    fn accept(&mut self, ssrc: u32, index: u64) {
        self.packets += 1;
        if let Some(heard) = self.heard.get_mut(&ssrc) {
            heard.window.accept(index);
            heard.last = self.packets;
            return;
        }
        if self.heard.len() >= SSRCS_RECEIVED_MAX
            && let Some((&silent, _)) = self.heard.iter().min_by_key(|(_, heard)| heard.last)
        {
            self.heard.remove(&silent);
        }
        self.heard.insert(ssrc, Heard { window: ReplayWindow::new(index), last: self.packets });
    }
}

/// The part of a packet before what protection added.
fn before(packet: &[u8], overhead: usize) -> Result<&[u8], SrtpError> {
    let end = packet.len().checked_sub(overhead).ok_or(SrtpError::Short { got: packet.len() })?;
    Ok(&packet[..end])
}

const fn refused(refusal: Refusal, id: PacketId) -> SrtpError {
    match refusal {
        Refusal::Replayed => SrtpError::Replayed(id),
        Refusal::TooOld => SrtpError::TooOld(id),
    }
}
