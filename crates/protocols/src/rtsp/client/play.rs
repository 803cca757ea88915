//! PLAY, and what goes on while it plays: keep-alive and the watch over the media. Source: RFC 2326 §10.5, §12.37.
use super::event::TrackStart;
use super::request::Pending;
use super::{Client, Error, Event, State};
use crate::rtsp::fields::RtpInfo;
use crate::rtsp::message::{Method, Request, Response};
use crate::rtsp::transport::Lower;
use media::{Moment, TrackId};
use std::time::Duration;

/// Longest time between two keep-alives: 30 s. NATs forget a quiet connection after a minute or more.
const PING_MAX: Duration = Duration::from_secs(30);
/// Shortest: 1 s, for servers that name a timeout of a second or two.
const PING_MIN: Duration = Duration::from_secs(1);

impl Client {
    pub(super) fn send_play(&mut self, now: Moment) {
        self.state = State::Play;
        let request = Request::new(Method::Play, self.aggregate.clone());
        // Some cameras refuse PLAY without a range. Who talks is in the present: GStreamer's ONVIF server cannot seek.
        let range = if self.talks_now() { "npt=now-" } else { "npt=0.000-" };
        self.send(self.for_talk(request.with("Range", range)), now);
    }

    pub(super) fn handle_play(&mut self, pending: &Pending, response: &Response, now: Moment) {
        if response.status >= 300 {
            let own = self.url.request_uri();
            if matches!(response.status, 400 | 404 | 455 | 460) && pending.request.uri != own {
                // The description named another URL than the one that works.
                self.aggregate = own.to_owned();
                return self.send_play(now);
            }
            if response.status == 457 && self.talks_now() {
                self.knows_no_now = true;
                return self.send_play(now);
            }
            return self.refused(pending, response);
        }
        self.state = State::Playing;
        self.media_at = now;
        self.ping_at = now + self.ping_interval();
        let infos: Vec<RtpInfo> = response.headers.all("RTP-Info").flat_map(RtpInfo::parse_all).collect();
        let starts = self.starts(&infos);
        self.event(Event::Playing { starts });
    }

    /// Finds each entry's track by its URL, which may be relative, lack the query or name another host; in order
    /// where no URL fits and there are as many entries as tracks.
    fn starts(&self, infos: &[RtpInfo]) -> Vec<TrackStart> {
        let ready: Vec<usize> =
            self.tracks.iter().enumerate().filter(|(_, track)| track.ready).map(|(index, _)| index).collect();
        let mut starts: Vec<TrackStart> = Vec::new();
        for (position, info) in infos.iter().enumerate() {
            let by_url =
                ready.iter().copied().find(|&index| same_track(&self.tracks[index].control, &info.url));
            let by_order = (infos.len() == ready.len()).then(|| ready.get(position).copied()).flatten();
            let Some(index) = by_url.or(by_order) else { continue };
            let track = index as TrackId;
            if starts.iter().all(|start| start.track != track) {
                starts.push(TrackStart { track, sequence: info.sequence, rtptime: info.rtptime });
            }
        }
        starts
    }

    fn ping_interval(&self) -> Duration {
        (self.session_timeout / 2).clamp(PING_MIN, PING_MAX)
    }

    /// Keep-alive and silence; says when to look again, or none when something happened.
    pub(super) fn run_playing_timers(&mut self, now: Moment) -> Option<Moment> {
        let silent_at = self.silent_at();
        if now >= silent_at {
            if !self.expects_media() {
                self.fail(Error::ServerSilent { silent: now.since(self.input_at) });
                return None;
            }
            if self.lower == Lower::Udp && !self.media_seen && !self.lower_changed {
                self.over_tcp();
            } else {
                self.fail(Error::MediaSilent { silent: now.since(self.media_at) });
            }
            return None;
        }
        if now >= self.ping_at {
            self.ping_at = now + self.ping_interval();
            self.send_ping(now);
            return None;
        }
        Some(silent_at.min(self.ping_at))
    }

    /// An unanswered keep-alive is no reason to give up: many cameras answer none while they play.
    fn send_ping(&mut self, now: Moment) {
        let known = self.public.contains(&Method::GetParameter) && !self.ping_with_options;
        let method = if known { Method::GetParameter } else { Method::Options };
        self.send(Request::new(method, self.aggregate.clone()), now);
    }

    pub(super) fn handle_ping(&mut self, pending: &Pending, response: &Response, now: Moment) {
        match response.status {
            // 454 means the session is gone, and its media with it.
            454 => self.refused(pending, response),
            300.. if pending.method == Method::GetParameter => {
                self.ping_with_options = true;
                self.send_ping(now);
            }
            _ => {}
        }
    }
}

fn same_track(control: &str, named: &str) -> bool {
    let bare = |url: &str| -> String {
        let path =
            url.find("://").map_or(url, |at| url[at + 3..].find('/').map_or("", |end| &url[at + 3 + end..]));
        path.trim_matches('/').to_ascii_lowercase()
    };
    let (control, named) = (bare(control), bare(named));
    if named.is_empty() || control.is_empty() {
        return named == control;
    }
    let below = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    below(&control, &named) || below(&named, &control)
}
