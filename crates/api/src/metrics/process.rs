//! What the process uses. Source: proc(5): `/proc/self/stat`, `/proc/self/status`, `/proc/self/fd`.

/// Clock ticks a second in `/proc`: 100 on every Linux that Rust runs on (`USER_HZ`).
const TICKS: f64 = 100.0;

/// What the process uses.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) open_files: u64,
    pub(super) threads: u64,
}

/// Asks the system; `None` where there is no `/proc`.
pub(super) fn usage() -> Option<Usage> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let open_files = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    parse(&stat, &status, open_files)
}

fn parse(stat: &str, status: &str, open_files: u64) -> Option<Usage> {
    // The second field is the program's name in parentheses, with whatever in it; utime and stime are 14 and 15.
    let (_, behind_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let of_status = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some(Usage {
        cpu_seconds: (ticks(11)? + ticks(12)?) as f64 / TICKS,
        resident_bytes: of_status("VmRSS:")? * 1024,
        open_files,
        threads: of_status("Threads:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_spaces_and_parentheses_does_not_move_the_fields() {
        let stat = "7 (a ) (b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 1 2 3";
        let usage = parse(stat, "Name:\ta\nVmRSS:\t   2048 kB\nThreads:\t4\n", 9).unwrap();
        assert_eq!(usage, Usage { cpu_seconds: 3.0, resident_bytes: 2 << 20, open_files: 9, threads: 4 });
        assert_eq!(parse("", "", 0), None);
    }
}
