//! What can be wrong with capabilities and parameters: where, whose fault it is, and what helps.
use crate::rtp_parameters::MimeType;
use media::Fault;

/// The codecs that an application wants of a router cannot be had. The fault of its configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouterCodecsError {
    /// More codecs than [`super::CODECS_MAX`].
    #[error("{count} media codecs are too many; a router takes {}", super::CODECS_MAX)]
    TooMany {
        /// How many there were.
        count: usize,
    },
    /// No router carries such a codec.
    #[error(
        "mediaCodecs[{index}]: {rtpmap} is not carried; \
         supported_rtp_capabilities() lists what is, and RTX comes by itself"
    )]
    UnsupportedCodec {
        /// Which of the codecs.
        index: usize,
        /// Its MIME type.
        mime_type: MimeType,
        /// Its MIME type, clock rate and (of audio) channels, like `audio/opus/48000/2`.
        rtpmap: String,
    },
    /// A parameter that decides which streams match cannot be read.
    #[error(
        "mediaCodecs[{index}]: the profile of {mime_type} cannot be read from its parameters; \
         write them as browsers do, or leave them out"
    )]
    UnreadableProfile {
        /// Which of the codecs.
        index: usize,
        /// Its MIME type.
        mime_type: MimeType,
    },
    /// The payload type cannot be used for RTP that shares its port with RTCP (RFC 5761 §4).
    #[error(
        "mediaCodecs[{index}]: payload type {payload_type} cannot be told from RTCP; \
         choose one of 0 to 63 or 96 to 127, or none"
    )]
    UnusablePayloadType {
        /// Which of the codecs.
        index: usize,
        /// The payload type.
        payload_type: u8,
    },
    /// Two codecs want the same payload type.
    #[error(
        "mediaCodecs[{index}] wants payload type {payload_type}, which mediaCodecs[{earlier}] has; \
         change one, or leave one out and it gets a free one"
    )]
    DuplicatedPreferredPayloadType {
        /// Which of the codecs.
        index: usize,
        /// Which other has it.
        earlier: usize,
        /// The payload type.
        payload_type: u8,
    },
    /// All 32 dynamic payload types are taken; a video codec needs two.
    #[error("mediaCodecs[{index}]: no dynamic payload type is left for it; use fewer codecs in one router")]
    CannotAllocate {
        /// Which of the codecs.
        index: usize,
    },
}

impl RouterCodecsError {
    /// Whose fault it is: always the configuration's.
    pub fn fault(&self) -> Fault {
        Fault::Config
    }
}

/// Capabilities from outside are not well formed. The fault of the peer that sent them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RtpCapabilitiesError {
    /// A list is longer than its limit.
    #[error("{what} has {count} entries; {max} is the limit")]
    TooMany {
        /// Which list.
        what: String,
        /// Its length.
        count: usize,
        /// Its limit.
        max: usize,
    },
    /// `apt` is no payload type.
    #[error("codecs[{index}]: apt {apt} is no payload type; it must be a number from 0 to 127")]
    InvalidAptParameter {
        /// Which of the codecs.
        index: usize,
        /// What it says, as it was written.
        apt: String,
    },
    /// A payload type has seven bits.
    #[error("codecs[{index}]: payload type {payload_type} does not exist; it must be 0 to 127")]
    InvalidPayloadType {
        /// Which of the codecs.
        index: usize,
        /// The payload type.
        payload_type: u8,
    },
    /// An id of a header extension is 1 to 255.
    #[error("headerExtensions[{index}]: id {id} does not exist; it must be 1 to 255")]
    InvalidHeaderExtensionId {
        /// Which of the extensions.
        index: usize,
        /// The id.
        id: u16,
    },
}

impl RtpCapabilitiesError {
    /// Whose fault it is: always the peer's.
    pub fn fault(&self) -> Fault {
        Fault::Peer
    }
}

