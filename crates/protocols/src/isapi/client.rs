//! One call to a device's loudspeaker over ISAPI.
//!
//! Source: ISAPI two-way audio, and what go2rtc, Scrypted and their issues say of devices (`docs/devices.md`). Owns the
//! state, the one open request, the authentication, the connection that carries the sound, and the duty to hang up.
//! Dialling and clocks are the driver's.
//!
//! The rules, each of them a test: nothing is opened before there is sound; a call that was opened is closed exactly
//! once, however it ends; a call that was refused is not closed, since it may be somebody else's; the device's own
//! hang-up is no fault; every wait has an end. A request has a connection of its own, so that no request meets a
//! kept connection that the device is just closing.
mod call;
mod config;
mod event;
mod exchange;
mod pacer;
#[cfg(test)]
mod tests;

pub use config::{Config, Occupied, Timeouts, Upload};
pub use event::{Answer, Ask, ConnectionId, End, Error, Offer, Output, Report, Sound, Step};

use super::http::Reply;
use super::url::IsapiUrl;
use super::xml::Channel;
use crate::auth::ClientAuth;
use exchange::Exchange;
use formats::bitstream::aac::AudioSpecificConfig;
use media::Moment;
use pacer::Pacer;
use std::collections::VecDeque;
use std::time::Duration;

/// Longest frame taken: 8 KiB, the longest that ADTS can say.
pub const FRAME_BYTES_MAX: usize = 8 << 10;

/// `Idle` → `Listing` → `Ready` → (`Freeing` →) `Opening` → `Starting` → `Talking` → `Closing` → `Ended`. Each before
/// `Closing` may become `Ended` at once, where nothing was opened. `Ended` is final: another call is another object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Listing,
    /// The device is known, and left alone until there is sound.
    Ready,
    /// Closes what somebody left open.
    Freeing,
    Opening,
    /// Asks to send sound.
    Starting,
    Talking,
    Closing,
    Ended,
}

impl State {
    /// For people and the API.
    const fn name(self) -> &'static str {
        match self {
            State::Idle => "idle",
            State::Listing => "listing",
            State::Ready => "ready",
            State::Freeing => "freeing",
            State::Opening => "opening",
            State::Starting => "starting",
            State::Talking => "talking",
            State::Closing => "closing",
            State::Ended => "ended",
        }
    }
}

/// A call.
#[derive(Debug)]
pub struct Client {
    config: Config,
    url: IsapiUrl,
    auth: ClientAuth,
    state: State,
    outputs: VecDeque<Output>,
    connections: ConnectionId,
    exchange: Option<Exchange>,
    /// The connection that carries the sound.
    audio: Option<ConnectionId>,
    channel: Channel,
    /// The list had several: then the number of the call stands in the URL.
    several_channels: bool,
    aac: Option<AudioSpecificConfig>,
    call_number: Option<String>,
    pacer: Pacer,
    sound_at: Moment,
    /// [`Output::Opened`] was told.
    told_opened: bool,
    /// An open was sent and not refused.
    owes_close: bool,
    /// Why it ends, from when that is decided.
    why: Option<Result<End, Error>>,
    steps: Vec<Step>,
}

impl Client {
    /// A call that has not begun; see [`Client::url`] for where to dial.
    ///
    /// # Errors
    /// When the URL is none of ISAPI.
    pub fn new(config: Config) -> Result<Self, Error> {
        let url = IsapiUrl::parse(&config.url)?;
        let credentials = config.credentials.clone().or_else(|| url.credentials.clone());
        Ok(Self {
            auth: ClientAuth::new(credentials),
            pacer: Pacer::new(config.backlog_max),
            config,
            url,
            state: State::Idle,
            outputs: VecDeque::new(),
            connections: 0,
            exchange: None,
            audio: None,
            channel: Channel::default(),
            several_channels: false,
            aac: None,
            call_number: None,
            sound_at: Moment::ZERO,
            told_opened: false,
            owes_close: false,
            why: None,
            steps: Vec::new(),
        })
    }

