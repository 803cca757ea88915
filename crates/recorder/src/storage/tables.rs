//! How a fragmented file becomes a plain MP4 in its place.
//!
//! Before: `ftyp`, our box, `free`, `moov`, parts. After: `ftyp`, our box, `moov` with all tables, `free`, `mdat` with all
//! that was there from the first `moov` on. The tables are written into the room where nobody sees them, and synced; then one
//! write of eight bytes makes them count. Source: ISO/IEC 14496-12 §8.1; OBS Studio's "hybrid MP4" is of this kind.
use crate::whole::reader;
use formats::mp4::{MovieBuilder, SegmentIndex};
use std::fs::File;
use std::io;

/// What is to be written where.
pub(super) struct Plan {
    /// All of the room but the head of its box.
    pub(super) hidden: Vec<u8>,
    pub(super) hidden_at: u64,
    /// The head that makes it count.
    pub(super) switch: Vec<u8>,
    pub(super) switch_at: u64,
}

/// The head of `mdat` with a length of eight bytes.
const MDAT_HEAD: u64 = 16;
/// And that of the `free` box before it.
const FREE_HEAD: u64 = 8;

/// `None` when there is no room, or nothing to be put there.
pub(super) fn plan(file: &File, whole: u64) -> io::Result<Option<Plan>> {
    let Some((room_at, room)) = find_room(file)? else { return Ok(None) };
    let index = match SegmentIndex::read(reader(file)) {
        Ok(index) => index,
        Err(formats::mp4::IndexError::Read(error)) => return Err(error),
        Err(formats::mp4::IndexError::Broken(_)) => return Ok(None),
    };
    let Some(moov) = tables(&index) else { return Ok(None) };
    let Some(free) = room.checked_sub(moov.len() as u64 + MDAT_HEAD).filter(|free| *free >= FREE_HEAD) else {
        return Ok(None);
    };
    let mut all = moov.to_vec();
    all.extend_from_slice(&u32::try_from(free).unwrap_or(u32::MAX).to_be_bytes());
    all.extend_from_slice(b"free");
    all.resize(all.len() + usize::try_from(free - FREE_HEAD).unwrap_or(0), 0);
    all.extend_from_slice(&1_u32.to_be_bytes());
    all.extend_from_slice(b"mdat");
    all.extend_from_slice(&(whole - room_at - room + MDAT_HEAD).to_be_bytes());
    let hidden = all.split_off(8);
    Ok(Some(Plan { hidden, hidden_at: room_at + 8, switch: all, switch_at: room_at }))
}

fn tables(index: &SegmentIndex) -> Option<bytes::Bytes> {
    let piece = index.piece(i64::MIN / 4, i64::MAX / 4)?;
    let mut builder = MovieBuilder::new(index.tracks()).ok()?;
    builder.add(0, index, &piece, 0).ok()?;
    builder.tables_in_place()
}

/// Where the `free` box is, and how long.
fn find_room(file: &File) -> io::Result<Option<(u64, u64)>> {
    let mut read = reader(file);
    let mut at = 0;
    // `ftyp`, our box, `free`.
    for _ in 0..3 {
        let mut head = [0; 8];
        if read(at, &mut head)? < 8 {
            return Ok(None);
        }
        let size = u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
        if &head[4..] == b"free" {
            return Ok(Some((at, size)));
        }
        at += size.max(8);
    }
    Ok(None)
}
