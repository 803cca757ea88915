//! What an `exec:` URL asks for.
//!
//! Source: go2rtc's README, "exec". `exec:PROGRAM ARGUMENTS#killsignal=15#killtimeout=5#starttimeout=30`; `{output}` is
//! where the program pushes to by RTSP, without it its stdout is read. With `#backchannel=1#audio=alaw/8000` it gives
//! nothing, and gets what is said on its stdin.
use super::quote;
use super::talk::Raw;
use crate::net::child::{Signal, Spec};
use crate::net::rendezvous::Push;
use crate::sources::program::{Output, Program};
use hub::SourceError;
use std::time::Duration;

/// What stands in a command line for the place that the program pushes to.
const OUTPUTS: [(&str, Push); 2] = [("{output}", Push::Rtsp), ("{output_rtmp}", Push::Rtmp)];
/// Longest time that an option may say: an hour. Longer is a mistake of units.
const SECONDS_MAX: u64 = 3600;

/// Which programs may run, and how long they are waited for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExecConfig {
    /// The programs that `exec:` sources may run, written as in the sources: names or paths. None: none may.
    pub allow_paths: Vec<String>,
    /// How long a program may take until something comes of it, if its URL does not say.
    pub start_max: Duration,
    /// From TERM to KILL, if its URL does not say.
    pub grace: Duration,
}

impl Default for ExecConfig {
    fn default() -> Self {
        let (start_max, grace) = (crate::net::child::START_MAX, crate::net::child::TERM_GRACE);
        Self { allow_paths: Vec::new(), start_max, grace }
    }
}

/// What a URL asks for.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// A program that gives media.
    Source(Program),
    /// A program that gets what is said.
    Talk(Spec, Raw),
}

/// True for a URL whose program gets what is said, as far as its options tell.
pub(crate) fn is_talked_to(url: &str) -> bool {
    let line = url.strip_prefix("exec:").unwrap_or_default();
    line.split('#').skip(1).any(|option| option == "backchannel=1")
}

/// The program that a URL asks for, if it may run.
pub(crate) fn parse(url: &str, config: &ExecConfig) -> Result<Wanted, SourceError> {
    let line = url.strip_prefix("exec:").ok_or_else(|| SourceError::config("this is no exec: source"))?;
    let (line, options) = line.split_once('#').unwrap_or((line, ""));
    let mut words =
        quote::split(line).map_err(|error| SourceError::config(format!("exec: {error}")))?.into_iter();
    let program = words.next().filter(|program| !program.is_empty());
    let program =
        program.ok_or_else(|| SourceError::config("exec: names no program: write exec:PROGRAM ARGUMENTS"))?;
    if !config.allow_paths.contains(&program) {
        return Err(SourceError::config(format!(
            "exec: the program {program:?} may not run: name it in the configuration file, `exec: {{allow_paths: \
             [{program}]}}`"
        )));
    }
    let arguments: Vec<String> = words.collect();
    let output = output(&arguments)?;
    let mut spec = Spec::new("exec", program, arguments);
    spec.start = Some(config.start_max);
    spec.grace = config.grace;
    let mut is_talk = false;
    let mut raw = None;
    for option in options.split('#').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "killsignal" => spec.signal = signal(value)?,
            "killtimeout" => spec.grace = seconds(name, value)?,
            "starttimeout" => spec.start = Some(seconds(name, value)?),
            "backchannel" => is_talk = switch(name, value)?,
            "audio" => raw = Some(Raw::parse(value)?),
            _ => {
                return Err(SourceError::config(format!(
                    "exec: there is no option #{name}: there are #killsignal, #killtimeout, #starttimeout, #backchannel \
                     and #audio"
                )));
            }
        }
    }
    match (is_talk, raw) {
        (false, None) => Ok(Wanted::Source(Program { spec, output })),
        (false, Some(_)) => Err(SourceError::config(
            "exec: #audio says what a program gets that is talked to: it belongs to #backchannel=1",
        )),
        (true, _) if output != Output::Stdout => Err(SourceError::config(
            "exec: with #backchannel=1 a program gets what is said and gives nothing: it has no {output}",
        )),
        (true, raw) => {
            // Nothing needs to come of it.
            let spec = Spec { start: None, stdin: true, ..spec };
            Ok(Wanted::Talk(spec, raw.unwrap_or_default()))
        }
    }
}

fn switch(name: &str, value: &str) -> Result<bool, SourceError> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(SourceError::config(format!("exec: #{name}={value} is neither 0 nor 1"))),
    }
}

