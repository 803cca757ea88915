//! [`WebRtcTransport`]: the way to a browser or the like.
use crate::bitrate_limits::{BitrateError, BitrateLimit, BitrateLimits, SetBitrateError};
use crate::core::{PortOwner, TransportKey, WebRtcSetup};
use crate::data::{AssociationOptions, SctpParameters};
use crate::dtls::{DtlsConnectError, DtlsParameters, DtlsRole};
use crate::ice::{CONSENT_TIMEOUT_DEFAULT, IceCandidate, IceParameters, Protocol, candidates};
use crate::ids::TransportId;
use crate::listen::{ListenError, ListenInfo, bind};
use crate::mailbox::{Owner, WorkerGone};
use crate::transport::{Base, Transport};
use crate::webrtc_server::{WebRtcServer, announced, bound};
use std::time::Duration;

/// Where a transport listens.
#[derive(Debug, Clone)]
pub enum WebRtcTransportListen {
    /// On sockets of its own.
    Individual {
        /// Their addresses.
        listen_infos: Vec<ListenInfo>,
    },
    /// On a server's sockets, with others.
    Server {
        /// The server.
        webrtc_server: WebRtcServer,
    },
}

/// How a WebRTC transport is to be. Names and defaults are mediasoup's.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WebRtcTransportOptions {
    /// Where it listens.
    pub listen: WebRtcTransportListen,
    /// Peers may come by UDP. Default true.
    pub enable_udp: bool,
    /// Peers may come by TCP. Default false; true on a server.
    pub enable_tcp: bool,
    /// UDP candidates come first. Default false.
    pub prefer_udp: bool,
    /// TCP candidates come first. Default false.
    pub prefer_tcp: bool,
    /// After how long without a check the peer counts as gone: 30 s; 0 is never.
    pub ice_consent_timeout: Duration,
    /// Whether the bandwidth to the peer is estimated. Default true.
    pub enable_bwe: bool,
    /// The estimate of that bandwidth before anything is known, in bits a second. Default 600000.
    pub initial_available_outgoing_bitrate: u32,
    /// See [`WebRtcTransport::set_max_incoming_bitrate`]. Default none.
    pub max_incoming_bitrate: Option<u32>,
    /// See [`WebRtcTransport::set_max_outgoing_bitrate`]. Default none.
    pub max_outgoing_bitrate: Option<u32>,
    /// See [`WebRtcTransport::set_min_outgoing_bitrate`]. Default none.
    pub min_outgoing_bitrate: Option<u32>,
    /// Whether there are data channels. Default false.
    pub enable_sctp: bool,
    /// Largest message we send, in bytes. Default 262144.
    pub max_send_message_size: u32,
    /// Largest message we take, in bytes; a longer one ends the association. Default 262144.
    pub max_receive_message_size: u32,
    /// Bytes that all streams together may have waiting to be acknowledged. Default 2000000.
    pub sctp_send_buffer_size: u32,
    /// The same for each stream. Default 2000000.
    pub sctp_per_stream_send_queue_limit: u32,
    /// Bytes received that wait for missing ones: the window we announce. Default 5242880.
    pub sctp_max_receiver_window_buffer_size: u32,
    /// At which buffered amount `BufferedAmountLow` comes, until it is set. Default 1024.
    pub sctp_default_stream_buffered_amount_low_threshold: u32,
}

impl WebRtcTransportOptions {
    /// On sockets of its own.
    pub fn new(listen_infos: Vec<ListenInfo>) -> Self {
        Self::with(WebRtcTransportListen::Individual { listen_infos }, false)
    }

    /// On a server's sockets.
    pub fn new_with_server(webrtc_server: WebRtcServer) -> Self {
        Self::with(WebRtcTransportListen::Server { webrtc_server }, true)
    }

    fn with(listen: WebRtcTransportListen, enable_tcp: bool) -> Self {
        let sctp = AssociationOptions::new();
        Self {
            listen,
            enable_udp: true,
            enable_tcp,
            prefer_udp: false,
            prefer_tcp: false,
            ice_consent_timeout: CONSENT_TIMEOUT_DEFAULT,
            enable_bwe: true,
            initial_available_outgoing_bitrate: BitrateLimits::default().initial_outgoing,
            max_incoming_bitrate: None,
            max_outgoing_bitrate: None,
            min_outgoing_bitrate: None,
            enable_sctp: false,
            max_send_message_size: sctp.max_send_message_size,
            max_receive_message_size: sctp.max_receive_message_size,
            sctp_send_buffer_size: sctp.send_buffer_size,
            sctp_per_stream_send_queue_limit: sctp.per_stream_send_queue_limit,
            sctp_max_receiver_window_buffer_size: sctp.max_receiver_window_buffer_size,
            sctp_default_stream_buffered_amount_low_threshold: sctp
                .default_stream_buffered_amount_low_threshold,
        }
    }
}

