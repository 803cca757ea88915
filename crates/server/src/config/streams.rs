//! Streams as people write them, and go2rtc does: a URL, a list, keys, or nothing.
use super::conflict::ConflictWord;
use super::recording::RecordEntry;
use super::source::{SourceEntry, Sources};
use super::supervision::SupervisionPart;
use super::talk::TalkEntry;
use super::values::Interval;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;

/// One stream.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StreamEntry {
    /// Sources, in order of preference; none: somebody publishes into it.
    pub sources: Sources,
    /// Sources that stand in while those fail.
    pub fallback: Sources,
    /// Run it also without viewers.
    pub preload: bool,
    /// How long a source outlasts its last viewer, if otherwise than the rest.
    pub linger: Option<Interval>,
    /// What a second publisher gets, if otherwise than the rest.
    pub conflict: Option<ConflictWord>,
    /// How its sources are tried again, if otherwise than the rest.
    pub supervision: Option<SupervisionPart>,
    /// Its talk stream.
    pub talk: TalkEntry,
    /// What of it is recorded.
    pub record: RecordEntry,
}

/// The keys of a stream that is written as a map.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
struct StreamKeys {
    /// Sources in order of preference: a URL, a list of URLs, or keys in place of a URL: `url`, `fallback`, `supervision`.
    #[serde(alias = "urls", alias = "source", alias = "sources", skip_serializing_if = "Sources::is_empty")]
    url: Sources,
    /// Sources that stand in only while those above fail, such as a slate: as `fallback: true` beside their URL.
    #[serde(skip_serializing_if = "Sources::is_empty")]
    fallback: Sources,
    /// Run it also without viewers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    preload: bool,
    /// The opposite of `preload`: with `false`, it runs also without viewers.
    #[serde(skip_serializing)]
    on_demand: Option<bool>,
    /// A source stops this long after its last viewer left. Left out: `limits.source_linger`.
    #[serde(skip_serializing_if = "Option::is_none")]
    linger: Option<Interval>,
    /// What a second publisher gets. Left out: `publish.conflict`.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<ConflictWord>,
    /// How its sources are tried again. What is left out is as in the section `supervision`.
    #[serde(skip_serializing_if = "Option::is_none")]
    supervision: Option<SupervisionPart>,
    /// Its talk stream, `NAME/talk`, which flows to a loudspeaker: a device's URL, a list of them, or keys: `url`,
    /// `conflict`, `idle`, `half_duplex`, `supervision`. `true`: the first source that can be talked to. `false`: none.
    /// Left out: the first source with `isapi:` or `homekit:`, or RTSP or `exec:` with `#backchannel=1`, if there is one. go2rtc asks every
    /// RTSP camera for its back channel; here only those of which the configuration says so, since asking makes some
    /// cameras end what they send.
    #[serde(skip_serializing_if = "TalkEntry::is_default")]
    talk: TalkEntry,
    /// Record it: `true`, or keys, or a list of keys for several recordings at once. With it, its source runs also without
    /// viewers.
    #[serde(skip_serializing_if = "RecordEntry::is_empty")]
    record: RecordEntry,
}

impl StreamKeys {
    fn entry<E: de::Error>(self) -> Result<StreamEntry, E> {
        if self.preload && self.on_demand == Some(true) {
            return Err(E::custom(
                "`preload: true` and `on_demand: true` are opposites: one of them is wrong",
            ));
        }
        Ok(StreamEntry {
            sources: self.url,
            fallback: self.fallback,
            preload: self.preload || self.on_demand == Some(false),
            linger: self.linger,
            conflict: self.conflict,
            supervision: self.supervision,
            talk: self.talk,
            record: self.record,
        })
    }
}

impl StreamEntry {
    /// A stream with this one source.
    pub fn of(url: &str) -> Self {
        Self { sources: Sources(vec![SourceEntry::of(url)]), ..Self::default() }
    }

    /// All sources in order, each with whether it stands in only while others fail.
    pub fn all(&self) -> impl Iterator<Item = (&SourceEntry, bool)> + Clone {
        let own = self.sources.0.iter().map(|source| (source, source.fallback));
        own.chain(self.fallback.0.iter().map(|source| (source, true)))
    }

    fn has_only_sources(&self) -> bool {
        *self == Self { sources: self.sources.clone(), ..Self::default() }
    }
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
                Ok(if url.is_empty() { StreamEntry::default() } else { StreamEntry::of(url) })
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<StreamEntry, E> {
                Err(E::custom(format_args!(
                    "a stream is a URL, a list of URLs, keys such as `url`, or nothing, but not `{value}`; if this is \
                     meant for a stream, such as `record: true`, it belongs under that stream's name, beside `url`"
                )))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, items: A) -> Result<StreamEntry, A::Error> {
                let sources = Sources(Vec::deserialize(SeqAccessDeserializer::new(items))?);
                Ok(StreamEntry { sources, ..StreamEntry::default() })
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<StreamEntry, A::Error> {
                StreamKeys::deserialize(MapAccessDeserializer::new(map))?.entry()
            }
        }
        from.deserialize_any(AnyShape)
    }
}

impl Serialize for StreamEntry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.has_only_sources() && self.sources.is_empty() {
            return to.serialize_unit();
        }
        if self.has_only_sources() && self.sources.are_urls() {
            return self.sources.serialize(to);
        }
        let keys = StreamKeys {
            url: self.sources.clone(),
            fallback: self.fallback.clone(),
            preload: self.preload,
            on_demand: None,
            linger: self.linger,
            conflict: self.conflict,
            supervision: self.supervision.clone(),
            talk: self.talk.clone(),
            record: self.record.clone(),
        };
        keys.serialize(to)
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
        let source = generator.subschema_for::<SourceEntry>();
        json_schema!({ "anyOf": [
            { "type": ["string", "null"] },
            { "type": "array", "items": source },
            keys,
        ] })
    }
}
