//! Data streams of one accessory: a listener, and the connections that hubs were promised.
//!
//! A task on the control thread. Owns what was promised (keys, for ten seconds) and the connections; each serves one film at a time.
use super::keeper::{Piece, Start};
use media::Moment;
use protocols::hap::data_stream::data_send::{
    CLOSE, Chunks, Close, DATA, OPEN, Open, PROTOCOL, Reason, open_answer,
};
use protocols::hap::data_stream::value::Dictionary;
use protocols::hap::data_stream::{
    Accepted, Connection, DataStreamKeys, Kind, Message, Output, Status, StreamError,
};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// From the promise to the hello: 10 s, as hap-nodejs gives.
pub(in crate::homekit::accessory) const HELLO_MAX: Duration = Duration::from_secs(10);
/// Promises at once: 16; a home has one or two hubs that record, and each asks once a camera.
const PROMISES_MAX: usize = 16;
/// Connections at once: 32, two for each of those.
const CONNECTIONS_MAX: usize = 32;
/// A hub takes a chunk within 30 s; it is in the home's network, or somebody looks through a phone's.
const WRITE_MAX: Duration = Duration::from_secs(30);
/// Read at once: 16 KiB; what hubs say has some hundred bytes.
const READ_BYTES: usize = 16 << 10;
/// After an accept failed, the next try waits this long.
const ERROR_WAIT: Duration = Duration::from_millis(100);

/// Whoever films a camera, or why it is not filmed.
pub(in crate::homekit::accessory) type Offer = Result<mpsc::Sender<Start>, Reason>;

/// A data stream that a hub may open.
pub(in crate::homekit::accessory) struct Promise {
    pub(in crate::homekit::accessory) keys: DataStreamKeys,
    /// Until when.
    pub(in crate::homekit::accessory) until: Moment,
    /// Of the camera that it was asked of.
    pub(in crate::homekit::accessory) offer: watch::Receiver<Offer>,
    /// The session that it was asked on: the stream ends with it.
    pub(in crate::homekit::accessory) session: watch::Receiver<()>,
}

/// Why a connection ends before its end.
#[derive(Debug, thiserror::Error)]
enum WireError {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("the hub takes nothing")]
    Slow,
}

/// Serves until nobody can promise anything any more.
pub(in crate::homekit::accessory) async fn run(listener: TcpListener, mut promised: mpsc::Receiver<Promise>) {
    let mut promises: Vec<Promise> = Vec::new();
    let (mut begun, mut served) = (JoinSet::new(), JoinSet::new());
    loop {
        tokio::select! {
            promise = promised.recv() => match promise {
                Some(promise) => {
                    let now = hub::now();
                    promises.retain(|promise| promise.until > now);
                    if promises.len() >= PROMISES_MAX {
                        promises.remove(0);
                    }
                    promises.push(promise);
                }
                None => break,
            },
            accepted = listener.accept() => match accepted {
                Ok((stream, remote)) if begun.len() + served.len() >= CONNECTIONS_MAX => {
                    drop(stream);
                    tracing::warn!(%remote, "too many HomeKit data streams: one is refused");
                }
                Ok((stream, _)) => drop(begun.spawn_local(begin(stream))),
                Err(error) => {
                    tracing::warn!(%error, "a HomeKit data stream could not be accepted");
                    tokio::time::sleep(ERROR_WAIT).await;
                }
            },
            Some(first) = begun.join_next(), if !begun.is_empty() => {
                if let Ok(Some((stream, accepted))) = first
                    && let Some((connection, promise)) = identify(accepted, &mut promises)
                {
                    served.spawn_local(serve(stream, connection, promise));
                }
            }
            Some(_) = served.join_next(), if !served.is_empty() => {}
        }
    }
    begun.shutdown().await;
    served.shutdown().await;
}

/// Reads until it can be told whose it is.
async fn begin(mut stream: TcpStream) -> Option<(TcpStream, Accepted)> {
    let mut accepted = Accepted::default();
    let mut buffer = vec![0; READ_BYTES];
    let first = async {
        loop {
            let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
            if accepted.handle_input(&buffer[..count]).ok()? {
                return Some(());
            }
        }
    };
    tokio::time::timeout(HELLO_MAX, first).await.ok()??;
    let _ = stream.set_nodelay(true);
    Some((stream, accepted))
}

/// Finds the promise whose keys it has; that is kept with it, once.
fn identify(accepted: Accepted, promises: &mut Vec<Promise>) -> Option<(Connection, Promise)> {
    let now = hub::now();
    promises.retain(|promise| promise.until > now);
    let mut accepted = accepted;
    for index in 0..promises.len() {
        match accepted.identify(&promises[index].keys) {
            Ok(Ok(connection)) => return Some((connection, promises.remove(index))),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a HomeKit data stream is none");
                promises.remove(index);
                return None;
            }
            Err(other) => accepted = other,
        }
    }
    tracing::debug!("a HomeKit data stream that nobody was promised");
    None
}

