//! What a player received, packet by packet, compared with what was in the published file.
//!
//! Both sides are FFmpeg's `framemd5`: one line a packet with its times and a hash of its bytes. A reader must
//! have an excerpt of the file: no packet lost, doubled or changed, and every time as far from the next as in the file.

use super::clip::Clip;
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// How far a packet's time, and the distance of picture and sound, may be from the file's: 20 ms.
const TOLERANCE_US: i64 = 20_000;

/// One packet.
#[derive(Debug, Clone, PartialEq)]
struct Packet {
    dts_us: i64,
    /// `None` where FFmpeg could not tell, as for B frames at the start of RTSP.
    pts_us: Option<i64>,
    hash: String,
}

/// The packets of one video and one audio track.
#[derive(Debug, Default)]
pub(super) struct Packets {
    codecs: [String; 2],
    tracks: [Vec<Packet>; 2],
}

/// Whether the reader learns decoding times from the format. RTP carries none, so there FFmpeg guesses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum DecodingTimes {
    /// FLV and MP4.
    Carried,
    /// RTP.
    Guessed,
}

impl Packets {
    /// Those of a clip's file.
    pub(super) fn of_clip(ffmpeg: &Path, clip: Clip, file: &Path) -> Self {
        let output = Command::new(ffmpeg)
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(file)
            .args(arguments(clip))
            .args(["-f", "framemd5", "-"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self::parse(&String::from_utf8_lossy(&output.stdout))
    }

    /// Reads a `framemd5` file. Track 0 is video, 1 is audio.
    pub(super) fn parse(text: &str) -> Self {
        let mut packets = Self::default();
        let mut bases: HashMap<usize, (i64, i64)> = HashMap::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("#tb ") {
                let (track, base) = rest.split_once(": ").unwrap();
                let (num, den) = base.split_once('/').unwrap();
                bases.insert(track.parse().unwrap(), (num.parse().unwrap(), den.parse().unwrap()));
            } else if let Some(rest) = line.strip_prefix("#codec_id ") {
                let (track, codec) = rest.split_once(": ").unwrap();
                packets.codecs[track.parse::<usize>().unwrap()] = codec.to_owned();
            } else if !line.starts_with('#') {
                let fields: Vec<&str> = line.split(',').map(str::trim).collect();
                // a line that is cut short is the last one of a reader that was stopped
                let [track, dts, pts, _duration, _size, hash, ..] = fields.as_slice() else { continue };
                let track: usize = track.parse().unwrap();
                let (num, den) = bases[&track];
                let us = |ticks: i64| ticks * num * 1_000_000 / den;
                let known = |ticks: &str| Some(ticks.parse().unwrap()).filter(|ticks| *ticks != i64::MIN);
                let Some(dts_us) = known(dts).map(us) else { continue };
                let packet = Packet { dts_us, pts_us: known(pts).map(us), hash: (*hash).to_owned() };
                packets.tracks[track].push(packet);
            }
        }
        packets
    }

    /// Checks that these are an excerpt of `source` of at least this length. Returns what is wrong.
    pub(super) fn check(
        &self,
        source: &Self,
        clip: Clip,
        seconds: u32,
        times: DecodingTimes,
    ) -> Result<(), String> {
        let names = [clip.video(), clip.audio()];
        let mut shifts = [0; 2];
        for (index, name) in names.into_iter().enumerate() {
            if self.codecs[index] != name {
                return Err(format!("codec is {:?}, not {name}", self.codecs[index]));
            }
            let track = &self.tracks[index];
            let span_us = match (track.first(), track.last()) {
                (Some(first), Some(last)) => last.dts_us - first.dts_us,
                _ => 0,
            };
            if span_us < i64::from(seconds) * 1_000_000 - 500_000 {
                return Err(format!("{name}: only {} packets, {span_us} µs", track.len()));
            }
            // FFmpeg has no time for the first picture of H.265 over RTSP, and framemd5 then writes zero.
            let untimed = usize::from(times == DecodingTimes::Guessed && index == 0);
            shifts[index] =
                excerpt(track, &source.tracks[index], untimed).map_err(|why| format!("{name}: {why}"))?;
            if times == DecodingTimes::Carried
                && let Some(pair) = track.windows(2).find(|pair| pair[1].dts_us <= pair[0].dts_us)
            {
                return Err(format!("{name}: decoding time {} after {}", pair[1].dts_us, pair[0].dts_us));
            }
        }
        let apart_us = shifts[0] - shifts[1];
        if apart_us.abs() > TOLERANCE_US {
            return Err(format!("picture and sound are {apart_us} µs further apart than in the file"));
        }
        Ok(())
    }
}

/// FFmpeg's arguments between input and format: copied packets, bare video.
pub(super) fn arguments(clip: Clip) -> [&'static str; 8] {
    ["-map", "0:v:0", "-map", "0:a:0", "-c", "copy", "-bsf:v", clip.bare_video_filter()]
}

/// Finds the track in the source and returns by how much its times are later (median), in µs. The times of the first
/// `untimed` packets are not looked at.
fn excerpt(track: &[Packet], source: &[Packet], untimed: usize) -> Result<i64, String> {
    let first = track.first().ok_or("no packets")?;
    let start = source
        .iter()
        .position(|packet| packet.hash == first.hash)
        .ok_or("the first packet is not in the file: its bytes were changed")?;
    let mut shifts = Vec::with_capacity(track.len());
    for (index, packet) in track.iter().enumerate() {
        let expected = source.get(start + index).ok_or("more packets than in the file")?;
        if packet.hash != expected.hash {
            let place = source.iter().position(|other| other.hash == packet.hash);
            return Err(format!(
                "packet {index} should be number {} of the file, but is {place:?}",
                start + index
            ));
        }
        if let (Some(pts_us), Some(expected_us)) = (packet.pts_us, expected.pts_us)
            && index >= untimed
        {
            shifts.push((index, pts_us - expected_us));
        }
    }
    if shifts.len() * 10 < track.len() * 9 {
        return Err(format!("only {} of {} packets have a presentation time", shifts.len(), track.len()));
    }
    let mut sorted: Vec<i64> = shifts.iter().map(|(_, shift)| *shift).collect();
    sorted.sort_unstable();
    let median = sorted[sorted.len() / 2];
    match shifts.iter().find(|(_, shift)| (shift - median).abs() > TOLERANCE_US) {
        Some((index, shift)) => {
            Err(format!("packet {index} is shifted by {shift} µs, most are by {median} µs"))
        }
        None => Ok(median),
    }
}

mod tests {
    use super::*;

