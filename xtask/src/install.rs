//! Peers: the foreign programs that the journeys run against. Installs them on Debian.
//!
//! Debian's packages go into the system; everything else goes into `target/peers`, pinned, with install
//! scripts off. `testkit::peers` finds them there and decides which journeys can run.

use crate::process::{self, Echo};
use crate::say;
use crate::tally::Tally;
use crate::workspace::Workspace;
use std::process::Command;
use std::time::Duration;

/// Debian packages, in several calls: one large `apt-get install` was seen to fail where its parts worked.
const DEBIAN: [&[&str]; 5] = [
    &["ca-certificates", "curl", "ffmpeg", "mediainfo", "python3", "python3-venv", "fonts-dejavu-core"],
    &["gstreamer1.0-tools", "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good"],
    &["gstreamer1.0-plugins-bad", "gstreamer1.0-plugins-ugly", "gstreamer1.0-libav", "gstreamer1.0-rtsp"],
    &["python3-gi", "gir1.2-gst-rtsp-server-1.0", "gir1.2-gstreamer-1.0", "vlc-bin", "vlc-plugin-base"],
    &["chromium", "openssl"],
];

/// Carries a static FFmpeg 9, the newest publisher and player; Debian's is the old one.
const FFMPEG: &str = "imageio-ffmpeg==0.8.1";

/// WebRTC in Python, with an SCTP stack of its own.
const AIORTC: &str = "aiortc==1.16.0";

/// HomeKit: a controller, and accessories.
const HOMEKIT: [&str; 2] = ["aiohomekit==4.0.1", "HAP-python==5.0.0"];

/// Drives Chromium; checks the web page's types; plays HLS in browsers that do not; HomeKit's accessories and controllers.
const NODE: [&str; 5] = [
    "playwright-core@1.65.1",
    "typescript@7.0.2",
    "hls.js@1.7.4",
    "hap-nodejs@1.2.0",
    "hap-controller@0.10.2",
];

/// How often a download is tried.
const TRIES: u32 = 3;

/// Longest single call: 10 min, Chromium with its libraries is 150 MB.
const LIMIT: Duration = Duration::from_secs(600);

/// Installs what is missing. Only what failed is counted: an installation proves nothing.
pub(crate) fn peers(workspace: &Workspace) -> Tally {
    let mut tally = Tally::default();
    for (name, result) in [
        ("Debian packages", debian()),
        ("Python packages", python(workspace)),
        ("Node packages", node(workspace)),
        ("the page's packages", page(workspace)),
    ] {
        match result {
            Ok(()) => say(&format!("{name}: installed")),
            Err(why) => tally.add(&Tally::fail(format!("install: {name}: {why}"))),
        }
    }
    tally
}

fn debian() -> Result<(), String> {
    let missing: Vec<Vec<&str>> = DEBIAN
        .iter()
        .map(|group| group.iter().copied().filter(|package| !is_installed(package)).collect())
        .filter(|group: &Vec<&str>| !group.is_empty())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    tried(|| apt(&["update"]))?;
    for group in missing {
        let mut args = vec!["install", "--yes", "--no-install-recommends"];
        args.extend(group);
        tried(|| apt(&args))?;
    }
    Ok(())
}

fn is_installed(package: &str) -> bool {
    let query = ["--show", "--showformat=${Status}", package];
    let shown = process::run(Command::new("dpkg-query").args(query), Duration::from_secs(20), Echo::Quiet);
    shown.success() && shown.output.contains("install ok installed")
}

fn apt(args: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    command.args(["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"]).args(args);
    call(command.env("DEBIAN_FRONTEND", "noninteractive"))
}

fn python(workspace: &Workspace) -> Result<(), String> {
    let venv = workspace.peers().join("venv");
    let python = venv.join("bin/python3");
    if !python.exists() {
        std::fs::create_dir_all(workspace.peers()).map_err(|error| error.to_string())?;
        call(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    tried(|| {
        call(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            FFMPEG,
            AIORTC,
            HOMEKIT[0],
            HOMEKIT[1],
        ]))
    })
}

fn node(workspace: &Workspace) -> Result<(), String> {
    let folder = workspace.peers().join("node");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    std::fs::write(folder.join("package.json"), "{\"private\": true}\n")
        .map_err(|error| error.to_string())?;
    let args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"];
    tried(|| call(Command::new("npm").args(args).args(NODE).current_dir(&folder)))
}

/// What the page's vendored files are made from, in the versions of its lock file: a test makes them again.
fn page(workspace: &Workspace) -> Result<(), String> {
    let folder = workspace.peers().join("web");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for name in ["package.json", "package-lock.json"] {
        std::fs::copy(workspace.root.join("web").join(name), folder.join(name))
            .map_err(|error| format!("{name}: {error}"))?;
    }
    let args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    tried(|| call(Command::new("npm").args(args).current_dir(&folder)))
}

fn call(command: &mut Command) -> Result<(), String> {
    let finished = process::run(command, LIMIT, Echo::Quiet);
    if finished.success() {
        return Ok(());
    }
    say(&finished.output);
    Err(format!("{}: {}", command.get_program().to_string_lossy(), finished.reason(LIMIT)))
}

fn tried(mut attempt: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    let mut result = attempt();
    for number in 1..TRIES {
        if result.is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_secs(5 * u64::from(number)));
        result = attempt();
    }
    result
}
