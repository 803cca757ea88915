//! Media kinds and MIME types: which codec a payload type stands for.
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// Audio or video. As JSON `audio` or `video`.
#[derive(Debug, Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// The text is no MIME type of a codec that we know. The fault of who wrote it.
#[derive(Debug, Clone, Eq, PartialEq, thiserror::Error)]
pub enum ParseMimeTypeError {
    /// It begins neither with `audio/` nor with `video/`.
    #[error("{0:?} is no MIME type like audio/opus or video/VP8")]
    InvalidInput(String),
    /// No codec of that name is known.
    #[error("no codec is known by the MIME type {0:?}")]
    UnknownMimeType(String),
}

/// Declares one kind's MIME types: how they are written, and that reading ignores case (RFC 2045 §5.1).
macro_rules! mime_types {
    ($(#[$doc:meta])* $type:ident, $prefix:literal, $($(#[$variant_doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $type {
            /// The MIME type as mediasoup writes it.
            pub fn as_str(&self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl FromStr for $type {
            type Err = ParseMimeTypeError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $(if text.eq_ignore_ascii_case($name) {
                    return Ok(Self::$variant);
                })*
                match text.get(..$prefix.len()) {
                    Some(head) if head.eq_ignore_ascii_case($prefix) => {
                        Err(ParseMimeTypeError::UnknownMimeType(text.into()))
                    }
                    Some(_) | None => Err(ParseMimeTypeError::InvalidInput(text.into())),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

mime_types! {
    /// Audio codecs that can be named. What a router carries is in [`crate::supported_rtp_capabilities`].
    MimeTypeAudio, "audio/",
    /// Opus, RFC 7587.
    Opus = "audio/opus",
    /// Opus of more than two channels, as Chromium has it.
    MultiChannelOpus = "audio/multiopus",
    /// G.711 µ-law.
    Pcmu = "audio/PCMU",
    /// G.711 A-law.
    Pcma = "audio/PCMA",
    /// iSAC.
    Isac = "audio/ISAC",
    /// G.722; its clock rate says 8000 and means 16000 (RFC 3551 §4.5.2).
    G722 = "audio/G722",
    /// iLBC.
    Ilbc = "audio/iLBC",
    /// SILK.
    Silk = "audio/SILK",
    /// Comfort noise, RFC 3389.
    Cn = "audio/CN",
    /// Telephone events (DTMF), RFC 4733.
    TelephoneEvent = "audio/telephone-event",
    /// Retransmission, RFC 4588.
    Rtx = "audio/rtx",
    /// Redundancy, RFC 2198.
    Red = "audio/red",
}

mime_types! {
    /// Video codecs that can be named. What a router carries is in [`crate::supported_rtp_capabilities`].
    MimeTypeVideo, "video/",
    /// VP8, RFC 7741.
    Vp8 = "video/VP8",
    /// VP9, RFC 9628.
    Vp9 = "video/VP9",
    /// H.264, RFC 6184.
    H264 = "video/H264",
    /// H.265, RFC 7798. mediasoup has no such codec.
    H265 = "video/H265",
    /// AV1, by the RTP specification of the Alliance for Open Media.
    AV1 = "video/AV1",
    /// Retransmission, RFC 4588.
    Rtx = "video/rtx",
    /// Redundancy, RFC 2198.
    Red = "video/red",
    /// Forward error correction, RFC 5109.
    Ulpfec = "video/ulpfec",
}

/// An audio or a video codec.
#[derive(Debug, Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Deserialize, Serialize)]
#[serde(untagged)]
pub enum MimeType {
    /// An audio codec.
    Audio(MimeTypeAudio),
    /// A video codec.
    Video(MimeTypeVideo),
}

impl MimeType {
    /// The MIME type as mediasoup writes it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Audio(mime_type) => mime_type.as_str(),
            Self::Video(mime_type) => mime_type.as_str(),
        }
    }

    /// Audio or video.
    pub fn kind(&self) -> MediaKind {
        match self {
            Self::Audio(_) => MediaKind::Audio,
            Self::Video(_) => MediaKind::Video,
        }
    }

    /// Whether it is retransmission, which is no codec by itself.
    pub fn is_rtx(&self) -> bool {
        matches!(self, Self::Audio(MimeTypeAudio::Rtx) | Self::Video(MimeTypeVideo::Rtx))
    }

    /// Whether it is redundant sound, which is no codec by itself either. That of video is another thing: it carries
    /// forward error correction.
    pub fn is_red(&self) -> bool {
        *self == Self::Audio(MimeTypeAudio::Red)
    }
}

impl FromStr for MimeType {
    type Err = ParseMimeTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse().map(Self::Audio) {
            Err(ParseMimeTypeError::InvalidInput(_)) => text.parse().map(Self::Video),
            read => read,
        }
    }
}

impl fmt::Display for MimeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mime_type_is_read_in_any_case_and_written_in_mediasoups() {
        assert_eq!("VIDEO/h265".parse(), Ok(MimeType::Video(MimeTypeVideo::H265)));
        assert_eq!("audio/OPUS".parse::<MimeType>().unwrap().as_str(), "audio/opus");
    }

    #[test]
    fn an_unknown_codec_and_a_text_that_is_no_mime_type_are_told_apart() {
        assert_eq!(
            "video/flexfec-03".parse::<MimeType>(),
            Err(ParseMimeTypeError::UnknownMimeType("video/flexfec-03".into()))
        );
        assert_eq!("opus".parse::<MimeType>(), Err(ParseMimeTypeError::InvalidInput("opus".into())));
        assert_eq!(
            "vidéo/VP8".parse::<MimeType>(),
            Err(ParseMimeTypeError::InvalidInput("vidéo/VP8".into()))
        );
    }
}
