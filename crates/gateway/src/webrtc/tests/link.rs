//! A seeded link between a [`Session`] and a peer, in virtual time.
use crate::webrtc::{Context, Event, Output, Session, SessionConfig, Transport};
use media::Moment;
use std::net::SocketAddr;
use std::time::Duration;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Input, Rtc, RtcConfig};

pub(super) const OURS: &str = "192.0.2.1:8189";
pub(super) const THEIRS: &str = "192.0.2.7:40000";

pub(super) fn ours() -> SocketAddr {
    OURS.parse().unwrap()
}

/// What a peer makes of an offer: its engine, its sections in the order asked for.
pub(super) struct Peer {
    pub(super) rtc: Rtc,
    pub(super) mids: Vec<Mid>,
    pending: Option<SdpPendingOffer>,
    pub(super) events: Vec<(Moment, str0m::Event)>,
}

impl Peer {
    pub(super) fn new(
        context: &Context,
        config: RtcConfig,
        sections: &[(MediaKind, Direction)],
        now: Moment,
    ) -> (Self, String) {
        let mut rtc = config
            .set_crypto_provider(context.crypto())
            .set_dtls_cert(context.certificate())
            .set_rtp_mode(true)
            .build(context.instant(now));
        rtc.add_local_candidate(Candidate::host(THEIRS.parse().unwrap(), "udp").unwrap());
        let mut api = rtc.sdp_api();
        let mids =
            sections.iter().map(|(kind, direction)| api.add_media(*kind, *direction, None, None, None));
        let mids = mids.collect();
        let (offer, pending) = api.apply().unwrap();
        let text = SdpOffer::to_sdp_string(&offer);
        (Self { rtc, mids, pending: Some(pending), events: Vec::new() }, text)
    }

    pub(super) fn accept(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        let pending = self.pending.take().unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    }
}

struct Datagram {
    at: Moment,
    order: u64,
    to_peer: bool,
    transport: Transport,
    from: SocketAddr,
    to: SocketAddr,
    contents: Vec<u8>,
}

/// Both ends, what is under way between them, and the time.
pub(super) struct World {
    pub(super) now: Moment,
    pub(super) context: Context,
    pub(super) session: Session,
    pub(super) peer: Peer,
    pub(super) events: Vec<(Moment, Event)>,
    pub(super) loss_per_mille: u64,
    pub(super) delay: Duration,
    pub(super) cut: bool,
    pub(super) sent: u64,
    seed: u64,
    order: u64,
    last_arrival: [Moment; 2],
    under_way: Vec<Datagram>,
    session_wakes: Moment,
    peer_wakes: Moment,
}

impl World {
    pub(super) fn new(
        seed: u64,
        context: Context,
        config: SessionConfig,
        mut peer: Peer,
        offer: &str,
        now: Moment,
    ) -> Self {
        let (session, answer) = Session::answer(&context, offer, config, now).unwrap();
        peer.accept(&answer);
        Self {
            now,
            context,
            session,
            peer,
            events: Vec::new(),
            loss_per_mille: 0,
            delay: Duration::from_millis(20),
            cut: false,
            sent: 0,
            seed: seed | 1,
            order: 0,
            last_arrival: [Moment::ZERO; 2],
            under_way: Vec::new(),
            session_wakes: now,
            peer_wakes: now,
        }
    }

    fn random(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    fn post(
        &mut self,
        to_peer: bool,
        transport: Transport,
        from: SocketAddr,
        to: SocketAddr,
        contents: Vec<u8>,
    ) {
        self.sent += 1;
        if self.cut || self.random() % 1000 < self.loss_per_mille {
            return;
        }
        let jitter = Duration::from_micros(self.random() % 500);
        self.order += 1;
        // In order: what overtakes the very first packet would be too old for the peer.
        let last = &mut self.last_arrival[usize::from(to_peer)];
        let at = (self.now + self.delay + jitter).max(*last);
        *last = at;
        self.under_way.push(Datagram { at, order: self.order, to_peer, transport, from, to, contents });
    }

    pub(super) fn drain(&mut self) {
        loop {
            match self.session.poll_output(self.now) {
                Output::Transmit(t) => self.post(true, t.transport, t.source, t.destination, t.contents),
                Output::Event(event) => self.events.push((self.now, event)),
                Output::WaitUntil(at) => {
                    self.session_wakes = at;
                    break;
                }
            }
        }
        loop {
            let Ok(output) = self.peer.rtc.poll_output() else {
                // It gave up: for the session it is as if it had vanished.
                self.peer_wakes = Moment::FAR_FUTURE;
                break;
            };
            match output {
                str0m::Output::Transmit(t) => {
                    let transport = if t.proto == Protocol::Tcp { Transport::Tcp } else { Transport::Udp };
                    self.post(false, transport, t.source, t.destination, t.contents.to_vec());
                }
                str0m::Output::Event(event) => self.peer.events.push((self.now, event)),
                str0m::Output::Timeout(at) => {
                    self.peer_wakes = self.context.moment(at);
                    break;
                }
            }
        }
    }

    /// Lets the world run until `until`.
    pub(super) fn run(&mut self, until: Moment) {
        self.drain();
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 2_000_000, "the world does not come to rest");
            let next = self.under_way.iter().enumerate().min_by_key(|(_, d)| (d.at, d.order));
            let arrives = next.map_or(Moment::FAR_FUTURE, |(_, d)| d.at);
            let at = arrives.min(self.session_wakes).min(self.peer_wakes);
            if at > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(at);
            if let Some((index, _)) = next.filter(|_| arrives <= self.now) {
                let datagram = self.under_way.swap_remove(index);
                self.deliver(datagram);
            } else if self.session_wakes <= self.now {
                self.session.handle_timeout(self.now);
            } else {
                self.peer.rtc.handle_input(Input::Timeout(self.context.instant(self.now))).unwrap();
            }
            self.drain();
        }
    }

    fn deliver(&mut self, datagram: Datagram) {
        let Datagram { to_peer, transport, from, to, contents, .. } = datagram;
        if to_peer {
            let proto = if transport == Transport::Tcp { Protocol::Tcp } else { Protocol::Udp };
            let receive = Receive::new(proto, from, to, &contents).unwrap();
            self.peer.rtc.handle_input(Input::Receive(self.context.instant(self.now), receive)).unwrap();
        } else {
            self.session.handle_datagram(transport, from, to, &contents, self.now);
        }
    }

    pub(super) fn run_for(&mut self, duration: Duration) {
        self.run(self.now + duration);
    }

    pub(super) fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(|(_, event)| wanted(event))
    }
}
