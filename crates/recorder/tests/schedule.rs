//! A recording with hours: by a clock of the test's own, over the begin of them and back.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
mod house;

use house::*;
use media::WallTime;
use recorder::{By, Library, RecordPlan, Recorder, RecordingReport, RecordingState, Schedule, Span};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How far the test's clock is from the system's.
static OFF: AtomicI64 = AtomicI64::new(0);

fn wall() -> WallTime {
    WallTime::from_micros(hub::wall_now().as_micros() + OFF.load(Ordering::Relaxed))
}

/// Monday 2026-11-30 07:00:00 UTC.
const SEVEN: i64 = 1_796_022_000_000_000;

/// Sets the clock so that it is so many seconds to seven.
fn set_clock(seconds: i64) {
    OFF.store(SEVEN - seconds * 1_000_000 - hub::wall_now().as_micros(), Ordering::Relaxed);
}

async fn reaches(recorder: &Recorder, state: RecordingState) -> RecordingReport {
    until(state.as_str(), async || {
        let report = recorder.reports(None).await.remove(0);
        (report.state == state).then_some(report)
    })
    .await
}

#[test]
fn it_records_in_its_hours_and_leaves_its_stream_alone_in_all_others() {
    run(async {
        set_clock(5);
        let folder = Folder::new("schedule");
        let hub = hub_with(&["cam"]).await;
        let storage = recorder::StorageHandle::start(storage(&folder.0), wall).unwrap();
        let (recorder, keeper) = Recorder::new(hub.clone(), vec![storage], Duration::from_secs(1), wall);
        tokio::task::spawn_local(keeper.run());
        let plan = RecordPlan {
            schedule: Some(Schedule::parse(&["mon 07:00-19:00"]).unwrap()),
            ..RecordPlan::default()
        };
        recorder.start(&name("cam"), plan, By::Config).await.unwrap();
        let report = reaches(&recorder, RecordingState::Scheduled).await;
        assert_eq!(report.reason.as_deref(), Some("its schedule has it off until Mon 2026-11-30 07:00"));
        tokio::time::sleep(Duration::from_secs(2)).await;
        // Nobody reads, so the camera is not even dialled; and that is no alert, and no event's business.
        assert_eq!(hub.report(&name("cam")).await.unwrap().readers.len(), 0);
        assert!(recorder.alerts().await.is_empty());
        assert_eq!(recorder.event(&name("cam"), "motion", "").await.unwrap().triggered, 0);

        reaches(&recorder, RecordingState::Recording).await;
        assert_eq!(hub.report(&name("cam")).await.unwrap().readers.len(), 1);
        let late = wall().as_micros() - SEVEN;
        assert!((0..6_000_000).contains(&late), "{late} µs after seven");
        tokio::time::sleep(Duration::from_secs(3)).await;

        // The clock is put back, as by a time service: these are not its hours after all, and then they are again.
        set_clock(6);
        reaches(&recorder, RecordingState::Scheduled).await;
        reaches(&recorder, RecordingState::Recording).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(recorder.end(Duration::from_secs(5)).await);
        let segments = Library::open(&folder.0).unwrap().segments("cam", Span::ALL, None, 10).unwrap();
        assert_eq!(segments.len(), 2, "{segments:?}");
        let early = SEVEN - segments[1].span.from.as_micros();
        assert!((-2_000_000..=100_000).contains(&early), "{early} µs before seven");
        assert_eq!(segments[1].gap.as_deref(), Some("its schedule had it off"));
        for segment in &segments {
            probe(&folder.0.join(&segment.path));
        }
    });
}
