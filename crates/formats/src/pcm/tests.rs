use super::*;

const L16_MONO: RawAudio = RawAudio { codec: Codec::L16, rate: 16_000, channels: 1 };

fn read(mut demuxer: Demuxer, data: &[u8], step: usize) -> (Option<Track>, Vec<(i64, Bytes)>) {
    let mut events = Vec::new();
    let now = Moment::from_millis(77);
    for piece in data.chunks(step) {
        demuxer.push(piece, now, WallTime::default()).unwrap();
        events.extend(std::iter::from_fn(|| demuxer.pop()));
    }
    demuxer.finish(now).unwrap();
    events.extend(std::iter::from_fn(|| demuxer.pop()));
    let mut track = None;
    let mut units = Vec::new();
    for event in events {
        match event {
            DemuxEvent::Tracks(tracks) => track = tracks.into_iter().next(),
            DemuxEvent::Unit(unit) => units.push((unit.dts, unit.data)),
            DemuxEvent::Metadata(_) | DemuxEvent::Note(_) => panic!("{event:?}"),
        }
    }
    (track, units)
}

/// A WAV with a list of texts before its samples, and texts behind them.
fn wav(data_bytes: u32, samples: &[u8]) -> Vec<u8> {
    let header = wav_header(L16_MONO).unwrap();
    let list = b"LIST\x05\0\0\0INFO!\0";
    let mut data = [&header[..36], list, b"data", &data_bytes.to_le_bytes(), samples].concat();
    if data_bytes as usize == samples.len() {
        data.extend_from_slice(b"LIST\x04\0\0\0INFO");
    }
    data
}

#[test]
fn wav_becomes_units_of_20_ms_with_the_high_byte_first_whatever_length_it_says() {
    let samples: Vec<u8> = (0..16_00_u32).flat_map(|n| (n as u16).to_le_bytes()).collect();
    for length in [samples.len() as u32, 0, u32::MAX, 0x7fff_ffff - 36, u32::MAX - 44] {
        for step in [1, 7, 100, 10_000] {
            let (track, units) = read(Demuxer::wav(), &wav(length, &samples), step);
            assert_eq!(track, Some(Track::audio(0, Codec::L16, 16_000, 1, CodecParams::None)));
            let times: Vec<i64> = units.iter().map(|(dts, _)| *dts).collect();
            assert_eq!(
                times,
                (0..5).map(|n| n * 320).collect::<Vec<i64>>(),
                "{length:#x} every {step} bytes"
            );
            assert!(units.iter().all(|(_, data)| data.len() == 640));
            assert_eq!(units[1].1[..4], [1, 64, 1, 65]);
        }
    }
}

#[test]
fn samples_of_8_bits_become_16_with_silence_at_zero() {
    let mut data = wav(0, &[&[0x80; 320][..], &[0xff, 0x00, 0x81]].concat());
    data[34] = 8;
    for step in [1, 7, 10_000] {
        let (track, units) = read(Demuxer::wav(), &data, step);
        assert_eq!(track, Some(Track::audio(0, Codec::L16, 16_000, 1, CodecParams::None)));
        assert_eq!(
            units.iter().map(|(dts, data)| (*dts, data.len())).collect::<Vec<_>>(),
            [(0, 640), (320, 6)]
        );
        assert!(units[0].1.iter().all(|byte| *byte == 0));
        assert_eq!(units[1].1[..], [0x7f, 0, 0x80, 0, 0x01, 0]);
    }
}

#[test]
fn the_end_of_an_unfinished_unit_is_given_out_and_half_a_sample_is_not() {
    let (_, units) = read(Demuxer::wav(), &wav(0, &[1; 640 + 101]), 50);
    assert_eq!(units.iter().map(|(_, data)| data.len()).collect::<Vec<_>>(), [640, 100]);
}

#[test]
fn the_head_that_is_written_is_read_again() {
    for (codec, rate, channels) in
        [(Codec::L16, 48_000, 2), (Codec::Pcma, 8_000, 1), (Codec::Pcmu, 16_000, 1)]
    {
        let raw = RawAudio { codec, rate, channels };
        let data = [&wav_header(raw).unwrap()[..], &[0; 4000]].concat();
        let (track, units) = read(Demuxer::wav(), &data, 1000);
        assert_eq!(track, Some(Track::audio(0, codec, rate, channels, CodecParams::None)));
        assert_eq!(units.iter().map(|(_, data)| data.len()).sum::<usize>(), 4000);
    }
    assert_eq!(wav_header(RawAudio { codec: Codec::Opus, ..L16_MONO }), None);
}

#[test]
fn au_and_bare_samples_are_read() {
    let head = |encoding: u8| {
        let mut head = b".snd\0\0\0\x1c\xff\xff\xff\xff\0\0\0\0\0\0\x1f\x40\0\0\0\x01text".to_vec();
        head[15] = encoding;
        head
    };
    for (encoding, codec, bytes) in [(1, Codec::Pcmu, 160), (27, Codec::Pcma, 160), (3, Codec::L16, 320)] {
        let (track, units) = read(Demuxer::au(), &[&head(encoding)[..], &[5; 640]].concat(), 9);
        assert_eq!(track.unwrap().codec, codec);
        assert!(units.iter().all(|(_, data)| data[..] == vec![5; bytes]));
    }
    let raw = RawAudio { codec: Codec::Pcmu, rate: 8_000, channels: 1 };
    let (_, units) = read(Demuxer::raw(raw), &[9; 400], 33);
    assert_eq!(
        units.iter().map(|(dts, data)| (*dts, data.len())).collect::<Vec<_>>(),
        [(0, 160), (160, 160), (320, 80)]
    );
}

#[test]
fn what_is_not_carried_is_said_with_what_helps() {
    let refuse = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut data = wav_header(L16_MONO).unwrap().to_vec();
        edit(&mut data);
        Demuxer::wav().push(&data, Moment::ZERO, WallTime::default()).unwrap_err()
    };
    let bits = refuse(&|data| data[34] = 24);
    assert_eq!(bits.fault(), Fault::Config);
    assert!(bits.to_string().starts_with("WAV with 24-bit samples: send 16-bit PCM"), "{bits}");
    assert!(matches!(refuse(&|data| data[20] = 3), PcmError::Unsupported { .. }));
    assert!(matches!(refuse(&|data| data[16] = 8), PcmError::Malformed { at: 12, .. }));
    assert!(matches!(refuse(&|data| data[22] = 0), PcmError::Malformed { .. }));
    assert!(matches!(refuse(&|data| data[24..28].fill(0xff)), PcmError::Malformed { .. }));
    assert!(matches!(refuse(&|data| data[12] = b'x'), PcmError::Malformed { .. }));
}
