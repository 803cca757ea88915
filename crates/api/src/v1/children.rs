//! `GET /api/v1/children`: the programs that run for sources, and what they use.
use crate::answer;
use crate::shared::Shared;
use crate::time;
use axum::extract::State;
use axum::response::Response;
use futures_util::future::BoxFuture;
use media::{StreamName, WallTime};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// Asks for the children that run. The API does not see who runs them: the server tells it.
pub type AskChildren = Arc<dyn Fn() -> BoxFuture<'static, Vec<ChildFacts>> + Send + Sync>;

/// A running child process.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildFacts {
    /// Its process id.
    pub pid: i32,
    /// What it is: `exec`, `ffmpeg`.
    pub name: &'static str,
    /// The stream it works for.
    pub stream: Option<StreamName>,
    /// The command as it was started, without credentials.
    pub command: Vec<String>,
    /// When it was started.
    pub since: WallTime,
    /// Where it stands: `starting`, `running`, `terminating`…
    pub state: &'static str,
    /// What its process group uses, where the system tells.
    pub usage: Option<UsageFacts>,
}

/// What a child's process group uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsageFacts {
    /// Time on the processors.
    pub cpu: Duration,
    /// Memory in bytes.
    pub rss_bytes: u64,
    /// How many processes it is.
    pub processes: u32,
}

/// The programs that run.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChildList {
    children: Vec<Child>,
}

/// A program that runs for a source.
#[derive(Serialize, ToSchema)]
pub(crate) struct Child {
    /// Its process id, which is its group's number too.
    pid: i32,
    /// What it is: `exec`, `ffmpeg`.
    name: &'static str,
    /// The stream it works for.
    stream: Option<String>,
    /// The command as it was started, with `***` for credentials.
    command: Vec<String>,
    /// When it was started.
    since: String,
    /// `starting`, `running`, `closing_stdin`, `terminating`, `killing`, `stuck` or `clearing`.
    state: &'static str,
    /// Time that its processes have spent on processors since its start.
    cpu_ms: Option<u64>,
    /// Memory of its processes; what two of them share counts twice.
    rss_bytes: Option<u64>,
    /// How many processes it is.
    processes: Option<u32>,
}

impl From<ChildFacts> for Child {
    fn from(facts: ChildFacts) -> Self {
        let usage = facts.usage;
        Self {
            pid: facts.pid,
            name: facts.name,
            stream: facts.stream.map(|stream| stream.to_string()),
            command: facts.command,
            since: time::rfc3339(facts.since),
            state: facts.state,
            cpu_ms: usage.map(|usage| u64::try_from(usage.cpu.as_millis()).unwrap_or(u64::MAX)),
            rss_bytes: usage.map(|usage| usage.rss_bytes),
            processes: usage.map(|usage| usage.processes),
        }
    }
}

/// The programs that run, in the order they were started.
#[utoipa::path(get, path = "/api/v1/children", responses((status = 200, body = ChildList)))]
pub(crate) async fn get(State(shared): State<Arc<Shared>>) -> Response {
    let children = (shared.children)().await.into_iter().map(Child::from).collect();
    answer::json(&ChildList { children })
}
