//! Who sends a body: its bytes, whether it is still there, and its answer.
//!
//! The body is read little further than its bytes are wanted, so that its sender waits as well; that little is read
//! because a goodbye comes behind the bytes. What was sent whole in chunks before it counts (ffmpeg does not wait for an
//! answer); a body of a known length whose sender does not wait for the answer was broken off. Owns what was read.
use super::over::Over;
use crate::net::tcp::Watch;
use ::http::StatusCode;
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use media::Moment;
use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a body may be silent while its bytes are wanted: 12 s, a little less than what the hub grants, so that the
/// reason is said here.
const SILENCE_MAX: Duration = Duration::from_secs(12);
/// Most bytes that are read ahead of those that are wanted: 8 MiB, three minutes of a WAV of 44,100 Hz in one channel, and
/// half an hour of G.711. Whoever hangs up before so much is noticed only when so much is left.
const AHEAD_BYTES_MAX: usize = 8 << 20;
/// How often it is looked whether the sender is there: 200 ms.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What a sender that is gone has left is in the system's buffer, and there at once: 1 s.
const REST_MAX: Duration = Duration::from_secs(1);
/// How long the rest of a body that was refused is read and thrown away: 2 s. A connection that is closed before loses
/// the answer that is under way on it.
const REFUSED_MAX: Duration = Duration::from_secs(2);

/// The answer, as whoever waits for it gets it.
pub(super) type Asker = oneshot::Sender<Result<(), Over>>;

/// The sender of a body.
pub(super) struct Sender {
    body: Incoming,
    /// Its length was told before.
    sized: bool,
    /// It waits for the word to send.
    expects: bool,
    /// The end was read.
    ended: bool,
    watch: Watch,
    asker: Asker,
    look_at: Moment,
    /// What was read and is not wanted yet.
    ahead: VecDeque<Bytes>,
    ahead_bytes: usize,
    /// The sender is gone, and everything is here.
    alone: bool,
}

impl Sender {
    /// `expects`: it sends nothing before it is told to.
    pub(super) fn new(body: Incoming, watch: Watch, asker: Asker, expects: bool) -> Self {
        Self {
            sized: body.size_hint().exact().is_some(),
            body,
            expects,
            ended: false,
            watch,
            asker,
            look_at: Moment::ZERO,
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            alone: false,
        }
    }

    /// True for a file: how long it is was known before.
    pub(super) fn is_sized(&self) -> bool {
        self.sized
    }

    /// The next bytes; `None` at the end. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Over> {
        if let Some(bytes) = self.ahead.pop_front() {
            self.ahead_bytes -= bytes.len();
            return Ok(Some(bytes));
        }
        self.expects = false;
        match tokio::time::timeout(SILENCE_MAX, self.frame()).await {
            Ok(frame) => frame,
            Err(_) => {
                let why = format!("nothing came for {} s", SILENCE_MAX.as_secs());
                Err(Over::Refused(StatusCode::REQUEST_TIMEOUT, why))
            }
        }
    }

    /// Waits for something before the first byte is wanted, as long as the sender is there or has sent everything.
    pub(super) async fn hold<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, Over> {
        let mut wait = pin!(wait);
        loop {
            tokio::select! {
                biased;
                done = &mut wait => return Ok(done),
                () = self.departed() => self.settle().await?,
            }
        }
    }

    /// The same between two bytes: reads on meanwhile.
    pub(super) async fn read_on<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, Over> {
        let mut wait = pin!(wait);
        while !self.ended && self.ahead_bytes < AHEAD_BYTES_MAX {
            let frame = tokio::select! {
                biased;
                done = &mut wait => return Ok(done),
                frame = self.frame() => frame?,
            };
            self.keep(frame);
        }
        self.hold(wait).await
    }

    /// Tells how it went, and sees to it that the answer arrives.
    pub(super) async fn answer(self, result: Result<(), Over>) {
        let refused = result.is_err();
        // One that is gone hears nothing.
        let _ = self.asker.send(result);
        if !refused || self.ended || self.expects {
            return;
        }
        discard(self.body).await;
    }

    async fn frame(&mut self) -> Result<Option<Bytes>, Over> {
        if self.ended {
            return Ok(None);
        }
        loop {
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    // Trailers are no data.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(_)) => return Err(Over::Left),
                None => {
                    self.ended = true;
                    return Ok(None);
                }
            }
        }
    }

    /// Returns when the sender is gone, once. Cancel-safe.
    async fn departed(&mut self) {
        if self.alone {
            return std::future::pending().await;
        }
        loop {
            if hub::now() >= self.look_at {
                self.look_at = hub::now() + LOOK_EVERY;
                if self.watch.is_gone() {
                    return;
                }
            }
            tokio::select! {
                () = self.asker.closed() => return,
                () = hub::sleep_until(self.look_at) => {}
            }
        }
    }

    /// The sender is gone: takes what it left, if that is everything.
    async fn settle(&mut self) -> Result<(), Over> {
        if self.sized {
            return Err(Over::Left);
        }
        let reading = async {
            while !self.ended {
                let frame = self.frame().await?;
                self.keep(frame);
            }
            Ok(())
        };
        tokio::time::timeout(REST_MAX, reading).await.unwrap_or(Err(Over::Left))?;
        self.alone = true;
        Ok(())
    }

    fn keep(&mut self, frame: Option<Bytes>) {
        if let Some(bytes) = frame {
            self.ahead_bytes += bytes.len();
            self.ahead.push_back(bytes);
        }
    }
}

/// Reads the rest of a body that is not taken, so that the answer to it arrives.
pub(super) async fn discard(mut body: Incoming) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(REFUSED_MAX, rest).await;
}
