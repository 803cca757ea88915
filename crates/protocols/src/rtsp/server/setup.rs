//! SETUP: which track goes over what. Source: RFC 2326 §10.4, §12.39.
use super::path::{Resolved, Target, base_of, numbered};
use super::{Carrier, ChannelUse, Event, Session, Slot, State, Waiting, WaitingFor};
use crate::rtsp::fields::SessionField;
use crate::rtsp::message::Request;
use crate::rtsp::transport::{Lower, Mode, Transport};
use media::TrackId;

impl Session {
    pub(super) fn handle_setup(&mut self, request: Request) {
        let publishes = match self.state {
            State::Init | State::Described | State::ReadyToPlay => false,
            State::Announced | State::ReadyToRecord => true,
            State::Playing | State::Recording | State::Closed | State::Failed(_) => {
                return self.refuse_in_this_state(&request);
            }
        };
        if self.state == State::Init {
            self.assume_description(&request.uri);
        }
        let slot = match self.controls.resolve(&request.uri, &self.target) {
            Resolved::Section(slot) => slot,
            Resolved::Aggregate if self.controls.len() == 0 => 0,
            Resolved::Aggregate => {
                return self.refuse(&request, 459, "name one track in SETUP, not the stream");
            }
            Resolved::Unknown if self.controls.len() == 0 => self.number_of(&request.uri),
            Resolved::Unknown => {
                let known: Vec<&str> =
                    (0..self.controls.len()).filter_map(|at| self.controls.get(at)).collect();
                let text = format!("Not Found: no such track, the stream has {}", known.join(", "));
                return self.refuse(&request, 404, &text);
            }
        };
        while self.controls.len() == 0 && self.slots.len() <= slot {
            let track = self.slots.len() as TrackId;
            self.slots.push(Slot { track: Some(track), carrier: None, back: false });
        }
        let publishes = publishes || self.slots.get(slot).is_some_and(|slot| slot.back);
        let asked = Transport::parse_all(request.headers.get("Transport").unwrap_or_default());
        let carrier = match self.choose(slot, &asked, publishes) {
            Ok(carrier) => carrier,
            Err(text) => return self.refuse(&request, 461, &format!("Unsupported Transport: {text}")),
        };
        let Some(track) = self.slots.get(slot).and_then(|slot| slot.track) else {
            // Nobody takes this media: accepted and dropped.
            self.waiting = Some(Waiting { request, kind: WaitingFor::Setup { slot, carrier } });
            self.setup_ok(None, None);
            return;
        };
        let (target, user, asked) = (self.target.clone(), self.user.clone(), carrier.clone());
        self.waiting = Some(Waiting { request, kind: WaitingFor::Setup { slot, carrier } });
        self.event(Event::Setup { target, user, track, carrier: asked, publishes });
    }

    /// SETUP without DESCRIBE: the URL alone tells stream and track; the driver knows whether they exist.
    fn assume_description(&mut self, uri: &str) {
        let stream = numbered(uri).map_or(uri, |(stream, _)| stream);
        self.target = Target::of(stream);
        self.base = base_of(stream);
    }

    fn number_of(&self, uri: &str) -> usize {
        numbered(uri).map_or(0, |(_, number)| number)
    }

