//! How an upload ends when it does not end well, and the status that says so.
use ::http::StatusCode;
use formats::demux::DemuxError;
use formats::probe::ProbeError;
use hub::{EndReason, Ended};
use media::Fault;

/// Why an upload is over before its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Over {
    /// The sender is told why.
    Refused(StatusCode, String),
    /// The sender is gone in the middle of its body.
    Left,
}

impl From<Ended> for Over {
    fn from(ended: Ended) -> Self {
        let status = match ended.0 {
            EndReason::Removed => StatusCode::GONE,
            EndReason::Shutdown => StatusCode::SERVICE_UNAVAILABLE,
            EndReason::Replaced => StatusCode::CONFLICT,
            EndReason::PublisherLeft
            | EndReason::TracksChanged
            | EndReason::TooSlow { .. }
            | EndReason::Failed(_) => StatusCode::REQUEST_TIMEOUT,
        };
        Over::Refused(status, ended.to_string())
    }
}

impl From<DemuxError> for Over {
    fn from(error: DemuxError) -> Self {
        let foreign = matches!(error, DemuxError::Probe(ProbeError::Unknown { .. }));
        let status = match error.fault() {
            Fault::Config => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Fault::Peer | Fault::Us if foreign => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Fault::Peer | Fault::Us => StatusCode::BAD_REQUEST,
        };
        Over::Refused(status, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn the_status_tells_what_helps() {
        let status = |over: Over| match over {
            Over::Refused(status, why) => (status.as_u16(), why),
            Over::Left => (0, String::new()),
        };
        let unknown = ProbeError::Unknown { head: Bytes::from_static(&[7]), looked_at: 9 };
        let page = ProbeError::Foreign { what: "a web page", head: Bytes::new() };
        assert_eq!(status(DemuxError::Probe(unknown).into()).0, 415);
        assert_eq!(status(DemuxError::Probe(page).into()).0, 415);
        assert_eq!(status(DemuxError::Probe(ProbeError::Empty).into()).0, 400);
        assert_eq!(status(Ended(EndReason::Replaced).into()), (409, "another publisher took over".into()));
        assert_eq!(status(Ended(EndReason::Removed).into()).0, 410);
        assert_eq!(status(Ended(EndReason::Failed("no media for 15 s".into())).into()).0, 408);
    }
}
