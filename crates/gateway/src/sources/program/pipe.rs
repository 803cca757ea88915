//! A program that writes its media to its stdout.
use super::{Over, Programs, end, start};
use crate::ingest::bytes::{BytesError, BytesIngest};
use crate::net::child::{Child, Spec};
use bytes::BytesMut;
use hub::{SourceError, SourceTask};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

/// Most bytes of one reading: 64 KiB, what a pipe holds.
const READ_BYTES: usize = 64 << 10;
/// When the program and its group are gone, what is left in the pipe is there at once: 200 ms. Who holds the pipe open
/// from elsewhere is not waited for.
const REST_MAX: Duration = Duration::from_millis(200);

pub(super) async fn run(programs: &Programs, mut spec: Spec, task: SourceTask) -> Result<(), SourceError> {
    let SourceTask { stream, publisher, worker, mut stop, .. } = task;
    spec.stdout = true;
    let shown = spec.program.to_string_lossy().into_owned();
    let mut child = start(programs, spec, &worker).await?;
    let stdout = child.take_stdout();
    let Ok(Some(mut stdout)) = stdout else {
        return Err(SourceError::ours(format!("{shown}: its output cannot be read: {stdout:?}")));
    };
    let mut ingest = BytesIngest::new(stream, publisher);
    let over = tokio::select! {
        over = pour(&mut stdout, &mut child, &mut ingest, &shown) => over,
        () = stop.wanted() => Over::Told,
    };
    drop(stdout);
    end(child, over, &stop).await
}

/// Publishes what comes, until no more does.
async fn pour(stdout: &mut Receiver, child: &mut Child, ingest: &mut BytesIngest, shown: &str) -> Over {
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    let mut came = false;
    let mut gone = false;
    loop {
        buffer.clear();
        buffer.reserve(READ_BYTES);
        let read = tokio::select! {
            biased;
            read = stdout.read_buf(&mut buffer) => read,
            _ = ingest.ended() => return Over::Told,
            _ = child.ended(), if !gone => {
                gone = true;
                continue;
            }
            () = tokio::time::sleep(REST_MAX), if gone => Ok(0),
        };
        match read {
            Ok(0) => return finish(ingest, came, shown).await,
            Ok(_) => {
                came = true;
                child.first_bytes();
                if let Err(error) = ingest.push(&buffer, hub::now()).await {
                    // What came before the damage is of use.
                    let _ = ingest.finish().await;
                    return failed(error, shown);
                }
            }
            Err(error) => {
                return Over::Failed(SourceError::ours(format!(
                    "{shown}: its output cannot be read: {error}"
                )));
            }
        }
    }
}

async fn finish(ingest: &mut BytesIngest, came: bool, shown: &str) -> Over {
    match ingest.finish().await {
        Err(error) if came => failed(error, shown),
        Ok(()) | Err(_) => Over::ByItself { came },
    }
}

fn failed(error: BytesError, shown: &str) -> Over {
    match error.of_source(shown) {
        Ok(()) => Over::Told,
        Err(error) => Over::Failed(error),
    }
}
