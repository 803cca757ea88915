//! Which stream and which track a URL means. Source: RFC 2326 Appendix C.1.1; players append controls to the URL
//! with or without its query, so both resolve.
use crate::rtsp::url::path_and_query;
use formats::sdp;
use percent_encoding::percent_decode_str;

/// Most media sections: 16, as in `formats::sdp`.
const SECTIONS_MAX: usize = sdp::SECTIONS_MAX;

/// What a request is about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Target {
    /// The path without slashes at its ends, percent-decoded: the stream's name.
    pub path: String,
    /// The query as it stood there, without `?`.
    pub query: String,
}

impl Target {
    pub(super) fn of(uri: &str) -> Self {
        let (path, query) = path_and_query(uri);
        let path = percent_decode_str(path.trim_matches('/')).decode_utf8_lossy().into_owned();
        Self { path, query: query.trim_end_matches('/').to_owned() }
    }
}

/// What controls are relative to: the request's URL without query, with a slash. None for `*`.
pub(super) fn base_of(uri: &str) -> String {
    let whole = uri.split('?').next().unwrap_or_default();
    if whole.contains("://") { format!("{}/", whole.trim_end_matches('/')) } else { String::new() }
}

/// The `a=control` of each media section.
#[derive(Clone, Debug, Default)]
pub(super) struct Controls(Vec<Option<String>>);

/// Which media sections of a description say `a=sendonly`: those are ours to take, as ONVIF has it.
pub(super) fn back_channels(sdp: &[u8]) -> Vec<bool> {
    let mut backs: Vec<bool> = Vec::new();
    for line in String::from_utf8_lossy(sdp).lines().map(str::trim) {
        if line.starts_with("m=") {
            backs.push(false);
        } else if let ("a=sendonly", Some(last)) = (line, backs.last_mut()) {
            *last = true;
        }
    }
    backs
}

/// What a SETUP is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Resolved {
    /// This section.
    Section(usize),
    /// The whole stream, which has several.
    Aggregate,
    /// None of the sections.
    Unknown,
}

impl Controls {
    /// Reads them from a description, also those of sections that are not understood.
    pub(super) fn of_sdp(sdp: &[u8]) -> Self {
        let text = String::from_utf8_lossy(sdp);
        let mut controls: Vec<Option<String>> = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.starts_with("m=") {
                if controls.len() == SECTIONS_MAX {
                    break;
                }
                controls.push(None);
            } else if let (Some(control), Some(last)) = (line.strip_prefix("a=control:"), controls.last_mut())
            {
                *last =
                    Some(control.trim().to_owned()).filter(|control| !control.is_empty() && control != "*");
            }
        }
        Self(controls)
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, section: usize) -> Option<&str> {
        self.0.get(section)?.as_deref()
    }

    /// The sections, told by their controls; in order where controls are missing.
    pub(super) fn section_of(&self, control: Option<&str>, nth: usize) -> Option<usize> {
        match control.filter(|control| !control.is_empty() && *control != "*") {
            Some(control) => self.0.iter().position(|own| own.as_deref() == Some(control)),
            None => self.0.iter().enumerate().filter(|(_, own)| own.is_none()).map(|(at, _)| at).nth(nth),
        }
    }

    /// The section that the URL of a SETUP means.
    pub(super) fn resolve(&self, uri: &str, target: &Target) -> Resolved {
        let uri = uri.trim_end_matches('/');
        let fits = |control: &str| {
            let control = control.trim_matches('/');
            let (own, asked) = (path_and_query(control), path_and_query(uri));
            if control.contains("://") {
                return own == asked;
            }
            uri.strip_suffix(control)
                .is_some_and(|before| before.ends_with(['/', '?', '&']) || before.is_empty())
        };
        let longest = self.0.iter().enumerate().filter_map(|(at, own)| Some((at, own.as_deref()?)));
        if let Some((at, _)) = longest.filter(|(_, own)| fits(own)).max_by_key(|(_, own)| own.len()) {
            return Resolved::Section(at);
        }
        if Target::of(uri).path == target.path {
            return if self.0.len() == 1 { Resolved::Section(0) } else { Resolved::Aggregate };
        }
        match numbered(uri) {
            Some((_, number)) if number < self.0.len() => Resolved::Section(number),
            Some(_) | None => Resolved::Unknown,
        }
    }
}

