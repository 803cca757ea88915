//! A server between peers that we write byte by byte, and one of another code base.
use super::super::credentials::key;
use super::super::stun::{is_stun, local_ufrag};
use super::super::tuple::Protocol;
use super::*;
use proptest::prelude::*;
use std::net::SocketAddr;

mod agent;

fn at(ms: u64) -> Moment {
    Moment::from_millis(ms)
}

/// A tuple whose peer has this port.
fn tuple(port: u16) -> Tuple {
    let local = SocketAddr::from(([192, 0, 2, 1], 4000));
    Tuple { protocol: Protocol::Udp, local, remote: SocketAddr::from(([198, 51, 100, 7], port)) }
}

fn random(seed: u8) -> impl FnMut(&mut [u8]) {
    let mut next = seed;
    move |bytes| bytes.fill_with(|| (next = next.wrapping_mul(5).wrapping_add(113), next >> 1).1)
}

fn server() -> IceServer {
    IceServer::new(IceOptions::default(), &mut random(1))
}

/// What a check may have, written apart from the code under test.
#[derive(Clone, Copy, Default)]
struct Check {
    use_candidate: bool,
    nomination: Option<(u16, u32)>,
    controlled: bool,
    attribute: Option<u16>,
    without: Option<u16>,
    /// 0 is a binding request.
    kind: u16,
}

/// One attribute, as it is written.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_be_bytes(), (value.len() as u16).to_be_bytes()].concat();
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn hmac_sha1(password: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let key = key(std::str::from_utf8(password).unwrap());
    let mut context = aws_lc_rs::hmac::Context::with_key(&key);
    parts.iter().for_each(|part| context.update(part));
    context.sign().as_ref().try_into().unwrap()
}

/// Bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

