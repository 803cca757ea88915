//! Where a storage is, and whether it is there: the folder, its disk, the lock.
use super::{OWN_FOLDER, StorageConfig};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::statvfs::statvfs;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A storage's folder that is there and ours.
pub(crate) struct Place {
    root: PathBuf,
    /// The disk it is on.
    device: u64,
    _lock: Flock<File>,
}

/// Bytes of a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Room {
    pub(crate) free: u64,
    pub(crate) total: u64,
}

impl Place {
    /// Makes the folder if need be, and locks it. `must_be_mount`: it was a disk of its own before.
    pub(crate) fn open(config: &StorageConfig, must_be_mount: bool) -> io::Result<Self> {
        let root = config.path.clone();
        if must_be_mount && !is_mount(&root)? {
            return Err(io::Error::new(io::ErrorKind::NotFound, "its disk is not mounted"));
        }
        std::fs::create_dir_all(root.join(OWN_FOLDER))?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(root.join(OWN_FOLDER).join("lock"))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| {
            if error == nix::errno::Errno::EWOULDBLOCK {
                let why = "another process records there: two servers need two folders";
                return io::Error::new(io::ErrorKind::ResourceBusy, why);
            }
            error.into()
        })?;
        let device = std::fs::metadata(&root)?.dev();
        Ok(Self { root, device, _lock: lock })
    }

    /// True when the folder is a disk of its own.
    pub(crate) fn is_mount(&self) -> bool {
        is_mount(&self.root).unwrap_or(false)
    }

    /// Looks whether it is still there, and how much room it has.
    pub(crate) fn probe(&self) -> io::Result<Room> {
        let gone = |why| io::Error::new(io::ErrorKind::NotFound, why);
        match std::fs::metadata(self.root.join(OWN_FOLDER)) {
            Ok(now) if now.dev() == self.device => room(&self.root),
            Ok(_) => Err(gone("its disk is not mounted any more")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(gone("its disk is not mounted any more, or its folder was removed"))
            }
            Err(error) => Err(error),
        }
    }
}

fn room(path: &Path) -> io::Result<Room> {
    let facts = statvfs(path)?;
    let unit = facts.fragment_size();
    Ok(Room { free: facts.blocks_available() * unit, total: facts.blocks() * unit })
}

fn is_mount(path: &Path) -> io::Result<bool> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("/"));
    Ok(std::fs::metadata(path)?.dev() != std::fs::metadata(above)?.dev())
}
