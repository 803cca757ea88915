//! One connection to a server: dial, dialogue, media, until either side ends it.
//!
//! Owns the sockets, the client session and the packets under way. The publisher outlives it: a redirect, or UDP given
//! up, needs another connection.
use super::{security, source_error};
use crate::ingest::ports::{DATAGRAM_BYTES_MAX, Port, PortPair};
use crate::ingest::{Ingest, Ingested};
use crate::net::accept::Stream;
use crate::net::outbox::Outbox;
use crate::sources::dial;
use bytes::{Bytes, BytesMut};
use formats::rtp::Header;
use formats::sdp::MediaSection;
use hub::{Ended, Publisher, SourceError, Stop};
use media::{Moment, StreamName, TrackId};
use protocols::rtsp::client::{Carrier, Client, Event, Goodbye, Output};
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, ReadHalf, WriteHalf};

/// How often the session's timeouts and our reports are looked after. The deadline of TEARDOWN is 1 s.
const TICK: Duration = Duration::from_millis(250);
/// Room for what a camera sends in one go.
const READ_BYTES: usize = 64 << 10;
/// What opens the way back through a router: one RTP packet without payload.
const PUNCH: [u8; 12] =
    Header { marker: false, payload_type: 0, sequence: 0, timestamp: 0, ssrc: 0 }.to_bytes();

/// How a connection ended in good order.
pub(super) enum Outcome {
    /// The server or we ended it.
    Ended,
    /// Another one goes on.
    Again(Box<Client>),
}

struct Attempt<'a> {
    client: Client,
    stream: &'a StreamName,
    publisher: &'a mut Publisher,
    sections: Vec<MediaSection>,
    left_out: Vec<TrackId>,
    /// Made with the first track that is ready, when it is known what carries the media.
    ingest: Option<Ingest>,
    lanes: Vec<Option<UdpLane>>,
    received: BytesMut,
    outbox: Outbox,
    local: SocketAddr,
    server: SocketAddr,
    /// Since when we end it.
    closing: Option<Moment>,
}

struct UdpLane {
    pair: PortPair,
    /// Media comes from here.
    from: Vec<IpAddr>,
    /// Reports go there.
    rtcp: Option<SocketAddr>,
}

/// What one turn brought.
enum Turned {
    Goes,
    Over(Outcome),
}

pub(super) async fn run(
    client: Client,
    stream: &StreamName,
    publisher: &mut Publisher,
    stop: &mut Stop,
) -> Result<Outcome, SourceError> {
    let url = client.url().clone();
    let began = hub::now();
    let dialled = tokio::select! {
        dialled = dial::dial(&url.host, url.port, security(&url)) => dialled?,
        () = stop.wanted() => {
            stop.step("dialling", "broken off", hub::now().since(began));
            return Ok(Outcome::Ended);
        }
    };
    let (connection, local, server) = dialled;
    let (mut from, mut to) = tokio::io::split(connection);
    let mut attempt = Attempt {
        client,
        stream,
        publisher,
        sections: Vec::new(),
        left_out: Vec::new(),
        ingest: None,
        lanes: Vec::new(),
        received: BytesMut::new(),
        outbox: Outbox::default(),
        local,
        server,
        closing: None,
    };
    attempt.client.handle_connected(hub::now());
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        if let Turned::Over(outcome) = attempt.answer().await? {
            attempt.take_down(stop);
            return Ok(outcome);
        }
        attempt.turn(&mut from, &mut to, &mut tick, stop).await;
    }
}

