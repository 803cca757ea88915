//! How fast a recording is played.
use hub::{PastError, PastSpec};

/// Up to this speed, every frame is shown: 4. A screen of 60 Hz shows no more of 25 pictures a second, and a decoder has to
/// keep up; above it, only key frames are.
const ALL_FRAMES_MAX: f64 = 4.0;

/// A speed that there is: [`PastSpec::SPEEDS`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Speed(f64);

impl Speed {
    /// As fast as it was.
    pub const ONE: Speed = Speed(1.0);

    /// Checks it.
    ///
    /// # Errors
    /// One that there is not.
    pub fn new(speed: f64) -> Result<Self, PastError> {
        PastSpec::check_speed(speed).map(Self)
    }

    /// How many seconds of the recording a second shows.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Only key frames, and no sound.
    pub(crate) fn keys_only(self) -> bool {
        self.0 > ALL_FRAMES_MAX
    }

    /// Sound that is faster or slower is nobody's voice any more: there is none.
    pub(crate) fn has_sound(self) -> bool {
        (self.0 - 1.0).abs() < 1e-6
    }

    /// Outgoing time for each recorded time.
    pub(crate) fn slope(self) -> f64 {
        1.0 / self.0
    }
}
