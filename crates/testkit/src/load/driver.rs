//! Runs the readers: connects them, waits until all are there, measures, reports.
use super::boxes::Boxes;
use super::content::Content;
use super::flv::Flv;
use super::homekit;
use super::http::{Get, Mse};
use super::options::{Command, Options, ReadOptions};
use super::report::Report;
use super::room;
use super::rtmp::{Rtmp, Wish};
use super::rtsp::Rtsp;
use super::target::{Target, TargetError};
use super::usage::Usage;
use super::watch::{Client, Life, Tally, Watch};
use super::whep;
use clap::Parser as _;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio::time::{sleep, sleep_until, timeout_at};

/// How long a reader may take to its first media: 15 s.
const JOIN_MAX: Duration = Duration::from_secs(15);
/// How long the server is watched before the first reader comes.
const IDLE: Duration = Duration::from_secs(2);
/// Between the last reader's first byte and the measurement: what the readers got from the cache has been read.
pub(super) const SETTLE: Duration = Duration::from_secs(3);
/// Signs of life are sent this often; RTSP servers wait for 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// One read: 256 KiB, shared by all readers, so that it stays in the cache.
const READ_BYTES: usize = 256 << 10;

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The URL will not do.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No process has this id.
    #[error("no process has the id {0}")]
    NoServer(u32),
    /// The machine refuses.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The bots' thread failed.
    #[error("bots: {0}")]
    Bots(String),
    /// There is no accessory to look at, or it does not want to be paired.
    #[error("HomeKit: {0}")]
    Homekit(String),
    /// A publisher was refused or cut.
    #[error("publishing ended: {0}")]
    Publish(String),
}

/// What the readers of a run share.
pub(super) struct Shared {
    pub(super) target: Target,
    pub(super) content: Rc<RefCell<Content>>,
    pub(super) buffer: RefCell<Vec<u8>>,
    pub(super) joining: Semaphore,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Rtsp,
    Rtmp,
    Flv,
    Mp4,
    Mse,
    Whep,
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Protocol::Rtsp => "rtsp",
            Protocol::Rtmp => "rtmp",
            Protocol::Flv => "flv",
            Protocol::Mp4 => "mp4",
            Protocol::Mse => "mse",
            Protocol::Whep => "whep",
        }
    }

    const fn schemes(self) -> &'static [(&'static str, u16)] {
        match self {
            Protocol::Rtsp => &[("rtsp", 8554)],
            Protocol::Rtmp => &[("rtmp", 1935)],
            Protocol::Flv | Protocol::Mp4 | Protocol::Whep => &[("http", 80)],
            Protocol::Mse => &[("ws", 80), ("http", 80)],
        }
    }

    /// A client; `None` for WHEP, which is no byte stream.
    fn client(self, target: &Target) -> Option<Box<dyn Client>> {
        let (host, path) = (target.authority.as_str(), target.path.as_str());
        match self {
            Protocol::Rtsp => Some(Box::new(Rtsp::new(&target.url))),
            Protocol::Rtmp => Some(Box::new(Rtmp::new(Wish::Play, host, path.trim_start_matches('/')))),
            Protocol::Flv => Some(Box::new(Get::new(host, path, Flv::new()))),
            Protocol::Mp4 => Some(Box::new(Get::new(host, path, Boxes::new()))),
            Protocol::Mse => Some(Box::new(Mse::new(host, path, Boxes::new()))),
            Protocol::Whep => None,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A publisher came to its end.
    Published,
    /// Readers.
    Read(Report),
    /// Bots in a room.
    Met(room::RoomReport),
    /// Live views of HomeKit cameras.
    Viewed(homekit::HomekitReport),
}

/// Runs what a command asks for.
///
/// # Errors
/// See [`LoadError`]. Readers that fail are no error but in the report.
pub async fn run(command: &Command) -> Result<Outcome, LoadError> {
    let (protocol, options) = match command {
        Command::Rtsp(options) => (Protocol::Rtsp, options),
        Command::Rtmp(options) => (Protocol::Rtmp, options),
        Command::Flv(options) => (Protocol::Flv, options),
        Command::Mp4(options) => (Protocol::Mp4, options),
        Command::Mse(options) => (Protocol::Mse, options),
        Command::Whep(options) => (Protocol::Whep, options),
        Command::Room(options) => return room::run(options).await.map(Outcome::Met),
        Command::Homekit(options) => return homekit::run(options).await.map(Outcome::Viewed),
        Command::PublishRtmp(options) => {
            return super::publish::rtmp(options).await.map(|()| Outcome::Published);
        }
        Command::PublishRtsp(options) => {
            return super::publish::rtsp(options).await.map(|()| Outcome::Published);
        }
    };
    let target = Target::parse(&options.url, protocol.schemes())?;
    read(protocol, options, target).await.map(Outcome::Read)
}

/// The same on a runtime of its own, for command lines and tests.
///
/// # Errors
/// See [`run`].
pub fn run_blocking(command: &Command) -> Result<Outcome, LoadError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(command))
}

