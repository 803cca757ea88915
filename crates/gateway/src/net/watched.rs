//! A connection that one reads and writes, and of which another may ask whether its peer is still there.
//!
//! An HTTP server that waits before it reads on, so that the sender waits as well, does not see that sender hang up:
//! its goodbye is behind the bytes that nobody has read. The system knows at once.
use super::accept::Stream;
use futures_util::FutureExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// The connection. It never is in two hands at once, so that nobody waits for the lock: it is there because hyper wants
/// connections that could go to another thread.
pub(crate) struct Watched(Arc<Mutex<Stream>>);

/// Whoever asks. Does not keep the connection open.
#[derive(Clone)]
pub(crate) struct Watch(Weak<Mutex<Stream>>);

impl Watched {
    pub(crate) fn new(stream: Stream) -> Self {
        Self(Arc::new(Mutex::new(stream)))
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch(Arc::downgrade(&self.0))
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        held(&self.0)
    }
}

impl Watch {
    /// True when the peer sends nothing more, whatever of it is still unread, or the connection is closed.
    pub(crate) fn is_gone(&self) -> bool {
        let Some(stream) = self.0.upgrade() else { return true };
        let stream = held(&stream);
        // Without waiting: what the system has told so far.
        match stream.tcp().ready(Interest::READABLE).now_or_never() {
            None => false,
            Some(Ok(ready)) => ready.is_read_closed(),
            Some(Err(_)) => true,
        }
    }
}

fn held(stream: &Mutex<Stream>) -> MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_read(cx, buf)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut *self.stream()).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut *self.stream()).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_shutdown(cx)
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
            let mut connection = Watched::new(Stream::Plain(listener.accept().await.unwrap().0));
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
