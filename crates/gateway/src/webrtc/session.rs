//! One WebRTC peer connection without I/O: a player (we send), a talker (its microphone comes in besides) or a publisher
//! (we receive).
//!
//! Source: RFC 8825 and what it names; WHIP (RFC 9725), WHEP (draft-ietf-wish-whep). Owns the engine, the state of the
//! connection and its deadlines. [`send`](super::send) and [`receive`](super::receive) hold the two directions.
mod config;
mod output;

pub use config::{Bandwidth, LocalCandidate, Role, SessionConfig, Transport};
pub use output::{EndReason, Event, Output, Stats, Transmit};

use super::choice::{self, Plan};
use super::offer::{Feedback, Offer};
use super::receive::Receivers;
use super::send::Senders;
use super::{Context, SendFrame, WebRtcError};
use media::{Moment, TrackId, WallTime};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use str0m::bwe::{Bitrate, BweKind};
use str0m::change::SdpOffer;
use str0m::media::Mid;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, IceConnectionState, Input, Rtc};

/// How long a peer may take from its offer to the first media: 30 s. Browsers give ICE up after 15 to 30 s.
pub const CONNECT_MAX: Duration = Duration::from_secs(30);
/// How long a connection may be lost before the session ends: 2 s. The engine gives a path up some 17 s after the
/// peer's last word (it trusts a check of the peer's for 15 s), so that a vanished peer is gone after 20.
pub const LOST_MAX: Duration = Duration::from_secs(2);
/// Connectivity checks before a path is given up: 6, 250 ms to 3 s apart, which is 15 s too. With more of them a
/// publisher's name would stay taken for half a minute after its machine went away.
const CHECKS_MAX: usize = 6;
/// How long saying goodbye may take: 1 s. It is one datagram, and nobody answers.
pub const CLOSE_MAX: Duration = Duration::from_secs(1);
/// Sender reports of sound: once a second, as of pictures. Only with reports of both does a player know which belong
/// together, and it must not take five seconds to learn that.
const REPORT_INTERVAL_AUDIO: Duration = Duration::from_secs(1);
/// Where the peer's clock and statistics are looked at: once in 5 s.
const STATS_INTERVAL: Duration = Duration::from_secs(5);

/// `Connecting` → `Connected` ⇄ `Lost` → `Closing` → `Ended`; from each of them straight to `Ended` too, which is final.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Connecting { until: Moment },
    Connected,
    Lost { until: Moment },
    Closing { until: Moment },
    Ended,
}

/// One peer connection.
pub struct Session {
    pub(super) rtc: Rtc,
    pub(super) context: Context,
    state: State,
    /// Things to hand out before the engine is asked again.
    pending: VecDeque<Output>,
    /// The engine must see the time before it hands out what was written.
    written: bool,
    /// The engine has been polled until it had nothing more.
    drained: bool,
    /// The time as it was last told.
    now: Moment,
    /// NACKs as last reported, by section.
    nacks: Vec<(Mid, u64)>,
    ufrag: String,
    skipped: Vec<TrackId>,
    hears: bool,
    pub(super) senders: Senders,
    pub(super) receivers: Receivers,
    pub(super) stats: Stats,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("ufrag", &self.ufrag)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Answers a peer's offer. The answer carries one codec a section, chosen to fit the stream.
    ///
    /// # Errors
    /// See [`WebRtcError`]; the peer has learnt nothing then.
    pub fn answer(
        context: &Context,
        offer: &str,
        config: SessionConfig,
        now: Moment,
    ) -> Result<(Self, String), WebRtcError> {
        let mut config = config;
        config.ice_lite |=
            only_checks(offer) && config.candidates.iter().all(|candidate| candidate.base.is_none());
        let offer = Offer::parse(offer).map_err(|what| WebRtcError::BadOffer(what.to_owned()))?;
        let (plan, feedback) = plan(&offer, &config)?;
        let text = offer.reduced(&plan.choices, feedback);
        let parsed =
            SdpOffer::from_sdp_string(&text).map_err(|error| WebRtcError::BadOffer(error.to_string()))?;

        let mut rtc = engine(context, &plan, &config, now);
        let mut reachable = false;
        for candidate in &config.candidates {
            reachable |= rtc.add_local_candidate(candidate.build()?).is_some();
        }
        if !reachable {
            return Err(WebRtcError::NoCandidate);
        }
        let answer =
            rtc.sdp_api().accept_offer(parsed).map_err(|error| WebRtcError::BadOffer(error.to_string()))?;
        let ufrag = rtc.direct_api().local_ice_credentials().ufrag;

        let mut senders = Senders::default();
        let mut receivers = Receivers::default();
        if let Role::Player(tracks) | Role::Talker(tracks) = &config.role {
            senders.bind(&mut rtc, &offer, &plan, tracks)?;
        }
        receivers.bind(&offer, &plan)?;
        let session = Self {
            rtc,
            context: context.clone(),
            state: State::Connecting { until: now + CONNECT_MAX },
            pending: VecDeque::new(),
            written: false,
            drained: false,
            now,
            nacks: Vec::new(),
            ufrag,
            hears: !plan.receives.is_empty(),
            skipped: plan.skipped,
            senders,
            receivers,
            stats: Stats::default(),
        };
        Ok((session, one_stream(&answer.to_sdp_string())))
    }

