//! The encoder that is pulled over HTTP-FLV.
use super::{Deed, Fault, GARBAGE};
use formats::flv::{Muxer, MuxerOptions};
use formats::replay::{Clip, Next, Replay};
use media::Moment;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Longest request: 16 KiB.
const REQUEST_BYTES_MAX: usize = 16 << 10;

pub(super) async fn serve(
    listener: std::net::TcpListener,
    clip: Clip,
    fault: watch::Receiver<Fault>,
    open: Arc<AtomicUsize>,
) {
    let Ok(listener) = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)) else {
        return;
    };
    let clip = Rc::new(clip);
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (clip, fault, open) = (clip.clone(), fault.clone(), open.clone());
        connections.spawn_local(async move {
            open.fetch_add(1, Ordering::SeqCst);
            // How it ends is for the other side to report.
            let _ = answer(stream, &clip, fault).await;
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn answer(mut stream: TcpStream, clip: &Clip, fault: watch::Receiver<Fault>) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 || request.len() > REQUEST_BYTES_MAX {
            return Ok(());
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nConnection: close\r\n\r\n").await?;
    let mut muxer = Muxer::new(&clip.tracks, MuxerOptions::default()).map_err(io::Error::other)?;
    stream.write_all(&muxer.file_header(0)).await?;
    let mut replay = Replay::new(&clip.tracks, &clip.units).map_err(io::Error::other)?;
    let start = Instant::now();
    let (mut frames, mut nothing) = (0, [0; 16]);
    loop {
        match replay.poll(Moment::ZERO + start.elapsed()) {
            Next::WaitUntil(at) => tokio::select! {
                () = sleep_until(start + at.since(Moment::ZERO)) => {}
                // Nobody says anything but goodbye.
                _ = stream.read(&mut nothing) => return Ok(()),
            },
            Next::Unit(unit) => {
                let Some(message) = muxer.push(&unit) else { continue };
                let tag = message.tag().concat();
                let deed = fault.borrow().deed(frames);
                frames += 1;
                match deed {
                    Deed::Send => stream.write_all(&tag).await?,
                    Deed::Nothing => {}
                    Deed::Half => return stream.write_all(&tag[..tag.len() / 2]).await,
                    Deed::Garbage => stream.write_all(&GARBAGE).await?,
                    Deed::HangUp => return Ok(()),
                }
            }
        }
    }
}
