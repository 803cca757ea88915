//! Twenty-four hours in virtual time: a camera that says 25 frames a second and sends 21, whose RTP clock wraps and begins
//! anew with another SSRC, whose publisher comes and goes, while the system's clock is set an hour ahead and back. Real files,
//! a real index.
use super::*;
use crate::library::Library;
use crate::session::dating::Dating;
use crate::storage::{Begin, Begun, StorageConfig, StorageHandle, check};
use crate::{Found, SegmentState};
use media::Timeline;
use std::sync::atomic::{AtomicI64, Ordering};

/// What the system's clock shows, less the time that went by.
static CLOCK: AtomicI64 = AtomicI64::new(0);
static NOW: AtomicI64 = AtomicI64::new(0);
/// 2026-11-29.
const EPOCH: i64 = 1_795_910_400_000_000;
const HOUR: i64 = 3_600_000_000;
/// A segment has ten minutes.
const LENGTH: u64 = 600;

fn wall() -> WallTime {
    WallTime::from_micros(EPOCH + NOW.load(Ordering::Relaxed) + CLOCK.load(Ordering::Relaxed))
}

struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn write(take: &mut Take, storage: &StorageHandle, open: &mut Option<Begun>, now: Moment) {
    loop {
        match take.poll_output(now) {
            Output::Begin { from, tracks, gap, head } => {
                let path = crate::PathTemplate::default().path("cam", FileFormat::Fmp4, from);
                let (stream, format) = ("cam".to_owned(), FileFormat::Fmp4);
                *open = Some(
                    storage.begin(Begin { stream, format, path, from, tracks, gap, head }).await.unwrap(),
                );
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

#[test]
fn a_day_with_all_that_clocks_do_has_no_overlap_and_right_times() {
    let folder = Folder(std::env::temp_dir().join(format!("aqueduct-day-{}", std::process::id())));
    let config = StorageConfig { free_min: 1, ..StorageConfig::new("main", &folder.0) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let frames = runtime.block_on(record(StorageHandle::start(config, wall).unwrap()));
    judge(&folder.0, &frames);
}

/// Records; returns when each frame really was, on the clock that was right in the end.
async fn record(storage: StorageHandle) -> Vec<i64> {
    let cut = CutRules { length: Duration::from_secs(LENGTH), aligned: true, bytes: u64::MAX };
    let mut take = Take::new("cam", TakePlan { format: FileFormat::Fmp4, cut });
    let track = video();
    take.handle_tracks(std::slice::from_ref(&track)).unwrap();
    let mut dating = Dating::new(EPOCH);
    let mut open = None;
    let mut line = Timeline::new(90_000, 32);
    // Begins an hour before its first wrap; at 21 for 25 it wraps once a day.
    let mut raw = u64::from(u32::MAX) - 90_000 * 3600;
    let (mut last, mut epoch, mut truth) = (i64::MIN, 0_i64, Vec::new());
    let mut key_in = 0;
    for frame in 0..21 * 86_400_i64 {
        let at = frame * 1_000_000 / 21;
        // The publisher goes for seven seconds, every five hours, and for half a minute once.
        let hours = at % (5 * HOUR);
        if (HOUR * 4..HOUR * 4 + 7_000_000).contains(&hours)
            || (HOUR * 17..HOUR * 17 + 30_000_000).contains(&at)
        {
            key_in = -1;
            continue;
        }
        let back = key_in < 0;
        if back {
            // Another connection, another line: as the hub does it, it goes on where the clock is.
            line = Timeline::new(90_000, 32);
            raw = (frame as u64 * 7919) & 0xffff_ffff;
            epoch = at * 9 / 100;
            key_in = 0;
        }
        raw = (raw + 3600) & 0xffff_ffff;
        if frame == 21 * 3600 * 7 {
            // Another SSRC begins anywhere.
            raw = 17;
        }
        let set = match at {
            at if at < HOUR * 6 => 0,
            at if at < HOUR * 12 => HOUR,
            _ => 0,
        };
        // The system is set at once; the recorder notices after two seconds.
        CLOCK.store(set, Ordering::Relaxed);
        NOW.store(at, Ordering::Relaxed);
        if dating.clock() != EPOCH + set && at % HOUR > 2_000_000 {
            storage.redate(EPOCH + set - dating.clock()).await.unwrap();
            let micros = dating.set(EPOCH + set);
            take.handle_redate(micros);
        }
        let arrival = Moment::from_nanos((at + frame * 7919 % 9_000) as u64 * 1000);
        let mapped = line.map(raw, arrival, 0);
        let mut dts = epoch + mapped.ticks;
        dts = dts.max(last + 1);
        last = dts;
        let mut unit = Unit {
            track: 0,
            pts: dts,
            dts,
            arrival,
            wall: WallTime::from_micros(EPOCH + arrival.as_nanos() as i64 / 1000 + set),
            keyframe: key_in == 0,
            discontinuity: mapped.discontinuity || back,
            // A key frame says which one it is.
            data: Bytes::copy_from_slice(&[&[0, 0, 0, 9, 0x65], &frame.to_be_bytes()[..]].concat()),
        };
        unit.wall = dating.date(&unit);
        key_in = (key_in + 1) % 42;
        truth.push(EPOCH + at);
        take.handle_unit(&unit, arrival);
        if frame % 7 == 0 {
            write(&mut take, &storage, &mut open, arrival).await;
        }
    }
    take.finish(None);
    write(&mut take, &storage, &mut open, Moment::from_millis(86_400_000)).await;
    storage.end().await.unwrap();
    truth
}

fn judge(folder: &std::path::Path, truth: &[i64]) {
    let config = StorageConfig::new("main", folder);
    let report = check(&config, true, false, wall()).unwrap();
    assert_eq!((report.wrong, report.open), (0, 0), "{report:?}");
    let segments = Library::open(folder).unwrap().segments("cam", Span::ALL, None, 10_000).unwrap();
    // A day in ten minutes, and what was cut besides.
    assert!((144..200).contains(&segments.len()), "{}", segments.len());
    for pair in segments.windows(2) {
        assert!(pair[0].span.to <= pair[1].span.from, "overlap: {pair:?}");
        let gap = pair[1].span.from.as_micros() - pair[0].span.to.as_micros();
        assert!(gap == 0 || pair[1].gap.is_some(), "{pair:?}");
    }
    let first = segments[0].span.from.as_micros();
    assert!((first - EPOCH).abs() < 100_000, "{}", first - EPOCH);
    let (mut frames, mut worst_wall, mut worst_span) = (0_usize, 0, 0);
    for segment in segments {
        assert_eq!(segment.state, SegmentState::Closed);
        let found = Found { root: folder.to_owned(), segment };
        let file = found.open().unwrap();
        let index = found.index(&file).unwrap();
        let shift = found.shift_micros(&index);
        let samples = index.samples(0);
        let mut data = [0; 13];
        for sample in samples.iter().filter(|sample| sample.key) {
            std::os::unix::fs::FileExt::read_exact_at(&file, &mut data, sample.offset).unwrap();
            let frame = i64::from_be_bytes(data[5..].try_into().unwrap());
            let true_wall = EPOCH + frame * 1_000_000 / 21;
            let said = index.wall_at(index.micros_of(0, sample)).unwrap().as_micros() + shift;
            worst_wall = worst_wall.max((said - true_wall).abs());
        }
        // The span is that of the frames: from the first to the end of the last, on the clock that was right.
        let (from, to) = (truth[frames], truth[frames + samples.len() - 1] + 1_000_000 / 21);
        let span = found.segment.span;
        worst_span =
            worst_span.max((span.from.as_micros() - from).abs()).max((span.to.as_micros() - to).abs());
        // And the file is as long as that.
        let played = index.duration().as_micros() as i64;
        let lasted = span.to.as_micros() - span.from.as_micros();
        assert!((played - lasted).abs() < 2_500_000, "{played} for {lasted} of {:?}", found.segment);
        frames += samples.len();
    }
    assert_eq!(frames, truth.len(), "frames are missing");
    println!("{frames} frames; wall off by {worst_wall} us at most, spans by {worst_span} us");
    assert!(worst_wall < 100_000, "{worst_wall}");
    assert!(worst_span <= 1_000_000 / 21, "{worst_span}");
}
