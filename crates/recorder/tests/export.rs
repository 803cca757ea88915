//! One MP4 out of an hour in twelve files: how soon it begins, what is in it, and that none of it is held in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
mod house;

use bytes::Bytes;
use formats::replay::load;
use house::*;
use media::{MediaTime, Moment, Unit, WallTime};
use recorder::{
    Begin, CutRules, Export, ExportReader, FileFormat, Found, Library, Output, PathTemplate, Span,
    StorageHandle, Take, TakePlan, one_line,
};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// 2026-11-29T10:00:00Z.
const BEGAN: i64 = 1_795_946_400_000_000;

/// Records `seconds` of the demo clip, again and again, as fast as the disk takes it.
fn record(folder: &Path, seconds: i64) {
    let clip = load(Bytes::from_static(DEMO)).unwrap();
    run(async {
        let storage = start(storage(folder));
        let cut = CutRules { length: Duration::from_secs(300), aligned: true, ..CutRules::default() };
        let mut take = Take::new("cam", TakePlan { format: FileFormat::Fmp4, cut });
        take.handle_tracks(&clip.tracks).unwrap();
        let mut open = None;
        for round in 0..seconds / 16 {
            for unit in &clip.units {
                let track = clip.tracks.iter().find(|track| track.id == unit.track).unwrap();
                let shift = MediaTime::ticks_of(Duration::from_secs(16), track.clock_rate) * round;
                let micros = MediaTime::new(unit.dts + shift, track.clock_rate).as_micros();
                let arrival = Moment::from_nanos(u64::try_from(micros.max(0)).unwrap() * 1000);
                let (dts, pts) = (unit.dts + shift, unit.pts + shift);
                let wall = WallTime::from_micros(BEGAN + micros);
                take.handle_unit(
                    &Unit { dts, pts, wall, arrival, discontinuity: false, ..unit.clone() },
                    arrival,
                );
                write(&mut take, &storage, &mut open, arrival).await;
            }
        }
        take.finish(None);
        write(&mut take, &storage, &mut open, Moment::FAR_FUTURE).await;
        storage.end().await.unwrap();
    });
}

async fn write(take: &mut Take, storage: &StorageHandle, open: &mut Option<recorder::Begun>, now: Moment) {
    loop {
        match take.poll_output(now) {
            Output::Begin { from, tracks, gap, head } => {
                let path = PathTemplate::default().path("cam", FileFormat::Fmp4, from);
                let begin =
                    Begin { stream: "cam".into(), format: FileFormat::Fmp4, path, from, tracks, gap, head };
                *open = Some(storage.begin(begin).await.unwrap());
            }
            Output::Append { pieces, to, .. } => {
                storage.append(open.as_ref().unwrap(), pieces, to).await.unwrap();
            }
            Output::Finish { pieces, span, .. } => {
                storage.finish(open.take().unwrap(), pieces, span).await.unwrap();
            }
            Output::WaitUntil(_) => return,
        }
    }
}

fn found(folder: &Path, span: Span) -> Vec<Found> {
    let segments = Library::open(folder).unwrap().segments("cam", span, None, 1000).unwrap();
    one_line(segments.into_iter().map(|segment| Found { root: folder.to_owned(), segment }).collect())
}

fn at(seconds: i64) -> WallTime {
    WallTime::from_micros(BEGAN + seconds * 1_000_000)
}

/// Memory of this process.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn an_hour_begins_within_200_ms_and_is_read_from_anywhere() {
    let folder = Folder::new("hour");
    record(&folder.0, 3600);
    let asked = Span { from: at(0), to: at(3600) };
    // Once, so that the files' heads are in memory; the question is what it costs, not how fast a disk seeks.
    Export::plan(found(&folder.0, asked), asked).unwrap();
    let begun = Instant::now();
    let export = Arc::new(Export::plan(found(&folder.0, asked), asked).unwrap());
    let mut reader = ExportReader::new(export.clone());
    let first = reader.read(0, 1 << 16).unwrap();
    let took = begun.elapsed();
    println!("{} bytes, the first after {took:?}", export.total());
    assert!(took < Duration::from_millis(200), "{took:?}");
    assert_eq!(&first[4..8], b"ftyp");
    assert!((export.duration().as_secs_f64() - 3600.0).abs() < 0.5, "{:?}", export.duration());

    // All of it, into a file; and any place of it is the same as there.
    let path = folder.0.join("export.mp4");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let (mut place, before, mut most) = (0, resident_kib(), 0);
    while place < export.total() {
        let piece = reader.read(place, 1 << 19).unwrap();
        assert!(!piece.is_empty());
        std::io::Write::write_all(&mut file, &piece).unwrap();
        place += piece.len() as u64;
        most = most.max(resident_kib());
    }
    std::io::Write::flush(&mut file).unwrap();
    println!("memory: {before} KiB before, {most} KiB at most");
    assert!(most < before + 8 * 1024, "{before} KiB became {most}");
    let whole = std::fs::read(&path).unwrap();
    for step in 0..200_u64 {
        let place = step * 7_919_777 % (export.total() - 5000);
        let piece = ExportReader::new(export.clone()).read(place, 5000).unwrap();
        let from = usize::try_from(place).unwrap();
        assert_eq!(piece, whole[from..from + piece.len()]);
    }
    let clip = formats::mp4::File::parse(whole.into()).unwrap();
    assert_eq!(clip.tracks().len(), 2);
}

#[test]
fn a_span_begins_at_the_key_frame_before_it_and_goes_across_files() {
    let folder = Folder::new("span");
    record(&folder.0, 640);
    // Key frames are each second or two; the files' boundary is at 300 s.
    let asked = Span { from: at(297), to: at(303) };
    let export = Arc::new(Export::plan(found(&folder.0, asked), asked).unwrap());
    assert!(export.from <= asked.from && export.from >= at(293), "{:?}", export.from);
    let path = folder.0.join("span.mp4");
    let mut reader = ExportReader::new(export.clone());
    let (mut bytes, mut place) = (Vec::new(), 0);
    while place < export.total() {
        let piece = reader.read(place, 1 << 19).unwrap();
        place += piece.len() as u64;
        bytes.extend_from_slice(&piece);
    }
    std::fs::write(&path, bytes).unwrap();
    let seconds = (asked.to.as_micros() - export.from.as_micros()) as f64 / 1e6;
    let frames = probe(&path);
    assert!((frames[0] as f64 - seconds * 25.0).abs() <= 1.0, "{frames:?} in {seconds} s");
    // Nothing there is nothing.
    let asked = Span { from: at(9000), to: at(9010) };
    assert!(Export::plan(found(&folder.0, asked), asked).is_err());
}
