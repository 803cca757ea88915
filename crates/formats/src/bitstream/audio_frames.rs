//! A byte stream of sound whose frames have headers, in any pieces, to frames: ADTS, MPEG audio, LOAS.
//!
//! Sources: ISO/IEC 14496-3 §1.A.2 (ADTS), §1.7.2 (LOAS); ISO/IEC 11172-3 §2.4.1. Owns the frame under way and the times
//! that came with bytes: a frame has the time of the bytes in which it begins (ISO/IEC 13818-1 §2.4.3.7).
use super::aac::{adts, latm};
use super::{BitstreamError, aac, mp3};
use bytes::{Buf, Bytes, BytesMut};
use media::{Codec, CodecParams, Track, rescale};
use std::collections::VecDeque;

/// Times that wait for their frames: 64. Each came with bytes in which a frame should begin, and a frame has at most
/// 8 KiB, so even small pieces have no more waiting.
const MARKS_MAX: usize = 64;

/// How frames are marked off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AudioSyntax {
    /// AAC with ADTS headers.
    Adts,
    /// AAC in LOAS frames (LATM).
    Loas,
    /// MPEG-1 and MPEG-2 audio, all layers.
    Mpeg,
}

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AudioFrame {
    /// As [`media::Unit::data`] wants it.
    pub data: Bytes,
    /// How long it lasts, in ticks of the track's clock.
    pub ticks: u32,
    /// The time that came with the bytes in which it begins, unless an earlier frame has it.
    pub mark: Option<u64>,
    /// What the sound is: with the first frame, and when it changes. The number in it means nothing.
    pub track: Option<Track>,
}

/// Finds frames in a byte stream, and finds them again after garbage.
#[derive(Debug)]
pub struct AudioFrames {
    syntax: AudioSyntax,
    buffer: BytesMut,
    /// Where in the stream the buffer begins.
    position: u64,
    /// A frame begins where the buffer begins; otherwise the header of a second one must confirm the first.
    synced: bool,
    aligned: bool,
    marks: VecDeque<(u64, u64)>,
    mux: Option<latm::MuxConfig>,
    track: Option<Track>,
    ticks: u32,
    garbage: bool,
    damaged: bool,
}

/// What stands at the beginning of the buffer.
enum Head {
    /// Too few bytes to tell.
    Short,
    /// No frame.
    Garbage,
    /// A frame of so many bytes.
    Frame(usize),
}

impl AudioFrames {
    /// Starts anywhere in a stream.
    pub fn new(syntax: AudioSyntax) -> Self {
        Self {
            syntax,
            buffer: BytesMut::new(),
            position: 0,
            synced: false,
            aligned: false,
            marks: VecDeque::new(),
            mux: None,
            track: None,
            ticks: 0,
            garbage: false,
            damaged: false,
        }
    }

    /// The stream begins with a frame, and so does what follows a [`clear`](Self::clear): the first one is given out
    /// without waiting for a second.
    #[must_use]
    pub fn aligned(mut self) -> Self {
        self.aligned = true;
        self.synced = true;
        self
    }

