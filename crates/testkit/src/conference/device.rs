//! What a client knows of a router: codecs and header extensions, with the router's numbers and with its own.
//!
//! Receives with the router's numbers, and sends with others, as browsers do: so a server that does not map is found out.
use super::BotError;
use super::parameters::{
    RtpCapabilities, RtpCodecCapability, RtpCodecParameters, RtpHeaderExtensionParameters, parse,
};
use serde_json::{Value, json};
use std::sync::Arc;
use str0m::RtcConfig;
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::format::{Codec, FormatParams};
use str0m::media::Frequency;
use str0m::rtp::{Extension, ExtensionMap};

/// Payload type of the packets that mediasoup probes a way with.
pub(super) const PROBATOR_TYPE: u8 = 127;
/// Payload type of the first kind of video that is sent; each takes two.
const VIDEO_TYPE_FIRST: u8 = 96;
/// Payload type of the first kind of sound that is sent.
const AUDIO_TYPE_FIRST: u8 = 111;
/// Header extensions and the numbers with which Chromium sends them.
const EXTENSIONS: [(u8, Extension, &str); 6] = [
    (1, Extension::AudioLevel, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
    (2, Extension::AbsoluteSendTime, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
    (3, Extension::TransportSequenceNumber, TRANSPORT_CC),
    (4, Extension::RtpMid, "urn:ietf:params:rtp-hdrext:sdes:mid"),
    (10, Extension::RtpStreamId, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"),
    (11, Extension::RepairedRtpStreamId, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"),
];
const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// What all bots share: one certificate, so that no time goes into making keys.
struct Engine {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
}

/// A codec that both sides know.
#[derive(Clone)]
struct Known {
    codec: Codec,
    /// As the router says it.
    entry: RtpCodecCapability,
    /// The router's repair of it.
    rtx: Option<u8>,
    /// With which numbers it is sent.
    send: (u8, u8),
}

/// A client that has read a router's capabilities, as `Device.load()` does.
#[derive(Clone)]
pub struct Device {
    engine: Arc<Engine>,
    known: Vec<Known>,
    capabilities: RtpCapabilities,
}

impl Device {
    /// Reads a router's `rtpCapabilities`.
    ///
    /// # Errors
    /// [`BotError::Json`] if they are none, and [`BotError::Crypto`] if there is no certificate.
    pub fn load(router_rtp_capabilities: &Value) -> Result<Self, BotError> {
        let router: RtpCapabilities = parse("rtpCapabilities", router_rtp_capabilities)?;
        let crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto.dtls_provider.generate_certificate().ok_or(BotError::Crypto)?;
        let engine = Arc::new(Engine { crypto: Arc::new(crypto), certificate });
        let mut capabilities = RtpCapabilities::default();
        let mut known: Vec<Known> = Vec::new();
        let (mut video, mut audio) = (VIDEO_TYPE_FIRST, AUDIO_TYPE_FIRST);
        for entry in router.codecs.iter().filter(|entry| entry.name() != "RTX") {
            let codec = match entry.name().as_str() {
                "OPUS" => Codec::Opus,
                "VP8" => Codec::Vp8,
                "VP9" => Codec::Vp9,
                "H264" => Codec::H264,
                _ => continue,
            };
            let send = if codec.is_audio() { (audio, 0) } else { (video, video + 1) };
            let repair = router.codecs.iter().find(|other| other.apt() == Some(entry.preferred_payload_type));
            capabilities.codecs.push(entry.clone());
            capabilities.codecs.extend(repair.cloned());
            let rtx = repair.map(|repair| repair.preferred_payload_type);
            known.push(Known { codec, entry: entry.clone(), rtx, send });
            if codec.is_audio() {
                audio += 1;
            } else {
                video += 2;
            }
        }
        let ours = |uri: &str| EXTENSIONS.iter().any(|(_, _, known)| *known == uri);
        capabilities.header_extensions = router.header_extensions;
        capabilities.header_extensions.retain(|extension| ours(&extension.uri));
        Ok(Self { engine, known, capabilities })
    }

    /// Without transport-wide feedback, so that a server must do without (Firefox's sound, old clients).
    #[must_use]
    pub fn without_transport_cc(mut self) -> Self {
        self.capabilities.header_extensions.retain(|extension| extension.uri != TRANSPORT_CC);
        self
    }

    /// Without repair streams: what is lost is lost.
    #[must_use]
    pub fn without_rtx(mut self) -> Self {
        self.capabilities.codecs.retain(|codec| codec.name() != "RTX");
        self.known.iter_mut().for_each(|known| known.rtx = None);
        self
    }

    /// The client's `rtpCapabilities`, for the server's `consume`.
    pub fn rtp_capabilities(&self) -> Value {
        let mut capabilities = self.capabilities.clone();
        capabilities.header_extensions.retain(|extension| extension.direction.as_deref() != Some("recvonly"));
        // These types have no map with keys that are no strings, so this cannot fail.
        serde_json::to_value(capabilities).unwrap_or_default()
    }

    /// Whether transport-wide feedback is to be sent.
    pub(super) fn has_transport_cc(&self) -> bool {
        self.capabilities.header_extensions.iter().any(|extension| extension.uri == TRANSPORT_CC)
    }

    /// A configuration for a connection that sends, or one that receives.
    pub(super) fn config(&self, sends: bool) -> RtcConfig {
        let mut config = RtcConfig::new()
            .set_crypto_provider(self.engine.crypto.clone())
            .set_dtls_cert(self.engine.certificate.clone())
            .set_rtp_mode(true)
            .clear_codecs()
            .set_extension_map(self.extension_map(sends));
        let codecs = config.codec_config();
        for known in &self.known {
            let (own, own_rtx) = known.send;
            let number = if sends { own } else { known.entry.preferred_payload_type };
            let rtx = known.rtx.map(|rtx| if sends { own_rtx } else { rtx });
            let (rate, channels) = match known.codec.is_audio() {
                true => (Frequency::FORTY_EIGHT_KHZ, Some(2)),
                false => (Frequency::NINETY_KHZ, None),
            };
            let format = FormatParams::default();
            codecs.add_config(number.into(), rtx.map(Into::into), known.codec, rate, channels, format);
        }
        let taken = |number| codecs.params().iter().any(|params| *params.pt() == number);
        if !sends && !taken(PROBATOR_TYPE) {
            let (codec, rate) = (Codec::Vp8, Frequency::NINETY_KHZ);
            codecs.add_config(PROBATOR_TYPE.into(), None, codec, rate, None, FormatParams::default());
        }
        config
    }

    fn extension_map(&self, sends: bool) -> ExtensionMap {
        let mut map = ExtensionMap::empty();
        for extension in &self.capabilities.header_extensions {
            let forbidden = if sends { "sendonly" } else { "recvonly" };
            if extension.direction.as_deref() == Some(forbidden) {
                continue;
            }
            if let Some((own, known, _)) = EXTENSIONS.iter().find(|(_, _, uri)| *uri == extension.uri) {
                map.set(if sends { *own } else { extension.preferred_id }, known.clone());
            }
        }
        map
    }

    /// The payload type that a codec is sent with, whether it can be repaired, and what to tell the server.
    pub(super) fn sending(&self, name: &str) -> Result<(u8, bool, Vec<RtpCodecParameters>), BotError> {
        let known = self.known.iter().find(|known| known.entry.name() == name);
        let known = known.ok_or_else(|| BotError::Codec(name.to_owned()))?;
        let (own, own_rtx) = known.send;
        let mut codecs = vec![RtpCodecParameters {
            mime_type: known.entry.mime_type.clone(),
            payload_type: own,
            clock_rate: known.entry.clock_rate,
            channels: known.entry.channels,
            parameters: known.entry.parameters.clone(),
            rtcp_feedback: known.entry.rtcp_feedback.clone(),
        }];
        if known.rtx.is_some() {
            codecs.push(RtpCodecParameters {
                mime_type: format!("{}/rtx", known.entry.kind),
                payload_type: own_rtx,
                clock_rate: known.entry.clock_rate,
                channels: None,
                parameters: json!({ "apt": own }),
                rtcp_feedback: json!([]),
            });
        }
        Ok((own, known.rtx.is_some(), codecs))
    }

    /// The header extensions that are sent, to tell the server.
    pub(super) fn sent_extensions(&self, kind: &str) -> Vec<RtpHeaderExtensionParameters> {
        let said = self.capabilities.header_extensions.iter();
        let said = said.filter(|said| said.kind == kind && said.direction.as_deref() != Some("sendonly"));
        said.filter_map(|said| {
            let (id, ..) = EXTENSIONS.iter().find(|(_, _, uri)| *uri == said.uri)?;
            let uri = said.uri.clone();
            Some(RtpHeaderExtensionParameters { uri, id: *id, encrypt: false, parameters: json!({}) })
        })
        .collect()
    }

    /// Whether a consumer's numbers are those that the router has told.
    pub(super) fn check(&self, codec: &RtpCodecParameters) -> Result<(), BotError> {
        let known = self.known.iter().any(|known| {
            known.entry.name() == codec.name() && known.entry.preferred_payload_type == codec.payload_type
        });
        let repairs = self.known.iter().any(|known| known.rtx == Some(codec.payload_type));
        if known || codec.name() == "RTX" && repairs {
            return Ok(());
        }
        Err(BotError::Codec(format!("{} as {}", codec.mime_type, codec.payload_type)))
    }

    /// Whether a consumer's header extension has the number that the router has told.
    pub(super) fn check_extension(&self, extension: &RtpHeaderExtensionParameters) -> Result<(), BotError> {
        let said = self.capabilities.header_extensions.iter().find(|said| said.uri == extension.uri);
        match said {
            Some(said) if said.preferred_id == extension.id => Ok(()),
            _ => Err(BotError::Extension(format!("{} as {}", extension.uri, extension.id))),
        }
    }
}
