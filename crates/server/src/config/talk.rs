//! The talk stream of a stream as people write it: a device's URL, a list, keys, `true` or `false`.
use super::conflict::TalkConflict;
use super::supervision::SupervisionPart;
use super::values::{Interval, Texts};
use api::{TalkPlan, TalkTo};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;

/// The talk stream of a stream.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TalkEntry {
    /// Where it goes.
    pub to: TalkTo,
    /// What else is said of it.
    pub keys: TalkKeys,
}

/// The keys of a talk stream that is written as a map.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct TalkKeys {
    /// URLs of the devices, one or a list; each gets everything. Left out: the first source that can be talked to.
    #[serde(alias = "urls", skip_serializing_if = "nothing")]
    url: Texts,
    /// What a second talker gets.
    pub conflict: TalkConflict,
    /// Without sound for this long, the call is closed: devices hang up after 3 to 5 s by themselves, and complain.
    pub idle: Interval,
    /// The device cannot listen and speak at once: the stream's sound is held back while somebody talks.
    pub half_duplex: bool,
    /// How the device is tried again; what is left out is as for all calls: up to 8 s between two tries, and given up
    /// after 30 s until somebody talks again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supervision: Option<SupervisionPart>,
}

impl Default for TalkKeys {
    fn default() -> Self {
        Self {
            url: Texts::default(),
            conflict: TalkConflict::default(),
            idle: Interval(hub::OutputSpec::IDLE_DEFAULT),
            half_duplex: false,
            supervision: None,
        }
    }
}

fn nothing(texts: &Texts) -> bool {
    texts.0.is_empty()
}

impl TalkEntry {
    fn to(to: TalkTo) -> Self {
        Self { to, keys: TalkKeys::default() }
    }

    fn to_urls(urls: Vec<String>) -> Self {
        Self::to(if urls.is_empty() { TalkTo::Nowhere } else { TalkTo::Urls(urls) })
    }

    /// True when nothing is said of it.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The policy towards the device.
    pub(crate) fn policy(&self) -> Result<hub::Policy, api::PolicyError> {
        self.keys.supervision.clone().unwrap_or_default().over(hub::Policy::talk())
    }

    /// As the API takes it. The policy was checked when the configuration was read.
    pub fn plan(&self) -> TalkPlan {
        TalkPlan {
            to: self.to.clone(),
            conflict: self.keys.conflict.conflict(),
            idle: self.keys.idle.0,
            half_duplex: self.keys.half_duplex,
            policy: self.policy().unwrap_or_else(|_| hub::Policy::talk()),
        }
    }
}

impl<'de> Deserialize<'de> for TalkEntry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyShape;
        impl<'de> de::Visitor<'de> for AnyShape {
            type Value = TalkEntry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a device's URL, a list of them, keys such as `url`, `true` or `false`")
            }
            fn visit_unit<E: de::Error>(self) -> Result<TalkEntry, E> {
                Ok(TalkEntry::default())
            }
            fn visit_bool<E: de::Error>(self, said: bool) -> Result<TalkEntry, E> {
                Ok(TalkEntry::to(if said { TalkTo::AnySource } else { TalkTo::Nowhere }))
            }
            fn visit_str<E: de::Error>(self, url: &str) -> Result<TalkEntry, E> {
                let urls = Some(url.to_owned()).filter(|url| !url.is_empty()).into_iter().collect();
                Ok(TalkEntry::to_urls(urls))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, items: A) -> Result<TalkEntry, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(TalkEntry::to_urls)
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<TalkEntry, A::Error> {
                let mut keys = TalkKeys::deserialize(MapAccessDeserializer::new(map))?;
                let urls = std::mem::take(&mut keys.url).0;
                let to = if urls.is_empty() { TalkTo::AnySource } else { TalkTo::Urls(urls) };
                Ok(TalkEntry { to, keys })
            }
        }
        from.deserialize_any(AnyShape)
    }
}

impl Serialize for TalkEntry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let shown = match &self.to {
            TalkTo::Nowhere => return to.serialize_bool(false),
            TalkTo::MarkedSource | TalkTo::AnySource => Vec::new(),
            TalkTo::Urls(urls) => urls.iter().map(|url| api::mask::url(url)).collect(),
        };
        if self.keys == TalkKeys::default() {
            return match shown.as_slice() {
                [] => to.serialize_bool(true),
                [url] => to.serialize_str(url),
                urls => urls.serialize(to),
            };
        }
        TalkKeys { url: Texts(shown), ..self.keys.clone() }.serialize(to)
    }
}

impl JsonSchema for TalkEntry {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "TalkEntry".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let keys = generator.subschema_for::<TalkKeys>();
        json_schema!({ "anyOf": [
            { "type": ["string", "boolean", "null"] },
            { "type": "array", "items": { "type": "string" } },
            keys,
        ] })
    }
}
