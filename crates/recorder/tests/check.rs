//! `aqueduct recordings check`: what it finds, what it mends, and how long it takes for a million segments.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
mod house;

use house::*;
use media::WallTime;
use recorder::{
    By, CutRules, FileFormat, Finding, Library, PathTemplate, RecordPlan, Retention, Span, check,
};
use std::path::Path;
use std::time::Duration;

/// A storage with some seconds of the demo clip, in order.
fn recorded(folder: &Path) {
    run(async {
        let hub = hub_with(&["cam", "door/bell"]).await;
        let recorder = recorder(&hub, vec![start(storage(folder))]);
        for stream in ["cam", "door/bell"] {
            let cut = CutRules { length: Duration::from_secs(1), aligned: false, ..CutRules::default() };
            recorder
                .start(&name(stream), RecordPlan { cut, ..RecordPlan::default() }, By::Api)
                .await
                .unwrap();
        }
        tokio::time::sleep(Duration::from_millis(4500)).await;
        assert!(recorder.end(Duration::from_secs(5)).await);
    });
}

fn files(folder: &Path, stream: &str) -> Vec<std::path::PathBuf> {
    let library = Library::open(folder).unwrap();
    let segments = library.segments(stream, Span::ALL, None, 100).unwrap();
    segments.into_iter().map(|segment| folder.join(segment.path)).collect()
}

#[test]
fn what_is_wrong_is_found_and_what_can_be_is_mended() {
    let folder = Folder::new("check");
    recorded(&folder.0);
    let cam = files(&folder.0, "cam");
    let before = checked(&folder.0);
    assert_eq!((before.wrong, before.segments > 6), (0, true), "{before:?}");

    // One is gone, one is shorter, one has another byte, and one nobody knows.
    std::fs::remove_file(&cam[0]).unwrap();
    let whole = std::fs::read(&cam[1]).unwrap();
    std::fs::write(&cam[1], &whole[..whole.len() - 100]).unwrap();
    let mut bytes = std::fs::read(&cam[2]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&cam[2], bytes).unwrap();
    let stranger = cam[3].with_file_name("stranger.mp4");
    std::fs::copy(&files(&folder.0, "door/bell")[0], &stranger).unwrap();

    let found = checked(&folder.0);
    let kinds: Vec<&str> = found
        .findings
        .iter()
        .map(|finding| match finding {
            Finding::Missing(_) => "missing",
            Finding::Length { .. } => "length",
            Finding::Altered(_) => "altered",
            Finding::Stranger(_) => "stranger",
            Finding::Overlap(..) => "overlap",
            Finding::Broken(_) => "broken",
        })
        .collect();
    assert_eq!(kinds, ["missing", "length", "altered", "stranger"]);

    let mended = check(&storage(&folder.0), true, true, hub::wall_now()).unwrap();
    assert!(mended.mended >= 2, "{mended:?}");
    let after = checked(&folder.0);
    // What was altered stays so.
    assert!(
        !after.findings.iter().any(|finding| matches!(finding, Finding::Missing(_) | Finding::Stranger(_))),
        "{after:?}"
    );
    assert!(files(&folder.0, "door/bell").contains(&stranger), "the file says whose it is");
}

#[test]
fn an_index_that_is_lost_or_broken_is_made_anew_from_the_recordings() {
    let folder = Folder::new("lost-index");
    recorded(&folder.0);
    let before = (files(&folder.0, "cam"), files(&folder.0, "door/bell"));
    let own = folder.0.join(".aqueduct");
    std::fs::write(own.join("index.sqlite3"), b"this is no database, and was none for a long time").unwrap();
    let found = check(&storage(&folder.0), false, false, hub::wall_now()).unwrap();
    assert!(matches!(found.findings[..], [Finding::Broken(_)]), "{found:?}");
    let mended = check(&storage(&folder.0), false, true, hub::wall_now()).unwrap();
    assert!(mended.mended > 6, "{mended:?}");
    let after = checked(&folder.0);
    assert_eq!((after.wrong, after.open), (0, 0), "{after:?}");
    assert_eq!((files(&folder.0, "cam"), files(&folder.0, "door/bell")), before);
}

#[test]
fn two_recorders_do_not_share_a_folder() {
    run(async {
        let folder = Folder::new("lock");
        let first = start(storage(&folder.0));
        let Err(error) = recorder::StorageHandle::start(storage(&folder.0), hub::wall_now) else {
            panic!("two owners")
        };
        assert!(error.to_string().contains("another process records there"), "{error}");
        first.end().await.unwrap();
        start(storage(&folder.0)).end().await.unwrap();
    });
}