/// Readers of a stream for some seconds: what they saw.
///
/// # Panics
/// When there is no run; for tests.
pub fn watch_for(seconds: u64, protocol: &str, url: &str, readers: u16) -> Report {
    watch(seconds, protocol, url, readers, &[])
}

/// The same of a stream with so many pictures a second: also how late each came.
///
/// # Panics
/// As [`watch_for`].
pub fn watch_paced(seconds: u64, protocol: &str, url: &str, readers: u16, fps: f64) -> Report {
    watch(seconds, protocol, url, readers, &["--expect-fps", &fps.to_string()])
}

/// Readers of simulated cameras: also which of them they saw, by [`crate::mark`]. RTSP and WHEP only.
///
/// # Panics
/// As [`watch_for`].
pub fn watch_marked(seconds: u64, protocol: &str, url: &str, readers: u16) -> Report {
    watch(seconds, protocol, url, readers, &["--marks"])
}

fn watch(seconds: u64, protocol: &str, url: &str, readers: u16, more: &[&str]) -> Report {
    let (readers, seconds) = (readers.to_string(), seconds.to_string());
    let args = ["load", protocol, "--url", url, "--readers", &readers, "--seconds", &seconds];
    let args = args.iter().chain(more);
    let outcome = Options::try_parse_from(args).map_err(|error| error.to_string());
    let outcome =
        outcome.and_then(|options| run_blocking(&options.command).map_err(|error| error.to_string()));
    match outcome {
        Ok(Outcome::Read(report)) => report,
        Ok(other) => panic!("{protocol} reads nothing: {other:?}"),
        Err(error) => panic!("{protocol} {url}: {error}"),
    }
}

/// Sums over all readers at one moment.
#[derive(Clone, Copy, Default)]
struct Snapshot {
    bytes: u64,
    packets: u64,
    own: Duration,
    server: Option<Usage>,
}

type Tallies = Vec<Rc<RefCell<Tally>>>;

fn snapshot(tallies: &Tallies, server: Option<u32>) -> Snapshot {
    let mut sums =
        Snapshot { own: Usage::own().cpu, server: server.and_then(Usage::of), ..Snapshot::default() };
    for tally in tallies {
        let tally = tally.borrow();
        sums.bytes += tally.bytes;
        sums.packets += tally.packets;
    }
    sums
}

async fn read(protocol: Protocol, options: &ReadOptions, target: Target) -> Result<Report, LoadError> {
    raise_file_limit(usize::from(options.readers))?;
    let shared = Rc::new(Shared {
        target,
        content: Rc::new(RefCell::new(Content::new(options.check()))),
        buffer: RefCell::new(vec![0; READ_BYTES]),
        joining: Semaphore::new(usize::from(options.at_once)),
    });
    let before = match options.server_pid {
        Some(pid) => Some(Usage::of(pid).ok_or(LoadError::NoServer(pid))?),
        None => None,
    };
    if before.is_some() {
        sleep(IDLE).await;
    }
    let idle = options.server_pid.and_then(Usage::of);
    let tallies: Tallies = (0..options.readers).map(|_| Rc::default()).collect();
    if options.marks {
        for tally in &tallies {
            tally.borrow_mut().marks = Some(BTreeSet::new());
        }
    }
    let tasks = LocalSet::new();
    let engine = (protocol == Protocol::Whep).then(whep::Engine::new).transpose()?;
    for (index, tally) in tallies.iter().enumerate() {
        let (shared, tally) = (shared.clone(), tally.clone());
        let client = protocol.client(&shared.target);
        let engine = engine.clone();
        let verify = (index as f64) < f64::from(options.readers) * options.verify_fraction;
        tasks.spawn_local(async move {
            let why = match (client, engine) {
                (Some(client), _) => serve(&shared, client, &tally).await,
                (None, Some(engine)) => whep::play(&shared, &engine, verify, &tally).await,
                (None, None) => return,
            };
            tally.borrow_mut().life = Life::Failed(why);
        });
    }
    let mut report = tasks.run_until(measure(&tallies, options)).await;
    report.protocol = protocol.name().to_owned();
    let readers: Vec<Tally> = tallies.iter().map(|tally| tally.borrow().clone()).collect();
    report.add_readers(&readers);
    if let (Some(before), Some(idle)) = (before, idle) {
        report.server_cpu_idle = Some((idle.cpu - before.cpu).as_secs_f64() / IDLE.as_secs_f64());
        report.server_resident_kib_before = Some(idle.resident_kib);
    }
    if let (Some(before), Some(after)) = (report.server_resident_kib_before, report.server_resident_kib_after)
    {
        let more = after as f64 - before as f64;
        report.server_resident_kib_per_reader = Some(more / report.readers.max(1) as f64);
    }
    Ok(report)
}

