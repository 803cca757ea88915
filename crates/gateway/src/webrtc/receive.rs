//! The receiving half of a session: a publisher's packets, or a talker's, to units.
//!
//! Source: RFC 3550 §6.4.1 (sender reports tie the tracks together), RFC 4585 §6.3.1 (PLI). Owns which packets are whose,
//! and when a key frame may be asked for again; all the rest is [`Ingest`]'s, as for any other sender of RTP.
use super::choice::Plan;
use super::offer::{Choice, Offer, OfferedPayload};
use super::session::Event;
use super::{Context, WebRtcError};
use crate::ingest::{Ingest, Ingested, negotiated};
use bytes::Bytes;
use formats::rtp::{Header, Packet};
use formats::sdp::MediaSection;
use media::{Moment, TrackId, WallTime};
use std::time::{Duration, UNIX_EPOCH};
use str0m::Rtc;
use str0m::media::{KeyframeRequestKind, Mid, SenderFeedback};
use str0m::rtp::RtpPacket;

/// How long the other tracks wait for one whose parameters have not come: 3 s. A browser sends its first key frame
/// within one, and asking helps with the rest.
const TRACKS_WAIT: Duration = Duration::from_secs(3);
/// A key frame is asked for at most so often: once in 500 ms, more than the way there and back, and the encoder's work.
const KEYFRAME_EVERY: Duration = Duration::from_millis(500);

/// All tracks that the peer sends; none, for most players.
#[derive(Default)]
pub(crate) struct Receivers {
    receivers: Vec<Receiver>,
    ingest: Option<Ingest>,
    lost: u64,
}

/// By the track's number.
struct Receiver {
    mid: Mid,
    payload_type: u8,
    asked_at: Option<Moment>,
}

impl Receivers {
    pub(crate) fn bind(&mut self, offer: &Offer<'_>, plan: &Plan) -> Result<(), WebRtcError> {
        let mut sections = Vec::new();
        for (section, track) in &plan.receives {
            let Some(Choice::Take { payload, .. }) = plan.choices.get(*section) else { continue };
            sections.push(described(*track, payload)?);
            let mid = Mid::from(offer.sections[*section].mid);
            self.receivers.push(Receiver { mid, payload_type: payload.payload_type, asked_at: None });
        }
        if !sections.is_empty() {
            let ingest = Ingest::new(&sections, false);
            let mut ingest = ingest.map_err(|error| WebRtcError::Engine(error.to_string()))?;
            ingest.set_tracks_wait(TRACKS_WAIT);
            self.ingest = Some(ingest);
        }
        Ok(())
    }

    /// Packets that never came, all tracks together.
    pub(crate) const fn packets_lost(&self) -> u64 {
        self.lost
    }

    /// When time alone brings something.
    pub(crate) fn deadline(&self) -> Moment {
        let Some(ingest) = &self.ingest else { return Moment::FAR_FUTURE };
        let asking = self.wanting().filter_map(|index| self.receivers[index].asked_at);
        let asking = asking.map(|at| at + KEYFRAME_EVERY).min().unwrap_or(Moment::FAR_FUTURE);
        ingest.next_deadline().min(asking)
    }

    /// The tracks that want a key frame, by their index.
    fn wanting(&self) -> impl Iterator<Item = usize> {
        let wants = |index: &usize| {
            self.ingest.as_ref().is_some_and(|ingest| ingest.wants_keyframe(*index as TrackId))
        };
        (0..self.receivers.len()).filter(wants)
    }

    /// Says what our wall clock shows.
    pub(crate) fn set_wall_clock(&mut self, now: Moment, wall: WallTime) {
        if let Some(ingest) = &mut self.ingest {
            ingest.set_wall_clock(now, wall);
        }
    }

    /// The next unit, or the tracks before it.
    pub(crate) fn poll(&mut self) -> Option<Event> {
        Some(match self.ingest.as_mut()?.poll()? {
            Ingested::Tracks(tracks) => Event::Tracks(tracks),
            Ingested::Unit(unit) => Event::Unit(unit),
        })
    }

    /// Takes a packet; its payload's length, when it belongs to a track.
    pub(crate) fn take(&mut self, packet: RtpPacket, context: &Context) -> Option<usize> {
        let number = *packet.header.payload_type;
        let index = self.receivers.iter().position(|receiver| receiver.payload_type == number)?;
        let header = Header {
            marker: packet.header.marker,
            payload_type: number,
            sequence: *packet.seq_no as u16,
            timestamp: packet.header.timestamp,
            ssrc: *packet.header.ssrc,
        };
        let arrival = context.moment(packet.timestamp);
        let payload = Bytes::from_owner(packet.payload);
        let length = payload.len();
        let ingest = self.ingest.as_mut()?;
        let packet = Packet { header, payload, ..Packet::default() };
        ingest.handle_packet(index as TrackId, packet, arrival);
        self.lost += ingest.take_lost();
        Some(length)
    }

    /// A sender report: where the track's clock stands by the sender's wall clock.
    pub(crate) fn report(&mut self, feedback: &SenderFeedback) {
        let index = self.receivers.iter().position(|receiver| receiver.mid == feedback.mid);
        let (Some(index), Some(ingest)) = (index, &mut self.ingest) else { return };
        // Who has sent nothing yet has no clock to tell of: str0m reports an RTP time of 0 then (RFC 3550 §6.4.1 wants
        // no sender report at all).
        if feedback.sender_info.sender_packet_count == 0 {
            return;
        }
        let rtp_time = (feedback.sender_info.rtp_time.numer() & 0xffff_ffff) as u32;
        let Ok(wall) = feedback.sender_info.ntp_time.duration_since(UNIX_EPOCH) else { return };
        let micros = i64::try_from(wall.as_micros()).unwrap_or(i64::MAX);
        ingest.handle_clock(index as TrackId, rtp_time, WallTime::from_micros(micros));
    }

    /// Lets time pass: packets that nobody waits for any more, tracks that nobody waits for any more.
    pub(crate) fn pump(&mut self, now: Moment) {
        if let Some(ingest) = &mut self.ingest {
            ingest.handle_timeout(now);
            self.lost += ingest.take_lost();
        }
    }

    /// All video tracks shall send a key frame.
    pub(crate) fn want_keyframes(&mut self) {
        if let Some(ingest) = &mut self.ingest {
            ingest.want_keyframes();
        }
    }

    /// Asks for the key frames that are wanted, unless that was done just now. True when something was written.
    pub(crate) fn ask(&mut self, rtc: &mut Rtc, now: Moment) -> bool {
        let mut written = false;
        for index in self.wanting().collect::<Vec<_>>() {
            let receiver = &mut self.receivers[index];
            if receiver.asked_at.is_some_and(|at| now.since(at) < KEYFRAME_EVERY) {
                continue;
            }
            receiver.asked_at = Some(now);
            let mut direct = rtc.direct_api();
            if let Some(stream) = direct.stream_rx_by_mid(receiver.mid, None) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
                written = true;
            }
        }
        written
    }
}

/// What is to come of a payload type, as a description of RTP has it.
fn described(id: TrackId, payload: &OfferedPayload) -> Result<MediaSection, WebRtcError> {
    let codec = payload.codec().ok_or_else(|| WebRtcError::Engine(format!("no codec {}", payload.name)))?;
    let channels = payload.channels.unwrap_or(1);
    Ok(negotiated(id, codec, payload.clock_rate, channels, payload.payload_type))
}
