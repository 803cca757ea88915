//! What holds for any packets in any order.
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn profiles() -> impl Strategy<Value = Profile> {
    proptest::sample::select(Profile::ALL.to_vec())
}

proptest! {
    #[test]
    fn any_rtp_packet_comes_back_as_it_was(
        profile in profiles(), ssrc: u32, number: u16, csrcs in 0_u8..16,
        extension in proptest::option::of(0_u16..20), payload in 0_usize..1_500,
    ) {
        let (mut protector, mut unprotector) = ends(profile);
        let plain = rtp(ssrc, number, csrcs, extension, payload);
        let wire = protected(&mut protector, &plain);
        prop_assert_eq!(wire.len(), plain.len() + profile.rtp_overhead());
        let clear = plain.len() - payload;
        prop_assert_eq!(&wire[..clear], &plain[..clear]);
        prop_assert_eq!(unprotected(&mut unprotector, &wire), Ok(plain));
    }

    #[test]
    fn any_rtcp_packet_comes_back_as_it_was(profile in profiles(), ssrc: u32, more in 0_usize..1_200, packets in 1..5) {
        let (mut protector, mut unprotector) = ends(profile);
        for _ in 0..packets {
            let mut packet = rtcp(ssrc, more);
            protector.protect_rtcp(&mut packet, 0).unwrap();
            prop_assert_eq!(packet.len(), 8 + more + profile.rtcp_overhead());
            prop_assert_eq!(unprotector.unprotect_rtcp(&mut packet), Ok(8 + more));
            prop_assert_eq!(&packet[..8 + more], &rtcp(ssrc, more)[..]);
        }
    }

    /// Steps ahead and back, over wraps, each packet sent and received; a number that was sent before is refused.
    #[test]
    fn both_sides_agree_on_the_index_wherever_numbers_wander(
        profile in profiles(), start in 0_u64..32_768, steps in proptest::collection::vec(-500_i64..9_000, 1..120),
    ) {
        let (mut protector, mut unprotector) = ends(profile);
        let (mut index, mut highest, mut sent) = (start, start, BTreeSet::new());
        for step in steps {
            index = index.saturating_add_signed(step).max(highest.saturating_sub(1_000));
            highest = highest.max(index);
            let plain = rtp(SSRC, index as u16, 0, None, 10);
            let result = unprotected(&mut unprotector, &protected(&mut protector, &plain));
            if sent.insert(index) {
                prop_assert_eq!(result, Ok(plain));
            } else {
                prop_assert!(matches!(result, Err(SrtpError::Replayed(_))));
            }
        }
    }

    /// Packets of a few SSRCs are lost and reordered on the way, by as much as the window.
    #[test]
    fn lost_and_reordered_packets_do_not_matter(
        profile in profiles(), starts in proptest::collection::vec(0_u64..32_768, 1..4),
        order in proptest::collection::vec((0_usize..900, any::<bool>()), 30..200), ahead in 0_u64..70_000,
    ) {
        let (mut protector, mut unprotector) = ends(profile);
        let mut on_the_way = Vec::new();
        for (ssrc, start) in starts.iter().enumerate() {
            // The first packet arrives: without it, a receiver may begin in a later round than the sender.
            let ssrc = ssrc as u32;
            unprotected(&mut unprotector, &protected(&mut protector, &rtp(ssrc, *start as u16, 0, None, 4))).unwrap();
            for at in (*start..*start + ahead).step_by(9_000) {
                unprotected(&mut unprotector, &protected(&mut protector, &rtp(ssrc, (at + 1) as u16, 0, None, 4))).unwrap();
            }
            let from = start + ahead / 9_000 * 9_000 + 9_000;
            for (at, (delay, lost)) in order.iter().enumerate() {
                let plain = rtp(ssrc, (from + at as u64) as u16, 0, None, 4);
                let wire = protected(&mut protector, &plain);
                if !lost {
                    on_the_way.push((at + delay, plain, wire));
                }
            }
        }
        on_the_way.sort_by_key(|(arrives, _, _)| *arrives);
        for (_, plain, wire) in on_the_way {
            prop_assert_eq!(unprotected(&mut unprotector, &wire), Ok(plain));
        }
    }

    #[test]
    fn no_bytes_panic(profile in profiles(), bytes in proptest::collection::vec(any::<u8>(), 0..200), start in 0_usize..220) {
        let (mut protector, mut unprotector) = ends(profile);
        let _ = unprotector.unprotect_rtp(&mut bytes.clone());
        let _ = unprotector.unprotect_rtcp(&mut bytes.clone());
        let _ = protector.protect_rtp(&mut bytes.clone(), start);
        let _ = protector.protect_rtcp(&mut bytes.clone(), start);
    }
}
