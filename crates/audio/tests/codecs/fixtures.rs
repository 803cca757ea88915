//! What FFmpeg's encoders made is decoded to what FFmpeg's decoders make of it. See `fixtures/README.md`.
use audio::Decoder;
use bytes::Bytes;
use media::{Codec, CodecParams, Track};

/// A file of packets, and the last samples of its decode in 16 bits.
macro_rules! fixture {
    ($name:literal, $extension:literal) => {
        (
            include_bytes!(concat!("../../fixtures/", $name, ".", $extension)).as_slice(),
            include_bytes!(concat!("../../fixtures/", $name, ".last8000.s16le")).as_slice(),
        )
    };
}

pub(crate) fn samples(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0).collect()
}

/// How far the difference lies below the reference, in dB.
pub(crate) fn match_db(found: &[f32], reference: &[f32]) -> f64 {
    assert_eq!(found.len(), reference.len());
    let power = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>();
    let signal = power(&mut reference.iter().copied());
    let noise = power(&mut found.iter().zip(reference).map(|(a, b)| a - b));
    10.0 * (signal / noise.max(1e-12)).log10()
}

/// Packets of an Ogg file, its channels and samples to skip, and how many samples there are with those.
struct Ogg {
    packets: Vec<Vec<u8>>,
    channels: u8,
    skip: usize,
    end: usize,
}

/// Source: RFC 3533 §6, RFC 7845 §5.
fn ogg(mut file: &[u8]) -> Ogg {
    let (mut packets, mut open, mut end) = (Vec::new(), Vec::new(), 0);
    while let Some(head) = file.get(..27) {
        end = u64::from_le_bytes(head[6..14].try_into().unwrap()) as usize;
        let (table, mut body) = file[27..].split_at(usize::from(head[26]));
        for length in table {
            let (segment, rest) = body.split_at(usize::from(*length));
            open.extend_from_slice(segment);
            body = rest;
            if *length < 255 {
                packets.push(std::mem::take(&mut open));
            }
        }
        file = body;
    }
    let head = packets.remove(0);
    packets.remove(0);
    Ogg { packets, channels: head[9], skip: usize::from(u16::from_le_bytes([head[10], head[11]])), end }
}

#[test]
fn opus_of_every_mode_decodes_as_libopus_decodes_it() {
    for (name, (file, reference)) in [
        ("silk", fixture!("ffmpeg-libopus-silk-12k-mono", "ogg")),
        ("hybrid", fixture!("ffmpeg-libopus-hybrid-32k-mono", "ogg")),
        ("celt", fixture!("ffmpeg-libopus-celt-64k-stereo", "ogg")),
        ("switching", fixture!("ffmpeg-libopus-switching-24k-stereo-60ms", "ogg")),
        ("ours", fixture!("aqueduct-opus-1khz-mono", "ogg")),
    ] {
        let ogg = ogg(file);
        let track = Track::audio(0, Codec::Opus, 48_000, ogg.channels, CodecParams::None);
        let mut decoder = Decoder::new(&track).unwrap();
        let mut sound = Vec::new();
        for packet in &ogg.packets {
            decoder.decode(packet, &mut sound).unwrap();
        }
        let channels = usize::from(ogg.channels);
        let sound = &sound[ogg.skip * channels..ogg.end * channels];
        let reference = samples(reference);
        let found = match_db(&sound[sound.len() - reference.len()..], &reference);
        println!("{name}: {found:.1} dB");
        assert!(found > 75.0, "{name}: {found:.1} dB");
    }
}

/// The access units of an ADTS file and the AudioSpecificConfig for them. Source: ISO/IEC 14496-3 §1.A.2.
pub(crate) fn adts(mut file: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let rate = (file[2] >> 2) & 15;
    let channels = (file[2] & 1) << 2 | file[3] >> 6;
    let config = (2u16 << 11 | u16::from(rate) << 7 | u16::from(channels) << 3).to_be_bytes().to_vec();
    let mut units = Vec::new();
    while file.len() > 7 {
        let header = if file[1] & 1 == 1 { 7 } else { 9 };
        let length = usize::from(file[3] & 3) << 11 | usize::from(file[4]) << 3 | usize::from(file[5]) >> 5;
        units.push(file[header..length].to_vec());
        file = &file[length..];
    }
    (config, units)
}

fn aac(rate: u32, channels: u8, config: Vec<u8>, units: &[Vec<u8>]) -> Vec<f32> {
    let params = CodecParams::Aac { config: Bytes::from(config) };
    let mut decoder = Decoder::new(&Track::audio(0, Codec::Aac, rate, channels, params)).unwrap();
    let mut sound = Vec::new();
    for unit in units {
        decoder.decode(unit, &mut sound).unwrap();
    }
    sound
}

#[test]
fn aac_of_every_kind_decodes_as_ffmpeg_decodes_it() {
    for (name, rate, channels, (file, reference)) in [
        ("LC 16 kHz", 16_000, 1, fixture!("ffmpeg-aac-lc-16khz-mono", "aac")),
        ("LC 44.1 kHz", 44_100, 2, fixture!("ffmpeg-aac-lc-44khz-stereo", "aac")),
        ("HE v1", 48_000, 2, fixture!("syom-he-aac-v1-48khz-stereo", "aac")),
        ("HE v2", 48_000, 2, fixture!("syom-he-aac-v2-48khz-stereo", "aac")),
    ] {
        let (config, units) = adts(file);
        let sound = aac(rate, channels, config, &units);
        let reference = samples(reference);
        let found = match_db(&sound[sound.len() - reference.len()..], &reference);
        println!("{name}: {found:.1} dB");
        assert!(found > 75.0, "{name}: {found:.1} dB");
    }
}

