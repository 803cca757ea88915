//! Where the stories play: on an idle machine, a busy one, or as PID 1; and how often.
use super::BINARY;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use testkit::process::{Place, Server};

/// How the server runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// As a process among others.
    Plain,
    /// With every core busy otherwise.
    Busy,
    /// As PID 1 of a namespace: nobody else reaps.
    Pid1,
}

impl Stage {
    pub(super) fn server(self, place: &Place, settings: Value) -> Server {
        match self {
            Stage::Plain | Stage::Busy => Server::start(BINARY, place, settings),
            Stage::Pid1 => Server::start_as_pid_1(BINARY, place, settings),
        }
    }

    /// Keeps the cores busy as long as it is held.
    pub(super) fn pressure(self) -> Option<Pressure> {
        (self == Stage::Busy).then(Pressure::start)
    }
}

/// The first number with `AQUEDUCT_LONG`, else the second: how much of a story is told where time is short.
pub(super) fn long_or_short(long: u64, short: u64) -> u64 {
    if std::env::var_os("AQUEDUCT_LONG").is_some() { long } else { short }
}

/// Many stories at once, or one that needs the machine for itself.
static TURN: RwLock<()> = RwLock::new(());

/// Tells a story on this stage: once, or 20 times with `AQUEDUCT_LONG`. Beside others, since they mostly wait; but nobody
/// else measures time on a busy machine.
pub(super) fn tell(stage: Stage, story: impl Fn(Stage)) {
    if stage == Stage::Busy {
        return tell_alone(stage, story);
    }
    let _turn = TURN.read().unwrap_or_else(PoisonError::into_inner);
    repeat(stage, story);
}

/// The same with nothing beside it.
pub(super) fn tell_alone(stage: Stage, story: impl Fn(Stage)) {
    let _turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
    repeat(stage, story);
}

/// The same once: for stories that take as long as they are told to.
pub(super) fn tell_once_alone(stage: Stage, story: impl Fn(Stage)) {
    let _turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
    story(stage);
}

fn repeat(stage: Stage, story: impl Fn(Stage)) {
    let times = long_or_short(20, 1);
    for time in 1..=times {
        let _pressure = stage.pressure();
        story(stage);
        println!("{stage:?}: told {time} of {times}");
    }
}

/// Threads that compute, one a core.
pub(super) struct Pressure {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Pressure {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let count = std::thread::available_parallelism().map_or(2, usize::from);
        let spin = || {
            let stop = stop.clone();
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::black_box(
                        (0..10_000_u64).fold(0, |sum, number| sum ^ number.wrapping_mul(31)),
                    );
                }
            })
        };
        let threads = (0..count).map(|_| spin()).collect();
        Self { stop, threads }
    }
}

impl Drop for Pressure {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