    /// Our part of the user name in the peer's connectivity checks: what tells sessions on one socket apart.
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// Tracks of the stream that this player does not get, since it cannot receive them.
    pub fn skipped(&self) -> &[TrackId] {
        &self.skipped
    }

    /// Whether the answer takes media from the peer.
    pub const fn hears(&self) -> bool {
        self.hears
    }

    /// Whether media can flow.
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected | State::Lost { .. })
    }

    /// Whether it is over.
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Counters; what comes from reports is at most 5 s old.
    pub fn stats(&self) -> Stats {
        Stats { packets_lost: self.receivers.packets_lost(), ..self.stats }
    }

    /// Says what our wall clock shows; call now and then, since it may be set. What the peer sends is dated by it.
    pub fn set_wall_clock(&mut self, now: Moment, wall: WallTime) {
        self.receivers.set_wall_clock(now, wall);
    }

    /// Takes a candidate the peer sends after its offer (`candidate:…`, with or without `a=`). One with a host name
    /// (mDNS) is dropped in silence, as is the empty one that says "no more": the peer's checks reach us anyway.
    ///
    /// # Errors
    /// [`WebRtcError::BadCandidate`] when it cannot be read.
    pub fn add_remote_candidate(&mut self, candidate: &str) -> Result<(), WebRtcError> {
        let text = candidate.trim();
        let text = text.strip_prefix("a=").unwrap_or(text);
        let address = text.split_ascii_whitespace().nth(4).unwrap_or("");
        if text.is_empty() || text == "end-of-candidates" || address.ends_with(".local") {
            return Ok(());
        }
        let parsed =
            Candidate::from_sdp_string(text).map_err(|error| WebRtcError::BadCandidate(error.to_string()))?;
        self.drain_into_pending();
        self.rtc.add_remote_candidate(parsed);
        self.drained = false;
        Ok(())
    }

    /// Takes a datagram from `source` that arrived at `destination`, one of our candidates' own addresses. What is no
    /// STUN, DTLS or SRTP is dropped.
    pub fn handle_datagram(
        &mut self,
        transport: Transport,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
        now: Moment,
    ) {
        if self.is_ended() {
            return;
        }
        self.now = self.now.max(now);
        self.drain_into_pending();
        let Ok(receive) = Receive::new(transport.protocol(), source, destination, datagram) else { return };
        self.input(Input::Receive(self.context.instant(now), receive));
    }

    /// Lets time pass; due at the moment of the last [`Output::WaitUntil`], harmless at any other.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.now = self.now.max(now);
        match self.state {
            State::Connecting { until } if now >= until => self.end(EndReason::NeverConnected),
            State::Lost { until } if now >= until => self.end(EndReason::Lost),
            State::Closing { until } if now >= until => self.end(EndReason::Closed),
            State::Connecting { .. }
            | State::Connected
            | State::Lost { .. }
            | State::Closing { .. }
            | State::Ended => {}
        }
        if self.is_ended() {
            return;
        }
        self.drain_into_pending();
        self.written = false;
        self.receivers.pump(now);
        self.input(Input::Timeout(self.context.instant(now)));
    }

    /// Sends a frame to a player. Nothing happens before it is connected, or when the track is skipped.
    /// Several may be sent before polling.
    pub fn send_frame(&mut self, frame: &SendFrame, now: Moment) {
        if self.is_connected()
            && self.senders.write(&mut self.rtc, &self.context, frame, now, &mut self.stats)
        {
            self.written = true;
        }
    }

    /// Asks a publisher for key frames (PLI), at most twice a second; also after losses it is asked, by itself.
    pub fn request_keyframes(&mut self, now: Moment) {
        self.now = self.now.max(now);
        self.receivers.want_keyframes();
    }

    /// Says goodbye (RTCP BYE, DTLS close_notify) and ends. Poll until [`Event::Ended`].
    pub fn close(&mut self, now: Moment) {
        match self.state {
            State::Connecting { .. } => self.end(EndReason::Closed),
            State::Connected | State::Lost { .. } => {
                self.drain_into_pending();
                self.state = State::Closing { until: now + CLOSE_MAX };
                if let Err(error) = self.rtc.close() {
                    self.end(EndReason::Engine(error.to_string()));
                }
                self.written = true;
            }
            State::Closing { .. } | State::Ended => {}
        }
    }

    /// The next output. Call until [`Output::WaitUntil`] after every change.
    pub fn poll_output(&mut self, now: Moment) -> Output {
        self.now = self.now.max(now);
        // The pacer, when there is one, wants to be told the time before each packet.
        let mut idle = false;
        loop {
            if let Some(output) = self.pending.pop_front() {
                return output;
            }
            if self.is_ended() {
                return Output::WaitUntil(Moment::FAR_FUTURE);
            }
            if let Some(event) = self.receivers.poll() {
                return Output::Event(event);
            }
            if self.is_connected() && self.receivers.ask(&mut self.rtc, now) {
                self.written = true;
            }
            if self.written {
                self.written = false;
                self.input(Input::Timeout(self.context.instant(now)));
            }
            match self.poll_engine() {
                Some(Output::WaitUntil(at)) if at <= now && !self.pending.is_empty() => {}
                Some(Output::WaitUntil(at)) if at <= now => {
                    if idle {
                        // Twice nothing at the same moment: the engine would spin.
                        return Output::WaitUntil(now + Duration::from_millis(1));
                    }
                    idle = true;
                    self.receivers.pump(now);
                    self.input(Input::Timeout(self.context.instant(now)));
                }
                Some(output) => return output,
                None => idle = false,
            }
        }
    }

    fn deadline(&self) -> Moment {
        match self.state {
            State::Connecting { until } | State::Lost { until } | State::Closing { until } => until,
            State::Connected | State::Ended => Moment::FAR_FUTURE,
        }
        .min(self.receivers.deadline())
    }

    fn input(&mut self, input: Input<'_>) {
        self.drained = false;
        if let Err(error) = self.rtc.handle_input(input) {
            self.end(EndReason::Engine(error.to_string()));
        }
    }

    /// The engine keeps only one received packet: it must be emptied before it is given the next.
    fn drain_into_pending(&mut self) {
        while !self.drained && !self.is_ended() {
            match self.poll_engine() {
                Some(Output::WaitUntil(_)) => break,
                Some(output) => self.pending.push_back(output),
                None => {}
            }
        }
    }

    /// One step of the engine; `None` when it brought nothing that the caller must see.
    fn poll_engine(&mut self) -> Option<Output> {
        let output = match self.rtc.poll_output() {
            Ok(output) => output,
            Err(error) => {
                self.end(EndReason::Engine(error.to_string()));
                return None;
            }
        };
        match output {
            str0m::Output::Transmit(transmit) => Some(Output::Transmit(Transmit {
                transport: match transmit.proto {
                    Protocol::Udp => Transport::Udp,
                    Protocol::Tcp | Protocol::SslTcp | Protocol::Tls => Transport::Tcp,
                },
                source: transmit.source,
                destination: transmit.destination,
                contents: transmit.contents.into(),
            })),
            str0m::Output::Timeout(at) => {
                self.drained = true;
                if !self.rtc.is_alive() {
                    let reason = match self.state {
                        State::Closing { .. } => EndReason::Closed,
                        State::Connecting { .. } | State::Connected | State::Lost { .. } | State::Ended => {
                            EndReason::PeerClosed
                        }
                    };
                    self.end(reason);
                    return None;
                }
                Some(Output::WaitUntil(self.context.moment(at).min(self.deadline())))
            }
            str0m::Output::Event(event) => self.take(event).map(Output::Event),
        }
    }

    // The engine's events grow with each of its releases; what is not named here does not concern us.
    #[allow(clippy::wildcard_enum_match_arm)]
    fn take(&mut self, event: str0m::Event) -> Option<Event> {
        match event {
            str0m::Event::Connected => {
                self.state = State::Connected;
                Some(Event::Connected)
            }
            str0m::Event::IceConnectionStateChange(state) => {
                match (state, self.state) {
                    (IceConnectionState::Disconnected, State::Connected) => {
                        self.state = State::Lost { until: self.now + LOST_MAX };
                    }
                    (IceConnectionState::Connected | IceConnectionState::Completed, State::Lost { .. }) => {
                        self.state = State::Connected;
                    }
                    (_, _) => {}
                }
                None
            }
            str0m::Event::KeyframeRequest(request) => {
                self.stats.keyframes_wanted += 1;
                let track = self.senders.track_of(request.mid)?;
                Some(Event::KeyframeWanted { track })
            }
            str0m::Event::EgressBitrateEstimate(kind) => {
                let estimate = match kind {
                    BweKind::Twcc { estimate, .. } | BweKind::Remb { estimate, .. } => estimate,
                    _ => return None,
                };
                let bits_per_second = estimate.as_u64();
                self.stats.estimate = Some(bits_per_second);
                Some(Event::Estimate { bits_per_second })
            }
            str0m::Event::RtpPacket(packet) => {
                let length = self.receivers.take(packet, &self.context)?;
                self.stats.packets_received += 1;
                self.stats.bytes_received += length as u64;
                self.receivers.poll()
            }
            str0m::Event::SenderFeedback(feedback) => {
                self.receivers.report(&feedback);
                None
            }
            str0m::Event::MediaEgressStats(stats) => {
                self.report(stats.mid, stats.rtt, stats.loss, stats.nacks);
                None
            }
            str0m::Event::MediaIngressStats(stats) => {
                self.report(stats.mid, stats.rtt, stats.loss, stats.nacks);
                None
            }
            _ => None,
        }
    }

    fn report(&mut self, mid: Mid, rtt: Option<Duration>, loss: Option<f32>, nacks: u64) {
        self.stats.rtt = rtt.or(self.stats.rtt);
        self.stats.loss = loss.or(self.stats.loss);
        self.nacks.retain(|(known, _)| *known != mid);
        self.nacks.push((mid, nacks));
        self.stats.nacks = self.nacks.iter().map(|(_, nacks)| nacks).sum();
    }

    fn end(&mut self, reason: EndReason) {
        if !self.is_ended() {
            self.state = State::Ended;
            self.rtc.disconnect();
            self.pending.push_back(Output::Event(Event::Ended(reason)));
        }
    }
}

