//! Publishers of made-up H.264: right in its framing, its parameter sets and its times, with noise for pictures.
//!
//! Costs nearly nothing, so that what is measured is the server. Each frame says its number.
mod frames;
mod record;

use super::driver::{LoadError, read_with};
use super::options::PublishOptions;
use super::rtmp::{Rtmp, Wish};
use super::target::Target;
use super::watch::{Client, Watch};
use formats::flv::{Message, Muxer, MuxerOptions};
pub use frames::{Frames, Shape, number, track};
use media::Unit;
use record::Record;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// How long the server may take to agree.
const JOIN_MAX: Duration = Duration::from_secs(10);
/// How long the server may take nothing.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// What servers say to a publisher fits many times.
const READ_BYTES: usize = 16 << 10;

/// A client that publishes, without I/O.
trait Publisher: Client {
    /// The server agreed.
    fn is_running(&self) -> bool;
    /// Appends a unit.
    fn write(&mut self, unit: &Unit, out: &mut Vec<u8>) -> Result<(), String>;
}

struct RtmpPublisher {
    client: Rtmp,
    muxer: Muxer,
    begun: bool,
}

impl RtmpPublisher {
    fn send(&self, message: &Message, out: &mut Vec<u8>) {
        let body = message.body().concat();
        self.client.send(message.kind().number(), message.timestamp_ms(), &body, out);
    }
}

impl Client for RtmpPublisher {
    fn start(&mut self, out: &mut Vec<u8>) {
        self.client.start(out);
    }

    fn push(&mut self, bytes: &[u8], watch: &mut Watch, out: &mut Vec<u8>) -> Result<(), String> {
        self.client.push(bytes, watch, out)
    }

    fn keep_alive(&mut self, _: &mut Vec<u8>) {}
}

impl Publisher for RtmpPublisher {
    fn is_running(&self) -> bool {
        self.client.is_running()
    }

    fn write(&mut self, unit: &Unit, out: &mut Vec<u8>) -> Result<(), String> {
        if !self.begun {
            self.begun = true;
            for message in self.muxer.headers(0) {
                self.send(&message, out);
            }
        }
        let message = self.muxer.push(unit).ok_or("a frame that is too large")?;
        self.send(&message, out);
        Ok(())
    }
}

/// Publishes over RTMP until the time is over.
///
/// # Errors
/// When the URL will not do, or when the server refuses or cuts a publisher.
pub async fn rtmp(options: &PublishOptions) -> Result<(), LoadError> {
    publish(options, &[("rtmp", 1935)], |target| {
        let muxer = Muxer::new(&[track()], MuxerOptions::default()).map_err(|error| error.to_string())?;
        let client = Rtmp::new(Wish::Publish, &target.authority, target.path.trim_start_matches('/'));
        Ok(RtmpPublisher { client, muxer, begun: false })
    })
    .await
}

/// Publishes over RTSP with RTP in the same connection until the time is over.
///
/// # Errors
/// When the URL will not do, or when the server refuses or cuts a publisher.
pub async fn rtsp(options: &PublishOptions) -> Result<(), LoadError> {
    publish(options, &[("rtsp", 8554)], |target| Record::new(&target.url)).await
}

async fn publish<P: Publisher + 'static>(
    options: &PublishOptions,
    schemes: &[(&str, u16)],
    make: impl Fn(&Target) -> Result<P, String>,
) -> Result<(), LoadError> {
    let shape = Shape { bits_per_second: options.bitrate, fps: options.fps, gop: options.gop };
    let length = Duration::from_secs(options.seconds);
    let frames = Frames::new(shape);
    let mut lives = Vec::new();
    for number in 0..options.streams {
        let target = Target::parse(&options.url.replace("{}", &number.to_string()), schemes)?;
        let publisher = make(&target).map_err(LoadError::Publish)?;
        // Spread over the time of a frame, as cameras are.
        let delay = Duration::from_secs(1) / shape.fps * u32::from(number) / u32::from(options.streams);
        lives.push((target, publisher, delay));
    }
    let tasks = tokio::task::LocalSet::new();
    let all = async {
        let mut set = JoinSet::new();
        for (target, publisher, delay) in lives {
            set.spawn_local(live(target, publisher, frames.clone(), delay, length));
        }
        while let Some(ended) = set.join_next().await {
            ended.map_err(|error| LoadError::Publish(error.to_string()))?.map_err(LoadError::Publish)?;
        }
        Ok(())
    };
    tasks.run_until(all).await
}

/// A publisher's life.
async fn live<P: Publisher>(
    target: Target,
    mut publisher: P,
    mut frames: Frames,
    delay: Duration,
    length: Duration,
) -> Result<(), String> {
    let mut stream = TcpStream::connect(target.address).await.map_err(|error| format!("connect: {error}"))?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let buffer = RefCell::new(vec![0; READ_BYTES]);
    let mut watch =
        Watch::new(Rc::default(), Rc::new(RefCell::new(super::content::Content::new(super::Check::Order))));
    let mut out = Vec::new();
    publisher.start(&mut out);
    let begun = async {
        while !publisher.is_running() {
            stream.write_all(&out).await.map_err(|error| error.to_string())?;
            out.clear();
            if read_with(&mut stream, &buffer, &mut publisher, &mut watch, &mut out).await? == 0 {
                return Err("the server closed the connection".to_owned());
            }
        }
        Ok(())
    };
    timeout(JOIN_MAX, begun).await.map_err(|_| "the server did not agree in time")??;
    let start = Instant::now() + delay;
    let end = start + length;
    loop {
        let due = start + frames.next_at();
        if due >= end {
            return Ok(());
        }
        tokio::select! {
            () = sleep_until(due) => publisher.write(&frames.next_unit(), &mut out)?,
            read = read_with(&mut stream, &buffer, &mut publisher, &mut watch, &mut out) => {
                if read? == 0 {
                    return Err("the server closed the connection".to_owned());
                }
            }
        }
        let written = timeout(WRITE_MAX, stream.write_all(&out)).await;
        written.map_err(|_| "the server takes nothing")?.map_err(|error| format!("write: {error}"))?;
        out.clear();
    }
}
