//! Programs that are talked to: `exec:PROGRAM ARGUMENTS#backchannel=1#audio=alaw/8000`, as go2rtc writes it.
//!
//! The program is started when somebody talks and gets bare samples on its stdin, no faster than they are heard. It ends by
//! the end of its stdin, and by the ladder of all children if it does not. As in go2rtc, such a line is for talking alone: what
//! the program writes to its stdout goes nowhere, and a microphone is a line of its own.
use super::call::{self, Device, Word};
use super::encoder::Encoders;
use super::sound::Sound;
use crate::net::child::{Child, ChildEnd, Spec, Why};
use crate::sources::exec::{ExecConfig, Raw, Wanted, is_talked_to, parse};
use crate::sources::program::{self, Programs};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Deliver, OutputTask, PeerInfo, SourceError};
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;

/// Most that waits for a program that takes nothing, behind the 64 KiB that the system's pipe holds: 16 KiB, half a second of
/// 16 bits at 16 kHz. Who hears sound that late does not want it.
const WAITING_BYTES_MAX: usize = 16 << 10;
/// A program that takes no more has this long to end, so that its code says why: 1 s.
const SETTLE_MAX: Duration = Duration::from_secs(1);

/// Talks to programs.
#[derive(Clone, Debug)]
pub struct ExecOutputs {
    config: ExecConfig,
    programs: Programs,
    encoders: Encoders,
}

impl ExecOutputs {
    pub(super) fn new(config: ExecConfig, programs: Programs, encoders: Encoders) -> Self {
        Self { config, programs, encoders }
    }

    fn wanted(&self, url: &str) -> Result<(Spec, Raw), SourceError> {
        match parse(url, &self.config)? {
            Wanted::Talk(spec, raw) => Ok((spec, raw)),
            Wanted::Source(_) => {
                Err(SourceError::config("exec: a program is talked to with #backchannel=1 behind it"))
            }
        }
    }
}

impl Deliver for ExecOutputs {
    fn takes(&self, url: &str) -> bool {
        is_talked_to(url)
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        self.wanted(url).map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let wanted = self.wanted(url).ok();
        let remote = wanted.map(|(spec, _)| spec.program.to_string_lossy().into_owned());
        PeerInfo {
            protocol: "exec",
            transport: "pipe",
            remote: remote.unwrap_or_default(),
            ..PeerInfo::default()
        }
    }

    fn run(&self, task: OutputTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let (peer, wanted) = (self.peer(&task.url), self.wanted(&task.url));
        let (programs, encoders) = (self.programs.clone(), self.encoders.clone());
        async move {
            let (mut spec, raw) = wanted?;
            spec.stream = Some(task.stream.clone());
            let shown = spec.program.to_string_lossy().into_owned();
            let worker = task.worker.clone();
            let starting = async move { program::start(&programs, spec, &worker).await };
            call::run(task, peer, Talked::new(shown, raw, starting.boxed_local()), &encoders).await
        }
        .boxed_local()
    }
}

/// `Starting` → `Listening` → `Leaving`, when it takes no more or was told to end → `Gone`. From `Starting` it may be `Gone` at
/// once.
enum State {
    Starting(LocalBoxFuture<'static, Result<Child, SourceError>>),
    Listening {
        child: Child,
        stdin: pipe::Sender,
    },
    Leaving {
        child: Child,
        /// When it is told to end.
        until: Moment,
        /// When it was.
        told_at: Option<Moment>,
    },
    Gone,
}

/// A program that is talked to.
struct Talked {
    shown: String,
    raw: Raw,
    state: State,
    waiting: BytesMut,
    words: VecDeque<Word>,
}

impl Talked {
    fn new(shown: String, raw: Raw, starting: LocalBoxFuture<'static, Result<Child, SourceError>>) -> Self {
        let state = State::Starting(starting);
        Self { shown, raw, state, waiting: BytesMut::new(), words: VecDeque::new() }
    }

    fn started(&mut self, mut child: Child) -> Result<(), SourceError> {
        let stdin = child.take_stdin();
        let Ok(Some(stdin)) = stdin else {
            let why = format!("{}: nothing can be written to its input: {stdin:?}", self.shown);
            return Err(SourceError::ours(why));
        };
        self.state = State::Listening { child, stdin };
        self.words.extend([Word::Takes(Sound::Here(self.raw.target)), Word::Opened]);
        Ok(())
    }

