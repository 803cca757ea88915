//! Each kind × event; what starts an alert and, more important, what does not.
use super::*;
use bytes::Bytes;
use media::{Codec, CodecParams, Kind};
use std::fmt::Write as _;

const REFUSED: &str = "10.0.0.9 refuses connections to port 554: check the port, and that the service runs";

fn tracks() -> [Track; 2] {
    [
        Track::video(0, Codec::H264, CodecParams::None),
        Track::audio(1, Codec::Aac, 48_000, 2, CodecParams::None),
    ]
}

/// A stream with two sources, the second a fallback, and one output, where the test says what happens.
struct Stage {
    alerts: Alerts,
    now: Moment,
    /// When each track was last heard; `None`: nobody sends it.
    sent: [Option<Option<Moment>>; 2],
    source: Option<usize>,
    on_request: bool,
    /// Millionths that the sender's clock is slow.
    ppm: i64,
    told: Vec<AlertOutput>,
}

impl Stage {
    fn new() -> Self {
        let mut alerts = Alerts::new(AlertLimits::default());
        let now = Moment::from_millis(1_000_000);
        let slate = SourceTraits { fallback: true, repeats: false, pauses: false };
        alerts.handle_spec(&[SourceTraits::default(), slate], 1, now);
        let (sent, told) = ([None; 2], Vec::new());
        Self { alerts, now, sent, source: Some(0), on_request: false, ppm: 0, told }
    }

    fn live() -> Self {
        let mut stage = Self::new();
        stage.state(SourceState::Connecting);
        stage.state(SourceState::Live(stage.now));
        stage.pass(1, "PK");
        stage
    }

    fn drain(&mut self) {
        loop {
            match self.alerts.poll_output(self.now) {
                AlertOutput::WaitUntil(at) => {
                    assert!(at > self.now, "it wants to be polled for ever");
                    return;
                }
                told @ (AlertOutput::Started(_) | AlertOutput::Ended { .. }) => self.told.push(told),
            }
        }
    }

    fn state(&mut self, state: SourceState) {
        let error = matches!(state, SourceState::Backoff { .. } | SourceState::GaveUp).then_some(REFUSED);
        self.alerts.handle_source(0, &state, error, self.now);
        self.drain();
    }

    fn backoff(&mut self) {
        self.state(SourceState::Backoff { until: self.now + Duration::from_secs(1) });
    }

    fn output(&mut self, state: &SourceState) {
        let error = matches!(state, SourceState::GaveUp).then_some("the intercom says 403");
        self.alerts.handle_output(0, state, error, self.now);
        self.drain();
    }

    fn killed(&mut self) {
        self.alerts.handle_killed(0, "ffmpeg ended by SIGKILL", self.now);
        self.backoff();
    }

    /// Time passes. Each second has what `what` says: `P` a picture, `K` a key frame unlike others, `S` always the same
    /// one, `A` audio, `.` nothing.
    fn pass(&mut self, seconds: u64, what: &str) {
        for _ in 0..seconds {
            self.lines();
            for kind in what.chars() {
                self.now += Duration::from_millis(100);
                self.unit(kind);
            }
            self.now += Duration::from_millis(1000 - 100 * what.len() as u64);
            self.lines();
            self.drain();
        }
    }

    fn unit(&mut self, kind: char) {
        let tracks = tracks();
        let index = usize::from(kind == 'A');
        let track = &tracks[index];
        if kind == '.' {
            return;
        }
        // Before the first look at the lines nothing is known of a track.
        if self.sent[index].is_none() {
            self.sent[index] = Some(None);
            self.lines();
        }
        self.sent[index] = Some(Some(self.now));
        let micros = (self.now.as_nanos() / 1000) as i64;
        let micros = micros - micros * self.ppm / 1_000_000;
        let ticks = media::rescale(micros, 1_000_000, track.clock_rate);
        let data =
            if kind == 'S' { Bytes::from_static(b"slate") } else { vec![1; ticks as usize % 999].into() };
        let unit = Unit {
            track: track.id,
            pts: ticks,
            dts: ticks,
            arrival: self.now,
            wall: WallTime::default(),
            keyframe: kind != 'P',
            discontinuity: false,
            data,
        };
        self.alerts.handle_unit(&unit, track, self.now);
    }

