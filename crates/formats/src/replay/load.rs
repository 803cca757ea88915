//! Reads a whole file: MP4, MOV or FLV, told apart by its first bytes.
use crate::demux::DemuxEvent;
use crate::flv::{Demuxer, FlvError, TagReader};
use crate::mp4::{File, Mp4Error};
use bytes::Bytes;
use media::{Fault, Moment, Track, Unit};

/// Bytes given to the FLV reader at once: 64 KiB, so that it never holds the whole file a second time.
const FLV_PIECE_BYTES: usize = 64 << 10;

/// A file's tracks and units, in decoding order.
#[derive(Clone, Debug)]
pub struct Clip {
    /// The tracks, `tracks[i].id == i`.
    pub tracks: Vec<Track>,
    /// The units; their times begin near zero, arrival and wall time mean nothing.
    pub units: Vec<Unit>,
}

/// Why a file cannot be replayed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoadError {
    /// A broken MP4, or one of codecs that are not carried.
    #[error(transparent)]
    Mp4(#[from] Mp4Error),
    /// A broken FLV.
    #[error(transparent)]
    Flv(#[from] FlvError),
    /// Neither. What it is instead is not said: the message may reach people who may not read the file.
    #[error("neither an mp4 nor an flv file")]
    Unknown,
}

impl LoadError {
    /// Whose fault it is. Another try with the same file does not help, whatever this says.
    pub const fn fault(&self) -> Fault {
        match self {
            LoadError::Mp4(error) => error.fault(),
            LoadError::Flv(error) => error.fault(),
            LoadError::Unknown => Fault::Config,
        }
    }
}

/// Reads a file that is in memory or mapped. Units of MP4 share its bytes where they can.
pub fn load(data: Bytes) -> Result<Clip, LoadError> {
    let start = &data[..data.len().min(8)];
    if start.starts_with(b"FLV") {
        return Ok(load_flv(&data)?);
    }
    // Any of the boxes that files begin with.
    let mp4 = matches!(
        start.get(4..8),
        Some(b"ftyp" | b"moov" | b"mdat" | b"free" | b"skip" | b"wide" | b"styp" | b"pnot")
    );
    if !mp4 {
        return Err(LoadError::Unknown);
    }
    let file = File::parse(data)?;
    let units = file.units().collect();
    Ok(Clip { tracks: file.tracks().to_vec(), units })
}

/// Everything up to the first damage counts; FLV has no mark to resume at. A file that is damaged at once fails.
fn load_flv(data: &[u8]) -> Result<Clip, FlvError> {
    let mut reader = TagReader::new();
    let mut demuxer = Demuxer::new();
    let mut clip = Clip { tracks: Vec::new(), units: Vec::new() };
    let mut damage = None;
    'file: for piece in data.chunks(FLV_PIECE_BYTES) {
        reader.push(piece);
        loop {
            match reader.next_tag() {
                Ok(Some(tag)) => {
                    let now = Moment::from_millis(tag.timestamp_ms.into());
                    if let Err(error) = demuxer.handle_tag(tag.kind, tag.timestamp_ms, tag.data, now) {
                        damage = Some(error);
                    }
                    take_events(&mut demuxer, &mut clip);
                }
                Ok(None) => break,
                Err(error) => {
                    damage = Some(error);
                    break 'file;
                }
            }
        }
    }
    demuxer.flush();
    take_events(&mut demuxer, &mut clip);
    match damage {
        Some(error) if clip.units.is_empty() => Err(error),
        Some(_) | None => Ok(clip),
    }
}

fn take_events(demuxer: &mut Demuxer, clip: &mut Clip) {
    while let Some(event) = demuxer.pop() {
        match event {
            DemuxEvent::Tracks(tracks) => clip.tracks = tracks,
            DemuxEvent::Unit(unit) => clip.units.push(unit),
            DemuxEvent::Metadata(_) | DemuxEvent::Note(_) => {}
        }
    }
}
