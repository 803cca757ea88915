//! A storage: a folder with recordings and the index of them. One thread owns both; everybody else has a
//! [`StorageHandle`], a bounded mailbox, or a [`Library`](crate::Library) that only reads.
//!
//! What is where: `.aqueduct/index.sqlite3` and `.aqueduct/lock` in the folder, the recordings beside them. A storage is
//! whole in itself: a disk that is moved to another machine has its recordings with it.
//!
//! The three promises, whatever moment the process ends at (`tests/crash.rs` ends it at each [`Step`]):
//! 1. A segment that the index calls closed exists, with its size and hash.
//! 2. Every file is in the index, or is garbage that the next start removes, or is newer than the index and adopted then.
//! 3. After an orderly end nothing is open.
//!
//! The order that keeps them: note in the index → make the file → append → sync → rename → sync the folder → close in the
//! index; and to delete: doom in the index → delete the file → forget it in the index.
mod check;
mod delete;
mod faults;
mod file;
mod handle;
mod health;
mod index;
mod owner;
mod place;
mod playlist;
mod recover;
mod reserve;
mod tables;

pub use check::{CheckError, CheckReport, Finding, check};
pub use faults::{Faults, Step};
pub(crate) use file::part_of;
pub use handle::{Begin, Begun, StorageHandle, Written};
pub use health::{Health, StorageReport};
pub(crate) use index::Reader as IndexReader;
pub use index::{Days, IndexError, Totals};

use std::path::PathBuf;
use std::time::Duration;

/// Where the index and the lock are, below a storage's folder.
const OWN_FOLDER: &str = ".aqueduct";

/// A storage, as configured.
pub struct StorageConfig {
    /// Its name in settings, reports and the API.
    pub name: String,
    /// Its folder; made if it is not there.
    pub path: PathBuf,
    /// What is written is brought to the disk at least so often. It is on its way at once and outlives the process; this
    /// is for power cuts.
    pub sync: Duration,
    /// Which recordings are deleted, besides what each stream says.
    pub retention: Retention,
    /// So much stays free: the oldest recordings are deleted for it.
    pub free_min: u64,
    /// Only write while the folder is a mount point: without its disk, the folder is just a folder of the disk above.
    pub mount: bool,
    /// For tests.
    pub faults: Option<Box<dyn Faults>>,
}

/// How long recordings are kept. What is protected stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retention {
    /// Until they are so old.
    pub age_max: Option<Duration>,
    /// Until there are so many bytes.
    pub bytes_max: Option<u64>,
}

impl Retention {
    /// What keeps all that one of both keeps.
    pub(crate) fn longer(self, other: Self) -> Self {
        Self {
            age_max: self.age_max.zip(other.age_max).map(|(a, b)| a.max(b)),
            bytes_max: self.bytes_max.zip(other.bytes_max).map(|(a, b)| a.max(b)),
        }
    }
}

impl StorageConfig {
    /// A storage in a folder, with the usual settings: synced each 5 s, 1 GiB left free, nothing deleted before that.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            sync: Duration::from_secs(5),
            retention: Retention::default(),
            free_min: 1 << 30,
            mount: false,
            faults: None,
        }
    }

    fn index_path(&self) -> PathBuf {
        index_path(&self.path)
    }
}

pub(crate) fn index_path(root: &std::path::Path) -> PathBuf {
    root.join(OWN_FOLDER).join("index.sqlite3")
}

/// Why a storage did not do something.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no room, and nothing left that may be deleted.
    #[error("storage {storage}: the disk is full, and there is nothing left to delete: {reason}")]
    Full {
        /// The storage's name.
        storage: String,
        /// What the system said.
        reason: String,
    },
    /// The disk does not work, or is not there.
    #[error("storage {storage}: {reason}")]
    Gone {
        /// The storage's name.
        storage: String,
        /// What the system said.
        reason: String,
    },
    /// The segment is not open any more: an error before this one closed it.
    #[error("storage {storage}: the segment is closed already")]
    Closed {
        /// The storage's name.
        storage: String,
    },
    /// The server is shutting down.
    #[error("the storage's thread has ended")]
    Ended,
}
