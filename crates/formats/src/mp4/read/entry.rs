//! Sample entries: from four characters and a decoder configuration to a [`Track`].
//!
//! Source: ISO/IEC 14496-12 §8.5.2 and §12, 14496-14 §5.6, 14496-15 §5.3 and §8.3; QuickTime File Format, "Sound
//! sample descriptions" (versions 0 to 2) and `wave`; the ISO BMFF bindings of AV1, VP9 and Opus.
use super::cursor::Cursor;
use crate::bitstream::{BitstreamError, aac::AudioSpecificConfig, av1, h264, h265, vp9};
use crate::mp4::Mp4Error;
use bytes::Bytes;
use media::{Codec, CodecParams, Track};

/// How samples become units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layout {
    /// A sample is a unit.
    Frames,
    /// NAL units with lengths of so many bytes, among them perhaps parameter sets.
    Nals {
        /// 1, 2 or 4.
        length_bytes: u8,
    },
    /// Samples of sound, densely packed.
    Pcm {
        /// Bytes for one instant of all channels.
        frame_bytes: u32,
        /// 16-bit samples whose low byte comes first.
        little_endian: bool,
    },
}

/// What a sample entry says.
pub(super) struct SampleEntry {
    pub(super) track: Track,
    pub(super) layout: Layout,
}