impl WebRtcTransportOptions {
    /// What the application allows; 0 is no limit here too.
    fn limits(&self) -> Result<BitrateLimits, BitrateError> {
        let mut limits = BitrateLimits {
            initial_outgoing: self.initial_available_outgoing_bitrate,
            ..BitrateLimits::default()
        };
        limits.set(BitrateLimit::MaxIncoming, self.max_incoming_bitrate.unwrap_or(0))?;
        limits.set(BitrateLimit::MaxOutgoing, self.max_outgoing_bitrate.unwrap_or(0))?;
        limits.set(BitrateLimit::MinOutgoing, self.min_outgoing_bitrate.unwrap_or(0))?;
        Ok(limits)
    }

    /// The association's, if there is to be one.
    fn sctp(&self) -> Option<AssociationOptions> {
        let mut options = AssociationOptions::new();
        options.max_send_message_size = self.max_send_message_size;
        options.max_receive_message_size = self.max_receive_message_size;
        options.send_buffer_size = self.sctp_send_buffer_size;
        options.per_stream_send_queue_limit = self.sctp_per_stream_send_queue_limit;
        options.max_receiver_window_buffer_size = self.sctp_max_receiver_window_buffer_size;
        options.default_stream_buffered_amount_low_threshold =
            self.sctp_default_stream_buffered_amount_low_threshold;
        self.enable_sctp.then_some(options)
    }
}