    /// Where every connection goes.
    pub const fn url(&self) -> &IsapiUrl {
        &self.url
    }

    /// What it is about, in one word.
    pub const fn state(&self) -> &'static str {
        self.state.name()
    }

    /// Every request so far, but for one under way.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How much was said so far.
    pub const fn sound(&self) -> Sound {
        self.pacer.sound()
    }

    /// Begins: asks the device what it takes.
    pub fn handle_start(&mut self, now: Moment) {
        if self.state == State::Idle {
            self.state = State::Listing;
            self.ask(Ask::List, now);
        }
    }

    /// A connection stands.
    pub fn handle_connected(&mut self, connection: ConnectionId, now: Moment) {
        if self.is_asking_on(connection) {
            self.transmit(now);
        }
    }

    /// Bytes came in.
    pub fn handle_bytes(&mut self, connection: ConnectionId, data: &[u8], now: Moment) {
        if self.is_asking_on(connection) {
            self.handle_reply_bytes(data, now);
        }
    }

    /// The device closed a connection, or its half of it.
    pub fn handle_eof(&mut self, connection: ConnectionId, now: Moment) {
        self.handle_gone(connection, None, now);
    }

    /// A connection could not be made, or broke; `why` is what the system says.
    pub fn handle_lost(&mut self, connection: ConnectionId, why: &str, now: Moment) {
        self.handle_gone(connection, Some(why), now);
    }

    /// Sound, as [`Offer::track`] says, and how long it lasts. The first frame opens the call.
    pub fn handle_audio(&mut self, frame: &[u8], duration: Duration, now: Moment) {
        if frame.is_empty() || frame.len() > FRAME_BYTES_MAX {
            return self.pacer.drop_one();
        }
        match self.state {
            State::Ready | State::Freeing | State::Opening | State::Starting | State::Talking
                if self.why.is_none() =>
            {
                self.sound_at = now;
                match self.framed(frame) {
                    Some(framed) => self.pacer.push(framed, duration),
                    None => self.pacer.drop_one(),
                }
                if self.state == State::Ready {
                    self.begin_call(now);
                }
            }
            State::Idle
            | State::Listing
            | State::Ready
            | State::Freeing
            | State::Opening
            | State::Starting
            | State::Talking
            | State::Closing
            | State::Ended => self.pacer.drop_one(),
        }
    }

    /// Ends the call: what was opened is closed, then [`Output::Ended`].
    pub fn handle_stop(&mut self, now: Moment) {
        match self.state {
            State::Idle | State::Listing | State::Ready | State::Freeing => self.end(Ok(End::Stopped), now),
            State::Opening => self.stop_opening(now),
            State::Starting | State::Talking => self.hang_up(Ok(End::Stopped), now),
            State::Closing | State::Ended => {}
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self, now: Moment) -> Output {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            if self.state == State::Ended {
                return Output::WaitUntil(Moment::FAR_FUTURE);
            }
            if let Some(wait) = self.run_due(now) {
                return Output::WaitUntil(wait);
            }
        }
    }

    /// Does one thing that is due; otherwise says when something will be.
    fn run_due(&mut self, now: Moment) -> Option<Moment> {
        let mut wait = Moment::FAR_FUTURE;
        if let Some(at) = self.exchange_due_at() {
            if now >= at {
                self.handle_overdue(now);
                return None;
            }
            wait = wait.min(at);
        }
        if let (State::Talking, Some(connection)) = (self.state, self.audio) {
            if let Some(bytes) = self.pacer.pop(now) {
                self.outputs.push_back(Output::Send { connection, bytes });
                return None;
            }
            let idle_at = self.sound_at + self.config.timeouts.idle;
            if now >= idle_at {
                self.hang_up(Ok(End::Idle), now);
                return None;
            }
            wait = wait.min(idle_at).min(self.pacer.next_at().unwrap_or(Moment::FAR_FUTURE));
        }
        Some(wait)
    }
}
