//! What `onMetaData` says.
//!
//! Sources: FLV 10.1 §E.5, Enhanced RTMP v2 "Enhancing onMetaData". Encoders leave keys away and write wrong ones;
//! so nothing here decides alone.
use crate::amf0::{Reader, Value};

/// What the sender says about its stream; each field may be wrong.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Metadata {
    /// There is video (`videocodecid`, or else `hasVideo`); `None` when it says nothing.
    pub video: Option<bool>,
    /// There is sound (`audiocodecid`, or else `hasAudio`); `None` when it says nothing.
    pub audio: Option<bool>,
    /// Width of the pictures.
    pub width: Option<u32>,
    /// Height of the pictures.
    pub height: Option<u32>,
    /// Pictures a second.
    pub frame_rate: Option<f64>,
    /// Samples a second.
    pub audio_sample_rate: Option<u32>,
    /// The program that sends.
    pub encoder: Option<String>,
}

impl Metadata {
    /// Reads script data; `None` when it is not `onMetaData`.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let mut next = || reader.next_value().ok().flatten();
        let mut name = next()?;
        if name.as_str() == Some("@setDataFrame") {
            name = next()?;
        }
        if name.as_str() != Some("onMetaData") {
            return None;
        }
        let value = next()?;
        let number = |key| value.get(key).and_then(Value::as_number).filter(|n| n.is_finite() && *n >= 0.0);
        let positive = |key| number(key).filter(|n| *n > 0.0).map(|n| n as u32);
        let mut metadata = Metadata {
            video: present(&value, "videocodecid", "hasVideo"),
            audio: present(&value, "audiocodecid", "hasAudio"),
            width: positive("width"),
            height: positive("height"),
            frame_rate: number("framerate").or_else(|| number("videoframerate")),
            audio_sample_rate: positive("audiosamplerate"),
            encoder: value.get("encoder").and_then(Value::as_str).map(str::to_owned),
        };
        // Who names one codec and not the other has only the one: ffmpeg does so.
        match (metadata.video, metadata.audio) {
            (Some(true), None) => metadata.audio = Some(false),
            (None, Some(true)) => metadata.video = Some(false),
            (Some(_), Some(_)) | (None | Some(false), None) | (None, Some(false)) => {}
        }
        Some(metadata)
    }
}

/// A codec id is a number, a FourCC as number, or a name such as `avc1` or `mp4a`; zero and "" mean none, except
/// that audio codec 0 is linear PCM, which no stream carries.
fn present(value: &Value, id: &str, flag: &str) -> Option<bool> {
    match value.get(id) {
        Some(Value::Number(number)) => Some(*number > 0.0),
        Some(Value::String(name)) => Some(!name.is_empty()),
        Some(
            Value::Bool(_)
            | Value::Object(_)
            | Value::EcmaArray(_)
            | Value::StrictArray(_)
            | Value::Date(_)
            | Value::Null
            | Value::Undefined,
        )
        | None => value.get(flag).and_then(Value::as_bool),
    }
}
