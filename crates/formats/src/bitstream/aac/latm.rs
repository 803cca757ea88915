//! LATM: what `config=` of `MP4A-LATM` holds, and the frames of a LOAS byte stream.
//!
//! Source: ISO/IEC 14496-3 §1.7.2 (LOAS), §1.7.3 (AudioMuxElement); RFC 6416 §7.3. Read is what is seen in the field:
//! one program with one layer, one frame in an element.
use super::super::BitstreamError;
use super::super::bits::BitReader;
use super::AudioSpecificConfig;
use bytes::Bytes;

/// Bytes before an element in LOAS: the sync word of 11 bits, the length of 13.
pub const LOAS_HEADER_BYTES: usize = 3;

const WHAT: &str = "StreamMuxConfig";

/// Reads a StreamMuxConfig of one program with one layer and one frame at a time: all that is seen in RTP.
pub fn parse_mux_config(data: &[u8]) -> Result<AudioSpecificConfig, BitstreamError> {
    let mut reader = BitReader::new(WHAT, data);
    if reader.flag()? {
        return Err(reader.invalid("audioMuxVersion", 1));
    }
    one_frame(&mut reader)?;
    AudioSpecificConfig::read(&mut reader)
}

/// The length of the LOAS frame that begins here, its header included; an error when none does.
pub fn loas_frame_bytes(data: &[u8]) -> Result<usize, BitstreamError> {
    let Some(&[sync, high, low]) = data.first_chunk::<LOAS_HEADER_BYTES>() else {
        return Err(BitstreamError::Truncated { what: "LOAS", at: data.len() });
    };
    if sync != 0x56 || high & 0xe0 != 0xe0 {
        let value = u16::from_be_bytes([sync, high]).into();
        return Err(BitstreamError::Invalid { what: "LOAS", field: "syncword", value, at: 0 });
    }
    Ok(LOAS_HEADER_BYTES + usize::from(u16::from_be_bytes([high & 0x1f, low])))
}

/// What stays the same from one AudioMuxElement to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MuxConfig {
    /// The decoder's configuration.
    pub config: AudioSpecificConfig,
}

/// Reads the element of a LOAS frame (without the header of three bytes): the raw AAC frame in it. `known` is the
/// configuration of the elements before, and is renewed where this one brings its own.
pub fn parse_element(data: &[u8], known: &mut Option<MuxConfig>) -> Result<Bytes, BitstreamError> {
    let mut reader = BitReader::new("AudioMuxElement", data);
    if !reader.flag()? {
        *known = Some(mux_config(&mut reader)?);
    }
    if known.is_none() {
        return Err(reader.invalid("useSameStreamMux", 1));
    }
    let mut bytes = 0;
    loop {
        let part = reader.bits(8)?;
        bytes += part as usize;
        if part != 255 {
            break;
        }
    }
    if reader.remaining() < bytes * 8 {
        return Err(reader.invalid("MuxSlotLengthBytes", bytes as u64));
    }
    (0..bytes).map(|_| reader.byte(8)).collect::<Result<Vec<u8>, _>>().map(Bytes::from)
}

fn mux_config(reader: &mut BitReader<'_>) -> Result<MuxConfig, BitstreamError> {
    let version_1 = reader.flag()?;
    if version_1 {
        if reader.flag()? {
            return Err(reader.invalid("audioMuxVersionA", 1));
        }
        value(reader)?; // taraBufferFullness
    }
    one_frame(reader)?;
    let config = if version_1 {
        let bits = value(reader)? as usize;
        let mut inside = reader.clone();
        let config = AudioSpecificConfig::read_exact(&mut inside)?;
        reader.skip(bits)?;
        config
    } else {
        AudioSpecificConfig::read_exact(reader)?
    };
    let length_type = reader.bits(3)?;
    if length_type != 0 {
        return Err(reader.invalid("frameLengthType", length_type.into()));
    }
    reader.skip(8)?; // latmBufferFullness
    if reader.flag()? {
        // What follows the payload is never looked at, so its length is only read past.
        if version_1 {
            value(reader)?;
        } else {
            while reader.flag()? {
                reader.skip(8)?;
            }
            reader.skip(8)?;
        }
    }
    if reader.flag()? {
        reader.skip(8)?; // crcCheckSum
    }
    Ok(MuxConfig { config })
}

