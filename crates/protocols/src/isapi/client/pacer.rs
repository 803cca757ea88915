//! Sends sound no faster than it is heard: devices buffer little, and throw away or stretch what comes in a heap.
use super::event::Sound;
use bytes::Bytes;
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// How far sound may be ahead of its time: 100 ms, so that what the network held up catches up at once.
const LEAD: Duration = Duration::from_millis(100);

/// Frames that wait, oldest first.
#[derive(Debug)]
pub(super) struct Pacer {
    waiting: VecDeque<(Bytes, Duration)>,
    length: Duration,
    length_max: Duration,
    /// When the device will have played what was sent.
    played_at: Moment,
    sound: Sound,
}

impl Pacer {
    pub(super) fn new(length_max: Duration) -> Self {
        let (waiting, length, played_at) = (VecDeque::new(), Duration::ZERO, Moment::ZERO);
        Self { waiting, length, length_max, played_at, sound: Sound::default() }
    }

    /// Takes a frame; the oldest make room.
    pub(super) fn push(&mut self, frame: Bytes, duration: Duration) {
        self.waiting.push_back((frame, duration));
        self.length += duration;
        while self.length > self.length_max && self.waiting.len() > 1 {
            if let Some((_, duration)) = self.waiting.pop_front() {
                self.length = self.length.saturating_sub(duration);
                self.drop_one();
            }
        }
    }

    /// Counts a frame that is not sent.
    pub(super) fn drop_one(&mut self) {
        self.sound.dropped += 1;
    }

    /// The next frame, if it is time for it.
    pub(super) fn pop(&mut self, now: Moment) -> Option<Bytes> {
        let (frame, duration) = self.waiting.pop_front_if(|_| self.played_at <= now + LEAD)?;
        self.length = self.length.saturating_sub(duration);
        self.played_at = self.played_at.max(now) + duration;
        self.sound.frames += 1;
        self.sound.bytes += frame.len() as u64;
        self.sound.duration += duration;
        Some(frame)
    }

    /// When it is time for the next frame.
    pub(super) fn next_at(&self) -> Option<Moment> {
        // Moments do not go below zero, and the lead is short.
        let ahead = Moment::from_nanos(self.played_at.as_nanos().saturating_sub(LEAD.as_nanos() as u64));
        (!self.waiting.is_empty()).then_some(ahead)
    }

    pub(super) const fn sound(&self) -> Sound {
        self.sound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    fn frame(number: u8) -> Bytes {
        Bytes::copy_from_slice(&[number; 160])
    }

    #[test]
    fn sound_in_a_heap_goes_out_in_its_own_time() {
        let mut pacer = Pacer::new(Duration::from_secs(10));
        for number in 0..100 {
            pacer.push(frame(number), FRAME);
        }
        let start = Moment::from_millis(5_000);
        let (mut now, mut sent) = (start, 0);
        while let Some(at) = pacer.next_at() {
            now = now.max(at);
            assert_eq!(pacer.pop(now).unwrap()[0], sent);
            sent += 1;
        }
        assert_eq!(sent, 100);
        // Six frames at once (the lead and the one that is being played), the others 20 ms apart.
        assert_eq!(now.since(start), FRAME * 94);
    }

    #[test]
    fn sound_in_time_waits_for_nothing() {
        let mut pacer = Pacer::new(Duration::from_millis(200));
        for tick in 0..500_u64 {
            // Every tenth frame comes 90 ms late, and those behind it with it.
            let late = tick % 50 / 45 * 90;
            let now = Moment::from_millis(1_000 + tick * 20 + late);
            pacer.push(frame(tick as u8), FRAME);
            assert!(pacer.pop(now).is_some(), "frame {tick}");
        }
        assert_eq!(pacer.sound().dropped, 0);
    }

    #[test]
    fn what_waits_is_bounded_and_the_oldest_goes() {
        let mut pacer = Pacer::new(Duration::from_millis(200));
        for number in 0..50 {
            pacer.push(frame(number), FRAME);
        }
        assert_eq!(pacer.pop(Moment::ZERO).unwrap()[0], 40);
        assert_eq!(pacer.sound().dropped, 40);
    }
}
