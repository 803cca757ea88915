//! Tree to typed values: a serde deserializer whose errors name the value they are about, and a loop that goes on
//! after each error, so that all of them are said at once.
use super::Problem;
use super::nearest::nearest;
use super::yaml::{Entry, Kind, Mark, Node, Scalar, Sort};
use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, Visitor};
use std::fmt;

/// Problems after which no more are looked for: nobody reads the hundredth.
const PROBLEMS_MAX: usize = 100;

/// Decodes a tree; what is wrong is taken out of it and goes to `problems`.
pub(crate) fn decode<T: DeserializeOwned>(tree: &mut Node, problems: &mut Vec<Problem>) -> Option<T> {
    for _ in 0..PROBLEMS_MAX {
        let error = match T::deserialize(Cursor(tree)) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let mut path = Vec::new();
        let mark = error.node.and_then(|id| tree.take_out(id, &mut path));
        let Some(mark) = mark else {
            problems.push(error.what.problem(tree.mark.clone(), &path));
            return None;
        };
        problems.push(error.what.problem(mark, &path));
    }
    None
}

/// Keys of streams that people look for elsewhere: with one of them in a wrong section go2rtc ended at its start.
const OF_STREAMS: [&str; 1] = ["record"];

/// Where a key belongs that is known to be put elsewhere.
fn belongs(key: &str) -> Option<String> {
    OF_STREAMS.contains(&key).then(|| format!("it belongs to a stream, as `streams.NAME.{key}`"))
}

/// Why a value could not be taken.
#[derive(Debug)]
pub(crate) struct DecodeError {
    node: Option<u32>,
    what: What,
}

#[derive(Debug)]
enum What {
    UnknownKey { key: String, known: &'static [&'static str] },
    UnknownWord { word: String, known: &'static [&'static str] },
    Other(String),
}

impl What {
    fn problem(&self, mark: Mark, path: &[String]) -> Problem {
        let quotes = matches!(self, What::Other(_));
        Problem { mark: Some(mark), message: self.say(path), quotes }
    }

    fn say(&self, path: &[String]) -> String {
        let place = |path: &[String]| {
            if path.is_empty() { "the file".to_owned() } else { format!("`{}`", path.join(".")) }
        };
        match self {
            What::UnknownKey { key, known } => {
                let parent = place(&path[..path.len().saturating_sub(1)]);
                match (belongs(key), nearest(key, known)) {
                    (Some(place), _) => format!("unknown key `{key}` in {parent}: {place}"),
                    (None, Some(near)) => format!("unknown key `{key}` in {parent}: did you mean `{near}`?"),
                    (None, None) => format!("unknown key `{key}` in {parent}: it takes {}", list(known)),
                }
            }
            What::UnknownWord { word, known } => {
                let hint = nearest(word, known).map(|near| format!("; did you mean `{near}`?"));
                let hint = hint.unwrap_or_default();
                format!("{}: `{word}` is none of {}{hint}", place(path), list(known))
            }
            What::Other(message) => {
                // Where names are free, such a key is taken for one; what is wrong with streams says so itself.
                let belongs = match path {
                    [section, name] if section != "streams" => {
                        belongs(name).map(|place| format!("; for a key, {place}"))
                    }
                    _ => None,
                };
                format!("{}: {message}{}", place(path), belongs.unwrap_or_default())
            }
        }
    }
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

impl DecodeError {
    fn at(mut self, id: u32) -> Self {
        self.node.get_or_insert(id);
        self
    }

    fn other(message: impl Into<String>) -> Self {
        Self { node: None, what: What::Other(message.into()) }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what.say(&[]))
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::other(message.to_string())
    }
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self { node: None, what: What::UnknownKey { key: field.to_owned(), known: expected } }
    }
    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self { node: None, what: What::UnknownWord { word: variant.to_owned(), known: expected } }
    }
    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = if let de::Unexpected::Str(text) = unexpected {
            format!("the text {text:?}")
        } else if matches!(unexpected, de::Unexpected::Unit | de::Unexpected::Option) {
            "nothing".to_owned()
        } else if matches!(unexpected, de::Unexpected::Map) {
            "keys and values".to_owned()
        } else if matches!(unexpected, de::Unexpected::Seq) {
            "a list".to_owned()
        } else {
            unexpected.to_string()
        };
        Self::other(format!("{expected} is wanted here, not {found}"))
    }
    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }
}

/// Reads one value of the tree.
pub(crate) struct Cursor<'a>(&'a Node);

impl<'a> Cursor<'a> {
    fn unexpected(&self) -> de::Unexpected<'a> {
        match &self.0.kind {
            Kind::Null => de::Unexpected::Unit,
            Kind::Scalar(Scalar { sort: Sort::Bool(value), .. }) => de::Unexpected::Bool(*value),
            Kind::Scalar(Scalar { text, .. }) => de::Unexpected::Str(text),
            Kind::Sequence(_) => de::Unexpected::Seq,
            Kind::Map(_) => de::Unexpected::Map,
        }
    }

    fn wrong<T>(&self, expected: &'static str) -> Result<T, DecodeError> {
        Err(<DecodeError as de::Error>::invalid_type(self.unexpected(), &expected))
    }

    fn parsed<T: std::str::FromStr>(&self, expected: &'static str) -> Result<T, DecodeError> {
        let Kind::Scalar(scalar) = &self.0.kind else { return self.wrong(expected) };
        match scalar.text.replace('_', "").parse() {
            Ok(value) => Ok(value),
            Err(_) => self.wrong(expected),
        }
    }

    fn unsigned(&self, max: u64, expected: &'static str) -> Result<u64, DecodeError> {
        let value: u64 = self.parsed(expected)?;
        if value > max {
            return Err(DecodeError::other(format!("{value} is more than {max}, the most there can be")));
        }
        Ok(value)
    }
}

