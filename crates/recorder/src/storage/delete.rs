//! Deletion and retention: doom in the index, delete the files, forget. What is protected is never among it.
use super::StorageError;
use super::faults::Step;
use super::owner::Owner;
use crate::segment::{FileFormat, Segment, Span};
use media::WallTime;
use std::io;
use std::time::{Duration, Instant};

/// Segments deleted at once: between two batches, others have their turn.
const BATCH: usize = 32;
/// What single streams keep is looked at so often.
const STREAMS_EVERY: Duration = Duration::from_secs(10);
/// A disk that refused something is called full for so long, whatever it says of its room: 5 s. Quotas, inodes and blocks
/// kept for others are no part of that room; and who looks each second, as alerts do, must see what was deleted for it.
const FULL_FOR: Duration = Duration::from_secs(5);
/// The free room that ends a full disk: `free_min`, but at least 1/64 of the disk is asked of nobody.
const ROOM_SHARE: u64 = 64;

impl Owner {
    /// Deletes closed segments, in two phases. Returns how many bytes that freed.
    pub(super) fn delete(&mut self, segments: &[Segment]) -> Result<u64, StorageError> {
        let mut freed = 0;
        for batch in segments.chunks(BATCH) {
            if let Err(error) = self.hook.before(Step::IndexDoom) {
                self.lose(&error);
                return Err(self.gone_error());
            }
            let ids: Vec<i64> = batch.iter().map(|segment| segment.id).collect();
            self.with_index(|index| index.doom(&ids))?;
            let lists: std::collections::BTreeSet<&str> = batch
                .iter()
                .filter(|segment| segment.format.has_playlist())
                .map(|segment| super::playlist::folder_of(&segment.path))
                .collect();
            for folder in lists {
                // Before the files go, nothing names them any more.
                let ended = !self.lists.contains_key(folder);
                if let Err(error) = self.write_playlist(folder, ended) {
                    self.lose(&error.into());
                    return Err(self.gone_error());
                }
            }
            for segment in batch {
                if let Err(error) = self.unlink(segment) {
                    self.lose(&error);
                    return Err(self.gone_error());
                }
                self.with_index(|index| index.forget(segment.id))?;
                freed += segment.bytes;
                self.bytes = self.bytes.saturating_sub(segment.bytes);
                self.segments = self.segments.saturating_sub(1);
                self.deleted += 1;
            }
        }
        Ok(freed)
    }

    fn unlink(&mut self, segment: &Segment) -> io::Result<()> {
        self.hook.before(Step::Unlink)?;
        let path = self.config.path.join(&segment.path);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.hook.before(Step::IndexForget)?;
        // Folders that are empty now go as well; the first one that is not ends that.
        let mut folder = path.parent();
        while let Some(path) = folder.filter(|path| *path != self.config.path) {
            if std::fs::remove_dir(path).is_err() {
                break;
            }
            folder = path.parent();
        }
        Ok(())
    }

    /// Deletes what lies within a span as a whole and is not protected.
    pub(super) fn delete_span(
        &mut self,
        stream: &str,
        span: Span,
    ) -> Result<(usize, u64, usize), StorageError> {
        let within = self.with_index(|index| index.within(stream, span))?;
        let (mut free, mut kept) = (Vec::with_capacity(within.len()), 0);
        for segment in within {
            if self.with_index(|index| index.is_protected(&segment))? {
                kept += 1;
            } else {
                free.push(segment);
            }
        }
        let bytes = self.delete(&free)?;
        Ok((free.len(), bytes, kept))
    }

    /// The disk refused a write: deletes the oldest. False: there is nothing left to delete.
    pub(super) fn make_room(&mut self, error: &io::Error) -> bool {
        if let Some(there) = &mut self.there {
            there.reserve.release();
        }
        let oldest = self.with_index(|index| index.oldest(None, None, BATCH)).unwrap_or_default();
        let wanted = self.config.free_min.min(self.room.total / ROOM_SHARE).max(1);
        let mut bytes = 0;
        let enough = oldest.iter().take_while(|segment| {
            let go_on = bytes < wanted;
            bytes += segment.bytes;
            go_on
        });
        let chosen: Vec<Segment> = enough.cloned().collect();
        let freed = !chosen.is_empty() && self.delete(&chosen).is_ok();
        let reason = if freed {
            format!("{error}: the oldest recordings are deleted to make room")
        } else {
            format!("{error}, and there is nothing left that may be deleted")
        };
        self.full = Some((reason, Instant::now()));
        self.tell();
        freed
    }

    /// Applies what says how long recordings are kept: by age, by bytes, by free room. A batch of each at most.
    pub(super) fn retain(&mut self) {
        if self.there.is_none() {
            return;
        }
        if self.retain_by(None, self.config.retention).is_err() {
            return;
        }
        // Bytes of one stream are summed up: not each second.
        if self.streams_retained.elapsed() >= STREAMS_EVERY {
            self.streams_retained = Instant::now();
            for ((stream, format), retention) in self.keep.clone() {
                if self.retain_by(Some((&stream, format)), retention).is_err() {
                    return;
                }
            }
        }
        if self.retain_by_room().is_err() {
            return;
        }
        if self.has_room() {
            self.full.take_if(|(_, refused)| refused.elapsed() >= FULL_FOR);
            let room = self.room;
            if let Some(there) = &mut self.there {
                there.reserve.keep(room);
            }
        }
    }

    fn has_room(&self) -> bool {
        self.room.free >= self.config.free_min.min(self.room.total / ROOM_SHARE).max(1)
    }

    fn retain_by(
        &mut self,
        of: Option<(&str, FileFormat)>,
        retention: super::Retention,
    ) -> Result<(), StorageError> {
        if let Some(age) = retention.age_max {
            let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
            let before = WallTime::from_micros(self.wall().as_micros().saturating_sub(age));
            let old = self.with_index(|index| index.oldest(of, Some(before), BATCH))?;
            self.delete(&old)?;
        }
        if let Some(most) = retention.bytes_max {
            let bytes = match of {
                None => self.bytes,
                Some((stream, format)) => self.with_index(|index| index.bytes_of(stream, format))?,
            };
            self.delete_oldest(of, bytes.saturating_sub(most))?;
        }
        Ok(())
    }

    fn retain_by_room(&mut self) -> Result<(), StorageError> {
        let missing = self.config.free_min.saturating_sub(self.room.free);
        if missing == 0 {
            return Ok(());
        }
        let freed = self.delete_oldest(None, missing)?;
        self.room.free += freed;
        Ok(())
    }

    /// Deletes the oldest until so many bytes are free, a batch at most.
    fn delete_oldest(&mut self, of: Option<(&str, FileFormat)>, bytes: u64) -> Result<u64, StorageError> {
        if bytes == 0 {
            return Ok(0);
        }
        let oldest = self.with_index(|index| index.oldest(of, None, BATCH))?;
        let mut sum = 0;
        let chosen = oldest.into_iter().take_while(|segment| {
            let go_on = sum < bytes;
            sum += segment.bytes;
            go_on
        });
        let chosen: Vec<Segment> = chosen.collect();
        self.delete(&chosen)
    }
}