/// Why there is no transport.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateTransportError {
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// There are no keys for SRTP.
    #[error(transparent)]
    Srtp(#[from] protocols::srtp::SrtpError),
    /// Its limits are wrong.
    #[error(transparent)]
    Bitrate(#[from] BitrateError),
    /// The server is on other workers than the router.
    #[error("the WebRTC server has no port on the router's worker; make both on the same workers")]
    ServerElsewhere,
    /// The worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

/// Why a transport is not connected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The peer's parameters are wrong, or it was called twice.
    #[error(transparent)]
    Dtls(#[from] DtlsConnectError),
    /// The transport was closed.
    #[error("the transport {0} is closed")]
    TransportClosed(TransportId),
    /// The worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

/// The way to a browser or the like. A handle, see [`Transport`].
#[derive(Clone, Debug)]
pub struct WebRtcTransport {
    base: Base,
    ice_parameters: IceParameters,
    ice_candidates: Vec<IceCandidate>,
    dtls_parameters: DtlsParameters,
    sctp_parameters: Option<SctpParameters>,
}

impl Transport for WebRtcTransport {
    fn base(&self) -> &Base {
        &self.base
    }
}

/// What the owner tells of a new transport.
pub(crate) struct WebRtcMade {
    pub(crate) id: TransportId,
    pub(crate) key: TransportKey,
    ice_parameters: IceParameters,
    ice_candidates: Vec<IceCandidate>,
    dtls_parameters: DtlsParameters,
    sctp_parameters: Option<SctpParameters>,
}

impl WebRtcTransport {
    pub(crate) fn new(base: Base, made: WebRtcMade) -> Self {
        let WebRtcMade { ice_parameters, ice_candidates, dtls_parameters, sctp_parameters, .. } = made;
        Self { base, ice_parameters, ice_candidates, dtls_parameters, sctp_parameters }
    }

    /// What the peer's checks must name, as it was when the transport was made.
    pub fn ice_parameters(&self) -> &IceParameters {
        &self.ice_parameters
    }

    /// Where the peer can reach us.
    pub fn ice_candidates(&self) -> &[IceCandidate] {
        &self.ice_candidates
    }

    /// Our certificate.
    pub fn dtls_parameters(&self) -> &DtlsParameters {
        &self.dtls_parameters
    }

    /// What the peer must know of the data channels, where there are any.
    pub fn sctp_parameters(&self) -> Option<SctpParameters> {
        self.sctp_parameters
    }

    /// Takes the peer's certificate, once. Returns our role.
    ///
    /// # Errors
    /// The parameters are wrong, it was called before, or the transport is closed.
    pub async fn connect(&self, dtls_parameters: DtlsParameters) -> Result<DtlsRole, ConnectError> {
        let key = self.base.key();
        let connect = move |owner: &mut Owner<'_>| owner.core.connect_webrtc(key, dtls_parameters, owner.now);
        let connected = self.base.mailbox().ask(connect).await?;
        Ok(connected.ok_or(ConnectError::TransportClosed(self.id()))??)
    }

    /// Limits what the peer sends, in bits a second; 0 is no limit. A peer that estimates its way by itself is told the
    /// limit again and again, for others it is a bound of what they are told.
    ///
    /// # Errors
    /// The transport is closed.
    pub async fn set_max_incoming_bitrate(&self, bitrate: u32) -> Result<(), SetBitrateError> {
        self.base.set_bitrate_limit(BitrateLimit::MaxIncoming, bitrate).await
    }

    /// Limits the estimate of the way to the peer, in bits a second, and so what its consumers get; 0 is no limit.
    ///
    /// # Errors
    /// It is below 30000 or the minimum, or the transport is closed.
    pub async fn set_max_outgoing_bitrate(&self, bitrate: u32) -> Result<(), SetBitrateError> {
        self.base.set_bitrate_limit(BitrateLimit::MaxOutgoing, bitrate).await
    }

    /// Lets the estimate of the way to the peer not fall below this, in bits a second; 0 is no limit.
    ///
    /// # Errors
    /// It is below 30000 or above the maximum, or the transport is closed.
    pub async fn set_min_outgoing_bitrate(&self, bitrate: u32) -> Result<(), SetBitrateError> {
        self.base.set_bitrate_limit(BitrateLimit::MinOutgoing, bitrate).await
    }

    /// Makes new credentials; media goes on the old way until the peer comes with them.
    ///
    /// # Errors
    /// The transport is closed.
    pub async fn restart_ice(&self) -> Result<IceParameters, ConnectError> {
        let key = self.base.key();
        let parameters = self.base.mailbox().ask(move |owner| owner.core.restart_ice(key, owner.now)).await?;
        parameters.ok_or(ConnectError::TransportClosed(self.id()))
    }
}

impl Owner<'_> {
    /// Makes a transport and its sockets.
    pub(crate) fn create_webrtc_transport(
        &mut self,
        router: crate::core::RouterKey,
        options: &WebRtcTransportOptions,
        worker: crate::ids::WorkerId,
    ) -> Result<WebRtcMade, CreateTransportError> {
        let wanted = |protocol| match protocol {
            Protocol::Udp => options.enable_udp,
            Protocol::Tcp => options.enable_tcp,
        };
        let limits = options.limits()?;
        let consent_timeout = options.ice_consent_timeout;
        let sctp = options.sctp();
        let sctp_parameters = sctp.as_ref().map(|options| SctpParameters::new(options, true));
        let (facts, mut listens) = match &options.listen {
            WebRtcTransportListen::Server { webrtc_server } => {
                let infos = webrtc_server.infos(worker).ok_or(CreateTransportError::ServerElsewhere)?;
                let server = self.server(webrtc_server.id(), infos)?;
                let listens = self.core.server_mut(server).map(|server| server.announced.clone());
                let setup = WebRtcSetup { consent_timeout, server: Some(server), sctp, limits };
                (self.core.create_webrtc_transport(router, setup, self.now), listens.unwrap_or_default())
            }
            WebRtcTransportListen::Individual { listen_infos } => {
                let infos: Vec<&ListenInfo> =
                    listen_infos.iter().filter(|info| wanted(info.protocol)).collect();
                if infos.is_empty() {
                    return Err(ListenError::Nothing.into());
                }
                let sockets =
                    infos.iter().map(|info| bind(info, rand::random())).collect::<Result<Vec<_>, _>>()?;
                let setup = WebRtcSetup { consent_timeout, server: None, sctp, limits };
                let facts = self.core.create_webrtc_transport(router, setup, self.now);
                let mut listens = Vec::new();
                for (info, socket) in infos.into_iter().zip(sockets) {
                    let local = socket.local();
                    let port = self.core.add_port(PortOwner::Transport(facts.key));
                    self.core.add_own_port(facts.key, port, bound(info.protocol, local));
                    self.net.add(port, socket).map_err(|error| ListenError::Refused {
                        protocol: info.protocol,
                        ip: info.ip,
                        port: local.port().to_string(),
                        reason: error.to_string(),
                    })?;
                    listens.extend(announced(info, local));
                }
                (facts, listens)
            }
        };
        listens.retain(|listen| wanted(listen.protocol));
        Ok(WebRtcMade {
            id: facts.id,
            key: facts.key,
            ice_parameters: facts.ice,
            ice_candidates: candidates(&listens, options.prefer_udp, options.prefer_tcp),
            dtls_parameters: facts.dtls,
            sctp_parameters,
        })
    }
}
