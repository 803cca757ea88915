//! The time of files: that of the stream's line, unless its clock lies. A camera that says 25 frames a second and sends 21
//! makes media of 50 minutes in an hour; its files have an hour all the same.
//!
//! A track that runs off wall time is followed by a loop of the second order (as a phase-locked loop is): the length of its
//! frames is stretched until both agree. Others are left as they are, to the tick. Networks only ever make frames late, so
//! what counts is the least lateness of each few seconds. Jumps of a clock that was anchored anew, where nothing is missing,
//! are taken out.
use media::{MediaTime, Track, TrackId, Unit, rescale};

/// A track may be off so far: 200 ms.
const OFF_MICROS: i64 = 200_000;
/// The least lateness is that of so long: 5 s. Stalls of a network are over by then.
const WINDOW_MICROS: i64 = 5_000_000;
/// A step of media time that differs so much from that of wall time is no step but a jump: 1 s.
const JUMP_MICROS: i64 = 1_000_000;
/// How fast the loop follows: it is right within about 8 s, and does not swing (damping 0.7).
const FOLLOW: f64 = 1.0 / 4.0;
const LEARN: f64 = 1.0 / 32.0;
/// Longest pause that is no gap, as in `cut`.
const PAUSE_MICROS: i64 = 10_000_000;

/// All tracks of a take.
#[derive(Default)]
pub(super) struct Pace(Vec<(TrackId, Lane)>);

struct Lane {
    /// The unit before: on the stream's line, in the files, on the wall.
    before: (i64, i64, i64),
    /// The least lateness (wall less file) of the first window.
    base: Option<i64>,
    /// When the present window began, and its least lateness.
    window: (i64, i64),
    /// How long its frames are, by how long they say they are, once it is followed.
    ratio: Option<f64>,
}

impl Pace {
    /// A unit with its times in the files.
    pub(super) fn place(&mut self, unit: &Unit, track: &Track) -> Unit {
        let shift = rescale(self.shift(unit, track), 1_000_000, track.clock_rate);
        Unit { dts: unit.dts + shift, pts: unit.pts + shift, ..unit.clone() }
    }

    /// What is to be added to a unit's times, in microseconds.
    fn shift(&mut self, unit: &Unit, track: &Track) -> i64 {
        let line = MediaTime::new(unit.dts, track.clock_rate).as_micros();
        let wall = unit.wall.as_micros();
        match self.0.iter_mut().find(|(id, _)| *id == unit.track) {
            Some((_, lane)) => lane.place(line, wall) - line,
            None => {
                let lane =
                    Lane { before: (line, line, wall), base: None, window: (wall, wall - line), ratio: None };
                self.0.push((unit.track, lane));
                0
            }
        }
    }

    /// What comes next does not follow what came.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// The clock was set.
    pub(super) fn redate(&mut self, micros: i64) {
        for (_, lane) in &mut self.0 {
            lane.before.2 += micros;
            lane.base = lane.base.map(|base| base + micros);
            lane.window = (lane.window.0 + micros, lane.window.1 + micros);
        }
    }
}

impl Lane {
    /// Where a unit comes to lie in the files.
    fn place(&mut self, line: i64, wall: i64) -> i64 {
        let (line_before, file_before, wall_before) = self.before;
        let (mut step, wall_step) = (line - line_before, wall - wall_before);
        let jumped = (step - wall_step).abs() > JUMP_MICROS
            && (0..PAUSE_MICROS).contains(&wall_step)
            && !(0..=JUMP_MICROS * 2).contains(&step);
        if jumped {
            step = wall_step.max(1);
        }
        let mut file = file_before + step;
        if let (Some(ratio), Some(base)) = (&mut self.ratio, self.base) {
            let off = (wall - file - base) as f64 / 1e6;
            let step = step as f64 / 1e6;
            *ratio = (*ratio + off * step * LEARN).clamp(0.25, 4.0);
            file = file_before + (((step * *ratio + off * step * FOLLOW) * 1e6) as i64).max(1);
        }
        self.before = (line, file, wall);
        self.window.1 = self.window.1.min(wall - file);
        if wall - self.window.0 >= WINDOW_MICROS {
            let base = *self.base.get_or_insert(self.window.1);
            if (self.window.1 - base).abs() > OFF_MICROS {
                self.ratio.get_or_insert(1.0);
            }
            self.window = (wall, i64::MAX);
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use media::{Codec, CodecParams, Moment, WallTime};

    fn unit(dts: i64, wall: i64) -> Unit {
        Unit {
            track: 0,
            pts: dts,
            dts,
            arrival: Moment::ZERO,
            wall: WallTime::from_micros(wall),
            keyframe: false,
            discontinuity: false,
            data: Bytes::new(),
        }
    }

    #[test]
    fn an_honest_clock_is_left_alone_whatever_the_network_does() {
        let track = Track::video(0, Codec::H264, CodecParams::None);
        let mut pace = Pace::default();
        for frame in 0..10_000_i64 {
            // Frames come late now and then, for three seconds.
            let late = if frame % 1000 < 75 { (75 - frame % 1000) * 40_000 } else { frame * 7919 % 30_000 };
            let shift = pace.shift(&unit(frame * 3600, frame * 40_000 + late), &track);
            assert_eq!(shift, 0, "frame {frame}");
        }
    }

    #[test]
    fn a_camera_that_says_25_and_sends_21_has_files_as_long_as_they_took() {
        let track = Track::video(0, Codec::H264, CodecParams::None);
        let mut pace = Pace::default();
        let (mut line, mut before) = (0_i64, i64::MIN);
        for frame in 0..21 * 600_i64 {
            let wall = frame * 1_000_000 / 21;
            // As the stream's line does it: anchored anew when it is five seconds off.
            line += 40_000;
            if wall - line > 5_000_000 {
                line = wall;
            }
            let file = line + pace.shift(&unit(line * 9 / 100, wall + frame * 7919 % 20_000), &track);
            assert!(file > before);
            before = file;
            if frame > 21 * 60 {
                assert!((file - wall).abs() < 100_000, "frame {frame} is {} ms off", (file - wall) / 1000);
            }
        }
    }
}
