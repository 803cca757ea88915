//! What is to be recorded, how, and for how long.
use crate::schedule::{Schedule, Zone};
use crate::segment::FileFormat;
use crate::storage::Retention;
use crate::take::{CutRules, TakePlan};
use media::Kind;
use std::time::Duration;

/// Who wants a recording.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum By {
    /// The configuration: it goes on whenever there is something to record.
    Config,
    /// Somebody by the API: until it is stopped, or the server ends.
    Api,
    /// An event's clip: until its end.
    Event,
}

impl By {
    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            By::Config => "config",
            By::Api => "api",
            By::Event => "event",
        }
    }
}

/// When there is recording.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum When {
    /// Whenever there is something.
    #[default]
    Always,
    /// Only around events, such as motion: from so long before one until so long after the last.
    Events {
        /// Before; kept in memory.
        pre: Duration,
        /// After.
        post: Duration,
    },
}

/// One recording of a stream.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordPlan {
    /// Which kind of files.
    pub format: FileFormat,
    /// When a file ends.
    pub cut: CutRules,
    /// The kinds of tracks without which it is no recording. Empty: those that the stream has.
    pub required: Vec<Kind>,
    /// When there is recording.
    pub when: When,
    /// The hours in which there is; `None`: all.
    pub schedule: Option<Schedule>,
    /// Where these hours are.
    pub zone: Zone,
    /// Begin with what is in memory, so old at most.
    pub back: Duration,
    /// End after so long.
    pub lasts: Option<Duration>,
    /// The storage; `None`: the first that works.
    pub storage: Option<String>,
    /// Where its files are, below the storage's folder, without the ending.
    pub path: PathTemplate,
    /// How long its stream's recordings of this kind are kept, besides what the storage says.
    pub retention: Retention,
}

impl Default for RecordPlan {
    fn default() -> Self {
        Self {
            format: FileFormat::default(),
            cut: CutRules::default(),
            required: Vec::new(),
            when: When::default(),
            schedule: None,
            zone: Zone::default(),
            back: Duration::ZERO,
            lasts: None,
            storage: None,
            path: PathTemplate::default(),
            retention: Retention::default(),
        }
    }
}

impl RecordPlan {
    /// How long a file of a recording with a playlist is, where nobody says otherwise: 6 s. Source: HLS Authoring Specification
    /// for Apple Devices §7.5.
    pub const HLS_SEGMENT: Duration = Duration::from_secs(6);

    pub(crate) fn take(&self) -> TakePlan {
        TakePlan { format: self.format, cut: self.cut.clone() }
    }
}

/// A path with `{stream}`, `{date}`, `{time}`, `{year}`, `{month}`, `{day}`, `{hour}`, `{minute}`, `{second}`, `{ms}` and
/// `{format}` in it, in UTC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathTemplate(String);

/// Why a template is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TemplateError {
    /// A key that is not known.
    #[error(
        "{{{0}}} is none of {{stream}}, {{date}}, {{time}}, {{year}}, {{month}}, {{day}}, {{hour}}, {{minute}}, {{second}}, \
         {{ms}}, {{format}}"
    )]
    Unknown(String),
    /// A brace without its other half.
    #[error("a `{{` without its `}}`")]
    Unclosed,
    /// It leads out of the storage's folder.
    #[error("a path below the storage's folder has no `..` and does not begin with `/` or `.`")]
    Outside,
    /// Recordings of two streams would have one name.
    #[error(
        "without {{stream}} in it, recordings of all streams would lie in one folder, and nobody could tell them apart"
    )]
    NoStream,
}

const KEYS: [&str; 11] =
    ["stream", "date", "time", "year", "month", "day", "hour", "minute", "second", "ms", "format"];

impl Default for PathTemplate {
    fn default() -> Self {
        Self("{stream}/{date}/{time}".into())
    }
}

