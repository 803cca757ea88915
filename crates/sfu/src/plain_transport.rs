//! [`PlainTransport`]: RTP to an address, for encoders, players and recorders.
use crate::bitrate_limits::{BitrateLimit, SetBitrateError};
use crate::core::{PlainFacts, PlainMade, PlainSetup, PlainSocket};
use crate::ice::Protocol;
use crate::ids::TransportId;
use crate::listen::{Bound, ListenError, ListenInfo, bind};
use crate::mailbox::{Owner, WorkerGone};
use crate::srtp_parameters::{SrtpCryptoSuite, SrtpParameters};
use crate::transport::{Base, Transport, TransportTuple};
use crate::webrtc_transport::CreateTransportError;
use protocols::srtp::SrtpError;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use tokio::sync::watch;

/// How a plain transport is to be. Names and defaults are mediasoup's.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PlainTransportOptions {
    /// Where it listens, by UDP.
    pub listen_info: ListenInfo,
    /// Where it listens for RTCP, if that does not come to the same port. Default: as `listen_info`, on any free port.
    pub rtcp_listen_info: Option<ListenInfo>,
    /// RTP and RTCP come to one port. Default true.
    pub rtcp_mux: bool,
    /// The peer is whoever first sends a valid packet; `connect` then takes no address, and is needed for SRTP only.
    /// Default false.
    pub comedia: bool,
    /// Packets are enciphered. Default false.
    pub enable_srtp: bool,
    /// How, unless the peer says otherwise. Default `AES_CM_128_HMAC_SHA1_80`.
    pub srtp_crypto_suite: SrtpCryptoSuite,
    /// Whether the bandwidth to the peer is estimated, if it can say what it gets. Default true.
    pub enable_bwe: bool,
}

impl PlainTransportOptions {
    /// Listening there, with all else as by default.
    pub fn new(listen_info: ListenInfo) -> Self {
        Self {
            listen_info,
            rtcp_listen_info: None,
            rtcp_mux: true,
            comedia: false,
            enable_srtp: false,
            srtp_crypto_suite: SrtpCryptoSuite::default(),
            enable_bwe: true,
        }
    }
}

/// Where the peer is, and its key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlainTransportRemoteParameters {
    /// Its address; not with `comedia`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Its port for RTP; not with `comedia`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Its port for RTCP; only without `rtcp_mux` and `comedia`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtcp_port: Option<u16>,
    /// The key of what it sends; with `enable_srtp` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srtp_parameters: Option<SrtpParameters>,
}

