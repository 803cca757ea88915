//! Sound as a device's loudspeaker takes it: every voice of a talk stream, decoded, mixed and encoded once for all who
//! read it in the same codec, rate and frame.
//!
//! The muxer runs in the stream owner's turn: a frame of 20 ms costs some 20 µs there (see `costs` below), one of AAC-ELD 145 µs. It makes
//! frames from what comes from now on; nothing older is sent to a loudspeaker.
use audio::{Target, Transcoder};
use bytes::Bytes;
use hub::{Chunk, Format, Muxer};
use media::{Kind, Track, Tracks, Unit};
use std::cell::RefCell;
use std::rc::Rc;

/// All sound of a stream as frames of `target`. Tracks that cannot be decoded are left out; when all are, the error
/// says why.
pub fn format(target: Target) -> Format {
    let Target { codec, rate, channels, frame } = target;
    let key = format!("talk:{codec}/{rate}/{channels}/{}us", frame.as_micros());
    let kept = Kept::default();
    Format::new(key, move |tracks: &Tracks| Ok(Box::new(Talk(kept.transcoder(tracks, target)?))))
        .only(Kind::Audio)
}

/// The transcoder of a rendition whose muxer is made anew for other voices: those that stay go on without a click, and
/// the times go on.
#[derive(Default)]
struct Kept(RefCell<Option<Rc<RefCell<Transcoder>>>>);

impl Kept {
    fn transcoder(&self, tracks: &Tracks, target: Target) -> Result<Rc<RefCell<Transcoder>>, String> {
        let inputs = decodable(tracks);
        let mut kept = self.0.borrow_mut();
        if let Some(transcoder) = &*kept {
            transcoder.borrow_mut().set_inputs(&inputs).map_err(|error| error.to_string())?;
            return Ok(transcoder.clone());
        }
        let transcoder = Transcoder::new(&inputs, target).map_err(|error| error.to_string())?;
        Ok(kept.insert(Rc::new(RefCell::new(transcoder))).clone())
    }
}

/// The tracks whose sound can be had; where none can, all, for the error that says why.
fn decodable(tracks: &Tracks) -> Vec<Track> {
    let sounds = || tracks.iter().filter(|track| track.kind() == Kind::Audio);
    let (good, bad): (Vec<&Track>, Vec<&Track>) =
        sounds().partition(|track| audio::Decoder::new(track).is_ok());
    if good.is_empty() {
        return bad.into_iter().cloned().collect();
    }
    for track in bad {
        tracing::info!(track = track.id, codec = %track.codec, "a voice cannot be decoded and is left out");
    }
    good.into_iter().cloned().collect()
}

struct Talk(Rc<RefCell<Transcoder>>);

impl Muxer for Talk {
    fn header(&mut self, _again: bool) -> Bytes {
        Bytes::new()
    }

    fn push(&mut self, unit: &Unit, out: &mut Vec<Chunk>) {
        let mut transcoder = self.0.borrow_mut();
        transcoder.push(unit);
        while let Some(frame) = transcoder.poll_output() {
            out.push(Chunk::new(&frame, [frame.data.clone()]));
        }
    }

