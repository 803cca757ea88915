//! What `PUT /api/v1/streams/{name}` takes. A key that is left out leaves things as they are; `null` is the default.
use crate::catalogue::{Change, Preload, SourceChange};
use crate::plan::{TalkPlan, TalkTo};
use crate::policy::{PolicyError, PolicyPart};
use hub::{Conflict, Policy};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::time::Duration;
use utoipa::ToSchema;

/// What a stream is to be. What is left out stays as it is, or is the default if the stream is new; `null` is the default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamBody {
    /// Sources in order of preference, each a URL or keys. Empty: somebody publishes into it. One that is only a URL and
    /// was there before keeps what was said of it.
    #[schema(value_type = Option<Vec<SourceBody>>)]
    sources: Option<Vec<SourceItem>>,
    /// Run it also without readers. Default: no.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    preload: Option<Option<bool>>,
    /// How its sources are tried again, over what the configuration says for all.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<PolicyBody>)]
    supervision: Option<Option<PolicyBody>>,
    /// How long a source outlasts its last reader. Default: as the configuration says (`limits.source_linger`).
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    linger_ms: Option<Option<u64>>,
    /// What a second publisher gets: `refuse`, `replace` or `queue`. Default: as the configuration says
    /// (`publish.conflict`).
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<ConflictBody>)]
    conflict: Option<Option<ConflictBody>>,
    /// Its talk stream `NAME/talk`: a device's URL, several, keys, `true` (the first source that can be talked to) or
    /// `false` (none). Default: the first source that says of itself that it is talked to: `isapi:`, `homekit:` (without
    /// `#backchannel=0`), or RTSP or a program with `#backchannel=1`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<TalkBody>)]
    talk: Option<Option<TalkItem>>,
}

/// A source with what is said of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceBody {
    /// Its URL.
    url: String,
    /// It stands in only while the sources before it fail.
    #[serde(default)]
    fallback: bool,
    /// How it is tried again, over what the stream says.
    supervision: Option<PolicyBody>,
}

/// How failing sources are tried again. What is left out is as in the policy around it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyBody {
    /// Wait after the first failure; more than 0.
    start_ms: Option<u64>,
    /// Each further wait is this many times the one before, 1 to 100.
    factor: Option<f64>,
    /// Longest wait; not less than `start_ms`.
    ceiling_ms: Option<u64>,
    /// Share by which waits are changed at random, 0 to 1.
    jitter: Option<f64>,
    /// Failing for this long in all, a source gives up; 0: never.
    budget_ms: Option<u64>,
    /// Media must flow for this long before a failure counts as the first again.
    steady_ms: Option<u64>,
}

/// What a second publisher gets. Only talk streams mix.
#[derive(Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ConflictBody {
    /// It is refused while the first is there.
    Refuse,
    /// It takes over.
    Replace,
    /// It waits for its turn.
    Queue,
    /// Both are heard.
    Mix,
}

/// A talk stream with what is said of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TalkBody {
    /// The device's URL. Without any, the first source that can be talked to.
    url: Option<String>,
    /// Several devices, which all get everything.
    #[serde(default)]
    urls: Vec<String>,
    /// What a second talker gets. Default: `refuse`.
    conflict: Option<ConflictBody>,
    /// Without sound for this long, the call is closed. Default: 2500.
    idle_ms: Option<u64>,
    /// The device cannot listen and speak at once: the stream's sound is held back while somebody talks.
    #[serde(default)]
    half_duplex: bool,
    /// How the device is tried again, over the policy for calls.
    supervision: Option<PolicyBody>,
}

/// Tells a key that is `null` from one that is left out.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// A URL, or keys.
struct SourceItem(SourceChange);

impl<'de> Deserialize<'de> for SourceItem {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct UrlOrKeys;
        impl<'de> de::Visitor<'de> for UrlOrKeys {
            type Value = SourceItem;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a source's URL or its keys")
            }
            fn visit_str<E: de::Error>(self, url: &str) -> Result<SourceItem, E> {
                Ok(SourceItem(SourceChange::Url(url.to_owned())))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<SourceItem, A::Error> {
                let SourceBody { url, fallback, supervision } =
                    SourceBody::deserialize(MapAccessDeserializer::new(map))?;
                let policy = supervision.as_ref().map(PolicyBody::part);
                Ok(SourceItem(SourceChange::Said { url, fallback, policy }))
            }
        }
        from.deserialize_any(UrlOrKeys)
    }
}

/// Every way to say where a talk stream goes.
enum TalkItem {
    Said(bool),
    Urls(Vec<String>),
    Keys(TalkBody),
}