    /// Takes the next bytes, and the time of the first frame that begins in them if that is known.
    pub fn push(&mut self, bytes: &[u8], mark: Option<u64>) {
        if let Some(mark) = mark {
            if self.marks.len() == MARKS_MAX {
                self.marks.pop_front();
            }
            self.marks.push_back((self.position + self.buffer.len() as u64, mark));
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame; `None` until more bytes come. Call it until then, so that little more than a frame (8 KiB) is
    /// kept. `at_end`: nothing follows, so nothing is waited for.
    pub fn pop(&mut self, at_end: bool) -> Option<AudioFrame> {
        loop {
            let bytes = match self.head(0) {
                Head::Frame(bytes) if bytes <= self.buffer.len() => bytes,
                Head::Short | Head::Frame(_) => return None,
                Head::Garbage => {
                    self.search();
                    continue;
                }
            };
            if !self.synced {
                match self.head(bytes) {
                    Head::Short if !at_end => return None,
                    Head::Short | Head::Frame(_) => self.synced = true,
                    Head::Garbage => {
                        self.search();
                        continue;
                    }
                }
            }
            let mut mark = None;
            while let Some((_, time)) = self.marks.pop_front_if(|(at, _)| *at <= self.position) {
                mark = Some(time);
            }
            let frame = self.buffer.split_to(bytes).freeze();
            self.position += bytes as u64;
            match self.decode(&frame) {
                Ok((data, track)) => return Some(AudioFrame { data, ticks: self.ticks, mark, track }),
                Err(_) => self.damaged = true,
            }
        }
    }

    /// Drops what is under way, as after loss.
    pub fn clear(&mut self) {
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        self.marks.clear();
        self.synced = self.aligned;
    }

    /// True once after bytes that belong to no frame were passed over.
    pub fn take_garbage(&mut self) -> bool {
        std::mem::take(&mut self.garbage)
    }

    /// True once after a frame was dropped that cannot be read, or not be carried (several blocks in one ADTS frame,
    /// channels that only a program config element tells).
    pub fn take_damaged(&mut self) -> bool {
        std::mem::take(&mut self.damaged)
    }

    fn head(&self, at: usize) -> Head {
        let data = self.buffer.get(at..).unwrap_or_default();
        let (header_bytes, parsed) = match self.syntax {
            AudioSyntax::Adts => (adts::HEADER_BYTES, adts::parse(data).map(|header| header.frame_bytes)),
            AudioSyntax::Loas => (latm::LOAS_HEADER_BYTES, latm::loas_frame_bytes(data)),
            AudioSyntax::Mpeg => {
                (mp3::HEADER_BYTES, mp3::parse_header(data).map(|header| header.frame_bytes))
            }
        };
        match parsed {
            // A frame without room for its own header is none.
            Ok(bytes) if bytes >= header_bytes => Head::Frame(bytes),
            Ok(_) => Head::Garbage,
            Err(_) if data.len() < header_bytes => Head::Short,
            Err(_) => Head::Garbage,
        }
    }

    /// Goes on to the next place where a frame may begin.
    fn search(&mut self) {
        let sync = if self.syntax == AudioSyntax::Loas { 0x56 } else { 0xff };
        let next = self.buffer.iter().skip(1).position(|&byte| byte == sync);
        let passed = next.map_or(self.buffer.len(), |next| next + 1);
        self.buffer.advance(passed);
        self.position += passed as u64;
        self.synced = false;
        self.garbage = true;
    }

    fn decode(&mut self, frame: &Bytes) -> Result<(Bytes, Option<Track>), BitstreamError> {
        match self.syntax {
            AudioSyntax::Adts => {
                let header = adts::parse(frame)?;
                let invalid = |field, value| BitstreamError::Invalid { what: "ADTS", field, value, at: 0 };
                if header.blocks != 1 {
                    return Err(invalid("number_of_raw_data_blocks_in_frame", header.blocks.into()));
                }
                if header.config.channels == 0 {
                    return Err(invalid("channel_configuration", 0));
                }
                Ok((frame.slice(header.header_bytes..), self.describe_aac(&header.config)))
            }
            AudioSyntax::Loas => {
                let data = latm::parse_element(&frame[latm::LOAS_HEADER_BYTES..], &mut self.mux)?;
                let config = self.mux.as_ref().map(|mux| mux.config.clone());
                Ok((data, config.and_then(|config| self.describe_aac(&config))))
            }
            AudioSyntax::Mpeg => {
                let header = mp3::parse_header(frame)?;
                self.ticks = header.samples;
                let track =
                    Track::audio(0, Codec::Mp3, header.sample_rate, header.channels, CodecParams::None);
                Ok((frame.clone(), self.changed(track)))
            }
        }
    }

    fn describe_aac(&mut self, config: &aac::AudioSpecificConfig) -> Option<Track> {
        let (rate, channels) = (config.output_rate(), config.output_channels());
        let ticks = rescale(config.frame_samples.into(), config.sample_rate, rate);
        self.ticks = u32::try_from(ticks).unwrap_or(0);
        let params = CodecParams::Aac { config: config.build() };
        self.changed(Track::audio(0, Codec::Aac, rate, channels, params))
    }

    fn changed(&mut self, track: Track) -> Option<Track> {
        if self.track.as_ref() == Some(&track) {
            return None;
        }
        self.track = Some(track.clone());
        Some(track)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adts_frame(length: usize, fill: u8) -> Vec<u8> {
        let config = aac::AudioSpecificConfig::lc(48_000, 2);
        let mut frame = adts::header(&config, length).unwrap().to_vec();
        frame.resize(frame.len() + length, fill);
        frame
    }

    /// Lengths and times of the frames.
    fn lengths(frames: &mut AudioFrames, at_end: bool) -> Vec<(usize, Option<u64>)> {
        std::iter::from_fn(|| frames.pop(at_end)).map(|frame| (frame.data.len(), frame.mark)).collect()
    }

    #[test]
    fn frames_are_found_at_every_split_and_again_after_garbage() {
        let garbage = [1, 0xff, 0xf1, 0x50, 0x80, 0, 0x9f, 0xfc, 0xff];
        let data = [
            &garbage[..],
            &adts_frame(30, 1),
            &adts_frame(40, 2),
            &garbage,
            &adts_frame(50, 3),
            &adts_frame(60, 4),
        ]
        .concat();
        for step in [1, 2, 7, 30, 1000] {
            let mut frames = AudioFrames::new(AudioSyntax::Adts);
            let mut found = Vec::new();
            for piece in data.chunks(step) {
                frames.push(piece, None);
                found.extend(lengths(&mut frames, false));
            }
            found.extend(lengths(&mut frames, true));
            let found: Vec<usize> = found.into_iter().map(|(length, _)| length).collect();
            assert_eq!(found, [30, 40, 50, 60], "split every {step} bytes");
            assert!(frames.take_garbage());
        }
    }

    #[test]
    fn a_time_belongs_to_the_first_frame_that_begins_in_its_bytes() {
        let (a, b, c) = (adts_frame(30, 1), adts_frame(40, 2), adts_frame(50, 3));
        let mut frames = AudioFrames::new(AudioSyntax::Adts).aligned();
        frames.push(&[&a[..], &b[..10]].concat(), Some(100));
        assert_eq!(lengths(&mut frames, false), [(30, Some(100))]);
        frames.push(&[&b[10..], &c[..20]].concat(), Some(200));
        assert_eq!(lengths(&mut frames, false), [(40, None)]);
        frames.push(&c[20..], None);
        assert_eq!(lengths(&mut frames, false), [(50, Some(200))]);
        assert!(!frames.take_garbage());
    }

    #[test]
    fn what_the_sound_is_comes_with_its_first_frame_and_when_it_changes() {
        let mut frames = AudioFrames::new(AudioSyntax::Mpeg).aligned();
        let frame = |header: [u8; 4], length: usize| [&header[..], &vec![0; length - 4]].concat();
        let (first, other) = (frame([0xff, 0xfb, 0x94, 0x44], 384), frame([0xff, 0xf3, 0x82, 0xc4], 209));
        for data in [&first, &first, &other] {
            frames.push(data, None);
        }
        let found: Vec<_> = std::iter::from_fn(|| frames.pop(false))
            .map(|frame| (frame.ticks, frame.track.map(|track| (track.clock_rate, track.channels))))
            .collect();
        assert_eq!(found, [(1152, Some((48_000, 2))), (1152, None), (576, Some((22_050, 1)))]);
    }

    #[test]
    fn frames_that_cannot_be_carried_are_dropped_and_told() {
        let mut blocks = adts_frame(30, 1);
        blocks[6] |= 1;
        let mut frames = AudioFrames::new(AudioSyntax::Adts).aligned();
        frames.push(&[blocks, adts_frame(31, 1)].concat(), None);
        assert_eq!(lengths(&mut frames, false), [(31, None)]);
        assert!(frames.take_damaged() && !frames.take_damaged());
    }
}
