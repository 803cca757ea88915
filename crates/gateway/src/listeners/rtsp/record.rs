//! A publisher: ANNOUNCE, SETUP, RECORD, and its media into a stream.
//!
//! Owns the right to publish, which is taken with the first SETUP: a name that is taken is refused then, with a reason.
//! Programs of our own sources bring theirs with their path.
use super::connection::{Connection, Media, Refused, Role, Turned};
use crate::ingest::ports::{DATAGRAM_BYTES_MAX, Port, PortPair};
use crate::ingest::{Ingest, Ingested};
use crate::net::outbox::Outbox;
use crate::net::rendezvous::{Presence, Seat};
use crate::renditions::rtp::push_frame;
use bytes::{Bytes, BytesMut};
use formats::sdp::{self, MediaSection};
use hub::{Deed, Ended, PublishError, Publisher};
use media::{Moment, StreamName, TrackId};
use protocols::rtsp::server::{Carrier, Session, Target};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;

/// A publisher's stream.
pub(super) struct Recording {
    name: StreamName,
    sections: Vec<MediaSection>,
    publisher: Option<Publisher>,
    /// Tells the source whose program this is when it leaves.
    _presence: Option<Presence>,
    /// Made at RECORD, when it is known what carries the media.
    ingest: Option<Ingest>,
    /// What carries each section, once it is set up.
    lanes: Vec<Option<PublisherLane>>,
    peer: IpAddr,
    received: BytesMut,
}

enum PublisherLane {
    Tcp,
    Udp {
        pair: PortPair,
        /// Where reports go.
        rtcp: SocketAddr,
    },
}

impl Connection {
    pub(super) fn announce(&mut self, target: &Target, description: sdp::Session) -> Result<(), Refused> {
        // A program that a source of ours started publishes for that source; the path it was told is its permission.
        let (name, publisher, presence) = match self.rendezvous.take(&target.path, self.peer.ip(), self.local)
        {
            Some(Seat { stream, publisher, presence }) => (stream, Some(publisher), Some(presence)),
            None => (self.allowed(target, Deed::Publish)?, None, None),
        };
        for why in &description.skipped {
            tracing::info!(stream = %name, why, "part of a publisher's description is not taken");
        }
        let recording = Recording {
            name,
            lanes: description.sections.iter().map(|_| None).collect(),
            sections: description.sections,
            publisher,
            _presence: presence,
            ingest: None,
            peer: self.peer.ip().to_canonical(),
            received: BytesMut::new(),
        };
        self.role = Role::Publisher(Box::new(recording));
        self.session.announce_ok();
        Ok(())
    }

    pub(super) async fn set_up_publisher(
        &mut self,
        section: TrackId,
        carrier: &Carrier,
    ) -> Result<(), Refused> {
        let (lane, ports) = match carrier {
            Carrier::Tcp { .. } => (PublisherLane::Tcp, None),
            Carrier::Udp { rtcp, .. } => {
                let pair = PortPair::receiving(self.local)
                    .map_err(|error| (500, format!("no UDP ports could be had: {error}")))?;
                let ports = pair.ports();
                let rtcp = SocketAddr::new(self.peer.ip(), *rtcp);
                (PublisherLane::Udp { pair, rtcp }, Some(ports))
            }
        };
        let peer = self.peer_info(ports.is_some());
        let Role::Publisher(recording) = &mut self.role else {
            return Err((455, "nothing is announced".into()));
        };
        if recording.publisher.is_none() {
            let near = Some(self.worker.id());
            let publisher = self.worker.hub().publish(&recording.name, peer, near).await;
            recording.publisher = Some(publisher.map_err(|error| match error {
                PublishError::Busy { .. } | PublishError::Crowded { .. } | PublishError::HasSources(_) => {
                    (403, error.to_string())
                }
                PublishError::TooMany(_) | PublishError::Ended => (503, error.to_string()),
            })?);
        }
        if let Some(slot) = recording.lanes.get_mut(usize::from(section)) {
            *slot = Some(lane);
        }
        self.session.setup_ok(ports, None);
        Ok(())
    }

    pub(super) fn record(&mut self) -> Result<(), Refused> {
        let Role::Publisher(recording) = &mut self.role else { return Ok(()) };
        let in_order =
            !recording.lanes.iter().flatten().any(|lane| matches!(lane, PublisherLane::Udp { .. }));
        let mut ingest =
            Ingest::new(&recording.sections, in_order).map_err(|error| (415, error.to_string()))?;
        for (section, lane) in recording.lanes.iter().enumerate() {
            if lane.is_none() {
                ingest.leave_out(section as TrackId);
            }
        }
        ingest.set_wall_clock(hub::now(), hub::wall_now());
        recording.ingest = Some(ingest);
        Ok(())
    }

