//! Response bodies: fixed ones that may come from the control thread, and live ones fed by a reader on this worker.
use bytes::Bytes;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use hub::{EndReason, Item, Reader, View};
use media::Moment;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// What goes wrong in a body.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body that may go to the control thread and back.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// The body of an answer.
pub(crate) enum Answer {
    /// Known bytes, or the control thread's.
    Fixed(Body),
    /// A stream, for as long as it lasts.
    Live(Rc<RefCell<Live>>),
}

impl From<Body> for Answer {
    fn from(body: Body) -> Self {
        Answer::Fixed(body)
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Answer::Fixed(body) => Pin::new(body).poll_frame(cx),
            Answer::Live(live) => live.borrow_mut().poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Fixed(body) => body.is_end_stream(),
            Answer::Live(_) => false,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Answer::Fixed(body) => body.size_hint(),
            Answer::Live(_) => http_body::SizeHint::default(),
        }
    }
}

/// The chunks of a reader as a body. The connection asks it to [`Live::check`] the policy for slow readers: a peer
/// that takes nothing makes hyper ask for nothing either.
pub(crate) struct Live {
    /// Keeps the stream's sources running.
    _view: View,
    reader: Reader,
    waiting: VecDeque<Bytes>,
    /// Asked for more than there is: nobody is slow.
    starved: bool,
    until: Moment,
}

impl Live {
    /// Reads until `until`.
    pub(crate) fn new(view: View, reader: Reader, until: Moment) -> Rc<RefCell<Self>> {
        let waiting = VecDeque::new();
        Rc::new(RefCell::new(Self { _view: view, reader, waiting, starved: false, until }))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // Being asked means that the peer took what it had.
        let now = hub::now();
        self.reader.progressed(now);
        self.starved = false;
        loop {
            if let Some(bytes) = self.waiting.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if now >= self.until {
                return Poll::Ready(None);
            }
            match self.reader.poll_next(cx) {
                Poll::Pending => {
                    self.starved = true;
                    return Poll::Pending;
                }
                Poll::Ready(Item::Header(header)) => self.waiting.push_back(header),
                Poll::Ready(Item::Chunk(chunk)) => {
                    self.waiting.extend(chunk.parts.iter().filter(|part| !part.is_empty()).cloned());
                }
                Poll::Ready(Item::Ended(_)) => return Poll::Ready(None),
            }
        }
    }

    /// Applies the policy for slow readers: `Some` means that the connection is to be ended.
    pub(crate) fn check(&mut self, now: Moment) -> Option<EndReason> {
        if self.starved {
            self.reader.progressed(now);
        }
        self.reader.check(now)
    }
}
