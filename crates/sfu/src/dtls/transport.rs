//! One DTLS session: it begins when there is a path and the peer's parameters are known.
//!
//! Sources: RFC 5763 §5, mediasoup's `DtlsTransport`. Owns the session, what waits for it, and what it left.
use super::context::DtlsContext;
use super::error::{DtlsConnectError, DtlsFailure, DtlsSendError};
use super::keys::{SrtpKeys, SrtpProfileName, split};
use super::parameters::{
    DtlsFingerprint, DtlsParameters, DtlsRole, DtlsState, FingerprintAlgorithm, is_announced,
};
use super::pem;
use crate::epoch::Epoch;
use bytes::Bytes;
use dimpl::{Dtls, Error, Output, UnexpectedMessageError};
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Datagrams that are kept until the session begins: 8. ICE may be faster than the application's `connect`, and who
/// dropped a ClientHello here would wait for its retransmission; one with a post-quantum key share is two or three
/// datagrams, which may come twice.
const EARLY_MAX: usize = 8;
/// Largest of them: what an Ethernet frame carries.
const EARLY_BYTES_MAX: usize = 1500;
/// Data of one record. Source: RFC 6347 §4.1.
const RECORD_BYTES_MAX: usize = 1 << 14;
/// Outputs that wait for a caller that does not drain: 256, far more than a session makes of one datagram.
const OUTPUTS_MAX: usize = 256;
/// A session's timer comes no sooner than 20 ms after it was told the time. `dimpl` 0.9 wants to be called at once, for
/// ever, while datagrams of a DTLS 1.3 flight are missing, and acknowledges each time what it has: without this the
/// loss of one datagram is a worker that does nothing else.
const WAKE_AFTER_MIN: Duration = Duration::from_millis(20);
/// Room for most outputs of a session, on the stack.
const SCRATCH_BYTES: usize = 2048;

/// The next thing the caller does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DtlsOutput {
    /// Send this on the selected tuple.
    Packet(Vec<u8>),
    /// Another state. [`DtlsTransport::failure`] has the reason of one that is bad.
    State(DtlsState),
    /// The peer is who it should be; this comes right before [`DtlsState::Connected`].
    Connected {
        /// Protects what we send.
        local: SrtpKeys,
        /// Protects what the peer sends.
        remote: SrtpKeys,
        /// The peer's certificate.
        remote_certificate_pem: String,
    },
    /// Data of the peer: packets of SCTP.
    Data(Bytes),
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// How many datagrams ended how.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct DtlsStats {
    /// Taken by the session.
    pub received: u64,
    /// Came too early and were too many, came too late, or were not drained.
    pub dropped: u64,
    /// Not what a server answers, so from somebody else.
    pub foreign: u64,
}

/// DTLS of one transport.
pub struct DtlsTransport {
    context: DtlsContext,
    epoch: Epoch,
    state: DtlsState,
    remote: Option<Remote>,
    has_path: bool,
    early: VecDeque<Vec<u8>>,
    /// Boxed: a session is 2 KiB by itself, and some transports never begin one.
    session: Option<Box<Dtls>>,
    /// The peer's certificate, once it is known to be the one announced.
    certificate: Option<Vec<u8>>,
    /// Whether the session says that it is connected.
    is_established: bool,
    wake_at: Moment,
    failure: Option<DtlsFailure>,
    outputs: VecDeque<DtlsOutput>,
    stats: DtlsStats,
}

struct Remote {
    fingerprints: Vec<DtlsFingerprint>,
    our_role: DtlsRole,
}

impl std::fmt::Debug for DtlsTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("DtlsTransport");
        shown.field("state", &self.state).field("failure", &self.failure).field("stats", &self.stats);
        shown.finish_non_exhaustive()
    }
}

impl DtlsTransport {
    /// One that waits for [`Self::connect`] and [`Self::handle_path`].
    pub fn new(context: &DtlsContext, epoch: Epoch) -> Self {
        Self {
            context: context.clone(),
            epoch,
            state: DtlsState::New,
            remote: None,
            has_path: false,
            early: VecDeque::new(),
            session: None,
            certificate: None,
            is_established: false,
            wake_at: Moment::FAR_FUTURE,
            failure: None,
            outputs: VecDeque::new(),
            stats: DtlsStats::default(),
        }
    }

    /// What the peer is told before [`Self::connect`]: its role is its choice.
    pub fn parameters(&self) -> DtlsParameters {
        let role = self.remote.as_ref().map_or(DtlsRole::Auto, |remote| remote.our_role);
        DtlsParameters { role, fingerprints: self.context.fingerprints() }
    }