    pub(super) async fn take_rtp(&mut self, track: TrackId, data: Bytes) -> Turned {
        let Role::Publisher(recording) = &mut self.role else { return Turned::Goes };
        if let Some(ingest) = &mut recording.ingest {
            ingest.handle_rtp(track, data, hub::now());
        }
        recording.forward().await
    }

    pub(super) fn take_rtcp(&mut self, track: TrackId, data: &[u8]) {
        // Of a player's reports, that they come is all that counts.
        let Role::Publisher(recording) = &mut self.role else { return };
        if let Some(ingest) = &mut recording.ingest {
            ingest.handle_rtcp(track, data, hub::now());
        }
    }

    /// Lets time pass for the packets that wait.
    pub(super) async fn time_passed(&mut self) -> Turned {
        let Role::Publisher(recording) = &mut self.role else { return Turned::Goes };
        if let Some(ingest) = &mut recording.ingest {
            ingest.handle_timeout(hub::now());
        }
        recording.forward().await
    }
}

impl Recording {
    /// Hands on what the packets became.
    async fn forward(&mut self) -> Turned {
        match self.push().await {
            Ok(()) => Turned::Goes,
            Err(ended) => Turned::Over(ended.to_string()),
        }
    }

    async fn push(&mut self) -> Result<(), Ended> {
        let (Some(publisher), Some(ingest)) = (&mut self.publisher, &mut self.ingest) else { return Ok(()) };
        while let Some(item) = ingest.poll() {
            match item {
                Ingested::Tracks(tracks) => publisher.set_tracks(tracks).await?,
                Ingested::Unit(unit) => publisher.push(unit).await?,
            }
        }
        let lost = ingest.take_lost();
        if lost > 0 {
            publisher.report_lost(lost).await?;
        }
        Ok(())
    }

    /// Writes what waits, takes datagrams, and notices the stream's end.
    pub(super) async fn turn<W: AsyncWrite + Unpin>(
        &mut self,
        outbox: &mut Outbox,
        to: &mut W,
    ) -> io::Result<Media> {
        let deadline = self.ingest.as_ref().map_or(Moment::FAR_FUTURE, Ingest::next_deadline);
        let Recording { publisher, lanes, peer, received, .. } = self;
        tokio::select! {
            biased;
            written = outbox.write(to) => written.map(|_| Media::Moved),
            datagram = poll_fn(|cx| poll_lanes(lanes, *peer, received, cx)) => datagram,
            ended = ended(publisher) => Ok(Media::Cut(ended.to_string())),
            () = hub::sleep_until(deadline) => Ok(Media::Timeout),
        }
    }

    /// Sends the receiver reports that are due.
    pub(super) fn tick(&mut self, session: &Session, outbox: &mut Outbox, now: Moment) {
        let Some(ingest) = &mut self.ingest else { return };
        ingest.set_wall_clock(now, hub::wall_now());
        for (track, report) in ingest.reports(now) {
            match self.lanes.get(usize::from(track)) {
                Some(Some(PublisherLane::Udp { pair, rtcp })) => pair.send(Port::Rtcp, &report, *rtcp),
                Some(Some(PublisherLane::Tcp)) => {
                    if let Some((_, channel)) = session.channels(track) {
                        let mut frame = Vec::with_capacity(4 + report.len());
                        push_frame(channel, &report, &mut frame);
                        outbox.push(frame.into());
                    }
                }
                Some(None) | None => {}
            }
        }
    }
}

fn poll_lanes(
    lanes: &[Option<PublisherLane>],
    peer: IpAddr,
    received: &mut BytesMut,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Media>> {
    for (section, lane) in lanes.iter().enumerate() {
        let Some(PublisherLane::Udp { pair, .. }) = lane else { continue };
        if let Poll::Ready(datagram) = pair.poll_receive(&[peer], DATAGRAM_BYTES_MAX, received, cx) {
            let (port, data) = datagram?;
            return Poll::Ready(Ok(Media::Datagram(section as TrackId, port == Port::Rtcp, data)));
        }
    }
    Poll::Pending
}

/// Returns when the stream takes no more. What it wishes for, RTSP has no words for.
async fn ended(publisher: &mut Option<Publisher>) -> Ended {
    let Some(publisher) = publisher else { return std::future::pending().await };
    loop {
        if let Err(ended) = publisher.feedback().await {
            return ended;
        }
    }
}
