//! The digests that Flash-era clients put into the handshake, and want in the answer.
//!
//! No document of Adobe describes it; the layout and keys are common knowledge since librtmp. A client that sends a
//! version above zero in C1 has placed there an HMAC-SHA256 over the rest of C1, at an offset that four other bytes
//! tell; the answer has one in S1, and S2 proves knowledge of the client's. Hardware encoders of that time and
//! FMLE give up without. Everybody else ignores it.
use super::handshake::PACKET;
use aws_lc_rs::hmac;

const KEY_CLIENT: &[u8] = b"Genuine Adobe Flash Player 001";
const KEY_SERVER: &[u8] = b"Genuine Adobe Flash Media Server 001";
/// Follows the server's key when it signs S2.
const KEY_TAIL: [u8; 32] = [
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57, 0x6e,
    0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae,
];
const DIGEST: usize = 32;
/// Where the four bytes are that tell the offset: in the first or in the second half.
const BASES: [usize; 2] = [8, 772];
/// Offsets of the digest behind those four bytes.
const OFFSETS: usize = 728;

/// A digest found in C1.
pub(super) struct Found {
    digest: [u8; DIGEST],
    base: usize,
}

/// Finds the client's digest in C1.
pub(super) fn find(c1: &[u8; PACKET]) -> Option<Found> {
    BASES.into_iter().find_map(|base| {
        let at = place(c1, base);
        let expected = sign(KEY_CLIENT, &[&c1[..at], &c1[at + DIGEST..]]);
        (c1[at..at + DIGEST] == expected).then_some(Found { digest: expected, base })
    })
}

/// Signs S1 and S2 for a client with a digest.
pub(super) fn answer(found: &Found, s1: &mut [u8; PACKET], s2: &mut [u8; PACKET]) {
    let at = place(s1, found.base);
    let digest = sign(KEY_SERVER, &[&s1[..at], &s1[at + DIGEST..]]);
    s1[at..at + DIGEST].copy_from_slice(&digest);
    let key = sign(&[KEY_SERVER, &KEY_TAIL].concat(), &[&found.digest]);
    let signature = sign(&key, &[&s2[..PACKET - DIGEST]]);
    s2[PACKET - DIGEST..].copy_from_slice(&signature);
}

fn place(packet: &[u8; PACKET], base: usize) -> usize {
    let sum: usize = packet[base..base + 4].iter().map(|byte| usize::from(*byte)).sum();
    base + 4 + sum % OFFSETS
}

fn sign(key: &[u8], parts: &[&[u8]]) -> [u8; DIGEST] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut digest = [0; DIGEST];
    digest.copy_from_slice(context.sign().as_ref());
    digest
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// C1 as a Flash client makes it.
    pub(in super::super) fn flash_c1(base: usize) -> [u8; PACKET] {
        let mut c1 = [0; PACKET];
        for (index, byte) in c1.iter_mut().enumerate() {
            *byte = (index * 31) as u8;
        }
        c1[4..8].copy_from_slice(&[10, 0, 32, 2]);
        let at = place(&c1, base);
        let digest = sign(KEY_CLIENT, &[&c1[..at], &c1[at + DIGEST..]]);
        c1[at..at + DIGEST].copy_from_slice(&digest);
        c1
    }

    #[test]
    fn a_digest_is_found_in_either_half_and_the_answer_carries_the_server_s() {
        for base in BASES {
            let found = find(&flash_c1(base)).unwrap();
            assert_eq!(found.base, base);
            let (mut s1, mut s2) = ([3; PACKET], [4; PACKET]);
            answer(&found, &mut s1, &mut s2);
            let at = place(&s1, base);
            assert_eq!(s1[at..at + DIGEST], sign(KEY_SERVER, &[&s1[..at], &s1[at + DIGEST..]]));
            assert_ne!(s2[PACKET - DIGEST..], [4; DIGEST]);
        }
    }

    #[test]
    fn random_bytes_have_no_digest() {
        assert!(find(&[0x5a; PACKET]).is_none());
    }
}
