//! RTP header extensions (RFC 8285): what a packet says beside its payload.
use super::MediaKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// Which way a header extension may be used, seen from who has the capability.
#[derive(Debug, Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Deserialize, Serialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum RtpHeaderExtensionDirection {
    /// Sent and received.
    #[default]
    SendRecv,
    /// Sent only.
    SendOnly,
    /// Received only.
    RecvOnly,
    /// Known, not used.
    Inactive,
}

/// The URI is of no header extension that we know.
#[derive(Debug, Clone, Eq, PartialEq, thiserror::Error)]
pub enum RtpHeaderExtensionUriParseError {
    /// The URI.
    #[error("no RTP header extension is known by the URI {0:?}")]
    Unsupported(String),
}

macro_rules! uris {
    ($($(#[$doc:meta])* $variant:ident = $uri:literal),* $(,)?) => {
        /// The header extensions that we know. As JSON their URIs.
        #[derive(Debug, Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
        pub enum RtpHeaderExtensionUri {
            $($(#[$doc])* $variant,)*
        }

        impl RtpHeaderExtensionUri {
            /// The URI.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $uri,)*
                }
            }
        }

        impl FromStr for RtpHeaderExtensionUri {
            type Err = RtpHeaderExtensionUriParseError;

            fn from_str(uri: &str) -> Result<Self, Self::Err> {
                match uri {
                    $($uri => Ok(Self::$variant),)*
                    _ => Err(RtpHeaderExtensionUriParseError::Unsupported(uri.into())),
                }
            }
        }
    };
}

uris! {
    /// Which media section a packet belongs to, RFC 8843 §15.
    Mid = "urn:ietf:params:rtp-hdrext:sdes:mid",
    /// Which simulcast stream a packet belongs to, RFC 8852.
    RtpStreamId = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    /// The same for a retransmitted packet, RFC 8852.
    RepairRtpStreamId = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    /// When a packet was sent, for the receiver's estimate of the bandwidth.
    AbsSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    /// A packet number across streams, for the sender's estimate of the bandwidth.
    TransportWideCcDraft01 = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    /// How loud a packet is, RFC 6464.
    SsrcAudioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    /// Which layers a frame is of and depends on.
    DependencyDescriptor =
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    /// How the picture is to be turned, 3GPP TS 26.114.
    VideoOrientation = "urn:3gpp:video-orientation",
    /// When a frame was captured.
    AbsCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    /// How much delay a player may add.
    PlayoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    /// mediasoup's own number of a packet.
    MediasoupPacketId = "urn:mediasoup:params:rtp-hdrext:packet-id",
}

impl RtpHeaderExtensionUri {
    /// Whether it only serves estimating the bandwidth.
    pub fn is_for_bandwidth(self) -> bool {
        matches!(self, Self::AbsSendTime | Self::TransportWideCcDraft01)
    }
}

impl fmt::Display for RtpHeaderExtensionUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RtpHeaderExtensionUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RtpHeaderExtensionUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A header extension among capabilities.
#[derive(Debug, Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpHeaderExtension {
    /// Which kind of media it is for.
    pub kind: MediaKind,
    /// What it is.
    pub uri: RtpHeaderExtensionUri,
    /// The id it would like to have in packets, 1 to 255.
    pub preferred_id: u16,
    /// Whether it would like to be encrypted (RFC 6904). Default false; nobody does.
    #[serde(default)]
    pub preferred_encrypt: bool,
    /// Which way it may be used. Default both.
    #[serde(default)]
    pub direction: RtpHeaderExtensionDirection,
}

/// A header extension in use.
#[derive(Debug, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Deserialize, Serialize)]
pub struct RtpHeaderExtensionParameters {
    /// What it is.
    pub uri: RtpHeaderExtensionUri,
    /// Its id in packets, 1 to 255, unique within the parameters.
    pub id: u16,
    /// Whether it is encrypted (RFC 6904). Default false.
    #[serde(default)]
    pub encrypt: bool,
}

/// Reads the header extensions of capabilities and leaves out those whose URI is not known: what only one side
/// knows cannot be negotiated, and browsers list a dozen that we do not.
pub(super) fn known_capabilities<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<RtpHeaderExtension>, D::Error> {
    let list = Vec::<RawCapability>::deserialize(deserializer)?;
    Ok(list.into_iter().filter_map(RawCapability::known).collect())
}

/// The same for header extensions in use: one that we do not know is one that we do not read.
pub(super) fn known_parameters<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<RtpHeaderExtensionParameters>, D::Error> {
    let list = Vec::<RawParameters>::deserialize(deserializer)?;
    Ok(list.into_iter().filter_map(RawParameters::known).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCapability {
    kind: MediaKind,
    uri: String,
    preferred_id: u16,
    #[serde(default)]
    preferred_encrypt: bool,
    #[serde(default)]
    direction: RtpHeaderExtensionDirection,
}

impl RawCapability {
    fn known(self) -> Option<RtpHeaderExtension> {
        let Self { kind, uri, preferred_id, preferred_encrypt, direction } = self;
        Some(RtpHeaderExtension { kind, uri: uri.parse().ok()?, preferred_id, preferred_encrypt, direction })
    }
}

#[derive(Deserialize)]
struct RawParameters {
    uri: String,
    id: u16,
    #[serde(default)]
    encrypt: bool,
}

impl RawParameters {
    fn known(self) -> Option<RtpHeaderExtensionParameters> {
        let Self { uri, id, encrypt } = self;
        Some(RtpHeaderExtensionParameters { uri: uri.parse().ok()?, id, encrypt })
    }
}
