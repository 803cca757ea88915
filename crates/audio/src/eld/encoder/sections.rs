//! Groups bands into runs with one codebook, so that all together cost the least bits.
use super::candidates::{BOOKS, NEVER};
use crate::eld::spectrum::{BANDS_MAX, BOOK_NOISE};

/// Bits of a section's head: its codebook, and its length up to 30 bands.
const HEAD_BITS: u32 = 9;
/// Length at which more follow.
pub(super) const LENGTH_ESCAPE: usize = 31;
/// Codebooks that a band can have: those with lines, none, and noise.
const STATES: usize = BOOKS + 1;

/// The codebook of each band.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sections {
    pub(super) books: [u8; BANDS_MAX],
    /// Bits of the heads and of all lines.
    pub(super) bits: u32,
}

impl Sections {
    /// `costs` tells for a band what its lines cost with each codebook, or which book it has in any case.
    pub(super) fn new<'a>(bands: usize, costs: impl Fn(usize) -> Result<&'a [u16; BOOKS], u8>) -> Self {
        let mut this = Self { books: [0; BANDS_MAX], bits: 0 };
        if bands == 0 {
            return this;
        }
        // The least bits of the bands before if the last of them has this codebook, and the codebook before it.
        let mut least = [0; STATES];
        let mut before = [[0u8; STATES]; BANDS_MAX];
        for (band, before) in before.iter_mut().enumerate().take(bands) {
            let cheapest = (0..STATES).min_by_key(|state| least[*state]).unwrap_or(0);
            let anew = least[cheapest] + HEAD_BITS;
            let mut next = [u32::MAX / 2; STATES];
            let costs = costs(band);
            for state in 0..STATES {
                let own = match costs {
                    Ok(books) => books.get(state).copied().filter(|bits| *bits != NEVER),
                    Err(book) => (state_of(book) == state).then_some(0),
                };
                let Some(own) = own else { continue };
                let stays = band > 0 && least[state] < anew;
                next[state] = u32::from(own) + if stays { least[state] } else { anew };
                before[state] = if stays { state } else { cheapest } as u8;
            }
            least = next;
        }
        let mut state = (0..STATES).min_by_key(|state| least[*state]).unwrap_or(0);
        this.bits = least[state];
        for band in (0..bands).rev() {
            this.books[band] = if state == BOOKS { BOOK_NOISE } else { state as u8 };
            state = usize::from(before[band][state]);
        }
        // Each escape of a length is five bits more.
        this.bits += this.runs(bands).map(|(_, length)| 5 * (length / LENGTH_ESCAPE) as u32).sum::<u32>();
        this
    }

    /// The sections: codebook and length.
    pub(super) fn runs(&self, bands: usize) -> impl Iterator<Item = (u8, usize)> {
        self.books[..bands].chunk_by(|a, b| a == b).map(|run| (run[0], run.len()))
    }
}

const fn state_of(book: u8) -> usize {
    if book == BOOK_NOISE { BOOKS } else { book as usize }
}
