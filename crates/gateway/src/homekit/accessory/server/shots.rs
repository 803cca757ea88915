//! Snapshots that are shared: controllers of one Home ask for the same picture at the same time, and a hub asks for all of them.
//!
//! One picture of a size is made at a time, for all who wait for it, and it is good for [`AGE_MAX`].
use media::Moment;
use protocols::hap::http::Response;
use protocols::hap::pairing::ConnectionId;
use std::time::Duration;

/// A picture is given again until it is this old: 2 s, as old as a camera's newest key frame often is. Phones ask each 10 s.
const AGE_MAX: Duration = Duration::from_secs(2);

/// Whoever makes one for longer than this never tells: 10 s, more than a picture may take. The next who asks has it made anew.
const MAKING_MAX: Duration = Duration::from_secs(10);

/// A picture's width and height.
pub(super) type Size = (u16, u16);

/// What becomes of a question.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    /// Here it is.
    Have(Response),
    /// Make one; the answer comes by [`Shots::made`].
    Make,
    /// One is being made.
    Wait,
}

/// A picture that is made for some, or was made.
#[derive(Debug)]
enum Shot {
    Making { since: Moment, waiting: Vec<ConnectionId> },
    Made { at: Moment, response: Response },
}

/// The pictures of one camera.
#[derive(Debug, Default)]
pub(in crate::homekit::accessory) struct Shots {
    shots: Vec<(Size, Shot)>,
}

impl Shots {
    /// A controller asks for a picture.
    pub(super) fn ask(&mut self, size: Size, connection: ConnectionId, now: Moment) -> Asked {
        self.shots.retain(|(_, shot)| match shot {
            Shot::Making { .. } => true,
            Shot::Made { at, .. } => now.since(*at) < AGE_MAX,
        });
        match self.shots.iter_mut().find(|(of, _)| *of == size) {
            Some((_, Shot::Made { response, .. })) => Asked::Have(response.clone()),
            Some((_, Shot::Making { since, waiting })) => {
                waiting.push(connection);
                if now.since(*since) < MAKING_MAX {
                    return Asked::Wait;
                }
                *since = now;
                Asked::Make
            }
            None => {
                self.shots.push((size, Shot::Making { since: now, waiting: vec![connection] }));
                Asked::Make
            }
        }
    }

    /// It was made, or could not be. Returns who waits for it.
    pub(super) fn made(&mut self, size: Size, response: &Response, now: Moment) -> Vec<ConnectionId> {
        let index = self.shots.iter().position(|(of, _)| *of == size);
        let shot = index.map(|index| self.shots.swap_remove(index).1);
        if response.status == 200 {
            self.shots.push((size, Shot::Made { at: now, response: response.clone() }));
        }
        match shot {
            Some(Shot::Making { waiting, .. }) => waiting,
            Some(Shot::Made { .. }) | None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_ask_meanwhile_get_one_picture_and_soon_after_the_same() {
        let mut shots = Shots::default();
        let at = Moment::from_millis;
        let (size, other) = ((640, 360), (320, 240));
        let picture = Response::with_body(200, "image/jpeg", vec![1]);
        assert_eq!(shots.ask(size, 1, at(0)), Asked::Make);
        assert_eq!((shots.ask(size, 2, at(10)), shots.ask(other, 3, at(10))), (Asked::Wait, Asked::Make));
        assert_eq!(shots.made(size, &picture, at(300)), [1, 2]);
        assert_eq!(shots.ask(size, 4, at(2_299)), Asked::Have(picture));
        assert_eq!(shots.ask(size, 4, at(2_300)), Asked::Make, "it is old");
        // A failure is told to those who wait, and not kept.
        let failure = Response::with_body(503, "application/hap+json", vec![]);
        assert_eq!(shots.made(other, &failure, at(2_400)), [3]);
        assert_eq!(shots.ask(other, 5, at(2_400)), Asked::Make);
        // One that never comes is made anew, for all who wait.
        assert_eq!(shots.ask(other, 6, at(12_399)), Asked::Wait);
        assert_eq!(shots.ask(other, 7, at(12_400)), Asked::Make);
        assert_eq!(shots.made(other, &failure, at(12_500)), [5, 6, 7]);
    }
}
