//! RTP parameters: the values that an application, a router and `mediasoup-client` send each other as JSON.
//!
//! Source: the ORTC dictionaries as mediasoup writes them. Names, fields and JSON are those of the crate
//! `mediasoup-types` (a test compares both), and H.265 is added. What a peer may leave out by mediasoup's
//! documentation (`channels`, `parameters`, `rtcpFeedback`, `rtcp`…) takes its default here, and codecs and header
//! extensions nobody here knows are left out of *capabilities*: they could not be negotiated anyway.
mod capabilities;
mod codec;
mod feedback;
mod header_extension;
mod mime_type;
mod parameters;

pub use capabilities::{
    RtpCapabilities, RtpCapabilitiesFinalized, RtpCodecCapability, RtpCodecCapabilityFinalized,
};
pub use codec::{RtpCodecParametersParameters, RtpCodecParametersParametersValue};
pub use feedback::{RtcpFeedback, RtcpFeedbackFromTypeParameterError};
pub use header_extension::{
    RtpHeaderExtension, RtpHeaderExtensionDirection, RtpHeaderExtensionParameters, RtpHeaderExtensionUri,
    RtpHeaderExtensionUriParseError,
};
pub use mime_type::{MediaKind, MimeType, MimeTypeAudio, MimeTypeVideo, ParseMimeTypeError};
pub use parameters::{
    RtcpParameters, RtpCodecParameters, RtpEncodingParameters, RtpEncodingParametersRtx, RtpParameters,
};
