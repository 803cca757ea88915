//! Ends a recording process at each thing that it does to a disk, and at random, and looks at what the next start finds:
//! the three promises of `recorder::storage`, and at most a second lost of each stream.
//!
//! The process is this program again (`AQUEDUCT_CRASH_CHILD`): three streams of the demo clip, each in another format, with
//! segments of a second and room for few of them, so that every step comes often. It kills itself by SIGKILL at the step and the time that it is told.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
mod house;

use house::*;
use recorder::{
    By, CutRules, FileFormat, Library, RecordPlan, Retention, SegmentState, Span, Step, StorageConfig,
    StorageHandle,
};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Streams of the child.
const STREAMS: [&str; 3] = ["cam", "door/bell", "hls"];
const FORMATS: [FileFormat; 3] = [FileFormat::Fmp4, FileFormat::Mp4, FileFormat::Hls];

/// Ends the process before a step, when that comes for the n-th time.
struct KillAt {
    step: Option<Step>,
    left: u32,
}

impl recorder::Faults for KillAt {
    fn before(&mut self, step: Step) -> std::io::Result<()> {
        if self.step == Some(step) {
            if self.left == 0 {
                // SIGKILL: nothing is flushed, dropped or said.
                nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGKILL).unwrap();
            }
            self.left -= 1;
        }
        Ok(())
    }
}

