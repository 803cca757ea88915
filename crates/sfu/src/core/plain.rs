//! RTP to an address: what only plain and pipe transports have.
//!
//! The peer is one remote address for each socket: the one that the application named, or, with `comedia`, the first from
//! which a valid packet came. Every other sender is ignored. Source: mediasoup's `PlainTransport`.
use super::Core;
use super::batch::Route;
use super::carrier::Carrier;
use super::keys::{PortKey, RouterKey, TransportKey};
use super::ports::{Datagram, PortOwner};
use crate::ice::{Protocol, Tuple};
use crate::ids::TransportId;
use crate::plain_transport::{PlainConnectError, PlainTransportRemoteParameters};
use crate::srtp_parameters::{SrtpCryptoSuite, SrtpParameters};
use crate::transport::{TransportEvent, TransportStats, TransportTuple};
use bytes::{Bytes, BytesMut};
use formats::rtp::{Packet, rtcp};
use media::Moment;
use protocols::srtp::{MasterKey, Protector, SrtpError, Unprotector};
use std::net::SocketAddr;
use tokio::sync::watch;

/// The first byte of RTP and RTCP. Source: RFC 7983 §7.
const RTP: std::ops::RangeInclusive<u8> = 128..=191;

/// What only a plain or pipe transport has.
#[derive(Debug)]
pub(crate) struct Plain {
    rtp: Place,
    /// `None` when RTCP comes to the same socket.
    rtcp: Option<Place>,
    comedia: bool,
    /// `connect` was called.
    connected: bool,
    srtp: Option<Srtp>,
    /// Whether the peer may have another suite than the one that was asked for; then ours becomes the same.
    any_suite: bool,
    shown: watch::Sender<PlainFacts>,
}

/// A socket, and who is on its other side.
#[derive(Debug)]
struct Place {
    port: PortKey,
    bound: SocketAddr,
    /// What peers are told of it.
    announced: String,
    route: Option<Route>,
}

#[derive(Debug)]
struct Srtp {
    suite: SrtpCryptoSuite,
    local: MasterKey,
    /// Since the peer's key is known.
    keys: Option<Box<(Protector, Unprotector)>>,
}

/// What a handle shows of its transport. The owner renews it.
#[derive(Clone, Debug)]
pub(crate) struct PlainFacts {
    pub(crate) tuple: TransportTuple,
    pub(crate) rtcp_tuple: Option<TransportTuple>,
    pub(crate) srtp_parameters: Option<SrtpParameters>,
}

/// A bound socket, and what peers are told of it.
#[derive(Debug)]
pub(crate) struct PlainSocket {
    pub(crate) bound: SocketAddr,
    pub(crate) announced: String,
}

/// How a transport is to be.
#[derive(Debug)]
pub(crate) struct PlainSetup {
    pub(crate) rtp: PlainSocket,
    pub(crate) rtcp: Option<PlainSocket>,
    pub(crate) comedia: bool,
    pub(crate) suite: Option<SrtpCryptoSuite>,
    pub(crate) any_suite: bool,
}

/// What the maker must know of a new transport.
pub(crate) struct PlainMade {
    pub(crate) id: TransportId,
    pub(crate) key: TransportKey,
    /// Keys of its sockets: for RTP, and for RTCP.
    pub(crate) ports: (PortKey, Option<PortKey>),
    pub(crate) facts: watch::Receiver<PlainFacts>,
}

/// A packet that may go on.
struct Accepted {
    /// Its plain length.
    length: usize,
    /// The peer's address is known since this packet.
    event: Option<TransportEvent>,
}

impl Place {
    fn new(socket: PlainSocket) -> Self {
        Self { port: PortKey::default(), bound: socket.bound, announced: socket.announced, route: None }
    }

    fn tuple(&self) -> TransportTuple {
        let remote = self.route.map(|route| route.tuple.remote);
        TransportTuple {
            local_address: self.announced.clone(),
            local_port: self.bound.port(),
            remote_ip: remote.map(|remote| remote.ip()),
            remote_port: remote.map(|remote| remote.port()),
            protocol: Protocol::Udp,
        }
    }

    fn connect(&mut self, remote: SocketAddr) {
        let tuple = Tuple { protocol: Protocol::Udp, local: self.bound, remote };
        self.route = Some(Route { port: self.port, tuple });
    }
}

impl Plain {
    fn facts(&self) -> PlainFacts {
        PlainFacts {
            tuple: self.rtp.tuple(),
            rtcp_tuple: self.rtcp.as_ref().map(Place::tuple),
            srtp_parameters: self.srtp.as_ref().map(|srtp| SrtpParameters::of(srtp.suite, &srtp.local)),
        }
    }

