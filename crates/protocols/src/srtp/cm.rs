//! AES in counter mode with HMAC-SHA1.
//!
//! Source: RFC 3711 §4.1.1 (counter mode), §4.2.1 (tags), §3.4 (SRTCP: header, enciphered part, E flag and index, tag).
use super::derive::SessionKeys;
use super::header::{RTCP_HEADER, RtpHeader};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

/// Bytes of a salt. Source: RFC 3711 §8.2.
pub(super) const SALT_BYTES: usize = 14;

/// Bytes of a tag of RTCP, whatever RTP's tags have. Source: RFC 5764 §4.1.2.
const RTCP_TAG: usize = 10;

/// Keys ready for use: the AES key schedule, and HMAC's state after its key.
pub(super) struct Cm {
    key: EncryptingKey,
    salt: [u8; SALT_BYTES],
    mac: hmac::Key,
    rtp_tag: usize,
}

impl Cm {
    pub(super) fn new(keys: &SessionKeys, rtp_tag: usize) -> Result<Self, Unspecified> {
        Ok(Self {
            key: cipher_key(&keys.key)?,
            salt: keys.salt.as_slice().try_into().map_err(|_| Unspecified)?,
            mac: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &keys.mac_key),
            rtp_tag,
        })
    }

    pub(super) fn seal_rtp(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        header: &RtpHeader,
        index: u64,
    ) -> Result<(), Unspecified> {
        self.xor(&mut packet[start + header.bytes..], header.ssrc, index)?;
        let tag = self.tag(&packet[start..], &rollover(index));
        packet.extend_from_slice(&tag.as_ref()[..self.rtp_tag]);
        Ok(())
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header: &RtpHeader,
        index: u64,
    ) -> Result<usize, Unspecified> {
        let (plain, got) = split_tag(packet, self.rtp_tag)?;
        let tag = self.tag(plain, &rollover(index));
        verify_slices_are_equal(&tag.as_ref()[..self.rtp_tag], got)?;
        self.xor(&mut plain[header.bytes..], header.ssrc, index)?;
        Ok(plain.len())
    }

    pub(super) fn seal_rtcp(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        ssrc: u32,
        word: u32,
        index: u32,
    ) -> Result<(), Unspecified> {
        self.xor(&mut packet[start + RTCP_HEADER..], ssrc, index.into())?;
        packet.extend_from_slice(&word.to_be_bytes());
        let tag = self.tag(&packet[start..], &[]);
        packet.extend_from_slice(&tag.as_ref()[..RTCP_TAG]);
        Ok(())
    }

    /// E flag and index of a protected RTCP packet.
    pub(super) fn rtcp_word(packet: &[u8]) -> Option<u32> {
        let (rest, _) = packet.split_last_chunk::<RTCP_TAG>()?;
        Some(u32::from_be_bytes(*rest.last_chunk()?))
    }

    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        enciphered: bool,
        index: u32,
    ) -> Result<usize, Unspecified> {
        let (signed, got) = split_tag(packet, RTCP_TAG)?;
        verify_slices_are_equal(&self.tag(signed, &[]).as_ref()[..RTCP_TAG], got)?;
        let bytes = signed.len() - size_of::<u32>();
        if enciphered {
            self.xor(&mut signed[RTCP_HEADER..bytes], ssrc, index.into())?;
        }
        Ok(bytes)
    }

    /// Enciphers or deciphers: both are the same.
    pub(super) fn xor(&self, part: &mut [u8], ssrc: u32, index: u64) -> Result<(), Unspecified> {
        let mut counter = [0; 16];
        counter[..SALT_BYTES].copy_from_slice(&self.salt);
        // SSRC, then 48 bits of index, against the salt's bytes 4 to 13.
        let [.., a, b, c, d, e, f] = index.to_be_bytes();
        let [g, h, i, j] = ssrc.to_be_bytes();
        for (byte, with) in counter[4..].iter_mut().zip([g, h, i, j, a, b, c, d, e, f]) {
            *byte ^= with;
        }
        self.key.less_safe_encrypt(part, start_at(counter)).map(drop)
    }

    fn tag(&self, part: &[u8], more: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(part);
        context.update(more);
        context.sign()
    }
}

/// A key for counter mode, by its length.
pub(super) fn cipher_key(key: &[u8]) -> Result<EncryptingKey, Unspecified> {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key)?)
}

/// The counter's first value.
pub(super) fn start_at(counter: [u8; 16]) -> EncryptionContext {
    EncryptionContext::Iv128(FixedLength::from(counter))
}

/// The rollover counter, which is signed with an RTP packet but not sent.
fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn split_tag(packet: &mut [u8], tag: usize) -> Result<(&mut [u8], &mut [u8]), Unspecified> {
    let plain = packet.len().checked_sub(tag).ok_or(Unspecified)?;
    Ok(packet.split_at_mut(plain))
}
