//! One connection of a bot, sans I/O: datagrams and time come in, datagrams and reports come out.
//!
//! Built on str0m as a client: full ICE and controlling, DTLS client, RTP mode, DirectApi. After each call the connection is
//! drained, which is str0m's contract.
mod channels;
mod consuming;
mod publishing;

use super::BotError;
use super::data::DataEnd;
use super::device::Device;
use super::judge::{Judge, Verify};
use super::parameters::{DtlsFingerprint, DtlsParameters, IceCandidate, IceParameters, RemoteTransport};
use super::report::TransportReport;
use super::source::{MediaPacket, Source};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use str0m::channel::ChannelId;
use str0m::ice::IceCreds;
use str0m::media::{Mid, Pt, Rid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::Ssrc;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

/// Judges look at the clock this often: 50 ms, a tenth of what counts as a freeze.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Reports of receivers that do not decrypt: each 5 s, five times as rarely as usual.
const REPORT_INTERVAL_COUNTING: Duration = Duration::from_secs(5);
/// Largest message on a data channel, each way. Source: mediasoup's default.
const MESSAGE_BYTES_MAX: u32 = 262_144;
/// What SCTP takes before it says that it is full: 1 MiB, four of the largest messages.
const BUFFERED_BYTES_MAX: usize = 1 << 20;
/// Packets kept for repairs, of each stream: 2 s of 2 Mbit/s and more.
const RTX_PACKETS: usize = 1_024;
/// For how long.
const RTX_AGE: Duration = Duration::from_secs(3);

/// How a connection ended that the server ended.
const CLOSED: &str = "the server closed the connection";
/// What str0m says when DTLS's goodbye finds SCTP ended already, by the goodbye just before it.
const SHUT_DOWN_TWICE: &str = "shutdown called in non-Established state";

/// Which way media goes. `mediasoup-client` has a connection for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To the server.
    Send,
    /// From the server.
    Receive,
}

/// How packets travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Via {
    /// Datagrams.
    #[default]
    Udp,
    /// ICE-TCP, we connect. Framing: RFC 4571.
    Tcp,
}

/// How a transport is to be.
#[derive(Clone, Copy, Debug)]
pub struct TransportOptions {
    /// Which way media goes.
    pub direction: Direction,
    /// UDP or TCP.
    pub via: Via,
    /// How closely it looks at what comes. `None` decrypts nothing, and so asks for no repair and no key frame.
    pub verify: Verify,
    /// Decides what the link does.
    pub seed: u64,
}

impl TransportOptions {
    /// One that publishes, over UDP.
    pub const fn send() -> Self {
        Self { direction: Direction::Send, via: Via::Udp, verify: Verify::Full, seed: 1 }
    }

    /// One that consumes, over UDP, and looks at every byte.
    pub const fn receive() -> Self {
        Self { direction: Direction::Receive, ..Self::send() }
    }
}

/// A source of this transport.
struct Published {
    source: Source,
    mid: Mid,
    payload_type: Pt,
    streams: Vec<(Ssrc, Option<Rid>)>,
    began: Option<Instant>,
    video: bool,
}

/// A consumer of this transport.
struct Consumed {
    judge: Judge,
    mid: Mid,
    rtx: Option<u32>,
}

/// A data channel of this transport.
struct Open {
    id: ChannelId,
    end: DataEnd,
    since: Option<Instant>,
}

