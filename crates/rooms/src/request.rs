//! What clients may ask, with the shapes of `mediasoup-client`. Errors name the field. docs/rooms.md, "Requests of the client".
use crate::refusal::Refusal;
use crate::token::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sfu::data::SctpStreamParameters;
use sfu::dtls::DtlsParameters;
use sfu::rtp_parameters::{MediaKind, RtpCapabilities, RtpParameters};
use sfu::{ConsumerId, ProducerId, TransportId};

/// Longest display name, label, protocol, reason: 128 characters.
const TEXT_CHARS_MAX: usize = 128;
/// Longest `device`: 1 KiB of JSON. `mediasoup-client`'s has 100 bytes.
const DEVICE_BYTES_MAX: usize = 1 << 10;
/// Longest `appData`: 4 KiB of JSON; everybody who consumes is sent it.
const APP_DATA_BYTES_MAX: usize = 4 << 10;

/// A request of a client.
#[derive(Debug, Clone)]
pub enum Request {
    /// `authenticate`.
    Authenticate(Authenticate),
    /// `getRouterRtpCapabilities`.
    GetRouterRtpCapabilities,
    /// `join`.
    Join(Box<Join>),
    /// `createWebRtcTransport`.
    CreateWebRtcTransport(CreateWebRtcTransport),
    /// `connectWebRtcTransport`.
    ConnectWebRtcTransport(ConnectWebRtcTransport),
    /// `restartIce`.
    RestartIce(OfTransport),
    /// `closeTransport`.
    CloseTransport(OfTransport),
    /// `produce`.
    Produce(Box<Produce>),
    /// `closeProducer`.
    CloseProducer(OfProducer),
    /// `pauseProducer`.
    PauseProducer(OfProducer),
    /// `resumeProducer`.
    ResumeProducer(OfProducer),
    /// `pauseConsumer`.
    PauseConsumer(OfConsumer),
    /// `resumeConsumer`.
    ResumeConsumer(OfConsumer),
    /// `requestConsumerKeyFrame`.
    RequestConsumerKeyFrame(OfConsumer),
    /// `setConsumerPreferredLayers`.
    SetConsumerPreferredLayers(SetConsumerPreferredLayers),
    /// `setConsumerPriority`.
    SetConsumerPriority(SetConsumerPriority),
    /// `produceData`.
    ProduceData(ProduceData),
    /// `closeDataProducer`.
    CloseDataProducer(OfDataProducer),
    /// `getDataProducerStats`.
    GetDataProducerStats(OfDataProducer),
    /// `getDataConsumerStats`.
    GetDataConsumerStats(OfDataConsumer),
    /// `getTransportStats`.
    GetTransportStats(OfTransport),
    /// `getProducerStats`.
    GetProducerStats(OfProducer),
    /// `getConsumerStats`.
    GetConsumerStats(OfConsumer),
    /// `changeDisplayName`.
    ChangeDisplayName(ChangeDisplayName),
    /// `kickPeer`.
    KickPeer(KickPeer),
    /// `mutePeer`.
    MutePeer(MutePeer),
    /// `closeRoom`.
    CloseRoom(CloseRoom),
}

/// `authenticate`: shows a token.
#[derive(Debug, Clone)]
pub struct Authenticate {
    /// The token, of which nothing is printed.
    pub token: Secret,
}

/// `join`: comes into the room.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Join {
    /// What others are shown, where the token names nobody.
    pub display_name: Option<String>,
    /// What the client runs on.
    pub device: Option<Value>,
    /// What it can receive; without, it receives nothing.
    pub rtp_capabilities: Option<RtpCapabilities>,
    /// Who this is, where no token says so.
    pub identity: Option<String>,
}

/// Which way media goes on a transport, as the client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the client.
    Send,
    /// To the client.
    Recv,
}

/// `createWebRtcTransport`.
#[derive(Debug, Clone)]
pub struct CreateWebRtcTransport {
    /// Which way.
    pub direction: Direction,
    /// By TCP only.
    pub force_tcp: bool,
    /// Whether data channels are wanted.
    pub sctp: bool,
}

/// As it travels.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCreateWebRtcTransport {
    direction: Option<Direction>,
    #[serde(default)]
    producing: bool,
    #[serde(default)]
    consuming: bool,
    #[serde(default)]
    force_tcp: bool,
    sctp_capabilities: Option<Value>,
}