/// A film on its way.
struct Transfer {
    stream: i64,
    chunks: Chunks,
    pieces: mpsc::Receiver<Piece>,
}

struct Served {
    stream: TcpStream,
    connection: Connection,
    offer: watch::Receiver<Offer>,
    transfer: Option<Transfer>,
}

async fn serve(stream: TcpStream, connection: Connection, promise: Promise) {
    let Promise { offer, mut session, .. } = promise;
    let mut served = Served { stream, connection, offer, transfer: None };
    let ended = tokio::select! {
        // it never changes: it ends
        _ = session.changed() => Ok(()),
        ended = served.run() => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a HomeKit data stream ends");
    }
    // It is closed anyway when this fails.
    let _ = served.stream.shutdown().await;
}

impl Served {
    async fn run(&mut self) -> Result<(), WireError> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            while let Some(output) = self.connection.poll_output() {
                match output {
                    Output::Send(bytes) => self.write(&bytes).await?,
                    Output::Ready => tracing::debug!("a HomeKit data stream is open"),
                    Output::Message(message) => self.take(&message).await?,
                }
            }
            let Self { stream, transfer, .. } = &mut *self;
            tokio::select! {
                biased;
                count = stream.read(&mut buffer) => match count? {
                    0 => return Ok(()),
                    count => self.connection.handle_input(&buffer[..count])?,
                },
                piece = next(transfer) => self.send(piece).await?,
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let written = tokio::time::timeout(WRITE_MAX, self.stream.write_all(bytes)).await;
        Ok(written.map_err(|_| WireError::Slow)??)
    }

    async fn take(&mut self, message: &Message) -> Result<(), WireError> {
        match (message.protocol.as_str(), message.topic.as_str(), message.kind) {
            (PROTOCOL, OPEN, Kind::Request(_)) => {
                let result = self.open(message).await;
                let (status, body) = open_answer(result);
                self.connection.respond(message, status, body)?;
            }
            (PROTOCOL, CLOSE, Kind::Event) => {
                let closed = Close::from_body(&message.body);
                let is_it = |transfer: &Transfer| closed.is_some_and(|close| close.stream == transfer.stream);
                if self.transfer.as_ref().is_some_and(is_it) {
                    tracing::debug!(?closed, "a hub closes a recording");
                    self.transfer = None;
                }
            }
            (_, _, Kind::Request(_)) => {
                self.connection.respond(message, Status::MissingProtocol, Dictionary::new())?;
            }
            // an acknowledgement, or something that does not concern us
            (_, _, Kind::Event | Kind::Response(..)) => {}
        }
        Ok(())
    }

    async fn open(&mut self, message: &Message) -> Result<(), Reason> {
        let open = Open::from_body(&message.body).ok_or(Reason::BadData)?;
        if !open.is_recording() {
            return Err(Reason::Unsupported);
        }
        if self.transfer.is_some() {
            return Err(Reason::Busy);
        }
        let starts = self.offer.borrow().clone()?;
        let (reply, answer) = oneshot::channel();
        starts.send(Start { reply }).await.map_err(|_| Reason::UnexpectedFailure)?;
        let pieces = answer.await.map_err(|_| Reason::UnexpectedFailure)??;
        tracing::info!(transfer = open.stream, reason = open.reason, "a hub records");
        self.transfer = Some(Transfer { stream: open.stream, chunks: Chunks::new(open.stream), pieces });
        Ok(())
    }

    /// Sends a piece; none: it is broken off.
    async fn send(&mut self, piece: Option<Piece>) -> Result<(), WireError> {
        let Some(transfer) = &mut self.transfer else { return Ok(()) };
        let Some(piece) = piece else {
            let reason = self.offer.borrow().as_ref().err().copied().unwrap_or(Reason::UnexpectedFailure);
            let close = Close { stream: transfer.stream, reason };
            self.transfer = None;
            return Ok(self.connection.event(PROTOCOL, CLOSE, close.to_body())?);
        };
        for data in transfer.chunks.cut(piece.kind, &piece.data, piece.is_end) {
            self.connection.event(PROTOCOL, DATA, data.to_body())?;
        }
        if piece.is_end {
            self.transfer = None;
        }
        Ok(())
    }
}

/// The next piece; never, while there is no film.
async fn next(transfer: &mut Option<Transfer>) -> Option<Piece> {
    match transfer {
        Some(transfer) => transfer.pieces.recv().await,
        None => std::future::pending().await,
    }
}
