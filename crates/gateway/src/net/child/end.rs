//! How a child ended, as a fact and as a sentence.
use super::ladder::{Ending, Exit, Rung, Why};
use nix::sys::signal::Signal;
use std::fmt;
use std::time::Duration;

/// Of a child's last lines so many stand in the sentence: 3. More do not fit a line of the log.
const LINES_SHOWN: usize = 3;
/// Longest words of a child in the sentence, in characters.
const CHARACTERS_SHOWN: usize = 300;

/// The end of a child.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChildEnd {
    /// The program's name.
    pub program: String,
    /// How its process ended; `None`: it has not, although it got KILL.
    pub exit: Option<Exit>,
    /// The last thing that was done about it; `None`: it ended by itself.
    pub rung: Option<Rung>,
    /// Why it was made to end; `None`: it was not.
    pub why: Option<Why>,
    /// How long it ran.
    pub after: Duration,
    /// What it said last on stderr, without credentials; the newest last.
    pub last_lines: Vec<String>,
}

impl ChildEnd {
    pub(super) fn new(program: String, ending: Ending, after: Duration, last_lines: Vec<String>) -> Self {
        let Ending { exit, rung, why } = ending;
        Self { program, exit, rung, why, after, last_lines }
    }

    /// It ended by itself and in good order: exit code 0.
    pub fn is_orderly(&self) -> bool {
        self.why.is_none() && self.exit == Some(Exit::Code(0))
    }

    /// A signal ended it that nobody here meant to: a crash, or the system when memory was short; or ours, after it did
    /// not start or did not listen.
    pub fn is_killed(&self) -> bool {
        let by_signal = matches!(self.exit, Some(Exit::Signal(_)) | None);
        by_signal
            && !(matches!(self.why, Some(Why::Stopped | Why::Shutdown)) && self.rung != Some(Rung::Kill))
    }

    /// Its last words, as far as a sentence takes them.
    fn words(&self) -> String {
        let from = self.last_lines.len().saturating_sub(LINES_SHOWN);
        let words = self.last_lines[from..].join("; ");
        match words.char_indices().nth(CHARACTERS_SHOWN) {
            Some((at, _)) => format!("{}…", &words[..at]),
            None => words,
        }
    }
}

impl fmt::Display for ChildEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (program, after) = (&self.program, shown(self.after));
        match (self.why, self.rung) {
            (None, _) => match self.exit {
                Some(Exit::Code(code)) => write!(f, "{program} ended with code {code} after {after}")?,
                Some(Exit::Signal(signal)) => {
                    write!(f, "{program} was killed by {} after {after}, not by us", signal_name(signal))?;
                    if signal == Signal::SIGKILL as i32 {
                        f.write_str(" (the system does that when memory is short)")?;
                    }
                }
                Some(Exit::Unknown) => write!(f, "{program} ended after {after}")?,
                None => write!(f, "{program} is there after {after}")?,
            },
            (Some(why), rung) => {
                match why {
                    Why::Stopped => write!(f, "{program} was told to end")?,
                    Why::NoStart => write!(f, "{program} gave nothing for {after} and was told to end")?,
                    Why::Shutdown => write!(f, "{program} was told to end, as the server ends")?,
                }
                match rung {
                    Some(Rung::Stdin) => f.write_str(" by the end of its input")?,
                    Some(Rung::Term) | None => {}
                    Some(Rung::Kill) => f.write_str(", and killed")?,
                }
                if self.exit.is_none() {
                    f.write_str(", but the system does not let go of it")?;
                }
            }
        }
        if self.last_lines.is_empty() || matches!(self.why, Some(Why::Stopped | Why::Shutdown)) {
            return Ok(());
        }
        write!(f, ": {}", self.words())
    }
}

fn shown(duration: Duration) -> String {
    if duration < Duration::from_secs(10) {
        return format!("{:.1} s", duration.as_secs_f64());
    }
    format!("{} s", duration.as_secs())
}

fn signal_name(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("signal {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(exit: Option<Exit>, rung: Option<Rung>, why: Option<Why>, lines: &[&str]) -> ChildEnd {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        ChildEnd::new("ffmpeg".into(), Ending { exit, rung, why }, Duration::from_millis(1_250), lines)
    }

    #[test]
    fn the_sentence_tells_who_ended_it_and_what_it_said() {
        for (end, sentence, killed) in [
            (
                end(Some(Exit::Code(1)), None, None, &["a", "b", "rtsp://***@h: refused", "no input"]),
                "ffmpeg ended with code 1 after 1.2 s: b; rtsp://***@h: refused; no input",
                false,
            ),
            (
                end(Some(Exit::Signal(9)), None, None, &[]),
                "ffmpeg was killed by SIGKILL after 1.2 s, not by us (the system does that when memory is short)",
                true,
            ),
            (
                end(Some(Exit::Signal(11)), None, None, &[]),
                "ffmpeg was killed by SIGSEGV after 1.2 s, not by us",
                true,
            ),
            (
                end(Some(Exit::Signal(64)), None, None, &[]),
                "ffmpeg was killed by signal 64 after 1.2 s, not by us",
                true,
            ),
            (
                end(Some(Exit::Signal(15)), Some(Rung::Term), Some(Why::NoStart), &["opening"]),
                "ffmpeg gave nothing for 1.2 s and was told to end: opening",
                true,
            ),
            (
                end(Some(Exit::Signal(15)), Some(Rung::Term), Some(Why::Stopped), &["bye"]),
                "ffmpeg was told to end",
                false,
            ),
            (
                end(None, Some(Rung::Kill), Some(Why::Stopped), &[]),
                "ffmpeg was told to end, and killed, but the system does not let go of it",
                true,
            ),
        ] {
            assert_eq!((end.to_string().as_str(), end.is_killed()), (sentence, killed), "{end:?}");
        }
        assert!(end(Some(Exit::Code(0)), None, None, &[]).is_orderly());
    }
}
