//! Two transports of ours with a lossy wire between them; OpenSSL as the other side is in `openssl`.
use super::*;
use crate::epoch::Epoch;
use media::Moment;
use proptest::prelude::*;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

mod hostile;
mod measure;
mod openssl;

/// Two sides' contexts, for all tests: making one is slow.
static CONTEXTS: LazyLock<[DtlsContext; 2]> =
    LazyLock::new(|| [(); 2].map(|()| DtlsContext::generate().unwrap()));

fn epoch() -> Epoch {
    #[expect(clippy::disallowed_methods, reason = "the sessions count in Instants; only differences matter")]
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    Epoch::new(*START, Moment::ZERO)
}

fn at(ms: u64) -> Moment {
    Moment::from_millis(ms)
}

/// One side and what it said besides packets.
struct Side {
    transport: DtlsTransport,
    said: Vec<DtlsOutput>,
}

impl Side {
    fn new(context: &DtlsContext) -> Self {
        Self { transport: DtlsTransport::new(context, epoch()), said: Vec::new() }
    }

    /// Takes outputs; returns packets and when to poll again.
    fn drain(&mut self, now: Moment) -> (Vec<Vec<u8>>, Moment) {
        let mut packets = Vec::new();
        loop {
            match self.transport.poll_output(now) {
                DtlsOutput::Packet(packet) => {
                    packets.push(packet);
                    // A flight has three. `dimpl` 0.9 once acknowledged without end what it had of one.
                    assert!(packets.len() < 50, "it never stops sending");
                }
                DtlsOutput::WaitUntil(at) => return (packets, at),
                output @ (DtlsOutput::State(_) | DtlsOutput::Connected { .. } | DtlsOutput::Data(_)) => {
                    self.said.push(output);
                }
            }
        }
    }

    fn keys(&self) -> (&SrtpKeys, &SrtpKeys, &str) {
        let found = self.said.iter().find_map(|output| {
            let DtlsOutput::Connected { local, remote, remote_certificate_pem } = output else { return None };
            Some((local, remote, remote_certificate_pem.as_str()))
        });
        found.unwrap()
    }

    fn data(&self) -> Vec<&[u8]> {
        let mut all = Vec::new();
        for output in &self.said {
            if let DtlsOutput::Data(data) = output {
                all.push(data.as_ref());
            }
        }
        all
    }
}

/// A client and a server.
struct Pair {
    client: Side,
    server: Side,
    now: Moment,
    sent: usize,
}

impl Pair {
    fn new(client: DtlsVersions, server: DtlsVersions) -> Self {
        let [one, other] = &*CONTEXTS;
        let sides = [one.clone().with_versions(client), other.clone().with_versions(server)];
        let [client, server] = sides.map(|context| Side::new(&context));
        Self { client, server, now: at(0), sent: 0 }
    }

    fn connect(&mut self) {
        let remote = |role, side: &Side| DtlsParameters { role, ..side.transport.parameters() };
        let (client, server) =
            (remote(DtlsRole::Client, &self.client), remote(DtlsRole::Server, &self.server));
        assert_eq!(self.client.transport.connect(server, self.now), Ok(DtlsRole::Client));
        assert_eq!(self.server.transport.connect(client, self.now), Ok(DtlsRole::Server));
        self.client.transport.handle_path(self.now);
        self.server.transport.handle_path(self.now);
    }

    /// Lets both talk until nothing happens before `until`; `lose` is asked with each datagram's number.
    fn run(&mut self, until: Moment, lose: impl Fn(usize) -> bool) {
        loop {
            let (to_server, client_wakes) = self.client.drain(self.now);
            let (to_client, server_wakes) = self.server.drain(self.now);
            let quiet = to_server.is_empty() && to_client.is_empty();
            let both = [(&mut self.server, to_server), (&mut self.client, to_client)];
            for (receiver, datagrams) in both {
                for datagram in datagrams {
                    if !lose(self.sent) {
                        receiver.transport.handle_datagram(&datagram, self.now);
                    }
                    self.sent += 1;
                }
            }
            if quiet {
                let wakes = client_wakes.min(server_wakes);
                if wakes > until {
                    self.now = until;
                    return;
                }
                assert!(wakes > self.now, "it wants to be woken now, and again");
                self.now = wakes;
            }
        }
    }

