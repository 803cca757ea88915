//! Media to a player over UDP: packets of a frame in one send, sender reports to the RTCP port.
//!
//! Owns the reader and the sockets. What a player joins with, a whole group of pictures, goes out in portions: sent at
//! once it would drown the player's socket.
use super::connection::Media;
use super::dismissed;
use crate::ingest::ports::{Port, PortPair};
use bytes::BytesMut;
use hub::{Chunk, EndReason, Item, Reader};
use media::{Moment, TrackId};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;
use std::time::Duration;

/// One portion: 64 KiB, a third of what a socket takes by default.
const PORTION_BYTES: usize = 64 << 10;
/// Time between two portions: 4 ms, which makes 130 Mbit/s.
const PORTION_EVERY: Duration = Duration::from_millis(4);
/// Longest datagram that a player sends: reports.
const REPORT_BYTES_MAX: usize = 1500;

/// The sockets and addresses of one section.
pub(super) struct UdpLane {
    /// Its number in the description.
    pub(super) section: TrackId,
    pub(super) pair: PortPair,
    /// The player's ports.
    pub(super) rtp: SocketAddr,
    pub(super) rtcp: SocketAddr,
}

/// A reader whose media goes over UDP.
pub(super) struct UdpPlayer {
    reader: Reader,
    lanes: Vec<(TrackId, UdpLane)>,
    /// Taken from the reader before.
    first: VecDeque<Item>,
    peer: IpAddr,
    /// Sent since there was nothing to send.
    portion: usize,
    received: BytesMut,
}

impl UdpPlayer {
    pub(super) fn new(
        reader: Reader,
        lanes: Vec<(TrackId, UdpLane)>,
        first: Vec<Item>,
        peer: IpAddr,
    ) -> Self {
        Self { reader, lanes, first: first.into(), peer, portion: 0, received: BytesMut::new() }
    }

    pub(super) fn into_lanes(self) -> impl Iterator<Item = UdpLane> {
        self.lanes.into_iter().map(|(_, lane)| lane)
    }

    /// Tells the player of each section that nothing more comes.
    pub(super) fn say_bye(&self, sources: &[(TrackId, u32)]) {
        for (section, ssrc) in sources {
            if let Some((_, lane)) = self.lanes.iter().find(|(_, lane)| lane.section == *section) {
                lane.pair.send(Port::Rtcp, &dismissed::bye(*ssrc), lane.rtcp);
            }
        }
    }

    pub(super) fn leave(self, why: String) {
        self.reader.leave(why);
    }

    pub(super) fn check(&mut self, now: Moment) -> Option<EndReason> {
        // Datagrams wait for nobody; a player that is gone sends no reports, which the session watches.
        self.reader.progressed(now);
        self.reader.check(now)
    }

    /// Sends the next chunk, or takes a report. Cancel-safe.
    pub(super) async fn turn(&mut self) -> Media {
        if self.portion >= PORTION_BYTES {
            tokio::time::sleep(PORTION_EVERY).await;
            self.portion = 0;
        }
        std::future::poll_fn(|cx| {
            for (_, lane) in &self.lanes {
                match lane.pair.poll_receive(&[self.peer], REPORT_BYTES_MAX, &mut self.received, cx) {
                    Poll::Ready(Ok((port, data))) => {
                        return Poll::Ready(Media::Datagram(lane.section, port == Port::Rtcp, data));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Media::Cut(format!("UDP: {error}"))),
                    Poll::Pending => {}
                }
            }
            let item = match self.first.pop_front() {
                Some(item) => item,
                None => match self.reader.poll_next(cx) {
                    Poll::Ready(item) => item,
                    Poll::Pending => {
                        self.portion = 0;
                        return Poll::Pending;
                    }
                },
            };
            match item {
                Item::Chunk(chunk) => {
                    self.send(&chunk);
                    self.portion += chunk.bytes();
                    Poll::Ready(Media::Moved)
                }
                Item::Header(_) => Poll::Ready(Media::Moved),
                Item::Ended(reason) => Poll::Ready(dismissed::of_end(&reason)),
            }
        })
        .await
    }

    fn send(&self, chunk: &Chunk) {
        let mut parts = chunk.parts.iter();
        let Some(packets) = parts.next() else { return };
        for ((_, lane), report) in self.lanes.iter().zip(parts) {
            lane.pair.send(Port::Rtcp, report, lane.rtcp);
        }
        if let Some((_, lane)) = self.lanes.iter().find(|(track, _)| *track == chunk.track)
            && !lane.pair.send_packets(packets, &chunk.packet_ends, lane.rtp)
        {
            tracing::trace!(to = %lane.rtp, "datagrams not sent");
        }
    }
}
