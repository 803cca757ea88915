//! SETUP of one track after the other. Source: RFC 2326 §10.4.
use super::request::Pending;
use super::{Carrier, ChannelUse, Client, Event, State, TransportPreference};
use crate::rtsp::message::{Method, Request, Response};
use crate::rtsp::transport::{Lower, Transport};
use media::{Moment, TrackId};

impl Client {
    /// Starts the SETUP of a track; behind the last one, PLAY.
    pub(super) fn set_up(&mut self, track: usize, now: Moment) {
        if track >= self.tracks.len() {
            return self.send_play(now);
        }
        match self.lower {
            Lower::Tcp => {
                let rtp = (track * 2) as u8;
                self.send_setup(track, Transport::tcp(rtp, rtp + 1), now);
            }
            Lower::Udp => {
                self.state = State::Ports(track);
                self.event(Event::SetupUdp { track: track as TrackId });
            }
        }
    }

    /// The ports the driver bound for a track after [`Event::SetupUdp`]. Ignored at any other time.
    pub fn udp_ports(&mut self, track: TrackId, rtp: u16, rtcp: u16, now: Moment) {
        let index = usize::from(track);
        if self.state == State::Ports(index) {
            self.tracks[index].udp_ports = Some((rtp, rtcp));
            self.send_setup(index, Transport::udp(rtp, rtcp), now);
        }
    }

    fn send_setup(&mut self, track: usize, transport: Transport, now: Moment) {
        self.state = State::Setup(track);
        let request = Request::new(Method::Setup, self.tracks[track].control.clone());
        self.send(self.for_talk(request.with("Transport", transport.to_string())), now);
    }

    pub(super) fn handle_setup(&mut self, track: usize, pending: &Pending, response: &Response, now: Moment) {
        if response.status < 300 {
            self.accept_track(track, response);
            return self.set_up(track + 1, now);
        }
        let first = !self.tracks.iter().any(|track| track.ready);
        let may_change = match (self.config.transport, self.lower) {
            (TransportPreference::Auto, Lower::Tcp) | (TransportPreference::Udp, Lower::Udp) => true,
            (TransportPreference::Auto | TransportPreference::Tcp, _)
            | (TransportPreference::Udp, Lower::Tcp) => false,
        };
        if response.status == 461 && first && may_change && !self.lower_changed {
            self.lower_changed = true;
            self.lower = match self.lower {
                Lower::Tcp => Lower::Udp,
                Lower::Udp => Lower::Tcp,
            };
            return self.set_up(track, now);
        }
        let last = track + 1 == self.tracks.len();
        if (first && last) || self.tracks[track].back {
            return self.refused(pending, response);
        }
        let (status, reason) = (response.status, response.reason.clone());
        self.event(Event::TrackRefused { track: track as TrackId, status, reason });
        self.set_up(track + 1, now);
    }

    fn accept_track(&mut self, track: usize, response: &Response) {
        let answer = response.headers.get("Transport").and_then(|value| Transport::parse_all(value).pop());
        let ssrc = answer.as_ref().and_then(|answer| answer.ssrc);
        let id = track as TrackId;
        self.tracks[track].ready = true;
        let carrier = match self.lower {
            Lower::Tcp => {
                let asked = ((track * 2) as u8, (track * 2 + 1) as u8);
                let named = answer.and_then(|answer| answer.interleaved).unwrap_or(asked);
                let free = |channel: u8| self.channels[usize::from(channel)].is_none();
                // Two tracks on one channel cannot be told apart: then the server means what was asked.
                let (rtp, rtcp) = if free(named.0) && named.0 != named.1 { named } else { asked };
                for (channel, is_rtcp) in [(rtcp, true), (rtp, false)] {
                    self.channels[usize::from(channel)] = Some(ChannelUse { track: id, is_rtcp });
                }
                self.tracks[track].channels = Some((rtp, rtcp));
                Carrier::Tcp { rtp, rtcp }
            }
            Lower::Udp => Carrier::Udp {
                server_port: answer.as_ref().and_then(|answer| answer.server_port),
                source: answer.and_then(|answer| answer.source),
            },
        };
        self.event(Event::TrackReady { track: id, carrier, ssrc });
    }
}
