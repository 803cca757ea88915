//! The encoder that is pulled over HTTP-FLV.
use super::{Counters, Deed, Fault, GARBAGE};
use formats::flv::{Muxer, MuxerOptions};
use formats::replay::{Clip, Next, Replay};
use media::{Kind, Moment, TrackId};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// Longest request: 16 KiB.
const REQUEST_BYTES_MAX: usize = 16 << 10;

pub(super) async fn serve(
    listener: std::net::TcpListener,
    clip: Clip,
    fault: watch::Receiver<Fault>,
    counters: Arc<Counters>,
) {
    let Ok(address) = listener.local_addr() else { return };
    let Ok(listener) = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)) else {
        return;
    };
    let mut listener = Some(listener);
    let clip = Rc::new(clip);
    let mut changes = fault.clone();
    let mut connections = JoinSet::new();
    loop {
        if *changes.borrow_and_update() == Fault::Refuse {
            listener = None;
            connections.abort_all();
        } else if listener.is_none() {
            // The port may still be busy with connections that end.
            listener = TcpListener::bind(address).await.ok();
            if listener.is_none() {
                sleep(Duration::from_millis(20)).await;
                continue;
            }
        }
        let accept = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accept => {
                let Ok((stream, _)) = accepted else { continue };
                let (clip, fault, open) = (clip.clone(), fault.clone(), Open::new(&counters));
                connections.spawn_local(async move {
                    // How it ends is for the other side to report.
                    let _ = answer(stream, &clip, fault).await;
                    drop(open);
                });
            }
            Some(_) = connections.join_next() => {}
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

/// Counts a connection for as long as it is there.
struct Open(Arc<Counters>);

impl Open {
    fn new(counters: &Arc<Counters>) -> Self {
        counters.accepted.fetch_add(1, Ordering::SeqCst);
        counters.open.fetch_add(1, Ordering::SeqCst);
        Self(counters.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(mut stream: TcpStream, clip: &Clip, fault: watch::Receiver<Fault>) -> io::Result<()> {
    let first = *fault.borrow();
    if first == Fault::CloseAtOnce {
        return Ok(());
    }
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 || request.len() > REQUEST_BYTES_MAX {
            return Ok(());
        }
    }
    if first == Fault::Mute {
        return gone(&mut stream).await;
    }
    if let Fault::Status(status) = first {
        let head = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return stream.write_all(head.as_bytes()).await;
    }
    if let Fault::SlowStart(wait) = first {
        tokio::select! {
            () = sleep(wait) => {}
            over = gone(&mut stream) => return over,
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nConnection: close\r\n\r\n").await?;
    if first == Fault::VideoOnly {
        play(stream, &pictures(clip), fault).await
    } else {
        play(stream, clip, fault).await
    }
}

async fn play(mut stream: TcpStream, clip: &Clip, fault: watch::Receiver<Fault>) -> io::Result<()> {
    let mut muxer = Muxer::new(&clip.tracks, MuxerOptions::default()).map_err(io::Error::other)?;
    stream.write_all(&muxer.file_header(0)).await?;
    let mut replay = Replay::new(&clip.tracks, &clip.units).map_err(io::Error::other)?;
    let start = Instant::now();
    let mut frames = 0;
    loop {
        match replay.poll(Moment::ZERO + start.elapsed()) {
            Next::WaitUntil(at) => tokio::select! {
                () = sleep_until(start + at.since(Moment::ZERO)) => {}
                over = gone(&mut stream) => return over,
            },
            Next::Unit(unit) => {
                let kind = clip.tracks[usize::from(unit.track)].kind();
                let Some(message) = muxer.push(&unit) else { continue };
                let tag = message.tag().concat();
                let deed = fault.borrow().deed(frames, start.elapsed(), kind);
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

/// Nobody says anything but goodbye.
async fn gone(stream: &mut TcpStream) -> io::Result<()> {
    let mut nothing = [0; 16];
    while stream.read(&mut nothing).await? > 0 {}
    Ok(())
}

/// The clip without its sound.
fn pictures(clip: &Clip) -> Clip {
    let mut clip = clip.clone();
    let kept: Vec<TrackId> =
        clip.tracks.iter().filter(|track| track.kind() == Kind::Video).map(|track| track.id).collect();
    clip.tracks.retain(|track| kept.contains(&track.id));
    clip.units.retain(|unit| kept.contains(&unit.track));
    let place = |id: TrackId| kept.iter().position(|kept| *kept == id).unwrap_or(0) as TrackId;
    for track in &mut clip.tracks {
        track.id = place(track.id);
    }
    for unit in &mut clip.units {
        unit.track = place(unit.track);
    }
    clip
}