/// True for a peer that names no candidate and will not trickle any: it does all the checking, as towards an ICE-lite
/// server. ffmpeg's WHIP is such; what it answers to checks of ours lacks the mapped address.
fn only_checks(offer: &str) -> bool {
    !offer.contains("a=candidate:")
        && !offer.lines().any(|line| line.starts_with("a=ice-options:") && line.contains("trickle"))
}

/// What is sent or received in which section, and which feedback that takes.
fn plan(offer: &Offer<'_>, config: &SessionConfig) -> Result<(Plan, Feedback), WebRtcError> {
    let (plan, tracks) = match &config.role {
        Role::Player(tracks) => (choice::for_player(offer, tracks), tracks),
        Role::Talker(tracks) => (choice::for_talker(offer, tracks), tracks),
        Role::Publisher => {
            let plan = choice::for_publisher(offer);
            if plan.receives.is_empty() {
                return Err(WebRtcError::NothingToReceive { offered: choice::describe_offer(offer) });
            }
            return Ok((plan, Feedback::TransportWide));
        }
    };
    if plan.sends.is_empty() {
        let (stream, offered) = (choice::describe_tracks(tracks), choice::describe_offer(offer));
        return Err(WebRtcError::NothingToSend { stream, offered });
    }
    let feedback = match config.bandwidth {
        Bandwidth::Unknown => Feedback::None,
        Bandwidth::Receiver => Feedback::ReceiverEstimate,
        Bandwidth::Sender { .. } => Feedback::TransportWide,
    };
    Ok((plan, feedback))
}