/// `connectWebRtcTransport`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectWebRtcTransport {
    /// Which.
    pub transport_id: TransportId,
    /// The client's certificate.
    pub dtls_parameters: DtlsParameters,
}

/// A request about a transport.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfTransport {
    /// Which.
    pub transport_id: TransportId,
}

/// `produce`: sends media.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Produce {
    /// By which transport.
    pub transport_id: TransportId,
    /// Sound or picture.
    pub kind: MediaKind,
    /// What is sent.
    pub rtp_parameters: RtpParameters,
    /// Whether it begins paused.
    #[serde(default)]
    pub paused: bool,
    /// For the others.
    pub app_data: Option<Value>,
}

impl Produce {
    /// What it shows: `appData.source`.
    pub fn source(&self) -> Option<&str> {
        self.app_data.as_ref()?.get("source")?.as_str()
    }
}

/// A request about a producer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfProducer {
    /// Which.
    pub producer_id: ProducerId,
}

/// A request about a consumer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfConsumer {
    /// Which.
    pub consumer_id: ConsumerId,
}

/// `setConsumerPreferredLayers`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetConsumerPreferredLayers {
    /// Which.
    pub consumer_id: ConsumerId,
    /// The highest spatial layer wanted.
    pub spatial_layer: u8,
    /// The highest temporal layer wanted; without, the highest there is.
    pub temporal_layer: Option<u8>,
}

/// `setConsumerPriority`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetConsumerPriority {
    /// Which.
    pub consumer_id: ConsumerId,
    /// 1 to 255.
    pub priority: u8,
}

/// `produceData`: sends data.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProduceData {
    /// By which transport.
    pub transport_id: TransportId,
    /// By which stream.
    pub sctp_stream_parameters: SctpStreamParameters,
    /// What it is for: `chat`.
    #[serde(default)]
    pub label: String,
    /// What it speaks.
    #[serde(default)]
    pub protocol: String,
    /// For the others.
    pub app_data: Option<Value>,
}

/// A request about a data producer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfDataProducer {
    /// Which.
    pub data_producer_id: sfu::DataProducerId,
}

/// A request about a data consumer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfDataConsumer {
    /// Which.
    pub data_consumer_id: sfu::DataConsumerId,
}

/// `changeDisplayName`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeDisplayName {
    /// The new one.
    pub display_name: String,
}

/// `kickPeer`: throws somebody out.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KickPeer {
    /// Whom.
    pub peer_id: String,
    /// Why.
    pub reason: Option<String>,
}

/// `mutePeer`: pauses what somebody sends.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MutePeer {
    /// Whose.
    pub peer_id: String,
    /// Which; all without.
    pub producer_id: Option<ProducerId>,
    /// False: it goes on.
    #[serde(default = "muted_default")]
    pub muted: bool,
}

const fn muted_default() -> bool {
    true
}

/// `closeRoom`.
#[derive(Debug, Clone, Deserialize)]
pub struct CloseRoom {
    /// Why.
    pub reason: Option<String>,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// 400, with the field.
    pub fn parse(method: &str, data: Value) -> Result<Self, Refusal> {
        // a list would be taken for the fields in their order
        if !data.is_object() {
            return Err(Refusal::wrong("data: an object is wanted"));
        }
        let request = match method {
            "authenticate" => Self::Authenticate(authenticate(&data)?),
            "getRouterRtpCapabilities" => Self::GetRouterRtpCapabilities,
            "join" => Self::Join(Box::new(read(data)?)),
            "createWebRtcTransport" => Self::CreateWebRtcTransport(create(read(data)?)?),
            "connectWebRtcTransport" => Self::ConnectWebRtcTransport(read(data)?),
            "restartIce" => Self::RestartIce(read(data)?),
            "closeTransport" => Self::CloseTransport(read(data)?),
            "produce" => Self::Produce(Box::new(read(data)?)),
            "closeProducer" => Self::CloseProducer(read(data)?),
            "pauseProducer" => Self::PauseProducer(read(data)?),
            "resumeProducer" => Self::ResumeProducer(read(data)?),
            "pauseConsumer" => Self::PauseConsumer(read(data)?),
            "resumeConsumer" => Self::ResumeConsumer(read(data)?),
            "requestConsumerKeyFrame" => Self::RequestConsumerKeyFrame(read(data)?),
            "setConsumerPreferredLayers" => Self::SetConsumerPreferredLayers(read(data)?),
            "setConsumerPriority" => Self::SetConsumerPriority(read(data)?),
            "produceData" => Self::ProduceData(read(data)?),
            "closeDataProducer" => Self::CloseDataProducer(read(data)?),
            "getDataProducerStats" => Self::GetDataProducerStats(read(data)?),
            "getDataConsumerStats" => Self::GetDataConsumerStats(read(data)?),
            "getTransportStats" => Self::GetTransportStats(read(data)?),
            "getProducerStats" => Self::GetProducerStats(read(data)?),
            "getConsumerStats" => Self::GetConsumerStats(read(data)?),
            "changeDisplayName" => Self::ChangeDisplayName(read(data)?),
            "kickPeer" => Self::KickPeer(read(data)?),
            "mutePeer" => Self::MutePeer(read(data)?),
            "closeRoom" => Self::CloseRoom(read(data)?),
            _ => {
                let method: String = method.chars().take(40).collect();
                return Err(Refusal::wrong(format!("there is no method {method:?}")));
            }
        };
        request.check()?;
        Ok(request)
    }

