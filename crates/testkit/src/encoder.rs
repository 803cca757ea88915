//! Simulated encoders with the faults that real ones have: one that publishes over RTMP, and one that is pulled as
//! HTTP-FLV. Each runs on a thread of its own and ends when it is dropped.
mod pulled;
mod pushing;

use crate::runner::Runner;
use formats::replay::Clip;
use media::Kind;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What is wrong with an encoder. Numbers of frames are those of one connection, pictures and sounds together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It closes the connection.
    HangUp {
        /// Frames sent before.
        after: u64,
    },
    /// It sends nothing more, and the connection stays open.
    Stall {
        /// Frames sent before.
        after: u64,
    },
    /// It closes the connection in the middle of a frame.
    HalfATag {
        /// Frames sent before.
        after: u64,
    },
    /// It goes on with bytes that mean nothing.
    Garbage {
        /// Frames sent before.
        after: u64,
    },
    /// It closes the connection so long after the first frame.
    Dies(Duration),
    /// It sends pictures only. The pulled one does not speak of sound either.
    VideoOnly,
    /// Of the pulled one: connections are refused, and those that are open are cut.
    Refuse,
    /// Of the pulled one: connections are accepted and closed at once.
    CloseAtOnce,
    /// Of the pulled one: connections are accepted, and nothing is answered.
    Mute,
    /// Of the pulled one: the request gets this status.
    Status(u16),
    /// Of the pulled one: the answer comes after this time, as from a camera that wakes up.
    SlowStart(Duration),
    /// Of the pulled one: the header of FLV comes, and nothing behind it.
    HeaderOnly,
    /// Of the pulled one: it speaks of sound and sends none.
    LiesAboutSound,
}

/// Bytes that mean nothing: 4 KiB a frame.
const GARBAGE: [u8; 4096] = [0xa5; 4096];

/// What is to be done with the next frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deed {
    Send,
    Nothing,
    Half,
    Garbage,
    HangUp,
}

impl Fault {
    /// What is to be done with a frame after so many others, so long after the first.
    fn deed(self, frames: u64, since: Duration, kind: Kind) -> Deed {
        match self {
            Fault::Dies(after) if since >= after => Deed::HangUp,
            Fault::VideoOnly | Fault::LiesAboutSound if kind == Kind::Audio => Deed::Nothing,
            Fault::HeaderOnly => Deed::Nothing,
            Fault::Refuse => Deed::HangUp,
            Fault::HangUp { after } if frames >= after => Deed::HangUp,
            Fault::Stall { after } if frames >= after => Deed::Nothing,
            Fault::HalfATag { after } if frames >= after => Deed::Half,
            Fault::Garbage { after } if frames >= after => Deed::Garbage,
            Fault::None
            | Fault::HangUp { .. }
            | Fault::Stall { .. }
            | Fault::HalfATag { .. }
            | Fault::Garbage { .. }
            | Fault::Dies(_)
            | Fault::VideoOnly
            | Fault::CloseAtOnce
            | Fault::Mute
            | Fault::Status(_)
            | Fault::SlowStart(_)
            | Fault::LiesAboutSound => Deed::Send,
        }
    }
}

/// An encoder that publishes a clip over RTMP, once.
#[derive(Debug)]
pub struct RtmpEncoder {
    runner: Runner<Fault>,
    end: watch::Receiver<Option<String>>,
}

impl RtmpEncoder {
    /// Publishes to `rtmp://127.0.0.1:port/app/name`.
    ///
    /// # Errors
    /// When the URL is none of this machine's, or there is no thread.
    pub fn start(url: &str, clip: Clip, fault: Fault) -> io::Result<Self> {
        let target = crate::load::rtmp_target(url).map_err(io::Error::other)?;
        let (told, end) = watch::channel(None);
        let runner = Runner::start("encoder", fault, |fault| async move {
            let why = pushing::publish(target, &clip, fault).await;
            let _ = told.send(Some(why));
            // The thread stays for whoever asks.
            std::future::pending().await
        })?;
        Ok(Self { runner, end })
    }

    /// Changes what is wrong.
    pub fn set_fault(&self, fault: Fault) {
        self.runner.set_fault(fault);
    }

    /// Why it does not publish any more; `None` while it does.
    pub fn ended(&self) -> Option<String> {
        self.end.borrow().clone()
    }
}

/// An encoder that is pulled over HTTP-FLV. Each connection gets the clip from its beginning.
#[derive(Debug)]
pub struct FlvEncoder {
    runner: Runner<Fault>,
    address: SocketAddr,
    counters: Arc<Counters>,
}

/// Connections of a pulled encoder.
#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicUsize,
    open: AtomicUsize,
}

impl FlvEncoder {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start(clip: Clip, fault: Fault) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, crate::process::free_port()))?;
        let address = listener.local_addr()?;
        let counters = Arc::new(Counters::default());
        let count = counters.clone();
        let runner =
            Runner::start("encoder", fault, move |fault| pulled::serve(listener, clip, fault, count))?;
        Ok(Self { runner, address, counters })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/live.flv", self.address)
    }

    /// Changes what is wrong.
    pub fn set_fault(&self, fault: Fault) {
        self.runner.set_fault(fault);
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.counters.open.load(Ordering::SeqCst)
    }

    /// Connections that were accepted, ever.
    pub fn accepted(&self) -> usize {
        self.counters.accepted.load(Ordering::SeqCst)
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
