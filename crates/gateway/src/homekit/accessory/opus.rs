//! Opus packets as long as a controller wants them: 20, 40 and 60 ms out of frames of 20, 30 out of frames of 10.
//!
//! Source: RFC 6716 §3.2.5 (packets of several frames, code 3, with lengths of their own).
use bytes::Bytes;

/// The code that says "any number of frames".
const CODE_ANY: u8 = 3;
/// The bits of the table of contents that frames of one packet share.
const SHARED: u8 = !CODE_ANY;
/// Says that frames have lengths of their own.
const VARIABLE: u8 = 0x80;
/// Lengths below this take one byte.
const SHORT: usize = 252;
/// Longest frame. Source: RFC 6716 §3.4.
const FRAME_BYTES_MAX: usize = 1_275;

/// How long a frame of the encoder must be, so that packets of this length are made of whole ones.
pub(super) const fn frame_ms_for(packet_ms: u8) -> u8 {
    if packet_ms.is_multiple_of(20) { 20 } else { 10 }
}

/// Joins frames into packets.
#[derive(Debug)]
pub(super) struct Joiner {
    frames_max: usize,
    frames: Vec<Bytes>,
}

impl Joiner {
    /// Packets of `packet_ms` of frames of [`frame_ms_for`] that.
    pub(super) fn new(packet_ms: u8) -> Self {
        let frames_max = usize::from(packet_ms / frame_ms_for(packet_ms));
        Self { frames_max: frames_max.max(1), frames: Vec::new() }
    }

    /// Takes a packet of one frame; returns one that is full, or that the new one does not fit into.
    pub(super) fn push(&mut self, frame: Bytes) -> Option<Bytes> {
        if frame.is_empty() || frame.len() > FRAME_BYTES_MAX {
            return None;
        }
        let toc = frame[0];
        if toc & CODE_ANY != 0 || self.frames_max == 1 {
            // It is a packet of several frames already, or as long as it should be.
            self.frames.clear();
            return Some(frame);
        }
        if self.frames.first().is_some_and(|first| first[0] != toc) {
            let packet = self.take();
            self.frames.push(frame);
            return packet;
        }
        self.frames.push(frame);
        if self.frames.len() == self.frames_max { self.take() } else { None }
    }

    /// Forgets the frames that wait.
    pub(super) fn clear(&mut self) {
        self.frames.clear();
    }

    /// Frames that wait for others.
    pub(super) fn waiting(&self) -> usize {
        self.frames.len()
    }

    fn take(&mut self) -> Option<Bytes> {
        let frames = std::mem::take(&mut self.frames);
        let (last, before) = frames.split_last()?;
        if before.is_empty() {
            return Some(last.clone());
        }
        let count = u8::try_from(frames.len()).ok()?;
        let mut packet = vec![(last[0] & SHARED) | CODE_ANY, VARIABLE | count];
        for frame in before {
            let length = frame.len() - 1;
            if length < SHORT {
                packet.push(length as u8);
            } else {
                // the first byte says the two lowest bits, the second how many fours come on top
                let first = SHORT + (length & 3);
                packet.push(first as u8);
                packet.push(((length - first) / 4) as u8);
            }
        }
        frames.iter().for_each(|frame| packet.extend_from_slice(&frame[1..]));
        Some(packet.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::bitstream::opus::packet_duration_48k;

    fn frame(toc: u8, length: usize) -> Bytes {
        let mut frame = vec![length as u8; length];
        frame[0] = toc;
        frame.into()
    }

    #[test]
    fn frames_become_packets_of_the_length_that_was_asked_for() {
        assert_eq!((frame_ms_for(20), frame_ms_for(30), frame_ms_for(60)), (20, 10, 20));
        let mut joiner = Joiner::new(60);
        assert_eq!(joiner.push(frame(0x78, 40)), None);
        assert_eq!((joiner.push(frame(0x78, 300)), joiner.waiting()), (None, 2));
        let packet = joiner.push(frame(0x78, 10)).unwrap();
        // 39 bytes; 299 = 255 + 4 × 11; the rest
        assert_eq!(packet[..5], [0x7b, 0x83, 39, 255, 11]);
        assert_eq!((packet.len(), packet_duration_48k(&packet)), (5 + 39 + 299 + 9, Some(2_880)));
        assert_eq!(Joiner::new(20).push(frame(0x78, 40)), Some(frame(0x78, 40)));
    }

    #[test]
    fn frames_that_do_not_belong_together_are_not_joined() {
        let mut joiner = Joiner::new(40);
        assert_eq!(joiner.push(frame(0x78, 40)), None);
        assert_eq!(joiner.push(frame(0xf8, 50)), Some(frame(0x78, 40)));
        assert_eq!(joiner.waiting(), 1);
        assert_eq!((joiner.push(Bytes::new()), joiner.waiting()), (None, 1));
    }

    #[test]
    fn joined_frames_sound_as_they_did() {
        let target = audio::Target::usual(media::Codec::Opus);
        let mut encoder = audio::Encoder::new(target).unwrap();
        let mut tone = audio::tone::Sine::new(48_000, 1_000.0, -20.0);
        let mut decoder = audio::Decoder::new(&target.track(0)).unwrap();
        let mut joiner = Joiner::new(60);
        let mut sound = Vec::new();
        for _ in 0..60 {
            let samples: Vec<f32> = tone.by_ref().take(960).collect();
            if let Some(packet) = joiner.push(encoder.encode(&samples).unwrap()) {
                decoder.decode(&packet, &mut sound).unwrap();
            }
        }
        let found = audio::tone::analyse(&sound[4_800..], 48_000).unwrap();
        assert!((found.frequency_hz - 1_000.0).abs() < 2.0 && found.purity_db > 20.0, "{found:?}");
    }
}
