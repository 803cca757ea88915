//! What a process has: children, zombies, sockets, threads, memory. Read from `/proc`, so a process in a PID namespace
//! of its own is counted as well.
use crate::load::cpu_of;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// What a process and those below it have at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Processes below it, at any depth, that run: their ids and names.
    pub descendants: Vec<(u32, String)>,
    /// Processes below it that ended and were not reaped.
    pub zombies: Vec<(u32, String)>,
    /// Its open sockets.
    pub sockets: usize,
    /// Its open pipes.
    pub pipes: usize,
    /// Everything that it has open, sockets and pipes among it.
    pub open: usize,
    /// Its threads.
    pub threads: usize,
    /// Its memory in KiB.
    pub rss_kib: u64,
    /// What it has computed so far, all threads together.
    pub cpu: Duration,
}

/// A line of the process table.
struct Row {
    pid: u32,
    parent: u32,
    name: String,
    is_zombie: bool,
}

impl Census {
    /// Of a process that runs.
    pub fn of(pid: u32) -> Self {
        let rows = table();
        let mut census = Self::default();
        let mut above = vec![pid];
        while let Some(parent) = above.pop() {
            for row in rows.iter().filter(|row| row.parent == parent) {
                above.push(row.pid);
                let list = if row.is_zombie { &mut census.zombies } else { &mut census.descendants };
                list.push((row.pid, row.name.clone()));
            }
        }
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        for target in files.filter_map(|file| fs::read_link(file.path()).ok()) {
            let target = target.to_string_lossy().into_owned();
            census.sockets += usize::from(target.starts_with("socket:"));
            census.pipes += usize::from(target.starts_with("pipe:"));
            census.open += 1;
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            line.split_whitespace().next().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default()
        };
        census.threads = number("Threads:") as usize;
        census.rss_kib = number("VmRSS:");
        census.cpu = cpu_of(pid);
        census
    }

    /// True when no process is below it, dead or alive.
    pub fn has_no_children(&self) -> bool {
        self.descendants.is_empty() && self.zombies.is_empty()
    }
}

fn table() -> Vec<Row> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| row(&entry.path())).collect()
}

/// Source: proc(5), `/proc/pid/stat`. The name stands in parentheses and may hold anything.
fn row(folder: &Path) -> Option<Row> {
    let pid = folder.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    let (front, back) = (stat.find('(')?, stat.rfind(')')?);
    let mut fields = stat[back + 1..].split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    Some(Row { pid, parent, name: stat[front + 1..back].to_owned(), is_zombie: state == "Z" || state == "X" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn children_are_counted_while_they_run_and_until_they_are_reaped() {
        let mut child = Command::new("sleep").arg("30").stdout(Stdio::null()).spawn().unwrap();
        let named = |list: &[(u32, String)]| list.iter().any(|(pid, _)| *pid == child.id());
        let running = Census::of(std::process::id());
        assert!(named(&running.descendants) && !named(&running.zombies), "{running:?}");
        assert!(running.threads >= 1 && running.rss_kib > 0);
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(child.id() as i32),
            nix::sys::signal::Signal::SIGKILL,
        )
        .unwrap();
        while !named(&Census::of(std::process::id()).zombies) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child.wait().unwrap();
        let after = Census::of(std::process::id());
        let named = |list: &[(u32, String)]| list.iter().any(|(pid, _)| *pid == child.id());
        assert!(!named(&after.descendants) && !named(&after.zombies));
    }
}
