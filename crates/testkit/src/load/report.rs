//! What a run found, for people and for programs.
use super::watch::{Life, Tally};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Different reasons for failures that are told: 5.
const REASONS_MAX: usize = 5;

/// How far a frame rate may be from what is expected.
pub(super) const FPS_TOLERANCE: f64 = 0.02;

/// The outcome of a run of readers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// `rtsp`, `rtmp`, `flv`, `mp4`, `mse` or `whep`.
    pub protocol: String,
    /// Readers asked for.
    pub readers: usize,
    /// Readers that got media.
    pub connected: usize,
    /// Readers that got media and still did at the end.
    pub alive: usize,
    /// Readers that never got media or were cut.
    pub failed: usize,
    /// Some of the reasons.
    pub reasons: Vec<String>,
    /// How long was measured, all readers being there.
    pub seconds: f64,
    /// Bytes that came meanwhile.
    pub bytes: u64,
    /// The same as a rate.
    pub gbit_per_second: f64,
    /// RTP packets a second; 0 for protocols without.
    pub packets_per_second: f64,
    /// Frames of the first track a second, of the reader that got the fewest. 0 where they are not looked at.
    pub fps_min: f64,
    /// The same, of the reader that got the most.
    pub fps_max: f64,
    /// What was expected, if anything was.
    pub fps_expected: Option<f64>,
    /// Frames, all readers together.
    pub frames: u64,
    /// Missing packets or frames.
    pub gaps: u64,
    /// Packets or frames with a time or number before that of the one before.
    pub out_of_order: u64,
    /// Frames whose content was compared with what another reader saw.
    pub compared: u64,
    /// Frames that another reader saw otherwise.
    pub mismatches: u64,
    /// Which simulated cameras were seen, if that was asked for.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub marks: BTreeSet<u16>,
    /// From the start of the connection to the first byte of a frame, in milliseconds: half of the readers were faster.
    pub first_byte_ms_p50: f64,
    /// The same: 95 % were faster.
    pub first_byte_ms_p95: f64,
    /// The slowest.
    pub first_byte_ms_max: f64,
    /// With `fps_expected`: how much later pictures came than at that rate, counted from the one that was least late, of
    /// each reader, in milliseconds: half of them.
    pub delay_ms_p50: Option<f64>,
    /// The same: 99 %.
    pub delay_ms_p99: Option<f64>,
    /// The latest.
    pub delay_ms_max: Option<f64>,
    /// CPU of this tool while it was measured.
    pub own_cpu_seconds: f64,
    /// CPU of the server meanwhile.
    pub server_cpu_seconds: Option<f64>,
    /// CPU of the server a second before the first reader came.
    pub server_cpu_idle: Option<f64>,
    /// CPU of the server by what it delivered.
    pub server_cpu_seconds_per_gbit: Option<f64>,
    /// CPU of the server by packet, in microseconds.
    pub server_cpu_us_per_packet: Option<f64>,
    /// Memory of the server before the first reader, in KiB.
    pub server_resident_kib_before: Option<u64>,
    /// Memory of the server at the end, in KiB.
    pub server_resident_kib_after: Option<u64>,
    /// What it has more for each reader, in KiB.
    pub server_resident_kib_per_reader: Option<f64>,
    /// The machine's load average over a minute, at the end.
    pub load_average: Option<f64>,
}

impl Report {
    /// Adds what the readers saw.
    pub(super) fn add_readers(&mut self, readers: &[Tally]) {
        self.readers = readers.len();
        for tally in readers {
            self.connected += usize::from(tally.first_byte.is_some());
            self.alive += usize::from(tally.life == Life::Playing);
            self.failed += usize::from(tally.life != Life::Playing);
            self.frames += tally.frames;
            self.gaps += tally.gaps;
            self.out_of_order += tally.disorder;
            self.compared += tally.compared;
            self.mismatches += tally.mismatches;
            self.marks.extend(tally.marks.iter().flatten());
            let reason = match &tally.life {
                Life::Playing => continue,
                Life::Joining => "no media came",
                Life::Failed(why) => why,
            };
            push_reason(&mut self.reasons, reason);
        }
        if let Some(fps) = self.fps_expected {
            let of_one = |tally: &Tally| delays(tally.arrivals.as_deref().unwrap_or_default(), fps);
            let mut delays: Vec<Duration> = readers.iter().flat_map(of_one).collect();
            delays.sort_unstable();
            self.delay_ms_p50 = Some(percentile(&delays, 50));
            self.delay_ms_p99 = Some(percentile(&delays, 99));
            self.delay_ms_max = Some(percentile(&delays, 100));
        }
        let mut first: Vec<Duration> = readers.iter().filter_map(|tally| tally.first_byte).collect();
        first.sort_unstable();
        self.first_byte_ms_p50 = percentile(&first, 50);
        self.first_byte_ms_p95 = percentile(&first, 95);
        self.first_byte_ms_max = percentile(&first, 100);
    }

