//! What each container begins with.
use super::Container;
use crate::mpegts::find_sync;

/// What a signature says of a beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Guess {
    Yes(Container),
    /// More bytes are needed to tell.
    Maybe,
    No,
}

type Signature = fn(head: &[u8], at_end: bool) -> Guess;

/// In the order in which they are believed: those by their first bytes before those that may begin anywhere.
pub(super) const SIGNATURES: &[Signature] = &[flv, mpegts];

/// FLV 10.1 §E.2.
fn flv(head: &[u8], _at_end: bool) -> Guess {
    prefix(head, b"FLV", Container::Flv)
}

/// ISO/IEC 13818-1 §2.4.3.2: packets that begin alike, from anywhere on.
fn mpegts(head: &[u8], at_end: bool) -> Guess {
    match find_sync(head, false) {
        Some(_) => Guess::Yes(Container::MpegTs),
        // At the end fewer packets are enough, but then the first byte must be right: one in 256 is so by chance.
        None if at_end && find_sync(head, true).is_some_and(|(at, _)| at == 0) => {
            Guess::Yes(Container::MpegTs)
        }
        None if head.first().is_none_or(|&first| first == 0x47) => Guess::Maybe,
        None => Guess::No,
    }
}

/// Fixed bytes at the start.
fn prefix(head: &[u8], magic: &[u8], container: Container) -> Guess {
    if head.starts_with(magic) {
        Guess::Yes(container)
    } else if magic.starts_with(head) {
        Guess::Maybe
    } else {
        Guess::No
    }
}
