//! The `log` section: a level for everything, and one for each module that has its own.
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// How much is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Each packet.
    Trace,
    /// Small turns.
    Debug,
    /// Streams and readers come and go.
    #[default]
    Info,
    /// Worth a look.
    Warn,
    /// Something is broken.
    Error,
    /// Nothing.
    #[serde(alias = "fatal", alias = "panic", alias = "disabled", alias = "none")]
    Off,
}

impl Level {
    /// As filters name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Off => "off",
        }
    }
}

/// How lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text, with colours on a terminal.
    #[default]
    #[serde(alias = "", alias = "color")]
    Text,
    /// One JSON object a line.
    Json,
    /// go2rtc's text: `12:00:00.000 INF [api] listen addr=…`.
    Go2rtc,
}

/// The section.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogSection {
    /// The level of everything without one of its own.
    pub level: Level,
    /// How lines look; none: text.
    pub format: Option<LogFormat>,
    /// Levels of modules.
    pub modules: BTreeMap<String, Level>,
    /// go2rtc's `output` and `time`, as far as they were given.
    pub foreign: Vec<String>,
}

/// Modules that may have a level, with the targets they stand for. The rest are go2rtc's and stand for nothing here.
pub(crate) const MODULES: &[(&str, &[&str])] = &[
    ("api", &["api", "gateway::listeners::http"]),
    ("rtsp", &["gateway::listeners::rtsp", "gateway::sources::rtsp", "protocols::rtsp"]),
    ("rtmp", &["gateway::listeners::rtmp", "gateway::sources::rtmp", "protocols::rtmp"]),
    ("webrtc", &["gateway::webrtc", "str0m"]),
    ("rooms", &["rooms", "gateway::listeners::http::rooms"]),
    ("sfu", &["sfu"]),
    ("http", &["gateway::sources::http_flv"]),
    ("streams", &["hub"]),
    ("hub", &["hub"]),
    ("gateway", &["gateway"]),
    ("protocols", &["protocols"]),
    ("formats", &["formats"]),
    ("server", &["server"]),
    ("media", &["media"]),
];

/// Keys of the section besides modules of ours.
const KEYS: &[&str] = &[
    "level",
    "format",
    "output",
    "time",
    "api",
    "rtsp",
    "rtmp",
    "webrtc",
    "rooms",
    "sfu",
    "http",
    "streams",
    "hub",
    "gateway",
    "protocols",
    "formats",
    "server",
    "media",
    "app",
    "config",
    "echo",
    "exec",
    "ffmpeg",
    "hass",
    "hls",
    "homekit",
    "mjpeg",
    "mp4",
    "mpegts",
    "ngrok",
    "onvif",
    "preload",
    "srtp",
    "webtorrent",
    "wyoming",
    "ws",
];

/// A key of the section, refused where it stands.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let key = String::deserialize(from)?;
        if KEYS.contains(&key.as_str()) { Ok(Self(key)) } else { Err(de::Error::unknown_field(&key, KEYS)) }
    }
}

impl<'de> Deserialize<'de> for LogSection {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Section;
        impl<'de> de::Visitor<'de> for Section {
            type Value = LogSection;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a section with keys and values")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<LogSection, A::Error> {
                let mut section = LogSection::default();
                while let Some(Key(key)) = map.next_key()? {
                    match key.as_str() {
                        "level" => section.level = map.next_value()?,
                        "format" => section.format = Some(map.next_value()?),
                        "output" | "time" => {
                            let value: String = map.next_value()?;
                            if !matches!(value.as_str(), "" | "stdout") {
                                section.foreign.push(format!("log.{key}"));
                            }
                        }
                        _ => {
                            let level = map.next_value()?;
                            section.modules.insert(key, level);
                        }
                    }
                }
                Ok(section)
            }
        }
        from.deserialize_map(Section)
    }
}

impl Serialize for LogSection {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("level", &self.level)?;
        map.serialize_entry("format", &self.format.unwrap_or_default())?;
        for (module, level) in &self.modules {
            map.serialize_entry(module, level)?;
        }
        map.end()
    }
}

impl JsonSchema for LogSection {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Log".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let levels = ["trace", "debug", "info", "warn", "error", "off"];
        let mut properties = serde_json::Map::new();
        for key in KEYS {
            properties.insert((*key).into(), serde_json::json!({ "enum": levels }));
        }
        let describe = |description: &str, values: &[&str]| serde_json::json!({ "description": description, "enum": values });
        let level = "`trace` is each packet, `debug` small turns, `info` what comes and goes, `warn` what is worth a look, `error` what is broken, `off` nothing.";
        properties.insert("level".into(), describe(level, &levels));
        let format = "`text` for people, `json` for programs, `go2rtc` for programs that read go2rtc's log.";
        properties.insert("format".into(), describe(format, &["text", "json", "go2rtc", "color", ""]));
        for key in ["output", "time"] {
            let property =
                serde_json::json!({ "description": "go2rtc's: not supported yet.", "type": "string" });
            properties.insert(key.into(), property);
        }
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}
