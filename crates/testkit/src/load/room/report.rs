//! What a meeting found, for people and for programs.
use super::Participant;
use crate::load::options::RoomOptions;
use crate::load::report::{percentile, push_reason};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// The outcome of a meeting.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RoomReport {
    /// Participants asked for.
    pub participants: usize,
    /// Participants that came in.
    pub joined: usize,
    /// Participants that never came in or were cut.
    pub failed: usize,
    /// Some of the reasons.
    pub reasons: Vec<String>,
    /// Media that are to be received, all receivers together.
    pub consumers_expected: usize,
    /// Media that were offered.
    pub consumers: usize,
    /// Media of which nothing came that could be decoded.
    pub silent: usize,
    /// Whether packets are lost on purpose: then frames may break.
    pub lossy: bool,
    /// Whether packets are looked into.
    pub verified: bool,
    /// How long was measured, once all were offered all.
    pub seconds: f64,
    /// Received meanwhile, of all kinds.
    pub datagrams_received: u64,
    /// Of those.
    pub bytes_received: u64,
    /// Pictures that could be decoded, all receivers together, since the beginning.
    pub frames_decodable: u64,
    /// Pictures with a part missing, or with nothing to refer to.
    pub frames_broken: u64,
    /// Times of more than 500 ms without a picture.
    pub freezes: u64,
    /// From a loss to the next whole picture, in milliseconds: the longest.
    pub recovery_ms_max: f64,
    /// Packets that were not repaired in time.
    pub sequence_gaps: u64,
    /// What must not be whatever the network does, and how often.
    pub faults: BTreeMap<String, u64>,
    /// From the knock to the end of joining, sending included, in milliseconds: half of the participants were faster.
    pub join_ms_p50: f64,
    /// The slowest.
    pub join_ms_max: f64,
    /// From the offer of a picture to its first decodable frame, in milliseconds: half were faster.
    pub first_frame_ms_p50: f64,
    /// The same: 95 %.
    pub first_frame_ms_p95: f64,
    /// The slowest.
    pub first_frame_ms_max: f64,
    /// From the knock to the first picture of anybody, in milliseconds: half of the participants were faster. Where they
    /// all come at once, they wait for one another.
    pub knock_to_picture_ms_p50: f64,
    /// The slowest.
    pub knock_to_picture_ms_max: f64,
    /// CPU of this tool while it was measured.
    pub own_cpu_seconds: f64,
    /// CPU of the server meanwhile.
    pub server_cpu_seconds: Option<f64>,
    /// CPU of the server by datagram that the bots received, in microseconds.
    pub server_cpu_us_per_datagram: Option<f64>,
    /// Memory of the server at the end, in KiB.
    pub server_resident_kib: Option<u64>,
    /// What it has more than before, for each participant, in KiB.
    pub server_resident_kib_per_participant: Option<f64>,
    #[serde(skip)]
    joins: Vec<Duration>,
    #[serde(skip)]
    first_frames: Vec<Duration>,
    #[serde(skip)]
    knocks: Vec<Duration>,
}

impl RoomReport {
    pub(super) fn expecting(options: &RoomOptions) -> Self {
        let participants = usize::from(options.participants);
        let of = |wanted: Option<u16>| usize::from(wanted.unwrap_or(options.participants)).min(participants);
        let media = of(options.cameras) + of(options.microphones);
        Self {
            participants,
            consumers_expected: media * participants.saturating_sub(1),
            lossy: options.loss_per_mille > 0,
            verified: options.verify.looks_inside(),
            ..Self::default()
        }
    }

    /// Adds what one saw.
    pub(super) fn add(&mut self, one: &Participant) {
        self.joined += usize::from(one.joined.is_some());
        self.joins.extend(one.joined);
        if let Some(why) = &one.failed {
            self.failed += 1;
            push_reason(&mut self.reasons, why);
        }
        for transport in &one.transports {
            match transport.report() {
                Ok(report) if report.ended.is_none() => {}
                Ok(report) => push_reason(&mut self.reasons, &format!("a transport: {:?}", report.ended)),
                Err(error) => push_reason(&mut self.reasons, &error.to_string()),
            }
        }
        let mut first: Option<Duration> = None;
        for view in &one.views {
            self.consumers += 1;
            let Ok(seen) = view.viewing.report() else {
                self.silent += 1;
                continue;
            };
            self.silent += usize::from(seen.packets == 0 || view.video && seen.frames_decodable == 0);
            if view.video {
                self.frames_decodable += seen.frames_decodable;
                self.frames_broken += seen.frames_broken;
                self.freezes += seen.freezes;
            }
            self.sequence_gaps += seen.sequence_gaps;
            self.recovery_ms_max = self.recovery_ms_max.max(seen.longest_recovery.as_secs_f64() * 1e3);
            for fault in seen.faults() {
                let (count, what) = fault.split_once(' ').unwrap_or(("1", &fault));
                *self.faults.entry(what.to_owned()).or_default() += count.parse::<u64>().unwrap_or(1);
            }
            if let Some(frame) = seen.first_decodable_frame.filter(|_| view.video) {
                self.first_frames.push(frame);
                let since_knock = view.offered + frame;
                first = Some(first.map_or(since_knock, |first| first.min(since_knock)));
            }
        }
        self.knocks.extend(first);
        self.knocks.sort_unstable();
        self.knock_to_picture_ms_p50 = percentile(&self.knocks, 50);
        self.knock_to_picture_ms_max = percentile(&self.knocks, 100);
        self.joins.sort_unstable();
        self.first_frames.sort_unstable();
        self.join_ms_p50 = percentile(&self.joins, 50);
        self.join_ms_max = percentile(&self.joins, 100);
        self.first_frame_ms_p50 = percentile(&self.first_frames, 50);
        self.first_frame_ms_p95 = percentile(&self.first_frames, 95);
        self.first_frame_ms_max = percentile(&self.first_frames, 100);
    }

