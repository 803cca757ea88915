//! Streams as people write them, and go2rtc does: a URL, a list, keys, or nothing.
use super::sections::{Foreign, SupervisionSection};
use super::values::Texts;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// One stream.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StreamEntry {
    /// Source URLs, in order of preference; none: somebody publishes into it.
    pub sources: Vec<String>,
    /// Run it also without viewers.
    pub preload: bool,
    /// Somebody wants it recorded.
    pub record: bool,
    /// How its sources are tried again, if otherwise than the rest.
    pub supervision: Option<SupervisionSection>,
}

/// The keys of a stream that is written as a map.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
struct StreamKeys {
    /// Source URLs, one or a list.
    #[serde(alias = "urls", alias = "source", alias = "sources", skip_serializing_if = "nothing")]
    url: Texts,
    /// Run it also without viewers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    preload: bool,
    /// Not supported yet.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    record: Foreign,
    /// How its sources are tried again, if otherwise than the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    supervision: Option<SupervisionSection>,
}

fn nothing(texts: &Texts) -> bool {
    texts.0.is_empty()
}

impl<'de> Deserialize<'de> for StreamEntry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyShape;
        impl<'de> de::Visitor<'de> for AnyShape {
            type Value = StreamEntry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL, a list of URLs, keys such as `url`, or nothing")
            }
            fn visit_unit<E: de::Error>(self) -> Result<StreamEntry, E> {
                Ok(StreamEntry::default())
            }
            fn visit_str<E: de::Error>(self, url: &str) -> Result<StreamEntry, E> {
                let sources = Some(url.to_owned()).filter(|url| !url.is_empty()).into_iter().collect();
                Ok(StreamEntry { sources, ..StreamEntry::default() })
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<StreamEntry, E> {
                Err(E::custom(format_args!(
                    "a stream is a URL, a list of URLs, keys such as `url`, or nothing, but not `{value}`; if this is \
                     meant for a stream, such as `record: true`, it belongs under that stream's name, beside `url`"
                )))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, items: A) -> Result<StreamEntry, A::Error> {
                let sources = Vec::deserialize(SeqAccessDeserializer::new(items))?;
                Ok(StreamEntry { sources, ..StreamEntry::default() })
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<StreamEntry, A::Error> {
                let keys = StreamKeys::deserialize(MapAccessDeserializer::new(map))?;
                Ok(StreamEntry {
                    sources: keys.url.0,
                    preload: keys.preload,
                    record: keys.record.0,
                    supervision: keys.supervision,
                })
            }
        }
        from.deserialize_any(AnyShape)
    }
}

impl Serialize for StreamEntry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let shown: Vec<String> = self.sources.iter().map(|url| api::mask::url(url)).collect();
        if self.preload || self.record || self.supervision.is_some() {
            let keys = StreamKeys {
                url: Texts(shown),
                preload: self.preload,
                record: Foreign(self.record),
                supervision: self.supervision.clone(),
            };
            return keys.serialize(to);
        }
        match shown.as_slice() {
            [] => to.serialize_unit(),
            [url] => to.serialize_str(url),
            urls => urls.serialize(to),
        }
    }
}

impl JsonSchema for StreamEntry {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "StreamEntry".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let keys = generator.subschema_for::<StreamKeys>();
        json_schema!({ "anyOf": [
            { "type": ["string", "null"] },
            { "type": "array", "items": { "type": "string" } },
            keys,
        ] })
    }
}

/// What a second publisher of one name gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ConflictWord {
    /// It is refused while the first is there.
    #[default]
    Refuse,
    /// It takes over; readers stay.
    Replace,
}

/// Publishing. go2rtc has streams to push out here: those are read and left alone.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct PublishSection {
    /// What a second publisher of one stream gets: `refuse` sends it away, `replace` lets it take over.
    pub conflict: ConflictWord,
    /// Streams that go2rtc would push out.
    #[serde(skip)]
    #[schemars(skip)]
    pub pushes: BTreeMap<String, Texts>,
}

impl<'de> Deserialize<'de> for PublishSection {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Section;
        impl<'de> de::Visitor<'de> for Section {
            type Value = PublishSection;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a section with keys and values")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<PublishSection, A::Error> {
                let mut section = PublishSection::default();
                while let Some(key) = map.next_key::<String>()? {
                    if key == "conflict" {
                        section.conflict = map.next_value()?;
                    } else {
                        section.pushes.insert(key, map.next_value()?);
                    }
                }
                Ok(section)
            }
        }
        from.deserialize_map(Section)
    }
}
