//! Writing to byte streams: shared chunks gathered into one `writev`, as much as the socket takes.
use bytes::{Buf, Bytes};
use hub::{Chunk, EndReason, Item, Reader};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncWrite;

/// Pieces handed to one `writev`. 64 hold several frames of any format we mux.
const SLICES: usize = 64;
/// Gather up to this much from the reader before writing. 256 KiB: a key frame; more would only be copied later.
const GATHER_BYTES: usize = 256 << 10;
/// How often the policy for slow readers is asked while a write waits.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// Bytes on their way to one peer. Holds references, not copies; bounded by what its user gathers.
#[derive(Default)]
pub struct Outbox {
    queue: VecDeque<Bytes>,
    bytes: usize,
}

impl Outbox {
    /// Appends bytes.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.bytes += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    /// Appends a chunk's parts.
    pub fn push_chunk(&mut self, chunk: &Chunk) {
        for part in &chunk.parts {
            self.push(part.clone());
        }
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Writes what the peer takes; ready when something was written. Never ready with an empty outbox.
    pub fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        to: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.queue.is_empty() {
            return Poll::Pending;
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = self.queue.len().min(SLICES);
        for (slice, bytes) in slices.iter_mut().zip(&self.queue) {
            *slice = IoSlice::new(bytes);
        }
        let written = ready!(Pin::new(to).poll_write_vectored(cx, &slices[..count]))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        Poll::Ready(Ok(written))
    }

    /// [`Outbox::poll_write`] for those who await. Cancel-safe.
    pub async fn write<W: AsyncWrite + Unpin>(&mut self, to: &mut W) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_write(to, cx)).await
    }

    /// Writes everything, then flushes.
    pub async fn drain<W: AsyncWrite + Unpin>(&mut self, to: &mut W) -> io::Result<()> {
        while !self.is_empty() {
            self.write(to).await?;
        }
        std::future::poll_fn(|cx| Pin::new(&mut *to).poll_flush(cx)).await
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(front) = self.queue.front_mut() {
            if written < front.len() {
                front.advance(written);
                return;
            }
            written -= front.len();
            self.queue.pop_front();
        }
    }
}

/// How [`Pump::turn`] ended.
pub enum Turned {
    /// Something went on.
    Goes,
    /// The reader ended.
    Ended(EndReason),
}

/// Moves a reader's chunks to one peer: gathers what there is, writes, and applies the policy for slow readers.
pub struct Pump {
    reader: Reader,
    check_at: media::Moment,
}

impl Pump {
    /// Takes the reader.
    pub fn new(reader: Reader) -> Self {
        Self { reader, check_at: hub::now() + CHECK_EVERY }
    }

    /// The reader.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Gives the reader back, to end it with a reason.
    pub fn into_reader(self) -> Reader {
        self.reader
    }

    /// One turn: waits for chunks, or for room, and moves what it can. Cancel-safe: select on it beside reading.
    /// `outbox` may hold other bytes (replies): they go in order, between chunks.
    pub async fn turn<W: AsyncWrite + Unpin>(
        &mut self,
        outbox: &mut Outbox,
        to: &mut W,
    ) -> io::Result<Turned> {
        self.turn_mapped(outbox, to, |outbox, item| match item {
            Item::Header(header) => outbox.push(header.clone()),
            Item::Chunk(chunk) => outbox.push_chunk(chunk),
            Item::Ended(_) => {}
        })
        .await
    }

    /// [`Pump::turn`] with the caller deciding what an item becomes.
    pub async fn turn_mapped<W: AsyncWrite + Unpin>(
        &mut self,
        outbox: &mut Outbox,
        to: &mut W,
        mut put: impl FnMut(&mut Outbox, &Item),
    ) -> io::Result<Turned> {
        if outbox.is_empty() {
            let item = self.reader.next().await;
            if let Item::Ended(reason) = item {
                return Ok(Turned::Ended(reason));
            }
            // The time it is given to take something begins now, however long there was nothing.
            self.reader.progressed(hub::now());
            put(outbox, &item);
        }
        while outbox.len() < GATHER_BYTES {
            match self.reader.try_next() {
                Some(Item::Ended(reason)) => return Ok(Turned::Ended(reason)),
                Some(item) => put(outbox, &item),
                None => break,
            }
        }
        let check_at = self.check_at;
        tokio::select! {
            biased;
            written = outbox.write(to) => {
                written?;
                self.reader.progressed(hub::now());
            }
            () = hub::sleep_until(check_at) => {
                let now = hub::now();
                self.check_at = now + CHECK_EVERY;
                if let Some(reason) = self.reader.check(now) {
                    return Ok(Turned::Ended(reason));
                }
            }
        }
        Ok(Turned::Goes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[test]
    fn pieces_arrive_in_order_through_a_narrow_pipe() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut to, mut from) = tokio::io::duplex(7);
            let mut outbox = Outbox::default();
            let mut expected = Vec::new();
            for index in 0..200u8 {
                let piece = vec![index; usize::from(index % 13)];
                expected.extend_from_slice(&piece);
                outbox.push(Bytes::from(piece));
            }
            let read = async {
                let mut got = vec![0; expected.len()];
                from.read_exact(&mut got).await.unwrap();
                got
            };
            let (wrote, got) = tokio::join!(outbox.drain(&mut to), read);
            wrote.unwrap();
            assert_eq!(got, expected);
            assert!(outbox.is_empty());
            assert_eq!(outbox.bytes, 0);
        });
    }
}
