//! The connections of one call: one a request, at most two at once.
//!
//! Nothing is kept of a connection that was let go of, nor of one that is still being dialled then.
use crate::net::accept::Stream;
use crate::net::outbox::Outbox;
use crate::sources::dial::{Security, dial};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::SourceError;
use protocols::isapi::client::ConnectionId;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is read in one go: 4 KiB. An answer of a device is shorter.
const READ_BYTES: usize = 4 << 10;
/// Most that waits for a device that takes nothing: 16 KiB, two seconds of G.711 behind what the system holds. Who hears
/// sound that late does not want it.
const WAITING_BYTES_MAX: usize = 16 << 10;

/// What happened on a connection.
pub(super) enum Heard {
    /// It stands.
    Connected(ConnectionId),
    /// Bytes came.
    Bytes(ConnectionId, Bytes),
    /// The device closed it, or its half. Told once.
    Eof(ConnectionId),
    /// It could not be made, or broke.
    Lost(ConnectionId, String),
}

/// `Dialling` → `Up` → gone, by whoever's doing.
enum State {
    Dialling(LocalBoxFuture<'static, Result<Stream, SourceError>>),
    Up {
        stream: Stream,
        outbox: Outbox,
        /// The device has closed its half.
        eof: bool,
    },
}

/// All connections of one call.
pub(super) struct Sockets {
    host: String,
    port: u16,
    security: Security,
    all: Vec<(ConnectionId, State)>,
    /// What went wrong in dialling that no further try mends.
    pub(super) hopeless: Option<SourceError>,
}

impl Sockets {
    pub(super) fn new(host: String, port: u16, security: Security) -> Self {
        Self { host, port, security, all: Vec::new(), hopeless: None }
    }

    pub(super) fn dial(&mut self, connection: ConnectionId) {
        let (host, port, security) = (self.host.clone(), self.port, self.security);
        let dialling = async move { dial(&host, port, security).await.map(|(stream, _, _)| stream) };
        self.all.push((connection, State::Dialling(dialling.boxed_local())));
    }

    pub(super) fn send(&mut self, connection: ConnectionId, bytes: Bytes) {
        for (id, state) in &mut self.all {
            match state {
                State::Up { outbox, .. } if *id == connection => outbox.push(bytes.clone()),
                State::Up { .. } | State::Dialling(_) => {}
            }
        }
    }

    pub(super) fn close(&mut self, connection: ConnectionId) {
        self.all.retain(|(id, _)| *id != connection);
    }

    /// The next thing that happens. Cancel-safe.
    pub(super) async fn next(&mut self) -> Heard {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        for index in 0..self.all.len() {
            let (connection, state) = &mut self.all[index];
            let connection = *connection;
            let polled = match state {
                State::Dialling(dialling) => match dialling.poll_unpin(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Ok(stream)) => {
                        *state = State::Up { stream, outbox: Outbox::default(), eof: false };
                        Poll::Ready(Heard::Connected(connection))
                    }
                    Poll::Ready(Err(error)) => {
                        let why = error.message.clone();
                        self.hopeless = (!error.retry).then_some(error);
                        Poll::Ready(Heard::Lost(connection, why))
                    }
                },
                State::Up { stream, outbox, eof } => poll_stream(connection, stream, outbox, eof, cx),
            };
            if let Poll::Ready(heard) = polled {
                if let Heard::Lost(..) = heard {
                    self.all.remove(index);
                }
                return Poll::Ready(heard);
            }
        }
        Poll::Pending
    }
}

fn poll_stream(
    connection: ConnectionId,
    stream: &mut Stream,
    outbox: &mut Outbox,
    eof: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<Heard> {
    while let Poll::Ready(written) = outbox.poll_write(stream, cx) {
        if let Err(error) = written {
            return Poll::Ready(Heard::Lost(connection, error.to_string()));
        }
    }
    // TLS may hold back what the system did not take. What fails here fails in the next read as well.
    let _ = Pin::new(&mut *stream).poll_flush(cx);
    if outbox.len() > WAITING_BYTES_MAX {
        return Poll::Ready(Heard::Lost(connection, "the device takes no more sound".to_owned()));
    }
    if *eof {
        return Poll::Pending;
    }
    let mut room = [0; READ_BYTES];
    let mut buffer = ReadBuf::new(&mut room);
    match Pin::new(stream).poll_read(cx, &mut buffer) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(Err(error)) => Poll::Ready(Heard::Lost(connection, error.to_string())),
        Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
            *eof = true;
            Poll::Ready(Heard::Eof(connection))
        }
        Poll::Ready(Ok(())) => Poll::Ready(Heard::Bytes(connection, Bytes::copy_from_slice(buffer.filled()))),
    }
}
