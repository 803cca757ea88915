//! AAC for devices that take nothing else: a child, ffmpeg, that gets PCM on its stdin and gives ADTS on its stdout.
//!
//! There is no AAC encoder in this process (`docs/decisions/0008`). Owns the child of one call, what waits for its stdin,
//! and the frame that its stdout is in the middle of. ffmpeg's encoder gives a frame when the one after the next has come in:
//! its first sample is three frames old then, 192 ms at 16 kHz. Nothing else here waits for anything.
use super::sound::{AAC_FRAME_SAMPLES, Aac};
use crate::net::child::{Child, ChildEnd, Spec, Why};
use crate::sources::exec::ExecConfig;
use crate::sources::ffmpeg::FfmpegConfig;
use crate::sources::program::{self, Programs};
use bytes::{Buf, Bytes, BytesMut};
use formats::bitstream::BitstreamError;
use formats::bitstream::aac::adts;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{SourceError, Stop, Worker};
use media::{Fault, Moment, StreamName};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

/// From its start to the first frame: 5 s. It takes 150 ms with sound coming in; the rest is for machines under load.
const START_MAX: Duration = Duration::from_secs(5);
/// From TERM to KILL: 300 ms. ffmpeg ends some milliseconds after its stdin; a call has 2 s to end as a whole.
const GRACE: Duration = Duration::from_millis(300);
/// When its output has ended, its own end, which says why, comes so soon: 1 s.
const SETTLE_MAX: Duration = Duration::from_secs(1);
/// From the word to end until nobody waits any longer: 1.5 s, its whole way down and a little more.
const END_MAX: Duration = Duration::from_millis(1_500);
/// Most PCM that waits for a child that takes none, behind the 64 KiB that the system's pipe holds: 64 KiB, together 4 s at
/// 16 kHz. It is stuck then.
const WAITING_BYTES_MAX: usize = 64 << 10;
/// One bite of its output: 16 KiB, more than two of the longest frames.
const READ_BYTES: usize = 16 << 10;
/// Nobody speaks: 300 ms without sound. What the encoder holds back then is pushed out by silence, so that the last word
/// is heard now and not before the next one. Sooner, a network that holds sound up for a moment would tear words apart.
const PAUSE: Duration = Duration::from_millis(300);
/// Frames behind the last one that the encoder wants before it gives that.
const FRAMES_HELD: usize = 2;

/// What starts encoders: the program, and whether it may run.
#[derive(Clone, Debug)]
pub(super) struct Encoders {
    programs: Programs,
    ffmpeg: FfmpegConfig,
    is_allowed: bool,
}

impl Encoders {
    pub(super) fn new(ffmpeg: FfmpegConfig, exec: &ExecConfig, programs: Programs) -> Self {
        let is_allowed = exec.allow_paths.contains(&ffmpeg.bin);
        Self { programs, ffmpeg, is_allowed }
    }

    /// Says why there is no encoder, without looking for the program.
    pub(super) fn check(&self) -> Result<(), SourceError> {
        if self.is_allowed {
            return Ok(());
        }
        let bin = &self.ffmpeg.bin;
        Err(without(&format!(
            "the program {bin:?} may not run: name it in the configuration file, `exec: {{allow_paths: [{bin}]}}`"
        )))
    }

    /// Begins to start one.
    pub(super) fn start(
        &self,
        aac: Aac,
        stream: &StreamName,
        worker: &Worker,
    ) -> Result<Encoder, SourceError> {
        self.check()?;
        let arguments = self.ffmpeg.aac_encoder(aac.pcm.rate, aac.pcm.channels, aac.bitrate)?;
        let mut spec = Spec::new("ffmpeg", self.ffmpeg.bin.clone(), arguments);
        spec.stream = Some(stream.clone());
        spec.stdin = true;
        spec.stdout = true;
        spec.grace = GRACE;
        spec.start = Some(START_MAX);
        let (programs, worker) = (self.programs.clone(), worker.clone());
        let starting = async move { program::start(&programs, spec, &worker).await };
        Ok(Encoder {
            state: State::Starting(starting.boxed_local()),
            aac,
            waiting: BytesMut::new(),
            said: BytesMut::new(),
            samples: 0,
            silence_at: Moment::FAR_FUTURE,
            told_at: None,
        })
    }
}