fn engine(context: &Context, plan: &Plan, config: &SessionConfig, now: Moment) -> Rtc {
    let initial = match (&config.role, config.bandwidth) {
        (Role::Player(_) | Role::Talker(_), Bandwidth::Sender { initial }) => Some(Bitrate::bps(initial)),
        (Role::Player(_) | Role::Talker(_), Bandwidth::Unknown | Bandwidth::Receiver)
        | (Role::Publisher, _) => None,
    };
    let mut engine = Rtc::builder()
        .set_crypto_provider(context.crypto())
        .set_dtls_cert(context.certificate())
        .set_ice_lite(config.ice_lite)
        .set_rtp_mode(true)
        .set_rtcp_report_interval_audio(REPORT_INTERVAL_AUDIO)
        .set_stats_interval(Some(STATS_INTERVAL))
        .enable_bwe(initial)
        .clear_codecs();
    engine.set_max_stun_retransmits(CHECKS_MAX);
    super::send::configure_codecs(engine.codec_config(), &plan.choices);
    engine.build(context.instant(now))
}

/// Gives all sections of an answer the same media stream id: browsers keep lips and sound together only within one
/// stream (RFC 8830 §2), and the engine makes one up for each section.
fn one_stream(answer: &str) -> String {
    let stream_of = |line: &str| -> Option<String> {
        line.strip_prefix("a=msid:")?.split_ascii_whitespace().next().map(str::to_owned)
    };
    let Some(first) = answer.lines().find_map(stream_of) else { return answer.to_owned() };
    let mut text = answer.to_owned();
    for other in answer.lines().filter_map(stream_of).filter(|other| *other != first && other != "-") {
        text = text.replace(&other, &first);
    }
    text
}
