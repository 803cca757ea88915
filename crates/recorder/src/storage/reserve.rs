//! Room that is kept for the index. On a disk without any, it could not even note what is to be deleted, and a full disk
//! would stay full.
use super::OWN_FOLDER;
use super::place::Room;
use std::fs::File;
use std::path::{Path, PathBuf};

/// How much: 1 MiB, a hundred times what noting a deletion takes; of small disks a 64th.
const BYTES: u64 = 1 << 20;
const SHARE: u64 = 64;

/// A file that takes up room until that is needed.
pub(super) struct Reserve {
    path: PathBuf,
    is_kept: bool,
}

impl Reserve {
    pub(super) fn new(root: &Path) -> Self {
        let path = root.join(OWN_FOLDER).join("reserve");
        let is_kept = path.exists();
        Self { path, is_kept }
    }

    /// Takes the room up, where there is enough of it. File systems that cannot promise room do without.
    pub(super) fn keep(&mut self, room: Room) {
        let bytes = BYTES.min(room.total / SHARE);
        if self.is_kept || room.free < bytes * 2 {
            return;
        }
        let made = File::create(&self.path).is_ok_and(|file| {
            let length = i64::try_from(bytes).unwrap_or(0);
            nix::fcntl::posix_fallocate(&file, 0, length).is_ok()
        });
        if !made {
            // It did not take up anything, or not all.
            let _ = std::fs::remove_file(&self.path);
        }
        self.is_kept = true;
    }

    /// Gives the room back. False: that was done before.
    pub(super) fn release(&mut self) -> bool {
        self.is_kept = false;
        std::fs::remove_file(&self.path).is_ok()
    }
}