    fn connected(client: DtlsVersions, server: DtlsVersions) -> Self {
        let mut pair = Self::new(client, server);
        pair.connect();
        pair.run(at(50), |_| false);
        pair.assert_connected();
        pair
    }

    fn assert_connected(&self) {
        assert_eq!(
            self.states(),
            (DtlsState::Connected, DtlsState::Connected),
            "{:?}",
            self.client.transport
        );
        let ((our, their, of_server), (server_our, server_their, of_client)) =
            (self.client.keys(), self.server.keys());
        assert_eq!((our, their), (server_their, server_our));
        assert_ne!(our.key, their.key);
        assert_eq!(of_client, CONTEXTS[0].certificate_pem());
        assert_eq!(of_server, CONTEXTS[1].certificate_pem());
    }

    fn states(&self) -> (DtlsState, DtlsState) {
        (self.client.transport.state(), self.server.transport.state())
    }
}

const VERSIONS: [(DtlsVersions, DtlsVersions); 5] = [
    (DtlsVersions::Both, DtlsVersions::Both),
    (DtlsVersions::Only12, DtlsVersions::Both),
    (DtlsVersions::Both, DtlsVersions::Only12),
    (DtlsVersions::Only13, DtlsVersions::Both),
    (DtlsVersions::Both, DtlsVersions::Only13),
];

#[test]
fn both_sides_get_the_same_keys_whatever_versions_they_speak() {
    for (client, server) in VERSIONS {
        let pair = Pair::connected(client, server);
        let expected = [DtlsOutput::State(DtlsState::Connecting), DtlsOutput::State(DtlsState::Connected)];
        let states = |side: &Side| {
            let is_state = |output: &&DtlsOutput| matches!(output, DtlsOutput::State(_));
            side.said.iter().filter(is_state).cloned().collect::<Vec<_>>()
        };
        assert_eq!((states(&pair.client), states(&pair.server)), (expected.to_vec(), expected.to_vec()));
    }
}

#[test]
fn the_loss_of_any_one_datagram_is_repaired() {
    for (client, server) in VERSIONS {
        let datagrams = Pair::connected(client, server).sent;
        for lost in 0..datagrams {
            let mut pair = Pair::new(client, server);
            pair.connect();
            pair.run(at(20_000), |number| number == lost);
            pair.assert_connected();
        }
    }
}

#[test]
fn data_goes_both_ways_after_the_handshake_and_not_before() {
    for (client, server) in VERSIONS {
        let mut pair = Pair::new(client, server);
        let early = pair.client.transport.send(b"early", at(0));
        assert_eq!(early, Err(DtlsSendError::NotConnected { state: DtlsState::New }));
        pair.connect();
        let early = pair.client.transport.send(b"early", at(0));
        assert_eq!(early, Err(DtlsSendError::NotConnected { state: DtlsState::Connecting }));
        pair.run(at(50), |_| false);
        for bytes in [1, 1200, 9000] {
            pair.client.transport.send(&vec![1; bytes], pair.now).unwrap();
            pair.server.transport.send(&vec![2; bytes], pair.now).unwrap();
            pair.run(pair.now, |_| false);
            assert_eq!(pair.server.data().last(), Some(&vec![1; bytes].as_slice()));
            assert_eq!(pair.client.data().last(), Some(&vec![2; bytes].as_slice()));
        }
        let long = pair.client.transport.send(&vec![0; 20_000], pair.now);
        assert_eq!(long, Err(DtlsSendError::TooLong { bytes: 20_000 }));
        assert_eq!(pair.states(), (DtlsState::Connected, DtlsState::Connected));
    }
}

