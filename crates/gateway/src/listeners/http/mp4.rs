//! Progressive fragmented MP4, and one key frame as a file.
use super::body::Answer;
use super::query::Query;
use super::{Call, full, open, text};
use crate::listeners::choice;
use crate::renditions::fmp4;
use ::http::{HeaderValue, Method, Request, Response, StatusCode};
use formats::mp4::keyframe_file;
use hub::{Format, Item, Wants};
use hyper::body::Incoming;
use media::{Kind, Moment, Unit};
use std::time::Duration;

/// A key frame that does not come in this time will not come: longer than any sensible distance of key frames.
const FRAME_WAIT: Duration = Duration::from_secs(12);

const VIDEO_MP4: HeaderValue = HeaderValue::from_static("video/mp4");

/// `GET /api/stream.mp4?src=…[&video=h264][&audio=aac][&duration=SECONDS][&filename=NAME]`
pub(super) async fn stream(call: Call, query: &Query, request: &Request<Incoming>) -> Response<Answer> {
    let wants = choice::wants(request.uri().query().unwrap_or_default(), "");
    let (view, tracks) = match open(&call, query, wants).await {
        Ok(open) => open,
        Err(refusal) => return refusal,
    };
    let ids = match choice::choose(&tracks, request.uri().query().unwrap_or_default(), "") {
        Ok(ids) => ids,
        Err(why) => return text(StatusCode::NOT_ACCEPTABLE, why).map(Answer::from),
    };
    let mime = match fmp4::fragmenter(&tracks, &ids) {
        Ok(fragmenter) => fragmenter.mime(),
        Err(why) => return text(StatusCode::NOT_ACCEPTABLE, why).map(Answer::from),
    };
    let mime = HeaderValue::from_str(&mime).unwrap_or(VIDEO_MP4);
    if request.method() == Method::HEAD {
        let mut response = Response::new(Answer::from(full("")));
        response.headers_mut().insert("content-type", mime);
        return response;
    }
    let until = match query.get("duration").map(str::parse::<u64>) {
        None => Moment::FAR_FUTURE,
        Some(Ok(seconds)) => hub::now() + Duration::from_secs(seconds),
        Some(Err(_)) => {
            return text(StatusCode::BAD_REQUEST, "duration is a number of seconds").map(Answer::from);
        }
    };
    let mut response = match view.reader(fmp4::format(&ids), call.peer_info("mp4", request.headers())) {
        Ok(reader) => call.live(view, reader, mime, until),
        Err(error) => return super::unsuitable(&error),
    };
    if let Some(name) = query.get("filename") {
        let safe: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_. ".contains(*c)).collect();
        if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{safe}\"")) {
            response.headers_mut().insert("content-disposition", value);
        }
    }
    response
}

/// `GET /api/frame.mp4?src=…`: the newest key frame, or the next.
pub(super) async fn frame(call: Call, query: &Query, request: &Request<Incoming>) -> Response<Answer> {
    let wants = Wants::none().with(Kind::Video, []);
    let (view, tracks) = match open(&call, query, wants).await {
        Ok(open) => open,
        Err(refusal) => return refusal,
    };
    let Some(video) = tracks.iter().find(|track| track.codec.is_video()).map(|track| track.id) else {
        return text(StatusCode::NOT_ACCEPTABLE, "the stream has no video").map(Answer::from);
    };
    let mut reader = match view.reader(Format::units_of(video), call.peer_info("frame", request.headers())) {
        Ok(reader) => reader,
        Err(error) => return super::unsuitable(&error),
    };
    let keyframe = async {
        loop {
            match reader.next().await {
                Item::Chunk(chunk) => {
                    if chunk.keyframe {
                        return Ok(Unit {
                            track: chunk.track,
                            pts: chunk.pts,
                            dts: chunk.dts,
                            arrival: chunk.arrival,
                            wall: chunk.wall,
                            keyframe: true,
                            discontinuity: false,
                            data: chunk.parts.first().cloned().unwrap_or_default(),
                        });
                    }
                }
                Item::Header(_) => {}
                Item::Ended(reason) => return Err(reason.to_string()),
            }
        }
    };
    let file = match tokio::time::timeout(FRAME_WAIT, keyframe).await {
        Ok(Ok(unit)) => keyframe_file(&tracks, &[unit]).map_err(|e| e.to_string()),
        Ok(Err(why)) => Err(why),
        Err(_) => Err(format!("no key frame in {} s", FRAME_WAIT.as_secs())),
    };
    match file {
        Ok(file) => {
            let mut response = Response::new(Answer::from(full(file)));
            response.headers_mut().insert("content-type", VIDEO_MP4);
            response
        }
        Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, why).map(Answer::from),
    }
}
