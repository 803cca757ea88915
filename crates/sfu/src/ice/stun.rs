//! STUN messages as an ICE lite server reads and writes them.
//!
//! Sources: RFC 8489 §5 (header), §14 (attributes), §6.3 (what a server answers); RFC 8445 §16.1;
//! draft-thatcher-ice-renomination. Read here and not by the crate `is`: that one refuses what we must answer with 400
//! and 420, and warns in the log about bytes of strangers. It is the peer in our tests instead.
use aws_lc_rs::{constant_time, hmac};
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};

mod crc;
#[cfg(test)]
mod tests;

const HEADER_BYTES: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const TRANSACTION_BYTES: usize = 12;
/// HMAC-SHA1.
const INTEGRITY_BYTES: usize = 20;
/// What the CRC is combined with. Source: RFC 8489 §14.7.
const FINGERPRINT_XOR: u32 = 0x5354_554e;
const BINDING: u16 = 0x001;
const CLASS_BITS: u16 = 0x0110;
/// Unknown attributes that are named to the peer: 8. It learns that it must leave something out either way.
const UNKNOWN_MAX: usize = 8;
/// Longest USERNAME: 509 bytes. Source: RFC 8489 §14.3.
const USERNAME_BYTES_MAX: usize = 509;

mod attribute {
    pub(super) const USERNAME: u16 = 0x0006;
    pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(super) const ERROR_CODE: u16 = 0x0009;
    pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(super) const PRIORITY: u16 = 0x0024;
    pub(super) const USE_CANDIDATE: u16 = 0x0025;
    pub(super) const NOMINATION: u16 = 0x0030;
    /// Where libwebrtc writes NOMINATION.
    pub(super) const NOMINATION_LIBWEBRTC: u16 = 0xc001;
    pub(super) const FINGERPRINT: u16 = 0x8028;
    pub(super) const ICE_CONTROLLED: u16 = 0x8029;
    /// From here on an attribute may be ignored by who does not know it. Source: RFC 8489 §14.
    pub(super) const OPTIONAL: u16 = 0x8000;
    /// Others of RFC 8489 that must be understood: they say nothing to an ICE server, so they are known and ignored.
    /// MAPPED-ADDRESS, REALM, NONCE, MESSAGE-INTEGRITY-SHA256, PASSWORD-ALGORITHM, USERHASH.
    pub(super) const IGNORED: [u16; 6] = [0x0001, 0x0014, 0x0015, 0x001c, 0x001d, 0x001e];
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    Request,
    Indication,
    /// Success or error.
    Response,
}

/// Not a STUN message, or broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("malformed STUN message at byte {at}")]
pub(super) struct Malformed {
    /// Position of what is wrong.
    pub(super) at: usize,
}

/// A message, as far as a lite server cares.
#[derive(Clone, Debug)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    kind: u16,
    transaction: [u8; TRANSACTION_BYTES],
    /// Where MESSAGE-INTEGRITY begins.
    integrity_at: Option<usize>,
    pub(super) class: Class,
    pub(super) username: Option<&'a str>,
    pub(super) has_fingerprint: bool,
    pub(super) has_priority: bool,
    pub(super) use_candidate: bool,
    pub(super) ice_controlled: bool,
    /// 24 bits.
    pub(super) nomination: Option<u32>,
    /// Types that must be understood and are not.
    pub(super) unknown: SmallVec<[u16; UNKNOWN_MAX]>,
}

