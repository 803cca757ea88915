//! Recording: the section for all of it, and `record` of a stream.
use super::values::{Interval, Size, Texts, not_zero};
use garde::Validate;
use recorder::{
    CutRules, FileFormat, PathTemplate, RecordPlan, Retention, Schedule, ScheduleError, StorageConfig, When,
    Zone,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Where recordings go, and how they are kept.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct RecordingSection {
    /// The folder for recordings. It is made when something is recorded. Its index is in it: a folder that is copied or
    /// a disk that is moved has its recordings with it.
    #[garde(length(min = 1))]
    pub path: String,
    /// More folders, such as other disks: each with `name`, `path`, and whatever of `mount`, `keep`, `size_max`, `free_min` is
    /// otherwise than here. A recording goes to the one that it names, or to the first that works: `path`, then these in order.
    #[garde(dive)]
    pub storages: Vec<StorageEntry>,
    /// Only write to `path` while it is a mount point: without its disk, it is just a folder of the disk above.
    pub mount: bool,
    /// Recordings are deleted when they are so old. 0: never for their age.
    pub keep: Interval,
    /// The oldest are deleted when there are more bytes than this. `0B`: as many as fit.
    pub size_max: Size,
    /// So much of the disk stays free: the oldest recordings are deleted for it.
    pub free_min: Size,
    /// A file ends after so long, at the next key frame.
    #[garde(custom(not_zero))]
    pub segment: Interval,
    /// Files end at multiples of `segment` since midnight (UTC), and not so long after their begin.
    pub aligned: bool,
    /// A file also ends after so many bytes.
    pub segment_size: Size,
    /// What is written is brought to the disk at least so often. It outlives the server at once; this is for power cuts.
    #[garde(custom(not_zero))]
    pub sync: Interval,
    /// Where a recording is, below the folder: `{stream}`, `{date}`, `{time}`, `{year}`, `{month}`, `{day}`, `{hour}`,
    /// `{minute}`, `{second}`, `{ms}`, `{format}`; times are UTC.
    #[garde(custom(valid_template))]
    pub files: String,
    /// The time zone of all `schedule`s, such as `Europe/Berlin`. Left out: the system's.
    #[garde(custom(valid_zone))]
    pub time_zone: String,
    /// `recording_stopped`: a recording that should be and is not is an alert after so long.
    pub alert_after: Interval,
}

impl Default for RecordingSection {
    fn default() -> Self {
        let usual = StorageConfig::new("", "");
        let cut = CutRules::default();
        Self {
            path: "recordings".into(),
            storages: Vec::new(),
            mount: false,
            keep: Interval(Duration::ZERO),
            size_max: Size(0),
            free_min: Size(usual.free_min),
            segment: Interval(cut.length),
            aligned: cut.aligned,
            segment_size: Size(cut.bytes),
            sync: Interval(usual.sync),
            files: PathTemplate::default().as_str().to_owned(),
            time_zone: String::new(),
            alert_after: Interval(Duration::from_secs(10)),
        }
    }
}

/// One more folder for recordings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct StorageEntry {
    /// Its name; that of `recording.path` is `main`.
    #[garde(length(min = 1))]
    pub name: String,
    /// Its folder.
    #[garde(length(min = 1))]
    pub path: String,
    /// As `recording.mount`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mount: bool,
    /// As `recording.keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Interval>,
    /// As `recording.size_max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_max: Option<Size>,
    /// As `recording.free_min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_min: Option<Size>,
}

fn valid_template(text: &str, _: &()) -> garde::Result {
    PathTemplate::new(text).map(|_| ()).map_err(garde::Error::new)
}

fn valid_zone(name: &str, _: &()) -> garde::Result {
    Zone::new(name).map(|_| ()).map_err(garde::Error::new)
}

fn retention(keep: Interval, size_max: Size) -> Retention {
    Retention {
        age_max: Some(keep.0).filter(|age| !age.is_zero()),
        bytes_max: Some(size_max.0).filter(|bytes| *bytes > 0),
    }
}

impl RecordingSection {
    /// The name of the storage that `path` is.
    pub const MAIN: &str = "main";

    /// The storages, in order.
    pub fn storages(&self) -> Vec<StorageConfig> {
        let main = StorageConfig {
            sync: self.sync.0,
            retention: retention(self.keep, self.size_max),
            free_min: self.free_min.0,
            mount: self.mount,
            ..StorageConfig::new(Self::MAIN, &self.path)
        };
        let more = self.storages.iter().map(|entry| StorageConfig {
            sync: self.sync.0,
            retention: retention(entry.keep.unwrap_or(self.keep), entry.size_max.unwrap_or(self.size_max)),
            free_min: entry.free_min.unwrap_or(self.free_min).0,
            mount: entry.mount,
            ..StorageConfig::new(&entry.name, &entry.path)
        });
        std::iter::once(main).chain(more).collect()
    }

    /// A recording of which nothing more is said.
    pub fn plan(&self) -> RecordPlan {
        RecordPlan {
            cut: CutRules {
                length: self.segment.0,
                aligned: self.aligned,
                bytes: self.segment_size.0.max(1),
            },
            // Both were checked when the configuration was read.
            path: PathTemplate::new(&self.files).unwrap_or_default(),
            zone: Zone::new(&self.time_zone).unwrap_or_default(),
            ..RecordPlan::default()
        }
    }
}

