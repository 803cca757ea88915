//! A simulated RTSP camera on 127.0.0.1, with the faults that real ones have.
//!
//! Plays a clip for ever to whoever asks, over TCP and UDP. Runs on a thread of its own; the fault can be changed at
//! any time and takes effect on those who are connected too. Dropping it ends everything.
mod media_out;
mod session;
pub mod talk;
mod wrong;

pub use talk::ProfileTCamera;

use crate::net::LinkConfig;
use formats::replay::Clip;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

/// What is wrong with the camera. Numbers of frames are video frames of one connection.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Connections are refused: it is switched off.
    Refuse,
    /// Connections are accepted and closed at once.
    HangUp,
    /// Connections are accepted, and no request is ever answered.
    Mute,
    /// DESCRIBE is answered after this time.
    SlowDescribe(Duration),
    /// Every request but OPTIONS gets a 401 with a fresh challenge, whatever the credentials.
    UnauthorizedForEver,
    /// DESCRIBE gets a 302 to this URL.
    Redirect(String),
    /// DESCRIBE gets this status.
    Status(u16),
    /// After so many frames nothing more comes, and the connection stays open.
    Stall {
        /// Frames sent before.
        after: u64,
    },
    /// After so many frames no picture comes, only sound.
    StopVideo {
        /// Frames sent before.
        after: u64,
    },
    /// After so many frames the connection is closed in the middle of a packet.
    CloseMidFrame {
        /// Frames sent before.
        after: u64,
    },
    /// After so many frames the RTP times of all tracks jump by so many seconds.
    ClockJump {
        /// Frames sent before.
        after: u64,
        /// Seconds, also backwards.
        seconds: i64,
    },
    /// After so many frames the RTP times of all tracks begin at zero again.
    ClockReset {
        /// Frames sent before.
        after: u64,
    },
    /// After so many frames all tracks have another SSRC and other sequence numbers, as after a restart of the encoder.
    SsrcChange {
        /// Frames sent before.
        after: u64,
    },
    /// It says 25 frames a second and sends 21: the RTP times go faster than time.
    Slow {
        /// Frames that come in the time of [`of`](Self::Slow::of).
        come: u32,
        /// Frames that the times speak of.
        of: u32,
    },
    /// Media over UDP goes through a bad network.
    Lossy(LinkConfig),
}

impl Fault {
    /// Whether nothing of a track is sent after so many frames.
    fn silences(&self, video: bool, frames: u64) -> bool {
        match self {
            Fault::Stall { after } => frames > *after,
            Fault::StopVideo { after } => video && frames > *after,
            Fault::None
            | Fault::Refuse
            | Fault::HangUp
            | Fault::Mute
            | Fault::SlowDescribe(_)
            | Fault::UnauthorizedForEver
            | Fault::Redirect(_)
            | Fault::Status(_)
            | Fault::CloseMidFrame { .. }
            | Fault::ClockJump { .. }
            | Fault::ClockReset { .. }
            | Fault::SsrcChange { .. }
            | Fault::Slow { .. }
            | Fault::Lossy(_) => false,
        }
    }
}

/// A camera that runs.
#[derive(Debug)]
pub struct Camera {
    address: SocketAddr,
    credentials: Option<(String, String)>,
    fault: watch::Sender<Fault>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicUsize,
    open: AtomicUsize,
    teardowns: AtomicUsize,
}

/// What all connections share.
struct Shared {
    clip: Clip,
    credentials: Option<(String, String)>,
    fault: watch::Receiver<Fault>,
    counters: Arc<Counters>,
    /// It has a loudspeaker.
    loudspeaker: Option<Arc<talk::Loudspeaker>>,
}

impl Camera {
    /// Starts a camera that plays the clip, to anybody or to whoever has these credentials (digest).
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start(clip: Clip, credentials: Option<(&str, &str)>, fault: Fault) -> io::Result<Self> {
        Self::with(clip, credentials, fault, None)
    }

    fn with(
        clip: Clip,
        credentials: Option<(&str, &str)>,
        fault: Fault,
        loudspeaker: Option<Arc<talk::Loudspeaker>>,
    ) -> io::Result<Self> {
        let credentials = credentials.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, crate::process::free_port()))?;
        let address = listener.local_addr()?;
        let (sender, receiver) = watch::channel(fault);
        let counters = Arc::new(Counters::default());
        let shared = Shared {
            clip,
            credentials: credentials.clone(),
            fault: receiver,
            counters: counters.clone(),
            loudspeaker,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("camera".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, run(listener, Arc::new(shared)));
        })?;
        Ok(Self { address, credentials, fault: sender, counters, thread: Some(thread) })
    }

    /// Where it is, with its credentials.
    pub fn url(&self) -> String {
        match &self.credentials {
            Some((user, password)) => self.url_as(user, password),
            None => format!("rtsp://{}/cam", self.address),
        }
    }

    /// Where it is, with these credentials.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("rtsp://{user}:{password}@{}/cam", self.address)
    }

    /// Changes what is wrong.
    pub fn set_fault(&self, fault: Fault) {
        // It ends only with this object, so there is somebody to hear it.
        let _ = self.fault.send(fault);
    }

    /// Connections that were accepted, ever.
    pub fn accepted(&self) -> usize {
        self.counters.accepted.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.counters.open.load(Ordering::SeqCst)
    }

    /// Sessions that were ended in order, by a TEARDOWN.
    pub fn teardowns(&self) -> usize {
        self.counters.teardowns.load(Ordering::SeqCst)
    }

    /// Waits until so many connections are open; false if they are not in time.
    pub fn wait_for_open(&self, wanted: usize, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.open() != wanted {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        // Without its sender the channel is closed, which is what the thread ends for.
        self.fault = watch::channel(Fault::None).0;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
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

async fn run(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(address) = listener.local_addr() else { return };
    let Ok(listener) = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)) else {
        return;
    };
    let mut listener = Some(listener);
    let mut fault = shared.fault.clone();
    let mut connections = JoinSet::new();
    loop {
        if *fault.borrow_and_update() == Fault::Refuse {
            listener = None;
            connections.abort_all();
        } else if listener.is_none() {
            // The port may still be busy with connections that end.
            listener = TcpListener::bind(address).await.ok();
            if listener.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
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
                let Ok((stream, peer)) = accepted else { continue };
                let (shared, open) = (shared.clone(), Open::new(&shared.counters));
                connections.spawn_local(async move {
                    session::serve(stream, peer, &shared).await;
                    drop(open);
                });
            }
            Some(_) = connections.join_next() => {}
            changed = fault.changed() => if changed.is_err() { return },
        }
    }
}
