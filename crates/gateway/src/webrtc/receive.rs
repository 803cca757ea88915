//! The receiving half of a session: a publisher's packets, told apart by payload type.
use super::choice::Plan;
use super::offer::{Choice, Offer};
use super::{Context, WebRtcError};
use bytes::Bytes;
use media::{Codec, Moment, TrackId};
use str0m::Rtc;
use str0m::media::{KeyframeRequestKind, Mid};
use str0m::rtp::RtpPacket;

/// One RTP packet of a publisher.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceivedPacket {
    /// The track, numbered in the order of the offer's sections.
    pub track: TrackId,
    /// Extended by its rollovers.
    pub sequence: u64,
    /// As sent.
    pub timestamp: u32,
    /// The marker bit.
    pub marker: bool,
    /// When it arrived.
    pub arrival: Moment,
    /// Without header and padding.
    pub payload: Bytes,
}

/// All tracks of a publisher.
#[derive(Default)]
pub(crate) struct Receivers {
    receivers: Vec<Receiver>,
}

struct Receiver {
    track: TrackId,
    mid: Mid,
    codec: Codec,
    payload_type: u8,
}

impl Receivers {
    pub(crate) fn bind(&mut self, offer: &Offer<'_>, plan: &Plan) -> Result<(), WebRtcError> {
        for (section, track) in &plan.carried {
            let Some(Choice::Take { payload, .. }) = plan.choices.get(*section) else { continue };
            let Some(codec) = payload.codec() else { continue };
            self.receivers.push(Receiver {
                track: *track,
                mid: Mid::from(offer.sections[*section].mid),
                codec,
                payload_type: payload.payload_type,
            });
        }
        Ok(())
    }

    pub(crate) fn take(&mut self, packet: RtpPacket, context: &Context) -> Option<ReceivedPacket> {
        let number = *packet.header.payload_type;
        let receiver = self.receivers.iter().find(|receiver| receiver.payload_type == number)?;
        Some(ReceivedPacket {
            track: receiver.track,
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            arrival: context.moment(packet.timestamp),
            payload: Bytes::from_owner(packet.payload),
        })
    }

    /// True when the track is a video track of this publisher.
    pub(crate) fn request_keyframe(&mut self, rtc: &mut Rtc, track: TrackId) -> bool {
        let Some(receiver) = self.receivers.iter().find(|receiver| receiver.track == track) else {
            return false;
        };
        let mut direct = rtc.direct_api();
        match direct.stream_rx_by_mid(receiver.mid, None) {
            Some(stream) if receiver.codec.is_video() => {
                stream.request_keyframe(KeyframeRequestKind::Pli);
                true
            }
            Some(_) | None => false,
        }
    }
}
