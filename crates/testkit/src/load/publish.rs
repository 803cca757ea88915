//! Publishers of made-up H.264: right in its framing, its parameter sets and its times, with noise for pictures.
//!
//! Costs nearly nothing, so that what is measured is the server. Each frame says its number.
mod frames;
mod record;

use super::content::{Check, Content};
use super::driver::{LoadError, read_with};
use super::options::PublishOptions;
use super::rtmp::{Rtmp, Wish};
use super::target::Target;
use super::watch::{Client, Watch};
use formats::flv::{Message, Muxer, MuxerOptions};
pub(crate) use frames::number_in;
pub use frames::{Frames, Shape, number, track};
use media::{Track, Unit};
use record::Record;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// How long the server may take to agree.
const JOIN_MAX: Duration = Duration::from_secs(10);
/// How long the server may take nothing.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// What servers say to a publisher fits many times.
const READ_BYTES: usize = 16 << 10;

/// A client that publishes, without I/O.
pub(crate) trait Publisher: Client {
    /// The server agreed.
    fn is_running(&self) -> bool;
    /// Appends a unit.
    fn write(&mut self, unit: &Unit, out: &mut Vec<u8>) -> Result<(), String>;
}

pub(crate) struct RtmpPublisher {
    client: Rtmp,
    muxer: Muxer,
    begun: bool,
}

impl RtmpPublisher {
    /// A publisher of these tracks; `path` is `app/name`.
    pub(crate) fn new(tracks: &[Track], authority: &str, path: &str) -> Result<Self, String> {
        let muxer = Muxer::new(tracks, MuxerOptions::default()).map_err(|error| error.to_string())?;
        Ok(Self { client: Rtmp::new(Wish::Publish, authority, path), muxer, begun: false })
    }

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
        RtmpPublisher::new(&[track()], &target.authority, target.path.trim_start_matches('/'))
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
    let stream = TcpStream::connect(target.address).await.map_err(|error| format!("connect: {error}"))?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let mut link = Link::new(stream);
    link.begin(&mut publisher).await?;
    let start = Instant::now() + delay;
    let end = start + length;
    loop {
        let due = start + frames.next_at();
        if due >= end {
            return Ok(());
        }
        link.listen_until(&mut publisher, due).await?;
        publisher.write(&frames.next_unit(), &mut link.out)?;
        link.flush().await?;
    }
}

/// A publisher's connection.
pub(crate) struct Link {
    stream: TcpStream,
    buffer: RefCell<Vec<u8>>,
    watch: Watch,
    /// What is to be written next.
    pub(crate) out: Vec<u8>,
}

impl Link {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let content = Rc::new(RefCell::new(Content::new(Check::Order)));
        let watch = Watch::new(Rc::default(), content);
        Self { stream, buffer: RefCell::new(vec![0; READ_BYTES]), watch, out: Vec::new() }
    }

    /// Talks until the server agrees.
    pub(crate) async fn begin(&mut self, publisher: &mut impl Publisher) -> Result<(), String> {
        publisher.start(&mut self.out);
        let deadline = Instant::now() + JOIN_MAX;
        while !publisher.is_running() {
            self.flush().await?;
            let read = self.read(publisher);
            timeout_at(deadline, read).await.map_err(|_| "the server did not agree in time")??;
        }
        Ok(())
    }

    /// Hears what the server says meanwhile.
    pub(crate) async fn listen_until(
        &mut self,
        publisher: &mut impl Publisher,
        at: Instant,
    ) -> Result<(), String> {
        loop {
            tokio::select! {
                () = sleep_until(at) => return Ok(()),
                read = self.read(publisher) => read?,
            }
        }
    }

    async fn read(&mut self, publisher: &mut impl Publisher) -> Result<(), String> {
        match read_with(&mut self.stream, &self.buffer, publisher, &mut self.watch, &mut self.out).await? {
            0 => Err("the server closed the connection".to_owned()),
            _ => Ok(()),
        }
    }

    /// Writes what is to be written.
    pub(crate) async fn flush(&mut self) -> Result<(), String> {
        let written = timeout(WRITE_MAX, self.stream.write_all(&self.out)).await;
        written.map_err(|_| "the server takes nothing")?.map_err(|error| format!("write: {error}"))?;
        self.out.clear();
        Ok(())
    }
}
