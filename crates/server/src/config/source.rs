//! One source of a stream as people write it: a URL, or keys; and lists of them.
use super::supervision::SupervisionPart;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;

/// One source.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SourceEntry {
    /// Its URL.
    pub url: String,
    /// It stands in only while the sources before it fail.
    pub fallback: bool,
    /// How it is tried again, if otherwise than the stream's others.
    pub supervision: Option<SupervisionPart>,
}

/// The keys of a source that is written as a map.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct SourceKeys {
    /// Its URL.
    url: String,
    /// It stands in only while the sources before it fail, and gives way when they return.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fallback: bool,
    /// How it is tried again. What is left out is as in the stream's `supervision`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    supervision: Option<SupervisionPart>,
}

impl SourceEntry {
    /// A source of which only the URL is said.
    pub fn of(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }

    fn is_url(&self) -> bool {
        !self.fallback && self.supervision.is_none()
    }
}

impl<'de> Deserialize<'de> for SourceEntry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct UrlOrKeys;
        impl<'de> de::Visitor<'de> for UrlOrKeys {
            type Value = SourceEntry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a source's URL, or keys such as `url`")
            }
            fn visit_str<E: de::Error>(self, url: &str) -> Result<SourceEntry, E> {
                Ok(SourceEntry::of(url))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<SourceEntry, A::Error> {
                let SourceKeys { url, fallback, supervision } =
                    SourceKeys::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SourceEntry { url, fallback, supervision })
            }
        }
        from.deserialize_any(UrlOrKeys)
    }
}

/// Writes itself without credentials.
impl Serialize for SourceEntry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let url = api::mask::url(&self.url);
        if self.is_url() {
            return to.serialize_str(&url);
        }
        SourceKeys { url, fallback: self.fallback, supervision: self.supervision.clone() }.serialize(to)
    }
}

impl JsonSchema for SourceEntry {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "SourceEntry".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let keys = generator.subschema_for::<SourceKeys>();
        json_schema!({ "anyOf": [{ "type": "string" }, keys] })
    }
}

/// One source, a list of them, or nothing.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sources(pub Vec<SourceEntry>);

impl Sources {
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when nothing but URLs is said.
    pub(super) fn are_urls(&self) -> bool {
        self.0.iter().all(SourceEntry::is_url)
    }
}

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> de::Visitor<'de> for OneOrMany {
            type Value = Sources;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a source's URL, keys such as `url`, or a list of them")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Sources, E> {
                Ok(Sources::default())
            }
            fn visit_str<E: de::Error>(self, url: &str) -> Result<Sources, E> {
                Ok(Sources(vec![SourceEntry::of(url)]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, items: A) -> Result<Sources, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(Sources)
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Sources, A::Error> {
                SourceEntry::deserialize(MapAccessDeserializer::new(map)).map(|source| Sources(vec![source]))
            }
        }
        from.deserialize_any(OneOrMany)
    }
}

impl Serialize for Sources {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [source] if source.is_url() => source.serialize(to),
            sources => sources.serialize(to),
        }
    }
}

impl JsonSchema for Sources {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Sources".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let source = generator.subschema_for::<SourceEntry>();
        json_schema!({ "anyOf": [{ "type": "null" }, source, { "type": "array", "items": source }] })
    }
}
