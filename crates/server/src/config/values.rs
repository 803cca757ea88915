//! Values that settings are made of: times, sizes, addresses, secrets. Each reads and writes itself as people do.
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

/// Implements the schema of a value that is written as a text.
macro_rules! text_schema {
    ($type:ty, $name:literal, $pattern:literal) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

/// A length of time: `500ms`, `10s`, `2m`, `1h`; `0` alone needs no unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval(pub Duration);

impl Interval {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "0" {
            return Some(Self(Duration::ZERO));
        }
        let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = text.split_at(unit_at);
        let number: f64 = number.parse().ok()?;
        let seconds = match unit.trim() {
            "ms" => number / 1000.0,
            "s" => number,
            "m" => number * 60.0,
            "h" => number * 3600.0,
            "d" => number * 86_400.0,
            _ => return None,
        };
        Duration::try_from_secs_f64(seconds).ok().map(Self)
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = self.0.as_millis();
        match ms {
            0 => f.write_str("0s"),
            _ if ms.is_multiple_of(3_600_000) => write!(f, "{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => write!(f, "{}m", ms / 60_000),
            _ if ms.is_multiple_of(1000) => write!(f, "{}s", ms / 1000),
            _ => write!(f, "{ms}ms"),
        }
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format_args!("`{text}` is no length of time such as `500ms`, `10s` or `2m`"))
        })
    }
}

text_schema!(Interval, "Interval", "^(0|[0-9.]+ ?(ms|s|m|h|d))$");

/// Refuses zero, where it would mean that nothing ever works.
pub(crate) fn not_zero(value: &Interval, _: &()) -> garde::Result {
    if value.0.is_zero() { Err(garde::Error::new("must be longer than 0")) } else { Ok(()) }
}

/// A number of bytes: `64MiB`, `500kB`, `1048576`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Size {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(bytes) = text.parse() {
            return Some(Self(bytes));
        }
        let find = |(unit, factor): &(&str, u64)| {
            let head = text.get(..text.len().checked_sub(unit.len())?)?;
            let fits = text[head.len()..].eq_ignore_ascii_case(unit);
            if fits { head.trim().parse::<u64>().ok()?.checked_mul(*factor) } else { None }
        };
        UNITS.iter().find_map(find).map(Self)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = UNITS.iter().take(3).find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        match unit {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format_args!(
                "`{text}` is no number of bytes such as `64MiB`, `500kB` or `1048576`"
            ))
        })
    }
}

text_schema!(Size, "Size", "^[0-9]+ ?(B|kB|MB|GB|KiB|MiB|GiB)?$");

/// Where to listen: `127.0.0.1:1984`, `[::1]:1984`, `:1984` for every interface; empty for nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Listen(pub Option<SocketAddr>);

impl Listen {
    /// A port of this machine only.
    pub const fn local(port: u16) -> Self {
        Self(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)))
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Some(Self(None));
        }
        if let Ok(address) = text.parse() {
            return Some(Self(Some(address)));
        }
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let host = match host {
            "" | "*" => Ipv4Addr::UNSPECIFIED,
            "localhost" => Ipv4Addr::LOCALHOST,
            _ => return None,
        };
        Some(Self(Some(SocketAddr::new(IpAddr::V4(host), port))))
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => Ok(()),
        }
    }
}

fn no_address<E: de::Error>(text: &str) -> E {
    E::custom(format_args!(
        "`{text}` is no address to listen on: write `127.0.0.1:1984`, `:1984` for every interface, or \"\" for nowhere"
    ))
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| no_address(&text))
    }
}

text_schema!(Listen, "Listen", "^(.*:[0-9]+)?$");

/// Where to listen for WebRTC media: as [`Listen`], with `/udp` or `/tcp` behind it to have one of the two only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaListen {
    /// The address.
    pub listen: Listen,
    /// Listen on UDP.
    pub udp: bool,
    /// Listen on TCP.
    pub tcp: bool,
}

impl Serialize for MediaListen {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let suffix = match (self.udp, self.tcp) {
            (true, false) => "/udp",
            (false, true) => "/tcp",
            (true, true) | (false, false) => "",
        };
        to.collect_str(&format_args!("{}{suffix}", self.listen))
    }
}

impl<'de> Deserialize<'de> for MediaListen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let (address, udp, tcp) = match text.rsplit_once('/') {
            Some((address, "udp")) => (address, true, false),
            Some((address, "tcp")) => (address, false, true),
            Some(_) | None => (text.as_str(), true, true),
        };
        let listen = Listen::parse(address).ok_or_else(|| no_address(&text))?;
        Ok(Self { listen, udp, tcp })
    }
}

