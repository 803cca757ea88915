//! ORTC negotiation: who can receive what from whom, and with which payload types, header extension ids and SSRCs.
//!
//! The way of one producer's media through a router:
//!
//! 1. [`generate_router_rtp_capabilities`]: the application's codecs become the router's, each with its payload type.
//! 2. [`get_producer_rtp_parameters_mapping`]: a producer's numbers, and the router's for the same things.
//! 3. [`get_consumable_rtp_parameters`]: the producer's media in the router's numbers, for whoever consumes it.
//! 4. [`can_consume`], [`get_consumer_rtp_parameters`]: the part of it that one endpoint can receive; or
//!    [`get_pipe_consumer_rtp_parameters`]: all of it, for another router.
//!
//! All are pure functions. SSRCs come from an argument, `ssrcs`, which must return another one at each call: only
//! the caller knows which are taken on a transport. Behaviour is that of mediasoup 0.33; where it differs, the
//! function says how.
mod consumer;
mod error;
mod family;
mod h264_profile;
mod producer;
mod red;
mod router;
mod validate;

pub use consumer::{
    ConsumerMode, can_consume, get_consumer_rtp_parameters, get_pipe_consumer_rtp_parameters,
};
pub use error::{
    ConsumerRtpParametersError, RouterCodecsError, RtpCapabilitiesError, RtpParametersError,
    RtpParametersMappingError,
};
pub use producer::{
    RtpMapping, RtpMappingCodec, RtpMappingEncoding, get_consumable_rtp_parameters,
    get_producer_rtp_parameters_mapping,
};
pub(crate) use red::repeated_codec;
pub use router::generate_router_rtp_capabilities;
pub use validate::{
    disable_bwe_in_rtp_parameters, normalize_rtp_parameters, validate_rtp_capabilities,
    validate_rtp_parameters,
};

/// Most codecs in capabilities or parameters: 256. Chromium lists 45; matching is quadratic.
pub const CODECS_MAX: usize = 256;

/// Most header extensions in capabilities or parameters: 128. Chromium lists 17.
pub const HEADER_EXTENSIONS_MAX: usize = 128;

/// Most parameters of one codec: 64. H.265 defines the most of all codecs, some 40.
pub const CODEC_PARAMETERS_MAX: usize = 64;

/// Most streams of one producer: 16. Browsers send three.
pub const ENCODINGS_MAX: usize = 16;

/// Longest `mid` and `rid` in bytes: 255, the longest header extension there can be (RFC 8285 §4.3).
pub const ID_BYTES_MAX: usize = 255;