    /// State.
    pub const fn state(&self) -> DtlsState {
        self.state
    }

    /// Why it failed, or closed without being told to.
    pub const fn failure(&self) -> Option<&DtlsFailure> {
        self.failure.as_ref()
    }

    /// Counters.
    pub const fn stats(&self) -> &DtlsStats {
        &self.stats
    }

    /// Takes the peer's parameters, once; says which role is ours. As in mediasoup a peer that leaves the role open is
    /// the server: we are the side that ICE calls controlled.
    pub fn connect(&mut self, remote: DtlsParameters, now: Moment) -> Result<DtlsRole, DtlsConnectError> {
        match self.state {
            DtlsState::Failed | DtlsState::Closed => return Err(DtlsConnectError::Closed),
            DtlsState::New | DtlsState::Connecting | DtlsState::Connected if self.remote.is_some() => {
                return Err(DtlsConnectError::Again);
            }
            DtlsState::New | DtlsState::Connecting | DtlsState::Connected => {}
        }
        if remote.fingerprints.is_empty() {
            return Err(DtlsConnectError::NoFingerprint);
        }
        let our_role = match remote.role {
            DtlsRole::Client => DtlsRole::Server,
            DtlsRole::Server | DtlsRole::Auto => DtlsRole::Client,
        };
        self.remote = Some(Remote { fingerprints: remote.fingerprints, our_role });
        self.begin_if_ready(now);
        Ok(our_role)
    }

    /// ICE has a path. Only the first call does something.
    pub fn handle_path(&mut self, now: Moment) {
        self.has_path = true;
        self.begin_if_ready(now);
    }

