//! Values: a recorded segment, a span of time, and what files a recording is made of.
use media::WallTime;
use std::time::Duration;

/// Which kind of files a recording is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum FileFormat {
    /// Fragmented MP4: whole after each part, whatever happens.
    #[default]
    Fmp4,
    /// Fragmented while it grows, and a plain MP4 with its tables in front once it is closed.
    Mp4,
    /// Short fragmented MP4 segments and a playlist.
    Hls,
    /// Short MPEG-TS segments and a playlist.
    HlsTs,
    /// MPEG-TS.
    Ts,
}

impl FileFormat {
    /// All of them.
    pub const ALL: [FileFormat; 5] =
        [FileFormat::Fmp4, FileFormat::Mp4, FileFormat::Hls, FileFormat::HlsTs, FileFormat::Ts];

    /// The word in settings and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            FileFormat::Fmp4 => "fmp4",
            FileFormat::Mp4 => "mp4",
            FileFormat::Hls => "hls",
            FileFormat::HlsTs => "hls_ts",
            FileFormat::Ts => "ts",
        }
    }

    /// The format of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }

    /// What its files' names end with.
    pub const fn extension(self) -> &'static str {
        match self {
            FileFormat::Fmp4 | FileFormat::Mp4 | FileFormat::Hls => "mp4",
            FileFormat::HlsTs | FileFormat::Ts => "ts",
        }
    }

    /// True for MPEG-TS files.
    pub const fn is_ts(self) -> bool {
        matches!(self, FileFormat::HlsTs | FileFormat::Ts)
    }

    /// True for recordings with a playlist.
    pub const fn has_playlist(self) -> bool {
        matches!(self, FileFormat::Hls | FileFormat::HlsTs)
    }
}

/// From one moment to another, the latter not included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Its first moment.
    pub from: WallTime,
    /// The first moment behind it.
    pub to: WallTime,
}

impl Span {
    /// All of time.
    pub const ALL: Span =
        Span { from: WallTime::from_micros(i64::MIN / 4), to: WallTime::from_micros(i64::MAX / 4) };

    /// How long it is.
    pub fn length(&self) -> Duration {
        let micros = self.to.as_micros().saturating_sub(self.from.as_micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// True when both have a moment in common.
    pub fn overlaps(&self, other: &Span) -> bool {
        self.from.as_micros() < other.to.as_micros() && other.from.as_micros() < self.to.as_micros()
    }
}

/// `Open` → `Closed` → `Deleting` → gone; nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SegmentState {
    /// It is being written; its file is called `….part`.
    Open,
    /// It is as it will stay.
    Closed,
    /// Its file is being deleted, or is gone already.
    Deleting,
}

/// One file of a recording, as the index has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Unique in its storage, rising.
    pub id: i64,
    /// The stream.
    pub stream: String,
    /// Which kind of file.
    pub format: FileFormat,
    /// Its file, below the storage's folder.
    pub path: String,
    /// Where it is in its life.
    pub state: SegmentState,
    /// When its first frame was captured, and when its last one ended.
    pub span: Span,
    /// Bytes of its file; those that are whole, while it is open.
    pub bytes: u64,
    /// Bytes of its file before the first media: what every player needs first.
    pub head: u64,
    /// XXH3-128 of its file; `None` while it is open.
    pub hash: Option<u128>,
    /// Codecs, such as `h264+aac`.
    pub tracks: String,
    /// Why it does not follow the one before, where it does not.
    pub gap: Option<String>,
}

/// Time that retention leaves alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Protected {
    /// Unique in its storage.
    pub id: i64,
    /// The stream.
    pub stream: String,
    /// Segments that have a moment in common with this stay.
    pub span: Span,
    /// Why, for people.
    pub note: String,
}

/// Something that happened, as a mark on the timeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Happening {
    /// Unique in its storage.
    pub id: i64,
    /// The stream.
    pub stream: String,
    /// When; `to` is `from` where it has no length.
    pub span: Span,
    /// `motion`, `clip`…
    pub kind: String,
    /// For people.
    pub text: String,
}
