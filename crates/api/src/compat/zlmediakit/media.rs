//! `getMediaList` and `isMediaOnline`: the streams that are live, once for each way that clients of ZLMediaKit read them.
use super::envelope::{Answered, object};
use super::fields::Fields;
use super::{name, record};
use crate::shared::Shared;
use hub::{StreamReport, StreamState};
use media::{Codec, Track};
use recorder::FileFormat;
use serde_json::{Value, json};

/// The ways to read a stream that have one name here and there.
const SCHEMAS: [&str; 2] = ["rtsp", "rtmp"];

/// `getMediaList`; no `data` without any, as there.
pub(super) async fn list(shared: &Shared, fields: &Fields) -> Answered {
    let is_asked = |key: &str, value: &str| fields.given(key).is_none_or(|asked| asked == value);
    let mut list = Vec::new();
    for report in shared.hub.reports().await {
        let (app, stream) = name::parts(report.name.as_str());
        let asked = is_asked("app", app) && is_asked("stream", stream);
        if !asked || report.state != StreamState::Live {
            continue;
        }
        let mut one = source(shared, &report).await;
        for schema in SCHEMAS.into_iter().filter(|schema| is_asked("schema", schema)) {
            one["schema"] = schema.into();
            list.push(one.clone());
        }
    }
    object(if list.is_empty() { json!({}) } else { json!({ "data": list }) })
}

/// `isMediaOnline`.
pub(super) async fn is_online(shared: &Shared, fields: &Fields) -> Answered {
    let [schema, ..] = fields.required(["schema", "vhost", "app", "stream"])?;
    let online = match name::existing(shared, name::names(fields)?).await {
        Some(stream) if SCHEMAS.contains(&schema) => {
            shared.hub.report(&stream).await.is_some_and(|report| report.state == StreamState::Live)
        }
        Some(_) | None => false,
    };
    object(json!({ "online": online }))
}

async fn source(shared: &Shared, report: &StreamReport) -> Value {
    let (app, stream) = name::parts(report.name.as_str());
    let alive = hub::wall_now().as_micros().saturating_sub(report.since.as_micros()) / 1_000_000;
    let readers = report.readers.len();
    let (kind, word) = origin(report);
    let is_recorded = |format| record::is_recorded(shared, &report.name, format);
    json!({
        "vhost": shared.zlmediakit.config.vhost,
        "app": app,
        "stream": stream,
        "params": "",
        "createStamp": report.since.as_micros() / 1_000_000,
        "aliveSecond": alive,
        "bytesSpeed": report.bitrate_in / 8,
        "totalBytes": report.bytes_in,
        "readerCount": readers,
        "totalReaderCount": readers,
        "originType": kind,
        "originTypeStr": word,
        "originUrl": report.sources.first().map(|source| crate::mask::url(&source.url)).unwrap_or_default(),
        "originSock": Value::Null,
        "isRecordingMP4": is_recorded(FileFormat::Mp4).await,
        "isRecordingHLS": is_recorded(FileFormat::HlsTs).await,
        "tracks": report.tracks.iter().map(|track| self::track(shared, track)).collect::<Vec<_>>(),
    })
}

/// ZLMediaKit's number and word of where a stream comes from.
fn origin(report: &StreamReport) -> (u8, &'static str) {
    let protocol = report.publishers.first().map_or("", |publisher| publisher.peer.protocol);
    match (report.sources.is_empty(), protocol) {
        (_, "ffmpeg") => (5, "ffmpeg_pull"),
        (_, "file") => (6, "mp4_vod"),
        (false, _) => (4, "pull"),
        (true, "rtmp") => (1, "rtmp_push"),
        (true, "rtsp") => (2, "rtsp_push"),
        (true, "webrtc") => (8, "rtc_push"),
        (true, _) => (0, "unknown"),
    }
}

fn track(shared: &Shared, track: &Track) -> Value {
    let mut told = json!({
        "codec_id": codec_id(track.codec),
        "codec_id_name": track.codec.rtp_name().to_ascii_lowercase(),
        "codec_type": u8::from(!track.codec.is_video()),
        "ready": true,
    });
    if track.codec.is_video() {
        let facts = (shared.track_facts)(track);
        let (width, height) = facts.size.unwrap_or_default();
        told["width"] = width.into();
        told["height"] = height.into();
        told["fps"] = facts.fps.unwrap_or_default().into();
    } else {
        told["sample_rate"] = track.clock_rate.into();
        told["channels"] = track.channels.into();
        told["sample_bit"] = 16.into();
    }
    told
}

/// ZLMediaKit's numbers of codecs.
fn codec_id(codec: Codec) -> u8 {
    match codec {
        Codec::H264 => 0,
        Codec::H265 => 1,
        Codec::Aac => 2,
        Codec::Pcma => 3,
        Codec::Pcmu => 4,
        Codec::Opus => 5,
        Codec::L16 => 6,
        Codec::Vp8 => 7,
        Codec::Vp9 => 8,
        Codec::Av1 => 9,
        Codec::Mjpeg => 10,
        Codec::Mp3 => 14,
        Codec::G722 => 18,
    }
}
