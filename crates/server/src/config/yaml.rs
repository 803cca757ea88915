//! YAML text to a tree in which every value knows where it stands. The only module that sees the YAML library.
//!
//! Source: YAML 1.2.2. Scalars keep their text as written: a password of `0123` stays that.
use super::Problem;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};
use std::fmt;
use std::sync::Arc;

/// Where something stands in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) file: Arc<str>,
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value with its place. `id` is unique in a tree, so that an error can name the value it is about.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) id: u32,
    pub(crate) mark: Mark,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Map(Vec<Entry>),
}

/// A scalar as it was written, after unescaping.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// What YAML takes it for.
    pub(crate) sort: Sort,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sort {
    Text,
    Number,
    Bool(bool),
}

/// One key of a map with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u32,
    pub(crate) mark: Mark,
    pub(crate) key: String,
    pub(crate) value: Node,
}

/// Reads a file's text. `next_id` goes on over several files.
pub(crate) fn parse(file: &Arc<str>, text: &str, next_id: &mut u32) -> Result<Node, Problem> {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::Error };
    match serde_saphyr::from_str_with_options::<Option<Spanned<Raw>>>(text, options) {
        Ok(Some(raw)) => Ok(Place { file, text, next_id }.node(raw)),
        Ok(None) => {
            let mark = Mark { file: file.clone(), line: 1, column: 1 };
            Ok(Node { id: take(next_id), mark, kind: Kind::Null })
        }
        Err(error) => {
            let at = error.location().unwrap_or(Location::UNKNOWN);
            let mark = Mark { file: file.clone(), line: at.line().max(1), column: at.column().max(1) };
            let rendered = error.without_snippet().to_string();
            let message = rendered.split(" at line ").next().unwrap_or_default().trim().to_owned();
            Err(Problem { mark: Some(mark), message: format!("this is no YAML: {message}"), quotes: true })
        }
    }
}

fn take(next_id: &mut u32) -> u32 {
    *next_id += 1;
    *next_id
}

/// A value as the library gives it.
enum Raw {
    Null,
    Text(String),
    Number,
    Bool(bool),
    Sequence(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

struct Place<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    next_id: &'a mut u32,
}

impl Place<'_> {
    fn mark(&self, at: Location) -> Mark {
        Mark { file: self.file.clone(), line: at.line(), column: at.column() }
    }

    fn written(&self, at: Location) -> String {
        let span = at.span();
        let start = span.byte_offset().and_then(|at| usize::try_from(at).ok());
        let length = span.byte_len().and_then(|length| usize::try_from(length).ok());
        let written = start.zip(length).and_then(|(start, length)| self.text.get(start..start + length));
        written.unwrap_or_default().trim().to_owned()
    }

    fn node(&mut self, raw: Spanned<Raw>) -> Node {
        let id = take(self.next_id);
        let mark = self.mark(raw.referenced);
        let kind = match raw.value {
            Raw::Null => Kind::Null,
            Raw::Text(text) => Kind::Scalar(Scalar { text, sort: Sort::Text }),
            Raw::Number => Kind::Scalar(Scalar { text: self.written(raw.defined), sort: Sort::Number }),
            Raw::Bool(value) => {
                Kind::Scalar(Scalar { text: self.written(raw.defined), sort: Sort::Bool(value) })
            }
            Raw::Sequence(items) => Kind::Sequence(items.into_iter().map(|item| self.node(item)).collect()),
            Raw::Map(entries) => Kind::Map(entries.into_iter().map(|entry| self.entry(entry)).collect()),
        };
        Node { id, mark, kind }
    }