/// Waits until every reader plays or has failed, then measures.
async fn measure(tallies: &Tallies, options: &ReadOptions) -> Report {
    let joining = |tally: &Rc<RefCell<Tally>>| tally.borrow().life == Life::Joining;
    let groups = u32::from(options.readers.div_ceil(options.at_once));
    let deadline = Instant::now() + JOIN_MAX + Duration::from_secs(1) * groups;
    while tallies.iter().any(joining) && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
    }
    sleep(SETTLE).await;
    let pictures = || tallies.iter().map(|tally| tally.borrow().pictures).collect::<Vec<_>>();
    let pictures_before = pictures();
    if options.expect_fps.is_some() {
        for tally in tallies {
            tally.borrow_mut().arrivals = Some(Vec::new());
        }
    }
    let begun = Instant::now();
    let first = snapshot(tallies, options.server_pid);
    sleep(Duration::from_secs(options.seconds)).await;
    let last = snapshot(tallies, options.server_pid);
    let seconds = begun.elapsed().as_secs_f64();
    let rates =
        pictures().into_iter().zip(pictures_before).map(|(after, before)| (after - before) as f64 / seconds);
    let rates: Vec<f64> = rates.collect();
    let bytes = last.bytes - first.bytes;
    let gbit = bytes as f64 * 8.0 / 1e9;
    let packets = (last.packets - first.packets) as f64;
    let mut report = Report {
        seconds,
        bytes,
        gbit_per_second: gbit / seconds,
        packets_per_second: packets / seconds,
        own_cpu_seconds: (last.own - first.own).as_secs_f64(),
        fps_min: rates.iter().copied().reduce(f64::min).unwrap_or_default(),
        fps_max: rates.iter().copied().reduce(f64::max).unwrap_or_default(),
        fps_expected: options.expect_fps,
        load_average: load_average(),
        ..Report::default()
    };
    if let (Some(first), Some(last)) = (first.server, last.server) {
        let cpu = last.cpu.saturating_sub(first.cpu).as_secs_f64();
        report.server_cpu_seconds = Some(cpu);
        report.server_cpu_seconds_per_gbit = (gbit > 0.0).then(|| cpu / gbit);
        report.server_cpu_us_per_packet = (packets > 0.0).then(|| cpu * 1e6 / packets);
        report.server_resident_kib_after = Some(last.resident_kib);
    }
    report
}

pub(super) fn load_average() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// Lets the process have a socket for each reader.
pub(super) fn raise_file_limit(readers: usize) -> std::io::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = readers as u64 + 100;
    if soft < wanted {
        setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard)?;
    }
    Ok(())
}

/// A TCP reader's life; returns why it ended.
async fn serve(shared: &Shared, client: Box<dyn Client>, tally: &Rc<RefCell<Tally>>) -> String {
    match try_serve(shared, client, tally).await {
        Ok(()) => "the server closed the connection".to_owned(),
        Err(why) => why,
    }
}

async fn try_serve(
    shared: &Shared,
    mut client: Box<dyn Client>,
    tally: &Rc<RefCell<Tally>>,
) -> Result<(), String> {
    let mut permit = Some(shared.joining.acquire().await.map_err(|error| error.to_string())?);
    let mut watch = Watch::new(tally.clone(), shared.content.clone());
    let deadline = tokio::time::Instant::now() + JOIN_MAX;
    let connected = timeout_at(deadline, TcpStream::connect(shared.target.address)).await;
    let mut stream =
        connected.map_err(|_| "no connection in time")?.map_err(|error| format!("connect: {error}"))?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    client.start(&mut out);
    let mut wake = deadline;
    loop {
        if !out.is_empty() {
            stream.write_all(&out).await.map_err(|error| format!("write: {error}"))?;
            out.clear();
        }
        let read = read_with(&mut stream, &shared.buffer, &mut *client, &mut watch, &mut out);
        let ended = tokio::select! {
            biased;
            read = read => read? == 0,
            () = sleep_until(wake) => {
                if !watch.is_playing() {
                    return Err("no media came in time".to_owned());
                }
                client.keep_alive(&mut out);
                wake = tokio::time::Instant::now() + KEEP_ALIVE;
                false
            }
        };
        if ended {
            return Ok(());
        }
        if permit.is_some() && watch.is_playing() {
            permit = None;
        }
    }
}

/// One read into a buffer that many share; what came is judged before anybody else reads.
pub(super) async fn read_with(
    stream: &mut TcpStream,
    buffer: &RefCell<Vec<u8>>,
    client: &mut dyn Client,
    watch: &mut Watch,
    out: &mut Vec<u8>,
) -> Result<usize, String> {
    poll_fn(|context| {
        let mut buffer = buffer.borrow_mut();
        let mut piece = ReadBuf::new(&mut buffer);
        Pin::new(&mut *stream).poll_read(context, &mut piece).map(|read| {
            read.map_err(|error| format!("read: {error}"))?;
            let bytes = piece.filled();
            watch.bytes(bytes.len());
            client.push(bytes, watch, out).map(|()| bytes.len())
        })
    })
    .await
}