    /// The first alternative that can be served, or why none can.
    fn choose(&self, slot: usize, asked: &[Transport], publishes: bool) -> Result<Carrier, &'static str> {
        let used = self.slots.iter().enumerate().find(|(at, other)| *at != slot && other.carrier.is_some());
        let used = used.and_then(|(_, other)| other.carrier.as_ref()).map(|carrier| match carrier {
            Carrier::Tcp { .. } => Lower::Tcp,
            Carrier::Udp { .. } => Lower::Udp,
        });
        let mut why = "none is named";
        for transport in asked {
            let Transport { lower, multicast, profile, mode, client_port, .. } = transport;
            let wrong_mode = match mode {
                Some(Mode::Record) => !publishes,
                Some(Mode::Play) | None => false,
            };
            match lower {
                _ if *multicast => why = "multicast is not served, ask for unicast",
                _ if profile != "AVP" && profile != "AVPF" => why = "only RTP/AVP is served",
                _ if wrong_mode => why = "mode=record needs ANNOUNCE first",
                _ if used.is_some_and(|used| used != *lower) => {
                    why = "all tracks go over TCP or all over UDP"
                }
                Lower::Udp if !self.config.udp => why = "UDP is switched off, ask for RTP/AVP/TCP",
                Lower::Udp => match client_port {
                    Some((rtp, rtcp)) if *rtp > 0 => return Ok(Carrier::Udp { rtp: *rtp, rtcp: *rtcp }),
                    Some(_) | None => why = "client_port is missing",
                },
                Lower::Tcp => match self.free_channels(slot, transport.interleaved) {
                    Some((rtp, rtcp)) => return Ok(Carrier::Tcp { rtp, rtcp }),
                    None => why = "no channel is free",
                },
            }
        }
        Err(why)
    }

    /// The channels asked for, or the first free pair where they are taken or none are named.
    fn free_channels(&self, slot: usize, asked: Option<(u8, u8)>) -> Option<(u8, u8)> {
        let own = match self.slots.get(slot).and_then(|slot| slot.carrier.as_ref()) {
            Some(Carrier::Tcp { rtp, rtcp }) => Some((*rtp, *rtcp)),
            Some(Carrier::Udp { .. }) | None => None,
        };
        let free = |channel: u8| {
            let mine = own.is_some_and(|(rtp, rtcp)| channel == rtp || channel == rtcp);
            mine || self.channels[usize::from(channel)].is_none()
        };
        let pairs = (0..=254u8).step_by(2).map(|rtp| (rtp, rtp + 1));
        asked.into_iter().chain(pairs).find(|(rtp, rtcp)| rtp != rtcp && free(*rtp) && free(*rtcp))
    }

    /// Answers SETUP; for UDP with our ports of RTP and RTCP. False when none waits.
    pub fn setup_ok(&mut self, server_port: Option<(u16, u16)>, ssrc: Option<u32>) -> bool {
        let Some(Waiting { request, kind: WaitingFor::Setup { slot, carrier } }) =
            self.waiting.take_if(|waiting| matches!(waiting.kind, WaitingFor::Setup { .. }))
        else {
            return false;
        };
        let publishes = matches!(self.state, State::Announced | State::ReadyToRecord);
        let mut transport = match carrier {
            Carrier::Tcp { rtp, rtcp } => Transport::tcp(rtp, rtcp),
            Carrier::Udp { rtp, rtcp } => Transport { server_port, ..Transport::udp(rtp, rtcp) },
        };
        transport.ssrc = ssrc;
        transport.mode = publishes.then_some(Mode::Record);
        self.occupy(slot, carrier);
        self.state = if publishes { State::ReadyToRecord } else { State::ReadyToPlay };
        let mut response = self.response(&request, 200).with("Transport", transport.to_string());
        if request.headers.get("Session").is_none() {
            let field = SessionField { id: self.id.clone(), timeout: Some(self.config.reader_timeout) };
            response.headers.push("Session", field.to_string());
        }
        self.transmit(response);
        true
    }

    fn occupy(&mut self, slot: usize, carrier: Carrier) {
        let track = self.slots.get(slot).and_then(|slot| slot.track);
        if let Some(Carrier::Tcp { rtp, rtcp }) = self.slots[slot].carrier {
            self.channels[usize::from(rtp)] = None;
            self.channels[usize::from(rtcp)] = None;
        }
        if let Carrier::Tcp { rtp, rtcp } = carrier {
            self.channels[usize::from(rtp)] = Some(ChannelUse { track, is_rtcp: false });
            self.channels[usize::from(rtcp)] = Some(ChannelUse { track, is_rtcp: true });
        }
        self.slots[slot].carrier = Some(carrier);
    }
}
