//! One attempt: ask, look at what comes, demux, publish.
use super::content::{HEAD_BYTES, describe, is_flv};
use super::exchange::{Answer, ask};
use super::{FlvIngest, Wanted};
use bytes::Bytes;
use formats::flv::TagReader;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use hub::{SourceError, SourceTask};
use std::time::Duration;

/// How long a body may be silent: 12 s, a little less than what the hub grants, so that the reason is said here.
const SILENCE_MAX: Duration = Duration::from_secs(12);

/// Runs until the server ends the stream, something fails, or we are told to stop.
pub(super) async fn run(wanted: Wanted, task: SourceTask) -> Result<(), SourceError> {
    let SourceTask { stream, publisher, mut stop, worker, .. } = task;
    let mut ingest = FlvIngest::new(stream, publisher);
    let asked = tokio::select! {
        asked = ask(wanted, &worker) => asked?,
        () = stop.wanted() => return Ok(()),
        _ = ingest.ended() => return Ok(()),
    };
    let mut body = Body { answer: asked, reader: TagReader::new() };
    tokio::select! {
        done = body.pour(&mut ingest) => {
            ingest.finish().await;
            done
        }
        // Closing the connection is all the goodbye that HTTP has.
        () = stop.wanted() => Ok(()),
    }
}

struct Body {
    answer: Answer,
    reader: TagReader,
}

impl Body {
    async fn pour(&mut self, ingest: &mut FlvIngest) -> Result<(), SourceError> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        loop {
            let data = tokio::select! {
                data = self.next() => data?,
                _ = ingest.ended() => return Ok(()),
            };
            let Some(data) = data else {
                if head.len() < HEAD_BYTES {
                    self.judge(&head)?;
                }
                return Ok(());
            };
            if head.len() < HEAD_BYTES {
                head.extend_from_slice(&data[..data.len().min(HEAD_BYTES - head.len())]);
                if head.len() == HEAD_BYTES {
                    self.judge(&head)?;
                }
            }
            self.reader.push(&data);
            if head.len() < HEAD_BYTES {
                continue;
            }
            while let Some(tag) = self.reader.next_tag().map_err(|e| self.failed(&e))? {
                let taken = ingest.handle_tag(tag.kind, tag.timestamp_ms, tag.data, hub::now()).await;
                if taken.is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        loop {
            let frame = tokio::time::timeout(SILENCE_MAX, self.answer.response.body_mut().frame()).await;
            let Ok(frame) = frame else {
                let within = SILENCE_MAX.as_secs();
                return Err(SourceError::peer(format!("{}: nothing came for {within} s", self.answer.shown)));
            };
            match frame {
                Some(Ok(frame)) => {
                    // Trailers are no data.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => return Err(self.failed(&error)),
                None => return Ok(None),
            }
        }
    }

    /// Goes on with FLV only.
    fn judge(&self, head: &[u8]) -> Result<(), SourceError> {
        let shown = &self.answer.shown;
        if head.is_empty() {
            return Err(SourceError::peer(format!("{shown}: the server sends nothing")));
        }
        if is_flv(head) {
            return Ok(());
        }
        let kind = self.answer.response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let what = describe(kind.unwrap_or_default(), head);
        Err(SourceError::config(format!("{shown}: the server sends {what}; HTTP sources take FLV")))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> SourceError {
        SourceError::peer(format!("{}: {error}", self.answer.shown))
    }
}
