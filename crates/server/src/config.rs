//! Configuration: YAML files to typed settings, with every problem said at once, each with file, line and column.
//!
//! [`Config`] is the definition; the example file and the JSON schema are made from it. `yaml` alone sees the YAML
//! library, `decode` makes values of its tree.
mod alerts;
mod check;
mod conflict;
mod decode;
mod env;
mod example;
mod homekit;
mod live;
mod log;
mod nearest;
mod programs;
mod recording;
mod rooms;
mod sections;
mod source;
mod state;
mod streams;
mod supervision;
mod talk;
mod values;
mod yaml;
mod zlmediakit;

#[cfg(test)]
mod tests;

pub use alerts::{AlertsSection, HookSection, HooksSection};
pub use conflict::{ConflictWord, PublishSection, TalkConflict};
pub use example::{example, schema};
pub(crate) use homekit::accessories;
pub use homekit::{HomekitEntry, SrtpSection};
pub(crate) use log::MODULES;
pub use log::{Level, LogFormat, LogSection};
pub(crate) use nearest::nearest;
pub use programs::{ChildrenSection, ExecSection, FfmpegSection};
pub use recording::{RecordEntry, RecordKeys, RecordingSection, StorageEntry};
pub use rooms::{RoomsLimitsSection, RoomsSection, SameIdentityWord};
pub use sections::{
    ApiSection, Config, Foreign, IceServer, LimitsSection, RtmpSection, RtspSection, TlsSection,
    WebRtcSection,
};
pub use source::{SourceEntry, Sources};
pub use state::{MdnsSection, StateSection};
pub use streams::StreamEntry;
pub use supervision::{SupervisionPart, SupervisionSection};
pub use talk::{TalkEntry, TalkKeys};
pub use values::{Interval, Listen, MediaListen, SecretText, SecretUrl, Size, Texts};
pub use zlmediakit::{ZlmediakitHooks, ZlmediakitSection};

use garde::Validate;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use yaml::{Kind, Mark, Node};

/// Largest configuration file: 4 MiB. A thousand cameras take 200 KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Something wrong in the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    mark: Option<Mark>,
    message: String,
    /// The message quotes a value as it is written, which may be a password in the wrong place.
    quotes: bool,
}

impl Problem {
    /// One that is not in one place.
    pub(crate) fn nowhere(message: String) -> Self {
        Self { mark: None, message, quotes: false }
    }

    /// What everybody may know of it who may see events.
    pub(crate) fn for_everybody(&self) -> String {
        match &self.mark {
            Some(mark) if self.quotes => format!("{mark}: what stands here is wrong; the log says how"),
            Some(_) | None => self.to_string(),
        }
    }
}

