//! One attempt: ask, look at what comes, demux, publish.
use super::Wanted;
use super::exchange::{Answer, ask};
use crate::ingest::bytes::{BytesError, BytesIngest};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use hub::{SourceError, SourceTask};
use std::time::Duration;

/// How long a body may be silent: 12 s, a little less than what the hub grants, so that the reason is said here.
const SILENCE_MAX: Duration = Duration::from_secs(12);
/// Longest content type that a message repeats, in characters.
const CONTENT_TYPE_MAX: usize = 80;

/// Runs until the server ends the stream, something fails, or we are told to stop.
pub(super) async fn run(wanted: Wanted, task: SourceTask) -> Result<(), SourceError> {
    let SourceTask { stream, publisher, mut stop, worker, .. } = task;
    let mut ingest = BytesIngest::new(stream, publisher);
    let answer = tokio::select! {
        asked = ask(wanted, &worker) => asked?,
        () = stop.wanted() => return Ok(()),
        _ = ingest.ended() => return Ok(()),
    };
    let mut body = Body { answer };
    tokio::select! {
        done = body.pour(&mut ingest) => done,
        // Closing the connection is all the goodbye that HTTP has.
        () = stop.wanted() => Ok(()),
    }
}

struct Body {
    answer: Answer,
}

impl Body {
    async fn pour(&mut self, ingest: &mut BytesIngest) -> Result<(), SourceError> {
        loop {
            let data = tokio::select! {
                data = self.next() => data,
                _ = ingest.ended() => return Ok(()),
            };
            let pushed = match data {
                Ok(Some(data)) => ingest.push(&data, hub::now()).await,
                Ok(None) => return self.outcome(ingest.finish().await),
                Err(error) => {
                    // What came before it is of use; why it ended is known better here.
                    let _ = ingest.finish().await;
                    return Err(error);
                }
            };
            if pushed.is_err() {
                return self.outcome(pushed);
            }
        }
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        let shown = &self.answer.shown;
        loop {
            let frame = tokio::time::timeout(SILENCE_MAX, self.answer.response.body_mut().frame()).await;
            let Ok(frame) = frame else {
                let within = SILENCE_MAX.as_secs();
                return Err(SourceError::peer(format!("{shown}: nothing came for {within} s")));
            };
            match frame {
                Some(Ok(frame)) => {
                    // Trailers are no data.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => return Err(SourceError::peer(format!("{shown}: {error}"))),
                None => return Ok(None),
            }
        }
    }

    /// What the attempt answers. What is not understood is told together with what the server calls it.
    fn outcome(&self, result: Result<(), BytesError>) -> Result<(), SourceError> {
        let Err(error) = result else { return Ok(()) };
        let kind = self.answer.response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let shown = match kind.and_then(|kind| kind.split(';').next()).map(str::trim) {
            None | Some("") => self.answer.shown.clone(),
            Some(kind) => format!("{} ({kind:.CONTENT_TYPE_MAX$})", self.answer.shown),
        };
        error.of_source(&shown)
    }
}