#[test]
fn a_peer_with_another_certificate_than_announced_is_refused() {
    for (client, server) in VERSIONS {
        for client_is_deceived in [true, false] {
            let mut pair = Pair::new(client, server);
            let right = |role, side: &Side| DtlsParameters { role, ..side.transport.parameters() };
            let wrong = |role| {
                let mut fingerprints = CONTEXTS[0].fingerprints();
                fingerprints.iter_mut().for_each(|one| one.value.replace_range(..2, "zz"));
                DtlsParameters { role, fingerprints }
            };
            let (for_client, for_server) = if client_is_deceived {
                (wrong(DtlsRole::Server), right(DtlsRole::Client, &pair.client))
            } else {
                (right(DtlsRole::Server, &pair.server), wrong(DtlsRole::Client))
            };
            pair.client.transport.connect(for_client, at(0)).unwrap();
            pair.server.transport.connect(for_server, at(0)).unwrap();
            pair.client.transport.handle_path(at(0));
            pair.server.transport.handle_path(at(0));
            pair.run(at(100), |_| false);
            let deceived = if client_is_deceived { &pair.client } else { &pair.server };
            assert_eq!(deceived.transport.state(), DtlsState::Failed);
            assert!(matches!(deceived.transport.failure(), Some(DtlsFailure::Fingerprint { .. })));
            assert!(!deceived.said.iter().any(|output| matches!(output, DtlsOutput::Connected { .. })));
        }
    }
}

#[test]
fn the_strongest_announced_hash_decides_alone() {
    let [one, other] = &*CONTEXTS;
    let of = |context: &DtlsContext, algorithm| {
        context.fingerprints().into_iter().find(|one| one.algorithm == algorithm).unwrap()
    };
    let der = super::pem::decode(&one.certificate_pem(), super::pem::CERTIFICATE).unwrap();
    let announced = |fingerprints: &[DtlsFingerprint]| super::parameters::is_announced(&der, fingerprints);
    use FingerprintAlgorithm::{Sha1, Sha256};
    assert!(announced(&[of(other, Sha256), of(one, Sha256)]));
    assert!(!announced(&[of(one, Sha1), of(other, Sha256)]));
    assert!(announced(&[of(other, Sha1), of(one, Sha256)]));
    assert!(!announced(&[]));
    let small = of(one, Sha256).value.to_lowercase();
    assert!(announced(&[DtlsFingerprint { algorithm: Sha256, value: small }]));
}

#[test]
fn a_client_that_is_faster_than_the_application_does_not_wait_for_a_retransmission() {
    let mut pair = Pair::new(DtlsVersions::Both, DtlsVersions::Both);
    let server = DtlsParameters { role: DtlsRole::Server, ..pair.server.transport.parameters() };
    pair.server.transport.handle_path(at(0));
    pair.client.transport.connect(server, at(0)).unwrap();
    pair.client.transport.handle_path(at(0));
    pair.run(at(10), |_| false);
    assert_eq!(pair.states(), (DtlsState::Connecting, DtlsState::New));
    let client = DtlsParameters { role: DtlsRole::Client, ..pair.client.transport.parameters() };
    pair.server.transport.connect(client, at(10)).unwrap();
    pair.run(at(20), |_| false);
    pair.assert_connected();
}

#[test]
fn datagrams_before_connect_are_kept_up_to_a_limit() {
    let mut transport = DtlsTransport::new(&CONTEXTS[0], epoch());
    (0..20).for_each(|_| transport.handle_datagram(&[22; 100], at(0)));
    assert_eq!(transport.stats().dropped, 12);
    let mut transport = DtlsTransport::new(&CONTEXTS[0], epoch());
    transport.handle_datagram(&[22; 1501], at(0));
    assert_eq!(transport.stats().dropped, 1);
}

