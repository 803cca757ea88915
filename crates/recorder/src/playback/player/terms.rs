//! What the player and whoever reads for it tell each other.
use media::{Moment, Track, Unit, WallTime};

/// What is read: units, and where they belong.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Piece {
    /// A file begins.
    Begin {
        /// Its tracks.
        tracks: Vec<Track>,
        /// Which of them has the pictures, or is all there is.
        main: usize,
        /// It goes on where the one before it ended.
        joins: bool,
        /// The moment that was asked for, in microseconds of this file; only in the first of a run.
        asked_micros: Option<i64>,
    },
    /// A unit of it, its times from the file's zero; and how long it lasts, in microseconds.
    Unit(Unit, i64),
}

/// What comes after a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    /// More.
    More,
    /// Nothing for now; `true`: it is being recorded.
    Edge(bool),
    /// Nothing any more.
    End,
}

/// What to read next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Ask {
    /// The run it is for; units of an older one are not taken any more.
    pub(crate) run: u64,
    /// Begin there; `None`: go on.
    pub(crate) at: Option<WallTime>,
    /// Key frames of the pictures only.
    pub(crate) keys_only: bool,
}

/// The next thing to do.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Output {
    /// The tracks are these from now on.
    Tracks(Vec<Track>),
    /// Send this one.
    Unit(Unit),
    /// Read, and hand it over with [`Player::handle_batch`]. Not said again before that is done.
    Read(Ask),
    /// Nothing is due.
    WaitUntil(Moment),
    /// It is over, for ever unless somebody seeks.
    Ended,
}
