//! Scalefactor bands: where each begins, by rate and length of a frame.
//!
//! Source: ISO/IEC 14496-3 §4.5.4, tables 4.138 to 4.143; the standard gives them for 24 to 48 kHz, and other rates use
//! the nearest of those.
use crate::eld::config::FrameLength;

static SFB_480_48: [u16; 36] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 64, 72, 80, 88, 96, 108, 120, 132, 144, 156,
    172, 188, 212, 240, 272, 304, 336, 368, 400, 432, 480,
];
static SFB_480_32: [u16; 38] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 72, 80, 88, 96, 104, 112, 124, 136, 148,
    164, 180, 200, 224, 256, 288, 320, 352, 384, 416, 448, 480,
];
static SFB_480_24: [u16; 31] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 52, 60, 68, 80, 92, 104, 120, 140, 164, 192, 224, 256, 288,
    320, 352, 384, 416, 448, 480,
];
static SFB_512_48: [u16; 37] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 68, 76, 84, 92, 100, 112, 124, 136, 148,
    164, 184, 208, 236, 268, 300, 332, 364, 396, 428, 460, 512,
];
static SFB_512_32: [u16; 38] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 64, 72, 80, 88, 96, 108, 120, 132, 144, 160,
    176, 192, 212, 236, 260, 288, 320, 352, 384, 416, 448, 480, 512,
];
static SFB_512_24: [u16; 32] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 52, 60, 68, 80, 92, 104, 120, 140, 164, 192, 224, 256, 288,
    320, 352, 384, 416, 448, 480, 512,
];

/// The bands of one rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bands {
    /// Where each band begins, and where the last one ends.
    pub(crate) offsets: &'static [u16],
    /// Bands that temporal noise shaping reaches. Source: table 4.155.
    pub(crate) shaped: usize,
}

impl Bands {
    /// For a sampling frequency index, 0 (96 kHz) to 12.
    pub(crate) fn of(index: u8, length: FrameLength) -> Self {
        let (offsets, shaped): (&'static [u16], usize) = match (length, index) {
            (FrameLength::L480, 0..=4) => (&SFB_480_48, if index == 4 { 32 } else { 31 }),
            (FrameLength::L480, 5) => (&SFB_480_32, 37),
            (FrameLength::L480, _) => (&SFB_480_24, 30),
            (FrameLength::L512, 0..=4) => (&SFB_512_48, if index == 4 { 32 } else { 31 }),
            (FrameLength::L512, 5) => (&SFB_512_32, 37),
            (FrameLength::L512, _) => (&SFB_512_24, 31),
        };
        Self { offsets, shaped }
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The lines of one band.
    pub(crate) fn lines(&self, band: usize) -> std::ops::Range<usize> {
        usize::from(self.offsets[band])..usize::from(self.offsets[band + 1])
    }
}
