//! ICE over TCP, for peers whose network lets no UDP through. We listen, on the port that UDP has too.
//!
//! Source: RFC 6544 (we are `passive`), RFC 4571 (each datagram behind two bytes of length). Owns one connection per
//! task; the first frame must be a connectivity check, which names the session.
use super::Transport;
use super::mux::{Command, Input, local_ufrag};
use bytes::{Bytes, BytesMut};
use formats::rtp::framing::take_frame;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// Most connections at once, sessions or not: 1,024.
const CONNECTIONS_MAX: usize = 1024;
/// How long a connection may take to name its session: 10 s.
const NAMED_MAX: Duration = Duration::from_secs(10);
/// A connection that takes nothing for this long is closed: 15 s, as long as any slow reader is borne with.
const WRITE_MAX: Duration = Duration::from_secs(15);
/// Writes that wait for a connection: 64 frames, some 2 s of video; what comes then is lost and asked for again.
const WAITING_WRITES: usize = 64;
/// What is read at once.
const READ_BYTES: usize = 16 * 1024;

/// Accepts connections until the table is gone.
pub(super) async fn run(listener: std::net::TcpListener, mux: mpsc::WeakSender<Command>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the WebRTC TCP listener failed");
            return;
        }
    };
    let room = std::sync::Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    let mut gone = tokio::time::interval(Duration::from_secs(1));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // The listener must not keep the port when nobody holds a handle any more.
            _ = gone.tick() => {
                if mux.upgrade().is_none() {
                    return;
                }
                continue;
            }
        };
        let (stream, source) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, mostly: give the others a moment to end.
                tracing::debug!(%error, "a TCP connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(permit) = room.clone().try_acquire_owned() else {
            continue;
        };
        let Some(mux) = mux.upgrade() else { return };
        tokio::task::spawn_local(async move {
            let _permit = permit;
            let ended = connection(stream, source, mux).await;
            tracing::debug!(%source, reason = ended.unwrap_or_else(|error| error.to_string()), "TCP connection over");
        });
    }
}

async fn connection(
    mut stream: TcpStream,
    source: SocketAddr,
    mux: mpsc::Sender<Command>,
) -> std::io::Result<String> {
    stream.set_nodelay(true)?;
    let source = SocketAddr::new(source.ip().to_canonical(), source.port());
    let local = stream.local_addr()?;
    let destination = SocketAddr::new(local.ip().to_canonical(), local.port());
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    let named = tokio::time::timeout(NAMED_MAX, async {
        loop {
            if let Some(frame) = take_frame(&mut buffer) {
                return Ok::<_, std::io::Error>(Some(frame.freeze()));
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(None);
            }
        }
    });
    let Ok(first) = named.await else { return Ok("it named no session in time".to_owned()) };
    let Some(first) = first? else { return Ok("it closed without a word".to_owned()) };
    let Some(ufrag) = local_ufrag(&first).map(str::to_owned) else {
        return Ok("its first frame is no connectivity check".to_owned());
    };
    let (reply, answer) = oneshot::channel();
    if mux.send(Command::Find { ufrag, reply }).await.is_err() {
        return Ok("the server is shutting down".to_owned());
    }
    // The table must be able to end while this connection lives.
    drop(mux);
    let Ok(Some(inbox)) = answer.await else { return Ok("there is no session of that name".to_owned()) };
    let (frames, mut waiting) = mpsc::channel::<Bytes>(WAITING_WRITES);
    let send = |input| inbox.send(input);
    if send(Input::Connection { source, frames }).await.is_err() {
        return Ok("its session is over".to_owned());
    }
    let datagram = |data| Input::Datagram { transport: Transport::Tcp, source, destination, data };
    if send(datagram(first)).await.is_err() {
        return Ok("its session is over".to_owned());
    }
    let (mut reading, mut writing) = stream.split();
    loop {
        while let Some(frame) = take_frame(&mut buffer) {
            if send(datagram(frame.freeze())).await.is_err() {
                return Ok("its session is over".to_owned());
            }
        }
        buffer.reserve(READ_BYTES);
        tokio::select! {
            read = reading.read_buf(&mut buffer) => {
                if read? == 0 {
                    return Ok("the peer closed it".to_owned());
                }
            }
            bytes = waiting.recv() => {
                let Some(bytes) = bytes else { return Ok("its session is over".to_owned()) };
                match tokio::time::timeout(WRITE_MAX, writing.write_all(&bytes)).await {
                    Ok(written) => written?,
                    Err(_) => return Ok("the peer takes nothing".to_owned()),
                }
            }
        }
    }
}