    /// What types do not say.
    fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::Join(join) => {
                text("displayName", join.display_name.as_deref(), 0)?;
                text("identity", join.identity.as_deref(), 1)?;
                json("device", join.device.as_ref(), DEVICE_BYTES_MAX)
            }
            Self::Produce(produce) => json("appData", produce.app_data.as_ref(), APP_DATA_BYTES_MAX),
            Self::ProduceData(produce) => {
                text("label", Some(&produce.label), 0)?;
                text("protocol", Some(&produce.protocol), 0)?;
                let parameters = produce.sctp_stream_parameters.validate();
                parameters.map_err(|error| Refusal::wrong(format!("sctpStreamParameters: {error}")))?;
                json("appData", produce.app_data.as_ref(), APP_DATA_BYTES_MAX)
            }
            Self::SetConsumerPriority(wanted) if wanted.priority == 0 => {
                Err(Refusal::wrong("priority: 1 to 255"))
            }
            Self::ChangeDisplayName(change) => text("displayName", Some(&change.display_name), 1),
            Self::KickPeer(kick) => text("reason", kick.reason.as_deref(), 0),
            Self::CloseRoom(close) => text("reason", close.reason.as_deref(), 0),
            Self::Authenticate(_)
            | Self::GetRouterRtpCapabilities
            | Self::CreateWebRtcTransport(_)
            | Self::ConnectWebRtcTransport(_)
            | Self::RestartIce(_)
            | Self::CloseTransport(_)
            | Self::CloseProducer(_)
            | Self::PauseProducer(_)
            | Self::ResumeProducer(_)
            | Self::PauseConsumer(_)
            | Self::ResumeConsumer(_)
            | Self::RequestConsumerKeyFrame(_)
            | Self::SetConsumerPreferredLayers(_)
            | Self::SetConsumerPriority(_)
            | Self::CloseDataProducer(_)
            | Self::GetDataProducerStats(_)
            | Self::GetDataConsumerStats(_)
            | Self::GetTransportStats(_)
            | Self::GetProducerStats(_)
            | Self::GetConsumerStats(_)
            | Self::MutePeer(_) => Ok(()),
        }
    }
}

/// Reads a payload; an error has the path of what is wrong.
fn read<T: DeserializeOwned>(data: Value) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(data).map_err(|error| {
        let path = error.path().to_string();
        match path.as_str() {
            "." => Refusal::wrong(error.inner().to_string()),
            path => Refusal::wrong(format!("{path}: {}", error.inner())),
        }
    })
}

/// By hand, so that no error quotes the token.
fn authenticate(data: &Value) -> Result<Authenticate, Refusal> {
    let token = data.get("token").and_then(Value::as_str);
    let token = token.ok_or_else(|| Refusal::wrong("token: a text is wanted"))?;
    Ok(Authenticate { token: Secret::new(token) })
}

fn create(raw: RawCreateWebRtcTransport) -> Result<CreateWebRtcTransport, Refusal> {
    let direction = match (raw.direction, raw.producing, raw.consuming) {
        (Some(direction), _, _) => direction,
        (None, true, false) => Direction::Send,
        (None, false, true) => Direction::Recv,
        (None, true, true) => {
            return Err(Refusal::wrong(
                "direction: a transport goes one way; producing and consuming are both true",
            ));
        }
        (None, false, false) => return Err(Refusal::wrong("direction: send or recv is wanted")),
    };
    Ok(CreateWebRtcTransport { direction, force_tcp: raw.force_tcp, sctp: raw.sctp_capabilities.is_some() })
}

