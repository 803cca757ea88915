//! Sample entries: what a player must know of a track, as bytes, made once.
//!
//! Source: ISO/IEC 14496-12 §8.5.2 and §12, 14496-14 §5.6, 14496-15 §5.4.2 and §8.4.1; the ISO BMFF bindings of AV1
//! (§2.2), VP8 and VP9, and Opus (§4.3.2).
use super::boxes::BoxWriter;
use crate::bitstream::{self, aac::AudioSpecificConfig};
use media::{Codec, CodecParams, Track};

/// What stands for the size of pictures whose size only the frames tell (VP8, VP9); decoders take theirs.
const SIZE_UNKNOWN: (u32, u32) = (1280, 720);
/// VP8 has one profile, and shares the record of VP9.
const VP8_PARAMS: CodecParams = CodecParams::Vp9 { profile: 0, level: 0, bit_depth: 8 };
/// Object type of MPEG-4 audio. Source: mp4ra.org.
const OBJECT_AAC: u8 = 0x40;
/// Object type of MPEG-1 audio.
const OBJECT_MP3: u8 = 0x6b;

/// One track's sample entry, and what else depends on the codec.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) bytes: Vec<u8>,
    pub(super) codec_string: String,
    pub(super) width: u16,
    pub(super) height: u16,
}

impl Entry {
    /// Makes the entry of a file to keep, which also has what browsers do not play: G.711 and L16, as QuickTime has them.
    pub(super) fn for_file(track: &Track) -> Result<Self, &'static str> {
        let name = match track.codec {
            Codec::Pcma => b"alaw",
            Codec::Pcmu => b"ulaw",
            Codec::L16 => b"twos",
            Codec::G722 => return Err("mp4 has no place for G.722"),
            Codec::Mjpeg => return Err("Motion JPEG is not written to mp4 here"),
            Codec::H264
            | Codec::H265
            | Codec::Av1
            | Codec::Vp8
            | Codec::Vp9
            | Codec::Aac
            | Codec::Mp3
            | Codec::Opus => return Self::new(track),
        };
        if track.clock_rate == 0 {
            return Err("its clock rate is not known");
        }
        let mut w = BoxWriter::with_capacity(64);
        sound(&mut w, name, track.channels, track.clock_rate, |_| ());
        let codec_string = String::from_utf8_lossy(name).into_owned();
        Ok(Self { bytes: w.into_vec(), codec_string, width: 0, height: 0 })
    }

    /// Makes the entry. `Err` says why MP4 for browsers cannot carry the track.
    pub(super) fn new(track: &Track) -> Result<Self, &'static str> {
        if track.clock_rate == 0 {
            return Err("its clock rate is not known");
        }
        let mut w = BoxWriter::with_capacity(256);
        let (width, height) = video_size(track);
        match track.codec {
            Codec::H264 => {
                let record = bitstream::h264::avcc(&track.params).ok_or("no usable parameter sets yet")?;
                visual(&mut w, b"avc1", (width, height), |w| w.boxed(b"avcC", |w| w.bytes(&record)));
            }
            Codec::H265 => {
                let record = bitstream::h265::hvcc(&track.params).ok_or("no usable parameter sets yet")?;
                visual(&mut w, b"hvc1", (width, height), |w| w.boxed(b"hvcC", |w| w.bytes(&record)));
            }
            Codec::Av1 => {
                let record = bitstream::av1::av1c(&track.params).ok_or("no usable sequence header yet")?;
                visual(&mut w, b"av01", (width, height), |w| w.boxed(b"av1C", |w| w.bytes(&record)));
            }
            Codec::Vp8 => {
                let record = bitstream::vp9::vpcc(&VP8_PARAMS).ok_or("its profile is not known yet")?;
                visual(&mut w, b"vp08", (width, height), |w| vpcc(w, &record));
            }
            Codec::Vp9 => {
                let record = bitstream::vp9::vpcc(&track.params).ok_or("its profile is not known yet")?;
                visual(&mut w, b"vp09", (width, height), |w| vpcc(w, &record));
            }
            Codec::Aac => aac(&mut w, track)?,
            Codec::Mp3 => {
                sound(&mut w, b"mp4a", track.channels, track.clock_rate, |w| esds(w, OBJECT_MP3, &[]))
            }
            Codec::Opus => opus(&mut w, track)?,
            Codec::Pcmu | Codec::Pcma | Codec::G722 => return Err("browsers do not play it from mp4"),
            Codec::L16 => return Err("browsers do not play uncompressed sound from mp4"),
            Codec::Mjpeg => return Err("browsers do not play Motion JPEG from mp4"),
        }
        let codec_string = codec_string(track).ok_or("its profile is not known yet")?;
        Ok(Self { bytes: w.into_vec(), codec_string, width, height })
    }
}

