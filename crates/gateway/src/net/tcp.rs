//! A TCP connection of which another than its owner may ask whether its peer is still there.
//!
//! An HTTP server that waits before it reads on, so that the sender waits as well, does not see that sender hang up:
//! its goodbye is behind the bytes that nobody has read. The system knows at once. Sockets are read and written without
//! a lock also where they are shared.
use futures_util::FutureExt;
use socket2::SockRef;
use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// The connection. Only its owner reads and writes, so that one waker for each way is enough.
#[derive(Debug)]
pub struct Tcp(Arc<TcpStream>);

/// Whoever asks. Does not keep the connection open.
#[derive(Clone)]
pub(crate) struct Watch(Weak<TcpStream>);

impl Tcp {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(Arc::new(stream))
    }

    /// The socket, for what has nothing to do with its bytes.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.0
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch(Arc::downgrade(&self.0))
    }

    /// Writes as soon as the socket takes something.
    fn poll_written(
        &self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match write(&self.0) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl Watch {
    /// True when the peer sends nothing more, whatever of it is still unread, or the connection is closed.
    pub(crate) fn is_gone(&self) -> bool {
        let Some(stream) = self.0.upgrade() else { return true };
        // Without waiting: what the system has told so far.
        match stream.ready(Interest::READABLE).now_or_never() {
            None => false,
            Some(Ok(ready)) => ready.is_read_closed(),
            Some(Err(_)) => true,
        }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read_buf(buf) {
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_written(cx, |stream| stream.try_write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_written(cx, |stream| stream.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The system has what was written.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(self.socket()).shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use tokio::io::AsyncReadExt;

    /// What was sent before the goodbye is still read.
    #[test]
    fn a_peer_that_hangs_up_behind_unread_bytes_is_known_to_be_gone() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let mut connection = Tcp::new(listener.accept().await.unwrap().0);
            let watch = connection.watch();
            peer.write_all(b"what it says").unwrap();
            let mut read = [0; 4];
            connection.read_exact(&mut read).await.unwrap();
            assert!(!watch.is_gone());
            drop(peer);
            for _ in 0..200 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                if watch.is_gone() {
                    break;
                }
            }
            assert!(watch.is_gone());
            let mut rest = String::new();
            connection.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, " it says");
            drop(connection);
            assert!(watch.is_gone());
        });
    }
}
