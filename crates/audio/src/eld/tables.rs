//! Numbers of the standard.
mod bands;
mod books;
mod windows;

pub(super) use bands::Bands;
pub(super) use books::*;
pub(super) use windows::{WINDOW_480, WINDOW_512};
