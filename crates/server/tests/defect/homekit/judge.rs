//! What is left of the story: recordings, and what the server has open.
use super::house::{CAMERAS, House, SOON, name};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::mark::marks;
use testkit::process::Census;

/// Each so manieth file is played: it takes a process each.
const PLAYED: usize = 8;
/// What the allocator may keep of fifty cameras and all that was watched: 64 MiB.
const KEPT_KIB: u64 = 64 << 10;

/// Plays a file to its end. Returns its pictures.
pub(super) fn play(path: &Path) -> u64 {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", path.display());
    let count = String::from_utf8_lossy(&output.stdout).trim().trim_end_matches(',').parse::<u64>();
    count.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file of every camera is whole and the camera's own. Returns how many there are.
pub(super) fn recordings(house: &House) -> usize {
    let mut files = 0;
    for number in 0..CAMERAS {
        let path = format!("/api/v1/recordings/{}/segments?limit=10000", name(number));
        let list = house.server.get(&path).json();
        let segments = list["segments"].as_array().unwrap();
        assert!(!segments.is_empty(), "cam{number} was not recorded");
        for segment in segments {
            assert_eq!(segment["open"], json!(false), "{segment}");
            let path = house.store.join(segment["file"].as_str().unwrap());
            let seen: BTreeSet<u16> = marks(&std::fs::read(&path).unwrap()).collect();
            assert_eq!(seen, BTreeSet::from([number as u16]), "whose pictures cam{number} has: {segment}");
            files += 1;
            if files % PLAYED == 0 {
                assert!(play(&path) > 0, "{segment}");
            }
        }
    }
    files
}

/// The folder is what its index says.
pub(super) fn index(store: &Path) -> String {
    let mut command = Command::new(super::super::BINARY);
    let check = command.args(["recordings", "check", "--hashes", "--path"]).arg(store).output().unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "{said}{}", String::from_utf8_lossy(&check.stderr));
    said.trim().to_owned()
}

/// What the server has when nothing is to be done.
#[derive(Debug)]
pub(super) struct AtRest {
    pub(super) census: Census,
    owners: u64,
    /// For whoever looks into a failure: its open files.
    files: Vec<String>,
}

impl AtRest {
    pub(super) fn of(house: &House) -> Self {
        Self { census: house.server.census(), owners: owners(house), files: files(house.server.pid()) }
    }
}

/// The server has no more than it had.
pub(super) fn nothing_leaked(house: &House, before: &AtRest) -> AtRest {
    let deadline = Instant::now() + SOON;
    loop {
        let now = AtRest::of(house);
        let (census, was) = (&now.census, &before.census);
        let is_as_before = census.has_no_children()
            && census.open <= was.open
            && census.threads <= was.threads
            && census.rss_kib <= was.rss_kib + KEPT_KIB
            && now.owners <= before.owners;
        if is_as_before {
            return now;
        }
        assert!(
            Instant::now() < deadline,
            "{now:?} where {before:?} was; files {:?} where {:?} were\n{}",
            now.files,
            before.files,
            house.server.log()
        );
        std::thread::sleep(Duration::from_millis(250));
    }
}

fn files(pid: u32) -> Vec<String> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = open.filter_map(|file| std::fs::read_link(file.path()).ok());
    let mut files: Vec<_> = targets.map(|target| target.display().to_string()).collect();
    files.retain(|target| !target.starts_with("socket:") && !target.starts_with("pipe:"));
    files.sort_unstable();
    files
}

/// Streams, readers and connections that live on workers.
fn owners(house: &House) -> u64 {
    let text = house.server.get("/metrics").text();
    let counts = text.lines().filter(|line| line.starts_with("aqueduct_worker_owners{"));
    let counts = counts.filter_map(|line| line.split_once(' ')?.1.parse::<u64>().ok());
    counts.sum()
}
