//! What the device's answers mean for the call.
use super::super::http::Reply;
use super::super::xml::{self, ResponseStatus};
use super::{Answer, Ask, Client, End, Error, Occupied, Offer, Output, Report, State};
use bytes::{BufMut as _, Bytes, BytesMut};
use formats::bitstream::aac::{self, AudioSpecificConfig};
use media::{Codec, CodecParams, Moment, Track};

/// Sample rate where the device names none: 8 kHz, that of G.711.
const SAMPLE_RATE_DEFAULT: u32 = 8_000;
/// Sample rate of AAC where the device names none: 16 kHz, as DS-2CD2347G3 has it (go2rtc #2354).
const SAMPLE_RATE_AAC: u32 = 16_000;

impl Client {
    /// There is sound: the channel is to be opened.
    pub(super) fn begin_call(&mut self, now: Moment) {
        if self.config.occupied == Occupied::Close && self.channel.enabled == Some(true) {
            self.state = State::Freeing;
            self.ask(Ask::Free, now);
        } else {
            self.open(now);
        }
    }

    fn open(&mut self, now: Moment) {
        self.state = State::Opening;
        self.ask(Ask::Open, now);
    }

    /// A request was answered with something else than 401.
    pub(super) fn answered(&mut self, ask: Ask, reply: &Reply, now: Moment) {
        let status = xml::response_status(&reply.body);
        let succeeded = (200..300).contains(&reply.status) && matches!(status.code, None | Some(0 | 1));
        match ask {
            Ask::List if succeeded => self.handle_list(reply, now),
            Ask::Open if succeeded => self.handle_open(reply, now),
            // In a long body the answer comes when the sound flows already.
            Ask::Audio if succeeded && self.state == State::Starting => self.opened(now),
            Ask::Audio if succeeded => {}
            Ask::Free => self.open(now),
            Ask::Close => self.end(Ok(End::Stopped), now),
            Ask::List | Ask::Open | Ask::Audio => {
                if ask == Ask::Open {
                    self.owes_close = false;
                }
                let error = self.refusal(ask, reply, &status);
                self.fail(error, now);
            }
        }
    }

    /// A request has no answer, or none that makes sense.
    pub(super) fn failed(&mut self, ask: Ask, error: Error, now: Moment) {
        match ask {
            // Whether it helped, the open will tell.
            Ask::Free => self.open(now),
            Ask::Close => self.end(Err(error), now),
            Ask::List | Ask::Open | Ask::Audio => self.fail(error, now),
        }
    }

    fn handle_list(&mut self, reply: &Reply, now: Moment) {
        let channels = match xml::channels(&reply.body) {
            Ok(channels) => channels,
            Err(error) => return self.fail(Error::Reply { ask: Ask::List, error }, now),
        };
        self.several_channels = channels.len() > 1;
        let chosen = match self.config.channel {
            Some(asked) => channels.iter().find(|channel| channel.id == asked),
            None => {
                let lists = |wanted: &Codec| {
                    channels.iter().find(move |channel| channel.known_codec() == Some(*wanted))
                };
                let known = || channels.iter().find(|channel| channel.known_codec().is_some());
                self.config.codec.as_ref().and_then(lists).or_else(known).or(channels.first())
            }
        };
        let Some(channel) = chosen else {
            let error = match self.config.channel {
                Some(asked) if !channels.is_empty() => {
                    Error::UnknownChannel { asked, has: channels.iter().map(|channel| channel.id).collect() }
                }
                Some(_) | None => Error::NoChannel { words: "its list is empty".to_owned() },
            };
            return self.fail(error, now);
        };
        let Some(codec) = self.config.codec.or(channel.known_codec()) else {
            return self.fail(Error::Codec { channel: channel.id, codec: channel.codec.clone() }, now);
        };
        let usual = if codec == Codec::Aac { SAMPLE_RATE_AAC } else { SAMPLE_RATE_DEFAULT };
        let rate = channel.sample_rate.unwrap_or(usual);
        let clock_rate = codec.fixed_clock_rate().unwrap_or(rate);
        self.aac = (codec == Codec::Aac).then(|| AudioSpecificConfig::lc(rate, 1));
        let params = match &self.aac {
            Some(config) => CodecParams::Aac { config: config.build() },
            None => CodecParams::None,
        };
        self.channel = channel.clone();
        self.state = State::Ready;
        self.outputs.push_back(Output::Offer(Box::new(Offer {
            channel: channel.id,
            track: Track::audio(0, codec, clock_rate, 1, params),
            enabled: channel.enabled,
            bitrate_kbps: channel.bitrate_kbps,
            noise_reduction: channel.noise_reduction,
        })));
    }

