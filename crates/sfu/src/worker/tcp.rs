//! ICE over TCP, for peers whose network lets no UDP through. We listen.
//!
//! Source: RFC 6544 (we are `passive`), RFC 4571 (each datagram behind two bytes of length). One task a connection.
use super::net::Input;
use crate::core::{Datagram, PortKey};
use crate::ice::{Protocol, Tuple};
use bytes::{Bytes, BytesMut};
use formats::rtp::framing::take_frame;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// Most connections of one listener, sessions or not: 1,024.
const CONNECTIONS_MAX: usize = 1024;
/// A connection that says nothing for this long is closed: 60 s. Checks come each few seconds.
const SILENT_MAX: Duration = Duration::from_secs(60);
/// A connection that takes nothing for this long is closed: 15 s, as long as any slow reader is borne with.
const WRITE_MAX: Duration = Duration::from_secs(15);
/// Writes that wait for a connection: 64 frames, some 2 s of video; what comes then is lost and asked for again.
const WAITING_WRITES: usize = 64;
/// What is read at once.
const READ_BYTES: usize = 16 * 1024;

/// A listener until it is closed: whoever takes it out closes it at once, also while it is waited for.
pub(super) type Listening = Rc<RefCell<Option<TcpListener>>>;

/// Accepts connections until the listener is closed.
pub(super) async fn accept(key: PortKey, listener: Listening, inputs: mpsc::Sender<Input>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // its end ends the connections too
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = poll_fn(|context| match &*listener.borrow() {
            Some(listener) => listener.poll_accept(context).map(Some),
            None => Poll::Ready(None),
        });
        let Some(accepted) = accepted.await else { return };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, mostly: give the others a moment to end.
                tracing::debug!(%error, "a TCP connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let Ok(permit) = room.clone().try_acquire_owned() else { continue };
        let inputs = inputs.clone();
        connections.spawn_local(async move {
            let _permit = permit;
            let Ok(local) = stream.local_addr() else { return };
            let canonical =
                |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
            let tuple = Tuple { protocol: Protocol::Tcp, local: canonical(local), remote: canonical(remote) };
            if let Err(error) = connection(key, stream, tuple, &inputs).await {
                tracing::debug!(%remote, %error, "TCP connection over");
            }
            let _ = inputs.send(Input::Disconnected(key, tuple)).await;
        });
    }
}

async fn connection(
    key: PortKey,
    mut stream: TcpStream,
    tuple: Tuple,
    inputs: &mpsc::Sender<Input>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (frames, mut waiting) = mpsc::channel::<Bytes>(WAITING_WRITES);
    let gone = |_| io::Error::other("the worker has ended");
    inputs.send(Input::Connected(key, tuple.remote, frames)).await.map_err(gone)?;
    let (mut reading, mut writing) = stream.split();
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    loop {
        let mut datagrams = Vec::new();
        while let Some(data) = take_frame(&mut buffer) {
            datagrams.push(Datagram { port: key, tuple, data });
        }
        if !datagrams.is_empty() {
            inputs.send(Input::Datagrams(datagrams)).await.map_err(gone)?;
        }
        buffer.reserve(READ_BYTES);
        tokio::select! {
            read = tokio::time::timeout(SILENT_MAX, reading.read_buf(&mut buffer)) => match read {
                Ok(Ok(0)) => return Ok(()),
                Ok(read) => drop(read?),
                Err(_) => return Err(io::Error::other("the peer says nothing")),
            },
            bytes = waiting.recv() => {
                let Some(bytes) = bytes else { return Ok(()) };
                match tokio::time::timeout(WRITE_MAX, writing.write_all(&bytes)).await {
                    Ok(written) => written?,
                    Err(_) => return Err(io::Error::other("the peer takes nothing")),
                }
            }
        }
    }
}
