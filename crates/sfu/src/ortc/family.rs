//! Whether two codec entries mean the same: the family (name, clock, channels), and the profile within it.
//!
//! Source: RFC 6184 §8.2.2 (H.264), RFC 7798 §7.2.2 (H.265), RFC 9628 §6 (VP9), the AV1 RTP specification §7.2. Levels are no
//! part of either: they limit what is sent, and a router cannot change what is sent.
use super::h264_profile;
use crate::rtp_parameters::{
    MimeType, MimeTypeAudio, MimeTypeVideo, RtpCodecCapability, RtpCodecCapabilityFinalized,
    RtpCodecParameters, RtpCodecParametersParameters,
};
use std::num::{NonZeroU8, NonZeroU32};

/// What decides whether two codecs match, of whichever kind of entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codec<'a> {
    mime_type: MimeType,
    clock_rate: NonZeroU32,
    channels: Option<NonZeroU8>,
    parameters: &'a RtpCodecParametersParameters,
}

/// The profile that a codec's parameters name. Two streams of different profiles need different decoders.
#[derive(Debug, PartialEq)]
pub(super) enum Profile {
    /// The family has none.
    None,
    H264 {
        packetization_mode: u32,
        profile: h264_profile::Profile,
    },
    H265 {
        profile_id: u32,
        tier_flag: u32,
        tx_mode: String,
    },
    Vp9 {
        profile_id: u32,
    },
    Av1 {
        profile: u32,
    },
}

impl Codec<'_> {
    /// Whether both are of one name, clock and number of channels; and of multichannel Opus, of one layout.
    pub(super) fn same_family(self, other: Codec<'_>) -> bool {
        let layout = |codec: Codec<'_>| match codec.mime_type {
            MimeType::Audio(MimeTypeAudio::MultiChannelOpus) => {
                Some((codec.parameters.number("num_streams"), codec.parameters.number("coupled_streams")))
            }
            MimeType::Audio(_) | MimeType::Video(_) => None,
        };
        self.mime_type == other.mime_type
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
            && layout(self) == layout(other)
    }

    /// Whether both are of one family and one profile. An unreadable profile matches nothing.
    pub(super) fn matches(self, other: Codec<'_>) -> bool {
        self.same_family(other)
            && matches!((self.profile(), other.profile()), (Some(ours), Some(theirs)) if ours == theirs)
    }

    /// The profile, where the parameters that name it can be read. What is left out has its RFC's default.
    pub(super) fn profile(self) -> Option<Profile> {
        let number = |key: &str, default: u32| match self.parameters.get(key) {
            None => Some(default),
            Some(value) => value.as_number(),
        };
        Some(match self.mime_type {
            MimeType::Video(MimeTypeVideo::H264) => Profile::H264 {
                packetization_mode: number("packetization-mode", 0)?,
                profile: h264_profile::profile(self.parameters.get("profile-level-id"))?,
            },
            MimeType::Video(MimeTypeVideo::H265) => Profile::H265 {
                profile_id: number("profile-id", 1)?,
                tier_flag: number("tier-flag", 0)?,
                tx_mode: self.parameters.text("tx-mode").unwrap_or("SRST").to_ascii_uppercase(),
            },
            MimeType::Video(MimeTypeVideo::Vp9) => Profile::Vp9 { profile_id: number("profile-id", 0)? },
            MimeType::Video(MimeTypeVideo::AV1) => Profile::Av1 { profile: number("profile", 0)? },
            MimeType::Audio(_)
            | MimeType::Video(
                MimeTypeVideo::Vp8 | MimeTypeVideo::Rtx | MimeTypeVideo::Red | MimeTypeVideo::Ulpfec,
            ) => Profile::None,
        })
    }
}

/// Whether a parameter belongs to the profile or level of a codec, so that one entry's must not be lent to another.
pub(super) fn is_of_profile(mime_type: MimeType, key: &str) -> bool {
    match mime_type {
        MimeType::Video(MimeTypeVideo::H264) => matches!(key, "packetization-mode" | "profile-level-id"),
        MimeType::Video(MimeTypeVideo::H265) => {
            matches!(key, "profile-id" | "tier-flag" | "level-id" | "tx-mode")
        }
        MimeType::Video(MimeTypeVideo::Vp9) => key == "profile-id",
        MimeType::Video(MimeTypeVideo::AV1) => matches!(key, "profile" | "level-idx" | "tier"),
        MimeType::Audio(_)
        | MimeType::Video(
            MimeTypeVideo::Vp8 | MimeTypeVideo::Rtx | MimeTypeVideo::Red | MimeTypeVideo::Ulpfec,
        ) => false,
    }
}

