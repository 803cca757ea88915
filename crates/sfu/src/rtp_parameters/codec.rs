//! Codec parameters (what SDP calls `fmtp`), and the shape that all codec entries share when they are read.
use super::{MediaKind, MimeType, ParseMimeTypeError, RtcpFeedback};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::{NonZeroU8, NonZeroU32};

/// One value among codec parameters. As JSON a string or a number.
#[derive(Debug, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Deserialize, Serialize)]
#[serde(untagged, expecting = "a codec parameter is a string or a whole number below 2^32")]
pub enum RtpCodecParametersParametersValue {
    /// A text.
    String(Cow<'static, str>),
    /// A number.
    Number(u32),
}

impl RtpCodecParametersParametersValue {
    /// The number, also where a peer wrote it as digits in a string.
    pub fn as_number(&self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(*number),
            Self::String(text) => text.parse().ok(),
        }
    }
}

impl From<Cow<'static, str>> for RtpCodecParametersParametersValue {
    fn from(text: Cow<'static, str>) -> Self {
        Self::String(text)
    }
}

impl From<String> for RtpCodecParametersParametersValue {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<&'static str> for RtpCodecParametersParametersValue {
    fn from(text: &'static str) -> Self {
        Self::String(text.into())
    }
}

impl From<u8> for RtpCodecParametersParametersValue {
    fn from(number: u8) -> Self {
        Self::Number(number.into())
    }
}

impl From<u16> for RtpCodecParametersParametersValue {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for RtpCodecParametersParametersValue {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

/// Codec parameters by name, for instance `packetization-mode` of H.264 or `apt` of RTX.
#[derive(Debug, Default, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Deserialize, Serialize)]
pub struct RtpCodecParametersParameters(BTreeMap<Cow<'static, str>, RtpCodecParametersParametersValue>);

impl RtpCodecParametersParameters {
    /// Adds a parameter, or replaces the one of that name.
    pub fn insert<K, V>(&mut self, key: K, value: V) -> &mut Self
    where
        K: Into<Cow<'static, str>>,
        V: Into<RtpCodecParametersParametersValue>,
    {
        self.0.insert(key.into(), value.into());
        self
    }

    /// The parameters, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &RtpCodecParametersParametersValue)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// The parameter of that name.
    pub fn get(&self, key: &str) -> Option<&RtpCodecParametersParametersValue> {
        self.0.get(key)
    }

    /// The number of that name, also where it was written as digits in a string.
    pub fn number(&self, key: &str) -> Option<u32> {
        self.get(key)?.as_number()
    }

    /// The text of that name; none where it is a number.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            RtpCodecParametersParametersValue::String(text) => Some(text),
            RtpCodecParametersParametersValue::Number(_) => None,
        }
    }

    /// The payload type that an RTX codec retransmits (RFC 4588 §8.1). mediasoup takes only a number here.
    pub fn apt(&self) -> Option<u8> {
        match self.get("apt")? {
            RtpCodecParametersParametersValue::Number(number) => u8::try_from(*number).ok(),
            RtpCodecParametersParametersValue::String(_) => None,
        }
    }
}

impl<K: Into<Cow<'static, str>>, const N: usize> From<[(K, RtpCodecParametersParametersValue); N]>
    for RtpCodecParametersParameters
{
    fn from(parameters: [(K, RtpCodecParametersParametersValue); N]) -> Self {
        parameters.into_iter().collect()
    }
}

impl<K: Into<Cow<'static, str>>> FromIterator<(K, RtpCodecParametersParametersValue)>
    for RtpCodecParametersParameters
{
    fn from_iter<T: IntoIterator<Item = (K, RtpCodecParametersParametersValue)>>(parameters: T) -> Self {
        Self(parameters.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

impl<K: Into<Cow<'static, str>>> Extend<(K, RtpCodecParametersParametersValue)>
    for RtpCodecParametersParameters
{
    fn extend<T: IntoIterator<Item = (K, RtpCodecParametersParametersValue)>>(&mut self, parameters: T) {
        self.0.extend(parameters.into_iter().map(|(key, value)| (key.into(), value)));
    }
}

impl IntoIterator for RtpCodecParametersParameters {
    type Item = (Cow<'static, str>, RtpCodecParametersParametersValue);
    type IntoIter =
        std::collections::btree_map::IntoIter<Cow<'static, str>, RtpCodecParametersParametersValue>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A codec entry as a peer may write it, before its MIME type is looked up.
///
/// One struct for all entries, because an enum that serde chooses by trial can only say that no variant fitted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawCodec {
    pub(super) mime_type: String,
    pub(super) kind: Option<MediaKind>,
    pub(super) payload_type: Option<u8>,
    pub(super) preferred_payload_type: Option<u8>,
    pub(super) clock_rate: NonZeroU32,
    pub(super) channels: Option<NonZeroU8>,
    #[serde(default)]
    pub(super) parameters: RtpCodecParametersParameters,
    #[serde(default)]
    pub(super) rtcp_feedback: Vec<RtcpFeedback>,
}

impl RawCodec {
    /// The codec, where `kind` (if given) agrees with the MIME type.
    pub(super) fn codec(&self) -> Result<MimeType, String> {
        let mime_type: MimeType = self.mime_type.parse().map_err(|error| format!("{error}"))?;
        match self.kind {
            Some(kind) if kind != mime_type.kind() => {
                Err(format!("{mime_type} with a kind that contradicts it"))
            }
            Some(_) | None => Ok(mime_type),
        }
    }

    /// Whether it names a codec, but none that we know.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.mime_type.parse::<MimeType>(), Err(ParseMimeTypeError::UnknownMimeType(_)))
    }

    /// Channels of an audio codec; one where nothing is said.
    pub(super) fn channels(&self) -> NonZeroU8 {
        self.channels.unwrap_or(NonZeroU8::MIN)
    }
}
