//! What only a WebRTC transport has: ICE, DTLS, and the keys of its media.
use super::batch::{Batch, Route, Sink};
use super::carrier::Carrier;
use super::keys::{PortKey, RouterKey, ServerKey, TransportKey};
use super::ports::Datagram;
use super::{Core, TransportState};
use crate::bitrate_limits::BitrateLimits;
use crate::data::{Association, AssociationOptions, Role};
use crate::dtls::{
    DtlsConnectError, DtlsOutput, DtlsParameters, DtlsRole, DtlsState, DtlsTransport, SrtpKeys,
    SrtpProfileName,
};
use crate::ice::{IceOptions, IceOutput, IceParameters, IceServer, IceState, Tuple, is_stun};
use crate::ids::TransportId;
use crate::transport::{TransportEvent, TransportStats};
use media::Moment;
use protocols::srtp::{MasterKey, Profile, Protector, SrtpError, Unprotector};
use std::time::Duration;

/// The first byte of DTLS records. Source: RFC 7983 §7.
const DTLS: std::ops::RangeInclusive<u8> = 20..=63;
/// The first byte of RTP and RTCP.
const RTP: std::ops::RangeInclusive<u8> = 128..=191;

/// What only a WebRTC transport has.
#[derive(Debug)]
pub(crate) struct WebRtc {
    pub(super) ice: IceServer,
    pub(super) dtls: DtlsTransport,
    keys: Option<Box<Keys>>,
    route: Option<Route>,
    /// Its sockets, or its server's.
    ports: Vec<(PortKey, Tuple)>,
    pub(super) server: Option<ServerKey>,
}

#[derive(Debug)]
struct Keys {
    protector: Protector,
    unprotector: Unprotector,
}

/// How a transport is to be.
#[derive(Clone, Debug)]
pub(crate) struct WebRtcSetup {
    pub(crate) consent_timeout: Duration,
    pub(crate) server: Option<ServerKey>,
    /// Data channels, if there are to be any.
    pub(crate) sctp: Option<AssociationOptions>,
    pub(crate) limits: BitrateLimits,
}

/// What a peer must know of a new transport.
#[derive(Debug)]
pub(crate) struct WebRtcFacts {
    pub(crate) id: TransportId,
    pub(crate) key: TransportKey,
    pub(crate) ice: IceParameters,
    pub(crate) dtls: DtlsParameters,
}

impl WebRtc {
    pub(super) fn route(&self) -> Option<Route> {
        self.route
    }

    pub(super) fn is_ready(&self) -> bool {
        self.keys.is_some() && self.route.is_some()
    }

    pub(super) fn protect_rtp(&mut self, bytes: &mut Vec<u8>, start: usize) -> bool {
        self.keys.as_mut().is_some_and(|keys| keys.protector.protect_rtp(bytes, start).is_ok())
    }

    pub(super) fn protect_rtcp(&mut self, bytes: &mut Vec<u8>, start: usize) -> bool {
        self.keys.as_mut().is_some_and(|keys| keys.protector.protect_rtcp(bytes, start).is_ok())
    }

    pub(super) fn forget(&mut self, ssrc: u32) {
        if let Some(keys) = &mut self.keys {
            keys.protector.forget(ssrc);
        }
    }

    pub(super) fn fill(&self, stats: &mut TransportStats) {
        stats.ice_role = Some("controlled".to_owned());
        stats.ice_state = Some(self.ice.state());
        stats.ice_selected_tuple = self.ice.selected().map(Into::into);
        stats.dtls_state = Some(self.dtls.state());
    }

    /// The socket that a tuple is of.
    fn route_of(&self, tuple: Tuple) -> Option<Route> {
        let same = |bound: &Tuple| {
            bound.protocol == tuple.protocol
                && bound.local.port() == tuple.local.port()
                && (bound.local.ip() == tuple.local.ip() || bound.local.ip().is_unspecified())
        };
        let (port, _) = self.ports.iter().find(|(_, bound)| same(bound))?;
        Some(Route { port: *port, tuple })
    }

    fn take_keys(&mut self, local: &SrtpKeys, remote: &SrtpKeys) -> Result<(), SrtpError> {
        let master = |keys: &SrtpKeys| MasterKey::new(profile(keys.profile), &keys.key, &keys.salt);
        let protector = Protector::new(&master(local)?)?;
        let unprotector = Unprotector::new(&master(remote)?)?;
        self.keys = Some(Box::new(Keys { protector, unprotector }));
        Ok(())
    }
}

/// What nobody can guess.
fn secret(bytes: &mut [u8]) {
    rand::Rng::fill(&mut rand::rng(), bytes);
}

