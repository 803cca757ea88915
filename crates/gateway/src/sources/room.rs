//! Rooms as sources: `room:NAME/IDENTITY` takes what a participant of a conference sends, one picture and one sound, as it is.
//!
//! Options: `#source=camera`, as often as needed: only what its sender calls so (`appData.source`). Without, the camera comes
//! before the screen. Nothing is dialled: the participant is waited for.
mod pull;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Connect, PeerInfo, SourceError, SourceTask};
use rooms::{RoomName, Rooms};

/// Takes streams from rooms.
#[derive(Clone)]
pub struct RoomSources {
    rooms: Option<Rooms>,
}

/// What a URL of ours asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Wanted {
    room: RoomName,
    identity: String,
    sources: Vec<String>,
}

impl RoomSources {
    /// From these rooms; without any, every attempt says that rooms are off.
    pub fn new(rooms: Option<Rooms>) -> Self {
        Self { rooms }
    }
}

impl Wanted {
    fn parse(url: &str) -> Result<Self, SourceError> {
        let wrong = |why: &str| {
            SourceError::config(format!(
                "{why}: a room source is room:NAME/IDENTITY, with #source=camera or the like"
            ))
        };
        let mut parts = url.split('#');
        let bare = parts.next().and_then(|bare| bare.strip_prefix("room:"));
        let bare = bare.ok_or_else(|| wrong("it does not begin with room:"))?;
        let (room, identity) = bare.split_once('/').ok_or_else(|| wrong("there is no identity"))?;
        let room = room.parse::<RoomName>().map_err(|error| wrong(&error.to_string()))?;
        let identity = percent_encoding::percent_decode_str(identity).decode_utf8();
        let identity = identity.map_err(|_| wrong("the identity is not UTF-8"))?.into_owned();
        if identity.is_empty() {
            return Err(wrong("there is no identity"));
        }
        let source = |option: &str| match option.split_once('=') {
            Some(("source", source)) if !source.is_empty() => Ok(source.to_owned()),
            Some(_) | None => {
                Err(wrong(&format!("#{} is not known", option.split('=').next().unwrap_or_default())))
            }
        };
        Ok(Self { room, identity, sources: parts.map(source).collect::<Result<_, _>>()? })
    }

    /// For messages.
    fn shown(&self) -> String {
        format!("room:{}/{}", self.room, self.identity)
    }
}

impl Connect for RoomSources {
    fn schemes(&self) -> &[&'static str] {
        &["room"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        Wanted::parse(url).map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let wanted = Wanted::parse(url).ok();
        let remote = wanted.map(|wanted| format!("{}/{}", wanted.room, wanted.identity)).unwrap_or_default();
        PeerInfo { protocol: "room", transport: "webrtc", remote, ..PeerInfo::default() }
    }

    /// People mute themselves.
    fn pauses(&self, _: &str) -> bool {
        true
    }

    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let rooms = self.rooms.clone();
        async move {
            let wanted = Wanted::parse(&task.url)?;
            let rooms = rooms.ok_or_else(|| SourceError::config("rooms are off: set rooms.listen"))?;
            pull::run(rooms, wanted, task).await
        }
        .boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_source_is_a_room_and_somebody_in_it() {
        let wanted = Wanted::parse("room:lobby/ann%20b#source=screen#source=microphone").unwrap();
        assert_eq!((wanted.room.as_str(), wanted.identity.as_str()), ("lobby", "ann b"));
        assert_eq!(wanted.sources, ["screen", "microphone"]);
        assert_eq!(Wanted::parse("room:lobby/stream:door/talk").unwrap().identity, "stream:door/talk");
        for wrong in [
            "room:",
            "room:lobby",
            "room:lobby/",
            "room:a b/x",
            "room:lobby/x#video=h264",
            "room:lobby/x#source=",
        ] {
            let error = RoomSources::new(None).check(wrong).unwrap_err();
            assert!(!error.retry && error.message.contains("room:NAME/IDENTITY"), "{wrong}: {error}");
        }
    }
}
