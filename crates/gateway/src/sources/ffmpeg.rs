//! ffmpeg as a source: `ffmpeg:INPUT#video=h264#audio=opus`, in words instead of an argument vector.
//!
//! Source: go2rtc's README, "FFmpeg". The input is a file, a URL, or the name of one of our streams; what comes out is
//! pushed back by RTSP (see [`super::program`]). Templates for inputs and codecs can be overridden in the configuration.
mod device;
mod engines;
mod template;
mod wanted;

pub use engines::{Engines, Tried, TriedEngine};
pub use template::FfmpegConfig;

use super::program::{Output, Program, Programs, run};
use crate::net::child::Spec;
use crate::net::rendezvous::Push;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Connect, PeerInfo, SourceError, SourceTask};
use media::{Codec, Kind};
use std::time::Duration;
use wanted::Wanted;

/// What stands for the place that ffmpeg pushes to.
const OUTPUT: &str = "{output}";

/// Runs ffmpeg.
#[derive(Clone, Debug)]
pub struct FfmpegSources {
    config: FfmpegConfig,
    start_max: Duration,
    grace: Duration,
    programs: Programs,
}

impl FfmpegSources {
    /// With these templates; a child may take `start_max` until it pushes, and `grace` to end.
    pub fn new(config: FfmpegConfig, start_max: Duration, grace: Duration, programs: Programs) -> Self {
        Self { config, start_max, grace, programs }
    }

    /// The program for an attempt: only now is it known where we listen ourselves.
    fn program(&self, wanted: &Wanted, stream: &str) -> Result<Program, SourceError> {
        let input = match wanted.stream_path(stream) {
            Some(path) => {
                let url = self.programs.rendezvous.url(Push::Rtsp, &path);
                Some(url.map_err(|error| SourceError::config(error.to_string()))?)
            }
            None => None,
        };
        let arguments = self.config.arguments(wanted, input.as_deref())?;
        let mut spec = Spec::new("ffmpeg", self.config.bin.clone(), arguments);
        spec.start = Some(self.start_max);
        spec.grace = self.grace;
        Ok(Program { spec, output: Output::Push { mark: OUTPUT, push: Push::Rtsp } })
    }
}

impl Connect for FfmpegSources {
    fn schemes(&self) -> &[&'static str] {
        &["ffmpeg"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        let wanted = Wanted::parse(url)?;
        let input = wanted.stream_path("").map(|path| format!("rtsp://127.0.0.1:8554/{path}"));
        self.config.arguments(&wanted, input.as_deref()).map(|_| ())
    }

    fn peer(&self, _url: &str) -> PeerInfo {
        PeerInfo {
            protocol: "ffmpeg",
            transport: "rtsp",
            remote: self.config.bin.clone(),
            ..PeerInfo::default()
        }
    }

    fn offers(&self, url: &str) -> Option<Vec<(Kind, Option<Codec>)>> {
        Wanted::parse(url).ok()?.offers()
    }

    fn run(&self, mut task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let sources = self.clone();
        async move {
            let mut wanted = Wanted::parse(&task.url)?;
            if let Some(codec) = wanted.codec_to_try() {
                // A try may take seconds: who is told to end does not wait for it.
                wanted.hardware = tokio::select! {
                    engine = sources.programs.engines.find(codec) => engine?.map(str::to_owned),
                    () = task.stop.wanted() => return Ok(()),
                };
                if wanted.hardware.is_none() {
                    tracing::info!(stream = %task.stream, codec, "no engine of this machine works: software codes");
                }
            }
            let program = sources.program(&wanted, task.stream.as_str())?;
            run(&sources.programs, program, task).await
        }
        .boxed_local()
    }
}