    fn level_dbfs(&self) -> Option<f32> {
        Some(self.0.borrow().level().rms_dbfs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use audio::tone::{Sine, analyse};
    use media::{Codec, CodecParams, Moment, WallTime};

    fn unit(track: u8, pts: i64, data: Bytes) -> Unit {
        let (arrival, wall) = (Moment::from_millis(pts.unsigned_abs() / 8), WallTime::default());
        Unit { track, pts, dts: pts, arrival, wall, keyframe: true, discontinuity: false, data }
    }

    fn pcmu(id: u8) -> Track {
        Track::audio(id, Codec::Pcmu, 8_000, 1, CodecParams::None)
    }

    fn mp3(id: u8) -> Track {
        Track::audio(id, Codec::Mp3, 44_100, 2, CodecParams::None)
    }

    fn made(muxer: &mut dyn Muxer, unit: &Unit) -> Vec<Chunk> {
        let mut out = Vec::new();
        muxer.push(unit, &mut out);
        out
    }

    #[test]
    fn a_voice_that_joins_leaves_the_one_that_speaks_undisturbed() {
        let format = format(Target::usual(Codec::Pcma));
        let mut encoder = audio::Encoder::new(Target::usual(Codec::Pcmu)).unwrap();
        let mut tone = Sine::new(8_000, 1_000.0, -20.0);
        let mut muxer = (format.make)(&vec![pcmu(0)].into()).unwrap();
        let (mut sound, mut last) = (Vec::new(), -160);
        for frame in 0..50 {
            if frame == 25 {
                // Another voice, and one that nobody here understands.
                muxer = (format.make)(&vec![pcmu(0), mp3(1), pcmu(2)].into()).unwrap();
            }
            let samples: Vec<f32> = tone.by_ref().take(160).collect();
            for chunk in made(&mut *muxer, &unit(0, frame * 160, encoder.encode(&samples).unwrap())) {
                assert_eq!((chunk.dts, chunk.discontinuity), (last + 160, false), "frame {frame}");
                last = chunk.dts;
                sound.extend_from_slice(&chunk.parts[0]);
            }
        }
        assert!((muxer.level_dbfs().unwrap() + 20.0).abs() < 0.5, "{:?}", muxer.level_dbfs());
        let track = Target::usual(Codec::Pcma).track(0);
        let mut samples = Vec::new();
        for frame in sound.chunks(160) {
            audio::Decoder::new(&track).unwrap().decode(frame, &mut samples).unwrap();
        }
        let found = analyse(&samples[160..], 8_000).unwrap();
        assert!((found.frequency_hz - 1_000.0).abs() < 2.0 && found.purity_db > 25.0, "{found:?}");
    }

    #[test]
    fn a_stream_without_sound_that_can_be_decoded_is_refused_with_what_it_has() {
        let make = format(Target::usual(Codec::Pcmu)).make;
        let why = |tracks: Vec<Track>| make(&tracks.into()).err().unwrap();
        assert!(why(vec![mp3(0)]).contains("no decoder for MP"), "{}", why(vec![mp3(0)]));
        assert!(why(vec![Track::video(0, Codec::H264, CodecParams::None)]).contains("no sound"));
    }

    #[test]
    fn formats_differ_by_target_and_by_nothing_else() {
        let usual = Target::usual(Codec::Pcmu);
        assert_eq!(format(usual).key, format(usual).key);
        assert_eq!(format(usual).key, "talk:PCMU/8000/1/20000us");
        for other in [
            Target::usual(Codec::Pcma),
            Target { rate: 16_000, ..usual },
            Target { channels: 2, ..usual },
            Target { frame: std::time::Duration::from_millis(40), ..usual },
        ] {
            assert_ne!(format(usual).key, format(other).key);
        }
    }

    /// Not a promise but a figure: `cargo test -p aqueduct-gateway costs -- --nocapture`. The bound is twenty times what
    /// it is, for machines under load.
    #[test]
    fn a_frame_costs_the_streams_owner_far_less_than_a_millisecond() {
        let mut report = String::new();
        for input in [Codec::Opus, Codec::Pcmu, Codec::L16] {
            for output in [Codec::Pcmu, Codec::G722, Codec::Opus] {
                let target = Target::usual(input);
                let mut encoder = audio::Encoder::new(target).unwrap();
                let mut tone = Sine::new(target.rate, 440.0, -12.0);
                let track = target.track(0);
                let ticks = i64::from(track.clock_rate) / 50;
                let units: Vec<Unit> = (0..500)
                    .map(|frame| {
                        let samples: Vec<f32> = tone.by_ref().take(target.frame_samples()).collect();
                        unit(0, frame * ticks, encoder.encode(&samples).unwrap())
                    })
                    .collect();
                let mut muxer = (format(Target::usual(output)).make)(&vec![track].into()).unwrap();
                let mut times: Vec<std::time::Duration> = units
                    .iter()
                    .map(|unit| {
                        let start = std::time::Instant::now();
                        made(&mut *muxer, unit);
                        start.elapsed()
                    })
                    .collect();
                times.sort_unstable();
                let micros = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
                report +=
                    &format!("{input} to {output}: median {:.0} µs, 99 % {:.0} µs\n", micros(50), micros(99));
                assert!(micros(50) < 1_000.0, "{report}");
            }
        }
        eprintln!("{report}");
    }
}
