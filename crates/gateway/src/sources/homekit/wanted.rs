//! What a URL asks for. Nothing of its secrets is ever repeated in an error.
use super::whereabouts::join;
use crate::homekit::hex::from_hex;
use crate::homekit::speakers::SpeakerKey;
use hub::{PeerInfo, SourceError};
use media::StreamName;
use protocols::hap::pairing::{AccessoryPairing, Identity};

/// What errors say a source is.
const FORM: &str = "a HomeKit source is homekit://DEVICE-ID or homekit://HOST:PORT of a camera that was paired here, or go2rtc's \
                    homekit://HOST:PORT?device_id=…&device_public=…&client_id=…&client_private=…";
/// The keys of the query.
const KEYS: &str =
    "width, height, fps, bitrate, aid, backchannel, device_id, device_public, client_id, client_private";

/// Which camera.
#[derive(Clone, Debug)]
pub(crate) enum Whom {
    /// One that was paired here, wherever it is now.
    Known {
        /// Its identifier, in capital letters.
        id: String,
        /// Where the URL says that it is.
        at: Option<(String, u16)>,
    },
    /// One that was paired here, at this address.
    At { host: String, port: u16 },
    /// One whose keys are in the URL; `Debug` shows no secret.
    Keys { host: String, port: u16, identity: Identity, pairing: AccessoryPairing },
}

/// What a URL of ours asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) whom: Whom,
    /// Which accessory of a bridge; the first camera if it is not said.
    pub(super) aid: Option<u64>,
    pub(super) picture: Picture,
    /// Its loudspeaker may be used.
    pub(crate) talks: bool,
}

/// Which picture. What is not said is the best that there is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Picture {
    pub(super) width: Option<u16>,
    pub(super) height: Option<u16>,
    pub(super) fps: Option<u8>,
    pub(super) kbits: Option<u16>,
}

fn wrong(why: impl std::fmt::Display) -> SourceError {
    SourceError::config(format!("{why}: {FORM}"))
}

/// go2rtc's keys in the URL, as far as they were given.
#[derive(Default)]
struct Keys {
    device_id: Option<String>,
    device_public: Option<String>,
    client_id: Option<String>,
    client_private: Option<String>,
}

impl Whom {
    /// Its identifier, or where it is: what reports call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Known { id, at: None } => id.clone(),
            Self::Known { at: Some((host, port)), .. }
            | Self::At { host, port }
            | Self::Keys { host, port, .. } => join(host, *port),
        }
    }
}

impl Wanted {
    /// Who it is, for reports of those who watch it and those who talk to it.
    pub(crate) fn peer(url: &str) -> PeerInfo {
        let remote = Self::parse(url).map(|wanted| wanted.whom.name()).unwrap_or_default();
        PeerInfo { protocol: "homekit", transport: "udp", remote, ..PeerInfo::default() }
    }

    /// The camera among those of a stream: of a bridge there may be several.
    pub(crate) fn speaker_key(&self, stream: &StreamName) -> SpeakerKey {
        let camera = match self.aid {
            Some(aid) => format!("{} aid {aid}", self.whom.name()),
            None => self.whom.name(),
        };
        SpeakerKey { stream: stream.clone(), camera }
    }

    pub(crate) fn parse(url: &str) -> Result<Self, SourceError> {
        let rest =
            url.strip_prefix("homekit://").ok_or_else(|| wrong("it does not begin with homekit://"))?;
        let mut parts = rest.split('#');
        let (place, query) = match parts.next().unwrap_or_default().split_once('?') {
            Some((place, query)) => (place, query),
            None => (rest.split('#').next().unwrap_or_default(), ""),
        };
        let (mut picture, mut aid, mut talks, mut keys) = (Picture::default(), None, true, Keys::default());
        for pair in query.split('&').chain(parts).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_encoding::percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| wrong(format!("{key} is not UTF-8")))?.into_owned();
            match key {
                "width" | "maxwidth" => picture.width = Some(number(key, &value)?),
                "height" | "maxheight" => picture.height = Some(number(key, &value)?),
                "fps" => picture.fps = Some(number(key, &value)?),
                "bitrate" => picture.kbits = Some(kbits(&value)?),
                "aid" => aid = Some(number(key, &value)?),
                "backchannel" => talks = flag(key, &value)?,
                "device_id" => keys.device_id = Some(value),
                "device_public" => keys.device_public = Some(value),
                "client_id" => keys.client_id = Some(value),
                "client_private" => keys.client_private = Some(value),
                // what go2rtc's discovery puts there
                "feature" | "status" => {}
                _ => return Err(wrong(format!("{key} is not known, there are {KEYS}"))),
            }
        }
        Ok(Self { whom: whom(place.trim_end_matches('/'), keys)?, aid, picture, talks })
    }
}