fn output(arguments: &[String]) -> Result<Output, SourceError> {
    let mut all = arguments.iter().flat_map(|argument| {
        OUTPUTS.iter().flat_map(|(mark, push)| argument.matches(mark).map(|mark| (mark, *push)))
    });
    match (all.next(), all.next()) {
        (None, _) => Ok(Output::Stdout),
        (Some((mark, push)), None) => {
            let mark = OUTPUTS.iter().find(|(known, _)| *known == mark).map_or("", |(known, _)| known);
            Ok(Output::Push { mark, push })
        }
        (Some(_), Some(_)) => Err(SourceError::config(
            "exec: there is more than one {output}: a source is one stream, and has one place to push to",
        )),
    }
}

fn signal(value: &str) -> Result<Signal, SourceError> {
    let number = value.parse().ok().and_then(|number: i32| Signal::try_from(number).ok());
    number.ok_or_else(|| {
        SourceError::config(format!(
            "exec: #killsignal={value} is no signal's number: 15 is TERM, 2 INT, 9 KILL"
        ))
    })
}

fn seconds(name: &str, value: &str) -> Result<Duration, SourceError> {
    match value.parse() {
        Ok(seconds @ 1..=SECONDS_MAX) => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err(SourceError::config(format!(
            "exec: #{name}={value} is no number of seconds, 1 to {SECONDS_MAX}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ExecConfig {
        ExecConfig { allow_paths: vec!["ffmpeg".into(), "/opt/cam.sh".into()], ..ExecConfig::default() }
    }

    fn source(url: &str) -> Program {
        match parse(url, &config()).unwrap() {
            Wanted::Source(program) => program,
            Wanted::Talk(..) => panic!("{url} is talked to"),
        }
    }

    #[test]
    fn a_url_is_a_program_its_arguments_and_options() {
        let url = "exec:ffmpeg -i 'a b.mp4' -f rtsp {output}#killsignal=2#killtimeout=5#starttimeout=10";
        let Program { spec, output } = source(url);
        assert_eq!((spec.program.to_str(), spec.arguments.len()), (Some("ffmpeg"), 5));
        assert_eq!((spec.signal, spec.grace), (Signal::SIGINT, Duration::from_secs(5)));
        assert_eq!(spec.start, Some(Duration::from_secs(10)));
        assert_eq!(output, Output::Push { mark: "{output}", push: Push::Rtsp });
        let pushes = source("exec:ffmpeg -f flv {output_rtmp}");
        assert_eq!(pushes.output, Output::Push { mark: "{output_rtmp}", push: Push::Rtmp });
        let piped = source("exec:/opt/cam.sh#backchannel=0");
        assert_eq!((piped.output, piped.spec.start), (Output::Stdout, Some(Duration::from_secs(30))));
    }

    #[test]
    fn a_program_that_is_talked_to_says_what_it_gets() {
        let url = "exec:/opt/cam.sh -#audio=mulaw/16000#killsignal=2#backchannel=1";
        assert!(is_talked_to(url) && !is_talked_to("exec:/opt/cam.sh#backchannel=0"));
        assert!(!is_talked_to("rtsp://h/#backchannel=1") && !is_talked_to("exec:/opt/cam.sh"));
        let Wanted::Talk(spec, raw) = parse(url, &config()).unwrap() else { panic!("it is talked to") };
        assert_eq!((spec.stdin, spec.stdout, spec.start), (true, false, None));
        assert_eq!((spec.signal, raw), (Signal::SIGINT, Raw::parse("mulaw/16000").unwrap()));
        let usual = parse("exec:/opt/cam.sh#backchannel=1", &config()).unwrap();
        assert!(matches!(usual, Wanted::Talk(_, raw) if raw == Raw::default()));
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_runs() {
        for (url, word) in [
            ("exec:", "names no program"),
            ("exec:''", "names no program"),
            ("exec:rm -rf /", "allow_paths: [rm]"),
            ("exec:/usr/bin/ffmpeg -i x", "may not run"),
            ("exec:ffmpeg 'x", "does not end"),
            ("exec:ffmpeg {output} {output}", "more than one"),
            ("exec:ffmpeg#killsignal=KILL", "no signal"),
            ("exec:ffmpeg#killtimeout=0", "no number of seconds"),
            ("exec:ffmpeg#backchannel=yes", "neither 0 nor 1"),
            ("exec:ffmpeg#audio=alaw", "belongs to #backchannel=1"),
            ("exec:ffmpeg {output}#backchannel=1", "has no {output}"),
            ("exec:ffmpeg#backchannel=1#audio=mp3", "alaw"),
            ("exec:rm#backchannel=1", "allow_paths: [rm]"),
            ("exec:ffmpeg#timeout=1", "no option #timeout"),
        ] {
            let error = parse(url, &config()).err().unwrap();
            assert!(error.message.contains(word) && !error.retry, "{url}: {error}");
        }
        let nobody = parse("exec:ffmpeg", &ExecConfig::default()).err().unwrap();
        assert!(nobody.message.contains("exec: {allow_paths: [ffmpeg]}"), "{nobody}");
    }
}
