//! Bytes of whoever can send on a known path.
use super::*;

/// Something that has the head of a record.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![Just(20u8), Just(21), Just(22), Just(23), Just(26), 32u8..64, any::<u8>()];
    (kind, any::<u16>(), any::<[u8; 6]>(), prop::collection::vec(any::<u8>(), 0..80), any::<bool>()).prop_map(
        |(kind, epoch, sequence, body, right_length)| {
            let length = if right_length { body.len() as u16 } else { 9 };
            let mut bytes = vec![kind, 0xfe, 0xfd];
            bytes.extend_from_slice(&(epoch % 4).to_be_bytes());
            bytes.extend_from_slice(&sequence);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&body);
            bytes
        },
    )
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![record(), prop::collection::vec(any::<u8>(), 0..100)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_bytes_do_not_end_a_connected_session(
        which in 0..VERSIONS.len(), bytes in prop::collection::vec(hostile(), 1..20),
    ) {
        let (client, server) = VERSIONS[which];
        let mut pair = Pair::connected(client, server);
        for one in bytes {
            pair.client.transport.handle_datagram(&one, pair.now);
            pair.server.transport.handle_datagram(&one, pair.now);
        }
        pair.run(pair.now, |_| false);
        prop_assert_eq!(pair.states(), (DtlsState::Connected, DtlsState::Connected));
        pair.client.transport.send(b"still", pair.now).unwrap();
        pair.run(pair.now, |_| false);
        prop_assert_eq!(pair.server.data(), [b"still"]);
    }

    #[test]
    fn hostile_bytes_before_and_during_a_handshake_are_survived(
        which in 0..VERSIONS.len(), before in prop::collection::vec(hostile(), 0..4),
        during in prop::collection::vec(hostile(), 0..8),
    ) {
        let (client, server) = VERSIONS[which];
        let mut pair = Pair::new(client, server);
        for one in before {
            pair.client.transport.handle_datagram(&one, pair.now);
            pair.server.transport.handle_datagram(&one, pair.now);
        }
        pair.connect();
        for one in during {
            pair.client.transport.handle_datagram(&one, pair.now);
            pair.server.transport.handle_datagram(&one, pair.now);
        }
        pair.run(at(60_000), |_| false);
        // Before there are keys a lie may end it; nobody may be deceived by one.
        if pair.states() == (DtlsState::Connected, DtlsState::Connected) {
            pair.assert_connected();
        }
    }

    #[test]
    fn a_changed_datagram_leads_to_no_other_keys_and_to_no_flood(
        which in 0..VERSIONS.len(), number in 0usize..8, at_byte in 0usize..1200, change in 1u8..,
    ) {
        let (client, server) = VERSIONS[which];
        let mut pair = Pair::new(client, server);
        pair.connect();
        let mut count = 0;
        for _ in 0..40 {
            let (to_server, _) = pair.client.drain(pair.now);
            let (to_client, _) = pair.server.drain(pair.now);
            for (receiver, datagrams) in [(&mut pair.server, to_server), (&mut pair.client, to_client)] {
                for mut datagram in datagrams {
                    if count == number {
                        let index = at_byte % datagram.len();
                        datagram[index] ^= change;
                    }
                    count += 1;
                    receiver.transport.handle_datagram(&datagram, pair.now);
                }
            }
        }
        pair.run(at(60_000), |_| false);
        if pair.states() == (DtlsState::Connected, DtlsState::Connected) {
            pair.assert_connected();
        }
    }
}