#[test]
fn retention_takes_the_oldest_and_never_what_is_protected() {
    run(async {
        let folder = Folder::new("retention");
        let hub = hub_with(&["cam"]).await;
        let retention = Retention { bytes_max: Some(200_000), ..Retention::default() };
        let handle = start(recorder::StorageConfig { retention, ..storage(&folder.0) });
        let recorder = recorder(&hub, vec![handle.clone()]);
        let cut = CutRules { length: Duration::from_secs(1), aligned: false, ..CutRules::default() };
        recorder.start(&name("cam"), RecordPlan { cut, ..RecordPlan::default() }, By::Api).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let library = Library::open(&folder.0).unwrap();
        let first = library.segments("cam", Span::ALL, None, 1).unwrap().remove(0);
        let id = handle.protect("cam", first.span, "evidence").await.unwrap();
        tokio::time::sleep(Duration::from_secs(9)).await;
        let segments = library.segments("cam", Span::ALL, None, 100).unwrap();
        assert_eq!(segments[0].id, first.id);
        assert!(segments[1].span.from > segments[0].span.to, "nothing was deleted: {segments:?}");
        let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
        assert!(bytes < 330_000, "{bytes}");
        // Not by anybody's hand either.
        let (_, _, kept) = handle.delete("cam", Span::ALL).await.unwrap();
        assert_eq!(kept, 1);
        assert!(handle.unprotect("cam", id).await.unwrap());
        let (deleted, _, kept) = handle.delete("cam", Span::ALL).await.unwrap();
        assert!(deleted >= 1 && kept == 0);
        assert!(recorder.end(Duration::from_secs(5)).await);
        let report = checked(&folder.0);
        assert_eq!((report.wrong, report.open), (0, 0), "{report:?}");
    });
}

/// Fills a storage with so many closed segments of a byte, of a hundred streams: faster than recording them.
fn fill(folder: &Path, count: u64) {
    // Makes the tables.
    run(async { start(storage(folder)).end().await.unwrap() });
    let mut index = rusqlite::Connection::open(folder.join(".aqueduct/index.sqlite3")).unwrap();
    let all = index.transaction().unwrap();
    for stream in 0..100 {
        all.execute("INSERT INTO streams (id, name) VALUES (?1, ?2)", (stream, format!("cam{stream}")))
            .unwrap();
    }
    for number in 0..count {
        let (stream, place) = (number % 100, i64::try_from(number / 100).unwrap());
        let from = WallTime::from_micros(1_700_000_000_000_000 + place * 300_000_000);
        let path = PathTemplate::default().path(&format!("cam{stream}"), FileFormat::Fmp4, from) + ".mp4";
        let file = folder.join(&path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, b"x").unwrap();
        all.prepare_cached(
            "INSERT INTO segments (stream, run, format, path, state, began, ended, bytes, head, tracks)
             VALUES (?1, 1, 'fmp4', ?2, 1, ?3, ?3 + 300000000, 1, 0, '')",
        )
        .unwrap()
        .execute((i64::try_from(stream).unwrap(), path, from.as_micros()))
        .unwrap();
    }
    all.commit().unwrap();
}

/// A million small files take minutes to make: `AQUEDUCT_LONG=1` makes them; else a twentieth.
#[test]
fn a_store_of_many_segments_is_read_in_time() {
    let folder = Folder::new("many");
    let count = if std::env::var_os("AQUEDUCT_LONG").is_some() { 1_000_000 } else { 50_000 };
    fill(&folder.0, count);
    let begun = std::time::Instant::now();
    let report = check(&storage(&folder.0), false, false, hub::wall_now()).unwrap();
    let took = begun.elapsed();
    println!("{count} segments are checked in {took:?}");
    assert_eq!((report.segments, report.wrong), (count, 0));
    assert!(
        took < Duration::from_secs(60) * u32::try_from(count).unwrap() / 1_000_000 + Duration::from_secs(2),
        "{took:?}"
    );
    // And a start does not read them all.
    let begun = std::time::Instant::now();
    run(async { start(storage(&folder.0)).end().await.unwrap() });
    println!("and a start takes {:?}", begun.elapsed());
    let library = Library::open(&folder.0).unwrap();
    let begun = std::time::Instant::now();
    let total: u64 = library.totals().unwrap().iter().map(|total| total.segments).sum();
    println!("and the list of streams {:?}", begun.elapsed());
    assert_eq!(total, count);
}
