//! The JSON that travels between a server and `mediasoup-client`, as far as a bot reads or writes it.
//!
//! Source: mediasoup-client 3.24, `types.ts` and `RtpParameters.ts`. Own types, so that a server whose JSON is wrong is
//! found out by somebody else's reading of it.
use super::BotError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};

/// What a server answers when a transport is made (`createWebRtcTransport`); more fields may be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteTransport {
    /// Where checks go, and with which password.
    pub ice_parameters: IceParameters,
    /// Where the server listens.
    pub ice_candidates: Vec<IceCandidate>,
    /// Who the server is.
    pub dtls_parameters: DtlsParameters,
    /// There if data channels are on.
    #[serde(default)]
    pub sctp_parameters: Option<SctpParameters>,
}

impl RemoteTransport {
    /// Of a server's JSON.
    ///
    /// # Errors
    /// [`BotError::Json`] if something that `mediasoup-client` needs is missing.
    pub fn parse(json: &Value) -> Result<Self, BotError> {
        parse("transport", json)
    }
}

/// ICE credentials of the server.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceParameters {
    /// User name of checks.
    pub username_fragment: String,
    /// Their key.
    pub password: String,
    /// Whether the server only answers checks.
    #[serde(default)]
    pub ice_lite: bool,
}

impl IceParameters {
    /// Of a server's JSON, as `restartIce` answers it.
    ///
    /// # Errors
    /// [`BotError::Json`] if it is none.
    pub fn parse(json: &Value) -> Result<Self, BotError> {
        parse("iceParameters", json)
    }
}

/// An address of the server.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceCandidate {
    #[serde(default)]
    address: Option<IpAddr>,
    #[serde(default)]
    ip: Option<IpAddr>,
    port: u16,
    /// `udp` or `tcp`.
    pub protocol: String,
    /// `host` always.
    #[serde(rename = "type")]
    pub kind: String,
    /// `passive`, with TCP.
    #[serde(default)]
    pub tcp_type: Option<String>,
    /// Which is liked better.
    pub priority: u32,
    /// Groups candidates of one origin.
    pub foundation: String,
}

impl IceCandidate {
    /// Where that is. New servers say `address`, old ones `ip`, most say both.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        self.address.or(self.ip).map(|ip| SocketAddr::new(ip, self.port))
    }
}

/// DTLS role and fingerprints.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DtlsParameters {
    /// `auto`, `client` or `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The last one is used, as by `mediasoup-client`.
    pub fingerprints: Vec<DtlsFingerprint>,
}

/// Of a certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DtlsFingerprint {
    /// `sha-256`.
    pub algorithm: String,
    /// Bytes in hexadecimal, with colons.
    pub value: String,
}

/// Data channels of a transport.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SctpParameters {
    /// 5000.
    pub port: u16,
    /// Largest message the server sends or takes.
    #[serde(default)]
    pub max_message_size: Option<u32>,
    /// Largest message the server takes.
    #[serde(default)]
    pub max_receive_message_size: Option<u32>,
}

/// What an end can receive.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCapabilities {
    /// Codecs, RTX among them.
    pub codecs: Vec<RtpCodecCapability>,
    /// Header extensions.
    pub header_extensions: Vec<RtpHeaderExtension>,
}

/// A codec with the payload type it is to have.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCodecCapability {
    /// `audio` or `video`.
    pub kind: String,
    /// Such as `video/VP8`.
    pub mime_type: String,
    /// Mandatory in what a router says.
    pub preferred_payload_type: u8,
    /// RTP ticks a second.
    pub clock_rate: u32,
    /// Of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Format parameters; `apt` of RTX is a number.
    #[serde(default)]
    pub parameters: Value,
    /// NACK, PLI and so on.
    #[serde(default)]
    pub rtcp_feedback: Value,
}

impl RtpCodecCapability {
    /// The part after the slash, in capitals.
    pub fn name(&self) -> String {
        name_of(&self.mime_type)
    }

    /// Which codec an RTX entry repairs.
    pub fn apt(&self) -> Option<u8> {
        self.parameters.get("apt").and_then(Value::as_u64).map(|apt| apt as u8)
    }
}

/// A header extension with the number it is to have.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpHeaderExtension {
    /// `audio` or `video`.
    pub kind: String,
    /// Which one.
    pub uri: String,
    /// Its number.
    pub preferred_id: u8,
    /// Never.
    #[serde(default)]
    pub preferred_encrypt: bool,
    /// `sendrecv`, `sendonly`, `recvonly` or `inactive`, as the router sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
}

/// What a producer sends or a consumer receives.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpParameters {
    /// Unique in a transport.
    #[serde(default)]
    pub mid: Option<String>,
    /// The codec first, then its RTX.
    pub codecs: Vec<RtpCodecParameters>,
    /// With their numbers.
    #[serde(default)]
    pub header_extensions: Vec<RtpHeaderExtensionParameters>,
    /// One a simulcast layer.
    pub encodings: Vec<RtpEncodingParameters>,
    /// Names of the sender.
    #[serde(default)]
    pub rtcp: RtcpParameters,
}

impl RtpParameters {
    /// Of a server's JSON.
    ///
    /// # Errors
    /// [`BotError::Json`] if it is none.
    pub fn parse(json: &Value) -> Result<Self, BotError> {
        parse("rtpParameters", json)
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        // These types have no map with keys that are no strings, so this cannot fail.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// A codec in use.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCodecParameters {
    /// Such as `video/VP8`.
    pub mime_type: String,
    /// The number packets carry.
    pub payload_type: u8,
    /// RTP ticks a second.
    pub clock_rate: u32,
    /// Of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Format parameters.
    #[serde(default)]
    pub parameters: Value,
    /// NACK, PLI and so on.
    #[serde(default)]
    pub rtcp_feedback: Value,
}

impl RtpCodecParameters {
    /// The part after the slash, in capitals.
    pub fn name(&self) -> String {
        name_of(&self.mime_type)
    }
}

/// A header extension in use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RtpHeaderExtensionParameters {
    /// Which one.
    pub uri: String,
    /// The number packets carry.
    pub id: u8,
    /// Never.
    #[serde(default)]
    pub encrypt: bool,
    /// None.
    #[serde(default)]
    pub parameters: Value,
}

/// One stream.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpEncodingParameters {
    /// Not told with `rid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssrc: Option<u32>,
    /// Name of a simulcast layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// What repairs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtx: Option<RtxParameters>,
    /// Sound that stops when nobody speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtx: Option<bool>,
    /// Such as `L1T3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scalability_mode: Option<String>,
    /// Most bits a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bitrate: Option<u32>,
}

/// A repair stream.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct RtxParameters {
    /// Its number.
    pub ssrc: u32,
}

/// Names of the sender.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtcpParameters {
    /// Streams with the same name belong together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cname: Option<String>,
    /// Always, with browsers.
    #[serde(default)]
    pub reduced_size: bool,
}

fn name_of(mime_type: &str) -> String {
    mime_type.split_once('/').map_or(mime_type, |(_, name)| name).to_ascii_uppercase()
}

/// Reads JSON, or says of what it cannot.
pub(super) fn parse<T: serde::de::DeserializeOwned>(what: &'static str, json: &Value) -> Result<T, BotError> {
    T::deserialize(json).map_err(|error| BotError::Json { what, why: error.to_string() })
}
