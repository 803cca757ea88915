//! What a joining player gets first: the cached pictures since the newest key frame, faster than they were made.
//!
//! They lie 1 ms apart on the RTP clock and end where the newest of them really lies. Browsers schedule by that clock:
//! with the real distances they would show the group in slow order, or keep its length as delay for ever; like this they
//! show the key frame at once, decode the rest as it comes, and go on live. Sound is left out, since a jitter buffer
//! would take the old packets for late ones. Nothing leaves in one burst: routers on the way would drop the middle of
//! it, and the retransmission buffer is shorter than a group may be. Owns the frames that are not sent yet.
use super::frame::SendFrame;
use media::{Moment, rescale};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// Distance of the frames on the RTP clock: 1 ms, in ticks of the 90 kHz that all video has.
const STEP_TICKS: i64 = 90;
/// The group is sent in a quarter of its length: most networks carry the stream four times over, and what they lose can
/// still be sent again; half a second for the usual two is hardly seen.
const FASTER: u32 = 4;
/// At most 1 s for a group of any length: some cameras make them of ten seconds.
const DURATION_MAX: Duration = Duration::from_secs(1);
/// How often packets leave: every 5 ms.
const EVERY: Duration = Duration::from_millis(5);
/// Fewest packets at a time: 8, which is 14 Mbit/s.
const PACKETS_MIN: usize = 8;

/// Frames on their way to a player that has just joined.
pub(crate) struct CatchUp {
    frames: VecDeque<Rc<SendFrame>>,
    packets_at_once: usize,
    due: Moment,
}

impl CatchUp {
    /// From what is cached, in order, all tracks; `is_video` tells them apart.
    pub(crate) fn new(cached: &[Rc<SendFrame>], is_video: impl Fn(&SendFrame) -> bool, now: Moment) -> Self {
        let video: Vec<_> = cached.iter().filter(|frame| is_video(frame)).collect();
        let newest = video.last().map_or(0, |frame| frame.pts);
        let span = newest - video.first().map_or(0, |frame| frame.pts);
        let span = Duration::from_millis(u64::try_from(rescale(span, 90_000, 1_000)).unwrap_or(0));
        let steps = (span / FASTER).min(DURATION_MAX).as_millis() / EVERY.as_millis() + 1;
        let packets: usize = video.iter().map(|frame| frame.packets.len()).sum();
        let left = (0..video.len() as i64).rev();
        let frames = video.iter().zip(left).map(|(frame, left)| {
            Rc::new(SendFrame { pts: newest - left * STEP_TICKS, past: true, ..SendFrame::clone(frame) })
        });
        Self {
            frames: frames.collect(),
            packets_at_once: packets.div_ceil(usize::try_from(steps).unwrap_or(1)).max(PACKETS_MIN),
            due: now,
        }
    }

    /// All sent: what comes next goes out directly.
    pub(crate) fn is_over(&self) -> bool {
        self.frames.is_empty()
    }

    /// When the next packets may leave.
    pub(crate) fn due(&self) -> Moment {
        if self.is_over() { Moment::FAR_FUTURE } else { self.due }
    }

    /// A live picture waits for those before it.
    pub(crate) fn push(&mut self, frame: Rc<SendFrame>) {
        self.frames.push_back(frame);
    }

    /// Hands out what may leave now.
    pub(crate) fn release(&mut self, now: Moment, mut send: impl FnMut(&SendFrame)) {
        if now < self.due {
            return;
        }
        self.due = now + EVERY;
        let mut packets = 0;
        while packets < self.packets_at_once
            && let Some(frame) = self.frames.pop_front()
        {
            packets += frame.packets.len();
            send(&frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webrtc::SendPacket;

    fn frame(track: u8, pts: i64, packets: usize) -> Rc<SendFrame> {
        let packet = SendPacket { payload: vec![1; 1000].into(), marker: false };
        Rc::new(SendFrame { track, pts, keyframe: false, past: false, packets: vec![packet; packets] })
    }

    #[test]
    fn a_group_of_two_seconds_leaves_within_half_of_one_and_ends_at_its_newest_time() {
        let cached: Vec<_> =
            (0..50).flat_map(|number| [frame(0, number * 3_600, 20), frame(1, number * 1_920, 1)]).collect();
        let mut now = Moment::from_millis(500);
        let mut catch_up = CatchUp::new(&cached, |frame| frame.track == 0, now);
        let (mut times, mut most) = (Vec::new(), 0);
        while !catch_up.is_over() {
            now = catch_up.due();
            let mut packets = 0;
            catch_up.release(now, |frame| {
                assert!(frame.past && frame.track == 0);
                times.push(frame.pts);
                packets += frame.packets.len();
            });
            most = most.max(packets);
        }
        let wanted: Vec<i64> = (0..50).map(|number| 49 * 3_600 - (49 - number) * 90).collect();
        assert_eq!(times, wanted);
        assert!(now - Moment::from_millis(500) <= Duration::from_millis(500), "{now:?}");
        assert!(most <= 60, "{most} packets at once");
        assert_eq!(catch_up.due(), Moment::FAR_FUTURE);
    }

    #[test]
    fn live_pictures_wait_for_those_before_them_with_their_own_times() {
        let now = Moment::ZERO;
        let cached: Vec<_> = (0..50).map(|number| frame(0, number * 3_600, 40)).collect();
        let mut catch_up = CatchUp::new(&cached, |_| true, now);
        catch_up.push(frame(0, 50 * 3_600, 3));
        let (mut times, mut at) = (Vec::new(), now);
        while !catch_up.is_over() {
            catch_up.release(at, |frame| times.push((frame.pts, frame.past)));
            at += EVERY;
        }
        assert_eq!(times.len(), 51);
        assert_eq!(times[49..], [(49 * 3_600, true), (50 * 3_600, false)]);
    }

    #[test]
    fn an_empty_cache_is_over_at_once() {
        assert!(CatchUp::new(&[], |_| true, Moment::ZERO).is_over());
    }
}