/// `…/trackID=3`, `…/streamid=3`, `…/track3`: the URL before it and the number, below [`SECTIONS_MAX`].
pub(super) fn numbered(uri: &str) -> Option<(&str, usize)> {
    let (before, last) = uri.trim_end_matches('/').rsplit_once('/')?;
    let lower = last.to_ascii_lowercase();
    let digits =
        ["trackid=", "streamid=", "stream=", "track"].iter().find_map(|name| lower.strip_prefix(name))?;
    let number = digits.parse().ok().filter(|number| *number < SECTIONS_MAX)?;
    Some((before, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controls(names: &[&str]) -> Controls {
        let sdp: String =
            names.iter().map(|name| format!("m=video 0 RTP/AVP 96\r\na=control:{name}\r\n")).collect();
        Controls::of_sdp(format!("v=0\r\na=control:*\r\n{sdp}").as_bytes())
    }

    #[test]
    fn a_url_names_the_stream_with_and_without_query() {
        for (uri, path, query) in [
            ("rtsp://h:8554/a/b/c?video&audio=aac", "a/b/c", "video&audio=aac"),
            ("rtsp://h:8554/a/b/c/", "a/b/c", ""),
            ("rtsp://h/K%C3%BCche%201?x/", "Küche 1", "x"),
            ("rtsp://h?x", "", "x"),
            ("/a", "a", ""),
            ("*", "*", ""),
        ] {
            let target = Target::of(uri);
            assert_eq!((target.path.as_str(), target.query.as_str()), (path, query), "{uri}");
        }
        assert_eq!(base_of("rtsp://h:8554/a/b?video&audio=aac"), "rtsp://h:8554/a/b/");
        assert_eq!(base_of("*"), "");
    }

    #[test]
    fn a_track_is_found_however_the_player_joins_the_urls() {
        let target = Target::of("rtsp://h:8554/a/b/c?video&audio=aac");
        let two = controls(&["trackID=0", "trackID=1"]);
        for (uri, resolved) in [
            ("rtsp://h:8554/a/b/c/trackID=1", Resolved::Section(1)),
            ("rtsp://h:8554/a/b/c?video&audio=aac/trackID=1", Resolved::Section(1)),
            ("rtsp://h:8554/a/b/c/trackID=0?video&audio=aac", Resolved::Unknown),
            ("rtsp://h:8554/a/b/trackID=0", Resolved::Section(0)),
            ("trackID=1", Resolved::Section(1)),
            ("rtsp://h:8554/a/b/c/trackID=1/", Resolved::Section(1)),
            ("rtsp://h:8554/a/b/c/", Resolved::Aggregate),
            ("rtsp://h:8554/a/b/c?video&audio=aac", Resolved::Aggregate),
            ("rtsp://h:8554/a/b/c/streamid=1", Resolved::Section(1)),
            ("rtsp://h:8554/a/b/c/trackID=7", Resolved::Unknown),
            ("rtsp://h:8554/other", Resolved::Unknown),
        ] {
            assert_eq!(two.resolve(uri, &target), resolved, "{uri}");
        }
        assert_eq!(controls(&["x"]).resolve("rtsp://h/a/b/c", &target), Resolved::Section(0));
        let absolute = controls(&["rtsp://10.0.0.9/a/v", "rtsp://10.0.0.9/a/v/a"]);
        assert_eq!(absolute.resolve("rtsp://other/a/v/a", &target), Resolved::Section(1));
        let nested = controls(&["1", "stream/1"]);
        assert_eq!(nested.resolve("rtsp://h/a/stream/1", &target), Resolved::Section(1));
    }
}
