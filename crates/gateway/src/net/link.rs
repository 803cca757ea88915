//! One byte stream, read and written at the same time: what TCP drivers of sessions stand on.
use super::accept::Stream;
use super::outbox::Outbox;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

/// Read at once. 64 KiB: half of what a socket holds at 50 Mbit/s in 20 ms.
const READ_BYTES: usize = 64 << 10;
/// How long the peer's last bytes are waited for after ours. 1 s: it has read our last words by then.
const LINGER: Duration = Duration::from_secs(1);
/// How long our last bytes may take. 2 s, as a source gets for its orderly end.
const LAST_WORDS_MAX: Duration = Duration::from_secs(2);

/// What a turn moved.
pub(crate) enum Moved {
    /// So many bytes came: see [`Link::received`].
    Read(usize),
    /// Bytes of the outbox went.
    Wrote,
}

/// A connection with what waits to be sent.
pub(crate) struct Link {
    pub(crate) read: ReadHalf<Stream>,
    pub(crate) write: WriteHalf<Stream>,
    pub(crate) outbox: Outbox,
    buffer: Box<[u8]>,
    /// TLS may hold the end of what was written.
    flushed: bool,
}

impl Link {
    pub(crate) fn new(stream: Stream) -> Self {
        let (read, write) = tokio::io::split(stream);
        let buffer = vec![0; READ_BYTES].into_boxed_slice();
        Self { read, write, outbox: Outbox::default(), buffer, flushed: true }
    }

    /// The bytes of the last [`Moved::Read`].
    pub(crate) fn received(&self, count: usize) -> &[u8] {
        &self.buffer[..count]
    }

    /// Waits for bytes; an error when the peer has closed. Cancel-safe.
    pub(crate) async fn receive(read: &mut ReadHalf<Stream>, buffer: &mut [u8]) -> io::Result<usize> {
        match read.read(buffer).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the peer closed the connection")),
            count => Ok(count),
        }
    }

    /// Reads, or writes what waits, whichever goes first. Cancel-safe.
    pub(crate) async fn turn(&mut self) -> io::Result<Moved> {
        let Self { read, write, outbox, buffer, flushed } = self;
        if !outbox.is_empty() {
            *flushed = false;
        }
        let sends = !*flushed;
        let send = async {
            if outbox.is_empty() {
                write.flush().await?;
                *flushed = true;
            } else {
                outbox.write(write).await?;
            }
            Ok::<_, io::Error>(())
        };
        tokio::select! {
            biased;
            sent = send, if sends => sent.map(|()| Moved::Wrote),
            count = Self::receive(read, buffer) => count.map(Moved::Read),
        }
    }

    /// The parts that a player needs side by side: what to read with, what to write with.
    pub(crate) fn split(
        &mut self,
    ) -> (&mut ReadHalf<Stream>, &mut [u8], &mut WriteHalf<Stream>, &mut Outbox) {
        (&mut self.read, &mut self.buffer, &mut self.write, &mut self.outbox)
    }

    /// Sends what waits and closes. What the peer still sends is read past for a moment: closing over unread bytes
    /// resets the connection, and our last words would be lost with it. False: the peer did not take them in time.
    pub(crate) async fn close(mut self) -> bool {
        let say = async {
            self.outbox.drain(&mut self.write).await?;
            self.write.shutdown().await
        };
        if !matches!(tokio::time::timeout(LAST_WORDS_MAX, say).await, Ok(Ok(()))) {
            return false;
        }
        let listen = async { while Self::receive(&mut self.read, &mut self.buffer).await.is_ok() {} };
        // The peer has had its time.
        let _ = tokio::time::timeout(LINGER, listen).await;
        true
    }
}