    pub(super) fn route(&self) -> Option<Route> {
        self.rtp.route
    }

    pub(super) fn rtcp_route(&self) -> Option<Route> {
        match &self.rtcp {
            Some(rtcp) => rtcp.route,
            None => self.rtp.route,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.rtp.route.is_some() && self.srtp.as_ref().is_none_or(|srtp| srtp.keys.is_some())
    }

    pub(super) fn protect_rtp(&mut self, bytes: &mut Vec<u8>, start: usize) -> bool {
        match &mut self.srtp {
            None => true,
            Some(srtp) => srtp.keys.as_mut().is_some_and(|keys| keys.0.protect_rtp(bytes, start).is_ok()),
        }
    }

    pub(super) fn protect_rtcp(&mut self, bytes: &mut Vec<u8>, start: usize) -> bool {
        match &mut self.srtp {
            None => true,
            Some(srtp) => srtp.keys.as_mut().is_some_and(|keys| keys.0.protect_rtcp(bytes, start).is_ok()),
        }
    }

    pub(super) fn forget(&mut self, ssrc: u32) {
        if let Some(keys) = self.srtp.as_mut().and_then(|srtp| srtp.keys.as_mut()) {
            keys.0.forget(ssrc);
        }
    }

    pub(super) fn fill(&self, stats: &mut TransportStats) {
        stats.tuple = Some(self.rtp.tuple());
        stats.rtcp_tuple = self.rtcp.as_ref().map(Place::tuple);
        stats.rtcp_mux = Some(self.rtcp.is_none());
        stats.comedia = Some(self.comedia);
    }

    /// Checks everything before it changes anything.
    fn connect(&mut self, parameters: &PlainTransportRemoteParameters) -> Result<(), PlainConnectError> {
        if self.connected {
            return Err(PlainConnectError::Twice);
        }
        let srtp = self.peer_keys(parameters.srtp_parameters.as_ref())?;
        let PlainTransportRemoteParameters { ip, port, rtcp_port, .. } = *parameters;
        if self.comedia {
            if ip.is_some() || port.is_some() || rtcp_port.is_some() {
                return Err(PlainConnectError::UnexpectedAddress);
            }
        } else {
            let ip = ip.ok_or(PlainConnectError::MissingIp)?.to_canonical();
            let port = port.filter(|port| *port != 0).ok_or(PlainConnectError::MissingPort)?;
            let places = std::iter::once(&self.rtp).chain(&self.rtcp);
            if ip.is_ipv6() && places.into_iter().any(|place| place.bound.is_ipv4()) {
                return Err(PlainConnectError::Family(ip));
            }
            match (&mut self.rtcp, rtcp_port.filter(|port| *port != 0)) {
                (Some(rtcp), Some(port)) => rtcp.connect(SocketAddr::new(ip, port)),
                (Some(_), None) => return Err(PlainConnectError::MissingRtcpPort),
                (None, Some(_)) => return Err(PlainConnectError::RtcpPortWithMux),
                (None, None) => {}
            }
            self.rtp.connect(SocketAddr::new(ip, port));
        }
        if srtp.is_some() {
            self.srtp = srtp;
        }
        self.connected = true;
        self.shown.send_replace(self.facts());
        Ok(())
    }

    /// Both sides' keys, when SRTP is wanted.
    fn peer_keys(&self, theirs: Option<&SrtpParameters>) -> Result<Option<Srtp>, PlainConnectError> {
        let (ours, theirs) = match (&self.srtp, theirs) {
            (None, None) => return Ok(None),
            (None, Some(_)) => return Err(PlainConnectError::UnexpectedSrtp),
            (Some(_), None) => return Err(PlainConnectError::MissingSrtp),
            (Some(ours), Some(theirs)) => (ours, theirs),
        };
        let (suite, asked) = (theirs.crypto_suite, ours.suite);
        let local = match suite == asked {
            true => ours.local.clone(),
            false if self.any_suite => suite.new_key()?,
            false => return Err(PlainConnectError::Suite { asked, got: suite }),
        };
        let keys = (Protector::new(&local)?, Unprotector::new(&theirs.key()?)?);
        Ok(Some(Srtp { suite, local, keys: Some(Box::new(keys)) }))
    }

    /// Whether a datagram is the peer's; it is deciphered in place. With `comedia` the first one says who the peer is.
    fn accept(&mut self, port: PortKey, tuple: Tuple, data: &mut BytesMut) -> Option<Accepted> {
        if !data.first().is_some_and(|first| RTP.contains(first)) {
            return None;
        }
        let is_rtcp = rtcp::is_rtcp(data);
        let (comedia, separate) = (self.comedia, self.rtcp.is_some());
        let (place, other) = match &mut self.rtcp {
            Some(rtcp) if is_rtcp => (rtcp, Some(&self.rtp)),
            Some(rtcp) => (&mut self.rtp, Some(&*rtcp)),
            None => (&mut self.rtp, None),
        };
        let other = other.and_then(|other| other.route).map(|route| route.tuple.remote.ip());
        match &place.route {
            Some(route) if route.tuple.remote != tuple.remote => return None,
            None if !comedia || place.port != port => return None,
            // the peer is one: whoever else sends RTCP must not be sent the reports
            None if other.is_some_and(|ip| ip != tuple.remote.ip()) => return None,
            Some(_) | None => {}
        }
        let length = match &mut self.srtp {
            None => data.len(),
            Some(srtp) => {
                let (_, unprotector) = &mut **srtp.keys.as_mut()?;
                let plain =
                    if is_rtcp { unprotector.unprotect_rtcp(data) } else { unprotector.unprotect_rtp(data) };
                plain.ok()?
            }
        };
        let mut event = None;
        if place.route.is_none() {
            let plain = data.get(..length)?;
            let valid = match is_rtcp {
                true => rtcp::parse(plain).is_ok(),
                false => Packet::parse(Bytes::copy_from_slice(plain)).is_ok(),
            };
            if !valid {
                return None;
            }
            place.route = Some(Route { port, tuple });
            let tuple = place.tuple();
            event = Some(if separate && is_rtcp {
                TransportEvent::RtcpTuple(tuple)
            } else {
                TransportEvent::Tuple(tuple)
            });
            self.shown.send_replace(self.facts());
        }
        Some(Accepted { length, event })
    }
}

impl Core {
    pub(crate) fn create_plain_transport(
        &mut self,
        router: RouterKey,
        setup: PlainSetup,
        now: Moment,
    ) -> Result<PlainMade, SrtpError> {
        let srtp = match setup.suite {
            Some(suite) => Some(Srtp { suite, local: suite.new_key()?, keys: None }),
            None => None,
        };
        let (rtp, rtcp) = (Place::new(setup.rtp), setup.rtcp.map(Place::new));
        let nothing = PlainFacts { tuple: rtp.tuple(), rtcp_tuple: None, srtp_parameters: None };
        let (shown, facts) = watch::channel(nothing);
        let any_suite = setup.any_suite;
        let comedia = setup.comedia;
        let plain = Plain { rtp, rtcp, comedia, connected: false, srtp, any_suite, shown };
        plain.shown.send_replace(plain.facts());
        let separate = plain.rtcp.is_some();
        let carrier = Carrier::Plain(Box::new(plain));
        let (id, key) = self.add_transport(router, TransportId::random(), carrier, now);
        let owner = PortOwner::Transport(key);
        let ports = (self.add_port(owner), separate.then(|| self.add_port(owner)));
        if let Some(plain) = self.plain(key) {
            plain.rtp.port = ports.0;
            if let (Some(rtcp), Some(port)) = (&mut plain.rtcp, ports.1) {
                rtcp.port = port;
            }
        }
        Ok(PlainMade { id, key, ports, facts })
    }

