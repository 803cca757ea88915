//! Programs as sources: `exec:PROGRAM ARGUMENTS`, whose stdout is read, or which pushes to `{output}`.
//!
//! Only programs that the configuration file names may run; see [`ExecConfig`]. A program is an argument vector, never a
//! shell's line.
pub(crate) mod quote;
mod wanted;

pub use wanted::ExecConfig;

use super::program::{Programs, run};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Connect, PeerInfo, SourceError, SourceTask};

/// Runs programs.
#[derive(Clone, Debug)]
pub struct ExecSources {
    config: ExecConfig,
    programs: Programs,
}

impl ExecSources {
    /// For the programs of this configuration.
    pub fn new(config: ExecConfig, programs: Programs) -> Self {
        Self { config, programs }
    }
}

impl Connect for ExecSources {
    fn schemes(&self) -> &[&'static str] {
        &["exec"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        wanted::parse(url, &self.config).map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let Ok(program) = wanted::parse(url, &self.config) else {
            return PeerInfo { protocol: "exec", ..PeerInfo::default() };
        };
        program.peer()
    }

    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let program = wanted::parse(&task.url, &self.config);
        let programs = self.programs.clone();
        async move { run(&programs, program?, task).await }.boxed_local()
    }
}
