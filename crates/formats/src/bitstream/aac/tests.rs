use super::super::fixtures::hex;
use super::*;

#[test]
fn configs_of_known_encoders_are_read() {
    // ffmpeg LC 48 kHz stereo, with an empty backward compatible extension
    let config = AudioSpecificConfig::parse(&hex("119056e500")).unwrap();
    assert_eq!(config, AudioSpecificConfig::lc(48_000, 2));
    // LC 16 kHz mono, as cameras send
    assert_eq!(AudioSpecificConfig::parse(&hex("1408")), Ok(AudioSpecificConfig::lc(16_000, 1)));
    // 960 samples a frame
    assert_eq!(AudioSpecificConfig::parse(&hex("1194")).unwrap().frame_samples, 960);
    // HE-AAC, explicit: core 24 kHz, output 48 kHz
    let he = AudioSpecificConfig::parse(&hex("2b118800")).unwrap();
    assert_eq!((he.object_type, he.sample_rate, he.sbr_sample_rate), (2, 24_000, Some(48_000)));
    assert_eq!((he.announced_object_type(), he.output_rate(), he.output_channels()), (5, 48_000, 2));
    // HE-AAC, backward compatible: core 22.05 kHz, output 44.1 kHz
    let he = AudioSpecificConfig::parse(&hex("139056e5a0")).unwrap();
    assert_eq!((he.object_type, he.sample_rate, he.sbr_sample_rate), (2, 22_050, Some(44_100)));
    // HE-AAC v2: mono core with parametric stereo
    let v2 = AudioSpecificConfig::parse(&hex("eb098800")).unwrap();
    assert_eq!((v2.announced_object_type(), v2.channels, v2.output_channels()), (29, 1, 2));
}

#[test]
fn what_is_built_is_read_again() {
    let mut he = AudioSpecificConfig::lc(22_050, 2);
    he.sbr_sample_rate = Some(44_100);
    let mut odd = AudioSpecificConfig::lc(11_024, 6);
    odd.frame_samples = 960;
    let mut eld = AudioSpecificConfig::lc(44_100, 1);
    (eld.object_type, eld.frame_samples) = (OBJECT_ELD, 512);
    for config in [AudioSpecificConfig::lc(48_000, 2), AudioSpecificConfig::lc(8_000, 8), he, odd, eld] {
        assert_eq!(AudioSpecificConfig::parse(&config.build()), Ok(config));
    }
    assert_eq!(AudioSpecificConfig::lc(48_000, 2).build()[..], hex("1190"));
}

#[test]
fn a_program_config_element_tells_the_channels() {
    let mut writer = BitWriter::default();
    for (bits, value) in [(5, 2), (4, 3), (4, 0), (3, 0)] {
        writer.put(bits, value); // LC, 48 kHz, no channel configuration
    }
    // one front pair, one front single, one back pair, one LFE: 5.1 without centre pair
    for (bits, value) in [(4, 0), (2, 1), (4, 3), (4, 2), (4, 0), (4, 1), (2, 1), (3, 0), (4, 0), (3, 0)] {
        writer.put(bits, value);
    }
    for (bits, value) in [(1, 0), (4, 0), (1, 1), (4, 0), (1, 1), (4, 1), (4, 0)] {
        writer.put(bits, value);
    }
    assert_eq!(AudioSpecificConfig::parse(&writer.finish()).unwrap().channels, 6);
}

#[test]
fn adts_frames_are_parted_and_stripped() {
    let mut stream = hex("fff14c8001bffc dc004c61 7663").to_vec();
    stream[4] = 0x01;
    stream[5] = 0x9f; // 12 bytes: 7 of header, 5 of frame
    stream.truncate(12);
    let header = adts::parse(&stream).unwrap();
    assert_eq!((header.config.sample_rate, header.config.channels), (48_000, 2));
    assert_eq!((header.header_bytes, header.frame_bytes, header.blocks), (7, 12, 1));
    let twice = [&stream[..], &stream[..]].concat();
    let raw: Vec<&[u8]> = adts::frames(&twice).map(|frame| frame.unwrap().1).collect();
    assert_eq!(raw, [&stream[7..], &stream[7..]]);
    assert!(adts::strip(&stream[..11]).is_err());
    assert_eq!(adts::frames(&twice[..20]).filter(Result::is_err).count(), 1);
}

#[test]
fn a_built_adts_header_is_read_again() {
    for config in [AudioSpecificConfig::lc(44_100, 2), AudioSpecificConfig::lc(16_000, 1)] {
        let header = adts::header(&config, 371).unwrap();
        let read = adts::parse(&header).unwrap();
        assert_eq!((read.config, read.frame_bytes, read.header_bytes), (config, 378, 7));
    }
    assert_eq!(adts::header(&AudioSpecificConfig::lc(44_100, 2), 8_185), None);
    assert_eq!(adts::header(&AudioSpecificConfig::lc(44_101, 2), 100), None);
}
