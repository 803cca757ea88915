//! Frames as RTP payloads, made once per stream and shared by all its players.
//!
//! [`format`] is the stream's rendition, muxed once per worker; [`cut`] turns its chunks into what the engine takes,
//! once for all players of a worker, since each payload must lie in memory of its own there. Owns nothing else.
use bytes::Bytes;
use formats::rtp::{HEADER_BYTES, PACKET_BYTES_MIN, PacketBatch, Packetizer, PacketizerOptions};
use hub::{Chunk, Format, Muxer};
use media::{Track, TrackId, Tracks, Unit};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

/// Longest RTP packet before it gets extensions (16), the retransmission's number (2) and the SRTP tag (16): 1,188
/// bytes. The datagram then fits 1,232 bytes, the smallest that IPv6 guarantees (RFC 8200 §5).
const PACKET_BYTES_MAX: usize = 1188;
/// Frames whose cut is remembered, on each worker: 128, a joining player's group and some live frames.
const REMEMBERED: usize = 128;

/// One RTP payload, without header.
#[derive(Clone, Debug)]
pub struct SendPacket {
    /// The payload, shared by the players and by what they keep for retransmission.
    pub payload: Arc<[u8]>,
    /// The last packet of its frame.
    pub marker: bool,
}

/// One frame, cut into RTP payloads.
#[derive(Clone, Debug)]
pub struct SendFrame {
    /// The track it belongs to.
    pub track: TrackId,
    /// When it is shown, in ticks of the track's clock; the RTP timestamp is its low 32 bits.
    pub pts: i64,
    /// A player may start here.
    pub keyframe: bool,
    /// It is sent later than it was made: its time says nothing about the clock.
    pub past: bool,
    /// In order; at least one.
    pub packets: Vec<SendPacket>,
}

impl SendFrame {
    fn of(chunk: &Chunk) -> Self {
        let data: &[u8] = chunk.parts.first().map_or(&[], |part| part);
        let mut start = 0;
        let packets = chunk.packet_ends.iter().filter_map(|end| {
            let packet = data.get(start..*end as usize);
            start = *end as usize;
            let packet = packet.filter(|packet| packet.len() > HEADER_BYTES)?;
            Some(SendPacket { payload: packet[HEADER_BYTES..].into(), marker: packet[1] & 0x80 != 0 })
        });
        let packets = packets.collect();
        Self { track: chunk.track, pts: chunk.pts, keyframe: chunk.keyframe, past: false, packets }
    }
}

/// The wire format of all WebRTC players of these tracks, and of rooms: RTP packets, whose headers each session replaces.
pub(crate) fn format(ids: &[TrackId]) -> Format {
    format_within(ids, PACKET_BYTES_MAX)
}

/// The same for a way on which packets must be shorter, before they get tags.
pub(crate) fn format_within(ids: &[TrackId], packet_bytes_max: usize) -> Format {
    let bytes = packet_bytes_max.clamp(PACKET_BYTES_MIN, PACKET_BYTES_MAX);
    let key = match bytes {
        PACKET_BYTES_MAX => format!("webrtc:{ids:?}"),
        shorter => format!("webrtc:{ids:?}:{shorter}"),
    };
    Format::new(key, move |tracks: &Tracks| Ok(Box::new(Rtp::new(tracks, bytes)) as Box<dyn Muxer>))
        .of(ids.iter().copied())
}

struct Rtp {
    /// By track; `None` for those that WebRTC does not carry.
    packetizers: Vec<Option<Packetizer>>,
    batch: PacketBatch,
}

impl Rtp {
    fn new(tracks: &[Track], packet_bytes_max: usize) -> Self {
        let packetizers = tracks.iter().map(|track| {
            let options = PacketizerOptions {
                payload_type: 96,
                ssrc: 0,
                first_sequence: 0,
                timestamp_offset: 0,
                packet_bytes_max,
                interleaved_channel: None,
                rtp_clock_rate: formats::rtp::clock_rate(track),
            };
            super::choice::is_carried(track.codec).then(|| Packetizer::new(track, options).ok()).flatten()
        });
        Self { packetizers: packetizers.collect(), batch: PacketBatch::new() }
    }
}

