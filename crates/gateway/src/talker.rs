//! Talking: the microphone of somebody who plays a stream, in a browser or a phone, goes into its talk stream.
//!
//! The talk stream of `door` is `door/talk`, which flows towards the device. Whoever may talk does not hold it: the right
//! to publish is asked for with the first sound, and given back when the talker falls silent. A task of its own owns that
//! right, so that a picture never waits for a talk stream's owner.
mod state;

pub use state::Button;

use futures_util::future::{FutureExt, LocalBoxFuture};
use hub::{Ended, Feedback, Hub, PeerInfo, PublishError, Publisher, Worker};
use media::{StreamName, Track, Unit};
use state::{Act, Event, State};
use std::collections::VecDeque;
use tokio::sync::{mpsc, watch};

/// Pieces of sound that wait for the talk stream's owner: 64, which is 1.3 s of Opus. What is older is better not said.
const WAITING_MAX: usize = 64;

/// How talking goes, for the talker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TalkState {
    /// Nothing of it is heard.
    Silent,
    /// It is heard.
    Open,
    /// It will be heard when so many others have ended.
    Waiting(u32),
    /// It is not heard, and why.
    Refused(String),
}

/// The session's end of the line between a talker's signalling and its session.
#[derive(Debug)]
pub struct TalkLine {
    button: watch::Receiver<Button>,
    state: watch::Sender<TalkState>,
}

/// The signalling's end. Without it, the packets alone say when somebody talks, and nobody hears why not.
#[derive(Debug)]
pub struct TalkControl {
    button: watch::Sender<Button>,
    state: watch::Receiver<TalkState>,
}

/// Lets a player talk, and its signalling hear how that goes.
pub fn talk_line() -> (TalkControl, TalkLine) {
    let (button, pressed) = watch::channel(Button::Absent);
    let (told, state) = watch::channel(TalkState::Silent);
    (TalkControl { button, state }, TalkLine { button: pressed, state: told })
}

impl TalkControl {
    /// Says that the button was pressed or let go.
    pub fn press(&self, button: Button) {
        self.button.send_replace(button);
    }

    /// The next change; `None` when the session is over. Cancel-safe.
    pub async fn changed(&mut self) -> Option<TalkState> {
        self.state.changed().await.ok()?;
        Some(self.state.borrow_and_update().clone())
    }
}

/// What a session hears.
enum Heard {
    Tracks(Vec<Track>),
    Sound { unit: Unit, lost: u64 },
}

/// A session's way to its talk task, which ends with it.
pub(crate) struct Talk {
    heard: mpsc::Sender<Heard>,
    /// Packets lost so far.
    lost: u64,
    /// Tracks that are not told yet: the mailbox was full.
    tracks: Option<Vec<Track>>,
}

impl Talk {
    pub(crate) fn start(worker: &Worker, stream: StreamName, peer: PeerInfo, line: TalkLine) -> Self {
        let (heard, inbox) = mpsc::channel(WAITING_MAX);
        let talker = Talker {
            hub: worker.hub().clone(),
            near: worker.id(),
            stream,
            peer,
            line,
            state: State::Silent,
            tracks: Vec::new(),
            kept: VecDeque::new(),
            voice: Voice::None,
        };
        worker.spawn(format!("talker to {}", talker.stream), talker.run(inbox));
        Self { heard, lost: 0, tracks: None }
    }

    /// The microphone's tracks are these from now on.
    pub(crate) fn retrack(&mut self, tracks: Vec<Track>) {
        self.tracks = Some(tracks);
        self.tell_tracks();
    }

    /// False while they do not fit.
    fn tell_tracks(&mut self) -> bool {
        let Some(tracks) = self.tracks.take() else { return true };
        match self.heard.try_send(Heard::Tracks(tracks)) {
            Err(mpsc::error::TrySendError::Full(Heard::Tracks(tracks))) => {
                self.tracks = Some(tracks);
                false
            }
            Ok(()) | Err(_) => true,
        }
    }

    /// Takes a piece of sound. `lost`: packets that never came, all in all.
    pub(crate) fn say(&mut self, unit: Unit, lost: u64) {
        let lost = lost.saturating_sub(std::mem::replace(&mut self.lost, lost));
        if self.tell_tracks() {
            // Full: the owner is far behind, and this is said too late anyway.
            let _ = self.heard.try_send(Heard::Sound { unit, lost });
        }
    }
}

/// The right to publish.
enum Voice {
    None,
    Asked(LocalBoxFuture<'static, Result<Publisher, PublishError>>),
    Ours(Publisher),
}

/// What the voice brings by itself.
enum Turn {
    Answer(Result<Publisher, PublishError>),
    Ended(Ended),
    Wish(Feedback),
}

impl Voice {
    /// Cancel-safe.
    async fn turn(&mut self) -> Turn {
        match self {
            Voice::None => std::future::pending().await,
            Voice::Asked(answer) => Turn::Answer(answer.await),
            Voice::Ours(publisher) => match publisher.feedback().await {
                Ok(wish) => Turn::Wish(wish),
                Err(ended) => Turn::Ended(ended),
            },
        }
    }
}

struct Talker {
    hub: Hub,
    near: usize,
    stream: StreamName,
    peer: PeerInfo,
    line: TalkLine,
    state: State,
    tracks: Vec<Track>,
    /// Sound that waits for the right to publish.
    kept: VecDeque<(Unit, u64)>,
    voice: Voice,
}

impl Talker {
    async fn run(mut self, mut inbox: mpsc::Receiver<Heard>) {
        let mut has_button = true;
        loop {
            let deadline = self.state.deadline();
            tokio::select! {
                biased;
                changed = self.line.button.changed(), if has_button => {
                    has_button = changed.is_ok();
                    let button = *self.line.button.borrow_and_update();
                    self.happened(Event::Button(if has_button { button } else { button.abandoned() })).await;
                }
                turn = self.voice.turn() => self.turn(turn).await,
                heard = inbox.recv() => match heard {
                    Some(Heard::Tracks(tracks)) => self.retrack(tracks).await,
                    Some(Heard::Sound { unit, lost }) => {
                        self.kept.push_back((unit, lost));
                        self.happened(Event::Sound).await;
                    }
                    // The session is over, and with it whatever is published.
                    None => return,
                },
                () = hub::sleep_until(deadline) => self.happened(Event::Time).await,
            }
        }
    }