    fn plain(&mut self, key: TransportKey) -> Option<&mut Plain> {
        match &mut self.transports.get_mut(key)?.carrier {
            Carrier::Plain(plain) => Some(plain),
            Carrier::WebRtc(_) | Carrier::Direct(_) => None,
        }
    }

    /// Takes the peer's address and key; `None` when the transport is closed.
    pub(crate) fn connect_plain(
        &mut self,
        key: TransportKey,
        parameters: &PlainTransportRemoteParameters,
        now: Moment,
    ) -> Option<Result<(), PlainConnectError>> {
        let connected = self.plain(key)?.connect(parameters);
        // its consumers' key frames are asked for now
        self.tick_soon(key, now);
        Some(connected)
    }

    /// Takes a datagram that came to a plain or pipe transport's socket.
    pub(super) fn handle_plain_datagram(&mut self, key: TransportKey, datagram: Datagram, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        let Carrier::Plain(plain) = &mut transport.carrier else { return };
        let Datagram { port, tuple, mut data } = datagram;
        let bytes = data.len();
        let Some(Accepted { length, event }) = plain.accept(port, tuple, &mut data) else {
            transport.traffic.dropped += 1;
            return;
        };
        transport.traffic.received.add(bytes, now);
        if let Some(event) = event {
            transport.events.emit(event);
            self.tick_soon(key, now);
        }
        data.truncate(length);
        self.receive(key, data.freeze(), now);
    }
}
