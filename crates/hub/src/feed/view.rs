//! A view: a hold on a stream, for those who read it or are about to.
use super::{AttachError, Feed};
use crate::format::Format;
use crate::report::{PeerInfo, StreamState};
use crate::wants::Wants;
use crate::{Reader, clock, next_id};
use media::{StreamName, TrackId, Tracks};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Who has one track waits so long for another that is certain to come, should its source start: 5 s. A transcoder
/// takes one or two.
const CERTAIN_WAIT: Duration = Duration::from_secs(5);
/// And so long for one that may come from a source of which nobody knows what it sends: 500 ms. Nobody waits for a
/// source that hangs.
const UNCERTAIN_WAIT: Duration = Duration::from_millis(500);

/// A hold on a stream: keeps those of its sources running that can give what is wanted, tells its tracks, makes
/// readers.
pub struct View {
    feed: Rc<Feed>,
    wants: Rc<Wants>,
    /// The number of its wishes: see [`Feed::has_considered`].
    asked: u64,
}

/// What someone who waits for tracks is told.
enum Verdict {
    Ready(Tracks),
    Never(NotReady),
    /// Not before a change, or this long after having begun to wait.
    Wait(Option<Duration>),
}

impl View {
    pub(crate) fn new(feed: Rc<Feed>, wants: Wants) -> Self {
        let wants = Rc::new(wants);
        feed.hold(&wants);
        let asked = feed.asked();
        Self { feed, wants, asked }
    }

    #[cfg(test)]
    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The stream's name.
    pub fn name(&self) -> &StreamName {
        &self.feed.name
    }

    /// Every track of the stream, by its id; those that nobody sends now among them.
    pub fn tracks(&self) -> Tracks {
        self.feed.tracks()
    }

    /// Waits for the tracks that are wanted, and returns all that are sent, the preferred ones first; their ids are the
    /// stream's, and not their places here. Waits until `limits.start_wait_max`, the stream's end, or its sources giving
    /// up; for a second track only as long as its source is likely to start.
    pub async fn ready(&self) -> Result<Tracks, NotReady> {
        let began = clock::now();
        let deadline = began + self.feed.worker.limits().start_wait_max;
        let waiting = Waiting { feed: &self.feed, number: next_id() };
        loop {
            let until = match self.verdict() {
                Verdict::Ready(tracks) => return Ok(tracks),
                Verdict::Never(why) => return Err(why),
                Verdict::Wait(at_most) => at_most.map_or(deadline, |wait| deadline.min(began + wait)),
            };
            if clock::now() >= until {
                let offer = self.feed.offer();
                return if offer.is_empty() { Err(self.not_ready()) } else { Ok(offer) };
            }
            let mut woken = false;
            let change = std::future::poll_fn(|cx| {
                if std::mem::replace(&mut woken, true) {
                    return Poll::Ready(());
                }
                self.feed.wait_for_change(waiting.number, cx.waker());
                Poll::Pending
            });
            tokio::select! {
                () = change => {}
                () = clock::sleep_until(until) => {}
            }
        }
    }

    fn verdict(&self) -> Verdict {
        if let Some(reason) = self.feed.ended() {
            return Verdict::Never(NotReady { state: StreamState::Removed, why: reason.to_string() });
        }
        let offer = self.feed.offer();
        let (state, reason) = self.feed.state();
        if offer.is_empty() || matches!(state, StreamState::Waiting) {
            return match state {
                StreamState::GaveUp => {
                    let why = reason.unwrap_or_else(|| "its sources gave up".into());
                    Verdict::Never(NotReady { state, why })
                }
                StreamState::Idle
                | StreamState::Waiting
                | StreamState::Connecting
                | StreamState::Live
                | StreamState::Stalled
                | StreamState::Backoff
                | StreamState::Removed => Verdict::Wait(None),
            };
        }
        let has_some = !self.wants.choose(&offer).is_empty();
        let prospects = self.feed.prospects();
        let mut wait = None;
        for want in self.wants.iter() {
            if offer.iter().any(|track| want.takes(track.kind(), Some(track.codec))) {
                continue;
            }
            if !self.feed.has_considered(self.asked) {
                // The owner may be about to start a source for it: whoever did not wait would go without sound.
                wait = Some(CERTAIN_WAIT);
            }
            for (_, _, certain) in prospects.iter().filter(|(kind, codec, _)| want.takes(*kind, *codec)) {
                let this = if *certain { CERTAIN_WAIT } else { UNCERTAIN_WAIT };
                wait = wait.max(Some(this));
            }
        }
        match wait {
            Some(_) if !has_some => Verdict::Wait(None),
            Some(wait) => Verdict::Wait(Some(wait)),
            None => Verdict::Ready(offer),
        }
    }

    fn not_ready(&self) -> NotReady {
        let (state, reason) = self.feed.state();
        let why = reason.unwrap_or_else(|| match state {
            StreamState::Waiting => "nobody publishes into it".into(),
            StreamState::Idle
            | StreamState::Connecting
            | StreamState::Live
            | StreamState::Stalled
            | StreamState::Backoff
            | StreamState::GaveUp
            | StreamState::Removed => "its source has not said what it sends".into(),
        });
        NotReady { state, why }
    }

    /// True when video cached now is shown in another order than it is decoded in: the track has B frames.
    pub fn reorders(&self, track: TrackId) -> bool {
        self.feed.reorders(track)
    }

    /// Starts to read in a wire format, at the newest key frame.
    pub fn reader(&self, format: Format, peer: PeerInfo) -> Result<Reader, AttachError> {
        self.feed.attach(format, self.wants.clone(), peer)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.feed.release(&self.wants);
    }
}

/// One who waits for a change: takes its waker along when it goes. A stream that nothing happens to would keep the
/// wakers of all who ever gave up waiting.
struct Waiting<'a> {
    feed: &'a Feed,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.feed.inner.borrow_mut().waiters.retain(|(number, _)| *number != self.number);
    }
}

/// The stream has no tracks to read (yet).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the stream is {}: {why}", state.as_str())]
pub struct NotReady {
    /// Its state.
    pub state: StreamState,
    /// Why.
    pub why: String,
}
