//! One attempt: dial, play, demux, publish.
use super::Wanted;
use crate::ingest::flv::FlvIngest;
use crate::net::link::{Link, Moved};
use hub::{SourceError, SourceTask, Stop};
use protocols::rtmp::client::{Config, Event, Role, Session};
use protocols::rtmp::{Output, RtmpError};

/// A connection to a server.
struct Pull {
    session: Session,
    link: Link,
    ingest: FlvIngest,
}

/// Why an attempt ended.
enum End {
    /// The server ended the stream.
    Server,
    /// We were told to stop, or the stream takes no more.
    Ours,
    Protocol(RtmpError),
    Lost(std::io::Error),
}

/// Runs until the server ends the stream, something fails, or we are told to stop.
pub(super) async fn run(wanted: Wanted, task: SourceTask) -> Result<(), SourceError> {
    let SourceTask { stream, publisher, mut stop, .. } = task;
    let mut ingest = FlvIngest::new(stream, publisher);
    let began = hub::now();
    let dialled = tokio::select! {
        dialled = wanted.endpoint.dial() => dialled?,
        () = stop.wanted() => {
            stop.step("dialling", "broken off", hub::now().since(began));
            return Ok(());
        }
        _ = ingest.ended() => return Ok(()),
    };
    let session = Session::new(Config::new(wanted.target.clone(), Role::Play), hub::now());
    let mut pull = Pull { session, link: Link::new(dialled), ingest };
    let end = pull.play(&mut stop).await;
    pull.ingest.finish().await;
    match end {
        End::Server => Ok(()),
        End::Ours => {
            pull.leave(&stop).await;
            Ok(())
        }
        End::Protocol(error) => Err(wanted.failed(&error)),
        End::Lost(error) => Err(SourceError::peer(format!("{}: {error}", wanted.shown))),
    }
}

impl Pull {
    async fn play(&mut self, stop: &mut Stop) -> End {
        loop {
            let until = match self.session.poll_output(hub::now()) {
                Ok(Output::Transmit(bytes)) => {
                    self.link.outbox.push(bytes);
                    continue;
                }
                Ok(Output::Event(Event::Started)) => continue,
                Ok(Output::Event(Event::Media(media))) => {
                    let (kind, now) = (media.kind, hub::now());
                    if self.ingest.handle_tag(kind, media.timestamp_ms, media.data, now).await.is_err() {
                        return End::Ours;
                    }
                    continue;
                }
                Ok(Output::Event(Event::Ended { code })) => {
                    tracing::debug!(code, "the RTMP server ended the stream");
                    return End::Server;
                }
                Ok(Output::WaitUntil(until)) => until,
                Err(error) => return End::Protocol(error),
            };
            tokio::select! {
                moved = self.link.turn() => match moved {
                    Ok(Moved::Read(count)) => {
                        self.session.handle_input(self.link.received(count), hub::now());
                    }
                    Ok(Moved::Wrote) => {}
                    Err(error) => return End::Lost(error),
                },
                () = stop.wanted() => return End::Ours,
                _ = self.ingest.ended() => return End::Ours,
                () = hub::sleep_until(until) => {}
            }
        }
    }

    /// Tells the server that we leave, and closes.
    async fn leave(mut self, stop: &Stop) {
        let began = hub::now();
        self.session.close();
        let mut said = false;
        loop {
            match self.session.poll_output(hub::now()) {
                Ok(Output::Transmit(bytes)) => {
                    said = true;
                    self.link.outbox.push(bytes);
                }
                // Media that nobody wants any more.
                Ok(Output::Event(_)) => {}
                Ok(Output::WaitUntil(_)) | Err(_) => break,
            }
        }
        let taken = self.link.close().await;
        // RTMP servers do not answer it.
        let (what, outcome) = match (said, taken) {
            (true, true) => ("deleteStream", "sent, and the connection closed"),
            (true, false) => ("deleteStream", "the server took nothing in time"),
            (false, _) => ("close", "nothing was played yet"),
        };
        stop.step(what, outcome, hub::now().since(began));
    }
}
