//! One file that grows: whole up to `whole` bytes at any time; what a failed write left behind that is cut off.
use super::faults::{Hook, Step};
use bytes::Bytes;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// What the name of a file ends with while it grows.
pub(crate) const PART: &str = ".part";
/// Pieces given to the system at once: 1,024, its own limit (`IOV_MAX`).
const PIECES_MAX: usize = 1024;

/// A file that is being written.
pub(crate) struct GrowingFile {
    file: File,
    /// Where it will be.
    path: PathBuf,
    whole: u64,
    synced: u64,
    /// `None`: to be made of the file as it is.
    hash: Option<Xxh3>,
}

impl GrowingFile {
    /// Makes `path`, with [`PART`] behind its name, and the folders above it.
    pub(crate) fn create(path: PathBuf, hook: &mut Hook) -> io::Result<Self> {
        hook.before(Step::Create)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().write(true).read(true).create_new(true).open(part_of(&path))?;
        Ok(Self { file, path, whole: 0, synced: 0, hash: Some(Xxh3::new()) })
    }

    /// Bytes that are whole.
    pub(crate) fn whole(&self) -> u64 {
        self.whole
    }

    /// Appends all pieces or, on an error, nothing.
    pub(crate) fn append(&mut self, pieces: &[Bytes], hook: &mut Hook) -> io::Result<()> {
        let written = self.write(pieces, hook);
        match written {
            Ok(()) => {
                for piece in pieces {
                    if let Some(hash) = &mut self.hash {
                        hash.update(piece);
                    }
                    self.whole += piece.len() as u64;
                }
            }
            Err(_) => {
                // Best effort: whoever reads the file knows where its last part ends.
                let _ = self.file.set_len(self.whole);
                self.file.seek(SeekFrom::Start(self.whole))?;
            }
        }
        written
    }

    fn write(&mut self, pieces: &[Bytes], hook: &mut Hook) -> io::Result<()> {
        hook.before(Step::Write)?;
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut rest = &mut slices[..];
        if hook.splits_writes()
            && let Some(first) = pieces.first()
        {
            self.file.write_all(&first[..first.len() / 2])?;
            hook.before(Step::WriteRest)?;
            IoSlice::advance_slices(&mut rest, first.len() / 2);
        }
        while !rest.is_empty() {
            let at_once = rest.len().min(PIECES_MAX);
            match self.file.write_vectored(&rest[..at_once]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes a plain MP4 of the fragments: their tables go to the room at the front. Until the last write, which is less than
    /// a page, the file is what it was. Where the room is too small, it stays so: a file that plays, without tables in front.
    pub(crate) fn finish_tables(&mut self, hook: &mut Hook) -> io::Result<()> {
        let Some(plan) = super::tables::plan(&self.file, self.whole)? else { return Ok(()) };
        hook.before(Step::Tables)?;
        self.file.write_all_at(&plan.hidden, plan.hidden_at)?;
        // Before the tables count, they are there.
        self.file.sync_data()?;
        hook.before(Step::Switch)?;
        self.file.write_all_at(&plan.switch, plan.switch_at)?;
        self.synced = 0;
        // What was written first has changed.
        self.hash = None;
        Ok(())
    }

    /// Brings what is written to the disk.
    pub(crate) fn sync(&mut self, hook: &mut Hook) -> io::Result<()> {
        if self.synced < self.whole {
            hook.before(Step::Sync)?;
            self.file.sync_data()?;
            self.synced = self.whole;
        }
        Ok(())
    }

    /// Syncs it, gives it its name, and syncs that. Returns its length and hash.
    pub(crate) fn close(mut self, hook: &mut Hook) -> io::Result<(u64, u128)> {
        self.sync(hook)?;
        put_in_place(&self.path, hook)?;
        let hash = match &self.hash {
            Some(hash) => hash.digest128(),
            None => hash_of(&mut self.file)?,
        };
        Ok((self.whole, hash))
    }
}

/// Renames the part of `path` to `path`, and brings the name to the disk.
pub(crate) fn put_in_place(path: &Path, hook: &mut Hook) -> io::Result<()> {
    hook.before(Step::Rename)?;
    std::fs::rename(part_of(path), path)?;
    hook.before(Step::SyncFolder)?;
    sync_folder_of(path)
}

/// Brings the names in the folder of `path` to the disk.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Where `path` is while it grows.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(PART);
    part.into()
}

/// The hash of a file as it is.
pub(crate) fn hash_of(file: &mut File) -> io::Result<u128> {
    let mut hash = Xxh3::new();
    file.seek(SeekFrom::Start(0))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match io::Read::read(file, &mut buffer) {
            Ok(0) => return Ok(hash.digest128()),
            Ok(read) => hash.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