fn whom(place: &str, keys: Keys) -> Result<Whom, SourceError> {
    if is_device_id(place) {
        return Ok(Whom::Known { id: place.to_ascii_uppercase(), at: None });
    }
    let (host, port) = place.rsplit_once(':').ok_or_else(|| wrong("there is no port"))?;
    let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(|| wrong("the port is none"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    if host.is_empty() || host.contains(['@', '/']) {
        return Err(wrong("there is no host"));
    }
    match keys {
        Keys { device_id, device_public: None, client_id: None, client_private: None } => {
            Ok(match device_id {
                Some(id) => Whom::Known { id: id.to_ascii_uppercase(), at: Some((host, port)) },
                None => Whom::At { host, port },
            })
        }
        Keys {
            device_id: Some(id),
            device_public: Some(device_public),
            client_id: Some(client_id),
            client_private: Some(client_private),
        } => {
            let public_key = from_hex(&device_public).and_then(|key| key.try_into().ok());
            let public_key = public_key.ok_or_else(|| wrong("device_public is not 64 hexadecimal digits"))?;
            // go2rtc writes the secret half and the public half behind it
            let seed = from_hex(&client_private).filter(|key| matches!(key.len(), 32 | 64));
            let seed = seed.and_then(|key| key[..32].try_into().ok());
            let seed = seed.ok_or_else(|| wrong("client_private is not 128 hexadecimal digits"))?;
            let identity = Identity::from_seed(client_id, seed);
            let identity = identity.map_err(|_| wrong("client_private cannot be used"))?;
            Ok(Whom::Keys { host, port, identity, pairing: AccessoryPairing { id, public_key } })
        }
        Keys { .. } => Err(wrong(
            "device_id, device_public, client_id and client_private go together; pair again if one is lost",
        )),
    }
}

/// `XX:XX:XX:XX:XX:XX`
pub(crate) fn is_device_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let is_pair = |part: &&str| part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
    parts.len() == 6 && parts.iter().all(is_pair)
}

fn flag(key: &str, value: &str) -> Result<bool, SourceError> {
    match value {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(wrong(format!("{key} is 0 or 1"))),
    }
}

fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, SourceError> {
    value.parse().map_err(|_| wrong(format!("{key} is no number that it can be")))
}

/// In kbit/s, or as go2rtc writes it: `2M`, `500K` bits.
fn kbits(value: &str) -> Result<u16, SourceError> {
    match value.strip_suffix(['M', 'm']) {
        Some(megabits) => {
            let kbits = number::<u16>("bitrate", megabits)?.checked_mul(1000);
            kbits.ok_or_else(|| wrong("bitrate is too high"))
        }
        None => number("bitrate", value.trim_end_matches(['K', 'k'])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_named_by_identifier_or_place_and_pictures_by_size() {
        let wanted = Wanted::parse("homekit://aa:bb:cc:dd:ee:0f?width=1280&fps=15&aid=3").unwrap();
        assert!(matches!(wanted.whom, Whom::Known { id, at: None } if id == "AA:BB:CC:DD:EE:0F"));
        let picture = Picture { width: Some(1280), fps: Some(15), ..Picture::default() };
        assert_eq!((wanted.picture, wanted.aid), (picture, Some(3)));
        let wanted = Wanted::parse("homekit://[fe80::1]:5001/#bitrate=2M").unwrap();
        assert!(matches!(wanted.whom, Whom::At { host, port: 5001 } if host == "fe80::1"));
        assert_eq!((wanted.picture.kbits, wanted.talks), (Some(2000), true));
        assert!(!Wanted::parse("homekit://cam:5001#backchannel=0").unwrap().talks);
        let stream = StreamName::new("door").unwrap();
        let key = |url: &str| Wanted::parse(url).unwrap().speaker_key(&stream);
        assert_eq!(key("homekit://cam:5001?width=640"), key("homekit://cam:5001"), "it is the same camera");
        assert_ne!(key("homekit://cam:5001?aid=2"), key("homekit://cam:5001?aid=3"));
    }

    #[test]
    fn urls_of_go2rtc_carry_their_keys() {
        let (public, private) = ("0a".repeat(32), "07".repeat(64));
        let url = format!(
            "homekit://10.0.0.5:5001?device_id=AA%3ABB:CC:DD:EE:FF&device_public={public}&client_id=c-1&client_private={private}"
        );
        let Whom::Keys { host, port, identity, pairing } = Wanted::parse(&url).unwrap().whom else {
            panic!("no keys")
        };
        assert_eq!((host.as_str(), port, identity.id()), ("10.0.0.5", 5001, "c-1"));
        assert_eq!((identity.seed(), pairing.public_key), (&[7; 32], [10; 32]));
        assert_eq!(pairing.id, "AA:BB:CC:DD:EE:FF");
        let discovered = "homekit://10.0.0.5:5001?device_id=AA:BB:CC:DD:EE:FF&feature=1&status=0";
        assert!(matches!(Wanted::parse(discovered).unwrap().whom, Whom::Known { at: Some(_), .. }));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_keys() {
        let secret = "5ec2e7".repeat(10);
        for (wrong, why) in [
            ("homekit:x".to_owned(), "begin with"),
            ("homekit://cam".to_owned(), "no port"),
            ("homekit://cam:0".to_owned(), "port is none"),
            ("homekit://:5".to_owned(), "no host"),
            ("homekit://cam:5?wide=1".to_owned(), "wide is not known"),
            ("homekit://cam:5?fps=999".to_owned(), "fps is no number"),
            ("homekit://cam:5#backchannel=yes".to_owned(), "backchannel is 0 or 1"),
            (format!("homekit://cam:5?client_private={secret}"), "go together"),
            (
                format!(
                    "homekit://cam:5?device_id=a&client_id=b&device_public={secret}&client_private={secret}"
                ),
                "device_public is not",
            ),
        ] {
            let error = Wanted::parse(&wrong).unwrap_err();
            assert!(!error.retry && error.message.contains(why), "{error}");
            assert!(!error.message.contains("5ec2e7"), "{error}");
        }
    }
}
