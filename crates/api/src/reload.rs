//! The configuration, read again while the server runs: how the API asks for it, and what it is told of it. Reading
//! files is the server's work; here are the words between the two.
use crate::catalogue::StreamChanges;
use media::WallTime;
use tokio::sync::{mpsc, oneshot};

/// Asks for the configuration to be read again, and takes what came of it.
pub type AskReload = mpsc::Sender<oneshot::Sender<Reload>>;

/// What came of reading the configuration again.
#[derive(Debug)]
pub enum Reload {
    /// It is in force, but for what needs a restart.
    Done {
        /// What was done to the streams.
        streams: StreamChanges,
        /// Settings that differ from those in force, such as `api.listen`.
        needs_restart: Vec<String>,
    },
    /// It is wrong, and nothing changed.
    Refused(Vec<ConfigProblem>),
    /// The server runs without a file.
    NoFile,
}

/// Something wrong in the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigProblem {
    /// File, line and column, where it is in one place.
    pub place: Option<(String, u64, u64)>,
    /// What is wrong. It may quote values.
    pub message: String,
}

/// How the configuration is.
#[derive(Clone, Debug, Default)]
pub struct ConfigState {
    /// The files, in the order in which they are read.
    pub files: Vec<String>,
    /// The settings in force as YAML, with secrets hidden.
    pub shown: String,
    /// When what is in force was read.
    pub read: WallTime,
    /// Settings of the files that differ from those in force until a restart.
    pub needs_restart: Vec<String>,
    /// The last try to read them again, if that failed.
    pub refused: Option<(WallTime, Vec<ConfigProblem>)>,
}