fn text(field: &str, text: Option<&str>, min: usize) -> Result<(), Refusal> {
    let Some(text) = text else { return Ok(()) };
    if (min..=TEXT_CHARS_MAX).contains(&text.chars().count()) {
        return Ok(());
    }
    Err(Refusal::wrong(format!("{field}: {min} to {TEXT_CHARS_MAX} characters")))
}

fn json(field: &str, value: Option<&Value>, max: usize) -> Result<(), Refusal> {
    let bytes = value.map_or(0, |value| value.to_string().len());
    if bytes <= max {
        return Ok(());
    }
    Err(Refusal::wrong(format!("{field}: {bytes} bytes of JSON; at most {max} are taken")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "7b9e3c1e-5a1c-4f0e-9d7b-2f6f1d1f0a11";

    fn refused(method: &str, data: Value) -> String {
        let refusal = Request::parse(method, data).unwrap_err();
        assert_eq!(refusal.code, 400);
        refusal.reason
    }

    #[test]
    fn an_error_names_the_field() {
        for (method, data, field) in [
            ("dance", json!({}), "no method \"dance\""),
            ("join", json!({ "displayName": 7 }), "displayName: "),
            ("join", json!({ "displayName": "x".repeat(129) }), "displayName: 0 to 128"),
            ("join", json!({ "identity": "" }), "identity: 1 to 128"),
            ("join", json!({ "device": "x".repeat(2000) }), "device: 2002 bytes"),
            (
                "join",
                json!({ "rtpCapabilities": { "codecs": [{ "kind": "audio" }] } }),
                "rtpCapabilities.codecs[0]",
            ),
            ("createWebRtcTransport", json!({ "direction": "up" }), "direction: "),
            ("createWebRtcTransport", json!({}), "direction: "),
            ("createWebRtcTransport", json!({ "producing": true, "consuming": true }), "direction: "),
            ("connectWebRtcTransport", json!({ "transportId": ID }), "dtlsParameters"),
            ("connectWebRtcTransport", json!({ "transportId": "7" }), "transportId: "),
            (
                "connectWebRtcTransport",
                json!({ "transportId": ID, "dtlsParameters": { "fingerprints": [{ "algorithm": "md5", "value": "" }] } }),
                "dtlsParameters.fingerprints[0].algorithm: ",
            ),
            ("produce", json!({ "transportId": ID, "kind": "smell" }), "kind: "),
            (
                "produce",
                json!({ "transportId": ID, "kind": "audio", "rtpParameters": { "codecs": [{ "mimeType": "audio/x" }] } }),
                "rtpParameters.codecs[0]",
            ),
            ("setConsumerPriority", json!({ "consumerId": ID, "priority": 0 }), "priority: 1 to 255"),
            ("setConsumerPriority", json!({ "consumerId": ID, "priority": 256 }), "priority: "),
            ("setConsumerPreferredLayers", json!({ "consumerId": ID }), "spatialLayer"),
            ("changeDisplayName", json!({ "displayName": "" }), "displayName: 1 to 128"),
            ("produceData", json!({ "transportId": ID }), "sctpStreamParameters"),
            ("pauseProducer", json!([]), "data: an object"),
            ("pauseProducer", json!({}), "producerId"),
            ("authenticate", json!({ "token": ["hush"] }), "token: "),
        ] {
            let told = refused(method, data);
            assert!(told.contains(field) && !told.contains("hush"), "{method}: {told}");
        }
    }

    #[test]
    fn what_nobody_knows_is_ignored_and_what_clients_of_the_demo_send_is_understood() {
        let data = json!({ "consuming": true, "producing": false, "forceTcp": true, "sctpCapabilities": { "numStreams": { "OS": 1, "MIS": 1 } } });
        let Ok(Request::CreateWebRtcTransport(create)) = Request::parse("createWebRtcTransport", data) else {
            panic!()
        };
        assert_eq!((create.direction, create.force_tcp, create.sctp), (Direction::Recv, true, true));
        let data = json!({ "displayName": "Ann", "device": { "flag": "chrome" }, "sctpCapabilities": {}, "more": 1 });
        assert!(matches!(Request::parse("join", data), Ok(Request::Join(_))));
    }

    #[test]
    fn a_token_is_never_printed() {
        let request = Request::parse("authenticate", json!({ "token": "hush" })).unwrap();
        assert!(!format!("{request:?}").contains("hush"));
    }
}