/// An error of the configuration, with the way around it.
fn without(why: &str) -> SourceError {
    SourceError::config(format!(
        "the device takes AAC, which is made by ffmpeg, and {why}; or choose G.711 on the device's page for audio"
    ))
}

/// `Starting` → `Running` → `Leaving`, when its output has ended or it was told to end → `Gone`.
enum State {
    Starting(LocalBoxFuture<'static, Result<Child, SourceError>>),
    Running {
        child: Child,
        /// None once it takes no more.
        stdin: Option<pipe::Sender>,
        stdout: pipe::Receiver,
    },
    /// Its own end says more than that of its output, if it comes in time.
    Leaving {
        child: Child,
        until: Moment,
    },
    Gone,
}

/// An encoder that runs. Dropped, it ends step by step, and nobody waits for that.
pub(super) struct Encoder {
    state: State,
    aac: Aac,
    /// PCM for its stdin.
    waiting: BytesMut,
    /// What came of it, up to the end of a frame.
    said: BytesMut,
    /// Samples of each channel that it got.
    samples: usize,
    /// When silence pushes out what it holds.
    silence_at: Moment,
    /// When it was told to end.
    told_at: Option<Moment>,
}

impl Encoder {
    /// Takes a frame of L16, as the talk rendition makes it.
    pub(super) fn push(&mut self, frame: &[u8]) {
        self.waiting.extend(frame.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]));
        self.samples += frame.len() / self.bytes_per_sample();
        self.silence_at = hub::now() + PAUSE;
    }

    fn bytes_per_sample(&self) -> usize {
        2 * usize::from(self.aac.pcm.channels)
    }

    /// As much silence as makes it give all that it holds: up to the end of a frame, and the frames that it wants behind that.
    fn push_silence(&mut self) {
        let frame = AAC_FRAME_SAMPLES as usize;
        let silence = self.samples.next_multiple_of(frame) - self.samples + FRAMES_HELD * frame;
        self.samples += silence;
        self.waiting.resize(self.waiting.len() + silence * self.bytes_per_sample(), 0);
        self.silence_at = Moment::FAR_FUTURE;
    }

    /// The next frame, without a header. Any end of the child that nobody here asked for is an error. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Bytes, SourceError> {
        loop {
            if let Some(frame) = self.frame()? {
                return Ok(frame);
            }
            if self.waiting.len() > WAITING_BYTES_MAX {
                return Err(SourceError::ours("the child that makes AAC takes no more sound"));
            }
            match &mut self.state {
                State::Starting(starting) => {
                    let started = starting.await;
                    // Polled to its end, it must not be polled again.
                    self.state = State::Gone;
                    let child = started.map_err(|error| match error.fault {
                        Fault::Config => without(&error.message),
                        Fault::Peer | Fault::Us => error,
                    })?;
                    self.state = running(child)?;
                }
                State::Running { child, stdin, stdout } => {
                    self.said.reserve(READ_BYTES);
                    let ended = tokio::select! {
                        read = stdout.read_buf(&mut self.said) => match read {
                            Ok(bytes) if bytes > 0 => {
                                child.first_bytes();
                                false
                            }
                            Ok(_) | Err(_) => true,
                        },
                        written = write(stdin, &mut self.waiting) => {
                            if written.is_err() {
                                *stdin = None;
                            }
                            false
                        }
                        // What it said before may be in the pipe still, and is of no use any more.
                        _ = child.ended() => true,
                        () = hub::sleep_until(self.silence_at) => {
                            self.push_silence();
                            false
                        }
                    };
                    if ended {
                        self.leave(SETTLE_MAX);
                    }
                }
                State::Leaving { child, until } => {
                    tokio::select! {
                        end = child.ended() => return Err(failure(&end)),
                        () = hub::sleep_until(*until) => {
                            child.stop();
                            *until = Moment::FAR_FUTURE;
                        }
                    }
                }
                State::Gone => std::future::pending().await,
            }
        }
    }

    /// A whole frame of what was said.
    fn frame(&mut self) -> Result<Option<Bytes>, SourceError> {
        let header = match adts::parse(&self.said) {
            Ok(header) => header,
            Err(BitstreamError::Truncated { .. }) => return Ok(None),
            Err(error) => {
                return Err(SourceError::ours(format!("the child that makes AAC says else: {error}")));
            }
        };
        let pcm = self.aac.pcm;
        if (header.config.sample_rate, header.config.channels) != (pcm.rate, pcm.channels) {
            return Err(without(&format!(
                "its template `aac` makes another rate or other channels than the {} Hz and {} of the device",
                pcm.rate, pcm.channels
            )));
        }
        if self.said.len() < header.frame_bytes {
            return Ok(None);
        }
        let mut frame = self.said.split_to(header.frame_bytes).freeze();
        frame.advance(header.header_bytes);
        Ok(Some(frame))
    }

    /// No more goes in or comes out.
    fn leave(&mut self, within: Duration) {
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Running { child, .. } => State::Leaving { child, until: hub::now() + within },
            // A start that nobody waits for ends its child.
            State::Starting(_) | State::Gone => State::Gone,
            leaving @ State::Leaving { .. } => leaving,
        };
    }

    /// Begins to end it, by the end of its stdin.
    pub(super) fn stop(&mut self) {
        self.leave(Duration::ZERO);
        if let State::Leaving { child, .. } = &mut self.state {
            self.told_at = Some(hub::now());
            child.stop();
        }
    }

    /// Waits until nothing of it is left, and takes that down.
    pub(super) async fn end(mut self, stop: &Stop) {
        if self.told_at.is_none() {
            self.stop();
        }
        let (State::Leaving { mut child, .. }, Some(began)) = (self.state, self.told_at) else { return };
        let left = END_MAX.saturating_sub(hub::now().since(began));
        // Let go of now, it is killed at once.
        let outcome = match tokio::time::timeout(left, child.ended()).await {
            Ok(end) => end.to_string(),
            Err(_) => "no end in time: killed".to_owned(),
        };
        if stop.is_wanted() {
            stop.step("end the encoder", outcome, hub::now().since(began));
        }
    }
}

