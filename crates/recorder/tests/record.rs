//! A recording from its start to its end, through the hub, the disk and the index.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
mod house;

use house::*;
use recorder::{By, CutRules, FileFormat, RecordPlan, RecordingState, Span, When};
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

/// Each kind of file, at once, of one stream: all play to their end, and hold the same.
#[test]
fn every_format_records_at_once_and_plays_to_its_end() {
    run(async {
        let folder = Folder::new("formats");
        let hub = hub_with(&["cam"]).await;
        let recorder = recorder(&hub, vec![start(storage(&folder.0))]);
        for format in FileFormat::ALL {
            let cut = CutRules { length: Duration::from_secs(2), aligned: false, ..CutRules::default() };
            let plan = RecordPlan { format, cut, ..RecordPlan::default() };
            recorder.start(&name("cam"), plan, By::Api).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(7)).await;
        let reports = recorder.reports(None).await;
        assert!(reports.iter().all(|report| report.state == RecordingState::Recording), "{reports:?}");
        assert_eq!(recorder.stop(&name("cam"), None).await.len(), FileFormat::ALL.len());
        assert!(recorder.end(Duration::from_secs(5)).await);

        let report = checked(&folder.0);
        assert_eq!((report.wrong, report.open), (0, 0), "{report:?}");
        let library = recorder::Library::open(&folder.0).unwrap();
        let segments = library.segments("cam", Span::ALL, None, 1000).unwrap();
        for format in FileFormat::ALL {
            let mine: Vec<_> = segments.iter().filter(|segment| segment.format == format).collect();
            assert!(mine.len() >= 3, "{format:?}: {}", mine.len());
            let mut frames = 0;
            for segment in &mine {
                let path = folder.0.join(&segment.path);
                let counted = probe(&path);
                frames += counted[0];
                let head = std::fs::read(&path).unwrap();
                match format {
                    // The tables are in front, and no fragment is seen any more.
                    FileFormat::Mp4 => {
                        let boxes = boxes(&head);
                        assert_eq!(boxes, ["ftyp", "uuid", "moov", "free", "mdat"], "{}", segment.path);
                    }
                    FileFormat::Fmp4 | FileFormat::Hls => {
                        assert_eq!(&boxes(&head)[..4], ["ftyp", "uuid", "moov", "prft"])
                    }
                    FileFormat::Ts | FileFormat::HlsTs => {
                        assert!(head.chunks(188).all(|packet| packet[0] == 0x47))
                    }
                }
            }
            let seconds: f64 = mine.iter().map(|segment| segment.span.length().as_secs_f64()).sum();
            assert!(
                (frames as f64 - seconds * 25.0).abs() <= 2.0,
                "{format:?}: {frames} frames in {seconds} s"
            );
            if format.has_playlist() {
                let list = folder.0.join(&mine[0].path).with_file_name("index.m3u8");
                let parsed = formats::hls::parse(&std::fs::read_to_string(&list).unwrap()).unwrap();
                assert!(parsed.ended && parsed.entries.len() == mine.len(), "{parsed:?}");
                // ffmpeg as a player of it.
                let counted = probe(&list);
                assert!((counted[0] as f64 - frames as f64).abs() <= 1.0, "{counted:?} of {frames}");
            }
        }
    });
}

fn boxes(data: &[u8]) -> Vec<String> {
    let (mut at, mut names) = (0, Vec::new());
    while let Some(head) = data.get(at..at + 16) {
        let size = u64::from(u32::from_be_bytes(head[..4].try_into().unwrap()));
        names.push(String::from_utf8_lossy(&head[4..8]).into_owned());
        at += match size {
            1 => u64::from_be_bytes(head[8..16].try_into().unwrap()) as usize,
            size => size as usize,
        };
    }
    names
}

#[test]
fn around_an_event_there_is_what_came_before_it_and_after() {
    run(async {
        let folder = Folder::new("event");
        let hub = hub_with(&["cam"]).await;
        let recorder = recorder(&hub, vec![start(storage(&folder.0))]);
        let when = When::Events { pre: Duration::from_secs(2), post: Duration::from_secs(2) };
        recorder.start(&name("cam"), RecordPlan { when, ..plan(60) }, By::Config).await.unwrap();
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert_eq!(recorder.reports(None).await[0].state, RecordingState::Armed);
        let at = hub::wall_now().as_micros();
        let marked = recorder.event(&name("cam"), "motion", "somebody at the door").await.unwrap();
        assert_eq!(marked.triggered, 1);
        until("it records", async || {
            (recorder.reports(None).await[0].state == RecordingState::Recording).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(recorder.end(Duration::from_secs(5)).await);
        let library = recorder::Library::open(&folder.0).unwrap();
        let segments = library.segments("cam", Span::ALL, None, 10).unwrap();
        assert_eq!(segments.len(), 1, "{segments:?}");
        let (before, after) = (at - segments[0].span.from.as_micros(), segments[0].span.to.as_micros() - at);
        assert!((2_000_000..5_000_000).contains(&before), "{before}");
        assert!((1_900_000..3_000_000).contains(&after), "{after}");
        probe(&folder.0.join(&segments[0].path));
        let happenings = library.happenings("cam", Span::ALL).unwrap();
        assert_eq!((happenings.len(), happenings[0].kind.as_str()), (1, "motion"));
    });
}
