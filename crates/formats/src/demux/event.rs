//! What demuxers tell: the same of every container.
use crate::flv::Metadata;
use media::{Kind, Track, Unit};

/// What a demuxer found.
#[derive(Clone, PartialEq, Debug)]
pub enum DemuxEvent {
    /// The tracks: first when they are known, again whenever they change. `Unit::track` is an index into the newest list.
    Tracks(Vec<Track>),
    /// A unit of one of the tracks told last.
    Unit(Unit),
    /// What the sender says about the stream, whenever it changes; nothing of it is certain. FLV only.
    Metadata(Metadata),
    /// Something is left out of the units; each cause is said once.
    Note(Note),
}

/// Something that was left out of the units, said once for each cause.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Note {
    /// A codec that streams do not carry: it is skipped.
    Unsupported {
        /// Audio or video; `None` where that is not known.
        kind: Option<Kind>,
        /// Its name, such as `Speex` or `ac-3`.
        codec: String,
    },
    /// More tracks of a kind than are taken: of E-RTMP multitrack the first, of MPEG-TS the first few.
    OtherTracks {
        /// Audio or video.
        kind: Kind,
        /// The number of one that is skipped, from 0.
        id: u8,
    },
    /// More than one programme (MPEG-TS): only the first is taken.
    OtherPrograms {
        /// The number of the one taken.
        taken: u16,
    },
    /// Frames that nothing can decode were dropped, because the codec's parameters had not come yet.
    BeforeParameters {
        /// Audio or video.
        kind: Kind,
    },
    /// Parameters of a codec that make no sense were ignored.
    BadParameters {
        /// What is wrong, as a sentence.
        why: String,
    },
    /// A tag, packet or frame was damaged and dropped.
    Damaged {
        /// Audio or video.
        kind: Kind,
    },
    /// Encrypted packets (MPEG-TS) were dropped.
    Scrambled,
    /// Bytes that belong to nothing were passed over.
    Garbage,
    /// Pictures are shown in another order than they come, and the stream does not say when: a bare H.264 or H.265
    /// stream with B frames.
    NoPresentationTimes,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Note::Unsupported { kind, codec } => {
                let kind = kind.map_or("", |kind| if kind == Kind::Video { "video " } else { "audio " });
                write!(f, "{kind}codec {codec} is not supported and skipped")
            }
            Note::OtherTracks { kind, id } => {
                write!(f, "{} track number {id} is skipped: there are more than are taken", kind.as_str())
            }
            Note::OtherPrograms { taken } => {
                write!(f, "of several programmes only number {taken} is taken")
            }
            Note::BeforeParameters { kind } => {
                write!(f, "{} frames before the codec's parameters are dropped", kind.as_str())
            }
            Note::BadParameters { why } => write!(f, "{why}; it is ignored"),
            Note::Damaged { kind } => write!(f, "damaged {} is dropped", kind.as_str()),
            Note::Scrambled => f.write_str("encrypted packets are dropped"),
            Note::Garbage => f.write_str("bytes that belong to nothing are passed over"),
            Note::NoPresentationTimes => f.write_str(
                "the stream has B frames but no times: pictures are shown in decoding order; send MPEG-TS, or encode \
                 without B frames",
            ),
        }
    }
}