/// A datagram to send.
pub(super) struct Outgoing {
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

/// The numbers of one stream, in the clear.
#[derive(Default)]
struct Counted {
    first: Option<u16>,
    /// Packets from the first to the highest.
    span: u64,
    highest: u16,
    packets: u64,
}

/// One connection.
pub struct BotTransport {
    rtc: Rtc,
    device: Device,
    options: TransportOptions,
    local: SocketAddr,
    made: Instant,
    sources: HashMap<u32, Published>,
    consumers: HashMap<u32, Consumed>,
    channels: HashMap<u16, Open>,
    /// Streams that may come, repairs among them.
    known: HashSet<u32>,
    counted: HashMap<u32, Counted>,
    next_mid: u32,
    has_sctp: bool,
    wake: Instant,
    look_at: Instant,
    report: TransportReport,
    packets: Vec<MediaPacket>,
}

impl BotTransport {
    /// A connection to a server's transport, from this address. Nothing is sent before it is polled.
    ///
    /// # Errors
    /// If the server's parameters cannot be used.
    pub fn new(
        device: &Device,
        remote: &RemoteTransport,
        options: TransportOptions,
        local: SocketAddr,
        now: Instant,
    ) -> Result<Self, BotError> {
        let sends = options.direction == Direction::Send;
        let mut config = device
            .config(sends)
            .set_sctp_max_message_size(MESSAGE_BYTES_MAX)
            .set_sctp_max_buffered_amount(BUFFERED_BYTES_MAX);
        if options.verify == Verify::None {
            config = config
                .set_rtcp_report_interval_audio(REPORT_INTERVAL_COUNTING)
                .set_rtcp_report_interval_video(REPORT_INTERVAL_COUNTING);
        }
        let mut rtc = config.build(now);
        rtc.add_local_candidate(candidate(local, options.via, TcpType::Active)?);
        for address in usable(&remote.ice_candidates, options.via) {
            rtc.add_remote_candidate(candidate(address, options.via, TcpType::Passive)?);
        }
        // The last one, as mediasoup-client takes.
        let fingerprint = remote.dtls_parameters.fingerprints.last().ok_or(BotError::Fingerprint)?;
        let fingerprint = format!("{} {}", fingerprint.algorithm, fingerprint.value);
        let mut api = rtc.direct_api();
        api.set_ice_controlling(true);
        api.set_remote_fingerprint(fingerprint.parse().map_err(|_| BotError::Fingerprint)?);
        api.set_remote_ice_credentials(credentials(&remote.ice_parameters));
        api.start_dtls(true)?;
        let has_sctp = remote.sctp_parameters.is_some();
        if has_sctp {
            api.start_sctp(true);
        }
        if !sends && device.has_transport_cc() {
            api.enable_twcc_feedback();
        }
        Ok(Self {
            rtc,
            device: device.clone(),
            options,
            local,
            made: now,
            sources: HashMap::new(),
            consumers: HashMap::new(),
            channels: HashMap::new(),
            known: HashSet::new(),
            counted: HashMap::new(),
            next_mid: 0,
            has_sctp,
            wake: now,
            look_at: now,
            report: TransportReport::default(),
            packets: Vec::new(),
        })
    }

    /// Where packets are to go over TCP, or would go first over UDP.
    pub fn server_address(remote: &RemoteTransport, via: Via) -> Option<SocketAddr> {
        usable(&remote.ice_candidates, via).next()
    }

    /// What the server's `connect` takes: we are the DTLS client.
    pub fn dtls_parameters(&mut self) -> DtlsParameters {
        let fingerprint = self.rtc.direct_api().local_dtls_fingerprint().clone();
        let value: Vec<String> = fingerprint.bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        let fingerprint = DtlsFingerprint { algorithm: fingerprint.hash_func, value: value.join(":") };
        DtlsParameters { role: Some("client".to_owned()), fingerprints: vec![fingerprint] }
    }

    /// Goes on with new credentials of the server, and new ones of its own.
    pub fn restart_ice(&mut self, parameters: &IceParameters, now: Instant) {
        let mut api = self.rtc.direct_api();
        api.set_local_ice_credentials(IceCreds::new());
        api.set_remote_ice_credentials(credentials(parameters));
        self.wake = now;
    }

    /// Our own credentials. Servers learn the name from checks, and need the rest for nothing.
    pub fn ice_credentials(&mut self) -> (String, String) {
        let own = self.rtc.direct_api().local_ice_credentials();
        (own.ufrag, own.pass)
    }

    /// Whether ICE and DTLS are through.
    pub fn is_connected(&self) -> bool {
        self.report.connected
    }

    /// What it did until now.
    pub fn report(&self) -> TransportReport {
        let mut report = self.report.clone();
        report.missing = self.counted.values().map(|stream| stream.span.saturating_sub(stream.packets)).sum();
        report.channels_open = self.channels.values().filter(|open| open.since.is_some()).count() as u64;
        report
    }

    /// When to be polled again at the latest.
    pub(super) fn wake(&self) -> Instant {
        self.wake
    }

    /// It is to be polled at once: something was changed.
    pub(super) fn touch(&mut self, now: Instant) {
        self.wake = now;
    }

    /// A datagram came, or a frame over TCP.
    pub(super) fn handle_datagram(
        &mut self,
        source: SocketAddr,
        bytes: &[u8],
        now: Instant,
        out: &mut Vec<Outgoing>,
    ) {
        self.report.datagrams_received += 1;
        self.report.bytes_received += bytes.len() as u64;
        if let Some((ssrc, sequence)) = rtp(bytes) {
            if self.options.verify == Verify::None && self.report.connected {
                self.counted.entry(ssrc).or_default().handle(sequence);
                return;
            }
            if !self.known.contains(&ssrc) {
                self.report.strays += 1;
                return;
            }
        } else if self.options.verify == Verify::None && matches!(bytes.first(), Some(128..=191)) {
            return;
        }
        let protocol = if self.options.via == Via::Tcp { Protocol::Tcp } else { Protocol::Udp };
        let Ok(receive) = Receive::new(protocol, source, self.local, bytes) else { return };
        let handled = self.rtc.handle_input(Input::Receive(now, receive));
        self.note(handled);
        self.wake = self.drain(now, out).min(self.wake);
    }

