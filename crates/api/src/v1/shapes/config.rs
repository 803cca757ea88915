//! The configuration: its state, and what reading it again came to.
use super::Removed;
use crate::catalogue::StreamChanges;
use crate::reload::{ConfigProblem, ConfigState};
use crate::time;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What reading the configuration again did.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reloaded {
    /// Streams that were not there.
    added: Vec<String>,
    /// Streams that were otherwise.
    changed: Vec<String>,
    /// Streams that left the files, with what `DELETE` says of them.
    removed: BTreeMap<String, Removed>,
    /// Streams of the files that nothing was done to.
    unchanged: usize,
    /// Settings that differ from those in force until a restart, such as `api.listen`.
    needs_restart: Vec<String>,
    /// What whoever reads the files would not expect: what has no effect, or was changed by the API.
    notes: Vec<String>,
}

/// How the configuration is.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConfigInfo {
    /// The files, in the order in which they are read. None: the server runs without.
    files: Vec<String>,
    /// When what is in force was read, RFC 3339.
    read: String,
    /// Settings of the files that differ from those in force until a restart, such as `api.listen`.
    needs_restart: Vec<String>,
    /// The last try to read them again, if that failed.
    refused: Option<RefusedAt>,
}

/// A configuration that was refused.
#[derive(Serialize, ToSchema)]
pub(crate) struct RefusedAt {
    /// When, RFC 3339.
    time: String,
    /// What is wrong with it.
    problems: Vec<Problem>,
}

/// Why the configuration is refused.
#[derive(Serialize, ToSchema)]
pub(crate) struct RefusedConfig {
    /// Everything that is wrong, in the order of the files.
    problems: Vec<Problem>,
}

/// Something wrong in the configuration.
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The file, where it is in one.
    file: Option<String>,
    /// The line, from 1.
    line: Option<u64>,
    /// The column, from 1.
    column: Option<u64>,
    /// What is wrong.
    message: String,
}

impl Reloaded {
    pub(crate) fn new(streams: StreamChanges, needs_restart: Vec<String>) -> Self {
        let names = |names: Vec<media::StreamName>| names.iter().map(ToString::to_string).collect();
        let removed = streams.removed.into_iter();
        Self {
            added: names(streams.added),
            changed: names(streams.changed),
            removed: removed.map(|(name, removal)| (name.to_string(), Removed::new(removal))).collect(),
            unchanged: streams.unchanged,
            needs_restart,
            notes: streams.notes,
        }
    }
}

impl ConfigInfo {
    pub(crate) fn new(state: ConfigState) -> Self {
        let refused = |(at, problems)| RefusedAt { time: time::rfc3339(at), problems: said(problems) };
        Self {
            files: state.files,
            read: time::rfc3339(state.read),
            needs_restart: state.needs_restart,
            refused: state.refused.map(refused),
        }
    }
}

impl RefusedConfig {
    pub(crate) fn new(problems: Vec<ConfigProblem>) -> Self {
        Self { problems: said(problems) }
    }
}

fn said(problems: Vec<ConfigProblem>) -> Vec<Problem> {
    problems.into_iter().map(Problem::new).collect()
}

impl Problem {
    fn new(problem: ConfigProblem) -> Self {
        let (file, line, column) = match problem.place {
            Some((file, line, column)) => (Some(file), Some(line), Some(column)),
            None => (None, None, None),
        };
        Self { file, line, column, message: problem.message }
    }
}
