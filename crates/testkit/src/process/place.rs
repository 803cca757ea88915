//! Where a journey keeps its files, and which ports it uses.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports that journeys use: below 32768, where the kernel takes the ports of outgoing connections from.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Where installed peers and prepared clips are: `AQUEDUCT_PEERS`, or `peers` in cargo's target directory.
pub fn peers_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("AQUEDUCT_PEERS") {
        return folder.into();
    }
    // target/debug/deps/journeys-0123 → target
    let target = std::env::current_exe().ok().and_then(|exe| exe.ancestors().nth(3).map(Path::to_path_buf));
    target.unwrap_or_else(|| "target".into()).join("peers")
}

/// The name of the running test, as `cargo test` prints it.
pub fn test_name() -> String {
    std::thread::current().name().unwrap_or("unnamed").to_owned()
}

/// A folder for one test's files. It stays after the test, for whoever looks into a failure, and is emptied by
/// the next run of the same test.
#[derive(Debug, Clone)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// An empty folder named after the running test, open to other users: VLC runs as `nobody`.
    pub fn new() -> std::io::Result<Self> {
        let name: String =
            test_name().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let folder = peers_folder().join("runs").join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// A port of 127.0.0.1 that neither TCP nor UDP uses at this moment, and that no other caller in this process gets.
///
/// # Panics
/// When all are taken.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    let first = (std::process::id().wrapping_mul(97) % u32::from(count)) as u16;
    for _ in 0..count {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (first.wrapping_add(step)) % count;
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return port;
        }
    }
    panic!("no free port in {PORTS:?}");
}

/// The first of so many ports in a row that are free, none of which is given out again.
///
/// # Panics
/// As [`free_port`].
pub fn free_ports(count: u16) -> u16 {
    loop {
        let first = free_port();
        if (1..count).all(|step| free_port() == first + step) {
            return first;
        }
    }
}