impl PathTemplate {
    /// Checks a template.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let leaves = text.split('/').any(|part| part == ".." || part.starts_with('.') || part.is_empty());
        if leaves {
            return Err(TemplateError::Outside);
        }
        let mut rest = text;
        let mut named = false;
        while let Some((_, behind)) = rest.split_once('{') {
            let (key, behind) = behind.split_once('}').ok_or(TemplateError::Unclosed)?;
            if !KEYS.contains(&key) {
                return Err(TemplateError::Unknown(key.to_owned()));
            }
            named |= key == "stream";
            rest = behind;
        }
        if !named {
            return Err(TemplateError::NoStream);
        }
        Ok(Self(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of a segment that begins at `from`.
    pub fn path(&self, stream: &str, format: FileFormat, from: media::WallTime) -> String {
        let text = from.rfc3339().to_string();
        let (date, clock) = text.split_once('T').unwrap_or((&text, "00:00:00.000Z"));
        let clock = clock.trim_end_matches('Z');
        let part = |text: &str, place: usize, by: char| text.split(by).nth(place).unwrap_or("").to_owned();
        let second = part(clock, 2, ':');
        let mut path = self.0.clone();
        for (key, value) in [
            ("stream", folder_of(stream)),
            ("date", date.to_owned()),
            ("time", clock.replace([':', '.'], "-")),
            ("year", part(date, 0, '-')),
            ("month", part(date, 1, '-')),
            ("day", part(date, 2, '-')),
            ("hour", part(clock, 0, ':')),
            ("minute", part(clock, 1, ':')),
            ("second", part(&second, 0, '.')),
            ("ms", part(&second, 1, '.')),
            ("format", format.as_str().to_owned()),
        ] {
            path = path.replace(&format!("{{{key}}}"), &value);
        }
        if format.has_playlist() {
            // A playlist has a folder of its own, and an hour: after that it is as long as players like it.
            let hour = part(clock, 0, ':');
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            path = format!("{folder}/{}-{hour}/{name}", format.as_str());
        }
        path
    }
}

/// A stream's name as folders: it cannot lead out of the storage, or into our own folder.
fn folder_of(stream: &str) -> String {
    let parts: Vec<String> = stream
        .split('/')
        .map(|part| {
            let safe: String = part
                .chars()
                .map(|c| if c.is_control() || "\\:*?\"<>|{}".contains(c) { '_' } else { c })
                .collect();
            if safe.is_empty() || safe.starts_with('.') { format!("_{safe}") } else { safe }
        })
        .collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::WallTime;

    #[test]
    fn a_path_has_the_stream_and_the_time_and_never_leads_out_of_its_folder() {
        let at = WallTime::from_micros(1_795_257_000_123_456);
        let path = |stream| PathTemplate::default().path(stream, FileFormat::Fmp4, at);
        assert_eq!(path("cam"), "cam/2026-11-21/10-30-00-123");
        assert_eq!(path("live/front door"), "live/front door/2026-11-21/10-30-00-123");
        assert_eq!(path("../../etc"), "_../_../etc/2026-11-21/10-30-00-123");
        assert_eq!(path(".aqueduct"), "_.aqueduct/2026-11-21/10-30-00-123");
        let template =
            PathTemplate::new("{format}/{stream}/{year}{month}{day}_{hour}{minute}{second}{ms}").unwrap();
        assert_eq!(template.path("a", FileFormat::Ts, at), "ts/a/20261121_103000123");
        assert_eq!(template.path("a", FileFormat::HlsTs, at), "hls_ts/a/hls_ts-10/20261121_103000123");
    }

    #[test]
    fn a_template_that_cannot_be_is_refused_with_what_helps() {
        assert_eq!(PathTemplate::new("../{stream}"), Err(TemplateError::Outside));
        assert_eq!(PathTemplate::new("/{stream}"), Err(TemplateError::Outside));
        assert_eq!(PathTemplate::new("{stream}/{nope}"), Err(TemplateError::Unknown("nope".into())));
        assert_eq!(PathTemplate::new("{stream}/{date"), Err(TemplateError::Unclosed));
        assert_eq!(PathTemplate::new("all/{time}"), Err(TemplateError::NoStream));
    }
}
