//! OpenSSL as the other side, over loopback: a misreading of ours cannot be shared by both. Its 3.0 speaks DTLS 1.2.
use super::*;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Longest wait for OpenSSL: 30 s, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("aqueduct-dtls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.0.join(name)).unwrap_or_default()).into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn openssl(args: &[&str]) -> String {
    let output =
        Command::new("openssl").args(args).stdin(Stdio::null()).output().expect("openssl is installed");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes `cert.pem` and `key.pem` on a curve; returns the fingerprint as OpenSSL says it.
fn certificate(folder: &Folder, curve: &str) -> String {
    let (key, certificate) = (folder.path("key.pem"), folder.path("cert.pem"));
    let curve = format!("ec_paramgen_curve:{curve}");
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        &curve,
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=peer",
        "-keyout",
        &key,
        "-out",
        &certificate,
    ]);
    let shown = openssl(&["x509", "-in", &certificate, "-noout", "-fingerprint", "-sha256"]);
    shown.trim().split_once('=').unwrap().1.to_owned()
}

/// OpenSSL with its output in a file; ends with the test.
struct Peer {
    child: Child,
    stdin: ChildStdin,
}

impl Peer {
    fn start(folder: &Folder, args: &[&str]) -> Self {
        let output = File::create(Path::new(&folder.path("output"))).unwrap();
        let mut child = Command::new("openssl")
            .args(args)
            .args(["-dtls1_2", "-cert", &folder.path("cert.pem"), "-key", &folder.path("key.pem")])
            .args(["-use_srtp", "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"])
            .args(["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "56"])
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        Self { child, stdin }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_types, reason = "a test with a real peer")]
struct Wire {
    socket: std::net::UdpSocket,
    start: Instant,
    peer: Option<std::net::SocketAddr>,
}

#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a test with a real peer")]
impl Wire {
    fn new() -> Self {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self { socket, start: Instant::now(), peer: None }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    fn now(&self) -> Moment {
        epoch().moment(Instant::now())
    }

    /// Carries datagrams until `done`.
    fn run(&mut self, side: &mut Side, what: &str, done: impl Fn(&Side) -> bool) {
        let mut datagram = [0; 2048];
        let begin = Instant::now();
        loop {
            for packet in side.drain(self.now()).0 {
                if let Some(peer) = self.peer {
                    // Nobody listens yet: that is loss, too.
                    let _ = self.socket.send_to(&packet, peer);
                }
            }
            if done(side) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "{what}: {:?}, {:?}", side.transport, self.start.elapsed());
            if let Ok((length, from)) = self.socket.recv_from(&mut datagram) {
                self.peer = Some(from);
                side.transport.handle_datagram(&datagram[..length], self.now());
            }
        }
    }
}

/// Our keys in the order in which OpenSSL exports them.
fn exported(side: &Side, we_are_client: bool) -> String {
    let (local, remote, _) = side.keys();
    assert_eq!(
        (local.profile, remote.profile),
        (SrtpProfileName::AeadAes128Gcm, SrtpProfileName::AeadAes128Gcm)
    );
    let (client, server) = if we_are_client { (local, remote) } else { (remote, local) };
    let all = [&client.key, &server.key, &client.salt, &server.salt];
    all.into_iter().flatten().map(|byte| format!("{byte:02X}")).collect()
}

/// Connects, compares keys, and sends data both ways.
fn talk(folder: &Folder, fingerprint: String, wire: &mut Wire, peer: &mut Peer, we_are_client: bool) {
    let mut side = Side::new(&CONTEXTS[0]);
    let role = if we_are_client { DtlsRole::Server } else { DtlsRole::Client };
    let announced = DtlsFingerprint { algorithm: FingerprintAlgorithm::Sha256, value: fingerprint };
    side.transport.connect(DtlsParameters { role, fingerprints: vec![announced] }, wire.now()).unwrap();
    side.transport.handle_path(wire.now());
    wire.run(&mut side, "handshake", |side| side.transport.state() != DtlsState::Connecting);
    assert_eq!(
        side.transport.state(),
        DtlsState::Connected,
        "{:?}\n{}",
        side.transport,
        folder.read("output")
    );
    assert_eq!(side.keys().2.trim(), folder.read("cert.pem").trim());
    let keys = exported(&side, we_are_client);
    peer.stdin.write_all(b"from openssl\n").unwrap();
    peer.stdin.flush().unwrap();
    wire.run(&mut side, "data to us", |side| side.data().concat() == b"from openssl\n");
    side.transport.send(b"from aqueduct\n", wire.now()).unwrap();
    wire.run(&mut side, "data to it", |_| folder.read("output").contains("from aqueduct\n"));
    let output = folder.read("output");
    assert!(output.contains("profile=SRTP_AEAD_AES_128_GCM"), "{output}");
    assert!(output.contains(&keys), "our keys {keys} are not those of\n{output}");
    side.transport.close(wire.now());
    wire.run(&mut side, "end", |side| side.transport.state() == DtlsState::Closed);
}

#[test]
fn openssl_as_client_gets_the_keys_that_we_get() {
    let folder = Folder::new("client");
    for curve in ["P-256", "P-384"] {
        let fingerprint = certificate(&folder, curve);
        let mut wire = Wire::new();
        let address = format!("127.0.0.1:{}", wire.port());
        let mut peer = Peer::start(&folder, &["s_client", "-connect", &address]);
        talk(&folder, fingerprint, &mut wire, &mut peer, false);
    }
}

#[test]
fn openssl_as_server_gets_the_keys_that_we_get() {
    let folder = Folder::new("server");
    let fingerprint = certificate(&folder, "P-256");
    let mut wire = Wire::new();
    // Its port: one that was free a moment ago.
    let port = Wire::new().port();
    wire.peer = Some(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    let accept = format!("127.0.0.1:{port}");
    let mut peer = Peer::start(&folder, &["s_server", "-accept", &accept, "-verify", "1"]);
    talk(&folder, fingerprint, &mut wire, &mut peer, true);
}

#[test]
fn certificates_of_files_are_taken_and_their_fingerprints_are_openssls() {
    let folder = Folder::new("files");
    for curve in ["P-256", "P-384"] {
        let fingerprint = certificate(&folder, curve);
        let (certificate, key) = (folder.read("cert.pem"), folder.read("key.pem"));
        let context = DtlsContext::from_pem(&certificate, &key).unwrap();
        assert_eq!(context.certificate_pem().trim(), certificate.trim());
        let ours = context.fingerprints();
        assert_eq!(ours.last().unwrap().value, fingerprint);
        for (name, algorithm) in [
            ("-sha1", FingerprintAlgorithm::Sha1),
            ("-sha224", FingerprintAlgorithm::Sha224),
            ("-sha384", FingerprintAlgorithm::Sha384),
            ("-sha512", FingerprintAlgorithm::Sha512),
        ] {
            let shown = openssl(&["x509", "-in", &folder.path("cert.pem"), "-noout", "-fingerprint", name]);
            let one = ours.iter().find(|one| one.algorithm == algorithm).unwrap();
            assert_eq!(shown.trim().split_once('=').unwrap().1, one.value);
        }
        // The older form of the same key, behind its parameters as `openssl ecparam` writes it.
        let sec1 = openssl(&["ec", "-in", &folder.path("key.pem")]);
        let behind =
            format!("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{sec1}");
        DtlsContext::from_pem(&certificate, &behind).unwrap();
    }
}

#[test]
fn a_session_with_a_certificate_of_a_file_connects() {
    let folder = Folder::new("session");
    certificate(&folder, "P-384");
    let context = DtlsContext::from_pem(&folder.read("cert.pem"), &folder.read("key.pem")).unwrap();
    for versions in [DtlsVersions::Only12, DtlsVersions::Only13] {
        let mut pair = Pair::new(versions, DtlsVersions::Both);
        pair.server = Side::new(&context);
        pair.connect();
        pair.run(at(50), |_| false);
        assert_eq!(pair.states(), (DtlsState::Connected, DtlsState::Connected));
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused_with_the_reason() {
    let folder = Folder::new("refused");
    certificate(&folder, "P-256");
    let of = |key: &str| DtlsContext::from_pem(&folder.read("cert.pem"), key).map(drop);
    let (pkcs8, other) = (folder.path("rsa.pem"), folder.path("other.pem"));
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &pkcs8]);
    assert_eq!(of(&folder.read("rsa.pem")), Err(DtlsCertificateError::Rsa));
    assert_eq!(of(&openssl(&["rsa", "-in", &pkcs8, "-traditional"])), Err(DtlsCertificateError::Rsa));
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521", "-out", &other]);
    assert_eq!(of(&folder.read("other.pem")), Err(DtlsCertificateError::NotEc));
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &other]);
    assert_eq!(of(&folder.read("other.pem")), Err(DtlsCertificateError::Mismatch));
    assert_eq!(of("nothing"), Err(DtlsCertificateError::Pem { label: "PRIVATE KEY" }));
    let key = folder.read("key.pem");
    let broken = DtlsContext::from_pem("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----", &key);
    assert_eq!(broken.map(drop), Err(DtlsCertificateError::Pem { label: "CERTIFICATE" }));
}
