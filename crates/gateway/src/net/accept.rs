//! Accepting connections: on the control thread, handed to the workers in turn.
use super::tcp::{Tcp, Watch};
use super::tls;
use hub::{Hub, Worker};
use socket2::{SockRef, TcpKeepalive};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// After an accept failed (no more file descriptors, mostly), the next try waits this long.
const ERROR_WAIT: Duration = Duration::from_millis(100);
/// A worker takes over a connection in this time: as long as it may stall before it is replaced.
const HAND_OVER_MAX: Duration = Duration::from_secs(10);
/// A peer that is silent for this long is asked by the system whether it is there, and again at the same distance. Three
/// times without an answer end the connection: one that sends nothing while there is nothing to send would stay for
/// ever after its machine lost power.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);
/// Questions without an answer.
const KEEPALIVE_RETRIES: u32 = 3;
/// A TLS handshake takes at most this long.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// A connection, plain or with TLS.
pub enum Stream {
    /// TCP.
    Plain(Tcp),
    /// TLS over TCP, as server.
    Tls(Box<tokio_rustls::server::TlsStream<Tcp>>),
    /// TLS over TCP, as client.
    TlsClient(Box<tokio_rustls::client::TlsStream<Tcp>>),
}

impl Stream {
    /// `tcp` or `tls`.
    pub fn transport(&self) -> &'static str {
        match self {
            Stream::Plain(_) => "tcp",
            Stream::Tls(_) | Stream::TlsClient(_) => "tls",
        }
    }

    /// Our address as the peer sees it; unspecified when the connection is gone already.
    pub(crate) fn local_ip(&self) -> IpAddr {
        self.tcp().local_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())
    }

    /// The socket, for what has nothing to do with its bytes.
    pub(crate) fn tcp(&self) -> &TcpStream {
        self.connection().socket()
    }

    /// A way to ask whether the peer is still there.
    pub(crate) fn watch(&self) -> Watch {
        self.connection().watch()
    }

    fn connection(&self) -> &Tcp {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
            Stream::TlsClient(tls) => tls.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::TlsClient(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::TlsClient(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::TlsClient(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::TlsClient(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::TlsClient(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Accepts for ever and runs `serve` for each connection as an owner on a worker. Belongs on the control thread: it
/// is no media path, and a stalled worker must not take a listener with it. With `tls`, the handshake is the worker's.
pub async fn run<F, Fut>(
    hub: Hub,
    listener: std::net::TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    label: &'static str,
    serve: F,
) where
    F: Fn(Worker, Stream, SocketAddr) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(label, %error, "a listener could not start");
            return;
        }
    };
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(label, %error, "accepting failed; trying again");
                tokio::time::sleep(ERROR_WAIT).await;
                continue;
            }
        };
        let Ok(stream) = stream.into_std() else { continue };
        let Ok(worker) = hub.worker().await else { return };
        let (serve, tls) = (serve.clone(), tls.clone());
        // Beside accepting: the mailbox of a worker that stalled may be full, and other workers have room.
        tokio::task::spawn_local(async move {
            let handed_over = worker.run(format!("{label} {peer}"), move |worker| async move {
                if let Some(stream) = handshake(stream, tls, label, peer).await {
                    serve(worker, stream, peer).await;
                }
            });
            // A worker that ended just now, or does not answer, loses the connection: the peer dials again.
            let _ = tokio::time::timeout(HAND_OVER_MAX, handed_over).await;
        });
    }
}

async fn handshake(
    stream: std::net::TcpStream,
    tls: Option<Arc<rustls::ServerConfig>>,
    label: &'static str,
    peer: SocketAddr,
) -> Option<Stream> {
    let stream = TcpStream::from_std(stream).ok()?;
    // Frames are written whole: nothing is gained by waiting for more. A socket without the option still works.
    let _ = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_EVERY)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_RETRIES);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    let stream = Tcp::new(stream);
    let Some(config) = tls else { return Some(Stream::Plain(stream)) };
    match tokio::time::timeout(HANDSHAKE_MAX, tls::accept(config, stream)).await {
        Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(label, %peer, %error, "TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}
