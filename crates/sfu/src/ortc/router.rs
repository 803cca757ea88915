//! A router's capabilities, from the codecs that an application wants.
use super::family::{Codec, is_of_profile};
use super::{CODECS_MAX, RouterCodecsError};
use crate::rtp_parameters::{
    MediaKind, MimeTypeVideo, RtpCapabilitiesFinalized, RtpCodecCapability, RtpCodecCapabilityFinalized,
    RtpCodecParametersParameters,
};
use crate::supported_rtp_capabilities;
use std::collections::BTreeMap;

/// Dynamic payload types in the order in which they are given away, as mediasoup does.
fn dynamic_payload_types() -> impl Iterator<Item = u8> {
    (100..=127).chain(96..=99)
}

/// Gives every codec its payload type, the feedback that a router answers, and RTX to every video codec.
///
/// A codec keeps the payload type it prefers; others get that of RFC 3551, or the next free of 100 to 127 and then
/// 96 to 99. Where mediasoup would run into a conflict of its own making (a free payload type that a later codec
/// prefers, or three comfort noises that all have 13), there is none here.
///
/// # Errors
/// A codec is not carried, has an unreadable profile, or no payload type can be had for it.
pub fn generate_router_rtp_capabilities(
    media_codecs: &[RtpCodecCapability],
) -> Result<RtpCapabilitiesFinalized, RouterCodecsError> {
    let count = media_codecs.len();
    if count > CODECS_MAX {
        return Err(RouterCodecsError::TooMany { count });
    }
    let supported = supported_rtp_capabilities();
    let mut payload_types = PayloadTypes::reserve_preferred(media_codecs)?;
    let mut codecs = Vec::with_capacity(count * 2);
    for (index, media_codec) in media_codecs.iter().enumerate() {
        let carried = find_supported(&supported.codecs, index, media_codec)?;
        let payload_type = match (media_codec.preferred_payload_type(), carried.preferred_payload_type()) {
            (Some(preferred), _) => preferred,
            (None, Some(fixed)) if payload_types.take(fixed, index) => fixed,
            (None, _) => payload_types.next(index)?,
        };
        codecs.push(merged(carried, media_codec).finalized(payload_type));
        if media_codec.kind() == MediaKind::Video {
            codecs.push(RtpCodecCapabilityFinalized::Video {
                mime_type: MimeTypeVideo::Rtx,
                preferred_payload_type: payload_types.next(index)?,
                clock_rate: media_codec.clock_rate(),
                parameters: RtpCodecParametersParameters::from([("apt", payload_type.into())]),
                rtcp_feedback: Vec::new(),
            });
        }
    }
    Ok(RtpCapabilitiesFinalized { codecs, header_extensions: supported.header_extensions })
}

fn find_supported<'a>(
    supported: &'a [RtpCodecCapability],
    index: usize,
    wanted: &RtpCodecCapability,
) -> Result<&'a RtpCodecCapability, RouterCodecsError> {
    let mime_type = wanted.mime_type();
    if Codec::from(wanted).profile().is_none() {
        return Err(RouterCodecsError::UnreadableProfile { index, mime_type });
    }
    let of_family = |codec: &&RtpCodecCapability| Codec::from(*codec).same_family(wanted.into());
    supported.iter().find(of_family).ok_or_else(|| {
        let channels = wanted.channels().map_or(String::new(), |channels| format!("/{channels}"));
        let rtpmap = format!("{mime_type}/{}{channels}", wanted.clock_rate());
        RouterCodecsError::UnsupportedCodec { index, mime_type, rtpmap }
    })
}

/// The carried codec with the parameters that the application gave. What it says of the profile, or leaves open, is
/// the application's alone.
fn merged(carried: &RtpCodecCapability, wanted: &RtpCodecCapability) -> RtpCodecCapability {
    let mime_type = carried.mime_type();
    let ours = carried.parameters().clone().into_iter().filter(|(key, _)| !is_of_profile(mime_type, key));
    let mut codec = carried.clone();
    *codec.parameters_mut() = ours.chain(wanted.parameters().clone()).collect();
    codec
}

/// Which payload types are taken, and by which codec.
struct PayloadTypes {
    taken: BTreeMap<u8, usize>,
}

impl PayloadTypes {
    /// Takes all payload types that codecs prefer, before any other is given away.
    fn reserve_preferred(codecs: &[RtpCodecCapability]) -> Result<Self, RouterCodecsError> {
        let mut this = Self { taken: BTreeMap::new() };
        for (index, codec) in codecs.iter().enumerate() {
            let Some(payload_type) = codec.preferred_payload_type() else { continue };
            if !matches!(payload_type, 0..=63 | 96..=127) {
                return Err(RouterCodecsError::UnusablePayloadType { index, payload_type });
            }
            if let Some(earlier) = this.taken.insert(payload_type, index) {
                return Err(RouterCodecsError::DuplicatedPreferredPayloadType {
                    index,
                    earlier,
                    payload_type,
                });
            }
        }
        Ok(this)
    }

    /// Takes this one. False when it is taken.
    fn take(&mut self, payload_type: u8, index: usize) -> bool {
        let free = !self.taken.contains_key(&payload_type);
        if free {
            self.taken.insert(payload_type, index);
        }
        free
    }

    fn next(&mut self, index: usize) -> Result<u8, RouterCodecsError> {
        dynamic_payload_types()
            .find(|payload_type| self.take(*payload_type, index))
            .ok_or(RouterCodecsError::CannotAllocate { index })
    }
}

#[cfg(test)]
mod tests;