    fn entry(&mut self, (key, value): (Spanned<String>, Spanned<Raw>)) -> Entry {
        let id = take(self.next_id);
        let mark = self.mark(key.referenced);
        Entry { id, mark, key: key.value, value: self.node(value) }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyRaw;
        impl<'de> Visitor<'de> for AnyRaw {
            type Value = Raw;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
                Ok(Raw::Bool(value))
            }
            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Raw, E> {
                Ok(Raw::Number)
            }
            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Raw, E> {
                Ok(Raw::Number)
            }
            fn visit_i128<E: de::Error>(self, _: i128) -> Result<Raw, E> {
                Ok(Raw::Number)
            }
            fn visit_u128<E: de::Error>(self, _: u128) -> Result<Raw, E> {
                Ok(Raw::Number)
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Raw, E> {
                Ok(Raw::Number)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Raw, E> {
                Ok(Raw::Text(text.to_owned()))
            }
            fn visit_string<E: de::Error>(self, text: String) -> Result<Raw, E> {
                Ok(Raw::Text(text))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                Ok(Raw::Sequence(all))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    all.push(entry);
                }
                Ok(Raw::Map(all))
            }
        }
        from.deserialize_any(AnyRaw)
    }
}

/// Writes a value as YAML.
pub(crate) fn write<T: serde::Serialize>(value: &T) -> String {
    // Only maps with keys that are no texts cannot be written; there are none.
    serde_saphyr::to_string(value).unwrap_or_default()
}

impl Node {
    /// The value under a path of keys and indices, or as far down as there is one.
    pub(crate) fn nearest(&self, path: &[String]) -> &Mark {
        let Some((first, rest)) = path.split_first() else { return &self.mark };
        match &self.kind {
            Kind::Map(entries) => match entries.iter().find(|entry| entry.key == *first) {
                Some(entry) => entry.value.nearest(rest),
                None => &self.mark,
            },
            Kind::Sequence(items) => match first.parse::<usize>().ok().and_then(|index| items.get(index)) {
                Some(item) => item.nearest(rest),
                None => &self.mark,
            },
            Kind::Null | Kind::Scalar(_) => &self.mark,
        }
    }

    /// The value of a key, in a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            Kind::Null | Kind::Scalar(_) | Kind::Sequence(_) => None,
        }
    }

    /// Takes the value with this id (its own, or its key's) out of the tree. Returns where it stood, and its path.
    pub(crate) fn take_out(&mut self, id: u32, path: &mut Vec<String>) -> Option<Mark> {
        match &mut self.kind {
            Kind::Null | Kind::Scalar(_) => None,
            Kind::Map(entries) => {
                if let Some(index) = entries.iter().position(|entry| entry.id == id || entry.value.id == id) {
                    let entry = entries.remove(index);
                    path.push(entry.key);
                    return Some(if entry.id == id { entry.mark } else { entry.value.mark });
                }
                for entry in entries {
                    path.push(entry.key.clone());
                    if let Some(mark) = entry.value.take_out(id, path) {
                        return Some(mark);
                    }
                    path.pop();
                }
                None
            }
            Kind::Sequence(items) => {
                if let Some(index) = items.iter().position(|item| item.id == id) {
                    path.push(index.to_string());
                    return Some(items.remove(index).mark);
                }
                for (index, item) in items.iter_mut().enumerate() {
                    path.push(index.to_string());
                    if let Some(mark) = item.take_out(id, path) {
                        return Some(mark);
                    }
                    path.pop();
                }
                None
            }
        }
    }

    /// Puts `over` over this: maps key by key, `depth` levels deep; whatever else is replaced.
    pub(crate) fn merge(&mut self, over: Node, depth: usize) {
        match (&mut self.kind, over.kind) {
            (Kind::Map(base), Kind::Map(over)) if depth > 0 => {
                for entry in over {
                    match base.iter_mut().find(|known| known.key == entry.key) {
                        Some(known) => known.value.merge(entry.value, depth - 1),
                        None => base.push(entry),
                    }
                }
            }
            // A section without content leaves the earlier file's section as it is.
            (Kind::Map(_), Kind::Null) if depth > 0 => {}
            (kind, over_kind) => {
                *kind = over_kind;
                self.id = over.id;
                self.mark = over.mark;
            }
        }
    }
}
