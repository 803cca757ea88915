//! The vectors of RFC 5769, and hostile bytes.
use super::super::credentials::key;
use super::*;
use proptest::prelude::*;

/// RFC 5769 §2.1.
const REQUEST: [u8; 108] = [
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
    0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20,
    0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00,
    0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a,
    0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf,
    0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28,
    0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
];
/// RFC 5769 §2.2.
const RESPONSE_IPV4: [u8; 80] = [
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
    0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f,
    0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00,
    0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53,
    0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
];
/// XOR-MAPPED-ADDRESS of RFC 5769 §2.3.
const MAPPED_IPV6: [u8; 24] = [
    0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc,
    0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
];
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

#[test]
fn the_sample_request_is_read_and_vouched_for_by_its_password_only() {
    let message = Message::read(&REQUEST).unwrap();
    assert_eq!((message.class, message.is_binding()), (Class::Request, true));
    assert_eq!(message.username, Some("evtj:h6vY"));
    assert_eq!(local_ufrag(&REQUEST), Some("evtj"));
    assert!(
        message.has_priority
            && message.ice_controlled
            && message.has_fingerprint
            && message.unknown.is_empty()
    );
    assert!(message.is_vouched_by(&key(PASSWORD)));
    assert!(!message.is_vouched_by(&key("VOkJxbRl1RmTxUk/WvJxBu")));
}

#[test]
fn an_answer_to_the_sample_request_says_addresses_as_the_sample_answers_do() {
    let (message, key) = (Message::read(&REQUEST).unwrap(), key(PASSWORD));
    for (mapped, attribute) in [
        ("192.0.2.1:32853", &RESPONSE_IPV4[36..48]),
        ("[::ffff:192.0.2.1]:32853", &RESPONSE_IPV4[36..48]),
        ("[2001:db8:1234:5678:11:2233:4455:6677]:32853", &MAPPED_IPV6),
    ] {
        let ours = message.success(mapped.parse().unwrap(), &key);
        assert_eq!(&ours[HEADER_BYTES..HEADER_BYTES + attribute.len()], attribute);
        let read = Message::read(&ours).unwrap();
        assert!(read.class == Class::Response && read.has_fingerprint && read.is_vouched_by(&key));
    }
    assert!(Message::read(&RESPONSE_IPV4).unwrap().is_vouched_by(&key));
}

#[test]
fn one_changed_bit_anywhere_is_malformed_or_not_vouched_for() {
    let key = key(PASSWORD);
    for bit in 0..REQUEST.len() * 8 {
        let mut bytes = REQUEST;
        bytes[bit / 8] ^= 1 << (bit % 8);
        // FINGERPRINT's own type, changed, is an attribute behind MESSAGE-INTEGRITY that is ignored.
        let ignored = (100..102).contains(&(bit / 8));
        let message = Message::read(&bytes);
        assert!(message.is_err() || (ignored && !message.unwrap().has_fingerprint), "bit {bit}");
        assert!(ignored || !Message::read(&bytes).is_ok_and(|message| message.is_vouched_by(&key)));
    }
}

#[test]
fn rtp_and_dtls_are_not_stun() {
    assert!(is_stun(&REQUEST));
    for first in 4..=255 {
        let mut bytes = REQUEST;
        bytes[0] = first;
        assert!(!is_stun(&bytes));
    }
    assert!(!is_stun(&REQUEST[..19]) && !is_stun(&[]));
}

proptest! {
    #[test]
    fn hostile_bytes_are_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Message::read(&bytes);
        let _ = local_ufrag(&bytes);
    }

    #[test]
    fn hostile_attributes_are_a_message_or_an_error(
        kind in prop_oneof![Just(1u16), any::<u16>()],
        attributes in prop::collection::vec((
            prop_oneof![Just(6u16), Just(8), Just(9), Just(0x20), Just(0x24), Just(0x30), Just(0x8028), any::<u16>()],
            prop::collection::vec(any::<u8>(), 0..40), 0u16..3,
        ), 0..6),
    ) {
        let mut bytes = REQUEST[..20].to_vec();
        bytes[..2].copy_from_slice(&kind.to_be_bytes());
        for (kind, value, longer) in attributes {
            bytes.extend_from_slice(&kind.to_be_bytes());
            bytes.extend_from_slice(&(value.len() as u16 + longer).to_be_bytes());
            bytes.extend_from_slice(&value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        let length = (bytes.len() - 20) as u16;
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        let key = key(PASSWORD);
        if let Ok(message) = Message::read(&bytes) {
            prop_assert!(!message.is_vouched_by(&key));
            let error = message.error(ErrorCode::UnknownAttribute, None);
            prop_assert!(Message::read(&error).is_ok());
        }
        let _ = local_ufrag(&bytes);
    }
}
