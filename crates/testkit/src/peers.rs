//! Which foreign programs are here, and where.
//!
//! A journey names what it needs with [`require!`](crate::require); where that is missing it prints one line
//! `NOT RUN: <test>: needs <peer>` and returns. `cargo xtask test` collects these lines, shows them at the end, and with
//! `CI=true` counts them as failures. `cargo xtask test --install` puts the peers in place.

use crate::process::{peers_folder, test_name};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Ends the test, told as not run, unless every peer named is here; binds each name to its path.
///
/// `require!(ffmpeg9, vlc);` makes `ffmpeg9: PathBuf` and `vlc: PathBuf`.
#[macro_export]
macro_rules! require {
    ($($peer:ident),+ $(,)?) => {
        $(
            let Some($peer) = $crate::peers::$peer() else {
                $crate::peers::not_run(stringify!($peer));
                return;
            };
        )+
    };
}

/// Says that the running test cannot run. Not captured by the test runner, and one write, so one line.
pub fn not_run(peer: &str) {
    let line = format!("NOT RUN: {}: needs {peer}\n", test_name());
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The system's ffmpeg: an older client (5.1 on Debian 12).
pub fn ffmpeg5() -> Option<PathBuf> {
    on_path("ffmpeg")
}

/// The system's ffprobe.
pub fn ffprobe() -> Option<PathBuf> {
    on_path("ffprobe")
}

/// curl, which people try their cameras with.
pub fn curl() -> Option<PathBuf> {
    on_path("curl")
}

/// FFmpeg 9 out of the Python package imageio-ffmpeg: enhanced RTMP, WHIP.
pub fn ffmpeg9() -> Option<PathBuf> {
    let lib = peers_folder().join("venv/lib");
    let in_folder = |folder: &Path, part: &str| {
        let entries = std::fs::read_dir(folder).ok()?;
        entries
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(part)))
    };
    let python = in_folder(&lib, "python3")?;
    in_folder(&python.join("site-packages/imageio_ffmpeg/binaries"), "ffmpeg-")
}

/// GStreamer's command line, with the plug-ins of Debian's base, good, bad and libav packages.
pub fn gst_launch() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let inspect = on_path("gst-inspect-1.0")?;
            for element in ["rtspsrc", "rtmp2src", "souphttpsrc", "flvdemux", "h265parse", "avdec_h264"] {
                succeeds(Command::new(&inspect).args(["--exists", element]))?;
            }
            on_path("gst-launch-1.0")
        })
        .clone()
}

/// The system's Python, with its standard library only.
pub fn python3() -> Option<PathBuf> {
    on_path("python3")
}

/// The system's Python with GStreamer's RTSP server.
pub fn python_gi() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let python = PathBuf::from("/usr/bin/python3");
            let check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer";
            succeeds(Command::new(&python).args(["-c", check]))?;
            Some(python)
        })
        .clone()
}

/// A Python with aiortc: SCTP, DTLS and WebRTC in a stack of its own.
pub fn aiortc() -> Option<PathBuf> {
    let python = peers_folder().join("venv/bin/python3");
    let lib = std::fs::read_dir(peers_folder().join("venv/lib")).ok()?;
    let installed = lib.flatten().any(|version| version.path().join("site-packages/aiortc").is_dir());
    (installed && python.exists()).then_some(python)
}

/// A Python with aiohomekit, Home Assistant's HomeKit controller.
pub fn aiohomekit() -> Option<PathBuf> {
    let python = peers_folder().join("venv/bin/python3");
    succeeds(Command::new(&python).args(["-c", "import aiohomekit"]))?;
    Some(python)
}

/// Node, together with hap-controller, a HomeKit controller.
pub fn hap_controller() -> Option<PathBuf> {
    let has = node_modules().join("hap-controller/package.json").exists();
    node().filter(|_| has)
}

/// A Python with HAP-python: HomeKit accessories.
pub fn pyhap() -> Option<PathBuf> {
    let python = peers_folder().join("venv/bin/python3");
    let lib = std::fs::read_dir(peers_folder().join("venv/lib")).ok()?;
    let installed = lib.flatten().any(|version| version.path().join("site-packages/pyhap").is_dir());
    (installed && python.exists()).then_some(python)
}

/// Node, with hap-nodejs: HomeKit accessories.
pub fn hap_nodejs() -> Option<PathBuf> {
    if node_modules().join("hap-nodejs/package.json").exists() { node() } else { None }
}

/// VLC without a window. It refuses to run as root: see [`vlc_command`].
pub fn vlc() -> Option<PathBuf> {
    let vlc = on_path("cvlc")?;
    if !is_root() || on_path("runuser").is_some() { Some(vlc) } else { None }
}

/// A command that runs VLC, as the user `nobody` where we are root.
pub fn vlc_command(vlc: &Path) -> Command {
    if !is_root() {
        return Command::new(vlc);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "nobody", "--"]).arg(vlc);
    command
}

/// Chromium, together with Node and playwright-core, which drive it.
pub fn chromium() -> Option<PathBuf> {
    node()?;
    if !node_modules().join("playwright-core/package.json").exists() {
        return None;
    }
    on_path("chromium").or_else(|| on_path("chromium-browser"))
}

/// Node.
pub fn node() -> Option<PathBuf> {
    on_path("node")
}

/// Where the Node packages of peers are.
pub fn node_modules() -> PathBuf {
    peers_folder().join("node/node_modules")
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn succeeds(command: &mut Command) -> Option<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    status.success().then_some(())
}