impl Check {
    fn bytes(self, parameters: &IceParameters) -> Vec<u8> {
        let username = format!("{}:peer", parameters.username_fragment);
        let mut body = attribute(0x0006, username.as_bytes());
        body.extend(attribute(0x0024, &[0, 1, 2, 3]));
        body.extend(attribute(if self.controlled { 0x8029 } else { 0x802a }, &[7; 8]));
        if self.use_candidate {
            body.extend(attribute(0x0025, &[]));
        }
        if let Some((kind, value)) = self.nomination {
            body.extend(attribute(kind, &value.to_be_bytes()));
        }
        if let Some(kind) = self.attribute {
            body.extend(attribute(kind, &[1, 2, 3]));
        }
        if let Some(kind) = self.without {
            body = rewritten(&body, kind);
        }
        let mut bytes = [&[0, 0, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[9; 12], &body].concat();
        bytes[..2].copy_from_slice(&(self.kind | 1).to_be_bytes());
        let set_length = |bytes: &mut Vec<u8>, more: usize| {
            let length = (bytes.len() - 20 + more) as u16;
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
        };
        if self.without != Some(0x0008) {
            set_length(&mut bytes, 24);
            let tag = hmac_sha1(parameters.password.as_bytes(), &[&bytes]);
            bytes.extend(attribute(0x0008, &tag));
        }
        if self.without != Some(0x8028) {
            set_length(&mut bytes, 8);
            let crc = crc32(&bytes) ^ 0x5354_554e;
            bytes.extend(attribute(0x8028, &crc.to_be_bytes()));
        }
        set_length(&mut bytes, 0);
        bytes
    }
}

/// Attributes without those of one type.
fn rewritten(mut body: &[u8], without: u16) -> Vec<u8> {
    let mut kept = Vec::new();
    while let [high, low, length_high, length_low, ..] = *body {
        let whole = 4 + usize::from(u16::from_be_bytes([length_high, length_low])).next_multiple_of(4);
        if u16::from_be_bytes([high, low]) != without {
            kept.extend_from_slice(&body[..whole]);
        }
        body = &body[whole..];
    }
    kept
}

fn drain(server: &mut IceServer, now: Moment) -> Vec<IceOutput> {
    let is_output = |output: &IceOutput| !matches!(output, IceOutput::WaitUntil(_));
    std::iter::from_fn(|| Some(server.poll_output(now)).filter(is_output)).collect()
}

/// Sends a check; returns what happened besides the answer, and the answer's error code, 0 for success.
fn check(server: &mut IceServer, check: Check, tuple: Tuple, now: Moment) -> (u16, Vec<IceOutput>) {
    let bytes = check.bytes(server.parameters());
    deliver(server, &bytes, tuple, now)
}

fn deliver(server: &mut IceServer, bytes: &[u8], tuple: Tuple, now: Moment) -> (u16, Vec<IceOutput>) {
    server.handle_datagram(bytes, tuple, now);
    let mut outputs = drain(server, now);
    let IceOutput::Send { tuple: to, datagram } = outputs.remove(0) else { panic!("no answer first") };
    assert_eq!(to, tuple);
    (error_code(&datagram), outputs)
}

/// Read at fixed places: ERROR-CODE comes first in our answers.
fn error_code(datagram: &[u8]) -> u16 {
    match (datagram[1], &datagram[20..22]) {
        (0x01, [0x00, 0x20]) => 0,
        (0x11, [0x00, 0x09]) => u16::from(datagram[26]) * 100 + u16::from(datagram[27]),
        other => panic!("{other:?}"),
    }
}

const PLAIN: Check = Check {
    use_candidate: false,
    nomination: None,
    controlled: false,
    attribute: None,
    without: None,
    kind: 0,
};
const NOMINATING: Check = Check { use_candidate: true, ..PLAIN };

#[test]
fn the_first_check_connects_and_a_nomination_completes() {
    let mut server = server();
    assert_eq!(server.poll_output(at(0)), IceOutput::WaitUntil(Moment::FAR_FUTURE));
    let (code, outputs) = check(&mut server, PLAIN, tuple(1), at(0));
    let expected = [
        IceOutput::TupleAdded(tuple(1)),
        IceOutput::SelectedTuple(tuple(1)),
        IceOutput::State(IceState::Connected),
    ];
    assert_eq!((code, outputs.as_slice()), (0, expected.as_slice()));
    assert_eq!(check(&mut server, PLAIN, tuple(2), at(1)), (0, vec![IceOutput::TupleAdded(tuple(2))]));
    let (_, outputs) = check(&mut server, NOMINATING, tuple(2), at(2));
    assert_eq!(outputs, [IceOutput::SelectedTuple(tuple(2)), IceOutput::State(IceState::Completed)]);
    assert_eq!(check(&mut server, NOMINATING, tuple(2), at(3)), (0, vec![]));
    assert_eq!(server.stats().checks, 4);
}

#[test]
fn media_is_accepted_from_tuples_that_passed_a_check_only() {
    let mut server = server();
    assert!(!server.knows(&tuple(1)));
    check(&mut server, PLAIN, tuple(1), at(0));
    assert!(server.knows(&tuple(1)) && !server.knows(&tuple(2)));
    let tcp = Tuple { protocol: Protocol::Tcp, ..tuple(1) };
    assert!(!server.knows(&tcp));
}

#[test]
fn what_a_check_lacks_is_answered_with_400() {
    for without in [0x0006, 0x0024, 0x0008, 0x8028] {
        let mut server = server();
        let (code, outputs) = check(&mut server, Check { without: Some(without), ..PLAIN }, tuple(1), at(0));
        assert_eq!((code, outputs, server.stats().bad_requests), (400, vec![], 1), "{without:x}");
    }
    let mut server = server();
    server.handle_datagram(&Check { kind: 0x0003, ..PLAIN }.bytes(server.parameters()), tuple(1), at(0));
    let IceOutput::Send { datagram, .. } = server.poll_output(at(0)) else { panic!("no answer") };
    assert_eq!((&datagram[..2], &datagram[26..28]), ([0x01, 0x13].as_slice(), [4, 0].as_slice()));
}

#[test]
fn a_wrong_name_or_password_is_answered_with_401_and_learns_nothing() {
    let mut server = server();
    let right = server.parameters().clone();
    for wrong in [
        IceParameters { password: format!("{}x", right.password), ..right.clone() },
        IceParameters { username_fragment: format!("{}x", right.username_fragment), ..right.clone() },
        IceParameters { username_fragment: right.username_fragment[1..].into(), ..right },
    ] {
        assert_eq!(deliver(&mut server, &PLAIN.bytes(&wrong), tuple(1), at(0)), (401, vec![]));
    }
    assert_eq!((server.stats().bad_credentials, server.state()), (3, IceState::New));
}

#[test]
fn a_controlled_peer_is_told_of_the_conflict() {
    let mut server = server();
    let controlled = Check { controlled: true, use_candidate: true, ..PLAIN };
    assert_eq!(check(&mut server, controlled, tuple(1), at(0)), (487, vec![]));
    assert_eq!((server.stats().role_conflicts, server.state()), (1, IceState::New));
}

#[test]
fn attributes_that_must_be_understood_and_are_not_are_named_in_a_420() {
    let mut server = server();
    server.handle_datagram(
        &Check { attribute: Some(0x7ffe), ..PLAIN }.bytes(server.parameters()),
        tuple(1),
        at(0),
    );
    let IceOutput::Send { datagram, .. } = server.poll_output(at(0)) else { panic!("no answer") };
    assert_eq!(error_code(&datagram), 420);
    let named = datagram.windows(6).any(|bytes| bytes == [0x00, 0x0a, 0x00, 0x02, 0x7f, 0xfe]);
    assert!(named && server.stats().unknown_attributes == 1);
    assert_eq!(check(&mut server, Check { attribute: Some(0xfffe), ..PLAIN }, tuple(1), at(0)).0, 0);
}

#[test]
fn of_numbered_nominations_the_highest_wins_however_late_others_come() {
    for kind in [0x0030, 0xc001] {
        let mut server = server();
        let numbered = |value| Check { nomination: Some((kind, value)), ..NOMINATING };
        check(&mut server, numbered(1), tuple(1), at(0));
        check(&mut server, numbered(3), tuple(3), at(1));
        let (_, outputs) = check(&mut server, numbered(2), tuple(2), at(2));
        assert_eq!(outputs, [IceOutput::TupleAdded(tuple(2))]);
        assert_eq!(server.selected(), Some(tuple(3)));
        check(&mut server, numbered(4), tuple(1), at(3));
        assert_eq!(server.selected(), Some(tuple(1)));
    }
}

#[test]
fn a_ninth_tuple_removes_the_oldest_that_is_not_selected() {
    let mut server = server();
    (1..=8).for_each(|port| drop(check(&mut server, PLAIN, tuple(port), at(0))));
    let (_, outputs) = check(&mut server, PLAIN, tuple(9), at(0));
    assert_eq!(outputs, [IceOutput::TupleAdded(tuple(9)), IceOutput::TupleRemoved(tuple(2))]);
    assert!(server.knows(&tuple(1)) && !server.knows(&tuple(2)));
    let (_, outputs) = check(&mut server, NOMINATING, tuple(10), at(0));
    assert_eq!(server.selected(), Some(tuple(10)));
    assert!(outputs.contains(&IceOutput::TupleRemoved(tuple(3))));
}

#[test]
fn old_credentials_are_good_until_a_check_with_the_new_ones() {
    let mut server = server();
    check(&mut server, NOMINATING, tuple(1), at(0));
    let old = server.parameters().clone();
    let new = server.restart(&mut random(99), at(5));
    assert_eq!(server.parameters(), &new);
    let both = [new.username_fragment.as_str(), old.username_fragment.as_str()];
    assert_eq!(server.ufrags().collect::<Vec<_>>(), both);
    assert_eq!(deliver(&mut server, &PLAIN.bytes(&old), tuple(1), at(6)), (0, vec![]));
    assert_eq!((server.selected(), server.state()), (Some(tuple(1)), IceState::Completed));
    let (code, outputs) = deliver(&mut server, &NOMINATING.bytes(&new), tuple(2), at(7));
    let expected = [
        IceOutput::UfragRetired(old.username_fragment.clone()),
        IceOutput::TupleAdded(tuple(2)),
        IceOutput::SelectedTuple(tuple(2)),
    ];
    assert_eq!((code, outputs.as_slice()), (0, expected.as_slice()));
    assert_eq!(deliver(&mut server, &PLAIN.bytes(&old), tuple(1), at(8)), (401, vec![]));
}

#[test]
fn a_second_restart_retires_the_first_name_at_once() {
    let mut server = server();
    let first = server.parameters().username_fragment.clone();
    server.restart(&mut random(2), at(0));
    server.restart(&mut random(3), at(0));
    assert_eq!(drain(&mut server, at(0)), [IceOutput::UfragRetired(first)]);
    assert_eq!(server.ufrags().count(), 2);
}

#[test]
fn a_peer_that_is_silent_for_the_timeout_is_gone_and_may_come_back() {
    let mut server = server();
    check(&mut server, NOMINATING, tuple(1), at(0));
    check(&mut server, PLAIN, tuple(2), at(10_000));
    assert_eq!(server.poll_output(at(39_999)), IceOutput::WaitUntil(at(40_000)));
    let gone = [
        IceOutput::TupleRemoved(tuple(1)),
        IceOutput::TupleRemoved(tuple(2)),
        IceOutput::State(IceState::Disconnected),
    ];
    assert_eq!(drain(&mut server, at(40_000)), gone);
    assert_eq!(server.poll_output(at(50_000)), IceOutput::WaitUntil(Moment::FAR_FUTURE));
    check(&mut server, PLAIN, tuple(1), at(60_000));
    assert_eq!((server.state(), server.selected()), (IceState::Connected, Some(tuple(1))));
}

#[test]
fn only_accepted_checks_renew_consent() {
    let mut server = server();
    check(&mut server, NOMINATING, tuple(1), at(0));
    let wrong = IceParameters { password: "x".into(), ..server.parameters().clone() };
    deliver(&mut server, &PLAIN.bytes(&wrong), tuple(1), at(20_000));
    let indication = Check { kind: 0x0010, ..PLAIN }.bytes(server.parameters());
    server.handle_datagram(&indication, tuple(1), at(20_000));
    assert_eq!(
        (server.stats().indications, server.poll_output(at(20_000))),
        (1, IceOutput::WaitUntil(at(30_000)))
    );
}

#[test]
fn without_a_timeout_consent_never_ends() {
    let mut server = IceServer::new(IceOptions { consent_timeout: Duration::ZERO }, &mut random(1));
    check(&mut server, NOMINATING, tuple(1), at(0));
    assert_eq!(server.poll_output(at(u64::MAX / 2)), IceOutput::WaitUntil(Moment::FAR_FUTURE));
}

#[test]
fn the_newest_tuple_takes_the_place_of_one_that_closed() {
    let mut server = server();
    check(&mut server, NOMINATING, tuple(1), at(0));
    check(&mut server, PLAIN, tuple(2), at(0));
    server.handle_tuple_closed(tuple(7), at(1));
    server.handle_tuple_closed(tuple(1), at(1));
    let outputs = drain(&mut server, at(1));
    assert_eq!(outputs, [IceOutput::TupleRemoved(tuple(1)), IceOutput::SelectedTuple(tuple(2))]);
    server.handle_tuple_closed(tuple(2), at(2));
    let outputs = drain(&mut server, at(2));
    assert_eq!(outputs, [IceOutput::TupleRemoved(tuple(2)), IceOutput::State(IceState::Disconnected)]);
}

#[test]
fn a_closed_server_answers_nobody() {
    let mut server = server();
    check(&mut server, NOMINATING, tuple(1), at(0));
    server.close();
    let outputs = drain(&mut server, at(1));
    assert_eq!(outputs, [IceOutput::TupleRemoved(tuple(1)), IceOutput::State(IceState::Closed)]);
    server.handle_datagram(&NOMINATING.bytes(server.parameters()), tuple(1), at(2));
    assert_eq!(drain(&mut server, at(2)), []);
    assert_eq!(serde_json::to_value(server.state()).unwrap(), "closed");
}

#[test]
fn states_are_written_as_mediasoup_writes_them() {
    use IceState::{Completed, Connected, Disconnected, New};
    for state in [New, Connected, Completed, Disconnected] {
        let json = serde_json::to_value(state).unwrap();
        let theirs: mediasoup_types::data_structures::IceState =
            serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(theirs).unwrap(), json);
    }
}

