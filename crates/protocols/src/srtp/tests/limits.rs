//! Keys, indexes and SSRCs at their ends.
use super::*;

#[test]
fn names_and_ids_are_found_again() {
    for profile in Profile::ALL {
        assert_eq!(Profile::from_name(profile.name()), Some(profile));
        assert_eq!(Profile::from_dtls_id(profile.dtls_id()), Some(profile));
    }
    assert_eq!(Profile::from_name("AES_CM_128_NULL_AUTH"), None);
    assert_eq!(Profile::from_dtls_id(5), None);
}

#[test]
fn keys_of_a_wrong_length_are_errors_and_secrets_are_not_shown() {
    let profile = Profile::AesCm128HmacSha1_80;
    let error = MasterKey::new(profile, &[0; 32], &[0; 14]).unwrap_err();
    assert_eq!(error.to_string(), "AES_CM_128_HMAC_SHA1_80 wants a key of 16 bytes, not 32");
    assert_eq!(
        MasterKey::new(profile, &[0; 16], &[0; 12]).unwrap_err(),
        SrtpError::SaltLength { profile, got: 12 }
    );
    let padded = master(Profile::AeadAes128Gcm).to_base64();
    let bare = MasterKey::from_base64(Profile::AeadAes128Gcm, padded.trim_end_matches('=')).unwrap();
    assert_eq!(bare.to_base64(), padded);
    assert_eq!(MasterKey::from_base64(profile, "%").unwrap_err(), SrtpError::KeyBase64);
    let error = MasterKey::from_base64(profile, "AAAA").unwrap_err();
    assert_eq!(error.to_string(), "AES_CM_128_HMAC_SHA1_80 wants a key and salt of 30 bytes, not 3");
    MasterKey::from_keying_material(profile, &[0; 61]).unwrap_err();
    let master = MasterKey::new(profile, &[0xa7; 16], &[0xa7; 14]).unwrap();
    let shown = format!("{master:?} {:?} {:?}", Protector::new(&master), Unprotector::new(&master));
    assert!(!shown.contains("167") && !shown.contains("a7"), "{shown}");
}

#[test]
fn a_protected_packet_may_stand_behind_other_bytes() {
    for profile in Profile::ALL {
        let (mut protector, mut unprotector) = ends(profile);
        let plain = rtp(SSRC, 1, 0, Some(1), 50);
        let mut packet = [b"before".as_slice(), &plain].concat();
        protector.protect_rtp(&mut packet, 6).unwrap();
        assert_eq!(packet[..6], *b"before");
        assert_eq!(unprotected(&mut unprotector, &packet[6..]), Ok(plain), "{profile}");
    }
}

#[test]
fn the_last_index_is_used_once_and_then_no_more() {
    let (mut protector, mut unprotector) = ends(Profile::AeadAes128Gcm);
    protector.set_indexes(SSRC, (1 << 48) - 2, (1 << 31) - 1);
    unprotector.set_highest(SSRC, (1 << 48) - 2);
    let wire = protected(&mut protector, &rtp(SSRC, 65_535, 0, None, 1));
    unprotected(&mut unprotector, &wire).unwrap();
    let after = SrtpError::IndexExhausted(PacketId::Rtp { ssrc: SSRC, sequence_number: 0 });
    let mut packet = rtp(SSRC, 0, 0, None, 20);
    assert_eq!(protector.protect_rtp(&mut packet, 0), Err(after));
    assert_eq!(packet, rtp(SSRC, 0, 0, None, 20), "it is as it was");
    assert_eq!(unprotected(&mut unprotector, &packet), Err(after));

    let mut packet = rtcp(SSRC, 4);
    protector.protect_rtcp(&mut packet, 0).unwrap();
    assert_eq!(packet[packet.len() - 4..], [0xff; 4]);
    assert_eq!(unprotector.unprotect_rtcp(&mut packet), Ok(12));
    let after = SrtpError::IndexExhausted(PacketId::Rtcp { ssrc: SSRC, index: 1 << 31 });
    assert_eq!(protector.protect_rtcp(&mut packet, 0), Err(after));
}

#[test]
fn a_number_before_the_first_has_no_index_to_be_sent_with() {
    let (mut protector, mut unprotector) = ends(Profile::AeadAes128Gcm);
    unprotected(&mut unprotector, &protected(&mut protector, &rtp(SSRC, 3, 0, None, 8))).unwrap();
    let id = PacketId::Rtp { ssrc: SSRC, sequence_number: 65_534 };
    assert_eq!(protector.protect_rtp(&mut rtp(SSRC, 65_534, 0, None, 8), 0), Err(SrtpError::BeforeFirst(id)));
    // A receiver takes the same number for a leap ahead, which the tag proves.
    protector.set_indexes(SSRC, 40_000, 1);
    unprotected(&mut unprotector, &protected(&mut protector, &rtp(SSRC, 65_534, 0, None, 8))).unwrap();
}

#[test]
fn one_ssrc_too_many_is_not_sent_until_another_is_forgotten() {
    let (mut protector, _) = ends(Profile::AeadAes128Gcm);
    for ssrc in 0..SSRCS_SENT_MAX as u32 {
        protector.protect_rtp(&mut rtp(ssrc, 1, 0, None, 1), 0).unwrap();
        protector.protect_rtcp(&mut rtcp(ssrc, 0), 0).unwrap();
    }
    let error = SrtpError::TooManySsrcs { ssrc: SSRC };
    assert_eq!(protector.protect_rtp(&mut rtp(SSRC, 1, 0, None, 1), 0), Err(error));
    assert_eq!(protector.protect_rtcp(&mut rtcp(SSRC, 0), 0), Err(error));
    protector.protect_rtp(&mut rtp(7, 2, 0, None, 1), 0).unwrap();
    protector.forget(7);
    protector.protect_rtp(&mut rtp(SSRC, 1, 0, None, 1), 0).unwrap();
    protector.protect_rtcp(&mut rtcp(SSRC, 0), 0).unwrap();
}

#[test]
fn the_ssrc_that_was_silent_for_longest_is_forgotten_for_a_new_one() {
    let (mut protector, mut unprotector) = ends(Profile::AesCm128HmacSha1_80);
    let wires: Vec<_> = (0..=SSRCS_RECEIVED_MAX as u32)
        .map(|ssrc| protected(&mut protector, &rtp(ssrc, 1, 0, None, 1)))
        .collect();
    for wire in &wires[..SSRCS_RECEIVED_MAX] {
        unprotected(&mut unprotector, wire).unwrap();
    }
    unprotected(&mut unprotector, &protected(&mut protector, &rtp(0, 2, 0, None, 1))).unwrap();
    unprotected(&mut unprotector, &wires[SSRCS_RECEIVED_MAX]).unwrap();
    assert!(matches!(unprotected(&mut unprotector, &wires[0]), Err(SrtpError::Replayed(_))));
    unprotected(&mut unprotector, &wires[1]).unwrap();
}

#[test]
fn the_longest_packet_is_protected_and_a_longer_one_is_not() {
    for profile in Profile::ALL {
        let (mut protector, mut unprotector) = ends(profile);
        let plain = rtp(SSRC, 1, 0, None, PACKET_BYTES_MAX - 12);
        let wire = protected(&mut protector, &plain);
        assert_eq!(unprotected(&mut unprotector, &wire), Ok(plain), "{profile}");
        let error = SrtpError::Long { got: PACKET_BYTES_MAX + 1 };
        assert_eq!(protector.protect_rtp(&mut rtp(SSRC, 2, 0, None, PACKET_BYTES_MAX - 11), 0), Err(error));
    }
}
