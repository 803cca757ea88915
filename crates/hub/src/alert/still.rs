//! Whether a picture stands still: its key frames repeat to the byte.
//!
//! Nothing is hashed, and nothing is kept of a camera that works: its key frames differ in length already. Encoders
//! number consecutive IDR pictures in turn (`idr_pic_id`, H.264 §7.4.3), so the same picture may come in two forms.
use super::AlertLimits;
use bytes::Bytes;
use media::Moment;

/// Forms in which one picture may come, in turn.
const FORMS: usize = 2;

/// `Moves` → `Suspect` when a key frame is as long as one of the last two → `Moves` when one comes that is another.
#[derive(Debug)]
enum State {
    Moves,
    /// These forms and no others came since then; so many repeated one of them.
    Suspect {
        since: Moment,
        forms: Vec<Bytes>,
        repeats: usize,
    },
}

/// Watches one track.
#[derive(Debug)]
pub(super) struct Still {
    state: State,
    /// Lengths of the last key frames.
    lengths: [usize; FORMS],
}

impl Default for Still {
    fn default() -> Self {
        Self { state: State::Moves, lengths: [0; FORMS] }
    }
}

impl Still {
    pub(super) fn handle_keyframe(&mut self, data: &Bytes, now: Moment) {
        let seen = self.lengths.contains(&data.len());
        self.lengths.rotate_left(1);
        self.lengths[FORMS - 1] = data.len();
        match &mut self.state {
            State::Suspect { forms, repeats, .. } => {
                if forms.contains(data) {
                    *repeats += 1;
                    return;
                }
                if seen && *repeats == 0 && forms.len() < FORMS {
                    forms.push(data.clone());
                    return;
                }
            }
            State::Moves => {}
        }
        self.state = if seen {
            State::Suspect { since: now, forms: vec![data.clone()], repeats: 0 }
        } else {
            State::Moves
        };
    }

    /// Since when the picture stands still, once enough key frames say so.
    pub(super) fn since(&self) -> Option<Moment> {
        match &self.state {
            State::Suspect { since, repeats, .. } if repeats + 1 >= AlertLimits::SAME_KEYFRAMES => {
                Some(*since)
            }
            State::Suspect { .. } | State::Moves => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(keyframes: &[&'static [u8]]) -> (Still, Option<Moment>) {
        let mut still = Still::default();
        for (second, data) in keyframes.iter().enumerate() {
            still.handle_keyframe(&Bytes::from_static(data), Moment::from_millis(second as u64 * 1000));
        }
        let since = still.since();
        (still, since)
    }

    #[test]
    fn the_same_key_frame_again_and_again_stands_still_since_its_second() {
        assert_eq!(after(&[b"ab", b"ab", b"ab"]).1, None);
        assert_eq!(after(&[b"xyz", b"ab", b"ab", b"ab", b"ab"]).1, Some(Moment::from_millis(2000)));
        assert_eq!(after(&[b"ab", b"cd", b"ab", b"cd", b"ab", b"cd"]).1, Some(Moment::from_millis(1000)));
        assert_eq!(after(&[b"ab", b"cde", b"ab", b"cde", b"ab", b"cde"]).1, Some(Moment::from_millis(2000)));
    }

    #[test]
    fn a_camera_that_works_is_not_kept_a_frame_of() {
        let (still, since) = after(&[b"a", b"bb", b"ccc", b"dddd"]);
        assert!(matches!(still.state, State::Moves) && since.is_none());
        let same_lengths: [&'static [u8]; 7] = [b"ab", b"cd", b"ef", b"gh", b"ij", b"kl", b"mn"];
        assert_eq!(after(&same_lengths).1, None);
        assert_eq!(after(&[b"ab", b"ab", b"ab", b"ab", b"x"]).1, None);
    }
}
