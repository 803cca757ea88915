//! A recording from its start to its end, through the hub, the disk and the index.
mod house;

use house::*;
use recorder::{By, CutRules, RecordPlan, RecordingState, Span};
use std::time::Duration;

fn plan(seconds: u64) -> RecordPlan {
    let cut = CutRules { length: Duration::from_secs(seconds), aligned: false, ..CutRules::default() };
    RecordPlan { cut, ..RecordPlan::default() }
}

#[test]
fn a_recording_is_segments_without_gaps_that_play_to_their_end() {
    run(async {
        let folder = Folder::new("record");
        let hub = hub_with(&["cam"]).await;
        let recorder = recorder(&hub, vec![start(storage(&folder.0))]);
        let (report, new) = recorder.start(&name("cam"), plan(2), By::Api).await.unwrap();
        assert!(new && report.state == RecordingState::Starting);
        let again = recorder.start(&name("cam"), plan(2), By::Api).await.unwrap();
        assert_eq!((again.0.id, again.1), (report.id, false));
        until("it records", async || {
            let reports = recorder.reports(Some(&name("cam"))).await;
            (reports[0].state == RecordingState::Recording).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_secs(6)).await;
        let stopped = recorder.stop(&name("cam"), None).await;
        assert_eq!((stopped.len(), stopped[0].state), (1, RecordingState::Stopped));
        assert!(recorder.reports(None).await.is_empty());
        assert!(recorder.end(Duration::from_secs(5)).await);

        let report = checked(&folder.0);
        assert_eq!((report.wrong, report.open), (0, 0), "{report:?}");
        assert!(report.segments >= 3 && report.hashed == report.segments, "{report:?}");
        let library = recorder::Library::open(&folder.0).unwrap();
        let segments = library.segments("cam", Span::ALL, None, 100).unwrap();
        for pair in segments.windows(2) {
            assert_eq!(pair[0].span.to, pair[1].span.from);
            assert_eq!(pair[1].gap, None);
        }
        for segment in &segments {
            let frames = probe(&folder.0.join(&segment.path));
            let seconds = segment.span.length().as_secs_f64();
            assert!((frames[0] as f64 - seconds * 25.0).abs() <= 2.0, "{frames:?} in {seconds} s");
            assert!((frames[1] as f64 - seconds * 48.0).abs() <= 5.0, "{frames:?} in {seconds} s");
        }
    });
}