#[test]
fn roles_are_those_of_mediasoup() {
    for (theirs, ours) in [
        (DtlsRole::Auto, DtlsRole::Client),
        (DtlsRole::Server, DtlsRole::Client),
        (DtlsRole::Client, DtlsRole::Server),
    ] {
        let mut transport = DtlsTransport::new(&CONTEXTS[0], epoch());
        assert_eq!(transport.parameters().role, DtlsRole::Auto);
        let remote = DtlsParameters { role: theirs, fingerprints: CONTEXTS[1].fingerprints() };
        let none = DtlsParameters { fingerprints: Vec::new(), ..remote.clone() };
        assert_eq!(transport.connect(none, at(0)), Err(DtlsConnectError::NoFingerprint));
        assert_eq!(transport.connect(remote.clone(), at(0)), Ok(ours));
        assert_eq!(transport.parameters().role, ours);
        assert_eq!(transport.connect(remote.clone(), at(0)), Err(DtlsConnectError::Again));
        transport.close(at(0));
        assert_eq!(transport.connect(remote, at(0)), Err(DtlsConnectError::Closed));
    }
}

#[test]
fn a_peer_that_never_answers_fails_the_handshake() {
    let mut pair = Pair::new(DtlsVersions::Both, DtlsVersions::Both);
    pair.connect();
    pair.run(at(60_000), |_| true);
    assert_eq!(pair.client.transport.state(), DtlsState::Failed);
    assert!(matches!(pair.client.transport.failure(), Some(DtlsFailure::Protocol { .. })));
    // Whoever was never called waits on: it has no peer yet.
    assert_eq!(pair.server.transport.state(), DtlsState::Connecting);
}

#[test]
fn a_connected_peer_is_told_of_the_end() {
    for (client, server) in VERSIONS {
        let mut pair = Pair::connected(client, server);
        pair.server.transport.close(pair.now);
        pair.run(pair.now, |_| false);
        assert_eq!(pair.states(), (DtlsState::Closed, DtlsState::Closed));
        assert_eq!(pair.server.transport.failure(), None);
        assert_eq!(pair.client.transport.failure(), Some(&DtlsFailure::ClosedByPeer));
        let late = pair.client.transport.send(b"late", pair.now);
        assert_eq!(late, Err(DtlsSendError::NotConnected { state: DtlsState::Closed }));
    }
}

#[test]
fn all_sessions_share_settings_that_were_made_once() {
    let context = DtlsContext::generate().unwrap();
    let mut sessions: Vec<_> = (0..10).map(|_| DtlsTransport::new(&context, epoch())).collect();
    let idle = context.users();
    for session in &mut sessions {
        let remote = DtlsParameters { role: DtlsRole::Client, fingerprints: CONTEXTS[1].fingerprints() };
        session.connect(remote, at(0)).unwrap();
        session.handle_path(at(0));
    }
    assert!(context.users() >= idle + 10, "each session holds the same settings");
}

#[test]
fn parameters_and_states_are_written_as_mediasoup_writes_them() {
    use mediasoup_types::data_structures as theirs;
    let ours = DtlsParameters { role: DtlsRole::Server, fingerprints: CONTEXTS[0].fingerprints() };
    let json = serde_json::to_value(&ours).unwrap();
    let read: theirs::DtlsParameters = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), json);
    assert_eq!(serde_json::from_value::<DtlsParameters>(json).unwrap(), ours);
    assert_eq!(ours.fingerprints.last().unwrap().algorithm, FingerprintAlgorithm::Sha256);
    use DtlsState::{Closed, Connected, Connecting, Failed, New};
    for state in [New, Connecting, Connected, Failed, Closed] {
        let json = serde_json::to_value(state).unwrap();
        let read: theirs::DtlsState = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), json);
    }
    let without_role = r#"{"fingerprints":[{"algorithm":"sha-256","value":"AA"}]}"#;
    assert_eq!(serde_json::from_str::<DtlsParameters>(without_role).unwrap().role, DtlsRole::Auto);
}

#[test]
fn keys_are_never_printed() {
    let pair = Pair::connected(DtlsVersions::Both, DtlsVersions::Both);
    assert_eq!(format!("{:?}", pair.client.keys().0), "SrtpKeys { profile: AeadAes256Gcm, .. }");
}