macro_rules! codec_of {
    ($($type:ty),*) => {
        $(impl<'a> From<&'a $type> for Codec<'a> {
            fn from(codec: &'a $type) -> Self {
                Self {
                    mime_type: codec.mime_type(),
                    clock_rate: codec.clock_rate(),
                    channels: codec.channels(),
                    parameters: codec.parameters(),
                }
            }
        })*
    };
}

codec_of!(RtpCodecCapability, RtpCodecCapabilityFinalized, RtpCodecParameters);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn video(name: &str, parameters: Value) -> RtpCodecCapability {
        let codec = json!({ "kind": "video", "mimeType": format!("video/{name}"), "clockRate": 90000, "parameters": parameters });
        serde_json::from_value(codec).unwrap()
    }

    fn match_each_other(name: &str, a: Value, b: Value) -> bool {
        let (a, b) = (video(name, a), video(name, b));
        let matches = Codec::from(&a).matches(Codec::from(&b));
        assert_eq!(matches, Codec::from(&b).matches(Codec::from(&a)), "matching has no direction");
        matches
    }

    #[test]
    fn h264_matches_by_packetization_mode_and_profile_at_any_level() {
        let this =
            json!({ "packetization-mode": 1, "profile-level-id": "42e01f", "level-asymmetry-allowed": 1 });
        assert!(match_each_other(
            "H264",
            this.clone(),
            json!({ "packetization-mode": "1", "profile-level-id": "42e034" })
        ));
        assert!(!match_each_other(
            "H264",
            this.clone(),
            json!({ "packetization-mode": 0, "profile-level-id": "42e01f" })
        ));
        assert!(!match_each_other(
            "H264",
            this.clone(),
            json!({ "packetization-mode": 1, "profile-level-id": "64001f" })
        ));
        assert!(
            !match_each_other("H264", this, json!({ "profile-level-id": "42e01f" })),
            "mode 0 is the default"
        );
    }

    #[test]
    fn h265_matches_by_profile_tier_and_transmission_mode_at_any_level() {
        let this = json!({ "profile-id": 1, "tier-flag": 0, "level-id": 93, "tx-mode": "SRST" });
        assert!(
            match_each_other("H265", this.clone(), json!({ "level-id": 180 })),
            "all others have defaults"
        );
        assert!(!match_each_other("H265", this.clone(), json!({ "profile-id": 2 })));
        assert!(!match_each_other("H265", this.clone(), json!({ "tier-flag": 1 })));
        assert!(!match_each_other("H265", this, json!({ "tx-mode": "MRST" })));
    }

    #[test]
    fn vp9_and_av1_match_by_profile() {
        assert!(match_each_other("VP9", json!({}), json!({ "profile-id": 0 })));
        assert!(!match_each_other("VP9", json!({ "profile-id": 2 }), json!({})));
        assert!(match_each_other("AV1", json!({ "level-idx": 5, "profile": 0, "tier": 0 }), json!({})));
        assert!(!match_each_other("AV1", json!({ "profile": 1 }), json!({})));
    }

    #[test]
    fn an_unreadable_profile_matches_nothing_not_even_itself() {
        assert!(!match_each_other("VP9", json!({ "profile-id": "high" }), json!({ "profile-id": "high" })));
    }

    #[test]
    fn multichannel_opus_matches_by_its_layout() {
        let opus = |streams: u32| -> RtpCodecCapability {
            let parameters = json!({ "num_streams": streams, "coupled_streams": 2 });
            let codec = json!({ "kind": "audio", "mimeType": "audio/multiopus", "clockRate": 48000, "channels": 6, "parameters": parameters });
            serde_json::from_value(codec).unwrap()
        };
        assert!(Codec::from(&opus(4)).same_family((&opus(4)).into()));
        assert!(!Codec::from(&opus(4)).same_family((&opus(5)).into()));
    }
}