/// A producer's parameters are not well formed. The fault of the peer that sent them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RtpParametersError {
    /// Something that capabilities have as well is wrong.
    #[error(transparent)]
    Malformed(#[from] RtpCapabilitiesError),
    /// No codec, or none but RTX.
    #[error("codecs has no media codec; a producer needs one")]
    NoMediaCodec,
    /// Audio and video in one.
    #[error("codecs[{index}] is of another kind than the first; send audio and video as two producers")]
    MixedKinds {
        /// Which of the codecs.
        index: usize,
    },
    /// Two codecs have one payload type.
    #[error("codecs[{index}]: payload type {payload_type} is that of an earlier codec; each needs its own")]
    DuplicatedPayloadType {
        /// Which of the codecs.
        index: usize,
        /// The payload type.
        payload_type: u8,
    },
    /// RTX that does not say what it retransmits, or something that is not there.
    #[error("codecs[{index}]: its apt names no media codec of these parameters")]
    RtxWithoutCodec {
        /// Which of the codecs.
        index: usize,
    },
    /// RED without the codec that it repeats, or with parameters that name another, or several.
    #[error(
        "codecs[{index}]: RED repeats no codec of these parameters; put one of its clock rate and channels beside it, \
         and name its payload type and no other, like {{ \"\": \"111/111\" }}"
    )]
    RedWithoutCodec {
        /// Which of the codecs.
        index: usize,
    },
    /// A stream can have one kind of redundancy.
    #[error("codecs[{index}] is a second RED; a producer has one at most")]
    SecondRed {
        /// Which of the codecs.
        index: usize,
    },
    /// Two header extensions have one id.
    #[error("headerExtensions[{index}]: id {id} is that of an earlier extension; each needs its own")]
    DuplicatedHeaderExtensionId {
        /// Which of the extensions.
        index: usize,
        /// The id.
        id: u16,
    },
    /// Packets of one of several streams could not be told from the others'.
    #[error("encodings[{index}] has neither ssrc nor rid; with several encodings each needs one")]
    AnonymousEncoding {
        /// Which of the encodings.
        index: usize,
    },
    /// Two streams have one SSRC.
    #[error("encodings[{index}]: ssrc {ssrc} is used twice; each stream and its rtx need their own")]
    DuplicatedSsrc {
        /// Which of the encodings.
        index: usize,
        /// The SSRC.
        ssrc: u32,
    },
    /// Two streams have one rid.
    #[error("encodings[{index}]: its rid is that of an earlier encoding; each needs its own")]
    DuplicatedRid {
        /// Which of the encodings.
        index: usize,
    },
    /// A stream uses a codec that is not there.
    #[error("encodings[{index}]: codecPayloadType {payload_type} is of no media codec of these parameters")]
    EncodingWithoutCodec {
        /// Which of the encodings.
        index: usize,
        /// The payload type.
        payload_type: u8,
    },
    /// `mid` or `rid` is empty or longer than [`super::ID_BYTES_MAX`].
    #[error("{what} has {bytes} bytes; it must be 1 to {}", super::ID_BYTES_MAX)]
    InvalidId {
        /// Which of them.
        what: String,
        /// Its length.
        bytes: usize,
    },
}

impl RtpParametersError {
    /// Whose fault it is: always the peer's.
    pub fn fault(&self) -> Fault {
        Fault::Peer
    }
}

/// A producer's media does not fit the router.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RtpParametersMappingError {
    /// The router has no such codec. The peer's fault: it has the router's capabilities to choose from.
    #[error(
        "{mime_type} with payload type {payload_type} is none of the router's codecs (or of another profile); \
         send what routerRtpCapabilities lists, or add the codec to the router"
    )]
    UnsupportedCodec {
        /// MIME type of the codec.
        mime_type: MimeType,
        /// Its payload type with the producer.
        payload_type: u8,
    },
    /// The router retransmits, but not this codec. Ours: a router adds RTX to every video codec.
    #[error("the router has no RTX for its payload type {preferred_payload_type}; send without RTX")]
    UnsupportedRtxCodec {
        /// The router's payload type.
        preferred_payload_type: u8,
    },
    /// RTX of something that is not there. The peer's fault.
    #[error("RTX with payload type {payload_type} retransmits no media codec of these parameters")]
    MissingMediaCodecForRtx {
        /// Payload type of the RTX codec.
        payload_type: u8,
    },
    /// The mapping was made of other parameters or for another router. Ours.
    #[error("payload type {payload_type} is not in the mapping; it was made for other parameters")]
    ForeignMapping {
        /// Payload type with the producer.
        payload_type: u8,
    },
}

impl RtpParametersMappingError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::UnsupportedCodec { .. } | Self::MissingMediaCodecForRtx { .. } => Fault::Peer,
            Self::UnsupportedRtxCodec { .. } | Self::ForeignMapping { .. } => Fault::Us,
        }
    }
}

/// An endpoint cannot consume a producer. The fault of the endpoint, as far as it is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsumerRtpParametersError {
    /// Its capabilities are not well formed.
    #[error("the consumer's RTP capabilities: {0}")]
    InvalidCapabilities(#[from] RtpCapabilitiesError),
    /// It knows none of the producer's codecs.
    #[error("the consumer can receive none of the producer's codecs; ask can_consume() first")]
    NoCompatibleMediaCodecs,
}

impl ConsumerRtpParametersError {
    /// Whose fault it is: always the peer's.
    pub fn fault(&self) -> Fault {
        Fault::Peer
    }
}