impl Muxer for Rtp {
    fn header(&mut self, _again: bool) -> Bytes {
        Bytes::new()
    }

    fn push(&mut self, unit: &Unit, out: &mut Vec<Chunk>) {
        let Some(Some(packetizer)) = self.packetizers.get_mut(usize::from(unit.track)) else { return };
        if let Err(error) = packetizer.push(unit, &mut self.batch) {
            tracing::debug!(%error, track = unit.track, "a unit that RTP cannot carry");
        }
        if !self.batch.is_empty() {
            let packets = self.batch.freeze();
            out.push(Chunk::packets(unit, packets.data, packets.ends));
        }
    }
}

#[derive(Default)]
struct Remembered {
    /// By the chunk's address, which stays taken as long as the chunk is kept here.
    frames: HashMap<*const Chunk, (Rc<Chunk>, Rc<SendFrame>)>,
    order: VecDeque<*const Chunk>,
}

thread_local! {
    static REMEMBER: RefCell<Remembered> = RefCell::default();
}

/// Cuts a chunk of [`format`], once per worker however many players take it.
pub(crate) fn cut(chunk: &Rc<Chunk>) -> Rc<SendFrame> {
    REMEMBER.with_borrow_mut(|remembered| {
        let key = Rc::as_ptr(chunk);
        if let Some((_, frame)) = remembered.frames.get(&key) {
            return frame.clone();
        }
        if remembered.order.len() == REMEMBERED
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.frames.remove(&oldest);
        }
        let frame = Rc::new(SendFrame::of(chunk));
        remembered.frames.insert(key, (chunk.clone(), frame.clone()));
        remembered.order.push_back(key);
        frame
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{Codec, CodecParams, Moment, WallTime};

    fn unit(track: TrackId, pts: i64, data: Vec<u8>) -> Unit {
        Unit {
            track,
            pts,
            dts: pts,
            arrival: Moment::ZERO,
            wall: WallTime::default(),
            keyframe: true,
            discontinuity: false,
            data: data.into(),
        }
    }

    fn chunks(tracks: &[Track], units: &[Unit]) -> Vec<Rc<Chunk>> {
        let mut muxer = Rtp::new(tracks, PACKET_BYTES_MAX);
        let mut out = Vec::new();
        units.iter().for_each(|unit| muxer.push(unit, &mut out));
        out.into_iter().map(Rc::new).collect()
    }

    #[test]
    fn a_frame_is_cut_into_payloads_that_fit_and_end_with_the_marker() {
        let track = Track::video(0, Codec::Vp8, CodecParams::None);
        let made = chunks(&[track], &[unit(0, 7_200, vec![0x10; 5_000])]);
        let frame = cut(&made[0]);
        assert_eq!((frame.pts, frame.packets.len()), (7_200, 5));
        assert!(frame.packets.iter().all(|packet| packet.payload.len() <= PACKET_BYTES_MAX - HEADER_BYTES));
        let markers: Vec<bool> = frame.packets.iter().map(|packet| packet.marker).collect();
        assert_eq!(markers, [false, false, false, false, true]);
    }

    #[test]
    fn what_webrtc_does_not_carry_is_left_out() {
        let tracks = [
            Track::audio(0, Codec::Aac, 48_000, 2, CodecParams::None),
            Track::audio(1, Codec::Opus, 48_000, 2, CodecParams::None),
        ];
        let made = chunks(&tracks, &[unit(0, 0, vec![1; 200]), unit(1, 0, vec![2; 80])]);
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].track, 1);
    }

    #[test]
    fn players_of_one_worker_share_the_cut() {
        let track = Track::video(0, Codec::Vp8, CodecParams::None);
        let units: Vec<Unit> = (0..300).map(|number| unit(0, number, vec![0x10; 50])).collect();
        let made = chunks(&[track], &units);
        let first = cut(&made[0]);
        assert!(Rc::ptr_eq(&first, &cut(&made[0])));
        made.iter().for_each(|chunk| drop(cut(chunk)));
        assert_eq!(REMEMBER.with_borrow(|remembered| remembered.frames.len()), REMEMBERED);
    }
}
