//! What a second publisher of one name gets, and the section that says it for all.
use super::values::Texts;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::collections::BTreeMap;
use std::fmt;

/// What a second publisher of one name gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ConflictWord {
    /// It is refused while the first is there.
    #[default]
    Refuse,
    /// It takes over; readers stay.
    Replace,
    /// It waits until those before it have left.
    Queue,
}

impl ConflictWord {
    const WORDS: [&str; 3] = ["refuse", "replace", "queue"];

    /// As the hub takes it.
    pub fn conflict(self) -> hub::Conflict {
        match self {
            ConflictWord::Refuse => hub::Conflict::Refuse,
            ConflictWord::Replace => hub::Conflict::Replace,
            ConflictWord::Queue => hub::Conflict::Queue,
        }
    }
}

impl<'de> Deserialize<'de> for ConflictWord {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match String::deserialize(from)?.as_str() {
            "refuse" => Ok(ConflictWord::Refuse),
            "replace" => Ok(ConflictWord::Replace),
            "queue" => Ok(ConflictWord::Queue),
            "mix" => Err(de::Error::custom("`mix` is for talk streams: the pictures of two cannot be mixed")),
            word => Err(de::Error::unknown_variant(word, &Self::WORDS)),
        }
    }
}

/// What a second talker gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum TalkConflict {
    /// It is refused while the first talks.
    #[default]
    Refuse,
    /// It takes over.
    Replace,
    /// It waits until those before it have finished, and is told so.
    Queue,
    /// Both are heard.
    Mix,
}

impl TalkConflict {
    /// As the hub takes it.
    pub fn conflict(self) -> hub::Conflict {
        match self {
            TalkConflict::Refuse => hub::Conflict::Refuse,
            TalkConflict::Replace => hub::Conflict::Replace,
            TalkConflict::Queue => hub::Conflict::Queue,
            TalkConflict::Mix => hub::Conflict::Mix,
        }
    }
}

/// Publishing. go2rtc has streams to push out here: those are read and left alone.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct PublishSection {
    /// What a second publisher of one stream gets: `refuse` sends it away, `replace` lets it take over, `queue` lets it
    /// wait until the first has left.
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
