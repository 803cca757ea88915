//! Tells each story in a process of its own: this program again.
use super::stories::{MARK, SLEEPER, STORIES, STORY_MAX};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Says to the program which story to tell.
const STORY: &str = "AQUEDUCT_TEST_STORY";
/// Makes it a subreaper.
const SUBREAPER: &str = "AQUEDUCT_TEST_SUBREAPER";

/// Longest load on the processors.
const PRESSURE_MAX: Duration = Duration::from_secs(300);

/// Whose children the orphans become.
#[derive(Clone, Copy, PartialEq, Debug)]
enum As {
    Ordinary,
    Subreaper,
    PidOne,
}

#[test]
fn tell() {
    // Nothing, unless this is a story's process.
    let Ok(wanted) = std::env::var(STORY) else { return };
    if std::env::var(SUBREAPER).is_ok() {
        nix::sys::prctl::set_child_subreaper(true).unwrap();
    }
    let (_, story) = STORIES.iter().chain([&SLEEPER]).find(|(name, _)| *name == wanted).unwrap();
    let options = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).unwrap();
    runtime.block_on(async {
        tokio::time::timeout(STORY_MAX, story()).await.expect("the story takes too long")
    });
}

fn command(name: &str, mode: As, mark: &str) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match mode {
        As::Ordinary | As::Subreaper => Command::new(program),
        As::PidOne => {
            let mut command = Command::new("unshare");
            command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]).arg(program);
            command
        }
    };
    command.args(["--exact", "children::run::tell", "--nocapture", "--test-threads=1"]);
    command.env(STORY, name).env(MARK, mark).stdin(Stdio::null()).process_group(0);
    if mode == As::Subreaper {
        command.env(SUBREAPER, "1");
    }
    command
}

/// How often each story is told; more where somebody wants to be sure.
fn times() -> u32 {
    std::env::var("AQUEDUCT_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

fn told(mode: As) {
    for round in 0..times() {
        for (name, _) in STORIES {
            let begun = Instant::now();
            let mark = format!("{name}-{mode:?}-{round}-{}-{begun:?}", std::process::id());
            let output = command(name, mode, &mark).output().unwrap_or_else(|error| {
                panic!("{name} cannot be told as {mode:?}: {error}; unshare is part of util-linux")
            });
            // A story that fails leaves something; the machine is not to keep it.
            for pid in marked(&mark) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            let said = String::from_utf8_lossy(&output.stdout);
            let complained = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success() && said.contains("1 passed"),
                "{name} as {mode:?}, round {round}, after {:?}: {}\n{said}\n{complained}",
                begun.elapsed(),
                output.status
            );
            if let Some(line) = said.lines().find(|line| line.contains("stderr:")) {
                println!("{line}");
            }
        }
    }
}

#[test]
fn an_ordinary_process_leaves_nothing_of_its_children() {
    told(As::Ordinary);
}

#[test]
fn a_subreaper_leaves_nothing_of_its_children_and_their_orphans() {
    told(As::Subreaper);
}

#[test]
fn the_first_process_of_a_namespace_leaves_nothing_of_its_children_and_their_orphans() {
    told(As::PidOne);
}

#[test]
fn with_all_processors_busy_nothing_is_left_either() {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let busy = std::thread::available_parallelism().map_or(2, usize::from) * 2;
        for _ in 0..busy {
            scope.spawn(|| {
                let deadline = Instant::now() + PRESSURE_MAX;
                while !over.load(Ordering::Relaxed) && Instant::now() < deadline {
                    std::hint::spin_loop();
                }
            });
        }
        let told = std::panic::catch_unwind(|| [As::Ordinary, As::PidOne].map(told));
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = told {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn children_of_a_process_that_is_killed_are_killed_with_it() {
    let mark = format!("killed-{}", std::process::id());
    let mut parent = command("sleeps_with_children", As::Ordinary, &mark);
    let mut parent = parent.stdout(Stdio::null()).spawn().unwrap();
    let children = || marked(&mark).len();
    wait_for("the parent and its three children", || children() == 4);
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_for("nobody", || children() == 0);
}

/// The processes with this mark in their environment.
fn marked(mark: &str) -> Vec<i32> {
    let mark = format!("{MARK}={mark}");
    let ours = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(ours).collect()
}

fn wait_for(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
