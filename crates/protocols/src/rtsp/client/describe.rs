//! DESCRIBE: what is there, and below which URL. Source: RFC 2326 §10.2, Appendix C.1.1.
use super::request::Pending;
use super::{BackChannel, Client, ClientTrack, Error, Event, State};
use crate::rtsp::message::{Method, Request, Response};
use formats::sdp::{self, MediaSection};
use media::{Moment, TrackId};

impl Client {
    pub(super) fn send_describe(&mut self, now: Moment) {
        self.state = State::Describe;
        let request = Request::new(Method::Describe, self.url.request_uri());
        self.send(self.for_talk(request.with("Accept", "application/sdp")), now);
    }

    pub(super) fn handle_describe(&mut self, pending: &Pending, response: &Response, now: Moment) {
        if response.status >= 300 {
            if self.gives_up_requiring(response.status) {
                return self.send_describe(now);
            }
            return self.refused(pending, response);
        }
        let description = match sdp::parse(&response.body) {
            Ok(description) => description,
            Err(error) => return self.fail(error.into()),
        };
        let base = self.base(response);
        let session_control = description.control.as_deref();
        self.aggregate = sdp::control_url(&base, session_control);
        // RFC 2326 C.1.1: tracks are relative to Content-Base, not to the session's control; but where that is an
        // absolute URL, cameras mean it as their base.
        let tracks_base = match session_control {
            Some(control) if control.contains("://") => control,
            Some(_) | None => &base,
        };
        let mut seen = Vec::new();
        for section in description.sections {
            seen.push(section.track.codec.name());
            let wanted = self.config.back_channel != BackChannel::Alone;
            if wanted && self.config.media.takes(section.track.kind()) {
                self.add_track(section, tracks_base, false);
            }
        }
        let back = self.tracks.len();
        if self.config.back_channel != BackChannel::No {
            let Some(section) = description.backchannels.into_iter().next() else {
                let described =
                    if seen.is_empty() { "nothing that is known".to_owned() } else { seen.join(", ") };
                return self.fail(Error::NoBackChannel { described, asked: self.requires_talk() });
            };
            self.add_track(section, tracks_base, true);
        }
        if self.tracks.is_empty() {
            let described = match (seen.is_empty(), description.skipped.is_empty()) {
                (false, _) => format!("the server has {}, all filtered out", seen.join(", ")),
                (true, false) => description.skipped.join("; "),
                (true, true) => "the description is empty".to_owned(),
            };
            return self.fail(Error::NoTracks { described });
        }
        self.event(Event::Described {
            sections: self.tracks.iter().map(|track| track.section.clone()).collect(),
            skipped: description.skipped,
            sdp: response.body.clone(),
        });
        self.tell_back_channel(back);
        self.set_up(0, now);
    }

    fn add_track(&mut self, mut section: MediaSection, base: &str, back: bool) {
        let control = sdp::control_url(base, section.control.as_deref());
        section.track.id = self.tracks.len() as TrackId;
        let (ready, udp_ports, channels) = (false, None, None);
        self.tracks.push(ClientTrack { section, control, back, ready, udp_ports, channels });
    }

    /// Content-Base, Content-Location or the request's URL. Cameras put private addresses and other ports there;
    /// only a whole RTSP URL, or a path, is taken.
    fn base(&self, response: &Response) -> String {
        let named = ["Content-Base", "Content-Location"]
            .into_iter()
            .find_map(|name| response.headers.get(name).map(str::trim).filter(|value| !value.is_empty()));
        let own = self.url.request_uri();
        match named {
            Some(url) if url.to_ascii_lowercase().starts_with("rtsp") && url.contains("://") => {
                crate::auth::without_userinfo(url)
            }
            Some(path) if path.starts_with('/') => {
                let authority = own.find("://").map_or(0, |at| at + 3);
                let end = own[authority..].find(['/', '?']).map_or(own.len(), |at| authority + at);
                format!("{}{path}", &own[..end])
            }
            Some(_) | None => own.to_owned(),
        }
    }
}
