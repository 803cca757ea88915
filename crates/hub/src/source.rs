//! Sources: we dial and media comes in. The hub supervises; a connector does the dialling.
use crate::publisher::Publisher;
use crate::report::PeerInfo;
use crate::worker::Worker;
use futures_util::future::LocalBoxFuture;
use media::{Codec, Fault, Kind, StreamName};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::watch;

/// A source to run: one attempt.
pub struct SourceTask {
    /// The stream it feeds.
    pub stream: StreamName,
    /// The URL as configured, with credentials and `#` options.
    pub url: String,
    /// Where its tracks and units go.
    pub publisher: Publisher,
    /// The worker it runs on, which is the stream's.
    pub worker: Worker,
    /// Turns when the source is to end in order (TEARDOWN, its answer or a deadline).
    pub stop: Stop,
    /// Play it to its end and no further: what has an end and would begin again, such as a file, ends in order.
    pub once: bool,
}

/// What the end of something played is called, in [`EndReport::what`](crate::EndReport).
pub(crate) const PLAY: &str = "play";

/// Most steps of one end that are kept: 16; the longest known, an intercom's, has five.
const STEPS_MAX: usize = 16;

/// One step of an end, as whoever asked for it is told: `TEARDOWN`, `answered 200`, 12 ms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What was done.
    pub what: String,
    /// What came of it.
    pub outcome: String,
    /// How long it took.
    pub took: Duration,
}

/// Says when to end in order, and takes down how the end went.
#[derive(Clone)]
pub struct Stop {
    word: watch::Receiver<bool>,
    steps: Rc<RefCell<Vec<Step>>>,
}

impl Stop {
    /// The word that an owner gives, what it gives it to, and where the steps will be.
    pub(crate) fn new() -> (watch::Sender<bool>, Stop, Rc<RefCell<Vec<Step>>>) {
        let (word, heard) = watch::channel(false);
        let steps = Rc::new(RefCell::new(Vec::new()));
        (word, Stop { word: heard, steps: steps.clone() }, steps)
    }

    /// Waits for the word. Cancel-safe.
    pub async fn wanted(&mut self) {
        // An error means that the owner is gone, which is the same word.
        let _ = self.word.wait_for(|stop| *stop).await;
    }

    /// True once the word was given.
    pub fn is_wanted(&self) -> bool {
        *self.word.borrow() || self.word.has_changed().is_err()
    }

    /// Takes down a step of the end, for whoever asked for it: no credentials.
    pub fn step(&self, what: impl Into<String>, outcome: impl Into<String>, took: Duration) {
        let mut steps = self.steps.borrow_mut();
        if steps.len() < STEPS_MAX {
            steps.push(Step { what: what.into(), outcome: outcome.into(), took });
        }
    }
}

/// Why an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// One lower-case sentence with the values in it: where, what, and what helps. No credentials.
    pub message: String,
    /// Whose fault.
    pub fault: Fault,
    /// Whether another try can help.
    pub retry: bool,
    /// A child process was killed by a signal, its own fault or ours: an alert of its own.
    pub child_killed: bool,
}

impl SourceError {
    /// An error of this fault.
    pub fn new(message: impl Into<String>, fault: Fault, retry: bool) -> Self {
        Self { message: message.into(), fault, retry, child_killed: false }
    }

    /// The peer's fault; another try may help.
    pub fn peer(message: impl Into<String>) -> Self {
        Self::new(message, Fault::Peer, true)
    }

    /// The configuration's fault; only a change of it helps.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(message, Fault::Config, false)
    }

    /// The same, of a child process that a signal killed.
    pub fn killed(self) -> Self {
        Self { child_killed: true, ..self }
    }

    /// Our fault; another try may help.
    pub fn ours(message: impl Into<String>) -> Self {
        Self::new(message, Fault::Us, true)
    }
}

/// Knows how to run sources of some URL schemes.
pub trait Connect: Send + Sync {
    /// The schemes, such as `rtsp`; without `:`.
    fn schemes(&self) -> &[&'static str];

    /// Says what is wrong with a URL, without touching the network.
    fn check(&self, url: &str) -> Result<(), SourceError>;

    /// Who the source will be in reports, from its URL alone.
    fn peer(&self, url: &str) -> PeerInfo;

    /// What the source will send, as far as its URL alone tells: kinds, and codecs where they are certain. `None`:
    /// nobody knows before it has been seen. A source that cannot give what is wanted is not started.
    fn offers(&self, _url: &str) -> Option<Vec<(Kind, Option<Codec>)>> {
        None
    }

    /// True for what repeats itself by nature, as a file does: such a picture may stand still, and keeps our time.
    fn repeats(&self, _url: &str) -> bool {
        false
    }

    /// True for what somebody may pause, or play without its sound: that it is silent is no trouble, for however long.
    fn pauses(&self, _url: &str) -> bool {
        false
    }

    /// One attempt: runs until the source ends (`Ok` for an orderly end), fails, or is told to stop.
    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>>;
}