/// Why a plain or pipe transport is not connected. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlainConnectError {
    /// It was connected before.
    #[error("connect was called before")]
    Twice,
    /// There is no address.
    #[error("ip is missing")]
    MissingIp,
    /// There is no port.
    #[error("port is missing")]
    MissingPort,
    /// RTCP goes to a port of its own, which was not named.
    #[error("rtcpPort is missing, and rtcpMux is off")]
    MissingRtcpPort,
    /// RTCP goes to the port of RTP.
    #[error("rtcpPort was given, and rtcpMux is on")]
    RtcpPortWithMux,
    /// The peer's address is learnt.
    #[error("ip, port or rtcpPort was given, and comedia is on")]
    UnexpectedAddress,
    /// The socket cannot reach that address.
    #[error("{0} is an IPv6 address, and the transport listens on an IPv4 one")]
    Family(IpAddr),
    /// SRTP is on.
    #[error("srtpParameters is missing, and SRTP is enabled")]
    MissingSrtp,
    /// SRTP is off.
    #[error("srtpParameters was given, and SRTP is not enabled")]
    UnexpectedSrtp,
    /// The suite is not the one that both sides of a pipe have.
    #[error("srtpParameters.cryptoSuite is {got:?}, and must be {asked:?}")]
    Suite {
        /// What it must be.
        asked: SrtpCryptoSuite,
        /// What it is.
        got: SrtpCryptoSuite,
    },
    /// The key is none of its suite.
    #[error("srtpParameters.keyBase64: {0}")]
    Key(#[from] SrtpError),
    /// The transport was closed.
    #[error("the transport {0} is closed")]
    TransportClosed(TransportId),
    /// The worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

/// RTP to an address, for encoders, players and recorders. A handle, see [`Transport`].
#[derive(Clone, Debug)]
pub struct PlainTransport {
    base: Base,
    facts: watch::Receiver<PlainFacts>,
}

impl Transport for PlainTransport {
    fn base(&self) -> &Base {
        &self.base
    }
}

impl PlainTransport {
    pub(crate) fn new(base: Base, facts: watch::Receiver<PlainFacts>) -> Self {
        Self { base, facts }
    }

    /// Its way as it is now; without the remote side while that is not known.
    pub fn tuple(&self) -> TransportTuple {
        self.facts.borrow().tuple.clone()
    }

    /// The same for RTCP, where that has a port of its own.
    pub fn rtcp_tuple(&self) -> Option<TransportTuple> {
        self.facts.borrow().rtcp_tuple.clone()
    }

    /// The key of what we send, where that is enciphered. Another one after `connect`, if the peer has another suite.
    pub fn srtp_parameters(&self) -> Option<SrtpParameters> {
        self.facts.borrow().srtp_parameters.clone()
    }

    /// Limits what the peer sends, in bits a second; 0 is no limit. Peers heed it that negotiated to be told what comes.
    ///
    /// # Errors
    /// The transport is closed.
    pub async fn set_max_incoming_bitrate(&self, bitrate: u32) -> Result<(), SetBitrateError> {
        self.base.set_bitrate_limit(BitrateLimit::MaxIncoming, bitrate).await
    }

    /// Says where the peer is, and its key; once.
    ///
    /// # Errors
    /// The parameters do not fit the options, it was called before, or the transport is closed.
    pub async fn connect(&self, parameters: PlainTransportRemoteParameters) -> Result<(), PlainConnectError> {
        connect(&self.base, parameters).await
    }
}

pub(crate) async fn connect(
    base: &Base,
    parameters: PlainTransportRemoteParameters,
) -> Result<(), PlainConnectError> {
    let (id, key) = (base.id(), base.key());
    let connected =
        base.mailbox().ask(move |owner| owner.core.connect_plain(key, &parameters, owner.now)).await?;
    connected.ok_or(PlainConnectError::TransportClosed(id))?
}

/// How its sockets and keys are to be.
pub(crate) struct PlainWish {
    pub(crate) listen: ListenInfo,
    /// `None` when RTCP comes to the same socket.
    pub(crate) rtcp_listen: Option<ListenInfo>,
    pub(crate) comedia: bool,
    pub(crate) suite: Option<SrtpCryptoSuite>,
    pub(crate) any_suite: bool,
}

impl From<PlainTransportOptions> for PlainWish {
    fn from(options: PlainTransportOptions) -> Self {
        let rtcp_listen = (!options.rtcp_mux).then(|| {
            let same = ListenInfo { port: None, ..options.listen_info.clone() };
            options.rtcp_listen_info.unwrap_or(same)
        });
        Self {
            listen: options.listen_info,
            rtcp_listen,
            comedia: options.comedia,
            suite: options.enable_srtp.then_some(options.srtp_crypto_suite),
            any_suite: true,
        }
    }
}

impl Owner<'_> {
    /// Makes a plain or pipe transport and its sockets.
    pub(crate) fn create_plain_transport(
        &mut self,
        router: crate::core::RouterKey,
        wish: &PlainWish,
    ) -> Result<PlainMade, CreateTransportError> {
        let rtp = bind_udp(&wish.listen)?;
        let rtcp = wish.rtcp_listen.as_ref().map(bind_udp).transpose()?;
        let socket = |info: &ListenInfo, bound: &Bound| PlainSocket {
            bound: bound.local(),
            announced: info.announced_address.clone().unwrap_or_else(|| info.ip.to_string()),
        };
        let setup = PlainSetup {
            rtp: socket(&wish.listen, &rtp),
            rtcp: wish.rtcp_listen.as_ref().zip(rtcp.as_ref()).map(|(info, bound)| socket(info, bound)),
            comedia: wish.comedia,
            suite: wish.suite,
            any_suite: wish.any_suite,
        };
        let made = self.core.create_plain_transport(router, setup, self.now)?;
        let sockets = [(Some(made.ports.0), Some(rtp)), (made.ports.1, rtcp)];
        for (port, bound) in sockets {
            let (Some(port), Some(bound)) = (port, bound) else { continue };
            let local = bound.local();
            if let Err(error) = self.net.add(port, bound) {
                self.close_transport(made.key);
                return Err(ListenError::refused(Protocol::Udp, local, &error).into());
            }
        }
        Ok(made)
    }
}

fn bind_udp(info: &ListenInfo) -> Result<Bound, ListenError> {
    match info.protocol {
        Protocol::Udp => bind(info, rand::random()),
        Protocol::Tcp => Err(ListenError::OnlyUdp),
    }
}