    fn packets(numbers: std::ops::Range<i64>, late_us: i64) -> Vec<Packet> {
        numbers
            .map(|n| Packet { dts_us: n * 33_333, pts_us: Some(n * 33_333 + late_us), hash: format!("{n}") })
            .collect()
    }

    #[test]
    fn an_excerpt_is_found_with_its_shift() {
        assert_eq!(excerpt(&packets(5..20, 700), &packets(0..30, 0), 0), Ok(700));
    }

    #[test]
    fn a_lost_a_doubled_and_a_changed_packet_are_found() {
        let source = packets(0..30, 0);
        let mut lost = packets(5..20, 0);
        lost.remove(4);
        assert!(
            excerpt(&lost, &source, 0)
                .unwrap_err()
                .contains("packet 4 should be number 9 of the file, but is Some(10)")
        );
        let mut doubled = packets(5..20, 0);
        doubled.insert(3, doubled[3].clone());
        assert!(excerpt(&doubled, &source, 0).is_err());
        let mut changed = packets(5..20, 0);
        changed[7].hash = "other".into();
        assert!(excerpt(&changed, &source, 0).unwrap_err().contains("but is None"));
    }

    #[test]
    fn a_time_that_jumps_is_found() {
        let mut track = packets(5..20, 0);
        track[9].pts_us = track[9].pts_us.map(|us| us + 40_000);
        assert!(excerpt(&track, &packets(0..30, 0), 0).is_err());
    }

    #[test]
    fn sound_that_comes_apart_from_the_picture_is_found() {
        let codecs = ["h264".to_owned(), "aac".to_owned()];
        let of = |late| Packets { codecs: codecs.clone(), tracks: [packets(0..90, 0), packets(0..90, late)] };
        let check = |late| of(late).check(&of(0), Clip::H264Aac, 2, DecodingTimes::Guessed);
        assert_eq!(check(10_000), Ok(()));
        assert!(check(30_000).unwrap_err().contains("apart"));
    }

    /// Whatever a reader is, it is compared with the file as FFmpeg 9 sees it.
    #[test]
    fn the_old_and_the_new_ffmpeg_see_the_same_packets_in_every_clip() {
        testkit::require!(ffmpeg5, ffmpeg9);
        for clip in [Clip::H264Aac, Clip::H264Opus, Clip::H265Aac, Clip::Av1Opus, Clip::Heavy] {
            let file = clip.file(&ffmpeg9);
            let [old, new] = [&ffmpeg5, &ffmpeg9].map(|ffmpeg| Packets::of_clip(ffmpeg, clip, &file));
            let seconds = super::super::clip::read_seconds();
            assert_eq!(old.check(&new, clip, seconds, DecodingTimes::Carried), Ok(()), "{clip:?}");
        }
    }
}