impl<'a> Message<'a> {
    /// Reads a whole datagram; a FINGERPRINT that is there must be right. What follows MESSAGE-INTEGRITY is ignored
    /// but for FINGERPRINT: nobody vouches for it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (kind, transaction) = header(bytes)?;
        let mut message = Self {
            bytes,
            kind,
            transaction,
            integrity_at: None,
            class: match kind & CLASS_BITS {
                0x0000 => Class::Request,
                0x0010 => Class::Indication,
                _ => Class::Response,
            },
            username: None,
            has_fingerprint: false,
            has_priority: false,
            use_candidate: false,
            ice_controlled: false,
            nomination: None,
            unknown: SmallVec::new(),
        };
        for attribute in Attributes::of(bytes) {
            message.take(&attribute?)?;
        }
        Ok(message)
    }

    fn take(&mut self, attribute: &Attribute<'a>) -> Result<(), Malformed> {
        let &Attribute { at, kind, value } = attribute;
        let malformed = Malformed { at };
        if self.has_fingerprint {
            // It is the last one. Source: RFC 8489 §14.7.
            return Err(malformed);
        }
        if kind == attribute::FINGERPRINT {
            let value: [u8; 4] = value.try_into().map_err(|_| malformed)?;
            let covered = self.bytes.get(..at).ok_or(malformed)?;
            if u32::from_be_bytes(value) != crc::crc32(covered) ^ FINGERPRINT_XOR {
                return Err(malformed);
            }
            self.has_fingerprint = true;
            return Ok(());
        }
        if self.integrity_at.is_some() {
            return Ok(());
        }
        match kind {
            attribute::USERNAME if self.username.is_none() => {
                self.username = Some(username(value).ok_or(malformed)?)
            }
            attribute::MESSAGE_INTEGRITY if value.len() == INTEGRITY_BYTES => self.integrity_at = Some(at),
            attribute::MESSAGE_INTEGRITY => return Err(malformed),
            attribute::PRIORITY if value.len() == 4 => self.has_priority = true,
            attribute::PRIORITY => return Err(malformed),
            attribute::USE_CANDIDATE => self.use_candidate = true,
            attribute::ICE_CONTROLLED => self.ice_controlled = true,
            attribute::NOMINATION | attribute::NOMINATION_LIBWEBRTC => {
                let value: [u8; 4] = value.try_into().map_err(|_| malformed)?;
                self.nomination = Some(u32::from_be_bytes(value) & 0x00ff_ffff);
            }
            attribute::USERNAME
            | attribute::ERROR_CODE
            | attribute::UNKNOWN_ATTRIBUTES
            | attribute::XOR_MAPPED_ADDRESS
            | attribute::OPTIONAL.. => {}
            other if attribute::IGNORED.contains(&other) => {}
            other if self.unknown.len() < UNKNOWN_MAX => self.unknown.push(other),
            _ => {}
        }
        Ok(())
    }

    /// Whether its method is the only one there is in ICE.
    pub(super) const fn is_binding(&self) -> bool {
        self.kind & !CLASS_BITS == BINDING
    }

    /// Whether it says it was written by who knows a password.
    pub(super) const fn has_integrity(&self) -> bool {
        self.integrity_at.is_some()
    }

    /// Whether it was written by who knows this key.
    pub(super) fn is_vouched_by(&self, key: &hmac::Key) -> bool {
        let Some((covered, tag)) = self.integrity_at.and_then(|at| {
            let tag = self.bytes.get(at + 4..at + 4 + INTEGRITY_BYTES)?;
            Some((self.bytes.get(..at)?, tag))
        }) else {
            return false;
        };
        integrity(covered, key)
            .is_some_and(|ours| constant_time::verify_slices_are_equal(ours.as_ref(), tag).is_ok())
    }

    /// The answer to an accepted check.
    pub(super) fn success(&self, mapped: SocketAddr, key: &hmac::Key) -> Vec<u8> {
        let mut writer = Writer::answer(self, 0x0100);
        writer.xor_mapped_address(mapped, &self.transaction);
        writer.finish(Some(key))
    }

    /// The answer to a request that cannot be served; with integrity once the sender is known to be the peer.
    /// Source: RFC 8489 §9.1.3.
    pub(super) fn error(&self, error: ErrorCode, key: Option<&hmac::Key>) -> Vec<u8> {
        let mut writer = Writer::answer(self, 0x0110);
        let (code, reason) = error.code_and_reason();
        let mut value = vec![0, 0, (code / 100) as u8, (code % 100) as u8];
        value.extend_from_slice(reason.as_bytes());
        writer.attribute(attribute::ERROR_CODE, &value);
        match error {
            ErrorCode::UnknownAttribute => {
                let types: SmallVec<[u8; 2 * UNKNOWN_MAX]> =
                    self.unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
                writer.attribute(attribute::UNKNOWN_ATTRIBUTES, &types);
            }
            ErrorCode::BadRequest | ErrorCode::Unauthenticated | ErrorCode::RoleConflict => {}
        }
        writer.finish(key)
    }
}

/// Errors that are answered. Sources: RFC 8489 §14.8, RFC 8445 §7.3.1.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ErrorCode {
    BadRequest,
    Unauthenticated,
    UnknownAttribute,
    RoleConflict,
}

impl ErrorCode {
    const fn code_and_reason(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "Bad Request"),
            Self::Unauthenticated => (401, "Unauthenticated"),
            Self::UnknownAttribute => (420, "Unknown Attribute"),
            Self::RoleConflict => (487, "Role Conflict"),
        }
    }
}

/// Whether a datagram is STUN and not RTP, RTCP or DTLS, by its first bytes. Sources: RFC 7983 §7, RFC 8489 §5.
pub fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram, [0..=3, _, _, _, cookie @ ..] if datagram.len() >= HEADER_BYTES && cookie.starts_with(&COOKIE))
}

/// Our part of the USERNAME, by which a datagram from an unknown address finds its transport. Nothing is verified.
pub fn local_ufrag(datagram: &[u8]) -> Option<&str> {
    header(datagram).ok()?;
    let value = Attributes::of(datagram)
        .map_while(Result::ok)
        .find_map(|one| (one.kind == attribute::USERNAME).then_some(one.value))?;
    username(value)?.split_once(':').map(|(local, _)| local)
}