    /// Takes a datagram that came on a known path.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Moment) {
        match self.state {
            DtlsState::New if self.early.len() < EARLY_MAX && datagram.len() <= EARLY_BYTES_MAX => {
                self.early.push_back(datagram.to_vec());
            }
            DtlsState::New | DtlsState::Failed | DtlsState::Closed => self.stats.dropped += 1,
            DtlsState::Connecting | DtlsState::Connected => {
                self.stats.received += 1;
                self.drive(now, |session| session.handle_packet(datagram));
            }
        }
    }

    /// Sends data to a connected peer.
    pub fn send(&mut self, data: &[u8], now: Moment) -> Result<(), DtlsSendError> {
        if self.state != DtlsState::Connected {
            return Err(DtlsSendError::NotConnected { state: self.state });
        }
        if data.len() > RECORD_BYTES_MAX {
            return Err(DtlsSendError::TooLong { bytes: data.len() });
        }
        self.drive(now, |session| session.send_application_data(data).map(|_| ()));
        self.failure.clone().map_or(Ok(()), |failure| Err(DtlsSendError::Failed(failure)))
    }

    /// The transport ends: a connected peer is told.
    pub fn close(&mut self, now: Moment) {
        match self.state {
            DtlsState::New | DtlsState::Connecting | DtlsState::Connected => {
                self.drive(now, Dtls::close);
                if self.failure.is_none() {
                    self.end(DtlsState::Closed, None);
                }
            }
            DtlsState::Failed | DtlsState::Closed => {}
        }
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Moment) -> DtlsOutput {
        if self.wake_at <= now {
            self.drive(now, |_| Ok(()));
        }
        self.outputs.pop_front().unwrap_or(DtlsOutput::WaitUntil(self.wake_at))
    }

    fn begin_if_ready(&mut self, now: Moment) {
        let Some(remote) = &self.remote else { return };
        if !self.has_path || self.state != DtlsState::New {
            return;
        }
        let is_client = remote.our_role == DtlsRole::Client;
        self.session = Some(Box::new(self.context.session(is_client, self.epoch.instant(now))));
        self.enter(DtlsState::Connecting);
        self.drive(now, |_| Ok(()));
        for datagram in std::mem::take(&mut self.early) {
            self.handle_datagram(&datagram, now);
        }
    }

    /// Tells the session the time, lets it do one thing, and takes all that comes of it.
    fn drive(&mut self, now: Moment, act: impl FnOnce(&mut Dtls) -> Result<(), Error>) {
        let instant = self.epoch.instant(now);
        let Some(session) = &mut self.session else { return };
        let result = session.handle_timeout(instant).and_then(|()| act(session));
        match result {
            Ok(()) => self.take_outputs(),
            // A client that does not know yet which version its server speaks calls each other datagram this. It is
            // none the worse for it: whoever can send us datagrams must not be able to end the handshake.
            Err(Error::UnexpectedMessage(UnexpectedMessageError::UnrecognizedAutoServerResponse)) => {
                self.stats.foreign += 1;
                self.take_outputs();
            }
            Err(error) => {
                // It may have an alert to send.
                self.take_outputs();
                self.fail(DtlsFailure::Protocol { reason: error.to_string() });
            }
        }
        self.wake_at = self.wake_at.max(now + WAKE_AFTER_MIN);
    }

    fn take_outputs(&mut self) {
        let mut scratch = [0; SCRATCH_BYTES];
        let mut larger = Vec::new();
        loop {
            let Some(session) = &mut self.session else { return };
            let buffer = if larger.is_empty() { scratch.as_mut_slice() } else { larger.as_mut_slice() };
            let room = buffer.len();
            match session.poll_output(buffer) {
                Output::Packet(packet) => {
                    let packet = DtlsOutput::Packet(packet.to_vec());
                    self.push(packet);
                }
                Output::BufferTooSmall { needed } if needed > room => larger.resize(needed, 0),
                Output::BufferTooSmall { needed } => {
                    return self
                        .fail(DtlsFailure::Protocol { reason: format!("an output of {needed} bytes") });
                }
                Output::Timeout(at) => {
                    self.wake_at = self.epoch.moment(at);
                    break;
                }
                Output::Connected => self.is_established = true,
                Output::PeerCert(certificate) => {
                    let certificate = certificate.to_vec();
                    self.take_certificate(certificate);
                }
                Output::KeyingMaterial(material, profile) => self.take_keys(&material, profile),
                Output::ApplicationData(data) if self.state == DtlsState::Connected => {
                    let data = DtlsOutput::Data(Bytes::copy_from_slice(data));
                    self.push(data);
                }
                Output::ApplicationData(_) => self.stats.dropped += 1,
                Output::CloseNotify => return self.fail(DtlsFailure::ClosedByPeer),
                // The enum is non-exhaustive: what a later version says is not for us.
                _ => {}
            }
        }
        if self.is_established && self.state == DtlsState::Connecting {
            self.fail(DtlsFailure::NoSrtpProfile);
        }
    }

    /// Packets and data may be lost anywhere on their way, so here, too.
    fn push(&mut self, output: DtlsOutput) {
        if self.outputs.len() < OUTPUTS_MAX {
            self.outputs.push_back(output);
        } else {
            self.stats.dropped += 1;
        }
    }

    fn take_certificate(&mut self, certificate: Vec<u8>) {
        let announced =
            self.remote.as_ref().is_some_and(|remote| is_announced(&certificate, &remote.fingerprints));
        if announced {
            self.certificate = Some(certificate);
        } else {
            let presented = DtlsFingerprint::of(&certificate, FingerprintAlgorithm::Sha256).value;
            self.fail(DtlsFailure::Fingerprint { presented });
        }
    }

    fn take_keys(&mut self, material: &[u8], profile: dimpl::SrtpProfile) {
        let is_client = self.remote.as_ref().is_some_and(|remote| remote.our_role == DtlsRole::Client);
        let Some(profile) = SrtpProfileName::of(profile) else {
            return self.fail(DtlsFailure::NoSrtpProfile);
        };
        // A peer without a certificate has no fingerprint either.
        let Some(certificate) = self.certificate.take() else {
            return self.fail(DtlsFailure::Fingerprint { presented: "none".into() });
        };
        match split(profile, material, is_client) {
            Ok((local, remote)) => {
                let remote_certificate_pem = pem::encode_certificate(&certificate);
                self.outputs.push_back(DtlsOutput::Connected { local, remote, remote_certificate_pem });
                self.enter(DtlsState::Connected);
            }
            Err(failure) => self.fail(failure),
        }
    }

    /// Ends it: what was connected is closed then, as in mediasoup.
    fn fail(&mut self, failure: DtlsFailure) {
        let state = match self.state {
            DtlsState::New | DtlsState::Connecting => DtlsState::Failed,
            DtlsState::Connected => DtlsState::Closed,
            DtlsState::Failed | DtlsState::Closed => return,
        };
        self.end(state, Some(failure));
    }

    fn end(&mut self, state: DtlsState, failure: Option<DtlsFailure>) {
        self.session = None;
        self.early.clear();
        self.wake_at = Moment::FAR_FUTURE;
        self.failure = failure;
        self.enter(state);
    }

    fn enter(&mut self, state: DtlsState) {
        if self.state != state {
            self.state = state;
            self.outputs.push_back(DtlsOutput::State(state));
        }
    }
}