impl Attempt<'_> {
    /// Waits for the next thing to happen and hands it to the session.
    async fn turn(
        &mut self,
        from: &mut ReadHalf<Stream>,
        to: &mut WriteHalf<Stream>,
        tick: &mut tokio::time::Interval,
        stop: &mut Stop,
    ) {
        let deadline = self.ingest.as_ref().map_or(Moment::FAR_FUTURE, Ingest::next_deadline);
        let Self { client, publisher, outbox, lanes, received, closing, .. } = self;
        let buffer = client.receive_buffer();
        if buffer.capacity() - buffer.len() < READ_BYTES / 4 {
            buffer.reserve(READ_BYTES);
        }
        tokio::select! {
            biased;
            read = from.read_buf(buffer) => match read {
                Ok(1..) => self.client.handle_received(hub::now()),
                // The session says what that means where it stands.
                Ok(0) | Err(_) => self.client.handle_disconnected(hub::now()),
            },
            written = outbox.write(to) => if written.is_err() {
                self.client.handle_disconnected(hub::now());
            },
            (track, port, data) = poll_fn(|cx| poll_lanes(lanes, received, cx)) => {
                self.client.handle_udp_media(hub::now());
                self.take(track, port == Port::Rtcp, data);
            }
            () = over(publisher, stop), if closing.is_none() => {
                self.closing = Some(hub::now());
                self.client.close(hub::now());
            }
            _ = tick.tick() => self.tick(),
            () = hub::sleep_until(deadline) => if let Some(ingest) = &mut self.ingest {
                ingest.handle_timeout(hub::now());
            },
        }
    }

    /// Does what the session says, and hands on what the packets became.
    async fn answer(&mut self) -> Result<Turned, SourceError> {
        loop {
            match self.client.poll_output(hub::now()) {
                Ok(Output::Transmit(bytes)) => self.outbox.push(bytes),
                Ok(Output::Event(event)) => {
                    if let Turned::Over(outcome) = self.handle_event(event)? {
                        return Ok(Turned::Over(outcome));
                    }
                }
                // Of a session that talks; this one watches.
                Ok(Output::Datagram { .. }) => {}
                Ok(Output::WaitUntil(_)) => break,
                Err(error) => return Err(source_error(self.client.url(), &error)),
            }
            // Beyond its end, the stream takes nothing; `over` sees to the goodbye.
            let _ = self.forward().await;
        }
        let _ = self.forward().await;
        Ok(Turned::Goes)
    }

    fn handle_event(&mut self, event: Event) -> Result<Turned, SourceError> {
        match event {
            Event::Described { sections, skipped, .. } => {
                for why in &skipped {
                    tracing::info!(stream = %self.stream, why, "part of a camera's description is not taken");
                }
                self.lanes = sections.iter().map(|_| None).collect();
                self.sections = sections;
            }
            // Of a session that talks, too.
            Event::BackChannel { .. } => {}
            Event::SetupUdp { track } => self.bind(track)?,
            Event::TrackReady { track, carrier, .. } => self.track_ready(track, carrier)?,
            Event::TrackRefused { track, status, reason } => {
                tracing::warn!(stream = %self.stream, track, status, reason, "a camera refuses one of its tracks");
                self.left_out.push(track);
                if let Some(ingest) = &mut self.ingest {
                    ingest.leave_out(track);
                }
            }
            Event::Playing { starts } => {
                if let Some(ingest) = &mut self.ingest {
                    ingest.set_starts(starts.iter().filter_map(|start| Some((start.track, start.rtptime?))));
                }
            }
            Event::Rtp { track, data } => self.take(track, false, data),
            Event::Rtcp { track, data } => self.take(track, true, data),
            Event::Reconnect(why) => {
                tracing::debug!(stream = %self.stream, ?why, "another connection is needed");
                return match self.client.successor() {
                    Some(successor) => Ok(Turned::Over(Outcome::Again(Box::new(successor)))),
                    None => Err(SourceError::ours("the RTSP session wants to go on and has no successor")),
                };
            }
            Event::Closed => return Ok(Turned::Over(Outcome::Ended)),
        }
        Ok(Turned::Goes)
    }

    /// Takes down how the server was told that it is over.
    fn take_down(&self, stop: &Stop) {
        let Some(since) = self.closing else { return };
        let outcome = match self.client.goodbye() {
            Goodbye::NotSaid => {
                return stop.step("close", "there was no session yet", hub::now().since(since));
            }
            Goodbye::Unanswered => "no answer in time".to_owned(),
            Goodbye::Answered(status) => format!("answered {status}"),
            Goodbye::HungUp => "the server hung up".to_owned(),
        };
        stop.step("TEARDOWN", outcome, hub::now().since(since));
    }

    fn bind(&mut self, track: TrackId) -> Result<(), SourceError> {
        let pair = PortPair::receiving(self.local.ip())
            .map_err(|error| SourceError::ours(format!("no UDP ports could be had: {error}")))?;
        let (rtp, rtcp) = pair.ports();
        if let Some(lane) = self.lanes.get_mut(usize::from(track)) {
            *lane = Some(UdpLane { pair, from: vec![self.server.ip().to_canonical()], rtcp: None });
        }
        self.client.udp_ports(track, rtp, rtcp, hub::now());
        Ok(())
    }

    fn track_ready(&mut self, track: TrackId, carrier: Carrier) -> Result<(), SourceError> {
        let in_order = match &carrier {
            Carrier::Tcp { .. } => true,
            Carrier::Udp { .. } => false,
        };
        if self.ingest.is_none() {
            let mut ingest = Ingest::new(&self.sections, in_order).map_err(|error| {
                SourceError::peer(format!("the camera's description cannot be used: {error}"))
            })?;
            ingest.set_wall_clock(hub::now(), hub::wall_now());
            for track in &self.left_out {
                ingest.leave_out(*track);
            }
            self.ingest = Some(ingest);
        }
        if let Carrier::Udp { server_port, source } = carrier
            && let Some(lane) = self.lanes.get_mut(usize::from(track)).and_then(Option::as_mut)
        {
            let named = source.and_then(|source| source.parse::<IpAddr>().ok());
            lane.from.extend(named.filter(|ip| !ip.is_unspecified()));
            if let Some((rtp, rtcp)) = server_port {
                let ip = self.server.ip();
                lane.pair.send(Port::Rtp, &PUNCH, SocketAddr::new(ip, rtp));
                lane.rtcp = Some(SocketAddr::new(ip, rtcp));
            }
        }
        Ok(())
    }

    fn take(&mut self, track: TrackId, is_rtcp: bool, data: Bytes) {
        let Some(ingest) = &mut self.ingest else { return };
        if is_rtcp {
            ingest.handle_rtcp(track, &data, hub::now());
        } else {
            ingest.handle_rtp(track, data, hub::now());
        }
    }

    async fn forward(&mut self) -> Result<(), Ended> {
        let Some(ingest) = &mut self.ingest else { return Ok(()) };
        while let Some(item) = ingest.poll() {
            match item {
                Ingested::Tracks(tracks) => self.publisher.set_tracks(tracks).await?,
                Ingested::Unit(unit) => self.publisher.push(unit).await?,
            }
        }
        let lost = ingest.take_lost();
        if lost > 0 {
            self.publisher.report_lost(lost).await?;
        }
        Ok(())
    }

    /// Sends the receiver reports that are due.
    fn tick(&mut self) {
        let now = hub::now();
        let Some(ingest) = &mut self.ingest else { return };
        ingest.set_wall_clock(now, hub::wall_now());
        for (track, report) in ingest.reports(now) {
            match self.lanes.get(usize::from(track)) {
                Some(Some(UdpLane { pair, rtcp: Some(to), .. })) => pair.send(Port::Rtcp, &report, *to),
                Some(Some(_)) => {}
                // False for a track that nothing carries, and there is nobody to tell.
                Some(None) | None => {
                    let _ = self.client.send_rtcp(track, &report);
                }
            }
        }
    }
}

fn poll_lanes(
    lanes: &[Option<UdpLane>],
    received: &mut BytesMut,
    cx: &mut Context<'_>,
) -> Poll<(TrackId, Port, Bytes)> {
    for (track, lane) in lanes.iter().enumerate() {
        let Some(lane) = lane else { continue };
        match lane.pair.poll_receive(&lane.from, DATAGRAM_BYTES_MAX, received, cx) {
            Poll::Ready(Ok((port, data))) => return Poll::Ready((track as TrackId, port, data)),
            // A broken socket is silent, and silence has its time limit.
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
    }
    Poll::Pending
}

/// Returns when the stream takes no more, or wants no more. What else it wishes for, RTSP has no words for.
async fn over(publisher: &mut Publisher, stop: &mut Stop) {
    let ended = async { while publisher.feedback().await.is_ok() {} };
    tokio::select! {
        () = ended => {}
        () = stop.wanted() => {}
    }
}
