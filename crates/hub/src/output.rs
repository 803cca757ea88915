//! Outputs: we dial and media goes out, as to a camera's loudspeaker. The hub supervises; a deliverer does the dialling.
//!
//! An output runs while units come into its stream, and for a while after: a device hangs up by itself when no audio
//! comes, so the call is closed in order before that, and opened again with the next unit.
use crate::report::PeerInfo;
use crate::source::{SourceError, Stop};
use crate::worker::Worker;
use futures_util::future::LocalBoxFuture;
use media::StreamName;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// An output to run: one attempt.
pub struct OutputTask {
    /// The stream it takes its media from; open it on `worker`.
    pub stream: StreamName,
    /// The URL as configured, with credentials and `#` options.
    pub url: String,
    /// The worker it runs on, which is the stream's.
    pub worker: Worker,
    /// Turns when the output is to end in order (hanging up, its answer or a deadline).
    pub stop: Stop,
    /// Tells the owner how it goes.
    pub progress: Progress,
}

/// Where an output says how it goes. Cheap: the owner looks when somebody asks.
#[derive(Clone, Default)]
pub struct Progress(pub(crate) Rc<ProgressInner>);

#[derive(Default)]
pub(crate) struct ProgressInner {
    pub(crate) opened: RefCell<Option<String>>,
    pub(crate) frames: Cell<u64>,
    pub(crate) bytes: Cell<u64>,
    pub(crate) level_dbfs: Cell<Option<f32>>,
}

impl Progress {
    /// The device takes media now; `what` names codec and rate, such as `PCMU/8000`.
    pub fn opened(&self, what: impl Into<String>) {
        *self.0.opened.borrow_mut() = Some(what.into());
    }

    /// One frame went out.
    pub fn sent(&self, bytes: usize) {
        self.0.frames.set(self.0.frames.get() + 1);
        self.0.bytes.set(self.0.bytes.get() + bytes as u64);
    }

    /// How loud what goes out is just now, in dBFS.
    pub fn level(&self, dbfs: f32) {
        self.0.level_dbfs.set(Some(dbfs));
    }
}

/// Knows how to deliver to some URL schemes.
pub trait Deliver: Send + Sync {
    /// True when it can deliver to this URL, as far as scheme and options tell.
    fn takes(&self, url: &str) -> bool;

    /// Says what is wrong with a URL, without touching the network.
    fn check(&self, url: &str) -> Result<(), SourceError>;

    /// Who the device will be in reports, from its URL alone.
    fn peer(&self, url: &str) -> PeerInfo;

    /// One attempt: runs until the device ends it (`Ok` for an orderly end), it fails, or is told to stop.
    fn run(&self, task: OutputTask) -> LocalBoxFuture<'static, Result<(), SourceError>>;
}
