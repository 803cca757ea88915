//! What one track is, and its frames in the shape of [`media::Unit`].
use super::super::packet::Frame;
use crate::bitstream::{self, NalAssembler, aac, av1, h264, h265, mp3, nal, vp8, vp9};
use bytes::Bytes;
use media::{Codec, CodecParams, Track};

/// Clock of all video.
const VIDEO_RATE: u32 = 90_000;
/// Clock of Opus.
const OPUS_RATE: u32 = 48_000;
/// Rate of G.711 when the metadata says nothing believable.
const G711_RATE: u32 = 8_000;

/// One track's codec.
#[derive(Debug)]
pub(super) struct Decoder {
    track: Track,
    /// H.264 and H.265 only.
    assembler: Option<NalAssembler>,
    length_size: u8,
}

/// A frame ready to be a unit.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) data: Bytes,
    pub(super) keyframe: bool,
    /// How long it lasts, for sound; 0 when not known.
    pub(super) ticks: u32,
    /// The parameters of the track changed with this frame.
    pub(super) changed: bool,
}

impl Decoder {
    /// From a sequence header; the error says what is wrong with it.
    pub(super) fn configured(codec: Codec, data: &Bytes) -> Result<Self, String> {
        let params =
            |result: Result<CodecParams, bitstream::BitstreamError>| result.map_err(|e| e.to_string());
        Ok(match codec {
            Codec::H264 => Self::nal(codec, params(h264::parse_avcc(data))?, h264::length_size(data)),
            Codec::H265 => Self::nal(codec, params(h265::parse_hvcc(data))?, h265::length_size(data)),
            Codec::Av1 => Self::video(codec, params(av1::parse_av1c(data))?),
            Codec::Vp9 => Self::video(codec, params(vp9::parse_vpcc(vpcc_record(data)))?),
            Codec::Aac => {
                let config = aac::AudioSpecificConfig::parse(data).map_err(|e| e.to_string())?;
                let params = CodecParams::Aac { config: data.clone() };
                Self::audio(codec, config.output_rate(), config.output_channels(), params)
            }
            // `OpusHead`, version, channels. Source: RFC 7845 §5.1.
            Codec::Opus => {
                Self::audio(codec, OPUS_RATE, data.get(9).copied().unwrap_or(2), CodecParams::None)
            }
            Codec::Vp8 => Self::video(codec, CodecParams::None),
            Codec::Mjpeg | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 | Codec::Mp3 => {
                return Err("the codec has none".to_owned());
            }
        })
    }

    /// From the first frame, for codecs whose frames tell enough or where a later frame may; `None` for others.
    pub(super) fn unconfigured(frame: &Frame, said_rate: Option<u32>) -> Option<Self> {
        let channels = frame.channels.max(1);
        Some(match frame.codec {
            Codec::H264 | Codec::H265 => Self::nal(frame.codec, CodecParams::None, None),
            Codec::Av1 | Codec::Vp8 | Codec::Vp9 => Self::video(frame.codec, CodecParams::None),
            Codec::Opus => Self::audio(frame.codec, OPUS_RATE, 2, CodecParams::None),
            Codec::Mp3 => {
                let header = mp3::parse_header(&frame.data).ok()?;
                Self::audio(frame.codec, header.sample_rate, header.channels, CodecParams::None)
            }
            Codec::Pcmu | Codec::Pcma => {
                // FLV has no other rate for G.711 than 8 kHz; cameras that send 16 kHz say so in the metadata.
                let rate = said_rate.filter(|rate| *rate == 16_000).unwrap_or(G711_RATE);
                Self::audio(frame.codec, rate, channels, CodecParams::None)
            }
            Codec::Aac | Codec::Mjpeg | Codec::G722 | Codec::L16 => return None,
        })
    }

    fn nal(codec: Codec, params: CodecParams, length_size: Option<u8>) -> Self {
        let assembler = NalAssembler::new(codec).with_params(params.clone());
        Self {
            track: Track::video(0, codec, params),
            assembler: Some(assembler),
            length_size: length_size.unwrap_or(4),
        }
    }

    fn video(codec: Codec, params: CodecParams) -> Self {
        Self { track: Track::video(0, codec, params), assembler: None, length_size: 0 }
    }

    fn audio(codec: Codec, rate: u32, channels: u8, params: CodecParams) -> Self {
        Self { track: Track::audio(0, codec, rate.max(1), channels, params), assembler: None, length_size: 0 }
    }

    pub(super) fn codec(&self) -> Codec {
        self.track.codec
    }

    pub(super) fn rate(&self) -> u32 {
        if self.track.codec.is_video() { VIDEO_RATE } else { self.track.clock_rate }
    }

    pub(super) fn track(&self) -> Track {
        self.track.clone()
    }

    /// What a decoder must know is known.
    pub(super) fn is_ready(&self) -> bool {
        match self.track.codec {
            Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Aac => self.track.params != CodecParams::None,
            Codec::Vp8
            | Codec::Vp9
            | Codec::Mjpeg
            | Codec::Opus
            | Codec::Pcmu
            | Codec::Pcma
            | Codec::G722
            | Codec::L16
            | Codec::Mp3 => true,
        }
    }

    /// The frame as a unit wants it; `None` when it is damaged or holds no picture.
    pub(super) fn decode(&mut self, frame: &Frame) -> Option<Decoded> {
        let mut found = None;
        let (data, keyframe) = match self.track.codec {
            Codec::H264 | Codec::H265 => {
                let assembler = self.assembler.as_mut()?;
                for nal in nal::split_length_prefixed_sized(&frame.data, self.length_size) {
                    match nal {
                        Ok(nal) => assembler.push(nal),
                        // The slices before the damage are of use to a decoder; so is their absence to nobody.
                        Err(_) => break,
                    }
                }
                let frame = assembler.finish()?;
                found = frame.params;
                (frame.data, frame.keyframe)
            }
            Codec::Av1 => {
                let unit = av1::normalise_temporal_unit(&frame.data).ok()?;
                found = unit.sequence_header.map(|sequence_header| CodecParams::Av1 { sequence_header });
                (unit.data, unit.keyframe)
            }
            Codec::Vp8 => (frame.data.clone(), vp8::is_keyframe(&frame.data)),
            Codec::Vp9 => {
                let info = vp9::parse_frame(&frame.data).ok()?;
                if self.track.params == CodecParams::None {
                    found = info.params();
                }
                (frame.data.clone(), info.keyframe)
            }
            Codec::Mjpeg
            | Codec::Aac
            | Codec::Opus
            | Codec::Pcmu
            | Codec::Pcma
            | Codec::G722
            | Codec::L16
            | Codec::Mp3 => (frame.data.clone(), true),
        };
        let changed = match found {
            Some(params) if params != self.track.params => {
                self.track.params = params;
                true
            }
            Some(_) | None => false,
        };
        let ticks = if self.track.codec.is_video() {
            0
        } else {
            bitstream::audio_frame_ticks(&self.track, &data).unwrap_or(0)
        };
        Some(Decoded { data, keyframe, ticks, changed })
    }
}

/// The record without the version and flags that a box has before it; some writers put them into FLV, too.
fn vpcc_record(data: &[u8]) -> &[u8] {
    match data {
        [1, 0, 0, 0, rest @ ..] if data.len() >= 12 => rest,
        whole => whole,
    }
}
