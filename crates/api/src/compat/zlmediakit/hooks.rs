//! `on_record_mp4` and `on_record_ts`: what ZLMediaKit's receivers are told of a file that was closed.
use super::envelope::styled;
use super::name;
use bytes::Bytes;
use hub::{Event, What};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use recorder::FileFormat;
use serde_json::json;
use std::path::Path;

/// What stands for itself in no path: RFC 3986 §3.3.
const ODD: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

/// Which of both hooks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordHookKind {
    /// `on_record_mp4`: MP4 files, fragmented or not.
    Mp4,
    /// `on_record_ts`: MPEG-TS files, and segments of playlists.
    Ts,
}

/// What such a hook says of this server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordHook {
    /// Which.
    pub kind: RecordHookKind,
    /// What receivers know this server by.
    pub media_server_id: String,
    /// The virtual host of all streams.
    pub vhost: String,
}

impl RecordHook {
    /// The body for an event; `None` for those that it does not tell.
    pub(crate) fn body(&self, event: &Event) -> Option<Bytes> {
        let What::SegmentClosed { stream, format, path, from, to, bytes, .. } = &event.what else {
            return None;
        };
        let kind = match FileFormat::parse(format)? {
            FileFormat::Mp4 | FileFormat::Fmp4 => RecordHookKind::Mp4,
            FileFormat::Ts | FileFormat::HlsTs | FileFormat::Hls => RecordHookKind::Ts,
        };
        if kind != self.kind {
            return None;
        }
        let (app, name) = name::parts(stream.as_str());
        let file_name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (start, end) = (from.as_micros(), to.as_micros());
        let body = json!({
            "mediaServerId": self.media_server_id,
            "hook_index": event.number,
            "vhost": self.vhost,
            "app": app,
            "stream": name,
            "params": "",
            "start_time": start.div_euclid(1_000_000),
            "file_size": bytes,
            "time_len": end.saturating_sub(start) as f64 / 1e6,
            "file_path": path,
            "file_name": file_name,
            "folder": format!("{}/", folder(path)),
            "url": url(stream.as_str(), *from, *to),
        });
        Some(styled(&body).into())
    }
}

/// The stream's folder: that of the file, without the day.
fn folder(path: &str) -> String {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let is_day = |name: &str| name.len() == 10 && name.bytes().all(|c| c.is_ascii_digit() || c == b'-');
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = if is_day(name) { folder.parent().unwrap_or(folder) } else { folder };
    folder.display().to_string()
}

/// Where the file's time is had by HTTP, below the server's address: as MP4, whatever the file is.
fn url(stream: &str, from: media::WallTime, to: media::WallTime) -> String {
    let stream = utf8_percent_encode(stream, ODD);
    let (from, to) = (crate::time::rfc3339(from), crate::time::rfc3339(to));
    format!("api/v1/recordings/{stream}/export.mp4?from={from}&to={to}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{StreamName, WallTime};

    fn closed(format: &'static str) -> Event {
        let what = What::SegmentClosed {
            stream: StreamName::new("rtp/Tür 1").unwrap(),
            storage: "main".into(),
            format,
            path: "/rec/rtp/Tür 1/2026-11-21/10-30-00-123.mp4".into(),
            from: WallTime::from_micros(1_795_257_000_123_456),
            to: WallTime::from_micros(1_795_257_012_623_456),
            bytes: 1234,
        };
        Event { number: 7, time: WallTime::from_micros(0), what }
    }

    fn body(kind: RecordHookKind, event: &Event) -> Option<String> {
        let hook = RecordHook { kind, media_server_id: "zlm-1".into(), vhost: "__defaultVhost__".into() };
        hook.body(event).map(|body| String::from_utf8(body.into()).unwrap())
    }

    #[test]
    fn a_closed_file_is_told_in_zlmediakits_words() {
        let expected = "{\n\t\"app\" : \"rtp\",\n\t\"file_name\" : \"10-30-00-123.mp4\",\n\
                        \t\"file_path\" : \"/rec/rtp/Tür 1/2026-11-21/10-30-00-123.mp4\",\n\t\"file_size\" : 1234,\n\
                        \t\"folder\" : \"/rec/rtp/Tür 1/\",\n\t\"hook_index\" : 7,\n\t\"mediaServerId\" : \"zlm-1\",\n\
                        \t\"params\" : \"\",\n\t\"start_time\" : 1795257000,\n\t\"stream\" : \"Tür 1\",\n\t\"time_len\" : 12.5,\n\
                        \t\"url\" : \"api/v1/recordings/rtp/T%C3%BCr%201/export.mp4?from=2026-11-21T10:30:00.123Z\
                        &to=2026-11-21T10:30:12.623Z\",\n\t\"vhost\" : \"__defaultVhost__\"\n}\n";
        assert_eq!(body(RecordHookKind::Mp4, &closed("mp4")).as_deref(), Some(expected));
    }

    #[test]
    fn each_kind_of_file_is_told_to_one_hook() {
        for (format, mp4) in [("mp4", true), ("fmp4", true), ("ts", false), ("hls_ts", false), ("hls", false)]
        {
            assert_eq!(body(RecordHookKind::Mp4, &closed(format)).is_some(), mp4, "{format}");
            assert_eq!(body(RecordHookKind::Ts, &closed(format)).is_some(), !mp4, "{format}");
        }
        let other = Event { what: What::Draining, ..closed("mp4") };
        assert_eq!(body(RecordHookKind::Mp4, &other), None);
    }
}