const fn profile(name: SrtpProfileName) -> Profile {
    match name {
        SrtpProfileName::AeadAes128Gcm => Profile::AeadAes128Gcm,
        SrtpProfileName::AeadAes256Gcm => Profile::AeadAes256Gcm,
        SrtpProfileName::AesCm128HmacSha1_80 => Profile::AesCm128HmacSha1_80,
    }
}

impl Core {
    pub(crate) fn create_webrtc_transport(
        &mut self,
        router: RouterKey,
        setup: WebRtcSetup,
        now: Moment,
    ) -> WebRtcFacts {
        let ice = IceServer::new(IceOptions { consent_timeout: setup.consent_timeout }, &mut secret);
        let dtls = DtlsTransport::new(&self.dtls, self.epoch);
        let (ice_parameters, dtls_parameters) = (ice.parameters().clone(), dtls.parameters());
        let server = setup.server.and_then(|server| self.servers.get(server));
        let ports = server.map(|server| server.ports.clone()).unwrap_or_default();
        let webrtc = WebRtc { ice, dtls, keys: None, route: None, ports, server: setup.server };
        let carrier = Carrier::WebRtc(Box::new(webrtc));
        let (id, key) = self.add_transport(router, TransportId::random(), carrier, now);
        if let Some(transport) = self.transports.get_mut(key) {
            transport.limits = setup.limits;
            transport.obey_limits(now);
            // who begins is known when the DTLS roles are
            let association = |options| Box::new(Association::new(options, Role::Server, self.epoch));
            transport.data.association = setup.sctp.map(association);
        }
        if let Some(server) = setup.server.and_then(|server| self.servers.get_mut(server)) {
            server.add_ufrag(&ice_parameters.username_fragment, key);
        }
        WebRtcFacts { id, key, ice: ice_parameters, dtls: dtls_parameters }
    }

    /// One of the transport's own sockets.
    pub(crate) fn add_own_port(&mut self, key: TransportKey, port: PortKey, bound: Tuple) {
        if let Some(webrtc) = self.webrtc(key) {
            webrtc.ports.push((port, bound));
        }
    }

    pub(super) fn webrtc(&mut self, key: TransportKey) -> Option<&mut WebRtc> {
        match &mut self.transports.get_mut(key)?.carrier {
            Carrier::WebRtc(webrtc) => Some(webrtc),
            Carrier::Plain(_) | Carrier::Direct(_) => None,
        }
    }

    /// Takes the peer's DTLS parameters; `None` when the transport is closed.
    pub(crate) fn connect_webrtc(
        &mut self,
        key: TransportKey,
        parameters: DtlsParameters,
        now: Moment,
    ) -> Option<Result<DtlsRole, DtlsConnectError>> {
        let connected = self.webrtc(key)?.dtls.connect(parameters, now);
        if let (Ok(DtlsRole::Client), Some(transport)) = (&connected, self.transports.get_mut(key))
            && let Some(association) = &mut transport.data.association
        {
            association.set_role(Role::Client);
        }
        self.touch(key);
        Some(connected)
    }

    /// New credentials for the peer's checks; `None` when the transport is closed.
    pub(crate) fn restart_ice(&mut self, key: TransportKey, now: Moment) -> Option<IceParameters> {
        let webrtc = self.webrtc(key)?;
        let parameters = webrtc.ice.restart(&mut secret, now);
        let server = webrtc.server;
        if let Some(server) = server.and_then(|server| self.servers.get_mut(server)) {
            server.add_ufrag(&parameters.username_fragment, key);
        }
        self.touch(key);
        Some(parameters)
    }

    /// Takes a datagram of a transport's peer, or of somebody who says so.
    pub(super) fn handle_transport_datagram(&mut self, key: TransportKey, datagram: Datagram, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        let bytes = datagram.data.len();
        let Carrier::WebRtc(webrtc) = &mut transport.carrier else { return };
        let mut data = datagram.data;
        if is_stun(&data) {
            webrtc.ice.handle_datagram(&data, datagram.tuple, now);
            transport.traffic.received.add(bytes, now);
            self.touch(key);
            return;
        }
        let first = data.first().copied().unwrap_or(0);
        if !webrtc.ice.knows(&datagram.tuple) {
            transport.traffic.dropped += 1;
        } else if RTP.contains(&first) {
            let Some(keys) = &mut webrtc.keys else {
                transport.traffic.dropped += 1;
                return;
            };
            let plain = if formats::rtp::rtcp::is_rtcp(&data) {
                keys.unprotector.unprotect_rtcp(&mut data)
            } else {
                keys.unprotector.unprotect_rtp(&mut data)
            };
            let Ok(length) = plain else {
                transport.traffic.dropped += 1;
                return;
            };
            transport.traffic.received.add(bytes, now);
            data.truncate(length);
            self.receive(key, data.freeze(), now);
        } else if DTLS.contains(&first) {
            webrtc.dtls.handle_datagram(&data, now);
            transport.traffic.received.add(bytes, now);
            self.touch(key);
        } else {
            transport.traffic.dropped += 1;
        }
    }

