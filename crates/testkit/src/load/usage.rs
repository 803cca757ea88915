//! What a process costs, as the kernel counts it.
//!
//! Source: proc(5). Times are in ticks of 10 ms on every Linux there is.
use std::time::Duration;

/// `USER_HZ`: what user space sees, whatever the kernel ticks at.
const TICKS_A_SECOND: u64 = 100;

/// A process at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// User and system time of all its threads.
    pub(super) cpu: Duration,
    /// Resident memory, in KiB.
    pub(super) resident_kib: u64,
}

impl Usage {
    /// Of the process with this id; `None` where there is none.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self { cpu: cpu(&stat)?, resident_kib: resident_kib(&status)? })
    }

    /// Of this process.
    pub(super) fn own() -> Self {
        Self::of(std::process::id()).unwrap_or_default()
    }
}

/// Fields 14 and 15. The name, field 2, may hold anything, but the last bracket ends it.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_A_SECOND))
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_bracket_in_its_name_is_read_right() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 3 4 20 0 5 0 1 2 3";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
    }

    #[test]
    fn this_process_has_memory() {
        assert!(Usage::own().resident_kib > 100);
    }
}
