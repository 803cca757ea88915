//! What types alone do not tell of streams: names, URLs, policies, and talk streams that are in each other's way.
use super::recording::RecordKeys;
use super::source::SourceEntry;
use super::streams::StreamEntry;
use super::supervision::SupervisionPart;
use super::yaml::{Kind, Node};
use super::{Config, Judge, Note, Problem, Verdict, nearest};
use api::TalkTo;
use media::StreamName;
use std::collections::BTreeMap;

/// The names that a stream's list of sources goes by.
const SOURCE_KEYS: [&str; 4] = ["url", "urls", "source", "sources"];

/// Looks at the streams; what is of a kind not supported yet is left out.
pub(super) fn streams(
    config: &mut Config,
    tree: &Node,
    judge: &dyn Judge,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Note>,
) {
    let mut check = Check { tree, judge, problems, notes };
    let policy = config.supervision.policy();
    let names: Vec<String> = config.streams.keys().cloned().collect();
    for name in &names {
        if let Err(error) = StreamName::new(name) {
            check.wrong(&["streams", name], format!("`streams.{name}`: {error}"));
        }
    }
    for name in config.preload.keys() {
        if !config.streams.contains_key(name) {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let hint =
                nearest(name, &known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            check.wrong(
                &["preload", name],
                format!("`preload.{name}`: there is no stream of this name{hint}"),
            );
        }
    }
    let storages: Vec<String> = config.recording.storages().into_iter().map(|storage| storage.name).collect();
    check.storages(&storages);
    for (name, entry) in &mut config.streams {
        check.sources(name, entry);
        check.policies(name, entry, policy);
        check.talk(name, entry);
        check.recordings(name, entry, &storages);
    }
    check.talk_names(&config.streams);
}

struct Check<'a> {
    tree: &'a Node,
    judge: &'a dyn Judge,
    problems: &'a mut Vec<Problem>,
    notes: &'a mut Vec<Note>,
}

