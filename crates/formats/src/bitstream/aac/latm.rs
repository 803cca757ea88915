//! LATM: the StreamMuxConfig that `config=` of `MP4A-LATM` holds.
//!
//! Source: ISO/IEC 14496-3 §1.7.3; RFC 6416 §7.3.
use super::super::BitstreamError;
use super::super::bits::BitReader;
use super::AudioSpecificConfig;

/// Reads a StreamMuxConfig of one program with one layer and one frame at a time: all that is seen in RTP.
pub fn parse_mux_config(data: &[u8]) -> Result<AudioSpecificConfig, BitstreamError> {
    let mut reader = BitReader::new("StreamMuxConfig", data);
    if reader.flag()? {
        return Err(reader.invalid("audioMuxVersion", 1));
    }
    reader.flag()?; // allStreamsSameTimeFraming
    let sub_frames = reader.bits(6)?;
    if sub_frames != 0 {
        return Err(reader.invalid("numSubFrames", u64::from(sub_frames)));
    }
    let (programs, layers) = (reader.bits(4)?, reader.bits(3)?);
    if programs != 0 || layers != 0 {
        return Err(reader.invalid("numProgram, numLayer", u64::from(programs << 3 | layers)));
    }
    AudioSpecificConfig::read(&mut reader)
}

#[cfg(test)]
mod tests {
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
}
