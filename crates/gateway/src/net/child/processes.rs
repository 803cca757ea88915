//! The system's list of processes, as far as children need it: who is in which group, what it uses, whose it is.
//!
//! Source: proc(5), `/proc/PID/stat` and `/proc/PID/environ`. Without `/proc` the answers are empty.
use std::collections::HashMap;
use std::time::Duration;

/// What the processes of one group use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Usage {
    /// Time on the processors, with that of the members' own children that have ended.
    pub(super) cpu: Duration,
    /// Memory; pages that two of them share count twice.
    pub(super) rss_bytes: u64,
    /// How many they are.
    pub(super) processes: u32,
}

/// What one line of `/proc/PID/stat` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stat {
    pid: i32,
    state: u8,
    parent: i32,
    group: i32,
    cpu_ticks: u64,
    rss_pages: u64,
}

impl Stat {
    fn parse(line: &str) -> Option<Self> {
        // The program's name stands in brackets and may hold anything, brackets too.
        let (before, fields) = line.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            pid: before.split(' ').next()?.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            state: *fields.first()?.as_bytes().first()?,
            group: fields.get(2)?.parse().ok()?,
            cpu_ticks: number(11)? + number(12)? + number(13)? + number(14)?,
            rss_pages: number(21)?,
        })
    }

    fn is_alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x')
    }
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn stats() -> impl Iterator<Item = Stat> {
    // One that ended meanwhile is not there any more.
    pids().filter_map(|pid| Stat::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
}

/// True when a process of the group is alive.
pub(super) fn any_alive_in_group(group: i32) -> bool {
    stats().any(|stat| stat.group == group && stat.is_alive())
}

/// The children of a process that have ended and were not reaped.
#[cfg(target_os = "linux")]
pub(super) fn zombies_of(parent: i32) -> Vec<i32> {
    stats().filter(|stat| stat.parent == parent && !stat.is_alive()).map(|stat| stat.pid).collect()
}

/// What each group uses.
pub(super) fn usage() -> HashMap<i32, Usage> {
    let (ticks, page) = (ticks_per_second(), page_bytes());
    let mut groups: HashMap<i32, Usage> = HashMap::new();
    for stat in stats() {
        let usage = groups.entry(stat.group).or_default();
        usage.cpu += Duration::from_millis(stat.cpu_ticks * 1_000 / ticks);
        usage.rss_bytes += stat.rss_pages * page;
        usage.processes += u32::from(stat.is_alive());
    }
    groups
}

/// The processes whose environment holds one of these `NAME=value`s. Those of other users do not show theirs.
pub(super) fn marked(marks: &[String]) -> Vec<(i32, String)> {
    let found = pids().filter_map(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        let mark = variables.find_map(|variable| marks.iter().find(|mark| mark.as_bytes() == variable))?;
        Some((pid, mark.clone()))
    });
    found.collect()
}

fn ticks_per_second() -> u64 {
    use nix::unistd::{SysconfVar, sysconf};
    // 100 on every Linux there is.
    sysconf(SysconfVar::CLK_TCK)
        .ok()
        .flatten()
        .and_then(|ticks| u64::try_from(ticks).ok())
        .unwrap_or(100)
        .max(1)
}

fn page_bytes() -> u64 {
    use nix::unistd::{SysconfVar, sysconf};
    sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_program_is_called() {
        let line = "42 (a) R (b)) S 1 40 40 0 -1 4194560 5 6 7 8 100 50 25 5 20 0 1 0 999 8192000 250 1844 1";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat, Stat { pid: 42, parent: 1, state: b'S', group: 40, cpu_ticks: 180, rss_pages: 250 });
        assert_eq!(Stat::parse("42 (x) S 1"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn we_are_in_the_list_ourselves() {
        let group = nix::unistd::getpgrp().as_raw();
        assert!(any_alive_in_group(group));
        let usage = usage()[&group];
        assert!(usage.processes > 0 && usage.rss_bytes > 1 << 20, "{usage:?}");
        assert!(marked(&["NO_SUCH_VARIABLE=at all".into()]).is_empty());
    }
}
