//! What goes wrong with MP4, and where.
use super::{Skipped, Unplayable};
use media::Fault;

/// Deepest nesting of boxes that is looked into; `moov/trak/mdia/minf/stbl/stsd/mp4a/wave/esds` is the longest.
const DEPTH_MAX: usize = 9;

/// The names of a box and of those around it, as `moov/trak/mdia`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BoxPath {
    names: [[u8; 4]; DEPTH_MAX],
    depth: u8,
}

impl BoxPath {
    /// The path of a box inside; beyond the deepest nesting it stays as it is.
    pub(super) fn inside(mut self, name: [u8; 4]) -> Self {
        if let Some(place) = self.names.get_mut(usize::from(self.depth)) {
            *place = name;
            self.depth += 1;
        }
        self
    }
}

impl std::fmt::Display for BoxPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.depth == 0 {
            return f.write_str("file");
        }
        for (index, name) in self.names.iter().take(usize::from(self.depth)).enumerate() {
            let slash = if index > 0 { "/" } else { "" };
            write!(f, "{slash}{}", name.escape_ascii())?;
        }
        Ok(())
    }
}

/// Why an MP4 could not be written or read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Mp4Error {
    /// No track has a place in MP4, or none has told its parameters yet.
    #[error("no track can be carried in mp4: {}", list(skipped))]
    NothingFits {
        /// Each track and why.
        skipped: Vec<Skipped>,
    },
    /// No unit is a key frame of a track that can be carried.
    #[error("no key frame of a video track that mp4 can carry")]
    NoKeyframe,
    /// A box is broken.
    #[error("{path} at byte {offset}: {what}")]
    Malformed {
        /// The box.
        path: BoxPath,
        /// Where in the file.
        offset: u64,
        /// What is wrong, as part of a sentence.
        what: &'static str,
    },
    /// The file has no `moov` box: no MP4, or its end is missing.
    #[error("the file of {bytes} bytes has no moov box")]
    NoMovie {
        /// The length of the file.
        bytes: u64,
    },
    /// No track of the file can be played.
    #[error("no track of the file can be played: {}", list(tracks))]
    NothingPlayable {
        /// Each track and why.
        tracks: Vec<Unplayable>,
    },
}

impl Mp4Error {
    /// Whose fault it is: the file's or the peer's codecs; another try with the same ones does not help.
    pub const fn fault(&self) -> Fault {
        match self {
            Mp4Error::NothingFits { .. } | Mp4Error::NothingPlayable { .. } => Fault::Config,
            Mp4Error::NoKeyframe | Mp4Error::Malformed { .. } | Mp4Error::NoMovie { .. } => Fault::Peer,
        }
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    match items {
        [] => "it has none".into(),
        items => items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}