impl From<&Problem> for api::ConfigProblem {
    fn from(problem: &Problem) -> Self {
        let place = problem.mark.as_ref().map(|mark| (mark.file.to_string(), mark.line, mark.column));
        Self { place, message: problem.message.clone() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mark {
            Some(mark) => write!(f, "{mark}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Everything that is wrong in the configuration, in the order of the files.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

/// What is given but has no effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// How much it matters.
    pub weight: Weight,
    text: String,
}

/// How much a note matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// Nobody will miss it.
    Info,
    /// Somebody may wonder why a stream does not do what the file says.
    Warn,
}

impl Note {
    fn info(text: String) -> Self {
        Self { weight: Weight::Info, text }
    }

    pub(crate) fn warn(text: String) -> Self {
        Self { weight: Weight::Warn, text }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the files say.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What is given but has no effect, for the log.
    pub notes: Vec<Note>,
    /// The files, in order.
    pub files: Vec<PathBuf>,
    /// Where each stream stands.
    places: BTreeMap<String, Mark>,
}

impl Loaded {
    /// Says what is wrong with a stream, where it stands.
    pub(crate) fn wrong_stream(&self, name: &str, message: &str) -> Problem {
        let message = format!("`streams.{name}`: {message}");
        Problem { mark: self.places.get(name).cloned(), message, quotes: true }
    }
}

/// Knows what URLs lead to.
pub trait Judge {
    /// What a URL is as a source.
    fn source(&self, url: &str) -> Verdict;

    /// What a URL is as a device that is talked to.
    fn device(&self, url: &str) -> Verdict;

    /// True for a device that can be talked to, as far as scheme and options tell.
    fn can_talk_to(&self, url: &str) -> bool;
}

/// What a URL leads to.
pub enum Verdict {
    /// It can be dialled.
    Good,
    /// go2rtc knows the scheme, we do not yet.
    NotYet,
    /// It is wrong.
    Wrong(String),
}

/// Makes the judge of URLs, given the settings.
pub type MakeJudge = dyn Fn(&Config) -> Box<dyn Judge>;

/// Reads the files in order. None: the defaults, with the demo camera. `judge` looks at each URL.
pub fn load(files: &[PathBuf], judge: &MakeJudge) -> Result<Loaded, Problems> {
    if files.is_empty() {
        let config = without_file();
        return Ok(Loaded { config, notes: Vec::new(), files: Vec::new(), places: BTreeMap::new() });
    }
    load_by(read, files, judge)
}

/// Reads files that were read before. One without content is not taken for a wish to remove everything: whoever writes
/// it may be in the middle of that.
pub fn load_again(files: &[PathBuf], judge: &MakeJudge) -> Result<Loaded, Problems> {
    load_by(read_again, files, judge)
}

fn load_by(
    read: fn(&Path) -> Result<String, Problem>,
    files: &[PathBuf],
    judge: &MakeJudge,
) -> Result<Loaded, Problems> {
    let mut texts = Vec::new();
    let mut problems = Vec::new();
    for path in files {
        match read(path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    Ok(Loaded { files: files.to_vec(), ..from_texts(&texts, env::of_process, judge)? })
}

/// The configuration when there is no file: everything on this machine only, and the demo camera.
pub fn without_file() -> Config {
    let mut config = Config::default();
    let demo = StreamEntry { preload: true, ..StreamEntry::of("demo:") };
    config.streams.insert("demo".into(), demo);
    config
}

fn read_again(path: &Path) -> Result<String, Problem> {
    let problem = |message: &str| Problem::nowhere(format!("{}: {message}", path.display()));
    // A pipe has nothing more to say, and may wait for somebody who writes.
    if std::fs::metadata(path).is_ok_and(|file| !file.is_file()) {
        return Err(problem("this is no file that can be read a second time"));
    }
    let text = read(path)?;
    if text.trim().is_empty() {
        return Err(problem("the file is empty; to remove all streams, write `streams: {}`"));
    }
    Ok(text)
}

fn read(path: &Path) -> Result<String, Problem> {
    let problem = |message: String| Problem::nowhere(format!("{}: {message}", path.display()));
    let size = std::fs::metadata(path).map_err(|e| problem(e.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(problem(format!(
            "{size} bytes are more than a configuration has ({FILE_BYTES_MAX} at most)"
        )));
    }
    std::fs::read_to_string(path).map_err(|e| problem(e.to_string()))
}

/// Reads texts in order, each with its file's name. The list of files is the caller's to set.
fn from_texts(
    texts: &[(String, String)],
    outer: fn(&str) -> Option<String>,
    judge: &MakeJudge,
) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let mut next_id = 0;
    let mut tree: Option<Node> = None;
    for (file, text) in texts {
        let node = match yaml::parse(&Arc::from(file.as_str()), text, &mut next_id) {
            Ok(node) => node,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        match &mut tree {
            // Sections key by key; what is below, such as one stream, as a whole.
            Some(tree) => tree.merge(node, 2),
            None => tree = Some(node),
        }
    }
    let Some(mut tree) = tree.filter(|_| problems.is_empty()) else { return Err(Problems(problems)) };
    let environment = env::Environment { section: env_section(&tree), outer };
    environment.substitute(&mut tree, &mut problems);
    let config: Option<Config> = decode::decode(&mut tree, &mut problems);
    let Some(mut config) = config else { return Err(Problems(problems)) };
    let mut notes = Vec::new();
    check(&mut config, &tree, judge, &mut problems, &mut notes);
    if problems.is_empty() {
        let place =
            |name: &String| (name.clone(), tree.nearest(&["streams".to_owned(), name.clone()]).clone());
        let places = config.streams.keys().map(place).collect();
        return Ok(Loaded { config, notes, files: Vec::new(), places });
    }
    problems.sort_by_key(|problem| {
        let mark = problem.mark.as_ref();
        let file = mark.and_then(|mark| texts.iter().position(|(file, _)| **file == *mark.file));
        (file, mark.map(|mark| (mark.line, mark.column)))
    });
    Err(Problems(problems))
}

fn env_section(tree: &Node) -> BTreeMap<String, String> {
    let Kind::Map(sections) = &tree.kind else { return BTreeMap::new() };
    let section = sections.iter().find(|entry| entry.key == "env").map(|entry| &entry.value.kind);
    let Some(Kind::Map(entries)) = section else { return BTreeMap::new() };
    let values = entries.iter().filter_map(|entry| match &entry.value.kind {
        Kind::Scalar(scalar) => Some((entry.key.clone(), scalar.text.clone())),
        Kind::Null | Kind::Sequence(_) | Kind::Map(_) => None,
    });
    values.collect()
}

/// What types alone do not tell: ranges, names, URLs, pairs that belong together.
fn check(
    config: &mut Config,
    tree: &Node,
    judge: &MakeJudge,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Note>,
) {
    let mut wrong = |path: &[&str], message: String| {
        let path: Vec<String> = path.iter().map(|&segment| segment.to_owned()).collect();
        problems.push(Problem { mark: Some(tree.nearest(&path).clone()), message, quotes: false });
    };
    if let Err(report) = config.validate() {
        for (path, error) in report.iter() {
            let path = path.to_string().replace('[', ".").replace(']', "");
            let segments: Vec<&str> = path.split('.').collect();
            wrong(&segments, format!("`{path}`: {error}"));
        }
    }
    for (section, username, password) in [
        ("api", &config.api.username, &config.api.password),
        ("rtsp", &config.rtsp.username, &config.rtsp.password),
        ("rtmp", &config.rtmp.username, &config.rtmp.password),
    ] {
        if username.is_empty() != password.is_empty() {
            let (has, lacks) =
                if username.is_empty() { ("password", "username") } else { ("username", "password") };
            wrong(&[section, has], format!("`{section}.{has}` is of no use without `{section}.{lacks}`"));
        }
    }
    for (index, hook) in config.hooks.targets.iter().enumerate() {
        if let Err(error) = hook.hook().check() {
            let (at, key) = (index.to_string(), error.key);
            wrong(&["hooks", "targets", &at, key], format!("`hooks.targets.{index}.{key}`: {error}"));
        }
    }
    for (key, hook) in config.zlmediakit.hooks() {
        if let Err(error) = hook.check() {
            wrong(&["zlmediakit", "hooks", key], format!("`zlmediakit.hooks.{key}`: {error}"));
        }
    }
    for (name, key, why) in accessories(config).err().unwrap_or_default() {
        let place = format!("homekit.{name}.{key}");
        wrong(&["homekit", &name, key], format!("`{}`: {why}", place.trim_end_matches('.')));
    }
    for (key, why) in config.rooms.check() {
        wrong(&["rooms", key], format!("`rooms.{key}`: {why}"));
    }
    if config.tls.cert.is_empty() != config.tls.key.is_empty() {
        wrong(&["tls"], "`tls.cert` and `tls.key` belong together: one of them is missing".into());
    }
    let supervision = &config.supervision;
    if supervision.ceiling.0 < supervision.start.0 {
        let (ceiling, start) = (supervision.ceiling, supervision.start);
        let why = format!("`supervision.ceiling`: {ceiling} is shorter than `supervision.start`, {start}");
        wrong(&["supervision", "ceiling"], why);
    }
    let judge = judge(config);
    check::streams(config, tree, &*judge, problems, notes);
    let sections = config.without_effect();
    let sections = sections.iter().map(|section| Note::info(format!("{section}: not supported yet")));
    let log = config.log.foreign.iter();
    let log = log.map(|key| Note::warn(format!("{key}: not supported yet, the log goes to stdout")));
    let pushes = config.publish.pushes.keys();
    let pushes = pushes.map(|name| Note::warn(format!("publish.{name}: not supported yet")));
    notes.extend(sections.chain(log).chain(pushes));
    let more = [
        ("api.unix_listen: unix sockets are", !config.api.unix_listen.is_empty()),
        ("api.static_dir: other web pages are", !config.api.static_dir.is_empty()),
        ("api.allow_paths is", config.api.allow_paths.0),
        ("webrtc.filters is", config.webrtc.filters.0),
    ];
    let more = more.iter().filter(|(_, given)| *given);
    notes.extend(more.map(|(what, _)| Note::warn(format!("{what} not supported yet"))));
}

/// The settings in force as YAML, with secrets hidden.
pub fn shown(config: &Config) -> String {
    yaml::write(config)
}
