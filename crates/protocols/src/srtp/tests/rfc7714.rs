//! RFC 7714, §16 (RTP) and §17 (RTCP): given as session keys, so derivation is not among what they show.
use super::super::derive::SessionKeys;
use super::*;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const MARS: u32 = 0x4d61_7273;

const RTP: &str =
    "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
const RTP_128: &str = "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
                       899d7f27beb16a9152cf765ee4390cce";
const RTP_256: &str = "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b\
                       7aa3db36dfffd6b0f9bb7878d7a76c13";

/// As §17.1 and on have it; what §17 prints before them differs.
const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
const RTCP_128: &str = "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b\
                        c84aa45896cf4d2fc5abf87245d9eade800005d4";
const RTCP_256: &str = "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad\
                        1d1eb30c4446839f57ff6f6cb26ac3be800005d4";
const RTCP_128_IN_CLEAR: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeef\
                                 deadbeef841dd9683dd78ec92ae58790125f62b3000005d4";

fn both(profile: Profile) -> (Protector, Unprotector) {
    let keys = SessionKeys {
        key: unhex(&KEY[..profile.key_bytes() * 2]),
        salt: b"Quid pro quo".to_vec(),
        mac_key: [0; _],
    };
    (
        Protector::with_session_keys(profile, &keys, &keys).unwrap(),
        Unprotector::with_session_keys(profile, &keys, &keys).unwrap(),
    )
}

#[test]
fn section_16_rtp() {
    for (profile, wire) in [(Profile::AeadAes128Gcm, RTP_128), (Profile::AeadAes256Gcm, RTP_256)] {
        let (mut protector, mut unprotector) = both(profile);
        let wire = unhex(wire);
        assert_eq!(protected(&mut protector, &unhex(RTP)), wire, "{profile}");
        assert_eq!(unprotected(&mut unprotector, &wire), Ok(unhex(RTP)), "{profile}");
    }
}

#[test]
fn section_17_rtcp() {
    for (profile, wire) in [(Profile::AeadAes128Gcm, RTCP_128), (Profile::AeadAes256Gcm, RTCP_256)] {
        let (mut protector, mut unprotector) = both(profile);
        protector.set_indexes(MARS, 0, 0x5d4);
        let mut packet = unhex(RTCP);
        protector.protect_rtcp(&mut packet, 0).unwrap();
        assert_eq!(packet, unhex(wire), "{profile}");
        let bytes = unprotector.unprotect_rtcp(&mut packet).unwrap();
        assert_eq!(packet[..bytes], unhex(RTCP), "{profile}");
    }
}

#[test]
fn section_17_3_rtcp_that_is_signed_only() {
    let (_, mut unprotector) = both(Profile::AeadAes128Gcm);
    let wire = unhex(RTCP_128_IN_CLEAR);
    for at in 0..wire.len() {
        let mut spoilt = wire.clone();
        spoilt[at] ^= 1;
        unprotector.unprotect_rtcp(&mut spoilt).unwrap_err();
    }
    let mut packet = wire;
    let bytes = unprotector.unprotect_rtcp(&mut packet).unwrap();
    assert_eq!(packet[..bytes], unhex(RTCP));
}