    /// Answers checks, and goes on with the handshake. Returns when to look again; `None` when the transport is closed.
    pub(super) fn drive_webrtc(
        &mut self,
        key: TransportKey,
        batch: &mut Batch,
        sink: &mut dyn Sink,
        now: Moment,
    ) -> Option<Moment> {
        let ice_at = self.drive_ice(key, sink, now)?;
        let dtls_at = self.drive_dtls(key, batch, sink, now)?;
        let data_at = self.drive_data(key, now);
        if data_at == Moment::FAR_FUTURE && !self.has_sctp(key) {
            return Some(ice_at.min(dtls_at));
        }
        // what the association sends goes through DTLS
        let dtls_at = self.drive_dtls(key, batch, sink, now)?;
        Some(ice_at.min(dtls_at).min(data_at))
    }

    fn drive_ice(&mut self, key: TransportKey, sink: &mut dyn Sink, now: Moment) -> Option<Moment> {
        loop {
            let TransportState { carrier, events, traffic, .. } = self.transports.get_mut(key)?;
            let Carrier::WebRtc(webrtc) = carrier else { return Some(Moment::FAR_FUTURE) };
            let server = webrtc.server.and_then(|server| self.servers.get_mut(server));
            match webrtc.ice.poll_output(now) {
                IceOutput::Send { tuple, datagram } => {
                    if let Some(route) = webrtc.route_of(tuple) {
                        traffic.sent.add(datagram.len(), now);
                        sink.send(&route, datagram.len(), &datagram);
                    }
                }
                IceOutput::SelectedTuple(tuple) => {
                    webrtc.route = webrtc.route_of(tuple);
                    webrtc.dtls.handle_path(now);
                    events.emit(TransportEvent::IceSelectedTupleChange(tuple.into()));
                }
                IceOutput::TupleAdded(tuple) => {
                    if let Some(server) = server {
                        server.add_tuple(tuple, key);
                    }
                }
                IceOutput::TupleRemoved(tuple) => {
                    if webrtc.ice.selected().is_none() {
                        webrtc.route = None;
                    }
                    if let Some(server) = server {
                        server.remove_tuple(&tuple, key);
                    }
                }
                IceOutput::UfragRetired(ufrag) => {
                    if let Some(server) = server {
                        server.remove_ufrag(&ufrag);
                    }
                }
                IceOutput::State(state) => {
                    events.emit(TransportEvent::IceStateChange(state));
                    if state == IceState::Disconnected {
                        webrtc.route = None;
                    }
                }
                IceOutput::WaitUntil(at) => return Some(at),
            }
        }
    }

    fn drive_dtls(
        &mut self,
        key: TransportKey,
        batch: &mut Batch,
        sink: &mut dyn Sink,
        now: Moment,
    ) -> Option<Moment> {
        loop {
            let TransportState { carrier, events, traffic, tick_at, .. } = self.transports.get_mut(key)?;
            let Carrier::WebRtc(webrtc) = carrier else { return Some(Moment::FAR_FUTURE) };
            match webrtc.dtls.poll_output(now) {
                DtlsOutput::Packet(packet) => {
                    if let Some(route) = webrtc.route {
                        batch.begin();
                        batch.bytes.extend_from_slice(&packet);
                        traffic.sent.add(packet.len(), now);
                        batch.finish(&route, sink);
                    }
                }
                DtlsOutput::State(state) => {
                    events.emit(TransportEvent::DtlsStateChange(state));
                    match state {
                        // its consumers' key frames are asked for now
                        DtlsState::Connected => {
                            *tick_at = now;
                            self.data_connected(key, true, now);
                        }
                        DtlsState::Closed | DtlsState::Failed => {
                            webrtc.keys = None;
                            self.data_connected(key, false, now);
                        }
                        DtlsState::New | DtlsState::Connecting => {}
                    }
                }
                DtlsOutput::Connected { local, remote, .. } => {
                    if let Err(error) = webrtc.take_keys(&local, &remote) {
                        tracing::error!(%error, "keys of a handshake that are none");
                    }
                }
                DtlsOutput::Data(packet) => self.take_sctp(key, packet, now),
                DtlsOutput::WaitUntil(at) => return Some(at),
            }
        }
    }

    fn has_sctp(&self, key: TransportKey) -> bool {
        self.transports.get(key).is_some_and(|transport| transport.data.association.is_some())
    }
}
