//! One TCP connection of a controller: bytes both ways. What they mean is the server's business.
use super::server::Input;
use bytes::Bytes;
use protocols::hap::pairing::ConnectionId;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Read at once: 16 KiB; requests have some hundred bytes.
const READ_BYTES: usize = 16 << 10;
/// Answers and events that wait for a slow controller: 64, beyond which it is taken for dead. There is an event a second.
pub(super) const OUTBOX: usize = 64;
/// A controller takes what it is sent within this time: 10 s, after which controllers themselves give up.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Carries bytes until either side closes; then says so.
pub(super) async fn run(
    id: ConnectionId,
    mut stream: TcpStream,
    inputs: mpsc::Sender<Input>,
    mut outbox: mpsc::Receiver<Bytes>,
) {
    let (mut read, mut write) = stream.split();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        tokio::select! {
            biased;
            bytes = outbox.recv() => {
                let Some(bytes) = bytes else { break };
                match tokio::time::timeout(WRITE_MAX, write.write_all(&bytes)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => break,
                }
            }
            count = read.read(&mut buffer) => {
                let Ok(count @ 1..) = count else { break };
                let data = Bytes::copy_from_slice(&buffer[..count]);
                if inputs.send(Input::Bytes { id, data }).await.is_err() {
                    break;
                }
            }
        }
    }
    // It is closed anyway when this fails.
    let _ = write.shutdown().await;
    let _ = inputs.send(Input::Closed { id }).await;
}