/// The four characters of an entry that cannot be played, and why.
type Refused = ([u8; 4], &'static str);

/// Reads the first sample entry of a track. Files that switch between several are rare; their first one counts.
pub(super) fn read(
    stbl: &Cursor<'_>,
    id: u8,
    timescale: u32,
) -> Result<Result<SampleEntry, Refused>, Mp4Error> {
    let mut stsd = stbl.need(b"stsd", "has no stsd box")?;
    stsd.version()?;
    stsd.u32()?;
    let Some(found) = stsd.next_box()? else { return Err(stsd.error("has no sample entry")) };
    let mut entry = found.content;
    // Reserved, and the data reference.
    entry.take(8)?;
    let read = match &found.name {
        b"avc1" | b"avc3" => nals(entry, id, b"avcC", h264::parse_avcc, h264::length_size),
        b"hvc1" | b"hev1" => nals(entry, id, b"hvcC", h265::parse_hvcc, h265::length_size),
        b"av01" => av1_entry(entry, id),
        b"vp08" => visual(entry).map(|_| Ok(frames(Track::video(id, Codec::Vp8, CodecParams::None)))),
        b"vp09" => vp9_entry(entry, id),
        b"jpeg" | b"mjpg" => {
            visual(entry).map(|_| Ok(frames(Track::video(id, Codec::Mjpeg, CodecParams::None))))
        }
        b"mp4v" => mp4v(entry, id),
        b"mp4a" => mp4a(entry, id, timescale),
        b".mp3" => {
            sound(entry).map(|sound| Ok(frames(sound.track(id, Codec::Mp3, sound.rate_or(timescale)))))
        }
        b"Opus" => sound(entry).map(|sound| Ok(frames(sound.track(id, Codec::Opus, 48_000)))),
        b"ulaw" => sound(entry).map(|sound| sound.pcm(id, Codec::Pcmu, false)),
        b"alaw" => sound(entry).map(|sound| sound.pcm(id, Codec::Pcma, false)),
        b"twos" => sound(entry).map(|sound| sound.pcm(id, Codec::L16, false)),
        b"sowt" => sound(entry).map(|sound| sound.pcm(id, Codec::L16, true)),
        b"ipcm" => ipcm(entry, id),
        _ => return Ok(Err((found.name, "a codec that the server does not carry"))),
    };
    Ok(read?.map_err(|why| (found.name, why)))
}

type Read = Result<Result<SampleEntry, &'static str>, Mp4Error>;

fn frames(track: Track) -> SampleEntry {
    SampleEntry { track, layout: Layout::Frames }
}

/// Passes over the fields of a visual sample entry; the boxes inside remain.
fn visual(mut entry: Cursor<'_>) -> Result<Cursor<'_>, Mp4Error> {
    entry.take(70)?;
    Ok(entry)
}

fn nals(
    entry: Cursor<'_>,
    id: u8,
    name: &[u8; 4],
    parse: fn(&[u8]) -> Result<CodecParams, BitstreamError>,
    length_size: fn(&[u8]) -> Option<u8>,
) -> Read {
    let record = visual(entry)?.need(name, "has no decoder configuration")?;
    let length_bytes = match length_size(record.rest()) {
        Some(bytes @ (1 | 2 | 4)) => bytes,
        Some(_) | None => return Err(record.error("lengths of NAL units have neither 1, 2 nor 4 bytes")),
    };
    let codec = if name == b"avcC" { Codec::H264 } else { Codec::H265 };
    // avc3 and hev1 may have their parameter sets in the samples only; those are looked at next.
    let params = parse(record.rest()).unwrap_or(CodecParams::None);
    Ok(Ok(SampleEntry { track: Track::video(id, codec, params), layout: Layout::Nals { length_bytes } }))
}

fn av1_entry(entry: Cursor<'_>, id: u8) -> Read {
    let record = visual(entry)?.need(b"av1C", "has no decoder configuration")?;
    let params = av1::parse_av1c(record.rest()).unwrap_or(CodecParams::None);
    Ok(Ok(frames(Track::video(id, Codec::Av1, params))))
}

fn vp9_entry(entry: Cursor<'_>, id: u8) -> Read {
    let mut record = visual(entry)?.need(b"vpcC", "has no decoder configuration")?;
    record.version()?;
    let params = vp9::parse_vpcc(record.rest()).map_err(|_| record.error("the vpcC record is broken"))?;
    Ok(Ok(frames(Track::video(id, Codec::Vp9, params))))
}

/// MPEG-4 visual is not carried; Motion JPEG hides in the same entry.
fn mp4v(entry: Cursor<'_>, id: u8) -> Read {
    let esds = visual(entry)?.need(b"esds", "has no decoder configuration")?;
    Ok(match decoder_config(esds)? {
        DecoderConfig { object_type: 0x6c, .. } => {
            Ok(frames(Track::video(id, Codec::Mjpeg, CodecParams::None)))
        }
        DecoderConfig { .. } => Err("MPEG-4 visual is not carried"),
    })
}

/// An audio sample entry without its name: what all versions of it have, and the boxes inside.
struct Sound<'a> {
    channels: u8,
    bits: u16,
    rate: u32,
    boxes: Cursor<'a>,
}

fn sound(mut entry: Cursor<'_>) -> Result<Sound<'_>, Mp4Error> {
    let version = entry.u16()?;
    entry.take(6)?;
    let mut channels = u32::from(entry.u16()?);
    let mut bits = entry.u16()?;
    entry.take(4)?;
    let mut rate = entry.u32()? >> 16;
    match version {
        0 => {}
        // QuickTime: samples and bytes per packet and frame.
        1 => entry.take(16).map(|_| ())?,
        // QuickTime: the rate as a double, channels and bits as words.
        2 => {
            entry.u32()?;
            let float = f64::from_bits(entry.u64()?);
            rate = if (1.0..=1e6).contains(&float) { float as u32 } else { 0 };
            channels = entry.u32()?;
            entry.u32()?;
            bits = entry.u32()?.min(u16::MAX.into()) as u16;
            entry.take(12)?;
        }
        _ => return Err(entry.error("unknown version of a sound sample entry")),
    }
    let channels = u8::try_from(channels).map_err(|_| entry.error("more than 255 channels"))?;
    Ok(Sound { channels: channels.max(1), bits, rate, boxes: entry })
}

impl Sound<'_> {
    /// The sample rate; where the entry does not say it, the time scale, which mostly is the same.
    const fn rate_or(&self, timescale: u32) -> u32 {
        if self.rate > 0 { self.rate } else { timescale }
    }

    fn track(&self, id: u8, codec: Codec, rate: u32) -> Track {
        Track::audio(id, codec, rate, self.channels, CodecParams::None)
    }

    /// A track of PCM: G.711 has 8 bits a sample whatever the entry says, the rest must have 16.
    fn pcm(&self, id: u8, codec: Codec, little_endian: bool) -> Result<SampleEntry, &'static str> {
        let width = if codec == Codec::L16 { 2 } else { 1 };
        if codec == Codec::L16 && self.bits != 16 {
            return Err("PCM of other than 16 bits");
        }
        if self.rate == 0 {
            return Err("PCM without a sample rate");
        }
        let layout = Layout::Pcm { frame_bytes: u32::from(self.channels) * width, little_endian };
        Ok(SampleEntry { track: self.track(id, codec, self.rate), layout })
    }
}