impl<'de> Deserialize<'de> for TalkItem {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyShape;
        impl<'de> de::Visitor<'de> for AnyShape {
            type Value = TalkItem;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a device's URL, a list of them, keys, true or false")
            }
            fn visit_bool<E: de::Error>(self, said: bool) -> Result<TalkItem, E> {
                Ok(TalkItem::Said(said))
            }
            fn visit_str<E: de::Error>(self, url: &str) -> Result<TalkItem, E> {
                Ok(TalkItem::Urls(vec![url.to_owned()]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<TalkItem, A::Error> {
                let mut urls = Vec::new();
                while let Some(url) = items.next_element()? {
                    urls.push(url);
                }
                Ok(TalkItem::Urls(urls))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<TalkItem, A::Error> {
                TalkBody::deserialize(MapAccessDeserializer::new(map)).map(TalkItem::Keys)
            }
        }
        from.deserialize_any(AnyShape)
    }
}

/// What is wrong with a body that is right JSON.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("sources that run programs are set in the configuration file only")]
    Insecure,
    #[error("conflict: mix is for talk streams; a stream's publishers cannot be mixed")]
    Mix,
    #[error("talk.supervision: {0}")]
    Policy(#[from] PolicyError),
    #[error("talk.idle_ms must be more than 0")]
    Idle,
    #[error("talk: the list of devices is empty; false is for none")]
    NoDevices,
}

impl StreamBody {
    /// What it changes.
    pub(super) fn change(self) -> Result<Change, BodyError> {
        let sources: Option<Vec<_>> =
            self.sources.map(|items| items.into_iter().map(|SourceItem(source)| source).collect());
        sources.iter().flatten().try_for_each(|source| secure(source.url()))?;
        let conflict = self.conflict.map(|given| match given.map(ConflictBody::conflict) {
            Some(Conflict::Mix) => Err(BodyError::Mix),
            conflict => Ok(conflict),
        });
        Ok(Change {
            sources,
            preload: self.preload.map(|given| if given == Some(true) { Preload::On } else { Preload::Off }),
            policy: self.supervision.map(|given| given.as_ref().map(PolicyBody::part)),
            linger: self.linger_ms.map(|given| given.map(Duration::from_millis)),
            conflict: conflict.transpose()?,
            talk: self.talk.map(|given| given.map_or(Ok(TalkPlan::default()), TalkItem::plan)).transpose()?,
        })
    }
}

fn secure(url: &str) -> Result<(), BodyError> {
    if crate::insecure::is_insecure(url) { Err(BodyError::Insecure) } else { Ok(()) }
}

impl PolicyBody {
    fn part(&self) -> PolicyPart {
        let time = |ms: Option<u64>| ms.map(Duration::from_millis);
        PolicyPart {
            start: time(self.start_ms),
            factor: self.factor,
            ceiling: time(self.ceiling_ms),
            jitter: self.jitter,
            budget: time(self.budget_ms),
            steady: time(self.steady_ms),
        }
    }
}

impl ConflictBody {
    fn conflict(self) -> Conflict {
        match self {
            ConflictBody::Refuse => Conflict::Refuse,
            ConflictBody::Replace => Conflict::Replace,
            ConflictBody::Queue => Conflict::Queue,
            ConflictBody::Mix => Conflict::Mix,
        }
    }
}

impl TalkItem {
    fn plan(self) -> Result<TalkPlan, BodyError> {
        let usual = TalkPlan::default();
        let keys = match self {
            TalkItem::Said(true) => return Ok(TalkPlan { to: TalkTo::AnySource, ..usual }),
            TalkItem::Said(false) => return Ok(TalkPlan { to: TalkTo::Nowhere, ..usual }),
            TalkItem::Urls(urls) if urls.is_empty() => return Err(BodyError::NoDevices),
            TalkItem::Urls(urls) => return TalkPlan { to: TalkTo::Urls(urls), ..usual }.secured(),
            TalkItem::Keys(keys) => keys,
        };
        let idle = keys.idle_ms.map_or(usual.idle, Duration::from_millis);
        if idle.is_zero() {
            return Err(BodyError::Idle);
        }
        let urls: Vec<String> = keys.url.into_iter().chain(keys.urls).collect();
        let part = keys.supervision.as_ref().map(PolicyBody::part).unwrap_or_default();
        let plan = TalkPlan {
            to: if urls.is_empty() { TalkTo::AnySource } else { TalkTo::Urls(urls) },
            conflict: keys.conflict.map_or(usual.conflict, ConflictBody::conflict),
            idle,
            half_duplex: keys.half_duplex,
            policy: part.over(Policy::talk())?,
        };
        plan.secured()
    }
}

impl TalkPlan {
    fn secured(self) -> Result<Self, BodyError> {
        if let TalkTo::Urls(urls) = &self.to {
            urls.iter().try_for_each(|url| secure(url))?;
        }
        Ok(self)
    }
}
