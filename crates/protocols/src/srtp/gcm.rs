//! AES-GCM.
//!
//! Source: RFC 7714 §8 (SRTP: header, enciphered part, tag), §9 (SRTCP: header, enciphered part, tag, E flag and index).
use super::derive::SessionKeys;
use super::header::{RTCP_HEADER, RtpHeader};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;

const SALT_BYTES: usize = 12;
const TAG: usize = 16;
const WORD: usize = size_of::<u32>();

/// A key ready for use: AES's key schedule and GHASH's table.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; SALT_BYTES],
}

impl Gcm {
    pub(super) fn new(keys: &SessionKeys) -> Result<Self, Unspecified> {
        let algorithm = if keys.key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
        Ok(Self {
            key: LessSafeKey::new(UnboundKey::new(algorithm, &keys.key)?),
            salt: keys.salt.as_slice().try_into().map_err(|_| Unspecified)?,
        })
    }

    pub(super) fn seal_rtp(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        header: &RtpHeader,
        index: u64,
    ) -> Result<(), Unspecified> {
        let (clear, secret) = packet[start..].split_at_mut(header.bytes);
        let nonce = self.nonce(header.ssrc, index);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(&*clear), secret)?;
        packet.extend_from_slice(tag.as_ref());
        Ok(())
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header: &RtpHeader,
        index: u64,
    ) -> Result<usize, Unspecified> {
        let (clear, secret) = packet.split_at_mut(header.bytes);
        let nonce = self.nonce(header.ssrc, index);
        let plain = self.key.open_in_place(nonce, Aad::from(&*clear), secret)?;
        Ok(header.bytes + plain.len())
    }

    pub(super) fn seal_rtcp(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        ssrc: u32,
        word: u32,
        index: u32,
    ) -> Result<(), Unspecified> {
        let (clear, secret) = packet[start..].split_first_chunk_mut().ok_or(Unspecified)?;
        let aad = Aad::from(signed(clear, word));
        let tag = self.key.seal_in_place_separate_tag(self.nonce(ssrc, index.into()), aad, secret)?;
        packet.extend_from_slice(tag.as_ref());
        packet.extend_from_slice(&word.to_be_bytes());
        Ok(())
    }

    /// E flag and index of a protected RTCP packet.
    pub(super) fn rtcp_word(packet: &[u8]) -> Option<u32> {
        Some(u32::from_be_bytes(*packet.last_chunk()?))
    }

    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        word: u32,
        enciphered: bool,
        index: u32,
    ) -> Result<usize, Unspecified> {
        let nonce = self.nonce(ssrc, index.into());
        let end = packet.len().checked_sub(WORD).ok_or(Unspecified)?;
        if enciphered {
            let (clear, secret) = packet[..end].split_first_chunk_mut().ok_or(Unspecified)?;
            let plain = self.key.open_in_place(nonce, Aad::from(signed(clear, word)), secret)?;
            return Ok(RTCP_HEADER + plain.len());
        }
        // All is clear and signed, then the word: which goes to where the tag is, so that both are one slice.
        let bytes = end.checked_sub(TAG).ok_or(Unspecified)?;
        let tag: [u8; TAG] = *packet[bytes..].first_chunk().ok_or(Unspecified)?;
        packet.copy_within(end.., bytes);
        self.key.open_in_place_separate_tag(nonce, Aad::from(&packet[..bytes + WORD]), &tag, &mut [])?;
        Ok(bytes)
    }

    /// Two zeros, the SSRC and 48 bits of index, against the salt.
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let number = (u128::from(ssrc) << 48) | u128::from(index);
        let [_, _, _, _, bytes @ ..] = number.to_be_bytes();
        let mut nonce = self.salt;
        for (byte, with) in nonce.iter_mut().zip(bytes) {
            *byte ^= with;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// What RTCP signs beside the enciphered part.
fn signed(clear: &[u8; RTCP_HEADER], word: u32) -> [u8; RTCP_HEADER + WORD] {
    let mut signed = [0; RTCP_HEADER + WORD];
    signed[..RTCP_HEADER].copy_from_slice(clear);
    signed[RTCP_HEADER..].copy_from_slice(&word.to_be_bytes());
    signed
}
