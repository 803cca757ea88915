//! RFC 3711, appendix B.
use super::super::cm::Cm;
use super::super::derive::{For, SessionKeys, stream};
use super::*;

fn appendix_b3() -> MasterKey {
    MasterKey::new(
        Profile::AesCm128HmacSha1_80,
        &unhex("E1F97A0D3E018BE0D64FA32C06DE4139"),
        &unhex("0EC675AD498AFEEBB6960B3AABE6"),
    )
    .unwrap()
}

#[test]
fn b2_the_key_stream_is_right_at_its_start_and_its_end() {
    let keys = SessionKeys {
        key: unhex("2B7E151628AED2A6ABF7158809CF4F3C"),
        salt: unhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"),
        mac_key: [0; _],
    };
    let mut key_stream = vec![0; 0xff02 * 16];
    Cm::new(&keys, 10).unwrap().xor(&mut key_stream, 0, 0).unwrap();
    let first =
        "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0";
    let last =
        "EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE6A2CC3787889374FBEB4C81B17BA6C44";
    assert_eq!(key_stream[..48], unhex(first));
    assert_eq!(key_stream[0xfeff * 16..], unhex(last));
}

#[test]
fn b3_session_keys_are_derived() {
    let keys = SessionKeys::derive(&appendix_b3(), For::Rtp).unwrap();
    assert_eq!(keys.key, unhex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(keys.salt, unhex("30CBBC08863D8C85D49DB34A9AE1"));
    let mut mac_key = [0; 96];
    stream(&appendix_b3(), 1, &mut mac_key).unwrap();
    let expected = "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF72270986371C10C9A36\
                    9AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2DC68";
    assert_eq!(mac_key[..], unhex(expected));
    assert_eq!(keys.mac_key, mac_key[..20]);
}