/// What an end that nobody asked for means.
fn failure(end: &ChildEnd) -> SourceError {
    let error = SourceError::ours(match (end.why, end.last_lines.last()) {
        (Some(Why::Stopped), said) => {
            let said = said.map(|said| format!("; it said: {said}")).unwrap_or_default();
            format!("{} gave no more AAC and did not end: it was made to{said}", end.program)
        }
        (Some(Why::NoStart | Why::Shutdown) | None, _) => format!("AAC is made by a child, and {end}"),
    });
    if end.is_killed() { error.killed() } else { error }
}

fn running(mut child: Child) -> Result<State, SourceError> {
    match (child.take_stdin(), child.take_stdout()) {
        (Ok(stdin @ Some(_)), Ok(Some(stdout))) => Ok(State::Running { child, stdin, stdout }),
        (stdin, stdout) => {
            Err(SourceError::ours(format!("the child that makes AAC has no pipes: {stdin:?}, {stdout:?}")))
        }
    }
}

/// Writes what the pipe takes; for ever, if there is nothing to write or nobody to take it. Cancel-safe.
async fn write(stdin: &mut Option<pipe::Sender>, waiting: &mut BytesMut) -> std::io::Result<()> {
    match stdin {
        Some(stdin) if !waiting.is_empty() => stdin.write_buf(waiting).await.map(|_| ()),
        Some(_) | None => std::future::pending().await,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::GatewayConfig;

    /// Where nothing may run.
    pub(crate) fn no_encoders() -> Encoders {
        let config = GatewayConfig::default();
        Encoders::new(config.ffmpeg.clone(), &config.exec, Programs::new(&config))
    }

    #[test]
    fn ffmpeg_that_may_not_run_is_an_error_of_the_configuration_with_a_way_around() {
        let error = no_encoders().check().unwrap_err();
        assert!(!error.retry && error.message.contains("exec: {allow_paths: [ffmpeg]}"), "{error}");
        assert!(error.message.contains("or choose G.711"), "{error}");
    }
}
