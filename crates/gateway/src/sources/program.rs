//! Running a program as a source, whatever URL asked for it: from its start until nothing of it is left.
//!
//! Owns the child while the attempt lasts. When the attempt is told to end, so is the child, and the answer waits for that;
//! when nobody waits any more (the deadline of the hub), the child is killed.
mod pipe;
mod push;

use crate::config::GatewayConfig;
use crate::net::child::{Child, ChildEnd, Children, SpawnError, Spec, Why};
use crate::net::rendezvous::{Push, Rendezvous};
use crate::sources::ffmpeg::Engines;
use hub::{PeerInfo, SourceError, SourceTask, Stop, What, Worker};
use std::sync::Arc;
use std::time::Duration;

/// A program whose output has ended has this long to end by itself, so that its code says why: 1 s.
const SETTLE_MAX: Duration = Duration::from_secs(1);

/// What programs need to be run: the children's thread, a place for those that push, and which hardware there is.
#[derive(Clone, Debug)]
pub struct Programs {
    /// Starts and ends them.
    pub children: Children,
    /// Where they push to.
    pub rendezvous: Rendezvous,
    /// What codes pictures.
    pub engines: Engines,
}

impl Programs {
    /// For this configuration. Nothing is started yet.
    pub fn new(config: &GatewayConfig) -> Self {
        let access = &config.rtsp.access;
        let rendezvous = Rendezvous::new(access.credentials.clone().filter(|_| access.local_auth));
        let children = Children::new(config.children.clone());
        let engines = Engines::new(config.ffmpeg.clone(), children.clone());
        Self { children, rendezvous, engines }
    }
}

/// How a program gives its media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Output {
    /// On its stdout.
    Stdout,
    /// It pushes to the place that stands for this mark in its arguments.
    Push { mark: &'static str, push: Push },
}

/// A program to run as a source.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) spec: Spec,
    pub(crate) output: Output,
}

impl Program {
    /// Who it is in reports.
    pub(crate) fn peer(&self) -> PeerInfo {
        let transport = match self.output {
            Output::Stdout => "pipe",
            Output::Push { push: Push::Rtsp, .. } => "rtsp",
            Output::Push { push: Push::Rtmp, .. } => "rtmp",
        };
        let remote = self.spec.program.to_string_lossy().into_owned();
        PeerInfo { protocol: self.spec.name, transport, remote, ..PeerInfo::default() }
    }
}

/// How the output came to its end.
enum Over {
    /// We want no more: we were told so, or the stream takes no more.
    Told,
    /// The program gives no more.
    ByItself {
        /// Something had come.
        came: bool,
    },
    /// What it gives is of no use.
    Failed(SourceError),
}

/// Runs a program until it ends, fails, or is told to stop.
pub(crate) async fn run(programs: &Programs, program: Program, task: SourceTask) -> Result<(), SourceError> {
    let Program { mut spec, output } = program;
    spec.stream = Some(task.stream.clone());
    match output {
        Output::Stdout => pipe::run(programs, spec, task).await,
        Output::Push { mark, push } => push::run(programs, spec, mark, push, task).await,
    }
}

/// Starts a program; what cannot be started says whose fault that is.
pub(crate) async fn start(programs: &Programs, spec: Spec, worker: &Worker) -> Result<Child, SourceError> {
    let stream = spec.stream.clone();
    let started = programs.children.spawn(spec).await;
    started.map_err(|error| {
        let message = error.to_string();
        match error {
            SpawnError::Missing(_) | SpawnError::NotExecutable(_) => SourceError::config(message),
            SpawnError::TooMany(_) => {
                worker.emit(What::LimitReached { stream, limit: message.clone() });
                SourceError::ours(message)
            }
            SpawnError::System { .. } | SpawnError::Shutdown => SourceError::ours(message),
        }
    })
}

/// Ends the child, if it has not ended, and says what the attempt came to.
async fn end(mut child: Child, over: Over, stop: &Stop) -> Result<(), SourceError> {
    let began = hub::now();
    if let Over::ByItself { .. } = over {
        // Its own code says more than what we do to it.
        let _ = tokio::time::timeout(SETTLE_MAX, child.ended()).await;
    }
    child.stop();
    let end = child.ended().await;
    if stop.is_wanted() {
        stop.step(format!("end {}", end.program), end.to_string(), hub::now().since(began));
    }
    outcome(over, &end)
}

fn outcome(over: Over, end: &Arc<ChildEnd>) -> Result<(), SourceError> {
    let error = match over {
        Over::Told => return Ok(()),
        Over::ByItself { came: true } if end.is_orderly() => return Ok(()),
        Over::ByItself { .. } if end.why == Some(Why::Stopped) => {
            SourceError::peer(format!("{} gave no more and did not end: it was made to", end.program))
        }
        Over::ByItself { came: false } if end.why.is_none() => {
            SourceError::peer(format!("nothing came: {end}"))
        }
        Over::ByItself { .. } => SourceError::peer(end.to_string()),
        Over::Failed(error) => {
            let message = match end.last_lines.last() {
                Some(said) => format!("{}; it said: {said}", error.message),
                None => error.message,
            };
            return Err(SourceError { message, ..error });
        }
    };
    Err(if end.is_killed() { error.killed() } else { error })
}
