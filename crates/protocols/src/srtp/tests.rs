//! Vectors of the RFCs and of libsrtp, what holds for any packet, what is refused, and what it costs.
mod libsrtp;
mod limits;
mod measure;
mod properties;
mod refused;
mod rfc3711;
mod rfc7714;

use super::*;

const SSRC: u32 = 0x1234_5678;

/// Keys of a session in which nothing is secret.
fn master(profile: Profile) -> MasterKey {
    let bytes: Vec<u8> = (7..).take(profile.key_bytes() + profile.salt_bytes()).collect();
    let (key, salt) = bytes.split_at(profile.key_bytes());
    MasterKey::new(profile, key, salt).unwrap()
}

/// Both ends of a session.
fn ends(profile: Profile) -> (Protector, Unprotector) {
    let master = master(profile);
    (Protector::new(&master).unwrap(), Unprotector::new(&master).unwrap())
}

/// An RTP packet with contributing sources, words of header extension if any, and a payload.
fn rtp(ssrc: u32, sequence_number: u16, csrcs: u8, extension: Option<u16>, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x80 | csrcs | u8::from(extension.is_some()) << 4, 96];
    packet.extend(sequence_number.to_be_bytes());
    packet.extend(77_u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(std::iter::repeat_n(0xc5, usize::from(csrcs) * 4));
    if let Some(words) = extension {
        packet.extend([0xbe, 0xde]);
        packet.extend(words.to_be_bytes());
        packet.extend(std::iter::repeat_n(0xe5, usize::from(words) * 4));
    }
    packet.extend((0..payload).map(|at| (at as u8).wrapping_add(sequence_number as u8)));
    packet
}

/// A receiver report of an SSRC, with more behind it.
fn rtcp(ssrc: u32, more: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..more).map(|at| at as u8));
    packet
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn protected(protector: &mut Protector, packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    protector.protect_rtp(&mut packet, 0).unwrap();
    packet
}

fn unprotected(unprotector: &mut Unprotector, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut packet = packet.to_vec();
    let bytes = unprotector.unprotect_rtp(&mut packet)?;
    packet.truncate(bytes);
    Ok(packet)
}
