//! What protecting a packet costs.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]
use super::*;
use std::time::Instant;

/// Consumers of a transport among which packets go round.
const SSRCS: u32 = 200;
const PACKETS: u32 = 400_000;

/// Protects packets of 1,200 bytes with an 8-byte header extension, each copied first as a fan-out does.
///
/// For callgrind: `AQUEDUCT_SRTP_PROFILE` chooses one profile, `AQUEDUCT_SRTP_PACKETS` how many packets a round has. Two runs
/// with 1,000 packets between them differ by the instructions of 5,000 packets protected, and 10,000 copied.
#[test]
#[ignore = "a measurement: prints, and proves nothing"]
fn measure_protect() {
    let packets = std::env::var("AQUEDUCT_SRTP_PACKETS").map_or(PACKETS, |text| text.parse().unwrap());
    let only = std::env::var("AQUEDUCT_SRTP_PROFILE").ok();
    for profile in
        Profile::ALL.into_iter().filter(|profile| only.as_ref().is_none_or(|only| only == profile.name()))
    {
        let (mut protector, mut unprotector) = ends(profile);
        let plain = rtp(0, 0, 0, Some(1), 1_200 - 20);
        let mut packet = Vec::with_capacity(1_500);
        let mut copied = f64::MAX;
        let mut protect = f64::MAX;
        let mut unprotect = f64::MAX;
        for round in 0..5_u32 {
            let mut each = |mut protector: Option<&mut Protector>| {
                let begun = Instant::now();
                for at in 0..packets {
                    let number = (round * (packets / SSRCS + 1) + at / SSRCS) as u16;
                    packet.clear();
                    packet.extend_from_slice(&plain);
                    packet[2..4].copy_from_slice(&number.to_be_bytes());
                    packet[8..12]
                        .copy_from_slice(&(0x9e37_79b9_u32.wrapping_mul(at % SSRCS + 1)).to_be_bytes());
                    if let Some(protector) = &mut protector {
                        protector.protect_rtp(&mut packet, 0).unwrap();
                    }
                    std::hint::black_box(&packet);
                }
                begun.elapsed().as_secs_f64() * 1e6 / f64::from(packets)
            };
            copied = copied.min(each(None));
            protect = protect.min(each(Some(&mut protector)));
            let mut wires: Vec<_> = (0..1_000)
                .map(|at| protected(&mut protector, &rtp(1, (round * 1_000 + at) as u16, 0, Some(1), 1_180)))
                .collect();
            let begun = Instant::now();
            for wire in &mut wires {
                unprotector.unprotect_rtp(wire).unwrap();
            }
            unprotect = unprotect.min(begun.elapsed().as_secs_f64() * 1e6 / 1_000.0);
        }
        println!(
            "{profile}: protect {:.3} µs a packet (without {copied:.3} µs for its copy), unprotect {unprotect:.3} µs; best of 5",
            protect - copied
        );
    }
}
