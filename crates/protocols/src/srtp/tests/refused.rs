//! Packets that are refused, and that nothing remembers of them.
use super::*;

#[test]
fn a_turned_bit_anywhere_is_refused_and_changes_no_state() {
    for profile in Profile::ALL {
        let (mut protector, mut unprotector) = ends(profile);
        unprotected(&mut unprotector, &protected(&mut protector, &rtp(SSRC, 10, 0, None, 5))).unwrap();
        let wire = protected(&mut protector, &rtp(SSRC, 11, 2, Some(3), 40));
        let before = format!("{unprotector:?}");
        for at in 0..wire.len() * 8 {
            let mut spoilt = wire.clone();
            spoilt[at / 8] ^= 1 << (at % 8);
            unprotected(&mut unprotector, &spoilt).unwrap_err();
            assert_eq!(format!("{unprotector:?}"), before, "{profile}: bit {at}");
        }
        unprotected(&mut unprotector, &wire).unwrap();
    }
}

#[test]
fn a_turned_bit_of_rtcp_is_refused_and_changes_no_state() {
    for profile in Profile::ALL {
        let (mut protector, mut unprotector) = ends(profile);
        let mut wire = rtcp(SSRC, 24);
        protector.protect_rtcp(&mut wire, 0).unwrap();
        let before = format!("{unprotector:?}");
        for at in 0..wire.len() * 8 {
            let mut spoilt = wire.clone();
            spoilt[at / 8] ^= 1 << (at % 8);
            unprotector.unprotect_rtcp(&mut spoilt).unwrap_err();
            assert_eq!(format!("{unprotector:?}"), before, "{profile}: bit {at}");
        }
        unprotector.unprotect_rtcp(&mut wire).unwrap();
    }
}

#[test]
fn a_second_time_is_refused_also_when_it_is_an_honest_retransmission() {
    for profile in Profile::ALL {
        let (mut protector, mut unprotector) = ends(profile);
        let first = rtp(SSRC, 65_535, 0, None, 9);
        let wire = protected(&mut protector, &first);
        let next = protected(&mut protector, &rtp(SSRC, 0, 0, None, 9));
        assert_eq!(protected(&mut protector, &first), wire, "{profile}: it is the same packet again");
        unprotected(&mut unprotector, &next).unwrap_err();
        unprotected(&mut unprotector, &wire).unwrap();
        unprotected(&mut unprotector, &next).unwrap();
        let id = PacketId::Rtp { ssrc: SSRC, sequence_number: 65_535 };
        assert_eq!(unprotected(&mut unprotector, &wire), Err(SrtpError::Replayed(id)), "{profile}");
    }
}

#[test]
fn rtcp_is_refused_the_second_time() {
    for profile in Profile::ALL {
        let (mut protector, mut unprotector) = ends(profile);
        let mut wire = rtcp(SSRC, 20);
        protector.protect_rtcp(&mut wire, 0).unwrap();
        unprotector.unprotect_rtcp(&mut wire.clone()).unwrap();
        let id = PacketId::Rtcp { ssrc: SSRC, index: 1 };
        assert_eq!(unprotector.unprotect_rtcp(&mut wire), Err(SrtpError::Replayed(id)), "{profile}");
    }
}

#[test]
fn a_packet_behind_the_window_is_too_old_and_one_within_is_taken() {
    let (mut protector, mut unprotector) = ends(Profile::AeadAes128Gcm);
    let wires: Vec<_> = (0..=1_024).map(|n| protected(&mut protector, &rtp(SSRC, n, 0, None, 3))).collect();
    unprotected(&mut unprotector, &wires[1_024]).unwrap();
    let id = PacketId::Rtp { ssrc: SSRC, sequence_number: 0 };
    assert_eq!(unprotected(&mut unprotector, &wires[0]), Err(SrtpError::TooOld(id)));
    unprotected(&mut unprotector, &wires[1]).unwrap();
}

#[test]
fn the_other_sides_packets_and_other_kinds_are_not_authentic() {
    let profile = Profile::AesCm128HmacSha1_80;
    let material: Vec<u8> = (0..profile.keying_material_bytes() as u8).collect();
    let (client, server) = MasterKey::from_keying_material(profile, &material).unwrap();
    let wire = protected(&mut Protector::new(&client).unwrap(), &rtp(SSRC, 1, 0, None, 30));
    unprotected(&mut Unprotector::new(&server).unwrap(), &wire).unwrap_err();
    let mut unprotector = Unprotector::new(&client).unwrap();
    unprotector.unprotect_rtcp(&mut wire.clone()).unwrap_err();
    unprotected(&mut unprotector, &wire).unwrap();
}

#[test]
fn no_piece_of_a_packet_panics_or_is_taken() {
    for profile in Profile::ALL {
        let (mut protector, mut unprotector) = ends(profile);
        let plain = rtp(SSRC, 1, 3, Some(2), 30);
        let wire = protected(&mut protector, &plain);
        let mut control = rtcp(SSRC, 20);
        protector.protect_rtcp(&mut control, 0).unwrap();
        for bytes in 0..wire.len() {
            unprotected(&mut unprotector, &wire[..bytes]).unwrap_err();
        }
        for bytes in 0..control.len() {
            unprotector.unprotect_rtcp(&mut control[..bytes].to_vec()).unwrap_err();
        }
        for bytes in 0..36 {
            protector.protect_rtp(&mut plain[..bytes].to_vec(), 0).unwrap_err();
        }
        for bytes in 0..8 {
            protector.protect_rtcp(&mut control[..bytes].to_vec(), 0).unwrap_err();
        }
        protector.protect_rtp(&mut plain.clone(), plain.len() + 1).unwrap_err();
    }
}

#[test]
fn twenty_thousand_mutated_packets_do_not_panic() {
    for profile in Profile::ALL {
        let (mut protector, mut unprotector) = ends(profile);
        let mut seeds: Vec<Vec<u8>> = (0..20_u16)
            .map(|n| protected(&mut protector, &rtp(SSRC, n, (n % 5) as u8, Some(n % 4), usize::from(n) * 9)))
            .collect();
        for more in 0..20 {
            let mut packet = rtcp(SSRC, more * 4);
            protector.protect_rtcp(&mut packet, 0).unwrap();
            seeds.push(packet);
        }
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 16) as usize
        };
        for _ in 0..5_000 {
            let mut packet = seeds[random() % seeds.len()].clone();
            for _ in 0..=random() % 4 {
                let at = random() % packet.len();
                packet[at] = random() as u8;
            }
            packet.truncate(if random() % 2 == 0 { random() % packet.len() } else { packet.len() });
            let _ = unprotector.unprotect_rtp(&mut packet.clone());
            let _ = unprotector.unprotect_rtcp(&mut packet.clone());
            let _ = protector.protect_rtp(&mut packet.clone(), 0);
            let _ = protector.protect_rtcp(&mut packet, 0);
        }
    }
}
