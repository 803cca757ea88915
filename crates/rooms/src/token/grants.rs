//! [`Grants`]: what somebody may do in a room. What is not granted is not allowed.
use super::error::TokenError;
use crate::name::RoomName;
use serde_json::{Map, Value, json};
use sfu::rtp_parameters::MediaKind;

/// Which rooms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RoomScope {
    /// Any: `*`.
    Any,
    /// One.
    One(RoomName),
}

impl RoomScope {
    /// Whether a room is among them.
    pub fn contains(&self, room: &RoomName) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one == room,
        }
    }
}

/// What media somebody may send.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Publish {
    /// None.
    #[default]
    Nothing,
    /// All.
    Everything,
    /// Only this; a list that is missing allows all.
    Only {
        /// Sound, pictures.
        kinds: Option<Vec<MediaKind>>,
        /// `appData.source`: `camera`, `microphone`, `screen`…
        sources: Option<Vec<String>>,
    },
}

/// What somebody may do in a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grants {
    /// Where.
    pub room: RoomScope,
    /// Come in.
    pub join: bool,
    /// Send media.
    pub publish: Publish,
    /// Receive media and data.
    pub subscribe: bool,
    /// Send data.
    pub data: bool,
    /// Not be announced.
    pub hidden: bool,
    /// Record: not be announced, and not keep the room.
    pub recorder: bool,
    /// Throw others out, pause what they send, close the room.
    pub admin: bool,
}

const ENTRIES: [&str; 8] = ["room", "join", "publish", "subscribe", "data", "hidden", "recorder", "admin"];

impl Grants {
    /// To take part in a room: to join, publish all, subscribe, and send data.
    pub fn participant(room: RoomScope) -> Self {
        Self { join: true, publish: Publish::Everything, subscribe: true, data: true, ..Self::nothing(room) }
    }

    /// Nothing at all in a room: to begin from.
    pub const fn nothing(room: RoomScope) -> Self {
        Self {
            room,
            join: false,
            publish: Publish::Nothing,
            subscribe: false,
            data: false,
            hidden: false,
            recorder: false,
            admin: false,
        }
    }

    /// Whether others are told of somebody with these.
    pub const fn is_announced(&self) -> bool {
        !self.hidden && !self.recorder
    }

    /// Whether this may be sent; otherwise what is not granted.
    pub fn may_publish(&self, kind: MediaKind, source: Option<&str>) -> Result<(), String> {
        if self.hidden || self.recorder {
            return Err("publishing: it is of a hidden participant".to_owned());
        }
        let kind_name = match kind {
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
        };
        match &self.publish {
            Publish::Nothing => Err("publishing".to_owned()),
            Publish::Everything => Ok(()),
            Publish::Only { kinds: Some(kinds), .. } if !kinds.contains(&kind) => {
                Err(format!("publishing {kind_name}"))
            }
            Publish::Only { sources: Some(sources), .. } => match source {
                Some(source) if sources.iter().any(|one| one == source) => Ok(()),
                Some(_) => Err("publishing from this appData.source".to_owned()),
                None => Err("publishing without appData.source".to_owned()),
            },
            Publish::Only { sources: None, .. } => Ok(()),
        }
    }

    pub(super) fn read(value: &Value) -> Result<Self, TokenError> {
        let Value::Object(grants) = value else {
            return Err(TokenError::Wrong { claim: "grants", wanted: "an object" });
        };
        if grants.keys().any(|key| !ENTRIES.contains(&key.as_str())) {
            return Err(TokenError::UnknownGrant);
        }
        let room = grants.get("room").ok_or(TokenError::Missing("grants.room"))?;
        let room = match room.as_str() {
            Some("*") => RoomScope::Any,
            Some(name) => RoomScope::One(name.parse().map_err(|_| wrong_room())?),
            None => return Err(wrong_room()),
        };
        Ok(Self {
            room,
            join: flag(grants, "join", "grants.join")?,
            publish: publish(grants.get("publish"))?,
            subscribe: flag(grants, "subscribe", "grants.subscribe")?,
            data: flag(grants, "data", "grants.data")?,
            hidden: flag(grants, "hidden", "grants.hidden")?,
            recorder: flag(grants, "recorder", "grants.recorder")?,
            admin: flag(grants, "admin", "grants.admin")?,
        })
    }

    /// As in a token, and as the client is told.
    pub(crate) fn write(&self) -> Value {
        let room = match &self.room {
            RoomScope::Any => "*",
            RoomScope::One(name) => name.as_str(),
        };
        let publish = match &self.publish {
            Publish::Nothing => json!(false),
            Publish::Everything => json!(true),
            Publish::Only { kinds, sources } => {
                let mut only = Map::new();
                only.extend(kinds.as_ref().map(|kinds| ("kinds".to_owned(), json!(kinds))));
                only.extend(sources.as_ref().map(|sources| ("sources".to_owned(), json!(sources))));
                Value::Object(only)
            }
        };
        json!({
            "room": room, "join": self.join, "publish": publish, "subscribe": self.subscribe, "data": self.data,
            "hidden": self.hidden, "recorder": self.recorder, "admin": self.admin,
        })
    }
}

fn wrong_room() -> TokenError {
    TokenError::Wrong { claim: "grants.room", wanted: "a room's name or *" }
}

fn flag(grants: &Map<String, Value>, key: &str, claim: &'static str) -> Result<bool, TokenError> {
    match grants.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(TokenError::Wrong { claim, wanted: "true or false" }),
    }
}

fn publish(value: Option<&Value>) -> Result<Publish, TokenError> {
    let wrong = || TokenError::Wrong {
        claim: "grants.publish",
        wanted: "true, false, or an object with kinds (audio, video) or sources (texts)",
    };
    let list = |value: &Value| -> Result<Vec<String>, TokenError> {
        let texts = value.as_array().ok_or_else(wrong)?.iter();
        texts.map(|text| text.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
    };
    match value {
        None | Some(Value::Bool(false)) => Ok(Publish::Nothing),
        Some(Value::Bool(true)) => Ok(Publish::Everything),
        Some(Value::Object(only)) => {
            if only.keys().any(|key| !matches!(key.as_str(), "kinds" | "sources")) {
                return Err(wrong());
            }
            let kind = |name: String| match name.as_str() {
                "audio" => Ok(MediaKind::Audio),
                "video" => Ok(MediaKind::Video),
                _ => Err(wrong()),
            };
            let kinds = only.get("kinds").map(list).transpose()?;
            let kinds = kinds.map(|names| names.into_iter().map(kind).collect()).transpose()?;
            Ok(Publish::Only { kinds, sources: only.get("sources").map(list).transpose()? })
        }
        Some(_) => Err(wrong()),
    }
}