text_schema!(MediaListen, "MediaListen", "^(.*:[0-9]+(/udp|/tcp)?)?$");

thread_local! {
    static FINGERPRINTS: Cell<bool> = const { Cell::new(false) };
}

/// A value as it writes itself, but with fingerprints in place of secrets, so that a comparison sees them change. They
/// tell nothing of the secrets, and are others in each run of the server.
pub(crate) fn fingerprinted<T: Serialize>(value: &T) -> serde_json::Value {
    FINGERPRINTS.set(true);
    // Only maps with keys that are no texts cannot be written; there are none.
    let written = serde_json::to_value(value).unwrap_or_default();
    FINGERPRINTS.set(false);
    written
}

/// The fingerprint of a secret, while [`fingerprinted`] wants them.
fn fingerprint(secret: &hub::Secret) -> Option<String> {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    let key = || KEY.get_or_init(RandomState::new);
    FINGERPRINTS.get().then(|| format!("{:016x}", key().hash_one(secret.expose())))
}

/// A text that is never written or logged: reads as usual, writes `***`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretText(pub hub::Secret);

impl Default for SecretText {
    fn default() -> Self {
        Self(hub::Secret::new(""))
    }
}

impl SecretText {
    /// True when it is not set.
    pub fn is_empty(&self) -> bool {
        self.0.expose().is_empty()
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match fingerprint(&self.0) {
            Some(fingerprint) => to.serialize_str(&fingerprint),
            None => to.serialize_str(if self.is_empty() { "" } else { "***" }),
        }
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(hub::Secret::new(text)))
    }
}

text_schema!(SecretText, "SecretText", "");

/// A URL whose path and credentials are nobody's business: reads as usual, writes the origin only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretUrl(pub hub::Secret);

impl Default for SecretUrl {
    fn default() -> Self {
        Self(hub::Secret::new(""))
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if let Some(fingerprint) = fingerprint(&self.0) {
            return to.serialize_str(&fingerprint);
        }
        let (scheme, rest) = self.0.expose().split_once("://").unwrap_or_default();
        // What a password with an odd character is, is cut off rather than shown.
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        let hidden = rest.len() > host.len();
        match (scheme, hidden) {
            ("", _) => to.serialize_str(if self.0.expose().is_empty() { "" } else { "***" }),
            (scheme, true) => to.collect_str(&format_args!("{scheme}://{host}/***")),
            (scheme, false) => to.collect_str(&format_args!("{scheme}://{host}")),
        }
    }
}

impl<'de> Deserialize<'de> for SecretUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(hub::Secret::new(text)))
    }
}

text_schema!(SecretUrl, "SecretUrl", "^https?://.+$");

/// One text or a list of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Texts(pub Vec<String>);

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [text] => to.serialize_str(text),
            texts => texts.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> de::Visitor<'de> for OneOrMany {
            type Value = Texts;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.to_owned()]))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Texts, E> {
                Ok(Texts::default())
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = items.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }
        from.deserialize_any(OneOrMany)
    }
}

impl JsonSchema for Texts {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Texts".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array", "null"], "items": { "type": "string" } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_written_as_they_were_read() {
        for text in ["0s", "500ms", "10s", "90s", "2m", "1h"] {
            assert_eq!(Interval::parse(text).map(|i| i.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Interval::parse("1.5s"), Some(Interval(Duration::from_millis(1500))));
        for bad in ["", "10", "s", "-1s", "10 years", "1e999s", "9999999999999999999999d"] {
            assert_eq!(Interval::parse(bad), None, "{bad}");
        }
        assert_eq!(Size::parse("64MiB"), Some(Size(64 << 20)));
        assert_eq!(Size::parse("500 kb"), Some(Size(500_000)));
        assert_eq!(Size(64 << 20).to_string(), "64MiB");
        for bad in ["", "MiB", "-1", "99999999999GiB", "5 apples", "é"] {
            assert_eq!(Size::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_port_alone_is_every_interface_and_nothing_is_off() {
        assert_eq!(Listen::parse(":1984").map(|l| l.to_string()).as_deref(), Some("0.0.0.0:1984"));
        assert_eq!(Listen::parse("localhost:1").map(|l| l.to_string()).as_deref(), Some("127.0.0.1:1"));
        assert_eq!(Listen::parse("[::]:1984").map(|l| l.to_string()).as_deref(), Some("[::]:1984"));
        assert_eq!(Listen::parse(""), Some(Listen(None)));
        for bad in ["1984", "example:1984", ":99999", ":", "127.0.0.1"] {
            assert_eq!(Listen::parse(bad), None, "{bad}");
        }
    }
}
