//! What a controller found, for people and for programs.
use super::super::options::{HomekitOptions, Opens};
use super::super::report::{FPS_TOLERANCE, percentile, push_reason};
use super::lane::Seen;
use super::view::View;
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;

/// The outcome of a run of live views.
#[derive(Clone, Debug, Default, Serialize)]
pub struct HomekitReport {
    /// Views asked for.
    pub views: usize,
    /// Views that were started and of which something came, sound included where it was asked for.
    pub begun: usize,
    /// Refusals, views of which nothing came, and failures of the connection.
    pub failed: usize,
    /// Some of the reasons.
    pub reasons: Vec<String>,
    /// Packets were deciphered and pictures put together.
    pub deciphered: bool,
    /// How long was measured, all views being there.
    pub seconds: f64,
    /// What came meanwhile, of all views together, in Mbit/s.
    pub mbit_per_second: f64,
    /// The same in packets a second, reports included.
    pub packets_per_second: f64,
    /// Pictures a second meanwhile, of the view that got the fewest.
    pub fps_min: f64,
    /// The same, of the view that got the most.
    pub fps_max: f64,
    /// What was expected, if anything was.
    pub fps_expected: Option<f64>,
    /// Pictures, all views together, since the beginning.
    pub pictures: u64,
    /// Sender reports.
    pub reports: u64,
    /// Packets whose numbers did not come.
    pub gaps: u64,
    /// Packets that came late or twice.
    pub out_of_order: u64,
    /// Packets that could not be deciphered.
    pub refused: u64,
    /// Packets of another SSRC or payload type than was agreed on.
    pub strange: u64,
    /// Pictures or pieces of sound that are damaged.
    pub broken: u64,
    /// Made-up pictures whose number does not follow the one before.
    pub skipped: u64,
    /// Views that did not begin with a key frame and its parameter sets.
    pub wrong_start: u64,
    /// Packets that followed the end of their view.
    pub after_end: u64,
    /// Views that could not be ended, or whose streams are not free afterwards.
    pub stuck: usize,
    /// The pairing was removed.
    pub unpaired: bool,
    /// From the request to start a view to its first packet, in milliseconds: half of the views were faster.
    pub start_ms_p50: f64,
    /// The slowest.
    pub start_ms_max: f64,
    /// From the request for its endpoints, with which a view begins, to its first packet: half were faster.
    pub request_ms_p50: f64,
    /// The slowest.
    pub request_ms_max: f64,
    /// How long the answer to the end of a view took, in milliseconds: the slowest.
    pub end_ms_max: f64,
    /// CPU of this tool while it was measured.
    pub own_cpu_seconds: f64,
    /// CPU of the server meanwhile, of one core: 1.0 is all of it.
    pub server_cpu: Option<f64>,
    /// The same before the first view.
    pub server_cpu_before: Option<f64>,
    /// The same after the last view.
    pub server_cpu_after: Option<f64>,
    /// What the views cost: the difference to the mean of before and after.
    pub server_cpu_of_views: Option<f64>,
    /// The same by packet, in microseconds.
    pub server_cpu_us_per_packet: Option<f64>,
    /// Memory of the server with all views, in KiB.
    pub server_resident_kib: Option<u64>,
    /// What it has more for each view, in KiB.
    pub server_resident_kib_per_view: Option<f64>,
    /// The machine's load average over a minute, at the end.
    pub load_average: Option<f64>,
    #[serde(skip)]
    starts: Vec<Duration>,
    #[serde(skip)]
    requests: Vec<Duration>,
}

impl HomekitReport {
    pub(super) fn expecting(options: &HomekitOptions) -> Self {
        Self {
            views: options.views.into(),
            fps_expected: options.expect_fps,
            deciphered: options.check == Opens::All,
            ..Self::default()
        }
    }

    /// Something went wrong.
    pub(super) fn fail(&mut self, why: &str) {
        self.failed += 1;
        push_reason(&mut self.reasons, why);
    }

    /// Adds what a view saw.
    pub(super) fn add(&mut self, view: &View) {
        if view.has_begun() {
            self.begun += 1;
        } else {
            self.fail("nothing came of a view, or no sound");
        }
        if let Some((since_start, since_request)) = view.first_after() {
            self.starts.push(since_start);
            self.requests.push(since_request);
        }
        if let Some(after) = view.ended_after {
            self.end_ms_max = self.end_ms_max.max(after.as_secs_f64() * 1e3);
        }
        if let Some(why) = &view.stuck {
            self.stuck += 1;
            push_reason(&mut self.reasons, why);
        }
        self.add_seen(&view.seen());
    }

    fn add_seen(&mut self, seen: &Seen) {
        self.pictures += seen.pictures;
        self.reports += seen.reports;
        self.gaps += seen.gaps;
        self.out_of_order += seen.out_of_order;
        self.refused += seen.refused;
        self.strange += seen.strange;
        self.broken += seen.broken;
        self.skipped += seen.skipped;
        self.wrong_start += seen.wrong_start;
        self.after_end += seen.after_end;
    }

