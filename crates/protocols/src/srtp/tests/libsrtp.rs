//! The same packets as libsrtp makes: see `fixtures/srtp/README.md`.
use super::*;

#[test]
fn libsrtps_packets_are_made_and_understood() {
    let (mut protector, mut unprotector) = ends(Profile::AeadAes128Gcm);
    let (mut sessions, mut packets, mut repeated) = (0, 0, 0);
    for line in include_str!("../../../fixtures/srtp/libsrtp2.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["session", profile, key] => {
                let master = MasterKey::from_base64(Profile::from_name(profile).unwrap(), key).unwrap();
                assert_eq!(master.to_base64(), key);
                protector = Protector::new(&master).unwrap();
                unprotector = Unprotector::new(&master).unwrap();
                sessions += 1;
            }
            ["rtp", plain, wire] => {
                let (plain, wire) = (unhex(plain), unhex(wire));
                assert_eq!(wire.len() - plain.len(), protector.profile().rtp_overhead());
                assert_eq!(protected(&mut protector, &plain), wire, "{}: {line}", protector.profile());
                match unprotected(&mut unprotector, &wire) {
                    Err(SrtpError::Replayed(_)) => repeated += 1,
                    result => assert_eq!(result, Ok(plain), "{}: {line}", protector.profile()),
                }
                packets += 1;
            }
            ["rtcp", plain, wire] => {
                let (plain, mut wire) = (unhex(plain), unhex(wire));
                assert_eq!(wire.len() - plain.len(), protector.profile().rtcp_overhead());
                let mut packet = plain.clone();
                protector.protect_rtcp(&mut packet, 0).unwrap();
                assert_eq!(packet, wire, "{}: {line}", protector.profile());
                let bytes = unprotector.unprotect_rtcp(&mut wire).unwrap();
                assert_eq!(wire[..bytes], plain, "{}: {line}", protector.profile());
                packets += 1;
            }
            _ => panic!("what is {line}?"),
        }
    }
    // Two SSRCs in each session send 14 packets of RTP, one of them twice, and 3 of RTCP.
    assert_eq!((sessions, packets, repeated), (4, 4 * 2 * 17, 4 * 2));
}