/// `record` of a stream: `true`, `false`, keys, or a list of keys for several recordings at once.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RecordEntry(pub Vec<RecordKeys>);

/// One recording of a stream, as keys.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct RecordKeys {
    /// The files: `fmp4` (the default: whole after each half second, whatever happens), `mp4` (the same while it grows, and
    /// a plain file once it is closed), `hls` and `hls_ts` (short files and a playlist), `ts`.
    #[serde(skip_serializing_if = "is_usual")]
    pub format: FormatWord,
    /// A file ends after so long. Left out: `recording.segment`; for `hls` 6 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<Interval>,
    /// A file also ends after so many bytes. Left out: `recording.segment_size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment_size: Option<Size>,
    /// The storage by its name. Left out: the first that works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// Where its files are, as `recording.files`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
    /// This stream's recordings in this format are deleted when they are so old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<Interval>,
    /// This stream's oldest recordings in this format are deleted when there are more bytes than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_max: Option<Size>,
    /// The tracks without which it is no recording: `video`, `audio`. Left out: those that the stream has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<KindWord>,
    /// Record around events only, such as motion (`POST /api/v1/recordings/NAME/event`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<EventKeys>,
    /// Record in these hours only: `mon-fri 07:00-19:00`, `sat,sun`, `22:00-06:00`, or a list of such; in the time zone of
    /// `recording.time_zone`. In all others the stream is not read for it. Left out: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Texts>,
}

/// Around events.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct EventKeys {
    /// From so long before the event; it waits in memory.
    pub pre: Interval,
    /// Until so long after the last one.
    pub post: Interval,
}

impl Default for EventKeys {
    fn default() -> Self {
        Self { pre: Interval(Duration::from_secs(5)), post: Interval(Duration::from_secs(10)) }
    }
}

/// A kind of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum FormatWord {
    /// Fragmented MP4.
    #[default]
    Fmp4,
    /// MP4.
    Mp4,
    /// Fragmented MP4 and a playlist.
    Hls,
    /// MPEG-TS and a playlist.
    HlsTs,
    /// MPEG-TS.
    Ts,
}

/// A kind of tracks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum KindWord {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

fn is_usual(format: &FormatWord) -> bool {
    *format == FormatWord::default()
}

impl RecordKeys {
    /// As the recorder takes it.
    pub fn plan(&self, usual: &RecordingSection) -> RecordPlan {
        let mut plan = usual.plan();
        plan.format = match self.format {
            FormatWord::Fmp4 => FileFormat::Fmp4,
            FormatWord::Mp4 => FileFormat::Mp4,
            FormatWord::Hls => FileFormat::Hls,
            FormatWord::HlsTs => FileFormat::HlsTs,
            FormatWord::Ts => FileFormat::Ts,
        };
        if let Some(segment) = self.segment {
            plan.cut.length = segment.0;
        } else if plan.format.has_playlist() {
            plan.cut.length = RecordPlan::HLS_SEGMENT;
        }
        plan.cut.bytes = self.segment_size.map_or(plan.cut.bytes, |size| size.0.max(1));
        plan.storage.clone_from(&self.storage);
        if let Some(files) = self.files.as_deref().and_then(|files| PathTemplate::new(files).ok()) {
            plan.path = files;
        }
        plan.retention =
            retention(self.keep.unwrap_or(Interval(Duration::ZERO)), self.size_max.unwrap_or(Size(0)));
        let kind = |word: &KindWord| match word {
            KindWord::Video => media::Kind::Video,
            KindWord::Audio => media::Kind::Audio,
        };
        plan.required = self.tracks.iter().map(kind).collect();
        if let Some(events) = &self.events {
            plan.when = When::Events { pre: events.pre.0, post: events.post.0 };
        }
        // It was checked when the configuration was read.
        plan.schedule = self.hours().and_then(Result::ok);
        plan
    }

    /// Its hours; `None`: all.
    pub fn hours(&self) -> Option<Result<Schedule, ScheduleError>> {
        self.schedule.as_ref().map(|lines| Schedule::parse(&lines.0))
    }
}

impl RecordEntry {
    /// Nothing is to be recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for RecordEntry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyShape;
        impl<'de> de::Visitor<'de> for AnyShape {
            type Value = RecordEntry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false`, keys such as `format`, or a list of keys")
            }
            fn visit_unit<E: de::Error>(self) -> Result<RecordEntry, E> {
                Ok(RecordEntry::default())
            }
            fn visit_bool<E: de::Error>(self, said: bool) -> Result<RecordEntry, E> {
                Ok(RecordEntry(if said { vec![RecordKeys::default()] } else { Vec::new() }))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, items: A) -> Result<RecordEntry, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(RecordEntry)
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<RecordEntry, A::Error> {
                Ok(RecordEntry(vec![RecordKeys::deserialize(MapAccessDeserializer::new(map))?]))
            }
        }
        from.deserialize_any(AnyShape)
    }
}

impl Serialize for RecordEntry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [] => to.serialize_bool(false),
            [one] if *one == RecordKeys::default() => to.serialize_bool(true),
            [one] => one.serialize(to),
            all => all.serialize(to),
        }
    }
}

impl JsonSchema for RecordEntry {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "RecordEntry".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let keys = generator.subschema_for::<RecordKeys>();
        json_schema!({ "anyOf": [
            { "type": ["boolean", "null"] },
            { "type": "array", "items": keys },
            keys,
        ] })
    }
}