#[test]
fn a_caller_that_does_not_drain_costs_answers_and_no_memory() {
    let mut server = server();
    let bytes = PLAIN.bytes(server.parameters());
    (0..1000).for_each(|_| server.handle_datagram(&bytes, tuple(1), at(0)));
    assert!(drain(&mut server, at(0)).len() <= ANSWERS_MAX + 3 && server.stats().answers_dropped > 900);
}

#[test]
fn a_check_finds_its_transport_by_the_name_in_it() {
    let server = server();
    let bytes = PLAIN.bytes(server.parameters());
    assert!(is_stun(&bytes));
    assert_eq!(local_ufrag(&bytes), server.ufrags().next());
}

proptest! {
    #[test]
    fn the_selected_tuple_is_always_known_and_tuples_stay_few(
        steps in prop::collection::vec((0u16..14, 0u8..6, 0u32..6, 0u64..20_000), 1..80),
    ) {
        let mut server = server();
        let (mut now, mut known) = (0, Vec::new());
        for (port, what, value, pause) in steps {
            now += pause;
            match what {
                0 | 1 => server.handle_datagram(&PLAIN.bytes(server.parameters()), tuple(port), at(now)),
                2 => server.handle_datagram(&NOMINATING.bytes(server.parameters()), tuple(port), at(now)),
                3 => {
                    let numbered = Check { nomination: Some((0x0030, value)), ..PLAIN };
                    server.handle_datagram(&numbered.bytes(server.parameters()), tuple(port), at(now));
                }
                4 => server.handle_tuple_closed(tuple(port), at(now)),
                _ => drop(server.restart(&mut random(port as u8), at(now))),
            }
            for output in drain(&mut server, at(now)) {
                if let IceOutput::TupleAdded(tuple) = output {
                    known.push(tuple);
                } else if let IceOutput::TupleRemoved(tuple) = output {
                    known.retain(|one| *one != tuple);
                }
            }
            prop_assert!(known.len() <= 8);
            prop_assert!((0..14).all(|port| known.contains(&tuple(port)) == server.knows(&tuple(port))));
            let connected = matches!(server.state(), IceState::Connected | IceState::Completed);
            prop_assert_eq!(server.selected().is_some(), connected);
            prop_assert!(server.selected().is_none_or(|selected| known.contains(&selected)));
        }
    }

    #[test]
    fn hostile_bytes_change_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200), start in 0usize..120) {
        let mut server = server();
        let mut valid = PLAIN.bytes(server.parameters());
        let start = start.min(valid.len());
        let end = (start + bytes.len()).min(valid.len());
        valid[start..end].copy_from_slice(&bytes[..end - start]);
        if valid != PLAIN.bytes(server.parameters()) {
            server.handle_datagram(&valid, tuple(1), at(0));
        }
        server.handle_datagram(&bytes, tuple(1), at(0));
        prop_assert_eq!((server.state(), server.stats().checks), (IceState::New, 0));
    }
}
