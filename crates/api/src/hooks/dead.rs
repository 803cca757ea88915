//! Dead letters: what could not be delivered, a JSON object a line, in a file or in the log. Owns the file.
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Lines that wait for the disk: 2,000, so that the whole queue of a receiver fits that is given up at once.
const LINES: usize = 2000;
/// Most lines written at once: 256, so that one slow write is not a long one.
const BATCH: usize = 256;

/// Takes dead letters. Never waits.
#[derive(Clone)]
pub(super) struct DeadLetters {
    lines: mpsc::Sender<String>,
    counts: Arc<Counts>,
    to_log: bool,
}

/// Counts dead letters.
#[derive(Default)]
pub(super) struct Counts {
    written: AtomicU64,
    lost: AtomicU64,
}

impl Counts {
    /// Written, and lost since even that failed.
    pub(super) fn get(&self) -> (u64, u64) {
        (self.written.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }
}

impl DeadLetters {
    /// Starts the owner of the file, which ends when nobody holds a handle any more.
    pub(super) fn start(path: Option<PathBuf>, bytes_max: u64) -> (DeadLetters, JoinHandle<()>) {
        let (tx, rx) = mpsc::channel(LINES);
        let counts = Arc::new(Counts::default());
        let to_log = path.is_none();
        let task = tokio::spawn(own(path, bytes_max, rx, counts.clone()));
        (DeadLetters { lines: tx, counts, to_log }, task)
    }

    /// True when there is no file: the log has them.
    pub(super) fn to_log(&self) -> bool {
        self.to_log
    }

    pub(super) fn push(&self, line: String) {
        if self.lines.try_send(line).is_err() {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }
}

async fn own(path: Option<PathBuf>, bytes_max: u64, mut lines: mpsc::Receiver<String>, counts: Arc<Counts>) {
    let mut batch = Vec::new();
    while lines.recv_many(&mut batch, BATCH).await > 0 {
        let number = batch.len() as u64;
        let Some(path) = path.clone() else {
            for line in batch.drain(..) {
                tracing::warn!(target: "api", letter = line, "an event could not be delivered to its hook");
            }
            counts.written.fetch_add(number, Ordering::Relaxed);
            continue;
        };
        let mut text = batch.join("\n");
        text.push('\n');
        batch.clear();
        // A disk may hang: not on this thread.
        let shown = path.display().to_string();
        let written = tokio::task::spawn_blocking(move || append(&path, text.as_bytes(), bytes_max)).await;
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => counts.written.fetch_add(number, Ordering::Relaxed),
            Err(error) => {
                tracing::error!(target: "api", path = shown, %error, number, "dead letters of hooks could not be written");
                counts.lost.fetch_add(number, Ordering::Relaxed)
            }
        };
    }
}

/// Appends; a file that would grow beyond the limit is put aside first.
fn append(path: &Path, text: &[u8], bytes_max: u64) -> io::Result<()> {
    let size = fs::metadata(path).map(|file| file.len()).unwrap_or_default();
    if size > 0 && size.saturating_add(text.len() as u64) > bytes_max {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".1");
        fs::rename(path, aside)?;
    }
    // Events name peers and streams: not everybody's business.
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)?.write_all(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_put_aside_when_full_and_only_one_is_kept() {
        let folder = std::env::temp_dir().join(format!("aqueduct-dead-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("dead.jsonl");
        for line in ["1234567\n", "2234567\n", "3234567\n", "4234567\n", "5234567\n"] {
            append(&path, line.as_bytes(), 16).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "5234567\n");
        assert_eq!(fs::read_to_string(folder.join("dead.jsonl.1")).unwrap(), "3234567\n4234567\n");
        append(&path, &[b'x'; 100], 16).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().len(),
            100,
            "a line longer than the limit is written all the same"
        );
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }
}