/// What the child does: records until it is killed, and says each 20 ms which moment the stream has come to.
fn child(folder: &Path, step: Option<Step>, left: u32) {
    run(async {
        let hub = hub_with(&STREAMS).await;
        let retention = Retention { bytes_max: Some(300_000), ..Retention::default() };
        let config = StorageConfig {
            faults: Some(Box::new(KillAt { step, left })),
            retention,
            sync: Duration::from_millis(700),
            ..storage(folder)
        };
        let recorder = recorder(&hub, vec![StorageHandle::start(config, hub::wall_now).unwrap()]);
        for (stream, format) in STREAMS.iter().zip(FORMATS) {
            let cut = CutRules { length: Duration::from_millis(900), aligned: false, ..CutRules::default() };
            recorder
                .start(&name(stream), RecordPlan { format, cut, ..RecordPlan::default() }, By::Api)
                .await
                .unwrap();
        }
        loop {
            let line = format!("{}\n", hub::wall_now().as_micros());
            std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes()).unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

/// One run: how long it lived, the newest moment that it said, and whether it came to the step.
fn crash(folder: &Path, step: Option<(Step, u32)>, at_most: Duration) -> (Duration, i64, bool) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("AQUEDUCT_CRASH_CHILD", folder).stdout(Stdio::piped()).stderr(Stdio::null());
    command.args(["--exact", "a_killed_recorder_leaves_what_the_next_start_makes_whole", "--nocapture"]);
    if let Some((step, left)) = step {
        command.env("AQUEDUCT_CRASH_STEP", format!("{step:?}")).env("AQUEDUCT_CRASH_LEFT", left.to_string());
    }
    let begun = Instant::now();
    let mut process = command.spawn().unwrap();
    let said = BufReader::new(process.stdout.take().unwrap());
    let process = Arc::new(Mutex::new(process));
    let killer = std::thread::spawn({
        let process = Arc::clone(&process);
        move || {
            std::thread::sleep(at_most);
            // It may have ended by itself.
            let _ = process.lock().unwrap().kill();
        }
    });
    let newest =
        said.lines().map_while(Result::ok).filter_map(|line| line.trim().parse().ok()).max().unwrap_or(0);
    let lived = begun.elapsed();
    // The killer sleeps on; this waits for it only where the process lived that long.
    process.lock().unwrap().wait().unwrap();
    let by_itself = lived < at_most;
    drop(killer);
    (lived, newest, by_itself)
}

/// What the next start makes of it. Returns how much of the streams' last second is lost, in ms. `others`: other people's
/// programs look at each file.
fn judge(folder: &Path, newest: i64, long_enough: bool, others: bool) -> i64 {
    // An orderly start and end: recovery.
    run(async {
        let storage = start(storage(folder));
        storage.end().await.unwrap();
    });
    let report = checked(folder);
    assert_eq!((report.wrong, report.open), (0, 0), "{report:?}");
    assert_eq!(report.hashed, report.segments);
    let left: Vec<_> =
        walk(folder).into_iter().filter(|path| path.ends_with(".part") || path.ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
    for list in walk(folder).into_iter().filter(|path| path.ends_with(".m3u8")) {
        let list = Path::new(&list);
        let parsed = formats::hls::parse(&std::fs::read_to_string(list).unwrap()).unwrap();
        assert!(parsed.ended, "{parsed:?}");
        let missing: Vec<_> =
            parsed.entries.iter().filter(|entry| !list.with_file_name(&entry.uri).exists()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
    let library = Library::open(folder).unwrap();
    let mut lost = 0;
    for stream in STREAMS {
        let segments = library.segments(stream, Span::ALL, None, 1000).unwrap();
        for pair in segments.windows(2) {
            assert!(pair[0].span.to <= pair[1].span.from, "{pair:?}");
        }
        for segment in &segments {
            assert_eq!(segment.state, SegmentState::Closed);
            if others {
                let path = folder.join(&segment.path);
                let (frames, shown) = (probe(&path), mediainfo(&path));
                let seconds = segment.span.length().as_secs_f64();
                assert!((frames[0] as f64 / 25.0 - seconds).abs() < 0.3, "{frames:?} of {segment:?}");
                assert!((shown - seconds).abs() < 0.3, "mediainfo: {shown} s of {segment:?}");
                keep(&path);
            }
        }
        if long_enough {
            let ended = segments.last().unwrap().span.to.as_micros();
            lost = lost.max((newest - ended) / 1000);
        }
    }
    lost
}

/// How long the picture of a file is, as MediaInfo sees it; that it is whole.
fn mediainfo(path: &Path) -> f64 {
    let facts = "General;%Format%|%VideoCount%|%IsTruncated%|%Duration%";
    let output =
        Command::new("mediainfo").arg(format!("--Inform={facts}")).arg(path).output().expect("mediainfo");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let fields: Vec<&str> = text.trim().split('|').collect();
    // It calls a file by its first brand where it does not know that one.
    assert!(["MPEG-4", "iso6"].contains(&fields[0]), "{}: {text}", path.display());
    assert_eq!(fields[1..3], ["1", ""], "{}: {text}", path.display());
    fields[3].parse::<f64>().unwrap() / 1000.0
}

/// Keeps a copy for whoever wants to look at it by other means.
fn keep(path: &Path) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if let Some(folder) = std::env::var_os("AQUEDUCT_CRASH_KEEP") {
        let name = format!("{:05}.mp4", NEXT.fetch_add(1, Ordering::Relaxed));
        std::fs::copy(path, Path::new(&folder).join(name)).unwrap();
    }
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn a_killed_recorder_leaves_what_the_next_start_makes_whole() {
    if let Ok(folder) = std::env::var("AQUEDUCT_CRASH_CHILD") {
        let step = std::env::var("AQUEDUCT_CRASH_STEP").ok();
        let step = Step::ALL.into_iter().find(|known| Some(format!("{known:?}")) == step);
        let left = std::env::var("AQUEDUCT_CRASH_LEFT").ok().and_then(|left| left.parse().ok()).unwrap_or(0);
        return child(Path::new(&folder), step, left);
    }
    // 500 in the long profile; each step once and some at random else.
    let runs: usize =
        std::env::var("AQUEDUCT_CRASH_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(32);
    let threads = 4;
    let worst = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mut worst = (0, 0);
                    let mut came: Vec<Step> = Vec::new();
                    for number in (thread..runs).step_by(threads) {
                        let folder = Folder::new("crash");
                        let steps = Step::ALL.len();
                        let round = u32::try_from(number / (steps + 1)).unwrap();
                        // Round by round: each step, then once at random; a later round waits for a later time.
                        let step = Step::ALL.get(number % (steps + 1)).map(|step| (*step, round * 3 % 11));
                        let at_most = Duration::from_millis(2500 + (number as u64 * 7919) % 4000);
                        let (lived, newest, by_itself) = crash(&folder.0, step, at_most);
                        came.extend(step.map(|(step, _)| step).filter(|_| by_itself));
                        let lost =
                            judge(&folder.0, newest, lived > Duration::from_millis(2300), number % 4 == 0);
                        assert!(lost <= 1000, "{lost} ms are lost in run {number}: {step:?} after {lived:?}");
                        worst = (worst.0.max(lost), worst.1 + 1);
                    }
                    (worst, came)
                })
            })
            .collect();
        let mut came = Vec::new();
        let worst =
            all.into_iter().map(|thread| thread.join().unwrap()).fold((0, 0), |a: (i64, u32), (b, more)| {
                came.extend(more);
                (a.0.max(b.0), a.1 + b.1)
            });
        let of = |step: Step| came.iter().filter(|known| **known == step).count();
        let table: Vec<String> = Step::ALL.iter().map(|step| format!("{step:?} {}", of(*step))).collect();
        println!("ended at a step: {}", table.join(", "));
        let never: Vec<Step> = Step::ALL.into_iter().filter(|step| of(*step) == 0).collect();
        // With fewer runs than that, not each step has its turn.
        assert!(never.is_empty() || runs < 2 * Step::ALL.len(), "never ended at {never:?}");
        worst
    });
    println!("{} runs, at most {} ms lost", worst.1, worst.0);
}