    pub(super) fn set_server_cpu(&mut self, cpu: Duration) {
        self.server_cpu_seconds = Some(cpu.as_secs_f64());
        let datagrams = self.datagrams_received;
        self.server_cpu_us_per_datagram = (datagrams > 0).then(|| cpu.as_secs_f64() * 1e6 / datagrams as f64);
    }

    /// All met all, and nothing was mixed up, broken or cut. Where packets are lost on purpose, frames may break.
    pub fn is_clean(&self) -> bool {
        let met = self.joined == self.participants && self.consumers == self.consumers_expected;
        let whole = self.lossy || self.frames_broken + self.sequence_gaps == 0;
        let seen = !self.verified || self.silent == 0;
        met && whole && seen && self.failed == 0 && self.faults.is_empty() && self.reasons.is_empty()
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<34} {value}");
        };
        row(
            "participants",
            format!("{} of {} joined, {} failed", self.joined, self.participants, self.failed),
        );
        for reason in &self.reasons {
            row("  failed because", reason.clone());
        }
        let Self { consumers, consumers_expected, silent, .. } = self;
        row("media received", format!("{consumers} of {consumers_expected}, {silent} without anything"));
        let gbit = self.bytes_received as f64 * 8.0 / 1e9 / self.seconds.max(1e-9);
        let packets = self.datagrams_received as f64 / self.seconds.max(1e-9);
        row("measured", format!("{:.1} s, {gbit:.3} Gbit/s, {packets:.0} datagrams a second", self.seconds));
        row("pictures", format!("{} decodable, {} broken", self.frames_decodable, self.frames_broken));
        row("freezes, gaps", format!("{}, {}", self.freezes, self.sequence_gaps));
        row("longest recovery", format!("{:.0} ms", self.recovery_ms_max));
        for (fault, count) in &self.faults {
            row("  fault", format!("{count} {fault}"));
        }
        row("joining p50, max", format!("{:.0}, {:.0} ms", self.join_ms_p50, self.join_ms_max));
        let [half, most, max] = [self.first_frame_ms_p50, self.first_frame_ms_p95, self.first_frame_ms_max];
        row("offer to picture p50, p95, max", format!("{half:.0}, {most:.0}, {max:.0} ms"));
        let [half, max] = [self.knock_to_picture_ms_p50, self.knock_to_picture_ms_max];
        row("knock to a picture p50, max", format!("{half:.0}, {max:.0} ms"));
        row("own CPU", format!("{:.2} s", self.own_cpu_seconds));
        if let (Some(cpu), Some(each)) = (self.server_cpu_seconds, self.server_cpu_us_per_datagram) {
            row("server CPU", format!("{cpu:.2} s, {each:.2} µs a datagram"));
        }
        if let (Some(all), Some(each)) = (self.server_resident_kib, self.server_resident_kib_per_participant)
        {
            row("server memory", format!("{all} KiB at the end: {each:.0} KiB a participant"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_missing_or_wrong_spoils_a_meeting() {
        let clean = RoomReport {
            participants: 3,
            joined: 3,
            consumers_expected: 6,
            consumers: 6,
            verified: true,
            ..RoomReport::default()
        };
        assert!(clean.is_clean());
        let spoil: [fn(&mut RoomReport); 8] = [
            |report| report.joined = 2,
            |report| report.consumers = 5,
            |report| report.silent = 1,
            |report| report.failed = 1,
            |report| report.frames_broken = 1,
            |report| report.sequence_gaps = 1,
            |report| report.faults = BTreeMap::from([("packets of another producer".into(), 1)]),
            |report| report.reasons.push("a transport: lost".into()),
        ];
        for spoil in spoil {
            let mut report = clean.clone();
            spoil(&mut report);
            assert!(!report.is_clean(), "{report:?}");
        }
        let lossy = RoomReport { lossy: true, frames_broken: 1, sequence_gaps: 1, ..clean.clone() };
        assert!(lossy.is_clean(), "where packets are lost, pictures break");
    }
}