/// As [`bitstream::codec_string`], but in MP4 these two have names of their own.
fn codec_string(track: &Track) -> Option<String> {
    match track.codec {
        Codec::Vp8 => Some("vp08.00.10.08".into()),
        Codec::Mp3 => Some("mp4a.6b".into()),
        Codec::H264
        | Codec::H265
        | Codec::Av1
        | Codec::Vp9
        | Codec::Mjpeg
        | Codec::Aac
        | Codec::Opus
        | Codec::Pcmu
        | Codec::Pcma
        | Codec::G722
        | Codec::L16 => bitstream::codec_string(track),
    }
}

fn video_size(track: &Track) -> (u16, u16) {
    if !track.codec.is_video() {
        return (0, 0);
    }
    let (width, height) = bitstream::video_size(track).unwrap_or(SIZE_UNKNOWN);
    (width.min(u16::MAX.into()) as u16, height.min(u16::MAX.into()) as u16)
}

fn visual(w: &mut BoxWriter, name: &[u8; 4], size: (u16, u16), config: impl FnOnce(&mut BoxWriter)) {
    w.boxed(name, |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(16);
        w.u16(size.0);
        w.u16(size.1);
        // 72 dots an inch, twice; one frame a sample; a compressor name of 32 bytes; 24 bits deep.
        w.u32(0x48_0000);
        w.u32(0x48_0000);
        w.u32(0);
        w.u16(1);
        w.zeros(32);
        w.u16(0x18);
        w.u16(0xffff);
        config(w);
    });
}

fn vpcc(w: &mut BoxWriter, record: &[u8]) {
    w.full(b"vpcC", 1, 0, |w| w.bytes(record));
}

fn sound(w: &mut BoxWriter, name: &[u8; 4], channels: u8, rate: u32, config: impl FnOnce(&mut BoxWriter)) {
    w.boxed(name, |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(8);
        w.u16(channels.max(1).into());
        w.u16(16);
        w.zeros(4);
        // 16.16 fixed point; what does not fit is told by the decoder configuration.
        w.u32(if rate > 0xffff { 0 } else { rate << 16 });
        config(w);
    });
}

fn aac(w: &mut BoxWriter, track: &Track) -> Result<(), &'static str> {
    let CodecParams::Aac { config } = &track.params else {
        return Err("no AudioSpecificConfig yet");
    };
    let parsed = AudioSpecificConfig::parse(config).map_err(|_| "its AudioSpecificConfig is broken")?;
    let channels = match parsed.output_channels() {
        0 => track.channels,
        channels => channels,
    };
    sound(w, b"mp4a", channels, track.clock_rate, |w| esds(w, OBJECT_AAC, config));
    Ok(())
}

/// ES descriptor with decoder configuration. Source: ISO/IEC 14496-1 §7.2.6.
fn esds(w: &mut BoxWriter, object_type: u8, specific: &[u8]) {
    w.full(b"esds", 0, 0, |w| {
        w.descriptor(3, |w| {
            w.u16(0);
            w.u8(0);
            w.descriptor(4, |w| {
                w.u8(object_type);
                // Audio stream, downwards; buffer size and bit rates are not told.
                w.u8(5 << 2 | 1);
                w.zeros(11);
                if !specific.is_empty() {
                    w.descriptor(5, |w| w.bytes(specific));
                }
            });
            w.descriptor(6, |w| w.u8(2));
        });
    });
}

fn opus(w: &mut BoxWriter, track: &Track) -> Result<(), &'static str> {
    if track.channels > 2 {
        return Err("Opus of more than two channels needs a mapping that the stream does not tell");
    }
    let channels = track.channels.max(1);
    sound(w, b"Opus", channels, 48_000, |w| {
        w.boxed(b"dOps", |w| w.bytes(&bitstream::opus::dops(channels)));
    });
    Ok(())
}