#[test]
fn he_aac_that_did_not_announce_itself_comes_at_the_rate_of_its_track() {
    let (file, _) = fixture!("syom-he-aac-v2-48khz-stereo", "aac");
    let (config, units) = adts(file);
    let sound = aac(24_000, 1, config, &units);
    assert!(sound.len().abs_diff(units.len() * 1_024) < 100, "{} of {} units", sound.len(), units.len());
    let found = audio::tone::analyse(&sound[4_000..], 24_000).unwrap();
    assert!((found.frequency_hz - 440.0).abs() < 4.4, "{found:?}");
}

#[test]
fn an_aac_track_without_a_config_or_with_a_strange_one_is_refused() {
    let refused =
        |params| Decoder::new(&Track::audio(0, Codec::Aac, 16_000, 1, params)).unwrap_err().to_string();
    assert!(refused(CodecParams::None).ends_with("its AudioSpecificConfig is missing"));
    // Object type 42, USAC.
    let config = Bytes::from_static(&[0xf9, 0x50, 0x20]);
    assert!(refused(CodecParams::Aac { config }).contains("none of AAC-LC, HE-AAC, AAC-LD or AAC-ELD"));
    // Object type 39, AAC-ELD, with low-delay SBR.
    let config = Bytes::from_static(&[0xf8, 0xf0, 0x21, 0x00]);
    assert!(refused(CodecParams::Aac { config }).contains("low-delay SBR"));
}

/// A packet whose next one repeats it: those are the loud ones.
const LOST: usize = 17;

/// The sound of the lost packet, from packets without it and from all of them.
fn bridged(next: &[u8], packets: &[Vec<u8>]) -> (Vec<f32>, Vec<f32>) {
    let track = Track::audio(0, Codec::Opus, 48_000, 1, CodecParams::None);
    let mut decoder = Decoder::new(&track).unwrap();
    let mut sound = Vec::new();
    for packet in &packets[..LOST] {
        decoder.decode(packet, &mut sound).unwrap();
    }
    sound.clear();
    decoder.conceal(960, next, &mut sound);
    assert_eq!(sound.len(), 960);
    let mut decoder = Decoder::new(&track).unwrap();
    let mut whole = Vec::new();
    for packet in &packets[..=LOST] {
        whole.clear();
        decoder.decode(packet, &mut whole).unwrap();
    }
    (sound, whole)
}

#[test]
fn a_lost_packet_is_taken_from_what_the_next_one_repeats_of_it() {
    let ogg = ogg(include_bytes!("../../fixtures/ffmpeg-libopus-fec-24k-mono.ogg"));
    let (guessed, whole) = bridged(&[], &ogg.packets);
    let (repeated, _) = bridged(&ogg.packets[LOST + 1], &ogg.packets);
    let (guessed, repeated) = (match_db(&guessed, &whole), match_db(&repeated, &whole));
    println!("guessed {guessed:.1} dB, repeated {repeated:.1} dB");
    assert!(repeated > guessed + 3.0, "guessed {guessed:.1} dB, repeated {repeated:.1} dB");
}

#[test]
fn a_gap_is_filled_with_what_was_heard_for_60_ms_and_then_with_silence() {
    let track = Track::audio(0, Codec::Opus, 48_000, 1, CodecParams::None);
    let (file, _) = fixture!("ffmpeg-libopus-hybrid-32k-mono", "ogg");
    let ogg = ogg(file);
    let mut decoder = Decoder::new(&track).unwrap();
    let mut sound = Vec::new();
    for packet in &ogg.packets {
        decoder.decode(packet, &mut sound).unwrap();
    }
    sound.clear();
    decoder.conceal(48 * 100, &[], &mut sound);
    let peak = |range: std::ops::Range<usize>| sound[range].iter().fold(0f32, |peak, s| peak.max(s.abs()));
    assert!(peak(0..960) > 0.05 && peak(1_920..2_880) > 0.005, "{} {}", peak(0..960), peak(1_920..2_880));
    assert_eq!(peak(2_880..4_800), 0.0);
}

#[test]
fn a_packet_of_one_byte_is_its_duration_of_comfort_noise() {
    let (file, _) = fixture!("ffmpeg-libopus-silk-12k-mono", "ogg");
    let ogg = ogg(file);
    let mut decoder = Decoder::new(&Track::audio(0, Codec::Opus, 48_000, 1, CodecParams::None)).unwrap();
    let mut sound = Vec::new();
    decoder.decode(&ogg.packets[0], &mut sound).unwrap();
    assert_eq!(decoder.decode(&ogg.packets[0][..1], &mut sound), Ok(960));
}

#[test]
fn libopus_hears_the_tone_that_our_encoder_coded_and_the_encoder_still_does_it() {
    let (file, reference) = fixture!("aqueduct-opus-1khz-mono", "ogg");
    let reference = samples(reference);
    let heard = audio::tone::analyse(&reference, 48_000).unwrap();
    assert!((heard.frequency_hz - 1_000.0).abs() < 1.0, "{heard:?}");
    assert!((heard.level_dbfs + 20.0).abs() < 0.5, "{heard:?}");
    let target = audio::Target::usual(Codec::Opus);
    let tone: Vec<f32> = audio::tone::Sine::new(48_000, 1_000.0, -20.0).take(24_000).collect();
    let sound = crate::decoded(&target.track(0), &crate::encoded(&tone, target));
    let end = ogg(file).end;
    let found = match_db(&sound[end - reference.len()..end], &reference);
    println!("encoder: {found:.1} dB");
    assert!(found > 15.0, "{found:.1} dB");
}
