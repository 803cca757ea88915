//! RTCP feedback: what a receiver may tell a sender.
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// One RTCP feedback message. As JSON `{"type": "nack", "parameter": "pli"}`, as SDP `a=rtcp-fb:96 nack pli`.
#[derive(Debug, Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum RtcpFeedback {
    /// Generic NACK, RFC 4585 §6.2.1: packets to send again.
    Nack,
    /// Picture loss, RFC 4585 §6.3.1: a key frame is wanted.
    NackPli,
    /// Full intra request, RFC 5104 §4.3.1.
    CcmFir,
    /// The receiver's estimate of the bandwidth.
    GoogRemb,
    /// Arrival times, from which the sender estimates the bandwidth.
    TransportCc,
    /// Any other: read and never negotiated.
    Unsupported,
}

/// No feedback of that type and parameter is known.
#[derive(Debug, Clone, Eq, PartialEq, thiserror::Error)]
pub enum RtcpFeedbackFromTypeParameterError {
    /// Both, as they were given.
    #[error("no RTCP feedback of type {0:?} and parameter {1:?} is known")]
    Unsupported(String, String),
}

impl RtcpFeedback {
    /// The feedback of a type and a parameter (empty for none).
    ///
    /// # Errors
    /// When none is known by them.
    pub fn from_type_parameter(
        r#type: &str,
        parameter: &str,
    ) -> Result<Self, RtcpFeedbackFromTypeParameterError> {
        match (r#type, parameter) {
            ("nack", "") => Ok(Self::Nack),
            ("nack", "pli") => Ok(Self::NackPli),
            ("ccm", "fir") => Ok(Self::CcmFir),
            ("goog-remb", "") => Ok(Self::GoogRemb),
            ("transport-cc", "") => Ok(Self::TransportCc),
            ("unknown", "") => Ok(Self::Unsupported),
            _ => Err(RtcpFeedbackFromTypeParameterError::Unsupported(r#type.into(), parameter.into())),
        }
    }

    /// Type and parameter (empty for none).
    pub fn as_type_parameter(&self) -> (&'static str, &'static str) {
        match self {
            Self::Nack => ("nack", ""),
            Self::NackPli => ("nack", "pli"),
            Self::CcmFir => ("ccm", "fir"),
            Self::GoogRemb => ("goog-remb", ""),
            Self::TransportCc => ("transport-cc", ""),
            Self::Unsupported => ("unknown", ""),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    r#type: Cow<'a, str>,
    #[serde(default)]
    parameter: Option<Cow<'a, str>>,
}

impl Serialize for RtcpFeedback {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (r#type, parameter) = self.as_type_parameter();
        Wire { r#type: r#type.into(), parameter: Some(parameter.into()) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RtcpFeedback {
    /// Feedback that is not known is [`RtcpFeedback::Unsupported`]: a peer may have more than we do.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { r#type, parameter } = Wire::deserialize(deserializer)?;
        let parameter = parameter.unwrap_or_default();
        Ok(Self::from_type_parameter(&r#type, &parameter).unwrap_or(Self::Unsupported))
    }
}
