//! Which tracks a reader gets: `?video=h264,h265&audio`, as in go2rtc.
//!
//! Source: go2rtc's README, "RTSP server". Each `video` or `audio` takes one track: of any codec, or the first of the
//! codecs named; `=all` takes every one. `mp4` means H.264 or H.265 with AAC.
use hub::Wants;
use media::{Codec, Kind, Track, TrackId};
use url::form_urlencoded;

/// One wish of a query.
enum Wish {
    /// Every track of the kind.
    All(Kind),
    /// The first track of the kind with the first of these codecs; of any without.
    One(Kind, Vec<Codec>),
}

/// The tracks that a query asks for, in their order. Without wishes, those of `default_query`; without any there
/// either, all. The error says what the stream has and what was asked for.
pub(crate) fn choose(tracks: &[Track], query: &str, default_query: &str) -> Result<Vec<TrackId>, String> {
    let (query, wishes) = match wishes(query) {
        own if !own.is_empty() => (query, own),
        _ => (default_query, wishes(default_query)),
    };
    let mut chosen: Vec<TrackId> = Vec::new();
    for wish in &wishes {
        match wish {
            Wish::All(kind) => {
                let all = tracks.iter().filter(|track| track.kind() == *kind).map(|track| track.id);
                let new: Vec<TrackId> = all.filter(|id| !chosen.contains(id)).collect();
                chosen.extend(new);
            }
            Wish::One(kind, codecs) => {
                let free = |track: &&Track| track.kind() == *kind && !chosen.contains(&track.id);
                let found = match &codecs[..] {
                    [] => tracks.iter().find(free),
                    some => some
                        .iter()
                        .find_map(|codec| tracks.iter().filter(free).find(|track| track.codec == *codec)),
                };
                chosen.extend(found.map(|track| track.id));
            }
        }
    }
    if wishes.is_empty() {
        chosen = tracks.iter().map(|track| track.id).collect();
    }
    if chosen.is_empty() {
        let has: Vec<&str> = tracks.iter().map(|track| track.codec.name()).collect();
        return Err(format!("the stream has {}, and \"{query}\" asks for something else", has.join(" and ")));
    }
    chosen.sort_by_key(|id| tracks.iter().position(|track| track.id == *id));
    Ok(chosen)
}

/// The longest packet that a query asks for (`pkt_size`), else what is configured.
pub(crate) fn packet_bytes_max(query: &str, configured: usize) -> usize {
    let asked = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "pkt_size");
    asked.and_then(|(_, value)| value.parse().ok()).unwrap_or(configured)
}

/// What a reader with this query wants of the stream's sources.
pub(crate) fn wants(query: &str, default_query: &str) -> Wants {
    let list = match wishes(query) {
        own if !own.is_empty() => own,
        _ => wishes(default_query),
    };
    if list.is_empty() {
        return Wants::any();
    }
    list.iter().fold(Wants::none(), |wants, wish| match wish {
        Wish::All(kind) => wants.with(*kind, []),
        Wish::One(kind, codecs) => wants.with(*kind, codecs.iter().copied()),
    })
}

fn wishes(query: &str) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let kind = match &*key {
            "video" => Kind::Video,
            "audio" => Kind::Audio,
            "mp4" => {
                wishes.push(Wish::One(Kind::Video, vec![Codec::H264, Codec::H265]));
                let mut sound = vec![Codec::Aac];
                if &*value == "all" {
                    sound.extend([Codec::Opus, Codec::Mp3]);
                }
                wishes.push(Wish::One(Kind::Audio, sound));
                continue;
            }
            _ => continue,
        };
        let words: Vec<&str> = value.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        let codecs: Vec<Codec> = words.iter().filter_map(|word| Codec::from_common_name(word)).collect();
        if words.iter().any(|word| word.eq_ignore_ascii_case("all")) {
            wishes.push(Wish::All(kind));
        } else if codecs.is_empty() && !words.is_empty() && !words.iter().any(|w| is_any(w)) {
            // Nothing that is known here: a wish that nothing fulfils.
            wishes.push(Wish::One(kind, vec![other(kind)]));
        } else {
            wishes.push(Wish::One(kind, codecs));
        }
    }
    wishes
}

fn is_any(word: &str) -> bool {
    word.eq_ignore_ascii_case("any") || word.eq_ignore_ascii_case("copy")
}

/// A codec that is never of this kind.
fn other(kind: Kind) -> Codec {
    match kind {
        Kind::Video => Codec::Aac,
        Kind::Audio => Codec::H264,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::CodecParams;

    fn tracks() -> Vec<Track> {
        vec![
            Track::video(0, Codec::H265, CodecParams::None),
            Track::video(1, Codec::H264, CodecParams::None),
            Track::audio(2, Codec::Aac, 48_000, 2, CodecParams::None),
            Track::audio(3, Codec::Pcma, 8_000, 1, CodecParams::None),
        ]
    }

    #[test]
    fn queries_pick_tracks_as_in_go2rtc() {
        for (query, expected) in [
            ("", &[0, 2][..]),
            ("source=x&timeout=5", &[0, 2]),
            ("video", &[0]),
            ("audio", &[2]),
            ("video=h264", &[1]),
            ("video=h264,h265&audio=pcma", &[1, 3]),
            ("video&audio=all", &[0, 2, 3]),
            ("video=all", &[0, 1]),
            ("audio=opus,pcma", &[3]),
            ("video&video", &[0, 1]),
            ("mp4", &[1, 2]),
            ("video=hevc&audio=opus", &[0]),
        ] {
            assert_eq!(choose(&tracks(), query, "video&audio").as_deref(), Ok(expected), "{query}");
        }
        assert_eq!(choose(&tracks(), "", "").as_deref(), Ok(&[0, 1, 2, 3][..]));
    }

    #[test]
    fn a_query_that_nothing_fulfils_says_what_there_is() {
        for query in ["audio=opus", "video=vp8", "video=nonsense"] {
            let error = choose(&tracks(), query, "").unwrap_err();
            assert!(error.contains("H265 and H264 and AAC and PCMA") && error.contains(query), "{error}");
        }
        assert_eq!(packet_bytes_max("video&pkt_size=1200", 1472), 1200);
        assert_eq!(packet_bytes_max("video", 1472), 1472);
    }
}