impl Check<'_> {
    /// Each storage has a name of its own.
    fn storages(&mut self, names: &[String]) {
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                self.wrong(
                    &["recording", "storages"],
                    format!("`recording.storages`: there are two storages {name:?}"),
                );
            }
        }
    }

    /// What is recorded of a stream goes where there is something, under names that tell it apart.
    fn recordings(&mut self, name: &str, entry: &StreamEntry, storages: &[String]) {
        let path = ["streams", name, "record"];
        for (index, keys) in entry.record.0.iter().enumerate() {
            if let Some(storage) = keys.storage.as_ref().filter(|storage| !storages.contains(storage)) {
                let known: Vec<&str> = storages.iter().map(String::as_str).collect();
                let hint = nearest(storage, &known)
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                self.wrong(&path, format!("`streams.{name}.record`: there is no storage {storage:?}{hint}"));
            }
            if let Some(Err(error)) = keys.files.as_deref().map(recorder::PathTemplate::new) {
                self.wrong(&path, format!("`streams.{name}.record.files`: {error}"));
            }
            if let Some(Err(error)) = keys.hours() {
                self.wrong(&path, format!("`streams.{name}.record.schedule`: {error}"));
            }
            let overlap = |other: &&RecordKeys| match (other.hours(), keys.hours()) {
                (Some(Ok(other)), Some(Ok(hours))) => other.overlaps(&hours),
                (Some(Err(_)), _) | (_, Some(Err(_))) => false,
                (None, _) | (_, None) => true,
            };
            let mut alike = entry.record.0[..index].iter().filter(|other| other.format == keys.format);
            if alike.any(|other| overlap(&other)) {
                let why = "two recordings of one format at the same time are one too many: another `format`, or a \
                           `schedule` for each, with hours that do not overlap";
                self.wrong(&path, format!("`streams.{name}.record`: {why}"));
            }
        }
    }

    fn wrong(&mut self, path: &[&str], message: String) {
        self.problem(path, message, false);
    }

    /// What is said of a URL may quote it.
    fn wrong_url(&mut self, path: &[&str], message: String) {
        self.problem(path, message, true);
    }

    fn problem(&mut self, path: &[&str], message: String, quotes: bool) {
        let path: Vec<String> = path.iter().map(|&segment| segment.to_owned()).collect();
        self.problems.push(Problem { mark: Some(self.tree.nearest(&path).clone()), message, quotes });
    }

    /// The path of a source, for its place in the file.
    fn place(&self, name: &str, keys: &[&str], index: usize) -> Vec<String> {
        let mut path = vec!["streams".to_owned(), name.to_owned()];
        let mut at = self.tree.get("streams").and_then(|streams| streams.get(name));
        let key = keys.iter().find(|key| at.is_some_and(|node| node.get(key).is_some()));
        if let Some(key) = key {
            path.push((*key).to_owned());
            at = at.and_then(|node| node.get(key));
        }
        if at.is_some_and(|node| matches!(node.kind, Kind::Sequence(_))) {
            path.push(index.to_string());
        }
        path
    }

    fn sources(&mut self, name: &str, entry: &mut StreamEntry) {
        let lists =
            [(&SOURCE_KEYS[..], &mut entry.sources.0, false), (&["fallback"], &mut entry.fallback.0, true)];
        for (keys, list, fallback) in lists {
            let mut index = 0;
            list.retain(|source| {
                let place = self.place(name, keys, index);
                index += 1;
                self.source(name, source, fallback || source.fallback, place)
            });
        }
    }

    /// False for a source to leave out.
    fn source(&mut self, name: &str, source: &SourceEntry, fallback: bool, mut place: Vec<String>) -> bool {
        place.push("url".to_owned());
        let path: Vec<&str> = place.iter().map(String::as_str).collect();
        match self.judge.source(&source.url) {
            Verdict::Good => true,
            Verdict::NotYet | Verdict::Wrong(_) if self.judge.can_talk_to(&source.url) => {
                if fallback {
                    let shown = api::mask::url(&source.url);
                    let why = "is a device that is talked to: it cannot stand in for a source";
                    self.wrong(&path, format!("`streams.{name}`: {shown} {why}"));
                }
                true
            }
            Verdict::NotYet => {
                let shown = api::mask::url(&source.url);
                let why = "is of a kind not supported yet, and left out";
                self.notes.push(Note::warn(format!("streams.{name}: the source {shown} {why}")));
                false
            }
            Verdict::Wrong(why) => {
                self.wrong_url(&path, format!("`streams.{name}`: {why}"));
                true
            }
        }
    }

    fn policies(&mut self, name: &str, entry: &StreamEntry, around: hub::Policy) {
        let whole = entry.supervision.clone().unwrap_or_default().over(around);
        if let Err(error) = &whole {
            let path = ["streams", name, "supervision", error.key];
            self.wrong(&path, format!("`streams.{name}.supervision`: {error}"));
        }
        let around = whole.unwrap_or(around);
        for (keys, list) in [(&SOURCE_KEYS[..], &entry.sources.0), (&["fallback"], &entry.fallback.0)] {
            for (index, source) in list.iter().enumerate() {
                let part: Option<&SupervisionPart> = source.supervision.as_ref();
                let Some(Err(error)) = part.map(|part| part.over(around)) else { continue };
                let mut place = self.place(name, keys, index);
                let said = format!("`{}.supervision`: {error}", place.join("."));
                place.extend(["supervision".to_owned(), error.key.to_owned()]);
                let path: Vec<&str> = place.iter().map(String::as_str).collect();
                self.wrong(&path, said);
            }
        }
    }

    fn talk(&mut self, name: &str, entry: &mut StreamEntry) {
        let path = ["streams", name, "talk"];
        if let Err(error) = entry.talk.policy() {
            let path = ["streams", name, "talk", "supervision", error.key];
            self.wrong(&path, format!("`streams.{name}.talk.supervision`: {error}"));
        }
        if entry.talk.keys.idle.0.is_zero() {
            let path = ["streams", name, "talk", "idle"];
            self.wrong(&path, format!("`streams.{name}.talk.idle`: must be longer than 0"));
        }
        let urls = self.talk_urls(entry);
        if urls.is_empty() && entry.talk.to == TalkTo::AnySource {
            let why = "none of the stream's sources can be talked to: write the device's URL here";
            self.wrong(&path, format!("`streams.{name}.talk`: {why}"));
        }
        for url in urls {
            match self.judge.device(&url) {
                Verdict::Good => {}
                Verdict::NotYet => {
                    let shown = api::mask::url(&url);
                    let why = "cannot be talked to yet, and is left out";
                    self.notes.push(Note::warn(format!("streams.{name}.talk: {shown} {why}")));
                    if let TalkTo::Urls(urls) = &mut entry.talk.to {
                        urls.retain(|given| *given != url);
                    }
                }
                Verdict::Wrong(why) => self.wrong_url(&path, format!("`streams.{name}.talk`: {why}")),
            }
        }
    }

    fn talk_urls(&self, entry: &StreamEntry) -> Vec<String> {
        let sources = entry.all().map(|(source, _)| source.url.as_str());
        entry.talk.to.urls(sources, |url| self.judge.can_talk_to(url))
    }

    /// A stream of its own may be called `NAME/talk`, unless NAME has a talk stream.
    fn talk_names(&mut self, streams: &BTreeMap<String, StreamEntry>) {
        for (name, entry) in streams {
            if self.talk_urls(entry).is_empty() {
                continue;
            }
            let talk = format!("{name}/talk");
            if streams.contains_key(&talk) {
                let why =
                    format!("this is the name of the talk stream of `{name}`, which has a device to talk to");
                self.wrong(&["streams", &talk], format!("`streams.{talk}`: {why}"));
            } else if StreamName::new(name).is_ok_and(|name| hub::talk_name(&name).is_none()) {
                let why = "the name is too long to have a talk stream, which would be called NAME/talk";
                self.wrong(&["streams", name], format!("`streams.{name}`: {why}"));
            }
        }
    }
}