    /// Closes its stdin.
    fn leave(&mut self, until: Moment) {
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Listening { child, .. } => State::Leaving { child, until, told_at: None },
            // A start that nobody waits for ends its child.
            State::Starting(_) | State::Gone => State::Gone,
            leaving @ State::Leaving { .. } => leaving,
        };
    }

    /// What its end means; `told_at`: when it was hung up.
    fn over(&self, end: &ChildEnd, told_at: Option<Moment>) -> Result<Vec<Word>, SourceError> {
        if let Some(began) = told_at {
            let took = hub::now().since(began);
            return Ok(vec![Word::Step(format!("end {}", end.program), end.to_string(), took), Word::Ended]);
        }
        if end.is_orderly() {
            return Ok(vec![Word::Ended]);
        }
        let error = SourceError::peer(match end.why {
            Some(Why::Stopped) => {
                format!("{} took no more sound and did not end: it was made to", self.shown)
            }
            Some(Why::NoStart | Why::Shutdown) | None => end.to_string(),
        });
        Err(if end.is_killed() { error.killed() } else { error })
    }
}

impl Device for Talked {
    async fn next(&mut self) -> Result<Word, SourceError> {
        loop {
            if let Some(word) = self.words.pop_front() {
                return Ok(word);
            }
            if self.waiting.len() > WAITING_BYTES_MAX {
                return Err(SourceError::peer(format!("{} takes no more sound", self.shown)));
            }
            match &mut self.state {
                State::Starting(starting) => {
                    let started = starting.await;
                    // Polled to its end, it must not be polled again.
                    self.state = State::Gone;
                    self.started(started?)?;
                }
                State::Listening { child, stdin } => {
                    let is_waiting = !self.waiting.is_empty();
                    let takes_no_more = tokio::select! {
                        _ = child.ended() => true,
                        written = stdin.write_buf(&mut self.waiting), if is_waiting => written.is_err(),
                    };
                    if takes_no_more {
                        self.leave(hub::now() + SETTLE_MAX);
                    }
                }
                State::Leaving { child, until, told_at } => {
                    let told_at = *told_at;
                    let end = tokio::select! {
                        end = child.ended() => end,
                        () = hub::sleep_until(*until) => {
                            *until = Moment::FAR_FUTURE;
                            child.stop();
                            continue;
                        }
                    };
                    self.state = State::Gone;
                    self.words.extend(self.over(&end, told_at)?);
                }
                State::Gone => std::future::pending().await,
            }
        }
    }

    fn speak(&mut self, frame: &Bytes, _duration: Duration) {
        if self.raw.low_byte_first {
            self.waiting.extend(frame.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]));
        } else {
            self.waiting.extend_from_slice(frame);
        }
        self.words.push_back(Word::Sent(frame.len()));
    }

    fn hang_up(&mut self) {
        self.leave(Moment::FAR_FUTURE);
        if let State::Leaving { child, told_at, .. } = &mut self.state {
            *told_at = Some(hub::now());
            child.stop();
        } else {
            self.words.push_back(Word::Ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GatewayConfig;
    use crate::outputs::encoder::tests::no_encoders;

    #[test]
    fn only_lines_that_ask_for_it_are_talked_to_and_only_programs_of_the_file_run() {
        let config = ExecConfig { allow_paths: vec!["aplay".into()], ..ExecConfig::default() };
        let programs = Programs::new(&GatewayConfig::default());
        let outputs = ExecOutputs::new(config, programs, no_encoders());
        let right = "exec:aplay -t raw -f A_LAW#backchannel=1#audio=alaw/8000";
        assert!(outputs.takes(right));
        assert_eq!(outputs.check(right), Ok(()));
        let peer = outputs.peer(right);
        assert_eq!((peer.protocol, peer.remote.as_str()), ("exec", "aplay"));
        for other in ["exec:aplay", "exec:aplay#backchannel=0", "rtsp://h/#backchannel=1", "isapi://h/"] {
            assert!(!outputs.takes(other), "{other}");
        }
        for wrong in ["exec:rm#backchannel=1", "exec:aplay#backchannel=1#audio=opus"] {
            assert!(outputs.takes(wrong) && !outputs.check(wrong).unwrap_err().retry, "{wrong}");
        }
    }
}
