//! Somebody else's data channel (mediasoup #1320, #1352): SCTP's state was the process's, so under loss the associations of
//! one worker were driven from another's thread, and after that worker's end from a thread that was gone.
//! Here eight workers carry channels over bad links while some of them are closed, killed and made anew: no message comes
//! elsewhere or altered, survivors go on, nothing is left. That each association is driven by its owner's thread is asserted
//! in it (builds with debug assertions): a worker that breaks this dies, and is one death too many here.
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of a test, which clippy takes for more"
)]
mod crew;

use crew::Crew;
use sfu::{EventStream, WorkerEvent, WorkerManager, WorkerSettings};
use std::time::Duration;
use testkit::conference::Fleet;
use testkit::net::Dice;
use tokio::time::Instant;

const WORKERS: usize = 8;
/// Between two ends of workers.
const ACT_EVERY: Duration = Duration::from_secs(6);
/// The process may hold 192 MiB more at the end than at the beginning. None of it is in use: counted by an allocator of
/// its own, 42 KiB were live after each of five runs in a row, to the byte. What is left is what malloc keeps for the
/// next thread: 65 to 95 MB after one run of a minute, 107 to 128 MB from the second run on,
/// 130 MB after ten minutes in which 95 workers ended, and no more.
const MEMORY_MARGIN_KIB: u64 = 192 * 1024;

/// What the process has: threads, open files, KiB in memory.
fn held() -> (usize, usize, u64) {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let memory = memory.trim().trim_end_matches(" kB").parse().unwrap();
    (count("/proc/self/task"), count("/proc/self/fd"), memory)
}

/// Workers that died since it was asked last, each because it was told to.
fn deaths(events: &mut EventStream<WorkerEvent>) -> u64 {
    let mut died = 0;
    while let Some(event) = events.try_next() {
        match event {
            WorkerEvent::Died { message, .. } => {
                assert_eq!(message, "asked to");
                died += 1;
            }
            WorkerEvent::Replaced { .. } | WorkerEvent::Close { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    died
}

#[tokio::test]
async fn no_message_comes_elsewhere_or_altered_while_workers_come_and_go() {
    let long = std::env::var_os("AQUEDUCT_LONG").is_some();
    let run = Duration::from_secs(if long { 600 } else { 60 });
    // what a backtrace needs of the binary's symbols stays in memory, 63 MB
    std::panic::set_hook(Box::new(|info| println!("{info}")));
    let before = held();
    let mut dice = Dice::new(4);
    let manager = WorkerManager::new().unwrap();
    let mut events = manager.events();
    let fleet = Fleet::start("bots").unwrap();
    let mut crews = Vec::new();
    for number in 0..WORKERS {
        let worker = manager.create_worker(WorkerSettings::default()).await.unwrap();
        crews.push(Crew::new(worker, number as u32, &fleet, &mut dice).await);
    }
    println!("{WORKERS} workers are set up, holding {:?}", held());
    let (mut number, mut panics, mut closes, mut died) = (WORKERS as u32, 0, 0, 0);
    let end = Instant::now() + run;
    while Instant::now() < end {
        let seen: Vec<u64> = crews.iter().map(Crew::received).collect();
        // the first worker is the first to go: its thread was the one that usrsctp's callbacks belonged to
        let victim = if panics + closes == 0 { 0 } else { dice.below(WORKERS as u64) as usize };
        let gone = crews.remove(victim);
        let worker = if panics == closes {
            panics += 1;
            gone.worker.panic();
            let worker = gone.worker.clone();
            gone.end().await;
            worker
        } else {
            closes += 1;
            let _ = gone.worker.close().await;
            gone.end().await;
            manager.create_worker(WorkerSettings::default()).await.unwrap()
        };
        let act = Instant::now();
        while act.elapsed() < ACT_EVERY {
            for crew in &mut crews {
                crew.send_large(&mut dice).await;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        let survivors = seen.iter().enumerate().filter(|(index, _)| *index != victim);
        for ((_, seen), crew) in survivors.zip(&crews) {
            crew.check();
            let now = crew.received();
            assert!(now > *seen, "crew {} stands still at {now} messages", crew.number);
        }
        crews.insert(victim, Crew::new(worker, number, &fleet, &mut dice).await);
        number += 1;
        // a listener that does not listen loses the newest
        died += deaths(&mut events);
    }
    let mut messages = 0;
    for crew in crews {
        crew.settle().await;
        messages += crew.received();
        crew.end().await;
    }
    died += deaths(&mut events);
    assert_eq!((died, events.lost()), (panics, 0));
    fleet.stop(Duration::from_secs(5)).unwrap();
    manager.close().await;
    drop(manager);
    let deadline = Instant::now() + Duration::from_secs(5);
    let after = loop {
        let after = held();
        if (after.0 <= before.0 && after.1 <= before.1) || Instant::now() > deadline {
            break after;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    println!(
        "{messages} messages at the last crews, {panics} panics, {closes} closes; {before:?} before, {after:?} after"
    );
    assert!(after.0 <= before.0 && after.1 <= before.1, "threads, files: {before:?} before, {after:?} after");
    assert!(after.2 <= before.2 + MEMORY_MARGIN_KIB, "memory: {before:?} before, {after:?} after");
}