/// Everything in one program, one layer, one frame.
fn one_frame(reader: &mut BitReader<'_>) -> Result<(), BitstreamError> {
    reader.flag()?; // allStreamsSameTimeFraming
    let sub_frames = reader.bits(6)?;
    if sub_frames != 0 {
        return Err(reader.invalid("numSubFrames", u64::from(sub_frames)));
    }
    let (programs, layers) = (reader.bits(4)?, reader.bits(3)?);
    if programs != 0 || layers != 0 {
        return Err(reader.invalid("numProgram, numLayer", u64::from(programs << 3 | layers)));
    }
    Ok(())
}

/// `LatmGetValue`.
fn value(reader: &mut BitReader<'_>) -> Result<u32, BitstreamError> {
    let bytes = reader.bits(2)? + 1;
    reader.bits(bytes * 8)
}

#[cfg(test)]
mod tests {
    use super::super::super::bits::BitWriter;
    use super::*;

    #[test]
    fn the_config_of_a_camera_is_read() {
        // 16 kHz mono, as in the SDP of many cameras
        assert_eq!(
            parse_mux_config(&[0x40, 0x00, 0x28, 0x10, 0x3f, 0xc0]),
            Ok(AudioSpecificConfig::lc(16_000, 1))
        );
        assert!(parse_mux_config(&[0x80, 0, 0, 0, 0]).is_err());
        assert!(parse_mux_config(&[0x40, 0x00]).is_err());
    }

    /// Bits and how many of them.
    fn written(fields: &[(u32, u32)]) -> Vec<u8> {
        let mut writer = BitWriter::default();
        fields.iter().for_each(|&(count, value)| writer.put(count, value));
        writer.finish()
    }

    /// LC, 48 kHz, stereo: 16 bits.
    const LC_48_STEREO: (u32, u32) = (16, 0x1190);

    #[test]
    fn elements_of_both_versions_give_their_frame_wherever_in_a_byte_it_begins() {
        let payload = [(8, 2), (8, 0xca), (8, 0xfe)];
        let same_framing_and_counts = [(1, 1), (6, 0), (4, 0), (3, 0)];
        let tail = [(3, 0), (8, 0xff), (1, 0), (1, 0)];
        let version_0 =
            [&[(1, 0), (1, 0)][..], &same_framing_and_counts, &[LC_48_STEREO], &tail, &payload].concat();
        let version_1 = [
            &[(1, 0), (1, 1), (1, 0), (2, 0), (8, 7)][..],
            &same_framing_and_counts,
            // 19 bits of configuration, of which three are filling
            &[(2, 0), (8, 19), LC_48_STEREO, (3, 0)],
            // other data of 5 bits, and a checksum
            &[(3, 0), (8, 0xff), (1, 1), (2, 0), (8, 5), (1, 1), (8, 0x55)],
            &payload,
        ]
        .concat();
        for fields in [version_0, version_1] {
            let mut known = None;
            assert_eq!(parse_element(&written(&fields), &mut known).unwrap()[..], [0xca, 0xfe]);
            assert_eq!(known.as_ref().unwrap().config, AudioSpecificConfig::lc(48_000, 2));
            // The next one says: as before.
            let next = written(&[&[(1, 1)][..], &payload].concat());
            assert_eq!(parse_element(&next, &mut known).unwrap()[..], [0xca, 0xfe]);
            assert!(parse_element(&next, &mut None).is_err());
            assert!(parse_element(&next[..2], &mut known).is_err());
        }
    }

    #[test]
    fn a_loas_header_gives_the_length_of_its_frame() {
        assert_eq!(loas_frame_bytes(&[0x56, 0xe1, 0x02]), Ok(3 + 0x102));
        assert!(loas_frame_bytes(&[0x56, 0xc1, 0x02]).is_err());
        assert!(loas_frame_bytes(&[0x56, 0xe1]).is_err());
    }
}
