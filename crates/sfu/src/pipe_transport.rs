//! [`PipeTransport`]: producers from one router to another by network, with all their streams.
//!
//! Routers of one process need none: [`Router::pipe_producer_to_router`](crate::Router::pipe_producer_to_router). Between
//! processes each side makes a pipe transport, connects it to the other's [`PipeTransport::tuple`], consumes on it what is
//! to go over, and produces what comes with [`ProducerOptions::new_pipe_transport`](crate::ProducerOptions::new_pipe_transport).
use crate::core::PlainFacts;
use crate::listen::ListenInfo;
use crate::plain_transport::{PlainConnectError, PlainTransportRemoteParameters, PlainWish, connect};
use crate::srtp_parameters::{SrtpCryptoSuite, SrtpParameters};
use crate::transport::{Base, Transport, TransportTuple};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use tokio::sync::watch;

/// What both sides of a pipe with SRTP have. Source: mediasoup.
const SUITE: SrtpCryptoSuite = SrtpCryptoSuite::AeadAes256Gcm;

/// How a pipe transport is to be. Names and defaults are mediasoup's.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PipeTransportOptions {
    /// Where it listens, by UDP.
    pub listen_info: ListenInfo,
    /// Lost packets are sent again, in streams of their own. Default false: the way between servers is good.
    pub enable_rtx: bool,
    /// Packets are enciphered, with `AEAD_AES_256_GCM`. Default false.
    pub enable_srtp: bool,
}

impl PipeTransportOptions {
    /// Listening there, with all else as by default.
    pub fn new(listen_info: ListenInfo) -> Self {
        Self { listen_info, enable_rtx: false, enable_srtp: false }
    }
}

/// Where the other side is, and its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PipeTransportRemoteParameters {
    /// Its address.
    pub ip: IpAddr,
    /// Its port.
    pub port: u16,
    /// The key of what it sends; with `enable_srtp` only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub srtp_parameters: Option<SrtpParameters>,
}

/// Producers from one router to another by network. Its consumers carry all streams of their producers as they are,
/// and have no `mid`. A handle, see [`Transport`].
#[derive(Clone, Debug)]
pub struct PipeTransport {
    base: Base,
    facts: watch::Receiver<PlainFacts>,
}

impl Transport for PipeTransport {
    fn base(&self) -> &Base {
        &self.base
    }
}

impl PipeTransport {
    pub(crate) fn new(base: Base, facts: watch::Receiver<PlainFacts>) -> Self {
        Self { base, facts }
    }

    /// Its way as it is now; without the remote side until it is connected.
    pub fn tuple(&self) -> TransportTuple {
        self.facts.borrow().tuple.clone()
    }

    /// The key of what we send, where that is enciphered.
    pub fn srtp_parameters(&self) -> Option<SrtpParameters> {
        self.facts.borrow().srtp_parameters.clone()
    }

    /// Says where the other side is, and its key; once.
    ///
    /// # Errors
    /// The parameters do not fit the options, it was called before, or the transport is closed.
    pub async fn connect(&self, parameters: PipeTransportRemoteParameters) -> Result<(), PlainConnectError> {
        let PipeTransportRemoteParameters { ip, port, srtp_parameters } = parameters;
        let (ip, port) = (Some(ip), Some(port));
        connect(&self.base, PlainTransportRemoteParameters { ip, port, rtcp_port: None, srtp_parameters })
            .await
    }
}

impl From<PipeTransportOptions> for PlainWish {
    fn from(options: PipeTransportOptions) -> Self {
        Self {
            listen: options.listen_info,
            rtcp_listen: None,
            comedia: false,
            suite: options.enable_srtp.then_some(SUITE),
            any_suite: false,
        }
    }
}
