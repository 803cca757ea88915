//! What of a process can be counted from inside it.
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Open files, threads and children of this process, zombies included.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(super) struct Count {
    files: BTreeMap<String, usize>,
    threads: usize,
    children: Vec<String>,
}

impl Count {
    pub(super) fn now() -> Self {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
            let Ok(target) = std::fs::read_link(entry.path()) else { continue };
            let target = target.to_string_lossy().into_owned();
            // Pipes and sockets have numbers of their own.
            let kind = target.split(":[").next().unwrap_or_default().to_owned();
            *files.entry(if kind.starts_with('/') { "file".into() } else { kind }).or_default() += 1;
        }
        let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
        Self { files, threads, children: processes(|stat| stat.parent == std::process::id()) }
    }
}

struct Stat {
    parent: u32,
    group: u32,
}

/// The processes that are so, each with its line.
fn processes(is: impl Fn(&Stat) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((_, fields)) = line.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let stat = Stat { parent: fields[1].parse().unwrap(), group: fields[2].parse().unwrap_or(0) };
        if is(&stat) {
            found.push(line.trim().chars().take(60).collect());
        }
    }
    found
}

/// Fails unless nothing is left of the group, of whoever has the word in its environment, and of what was counted
/// before.
pub(super) fn assert_nothing_left(story: &str, before: &Count, group: i32, mark: &str) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let count = Count::now();
        // Zombies that are init's to reap are not counted here when init is not this process: they are not ours.
        let members = processes(|stat| stat.group == group as u32);
        let members: Vec<&String> =
            members.iter().filter(|line| std::process::id() == 1 || !line.contains(") Z")).collect();
        let marked = marked(mark);
        if count == *before && members.is_empty() && marked.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{story}: left is {count:#?}\nbefore was {before:#?}\nin the group: {members:?}\nmarked: {marked:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes with this word in their environment.
fn marked(mark: &str) -> Vec<i32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let pids = pids.filter(|pid| *pid as u32 != std::process::id());
    pids.filter(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    })
    .collect()
}