    /// Nothing was lost, mixed up or cut.
    pub fn is_clean(&self) -> bool {
        let faults = self.failed as u64 + self.gaps + self.out_of_order + self.mismatches;
        let rate_fits = self.fps_expected.is_none_or(|fps| {
            self.fps_min > fps * (1.0 - FPS_TOLERANCE) && self.fps_max < fps * (1.0 + FPS_TOLERANCE)
        });
        faults == 0 && rate_fits && self.connected == self.readers && self.readers > 0
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<34} {value}");
        };
        row("protocol", self.protocol.clone());
        row(
            "readers",
            format!(
                "{} of {} connected, {} alive, {} failed",
                self.connected, self.readers, self.alive, self.failed
            ),
        );
        for reason in &self.reasons {
            row("  failed because", reason.clone());
        }
        row("measured", format!("{:.1} s, {:.3} Gbit/s", self.seconds, self.gbit_per_second));
        if self.packets_per_second > 0.0 {
            row("packets", format!("{:.0} a second", self.packets_per_second));
        }
        row("frames", format!("{}, {} compared with another reader's", self.frames, self.compared));
        row("pictures a second and reader", format!("{:.2} to {:.2}", self.fps_min, self.fps_max));
        row(
            "gaps, out of order, mismatches",
            format!("{}, {}, {}", self.gaps, self.out_of_order, self.mismatches),
        );
        row(
            "first byte p50, p95, max",
            format!(
                "{:.1}, {:.1}, {:.1} ms",
                self.first_byte_ms_p50, self.first_byte_ms_p95, self.first_byte_ms_max
            ),
        );
        if let (Some(half), Some(most), Some(max)) = (self.delay_ms_p50, self.delay_ms_p99, self.delay_ms_max)
        {
            row("delay of pictures p50, p99, max", format!("{half:.1}, {most:.1}, {max:.1} ms"));
        }
        row("own CPU", format!("{:.2} s", self.own_cpu_seconds));
        if let Some(cpu) = self.server_cpu_seconds {
            let per_gbit = self.server_cpu_seconds_per_gbit.unwrap_or_default();
            row("server CPU", format!("{cpu:.2} s, {per_gbit:.4} CPU-s per Gbit"));
        }
        if let Some(idle) = self.server_cpu_idle {
            row("server CPU before the readers", format!("{:.1} %", idle * 100.0));
        }
        if let Some(us) = self.server_cpu_us_per_packet {
            row("server CPU per packet", format!("{us:.2} µs"));
        }
        if let (Some(before), Some(after), Some(each)) = (
            self.server_resident_kib_before,
            self.server_resident_kib_after,
            self.server_resident_kib_per_reader,
        ) {
            row("server memory", format!("{before} KiB before, {after} after: {each:.1} KiB a reader"));
        }
        if let Some(load) = self.load_average {
            row("load average", format!("{load:.2}"));
        }
        text
    }
}

/// How late each picture was at a rate, counted from the one that was least late.
fn delays(arrivals: &[Instant], fps: f64) -> Vec<Duration> {
    let Some(first) = arrivals.first() else { return Vec::new() };
    let late = |(number, at): (usize, &Instant)| (*at - *first).as_secs_f64() - number as f64 / fps;
    let late: Vec<f64> = arrivals.iter().enumerate().map(late).collect();
    let least = late.iter().copied().fold(0.0, f64::min);
    late.into_iter().map(|late| Duration::from_secs_f64((late - least).max(0.0))).collect()
}

/// Adds a reason that is not there yet, if there is room.
pub(super) fn push_reason(reasons: &mut Vec<String>, reason: &str) {
    if reasons.len() < REASONS_MAX && !reasons.iter().any(|known| known == reason) {
        reasons.push(reason.to_owned());
    }
}

pub(super) fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).map_or(0.0, |value| value.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playing() -> Tally {
        Tally { life: Life::Playing, first_byte: Some(Duration::from_millis(3)), ..Tally::default() }
    }

    #[test]
    fn one_bad_reader_of_many_spoils_a_run() {
        let spoil: [fn(&mut Tally); 5] = [
            |tally| tally.gaps = 1,
            |tally| tally.disorder = 1,
            |tally| tally.mismatches = 1,
            |tally| tally.life = Life::Failed("cut".to_owned()),
            |tally| (tally.life, tally.first_byte) = (Life::Joining, None),
        ];
        let clean = |readers: &[Tally]| {
            let mut report = Report::default();
            report.add_readers(readers);
            report.is_clean()
        };
        assert!(clean(&[playing(), playing()]));
        assert!(!clean(&[]));
        for spoil in spoil {
            let mut readers = [playing(), playing()];
            spoil(&mut readers[1]);
            assert!(!clean(&readers), "{readers:?}");
        }
    }

    #[test]
    fn a_picture_is_late_by_what_it_came_behind_the_one_that_was_least_late() {
        let begun = Instant::now();
        let arrivals: Vec<Instant> =
            [30, 40, 80, 150, 160].map(|ms| begun + Duration::from_millis(ms)).to_vec();
        let found = delays(&arrivals, 25.0);
        assert_eq!(
            found.iter().map(|delay| (delay.as_secs_f64() * 1e3).round()).collect::<Vec<_>>(),
            [30.0, 0.0, 0.0, 30.0, 0.0]
        );
        assert!(delays(&[], 25.0).is_empty());
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!([50, 95, 100].map(|percent| percentile(&values, percent)), [50.0, 95.0, 100.0]);
        assert_eq!(percentile(&[], 50), 0.0);
    }
}