    /// Sends what is to be sent, and sets the next [`wake`](Self::wake).
    pub(super) fn poll(&mut self, now: Instant, out: &mut Vec<Outgoing>) {
        let handled = self.rtc.handle_input(Input::Timeout(now));
        self.note(handled);
        let mut wake = self.drain(now, out);
        if self.report.connected {
            if self.write_media(now) | self.write_messages(now) {
                let handled = self.rtc.handle_input(Input::Timeout(now));
                self.note(handled);
                wake = self.drain(now, out);
            }
            if self.look(now) {
                wake = self.drain(now, out);
            }
            wake = wake.min(self.media_wake(now)).min(self.message_wake(now));
            if self.options.verify == Verify::Full && !self.consumers.is_empty() {
                wake = wake.min(self.look_at);
            }
        }
        self.wake = wake;
    }

    /// Says goodbye. The last datagrams come out of the next [`poll`](Self::poll).
    pub(super) fn close(&mut self) {
        let closed = self.rtc.close();
        self.note(closed);
    }

    fn note(&mut self, handled: Result<(), str0m::RtcError>) {
        if let Err(error) = handled {
            let why = error.to_string();
            let closed = why == SHUT_DOWN_TWICE;
            self.report.ended.get_or_insert(if closed { CLOSED.to_owned() } else { why });
            self.rtc.disconnect();
        }
    }

    fn drain(&mut self, now: Instant, out: &mut Vec<Outgoing>) -> Instant {
        loop {
            match self.rtc.poll_output() {
                Err(error) => {
                    self.note(Err(error));
                    return now + Duration::from_secs(3_600);
                }
                Ok(Output::Timeout(at)) => return at,
                Ok(Output::Transmit(transmit)) => {
                    self.report.datagrams_sent += 1;
                    self.report.bytes_sent += transmit.contents.len() as u64;
                    out.push(Outgoing { to: transmit.destination, bytes: transmit.contents.into() });
                }
                Ok(Output::Event(event)) => self.handle_event(event, now),
            }
        }
    }

    fn handle_event(&mut self, event: Event, now: Instant) {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the rest is of no use to a bot, and the enum grows"
        )]
        match event {
            Event::Connected => {
                self.report.connected = true;
                self.report.connect_time = Some(now.saturating_duration_since(self.made));
                self.wake = now;
            }
            Event::RtpPacket(packet) => self.handle_packet(&packet, now),
            Event::KeyframeRequest(request) => self.handle_key_frame_request(request.mid, request.rid),
            Event::ChannelOpen(id, _) => self.handle_channel_open(id, now),
            Event::ChannelData(data) => self.handle_message(data.id, &data.data),
            Event::Closed => {
                self.report.connected = false;
                self.report.ended.get_or_insert_with(|| CLOSED.to_owned());
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.report.ice_lost += 1;
            }
            _ => {}
        }
    }

    fn next_mid(&mut self) -> Mid {
        let mid = self.next_mid.to_string();
        self.next_mid += 1;
        mid.as_str().into()
    }
}

impl Counted {
    fn handle(&mut self, sequence: u16) {
        self.packets += 1;
        if self.first.is_none() {
            (self.first, self.highest, self.span) = (Some(sequence), sequence, 1);
            return;
        }
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead < 1 << 15 {
            self.span += u64::from(ahead);
            self.highest = sequence;
        }
    }
}

/// Stream and number of an RTP packet, which are not encrypted. Source: RFC 7983, RFC 5761 §4.
fn rtp(bytes: &[u8]) -> Option<(u32, u16)> {
    let [128..=191, second, s1, s0, _, _, _, _, r3, r2, r1, r0, ..] = bytes else { return None };
    (!matches!(second, 192..=223))
        .then(|| (u32::from_be_bytes([*r3, *r2, *r1, *r0]), u16::from_be_bytes([*s1, *s0])))
}

fn usable(candidates: &[IceCandidate], via: Via) -> impl Iterator<Item = SocketAddr> {
    let wanted = if via == Via::Tcp { "tcp" } else { "udp" };
    let usable = candidates.iter().filter(move |candidate| candidate.protocol.eq_ignore_ascii_case(wanted));
    usable.filter_map(IceCandidate::socket_address)
}

fn candidate(address: SocketAddr, via: Via, tcp_type: TcpType) -> Result<Candidate, BotError> {
    let made = match via {
        Via::Udp => Candidate::host(address, "udp"),
        Via::Tcp => Candidate::builder().tcp().host(address).tcptype(tcp_type).build(),
    };
    made.map_err(|error| BotError::Candidate(error.to_string()))
}

fn credentials(parameters: &IceParameters) -> IceCreds {
    IceCreds { ufrag: parameters.username_fragment.clone(), pass: parameters.password.clone() }
}
