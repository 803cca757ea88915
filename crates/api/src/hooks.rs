//! Webhooks: events to whoever is to know of them, by HTTP, signed, in order, tried again, and never lost in silence.
//!
//! Source: Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks); docs/alerts.md. Hooks come from the
//! configuration file only, never from the API: whoever may change streams could else have this machine call others.
//! Each hook is a task of its own: one whose receiver hangs delays no other, and nothing but its own queue.
mod courier;
mod dead;
mod outbox;
mod pattern;
mod post;
mod report;
mod signer;

pub(crate) use report::{HookReport, HookState};

use crate::compat::zlmediakit::RecordHook;
use crate::time;
use dead::DeadLetters;
use hub::{Hub, Secret};
use pattern::Patterns;
use post::Target;
use signer::Signer;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long dead letters may take to reach the disk at the end: 300 ms, much for some lines.
const FLUSH_MAX: Duration = Duration::from_millis(300);

/// What a hook's receiver is told of an event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum HookBody {
    /// The event, as docs/alerts.md has it.
    #[default]
    Event,
    /// What ZLMediaKit tells of files that were closed, and nothing else.
    Zlmediakit(RecordHook),
}

/// One hook.
#[derive(Clone, Debug)]
pub struct HookConfig {
    /// `https://HOST/PATH`. A secret, since many receivers know their senders by the path.
    pub url: Secret,
    /// `whsec_` and a key in base64; several, with spaces between, while one takes over from another. Empty: no signature.
    pub secret: Secret,
    /// Which events: `alert.*`, `stream.state`, `*`.
    pub events: Vec<String>,
    /// Longest wait for an answer, from the first step.
    pub timeout: Duration,
    /// Further header fields.
    pub headers: Vec<(String, Secret)>,
    /// What the receiver is told.
    pub body: HookBody,
}

/// All hooks.
#[derive(Clone, Debug, Default)]
pub struct HooksConfig {
    /// The hooks.
    pub targets: Vec<HookConfig>,
    /// Where undeliverable events go, a JSON object a line. `None`: into the log.
    pub dead_letter: Option<PathBuf>,
    /// Largest such file; then it is put aside as `….1`, in place of the one that was.
    pub dead_letter_bytes_max: u64,
}

/// What is wrong with a hook. The configuration's fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct HookError {
    /// The key: `url`, `secret`, `events` or `headers`.
    pub key: &'static str,
    /// What is wrong with its value, without the value.
    pub message: String,
}

impl HookConfig {
    /// Says what is wrong, without touching the network.
    pub fn check(&self) -> Result<(), HookError> {
        Ready::new(self).map(|_| ())
    }
}

/// A hook as it is used.
struct Ready {
    target: Target,
    signers: Vec<Signer>,
    patterns: Patterns,
    timeout: Duration,
    body: HookBody,
}

impl Ready {
    fn new(config: &HookConfig) -> Result<Self, HookError> {
        let wrong = |key: &'static str| move |message: String| HookError { key, message };
        let target = Target::new(config.url.expose(), &config.headers)?;
        let secrets = config.secret.expose().split_whitespace();
        let signers = secrets.map(Signer::new).collect::<Result<_, _>>().map_err(wrong("secret"))?;
        let patterns = Patterns::new(&config.events).map_err(wrong("events"))?;
        Ok(Self { target, signers, patterns, timeout: config.timeout, body: config.body.clone() })
    }
}

/// The running hooks.
pub struct Hooks {
    reports: HookReports,
    end: watch::Sender<Option<Duration>>,
    couriers: Vec<JoinHandle<()>>,
    dead_letters: JoinHandle<()>,
}

/// Says how the hooks are doing.
#[derive(Clone, Default)]
pub struct HookReports {
    hooks: Arc<[watch::Receiver<HookReport>]>,
    dead: Arc<dead::Counts>,
}

impl Hooks {
    /// Starts the hooks on this thread: events from now on are theirs.
    pub fn start(hub: &Hub, config: &HooksConfig) -> Result<Hooks, HookError> {
        let ready = config.targets.iter().map(Ready::new).collect::<Result<Vec<_>, _>>()?;
        let (dead, dead_letters) =
            DeadLetters::start(config.dead_letter.clone(), config.dead_letter_bytes_max);
        let (end, ending) = watch::channel(None);
        // Event numbers begin anew with each process; ids of events must not.
        let run: u64 = rand::random();
        let mut couriers = Vec::new();
        let mut hooks = Vec::new();
        for ready in ready {
            let (tell, report) = watch::channel(HookReport::new(&ready));
            hooks.push(report);
            let courier = courier::run(ready, run, hub.events(), dead.clone(), tell, ending.clone());
            couriers.push(tokio::spawn(courier));
        }
        let reports = HookReports { hooks: hooks.into(), dead: dead.counts() };
        Ok(Hooks { reports, end, couriers, dead_letters })
    }

    /// Says how they are doing.
    pub fn reports(&self) -> HookReports {
        self.reports.clone()
    }

    /// Gives what waits a last chance, at most `within`; the rest is dead letters.
    pub async fn end(self, within: Duration) {
        self.end.send_replace(Some(within));
        for courier in self.couriers {
            // They keep to the time themselves; one that failed has nothing left to say.
            let _ = courier.await;
        }
        // Disks may hang; the process must not.
        let _ = tokio::time::timeout(FLUSH_MAX, self.dead_letters).await;
    }
}

impl HookReports {
    pub(crate) fn hooks(&self) -> Vec<HookReport> {
        self.hooks.iter().map(|report| report.borrow().clone()).collect()
    }

    /// Dead letters written, and lost since even that failed.
    pub(crate) fn dead_letters(&self) -> (u64, u64) {
        self.dead.get()
    }
}

/// An event's id: the same for all hooks and tries, another for each event of each run.
fn event_id(run: u64, number: u64) -> String {
    format!("evt_{run:016x}_{number}")
}

impl HookBody {
    /// The body for an event; `None` for those that the receiver is not told.
    fn of(&self, event: &hub::Event, id: &str) -> Option<bytes::Bytes> {
        match self {
            HookBody::Event => {
                let mut all = crate::v1::events::describe(event);
                if let serde_json::Value::Object(all) = &mut all {
                    all.insert("id".into(), id.into());
                }
                Some(all.to_string().into())
            }
            HookBody::Zlmediakit(hook) => hook.body(event),
        }
    }
}
