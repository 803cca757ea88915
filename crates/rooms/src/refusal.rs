//! [`Refusal`]: why a request is not done, as the client is told it. Codes: docs/rooms.md, "Errors".
use sfu::{ConnectError, CreateTransportError, ProduceDataError, ProduceError, WorkerGone};

/// A code as in HTTP, and a sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// As in HTTP.
    pub code: u16,
    /// For people: names the field, the limit or the grant.
    pub reason: String,
}

impl Refusal {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// 400: the request is wrong.
    pub(crate) fn wrong(reason: impl Into<String>) -> Self {
        Self::new(400, reason)
    }

    /// 401: there is no valid token.
    pub(crate) fn unauthorized(reason: impl Into<String>) -> Self {
        Self::new(401, reason)
    }

    /// 403: the token does not grant it.
    pub(crate) fn forbidden(reason: impl Into<String>) -> Self {
        Self::new(403, reason)
    }

    /// 404: there is no such object, or it is somebody else's.
    pub(crate) fn no_such(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(404, format!("there is no {what} {id} of yours"))
    }

    /// 409: not in this state.
    pub(crate) fn conflict(reason: impl Into<String>) -> Self {
        Self::new(409, reason)
    }

    /// 429: a limit is reached.
    pub(crate) fn limit(setting: &str, max: usize, what: &str) -> Self {
        Self::new(429, format!("no more than {max} {what} (rooms.limits.{setting})"))
    }

    /// 429: asked too often.
    pub(crate) fn too_often(burst: u32) -> Self {
        Self::new(429, format!("no more than 50 requests a second, and {burst} at once: ask more slowly"))
    }

    /// 503: whoever should do it has ended.
    pub(crate) fn gone(reason: impl Into<String>) -> Self {
        Self::new(503, reason)
    }
}

impl From<WorkerGone> for Refusal {
    fn from(error: WorkerGone) -> Self {
        Self::gone(error.to_string())
    }
}

impl From<ProduceError> for Refusal {
    fn from(error: ProduceError) -> Self {
        match error {
            ProduceError::WorkerGone(gone) => gone.into(),
            ProduceError::TransportClosed(id) => Self::no_such("transport", id),
            ProduceError::SsrcInUse(_) | ProduceError::MidInUse(_) => Self::conflict(error.to_string()),
            ProduceError::Parameters(_)
            | ProduceError::Mapping(_)
            | ProduceError::NoEncodings
            | ProduceError::Kind { .. }
            | ProduceError::Nameless(_)
            | _ => Self::wrong(format!("rtpParameters: {error}")),
        }
    }
}

impl From<ProduceDataError> for Refusal {
    fn from(error: ProduceDataError) -> Self {
        match error {
            ProduceDataError::WorkerGone(gone) => gone.into(),
            ProduceDataError::TransportClosed(id) => Self::no_such("transport", id),
            ProduceDataError::StreamInUse(_) => Self::conflict(error.to_string()),
            ProduceDataError::NoSctp(_) => Self::wrong(
                "transportId: the transport was made without data channels: give sctpCapabilities to createWebRtcTransport",
            ),
            ProduceDataError::Parameters(_)
            | ProduceDataError::Open(_)
            | ProduceDataError::NoStream(_)
            | ProduceDataError::Direct(_)
            | _ => Self::wrong(format!("sctpStreamParameters: {error}")),
        }
    }
}

impl From<ConnectError> for Refusal {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::WorkerGone(gone) => gone.into(),
            ConnectError::TransportClosed(id) => Self::no_such("transport", id),
            ConnectError::Dtls(_) | _ => Self::wrong(format!("dtlsParameters: {error}")),
        }
    }
}

impl From<CreateTransportError> for Refusal {
    fn from(error: CreateTransportError) -> Self {
        Self::gone(error.to_string())
    }
}