    fn lines(&mut self) {
        let tracks = tracks();
        let facts = tracks.iter().zip(self.sent).filter_map(|(track, heard_at)| {
            let (source, heard_at) = (self.source, heard_at?);
            Some(LineFacts { track, source, heard_at, keyframes_on_request: self.on_request })
        });
        self.alerts.handle_lines(facts, self.now);
        for index in 0..2 {
            let sent =
                tracks.iter().zip(self.sent).filter(|(_, sent)| sent.is_some() && self.source == Some(index));
            let kinds: Vec<Kind> = sent.map(|(track, _)| track.kind()).collect();
            self.alerts.handle_declared(index, &kinds, self.now);
        }
        self.drain();
    }

    fn said(&self) -> Vec<String> {
        self.told.iter().map(say).collect()
    }

    fn running(&self) -> Vec<&'static str> {
        self.alerts.running().map(|alert| alert.kind.as_str()).collect()
    }
}

fn say(told: &AlertOutput) -> String {
    match told {
        AlertOutput::Started(alert) => format!("{} starts: {}", alert.kind.as_str(), alert.detail),
        AlertOutput::Ended { alert, lasted, why } => {
            format!("{} ends after {} s: {why}", alert.kind.as_str(), lasted.as_secs())
        }
        AlertOutput::WaitUntil(_) => "drained".into(),
    }
}

/// A stage on which an alert of this kind runs.
fn raised(kind: AlertKind) -> Stage {
    let mut stage = match kind {
        AlertKind::SourceDown | AlertKind::GaveUp | AlertKind::TalkFailed => Stage::new(),
        AlertKind::Flapping
        | AlertKind::ChildKilled
        | AlertKind::TrackMissing
        | AlertKind::Frozen
        | AlertKind::ClockDrift => Stage::live(),
    };
    match kind {
        AlertKind::SourceDown => {
            stage.state(SourceState::Connecting);
            stage.backoff();
            stage.pass(30, ".");
        }
        AlertKind::GaveUp => {
            stage.state(SourceState::Connecting);
            stage.state(SourceState::GaveUp);
        }
        AlertKind::Flapping => {
            for _ in 0..5 {
                stage.pass(10, "PKA");
                stage.backoff();
                stage.state(SourceState::Connecting);
                stage.state(SourceState::Live(stage.now));
            }
        }
        AlertKind::ChildKilled => stage.killed(),
        AlertKind::TrackMissing => {
            stage.pass(5, "PKA");
            stage.pass(12, "PK");
        }
        AlertKind::Frozen => stage.pass(23, "PSA"),
        AlertKind::ClockDrift => {
            stage.ppm = 2500;
            stage.pass(80, "PKA");
        }
        AlertKind::TalkFailed => stage.output(&SourceState::GaveUp),
    }
    assert_eq!(stage.running(), [kind.as_str()], "{:#?}", stage.said());
    stage
}