macro_rules! numbers {
    ($($method:ident, $visit:ident, $type:ty, $expected:literal;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let id = self.0.id;
            self.parsed::<$type>($expected).and_then(|value| visitor.$visit(value)).map_err(|e| e.at(id))
        }
    )+};
}

macro_rules! unsigned_numbers {
    ($($method:ident, $type:ty;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let id = self.0.id;
            let value = self.unsigned(u64::from(<$type>::MAX), "a whole number, 0 or more");
            value.and_then(|value| visitor.visit_u64(value)).map_err(|e| e.at(id))
        }
    )+};
}

impl<'de> de::Deserializer<'de> for Cursor<'de> {
    type Error = DecodeError;

    numbers! {
        deserialize_i8, visit_i8, i8, "a whole number";
        deserialize_i16, visit_i16, i16, "a whole number";
        deserialize_i32, visit_i32, i32, "a whole number";
        deserialize_i64, visit_i64, i64, "a whole number";
        deserialize_f32, visit_f32, f32, "a number";
        deserialize_f64, visit_f64, f64, "a number";
    }

    unsigned_numbers! {
        deserialize_u8, u8;
        deserialize_u16, u16;
        deserialize_u32, u32;
        deserialize_u64, u64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let value = match &self.0.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Scalar(Scalar { sort: Sort::Bool(value), .. }) => visitor.visit_bool(*value),
            Kind::Scalar(Scalar { sort: Sort::Number, text }) => match (text.parse::<i64>(), text.parse()) {
                (Ok(value), _) => visitor.visit_i64(value),
                (Err(_), Ok(value)) => visitor.visit_f64(value),
                (Err(_), Err(_)) => visitor.visit_str(text),
            },
            Kind::Scalar(Scalar { sort: Sort::Text, text }) => visitor.visit_str(text),
            Kind::Sequence(items) => {
                let mut items = SeqDeserializer::new(items.iter());
                visitor.visit_seq(&mut items)
            }
            Kind::Map(entries) => visitor.visit_map(Entries { rest: entries.iter(), value: None }),
        };
        value.map_err(|e| e.at(self.0.id))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let value = match &self.0.kind {
            Kind::Scalar(Scalar { sort: Sort::Bool(value), .. }) => visitor.visit_bool(*value),
            Kind::Scalar(Scalar { text, .. }) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => visitor.visit_bool(true),
                "false" | "no" | "off" | "0" | "" => visitor.visit_bool(false),
                _ => self.wrong("`true` or `false`"),
            },
            Kind::Null | Kind::Sequence(_) | Kind::Map(_) => self.wrong("`true` or `false`"),
        };
        value.map_err(|e| e.at(self.0.id))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let value = match &self.0.kind {
            // Whatever is written, also a number: a password may look like one.
            Kind::Scalar(scalar) => visitor.visit_str(&scalar.text),
            Kind::Null => visitor.visit_str(""),
            Kind::Sequence(_) | Kind::Map(_) => self.wrong("a text"),
        };
        value.map_err(|e| e.at(self.0.id))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0.kind {
            Kind::Null => visitor.visit_none(),
            Kind::Scalar(_) | Kind::Sequence(_) | Kind::Map(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0.kind {
            Kind::Sequence(_) => self.deserialize_any(visitor),
            Kind::Null => visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<&Node>())),
            Kind::Scalar(_) | Kind::Map(_) => {
                let id = self.0.id;
                self.wrong("a list").map_err(|e| e.at(id))
            }
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0.kind {
            Kind::Map(_) => self.deserialize_any(visitor),
            Kind::Null => visitor
                .visit_map(MapDeserializer::new(
                    std::iter::empty::<(StringDeserializer<DecodeError>, &Node)>(),
                )),
            Kind::Scalar(_) | Kind::Sequence(_) => {
                let id = self.0.id;
                self.wrong("a section with keys and values").map_err(|e| e.at(id))
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let id = self.0.id;
        let value = match &self.0.kind {
            Kind::Scalar(scalar) => visitor.visit_enum(Word(&scalar.text)),
            Kind::Null => visitor.visit_enum(Word("")),
            Kind::Sequence(_) | Kind::Map(_) => self.wrong("one word"),
        };
        value.map_err(|e| e.at(id))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

impl<'de> IntoDeserializer<'de, DecodeError> for &'de Node {
    type Deserializer = Cursor<'de>;
    fn into_deserializer(self) -> Cursor<'de> {
        Cursor(self)
    }
}

struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = DecodeError;
    type Variant = <StrDeserializer<'de, DecodeError> as EnumAccess<'de>>::Variant;
    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), DecodeError> {
        let text: StrDeserializer<'de, DecodeError> = self.0.into_deserializer();
        text.variant_seed(seed)
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, Entry>,
    value: Option<&'a Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some(entry) = self.rest.next() else { return Ok(None) };
        self.value = Some(&entry.value);
        let key: StrDeserializer<'de, DecodeError> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|e| e.at(entry.id))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        let Some(node) = self.value.take() else {
            return Err(DecodeError::other("a value before its key"));
        };
        seed.deserialize(Cursor(node)).map_err(|e| e.at(node.id))
    }
}