    fn handle_open(&mut self, reply: &Reply, now: Moment) {
        self.call_number = xml::session_id(&reply.body);
        if let Some(why) = self.why.take() {
            return self.hang_up(why, now);
        }
        self.state = State::Starting;
        self.ask(Ask::Audio, now);
    }

    /// The call stands.
    pub(super) fn opened(&mut self, now: Moment) {
        self.state = State::Talking;
        self.sound_at = self.sound_at.max(now);
        if !self.told_opened {
            self.told_opened = true;
            self.outputs.push_back(Output::Opened);
        }
    }

    /// What a refusal says, and whose fault it is.
    fn refusal(&self, ask: Ask, reply: &Reply, said: &ResponseStatus) -> Error {
        let status = reply.status;
        let said_words = said.words();
        let words = if said_words.is_empty() { reply.reason.clone() } else { said_words.clone() };
        if let (300..=399, Some(location)) = (status, reply.headers.get("Location")) {
            return Error::Redirected { ask, location: crate::auth::without_userinfo(location) };
        }
        if said.is_privilege() {
            return Error::Forbidden { ask, words };
        }
        if ask == Ask::List {
            return match status {
                404 | 405 | 501 => Error::NoChannel { words: format!("{status} {words}") },
                _ => Error::Refused { ask, status, words },
            };
        }
        // 403 has other reasons too, such as a codec that is listed and not taken (go2rtc #2354).
        let unexplained = status == 403 && (said_words.is_empty() || self.channel.enabled == Some(true));
        if said.is_busy() || matches!(status, 409 | 503) || unexplained {
            return Error::Busy { ask, status, words };
        }
        Error::Refused { ask, status, words }
    }

    /// The call is to end while its open is under way.
    pub(super) fn stop_opening(&mut self, now: Moment) {
        if !self.owes_close {
            return self.end(Ok(End::Stopped), now);
        }
        if self.why.is_none() {
            self.why = Some(Ok(End::Stopped));
            let soon = now + self.config.timeouts.overtaking;
            if let Some(exchange) = &mut self.exchange {
                exchange.deadline = exchange.deadline.min(soon);
            }
        }
    }

    pub(super) fn fail(&mut self, error: Error, now: Moment) {
        // Who is told to stop while the open is under way stops, whatever comes of that.
        let why = self.why.take().unwrap_or(Err(error));
        if self.owes_close { self.hang_up(why, now) } else { self.end(why, now) }
    }

    /// Closes what was opened; then it ends.
    pub(super) fn hang_up(&mut self, why: Result<End, Error>, now: Moment) {
        self.settle(Answer::Abandoned, now);
        self.why = Some(why);
        self.state = State::Closing;
        self.owes_close = false;
        self.ask(Ask::Close, now);
    }

    /// It is over. What was decided before counts; an unanswered close is told by its step.
    pub(super) fn end(&mut self, why: Result<End, Error>, now: Moment) {
        self.settle(Answer::Abandoned, now);
        if let Some(connection) = self.audio.take() {
            self.let_go(connection);
        }
        self.state = State::Ended;
        let why = self.why.take().unwrap_or(why);
        let (steps, sound) = (self.steps.clone(), self.pacer.sound());
        self.outputs.push_back(Output::Ended(Box::new(Report { why, steps, sound })));
    }

    /// A frame as the device wants it: AAC as ADTS behind its length (go2rtc #2354), PCM with the low byte first.
    pub(super) fn framed(&self, frame: &[u8]) -> Option<Bytes> {
        if let Some(config) = &self.aac {
            let header = aac::adts::header(config, frame.len())?;
            let mut framed = BytesMut::with_capacity(4 + header.len() + frame.len());
            framed.put_u32((header.len() + frame.len()) as u32);
            framed.put_slice(&header);
            framed.put_slice(frame);
            return Some(framed.freeze());
        }
        if self.config.codec.or(self.channel.known_codec()) == Some(Codec::L16) {
            let swapped: Vec<u8> = frame.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]).collect();
            return Some(Bytes::from(swapped));
        }
        Some(Bytes::copy_from_slice(frame))
    }
}