type Happening = (&'static str, fn(&mut Stage));

const HAPPENINGS: [Happening; 16] = [
    ("the source connects", |stage| stage.state(SourceState::Connecting)),
    ("the source is live", |stage| stage.state(SourceState::Live(stage.now))),
    ("the source backs off", Stage::backoff),
    ("the source gives up", |stage| stage.state(SourceState::GaveUp)),
    ("nobody wants the source", |stage| stage.state(SourceState::Idle)),
    ("the source is removed", |stage| stage.state(SourceState::Removed)),
    ("its child is killed", Stage::killed),
    ("20 s of everything", |stage| stage.pass(20, "PKA")),
    ("5 min of everything", |stage| {
        stage.ppm = 0;
        stage.pass(300, "PKA");
    }),
    ("20 s of silence", |stage| stage.pass(20, ".")),
    ("20 s of audio", |stage| stage.pass(20, "A")),
    ("20 s of the same key frame", |stage| stage.pass(20, "PSA")),
    ("the publisher leaves", |stage| {
        stage.sent = [None; 2];
        stage.lines();
    }),
    ("the fallback sends", |stage| {
        stage.source = Some(1);
        stage.lines();
    }),
    ("the output connects", |stage| stage.output(&SourceState::Connecting)),
    ("the stream is removed", |stage| {
        stage.alerts.end_all("the stream was removed", stage.now);
        stage.drain();
    }),
];

#[test]
fn every_kind_and_event() {
    let mut table = String::new();
    for kind in AlertKind::ALL {
        let stage = raised(kind);
        let detail = stage.alerts.running().next().map(|alert| alert.detail.clone()).unwrap_or_default();
        writeln!(table, "{}: {detail}", kind.as_str()).unwrap();
        for (what, happen) in HAPPENINGS {
            let mut stage = raised(kind);
            let before = stage.told.len();
            happen(&mut stage);
            let said = &stage.said()[before..];
            writeln!(table, "  {what}: {}", if said.is_empty() { "–".into() } else { said.join("; ") })
                .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_alert_has_one_start_and_one_end_of_its_own() {
    let mut all = std::collections::BTreeSet::new();
    for kind in AlertKind::ALL {
        for (_, happen) in HAPPENINGS {
            let mut stage = raised(kind);
            happen(&mut stage);
            stage.alerts.end_all("the stream was removed", stage.now);
            stage.drain();
            assert!(stage.running().is_empty());
            let mut open = std::collections::BTreeMap::new();
            for told in &stage.told {
                match told {
                    AlertOutput::Started(alert) => {
                        assert!(all.insert(alert.id), "an id twice");
                        assert!(open.insert(alert.id, alert.clone()).is_none());
                    }
                    AlertOutput::Ended { alert, .. } => {
                        assert_eq!(open.remove(&alert.id), Some(alert.clone()))
                    }
                    AlertOutput::WaitUntil(_) => {}
                }
            }
            assert!(open.is_empty(), "no end: {open:?}");
        }
    }
}

#[test]
fn an_hour_of_a_good_camera_is_no_alert() {
    let mut stage = Stage::live();
    stage.pass(3600, "PKAPPPAPP");
    assert_eq!(stage.said(), [""; 0]);
}

#[test]
fn a_camera_that_restarts_once_a_minute_for_ten_seconds_flaps_but_is_not_down() {
    let mut stage = Stage::live();
    for _ in 0..5 {
        stage.pass(50, "PKA");
        stage.backoff();
        stage.pass(10, ".");
        stage.state(SourceState::Live(stage.now));
    }
    assert_eq!(stage.running(), ["flapping"]);
    let mut slower = Stage::live();
    for _ in 0..8 {
        slower.pass(80, "PKA");
        slower.backoff();
        slower.state(SourceState::Live(slower.now));
    }
    assert_eq!(slower.said(), [""; 0]);
}

#[test]
fn viewers_who_come_and_go_are_no_trouble_of_the_source() {
    let mut stage = Stage::new();
    for _ in 0..20 {
        stage.state(SourceState::Connecting);
        stage.pass(20, ".");
        stage.state(SourceState::Live(stage.now));
        stage.pass(5, "PKA");
        stage.sent = [None; 2];
        stage.state(SourceState::Idle);
        // What is told to stop may be stopped by a signal.
        stage.alerts.handle_killed(0, "ffmpeg ended by SIGKILL", stage.now);
    }
    assert_eq!(stage.said(), [""; 0]);
}

#[test]
fn a_source_that_gives_up_after_it_was_down_is_both_and_a_retry_ends_only_one() {
    let mut stage = raised(AlertKind::SourceDown);
    stage.state(SourceState::GaveUp);
    assert_eq!(stage.running(), ["source_down", "gave_up"]);
    stage.state(SourceState::Connecting);
    assert_eq!(stage.running(), ["source_down"]);

    let mut refused = raised(AlertKind::GaveUp);
    refused.pass(600, ".");
    refused.state(SourceState::Connecting);
    assert_eq!(refused.running(), [""; 0], "a fresh try has its 30 s");
}

#[test]
fn a_camera_that_comes_back_without_its_picture_misses_it() {
    let mut stage = Stage::live();
    stage.pass(5, "PKA");
    stage.backoff();
    stage.sent = [None; 2];
    stage.pass(3, ".");
    stage.state(SourceState::Live(stage.now));
    stage.pass(12, "A");
    assert_eq!(stage.running(), ["track_missing"]);
    assert!(stage.said()[0].contains("source 0 has been sending no video for 10 s"), "{:?}", stage.said());
    stage.pass(1, "KPA");
    assert_eq!(stage.said()[1], "track_missing ends after 12 s: it is there again");
}

#[test]
fn a_track_that_is_promised_and_never_comes_is_missing() {
    let mut stage = Stage::live();
    stage.sent[1] = Some(None);
    stage.pass(9, "PK");
    assert_eq!(stage.running(), [""; 0]);
    stage.pass(2, "PK");
    assert_eq!(stage.running(), ["track_missing"]);
}

#[test]
fn long_groups_of_pictures_are_taken_and_endless_ones_are_not() {
    let mut stage = Stage::live();
    for _ in 0..5 {
        stage.pass(1, "K");
        stage.pass(55, "P");
    }
    assert_eq!(stage.said(), [""; 0]);
    stage.pass(10, "P");
    assert_eq!(stage.running(), ["frozen"]);
    stage.pass(1, "K");
    assert!(stage.said()[1].ends_with("a key frame came"), "{:?}", stage.said());
}

#[test]
fn who_makes_key_frames_when_asked_owes_one_only_then() {
    let mut stage = Stage::live();
    (stage.on_request, stage.source) = (true, None);
    stage.pass(600, "P");
    assert_eq!(stage.said(), [""; 0]);
    stage.alerts.handle_keyframe_wanted(stage.now);
    stage.pass(50, "P");
    stage.alerts.handle_keyframe_wanted(stage.now);
    stage.pass(11, "P");
    assert_eq!(stage.running(), ["frozen"]);
    stage.pass(1, "K");
    assert_eq!(stage.running(), [""; 0]);
}

#[test]
fn what_repeats_by_nature_and_a_fallback_may_stand_still() {
    for (source, repeats) in [(0, true), (1, false)] {
        let mut stage = Stage::new();
        let traits = |fallback| SourceTraits { fallback, repeats, pauses: false };
        stage.alerts.handle_spec(&[traits(false), traits(true)], 0, stage.now);
        stage.source = Some(source);
        stage.alerts.handle_source(source, &SourceState::Live(stage.now), None, stage.now);
        stage.pass(120, "SA");
        assert_eq!(stage.said(), [""; 0], "source {source}");
    }
}

#[test]
fn what_somebody_may_pause_misses_no_track() {
    for (pauses, running) in [(true, &[][..]), (false, &["track_missing"])] {
        let mut stage = Stage::new();
        let traits = SourceTraits { repeats: true, pauses, ..SourceTraits::default() };
        stage.alerts.handle_spec(&[traits], 0, stage.now);
        stage.state(SourceState::Live(stage.now));
        stage.pass(5, "PKA");
        stage.pass(60, "PK");
        assert_eq!(stage.running(), running);
    }
}

#[test]
fn a_limit_of_zero_switches_its_kind_off() {
    let mut stage = Stage::new();
    let zero = Duration::ZERO;
    let off = AlertLimits {
        source_down: zero,
        track_missing: zero,
        flapping_turns: 0,
        flapping_within: Duration::from_secs(300),
        keyframe_gap: zero,
        still: zero,
        drift_ppm: 0,
    };
    stage.alerts = Alerts::new(off);
    stage.alerts.handle_spec(&[SourceTraits::default()], 0, stage.now);
    stage.state(SourceState::Connecting);
    stage.pass(60, ".");
    for _ in 0..9 {
        stage.state(SourceState::Live(stage.now));
        stage.backoff();
    }
    stage.state(SourceState::Live(stage.now));
    stage.ppm = 5000;
    stage.pass(100, "SA");
    stage.pass(100, "P");
    assert_eq!(stage.said(), [""; 0]);
}

#[test]
fn the_owner_is_told_when_to_look_again() {
    let mut stage = Stage::new();
    stage.state(SourceState::Connecting);
    let due = stage.now + Duration::from_secs(30);
    assert_eq!(stage.alerts.poll_output(stage.now), AlertOutput::WaitUntil(due));
    stage.now = due;
    stage.drain();
    assert_eq!(stage.running(), ["source_down"]);
}
