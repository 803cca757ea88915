//! Programs as sources: `exec:PROGRAM ARGUMENTS`, whose stdout is read, or which pushes to `{output}`.
//!
//! Only programs that the configuration file names may run; see [`ExecConfig`]. A program is an argument vector, never a
//! shell's line. One that is talked to, `#backchannel=1`, is an output ([`crate::outputs::ExecOutputs`]) and no source.
pub(crate) mod quote;
mod talk;
mod wanted;

pub(crate) use talk::Raw;
pub use wanted::ExecConfig;
pub(crate) use wanted::{Wanted, is_talked_to, parse};

use super::program::{Program, Programs, run};
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

    fn program(&self, url: &str) -> Result<Program, SourceError> {
        match parse(url, &self.config)? {
            Wanted::Source(program) => Ok(program),
            Wanted::Talk(..) => Err(SourceError::config(
                "exec: with #backchannel=1 a program gets what is said and gives nothing: it is no source",
            )),
        }
    }
}

impl Connect for ExecSources {
    fn schemes(&self) -> &[&'static str] {
        &["exec"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        self.program(url).map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let Ok(program) = self.program(url) else {
            return PeerInfo { protocol: "exec", ..PeerInfo::default() };
        };
        program.peer()
    }

    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let program = self.program(&task.url);
        let programs = self.programs.clone();
        async move { run(&programs, program?, task).await }.boxed_local()
    }
}