    async fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Answer(Ok(mut publisher)) => {
                // Where others come first, that was said before the answer.
                let ahead = match publisher.feedback().now_or_never() {
                    Some(Ok(Feedback::Waits { ahead })) => Some(ahead),
                    Some(_) | None => None,
                };
                self.voice = Voice::Ours(publisher);
                match ahead {
                    Some(ahead) => self.queued(ahead).await,
                    None => self.happened(Event::Granted).await,
                }
            }
            Turn::Answer(Err(refused)) => self.refused(Event::Refused, refused.to_string()).await,
            Turn::Ended(ended) => self.refused(Event::Ended, ended.to_string()).await,
            Turn::Wish(Feedback::Granted) => self.happened(Event::Granted).await,
            Turn::Wish(Feedback::Waits { ahead }) => self.queued(ahead).await,
            // Nothing that a microphone could do.
            Turn::Wish(Feedback::KeyframeWanted | Feedback::BitrateMax(_)) => {}
        }
    }

    async fn queued(&mut self, ahead: u32) {
        self.happened(Event::Queued).await;
        if matches!(self.state, State::Waiting { .. }) {
            self.line.state.send_replace(TalkState::Waiting(ahead));
        }
    }

    async fn refused(&mut self, event: Event, why: String) {
        tracing::debug!(stream = %self.stream, remote = %self.peer.remote, %why, "a talker was refused");
        self.happened(event).await;
        self.line.state.send_replace(TalkState::Refused(why));
    }

    /// Tells the state machine, and does what it says.
    async fn happened(&mut self, event: Event) {
        let before = self.state;
        let act = self.state.handle(event, hub::now());
        let mut told = self.told(before);
        if let Err(ended) = self.act(act).await {
            tracing::debug!(stream = %self.stream, %ended, "a talker was cut off");
            let act = self.state.handle(Event::Ended, hub::now());
            // Leaving cannot fail.
            let _ = self.act(act).await;
            told = Some(TalkState::Refused(ended.to_string()));
        }
        if let Some(told) = told {
            self.line.state.send_replace(told);
        }
    }

    /// What the talker hears about a change; of refusals and queues it hears elsewhere, with more words.
    fn told(&self, before: State) -> Option<TalkState> {
        let is_there = |state| matches!(state, State::Waiting { .. } | State::Talking { .. });
        match self.state {
            State::Talking { .. } if !matches!(before, State::Talking { .. }) => Some(TalkState::Open),
            State::Silent | State::Released if is_there(before) => Some(TalkState::Silent),
            State::Silent
            | State::Asking
            | State::Waiting { .. }
            | State::Talking { .. }
            | State::Refused { .. }
            | State::Released => None,
        }
    }

    async fn act(&mut self, act: Act) -> Result<(), Ended> {
        match act {
            Act::Nothing => {
                if !matches!(self.voice, Voice::Asked(_)) {
                    self.kept.clear();
                }
            }
            Act::Ask => self.ask(),
            Act::Keep => {
                if self.kept.len() > WAITING_MAX {
                    self.kept.pop_front();
                }
            }
            Act::Push => self.push_kept().await?,
            Act::PushKept => {
                if let Voice::Ours(publisher) = &mut self.voice {
                    publisher.set_tracks(self.tracks.clone()).await?;
                }
                self.push_kept().await?;
            }
            Act::Leave => {
                self.kept.clear();
                self.voice = Voice::None;
            }
        }
        Ok(())
    }

    fn ask(&mut self) {
        let (hub, stream, peer, near) = (self.hub.clone(), self.stream.clone(), self.peer.clone(), self.near);
        self.voice = Voice::Asked(Box::pin(async move {
            // A name that nobody has would become a stream of this very publisher.
            if !hub.has(&stream).await {
                return Err(PublishError::Ended);
            }
            hub.publish(&stream, peer, Some(near)).await
        }));
    }

    async fn retrack(&mut self, tracks: Vec<Track>) {
        self.tracks = tracks;
        if let Voice::Ours(publisher) = &mut self.voice
            && let Err(ended) = publisher.set_tracks(self.tracks.clone()).await
        {
            self.refused(Event::Ended, ended.to_string()).await;
        }
    }

    async fn push_kept(&mut self) -> Result<(), Ended> {
        let Voice::Ours(publisher) = &mut self.voice else { return Ok(()) };
        for (unit, lost) in self.kept.drain(..) {
            if lost > 0 {
                publisher.report_lost(lost).await?;
            }
            publisher.push(unit).await?;
        }
        Ok(())
    }
}