fn ipcm(entry: Cursor<'_>, id: u8) -> Read {
    let mut sound = sound(entry)?;
    let mut config = sound.boxes.need(b"pcmC", "has no pcmC box")?;
    config.version()?;
    let little_endian = config.u8()? & 1 != 0;
    sound.bits = config.u8()?.into();
    Ok(sound.pcm(id, Codec::L16, little_endian))
}

fn mp4a(entry: Cursor<'_>, id: u8, timescale: u32) -> Read {
    let sound = sound(entry)?;
    let esds = match sound.boxes.find(b"esds")? {
        Some(esds) => esds,
        // QuickTime wraps it.
        None => {
            let wave = sound.boxes.need(b"wave", "has no esds box")?;
            wave.need(b"esds", "has no esds box")?
        }
    };
    let at = esds;
    let config = decoder_config(esds)?;
    Ok(match config.object_type {
        // MPEG-4 audio, MPEG-2 AAC main, LC and SSR.
        0x40 | 0x66..=0x68 => {
            let parsed = AudioSpecificConfig::parse(config.specific)
                .map_err(|_| at.error("the AudioSpecificConfig is broken"))?;
            let params = CodecParams::Aac { config: Bytes::copy_from_slice(config.specific) };
            let channels = match parsed.output_channels() {
                0 => sound.channels,
                channels => channels,
            };
            // HE-AAC has two rates, and files count in either.
            let rate = if timescale == parsed.sample_rate { timescale } else { parsed.output_rate() };
            Ok(frames(Track::audio(id, Codec::Aac, rate, channels, params)))
        }
        // MPEG-2 and MPEG-1 audio.
        0x69 | 0x6b => Ok(frames(sound.track(id, Codec::Mp3, sound.rate_or(timescale)))),
        _ => Err("an MPEG-4 object type that the server does not carry"),
    })
}

/// DecoderConfigDescriptor: what codec, and its own configuration (empty when it has none).
struct DecoderConfig<'a> {
    object_type: u8,
    specific: &'a [u8],
}

/// Walks down `esds`: ES descriptor, decoder configuration, decoder specific info. Source: ISO/IEC 14496-1 §7.2.6.
fn decoder_config(mut esds: Cursor<'_>) -> Result<DecoderConfig<'_>, Mp4Error> {
    esds.version()?;
    let mut es = descriptor(&mut esds, 3)?;
    es.u16()?;
    let flags = es.u8()?;
    if flags & 0x80 != 0 {
        es.u16()?;
    }
    if flags & 0x40 != 0 {
        let url_bytes = es.u8()?;
        es.take(url_bytes.into())?;
    }
    if flags & 0x20 != 0 {
        es.u16()?;
    }
    let mut config = descriptor(&mut es, 4)?;
    let object_type = config.u8()?;
    config.take(12)?;
    let specific = if config.remaining() == 0 { &[] } else { descriptor(&mut config, 5)?.rest() };
    Ok(DecoderConfig { object_type, specific })
}

/// The content of the next descriptor, which must have this tag. One that says it is longer than what is
/// around it is cut: several writers count wrong.
fn descriptor<'a>(at: &mut Cursor<'a>, tag: u8) -> Result<Cursor<'a>, Mp4Error> {
    if at.u8()? != tag {
        return Err(at.error("another descriptor than was expected"));
    }
    let mut size = 0_usize;
    for _ in 0..4 {
        let byte = at.u8()?;
        size = size << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    at.part(size.min(at.remaining()))
}