fn username(value: &[u8]) -> Option<&str> {
    if value.len() > USERNAME_BYTES_MAX {
        return None;
    }
    std::str::from_utf8(value).ok()
}

/// Type and transaction of a datagram whose length is what its header says.
fn header(bytes: &[u8]) -> Result<(u16, [u8; TRANSACTION_BYTES]), Malformed> {
    if !is_stun(bytes) {
        return Err(Malformed { at: 0 });
    }
    let &[kind_high, kind_low, length_high, length_low, _, _, _, _, ref rest @ ..] = bytes else {
        return Err(Malformed { at: 0 });
    };
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    if length % 4 != 0 || HEADER_BYTES + length != bytes.len() {
        return Err(Malformed { at: 2 });
    }
    let transaction = rest.first_chunk().ok_or(Malformed { at: 8 })?;
    Ok((u16::from_be_bytes([kind_high, kind_low]), *transaction))
}

struct Attribute<'a> {
    at: usize,
    kind: u16,
    value: &'a [u8],
}

/// Attributes in order; the last item is an error if they do not fill the message.
struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Attributes<'a> {
    const fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: HEADER_BYTES }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let rest = self.bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let attribute =
            rest.split_first_chunk::<4>().and_then(|(&[kind_high, kind_low, high, low], rest)| {
                let length = usize::from(u16::from_be_bytes([high, low]));
                let value = rest.get(..length)?;
                self.at = at + 4 + length.next_multiple_of(4);
                Some(Attribute { at, kind: u16::from_be_bytes([kind_high, kind_low]), value })
            });
        if attribute.is_none() {
            self.at = self.bytes.len();
        }
        Some(attribute.ok_or(Malformed { at }))
    }
}

/// HMAC over all that precedes MESSAGE-INTEGRITY, with the length in the header as if it ended the message.
/// Source: RFC 8489 §14.5.
fn integrity(covered: &[u8], key: &hmac::Key) -> Option<hmac::Tag> {
    let length = u16::try_from(covered.len() + 4 + INTEGRITY_BYTES - HEADER_BYTES).ok()?;
    let mut context = hmac::Context::with_key(key);
    context.update(covered.get(..2)?);
    context.update(&length.to_be_bytes());
    context.update(covered.get(4..)?);
    Some(context.sign())
}

/// Writes a message: the length in its header always includes what is written.
struct Writer(Vec<u8>);

impl Writer {
    fn answer(request: &Message<'_>, class: u16) -> Self {
        let mut bytes = Vec::with_capacity(96);
        bytes.extend_from_slice(&((request.kind & !CLASS_BITS) | class).to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&COOKIE);
        bytes.extend_from_slice(&request.transaction);
        Self(bytes)
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.0.extend_from_slice(&kind.to_be_bytes());
        self.0.extend_from_slice(&(value.len() as u16).to_be_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.set_length(0);
    }

    /// Says the length it will have when `more` bytes are written.
    fn set_length(&mut self, more: usize) {
        let length = (self.0.len() + more - HEADER_BYTES) as u16;
        if let Some(field) = self.0.get_mut(2..4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }

    fn xor_mapped_address(&mut self, mapped: SocketAddr, transaction: &[u8; TRANSACTION_BYTES]) {
        // A dual-stack socket shows IPv4 peers as mapped IPv6; the peer must see the address it has.
        let ip = mapped.ip().to_canonical();
        let mask = COOKIE.iter().chain(transaction);
        let mut value: SmallVec<[u8; 20]> = SmallVec::new();
        value.extend_from_slice(&[0, if ip.is_ipv4() { 1 } else { 2 }]);
        value.extend_from_slice(&(mapped.port() ^ u16::from_be_bytes([COOKIE[0], COOKIE[1]])).to_be_bytes());
        match ip {
            IpAddr::V4(ip) => value.extend(ip.octets().iter().zip(mask).map(|(byte, mask)| byte ^ mask)),
            IpAddr::V6(ip) => value.extend(ip.octets().iter().zip(mask).map(|(byte, mask)| byte ^ mask)),
        }
        self.attribute(attribute::XOR_MAPPED_ADDRESS, &value);
    }

    fn finish(mut self, key: Option<&hmac::Key>) -> Vec<u8> {
        if let Some(tag) = key.and_then(|key| integrity(&self.0, key)) {
            self.attribute(attribute::MESSAGE_INTEGRITY, tag.as_ref());
        }
        // The CRC covers the length with FINGERPRINT itself, 8 bytes. Source: RFC 8489 §14.7.
        self.set_length(8);
        let crc = crc::crc32(&self.0) ^ FINGERPRINT_XOR;
        self.attribute(attribute::FINGERPRINT, &crc.to_be_bytes());
        self.0
    }
}