    /// Works out what follows from the rest.
    pub(super) fn finish(&mut self) {
        self.starts.sort_unstable();
        self.requests.sort_unstable();
        self.start_ms_p50 = percentile(&self.starts, 50);
        self.start_ms_max = percentile(&self.starts, 100);
        self.request_ms_p50 = percentile(&self.requests, 50);
        self.request_ms_max = percentile(&self.requests, 100);
        if let (Some(with), Some(before), Some(after)) =
            (self.server_cpu, self.server_cpu_before, self.server_cpu_after)
        {
            let of_views = with - f64::midpoint(before, after);
            self.server_cpu_of_views = Some(of_views);
            let packets = self.packets_per_second;
            self.server_cpu_us_per_packet = (packets > 0.0).then(|| of_views * 1e6 / packets);
        }
    }

    /// All was shown, nothing was lost, damaged or mixed up, and nothing is left.
    pub fn is_clean(&self) -> bool {
        let lost = self.gaps + self.out_of_order + self.skipped;
        let wrong = self.refused + self.strange + self.broken + self.wrong_start + self.after_end;
        let rate_fits = self.fps_expected.is_none_or(|fps| {
            self.fps_min > fps * (1.0 - FPS_TOLERANCE) && self.fps_max < fps * (1.0 + FPS_TOLERANCE)
        });
        let shown = self.begun == self.views && self.views > 0 && self.fps_min > 0.0;
        shown && rate_fits && lost + wrong == 0 && self.failed + self.stuck == 0 && self.unpaired
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<34} {value}");
        };
        row("views", format!("{} of {} begun, {} failed", self.begun, self.views, self.failed));
        for reason in &self.reasons {
            row("  failed because", reason.clone());
        }
        let Self { seconds, mbit_per_second, packets_per_second, .. } = self;
        row(
            "measured",
            format!("{seconds:.1} s, {mbit_per_second:.1} Mbit/s, {packets_per_second:.0} packets a second"),
        );
        let how = if self.deciphered { "whole ones" } else { "by their markers" };
        row("pictures", format!("{}, {how}; {} sender reports", self.pictures, self.reports));
        row("pictures a second and view", format!("{:.2} to {:.2}", self.fps_min, self.fps_max));
        row("gaps, out of order, skipped", format!("{}, {}, {}", self.gaps, self.out_of_order, self.skipped));
        row("refused, strange, broken", format!("{}, {}, {}", self.refused, self.strange, self.broken));
        row(
            "wrong starts, after the end, stuck",
            format!("{}, {}, {}", self.wrong_start, self.after_end, self.stuck),
        );
        row("pairing", if self.unpaired { "removed" } else { "LEFT BEHIND" }.to_owned());
        row("start to packet p50, max", format!("{:.1}, {:.1} ms", self.start_ms_p50, self.start_ms_max));
        row(
            "request to packet p50, max",
            format!("{:.1}, {:.1} ms", self.request_ms_p50, self.request_ms_max),
        );
        row("end, slowest", format!("{:.1} ms", self.end_ms_max));
        row("own CPU", format!("{:.2} s", self.own_cpu_seconds));
        if let (Some(with), Some(before), Some(after), Some(of_views)) =
            (self.server_cpu, self.server_cpu_before, self.server_cpu_after, self.server_cpu_of_views)
        {
            let [with, before, after, of_views] = [with, before, after, of_views].map(|cpu| cpu * 100.0);
            row("server CPU", format!("{with:.1} %; {before:.1} before, {after:.1} after the views"));
            row("server CPU of the views", format!("{of_views:.1} % of a core"));
        }
        if let Some(us) = self.server_cpu_us_per_packet {
            row("server CPU per packet", format!("{us:.2} µs"));
        }
        if let (Some(all), Some(each)) = (self.server_resident_kib, self.server_resident_kib_per_view) {
            row("server memory", format!("{all} KiB with all views: {each:.1} KiB a view"));
        }
        if let Some(load) = self.load_average {
            row("load average", format!("{load:.2}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_missing_or_wrong_spoils_a_run() {
        let clean = HomekitReport {
            views: 2,
            begun: 2,
            fps_min: 25.0,
            fps_max: 25.0,
            unpaired: true,
            ..Default::default()
        };
        assert!(clean.is_clean());
        let spoil: [fn(&mut HomekitReport); 15] = [
            |report| report.begun = 1,
            |report| report.failed = 1,
            |report| report.gaps = 1,
            |report| report.out_of_order = 1,
            |report| report.skipped = 1,
            |report| report.refused = 1,
            |report| report.strange = 1,
            |report| report.broken = 1,
            |report| report.wrong_start = 1,
            |report| report.after_end = 1,
            |report| report.stuck = 1,
            |report| report.unpaired = false,
            |report| report.fps_min = 0.0,
            |report| report.fps_expected = Some(30.0),
            |report| (report.views, report.begun) = (0, 0),
        ];
        for spoil in spoil {
            let mut report = clean.clone();
            spoil(&mut report);
            assert!(!report.is_clean(), "{report:?}");
        }
    }

    #[test]
    fn every_fault_of_a_view_is_told() {
        let seen = Seen {
            gaps: 1,
            out_of_order: 1,
            refused: 1,
            strange: 1,
            broken: 1,
            skipped: 1,
            wrong_start: 1,
            after_end: 1,
            ..Seen::default()
        };
        let mut report = HomekitReport::default();
        report.add_seen(&seen);
        let told = [report.gaps, report.out_of_order, report.refused, report.strange, report.broken];
        let more = [report.skipped, report.wrong_start, report.after_end];
        assert_eq!(told.iter().chain(&more).sum::<u64>(), seen.faults());
    }
}
