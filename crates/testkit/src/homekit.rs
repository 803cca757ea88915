//! Simulated HomeKit cameras on 127.0.0.1: paired with, watched and asked as real ones, over `protocols::hap`'s accessory side, with
//! real H.264 and Opus enciphered by `protocols::srtp`'s table.
//!
//! A [`Rig`] is one thread with any number of cameras: each is one task that owns its connections, its two streams and its UDP
//! socket. A [`Camera`] is the test's hand on one of them: ring, move, switch off and on, count. Dropping the rig ends all.
mod camera;
mod microphone;
mod speaker;
mod stream;

use crate::process::free_port;
use camera::Running;
use formats::replay::Clip;
use media::Moment;
pub use microphone::ELD_TONE;
pub use speaker::Heard;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};

/// The pin of all simulated cameras.
pub const PIN: &str = "031-45-154";

/// What a camera is.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its identifier, `XX:XX:XX:XX:XX:XX`.
    pub id: String,
    /// It sends Opus, with this many ticks a second, whatever the standard says; none: it has no microphone.
    pub opus_clock_hz: Option<u32>,
    /// Its sound is AAC-ELD at 16 kHz, and nothing else: it sends [`ELD_TONE`].
    pub eld: bool,
    /// It agrees on sound and sends none.
    pub silent: bool,
    /// It enciphers what it sends with keys of its own instead of the controller's.
    pub own_keys: bool,
    /// Each of its frames carries this number: see [`crate::mark`].
    pub mark: Option<u16>,
    /// The SSRC of its picture; none: drawn for each stream.
    pub ssrc: Option<u32>,
    /// It sends from where it listens; otherwise from another port, as cameras with ffmpeg inside do.
    pub tells_port: bool,
    /// It has a loudspeaker, which is muted until somebody says otherwise.
    pub speaker: bool,
}

impl Setup {
    /// A camera with a microphone that counts as Apple's do.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            opus_clock_hz: Some(24_000),
            eld: false,
            silent: false,
            own_keys: false,
            mark: None,
            ssrc: None,
            tells_port: false,
            speaker: false,
        }
    }
}

/// What is asked of a camera.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Command {
    Ring,
    Motion(bool),
    /// Off: nobody reaches it, and all that was open is cut off.
    Power(bool),
    /// It sends no media until it is said otherwise.
    Mute(bool),
    /// The newest RTP packet once more, and then with a number for which its tag is wrong.
    Repeat,
}

/// What was counted at a camera.
#[derive(Debug, Default)]
struct Counters {
    pairings: AtomicUsize,
    connections: AtomicUsize,
    streams: AtomicUsize,
    started: AtomicU64,
    ended: AtomicU64,
    reports: AtomicU64,
    picture_losses: AtomicU64,
    sent: AtomicU64,
    repeated: AtomicU64,
    muted: AtomicBool,
    heard: Arc<Mutex<Heard>>,
    /// The newest RTP packet that was sent, for those who listen in on the network.
    newest: Mutex<Vec<u8>>,
}

/// One camera of a rig.
#[derive(Debug)]
pub struct Camera {
    /// Its identifier.
    pub id: String,
    /// Where it takes connections.
    pub address: SocketAddr,
    commands: mpsc::UnboundedSender<Command>,
    counters: Arc<Counters>,
}

/// A thread with cameras.
#[derive(Debug)]
pub struct Rig {
    /// The cameras, in the order of their setups.
    pub cameras: Vec<Camera>,
    thread: Option<JoinHandle<()>>,
}

impl Rig {
    /// Starts these cameras, all of which play the clip's picture.
    ///
    /// # Errors
    /// There is no port or no thread.
    pub fn start(clip: &Clip, setups: Vec<Setup>) -> io::Result<Self> {
        let (mut cameras, mut running) = (Vec::new(), Vec::new());
        for setup in setups {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            let (commands, told) = mpsc::unbounded_channel();
            let counters = Arc::new(Counters::default());
            cameras.push(Camera { id: setup.id.clone(), address, commands, counters: counters.clone() });
            running.push((setup, address, told, counters));
        }
        let clip = clip.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("homekit".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, async move {
                let mut tasks = JoinSet::new();
                for (setup, address, told, counters) in running {
                    let camera = Running::new(setup, address, clip.clone(), counters);
                    tasks.spawn_local(camera.run(told));
                }
                while tasks.join_next().await.is_some() {}
            });
        })?;
        Ok(Self { cameras, thread: Some(thread) })
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // without its sender a camera ends
        self.cameras.clear();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Camera {
    /// Somebody presses its button.
    pub fn ring(&self) {
        self.tell(Command::Ring);
    }

    /// Something moves before it, or no longer does.
    pub fn set_motion(&self, moves: bool) {
        self.tell(Command::Motion(moves));
    }

    /// Switches it off, or on again; it remembers who it is paired with.
    pub fn set_power(&self, on: bool) {
        self.tell(Command::Power(on));
    }

    /// Has it send no media, or media again.
    pub fn set_mute(&self, mute: bool) {
        self.tell(Command::Mute(mute));
    }

    /// Has it send its newest RTP packet once more, and then with a number for which its tag is wrong.
    pub fn repeat(&self) {
        self.tell(Command::Repeat);
    }

    fn tell(&self, command: Command) {
        // it ends only with its rig
        let _ = self.commands.send(command);
    }

    /// How many controllers it is paired with.
    pub fn pairings(&self) -> usize {
        self.counters.pairings.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.counters.connections.load(Ordering::SeqCst)
    }

    /// Streams that it sends.
    pub fn streams(&self) -> usize {
        self.counters.streams.load(Ordering::SeqCst)
    }

    /// Streams that were started, and those that were ended by a controller's word.
    pub fn started_and_ended(&self) -> (u64, u64) {
        (self.counters.started.load(Ordering::SeqCst), self.counters.ended.load(Ordering::SeqCst))
    }

    /// Receiver reports, and requests for key frames, that came and were authentic.
    pub fn reports_and_picture_losses(&self) -> (u64, u64) {
        (self.counters.reports.load(Ordering::SeqCst), self.counters.picture_losses.load(Ordering::SeqCst))
    }

    /// Packets that it sent.
    pub fn sent(&self) -> u64 {
        self.counters.sent.load(Ordering::SeqCst)
    }

    /// How often it did so.
    pub fn repeated(&self) -> u64 {
        self.counters.repeated.load(Ordering::SeqCst)
    }

    /// The newest of the RTP packets that it sent, as whoever listens in has it. Empty: there was none.
    pub fn newest_packet(&self) -> Vec<u8> {
        self.counters.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether its loudspeaker is muted.
    pub fn is_muted(&self) -> bool {
        self.counters.muted.load(Ordering::SeqCst)
    }

    /// What came to its loudspeaker.
    pub fn heard(&self) -> Heard {
        self.counters.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until this is so; false if it is not in time.
    pub fn wait_until(&self, is_so: impl Fn(&Self) -> bool, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while !is_so(self) {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

/// The time of one camera, from its start.
fn moment(since: Instant) -> Moment {
    Moment::ZERO + since.elapsed()
}
