//! The encoder that publishes over RTMP.
use super::{Deed, Fault, GARBAGE};
use crate::load::publish::{Link, Publisher, RtmpPublisher};
use crate::load::target::Target;
use formats::replay::{Clip, Next, Replay};
use media::Moment;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

/// Publishes until either side ends it; returns why.
pub(super) async fn publish(target: Target, clip: &Clip, fault: watch::Receiver<Fault>) -> String {
    match try_publish(&target, clip, fault).await {
        Ok(()) => "it ended as it was told to".to_owned(),
        Err(why) => why,
    }
}

async fn try_publish(target: &Target, clip: &Clip, fault: watch::Receiver<Fault>) -> Result<(), String> {
    let stream = TcpStream::connect(target.address).await.map_err(|error| format!("connect: {error}"))?;
    let path = target.path.trim_start_matches('/');
    let mut publisher = RtmpPublisher::new(&clip.tracks, &target.authority, path)?;
    let mut link = Link::new(stream);
    link.begin(&mut publisher).await?;
    let mut replay = Replay::new(&clip.tracks, &clip.units).map_err(|error| error.to_string())?;
    let start = Instant::now();
    let mut frames = 0;
    loop {
        match replay.poll(Moment::ZERO + start.elapsed()) {
            Next::WaitUntil(at) => {
                let due = start + at.since(Moment::ZERO);
                link.listen_until(&mut publisher, due).await?;
            }
            Next::Unit(unit) => {
                let kind = clip.tracks[usize::from(unit.track)].kind();
                let deed = fault.borrow().deed(frames, start.elapsed(), kind);
                frames += 1;
                match deed {
                    Deed::Nothing => continue,
                    Deed::HangUp => return Ok(()),
                    Deed::Garbage => link.out.extend_from_slice(&GARBAGE),
                    Deed::Send | Deed::Half => publisher.write(&unit, &mut link.out)?,
                }
                if deed == Deed::Half {
                    link.out.truncate(link.out.len() / 2);
                }
                link.flush().await?;
                if deed == Deed::Half {
                    return Ok(());
                }
            }
        }
    }
}
