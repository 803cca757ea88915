use super::*;

#[test]
fn a_beginning_is_enough_and_any_split_tells_the_same() {
    let mut ts = vec![0; 188 * 4];
    ts.iter_mut().step_by(188).for_each(|byte| *byte = 0x47);
    let garbled = [&[1, 2, 3][..], &ts].concat();
    for (data, expected) in [
        (&b"FLV\x01\x05"[..], Container::Flv),
        (&ts[..], Container::MpegTs),
        (&garbled[..], Container::MpegTs),
    ] {
        for step in [1, 3, 100, 1000] {
            let mut prober = Prober::new();
            let mut found = None;
            for piece in data.chunks(step) {
                found = found.or(prober.push(piece).unwrap());
            }
            assert_eq!(found.unwrap_or_else(|| prober.finish().unwrap()), expected, "split every {step}");
        }
    }
}

#[test]
fn start_codes_are_told_apart_by_parameter_sets_and_without_any_by_their_units() {
    let stream =
        |nals: &[&[u8]]| -> Vec<u8> { nals.iter().flat_map(|nal| [&[0, 0, 1], *nal].concat()).collect() };
    // From the middle of a stream: pictures alone.
    let h264: Vec<&[u8]> = vec![&[0x41, 0x9a, 1]; 6];
    let h265: Vec<&[u8]> = vec![&[0x02, 0x01, 0xd0]; 6];
    for (nals, expected) in [(h264, Container::AnnexBH264), (h265, Container::AnnexBH265)] {
        assert_eq!(Prober::new().push(&stream(&nals)), Ok(Some(expected)));
    }
    let mut prober = Prober::new();
    assert_eq!(prober.push(&[0, 0, 0, 1, 0x41, 0x9a, 1]), Ok(None));
    assert_eq!(prober.finish(), Ok(Container::AnnexBH264));
    for mpeg in [[0, 0, 1, 0xb3, 0x14], [0, 0, 1, 0xba, 0x44]] {
        let mut prober = Prober::new();
        assert_ne!(prober.push(&mpeg).and_then(|_| prober.finish()).ok(), Some(Container::AnnexBH264));
    }
}

#[test]
fn what_is_not_understood_is_named_with_its_first_bytes() {
    let said = |data: &[u8]| {
        let mut prober = Prober::new();
        prober.push(data).and_then(|found| found.map_or_else(|| prober.finish(), Ok)).unwrap_err()
    };
    let page = said(b"\n<!DOCTYPE html><title>Log in</title>");
    assert_eq!(page.fault(), Fault::Config);
    assert!(page.to_string().starts_with(
        "this is a web page (it begins with 0a3c21444f43545950452068746d6c3e); understood are FLV"
    ));
    let unknown = said(&[7; 1000]);
    assert_eq!(unknown.fault(), Fault::Peer);
    assert!(unknown.to_string().starts_with("unknown format in 1000 bytes that begin with 0707070707"));
    assert_eq!(said(b""), ProbeError::Empty);
}

#[test]
fn no_more_than_the_limit_is_looked_at() {
    let mut prober = Prober::new();
    let piece = [7; 4096];
    let mut pushed = 0;
    let error = loop {
        pushed += piece.len();
        match prober.push(&piece) {
            Ok(None) => assert!(pushed < PROBE_BYTES_MAX),
            Ok(found) => panic!("{found:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(pushed, PROBE_BYTES_MAX);
    assert!(matches!(error, ProbeError::Unknown { looked_at: PROBE_BYTES_MAX, .. }));
}

#[test]
fn what_was_said_to_be_there_is_taken_where_nothing_else_is_recognised() {
    let mut prober = Prober::new().otherwise(Container::MpegTs);
    assert_eq!(prober.push(b"\xff\x7f\xff\x7f\xff\x7f\xff"), Ok(Some(Container::MpegTs)));
    let mut prober = Prober::new().otherwise(Container::MpegTs);
    assert_eq!(prober.push(b"FL"), Ok(None));
    assert_eq!(prober.push(b"V\x01"), Ok(Some(Container::Flv)));
    assert_eq!(&prober.into_bytes()[..], b"FLV\x01");
}

#[test]
fn what_is_said_to_be_samples_is_believed_but_for_the_heads_of_wav_and_au() {
    let raw = RawAudio { codec: media::Codec::Pcma, rate: 8_000, channels: 1 };
    // Bytes that would be looked at long, or taken for something else.
    for data in [&[0; 4][..], b"FLV\x01", b"\xff\xd8\xff\xe0", b"RIFx", b"\x47"] {
        assert_eq!(Prober::samples(raw).push(data), Ok(Some(Container::Raw(raw))), "{data:02x?}");
    }
    let mut prober = Prober::samples(raw);
    assert_eq!(prober.push(b".s"), Ok(None));
    assert_eq!(prober.push(b"nd"), Ok(Some(Container::Au)));
    assert_eq!(Prober::samples(raw).push(b"RIFF1234WAVE"), Ok(Some(Container::Wav)));
    assert_eq!(Prober::samples(raw).finish(), Err(ProbeError::Empty));
}
