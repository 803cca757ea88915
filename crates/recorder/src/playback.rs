//! Playback: what was recorded, as a stream of its own that every protocol can be asked for.
//!
//! [`Playbacks`] is the handle, [`PlaybackKeeper`] the owner of the playbacks behind it. A playback is the stream
//! `playback/N` with the source `recording:N`, which the hub starts while somebody reads; [`Recordings`] dials such
//! sources, and those of configurations, `recording:cam?from=…`. In the source, the `player` says what is due and the
//! `reel` reads files.
//!
//! The handle is there before the hub, which needs it to dial, and before the recorder, which needs the hub: its mailbox
//! waits for the keeper to run.
mod address;
mod keeper;
mod past;
mod player;
mod reel;
mod source;
mod speed;

pub use keeper::PlaybackKeeper;
pub use source::Recordings;
pub use speed::Speed;

use hub::{PastChange, PastError, PastSpec};
use keeper::{Command, Deck, Whose};
use media::{StreamName, WallTime};
use tokio::sync::{mpsc, oneshot};

/// Most playbacks at once: 64. Each may read 20 Mbit/s at four times its speed; that is what a disk gives besides recording.
pub const PLAYBACKS_MAX: usize = 64;
/// Commands that wait for the keeper; whoever asks waits beyond that.
const COMMANDS: usize = 256;

/// The playbacks as everybody sees them. Cheap to clone.
#[derive(Clone)]
pub struct Playbacks {
    commands: mpsc::Sender<Command>,
}

/// How a playback is.
#[derive(Clone, PartialEq, Debug)]
pub struct PlaybackReport {
    /// Its number.
    pub id: u64,
    /// The stream that it is.
    pub stream: StreamName,
    /// The stream whose recordings it plays.
    pub of: StreamName,
    /// What it shows now.
    pub at: WallTime,
    /// Where it ends, if it does.
    pub to: Option<WallTime>,
    /// How fast it goes.
    pub speed: Speed,
    /// It stands still.
    pub paused: bool,
}

impl Playbacks {
    /// The handle, and the owner, whose `run` belongs on a control thread. What is asked before it runs waits.
    pub fn new() -> (Playbacks, PlaybackKeeper) {
        let (commands, mailbox) = mpsc::channel(COMMANDS);
        (Playbacks { commands }, PlaybackKeeper::new(mailbox))
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(make(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Makes a playback. It ends when nobody has read it for a minute.
    ///
    /// # Errors
    /// Nothing is recorded there, or there are too many playbacks.
    pub async fn create(&self, of: &StreamName, spec: PastSpec) -> Result<PlaybackReport, PastError> {
        Speed::new(spec.speed)?;
        let of = of.clone();
        self.check(Whose::Stream(of.clone()), spec.from, spec.to).await?;
        self.ask(|reply| Command::Create { of, spec, reply }).await.unwrap_or_else(|| Err(ending()))
    }

    /// Disks may sleep: whoever asks waits for them, and nobody else.
    async fn check(&self, of: Whose, from: WallTime, to: Option<WallTime>) -> Result<(), PastError> {
        match self.ask(|reply| Command::Shelf { of, reply }).await {
            Some(Some(shelf)) => shelf.check(from, to).await,
            // What is not there is said by what follows.
            Some(None) => Ok(()),
            None => Err(ending()),
        }
    }

    /// Changes a playback. `None`: there is none of this number.
    ///
    /// # Errors
    /// A speed that there is not, or a moment from which on nothing is recorded.
    pub async fn change(&self, id: u64, change: PastChange) -> Result<Option<PlaybackReport>, PastError> {
        if let Some(at) = change.seek {
            self.check(Whose::Playback(id), at, change.to).await?;
        }
        self.ask(|reply| Command::Change { id, change, reply }).await.unwrap_or_else(|| Err(ending()))
    }

    /// All of them, by number.
    pub async fn list(&self) -> Vec<PlaybackReport> {
        self.ask(Command::List).await.unwrap_or_default()
    }

    /// Ends a playback: returns when nothing is left of its stream. False: there is none of this number.
    pub async fn remove(&self, id: u64) -> bool {
        self.ask(|reply| Command::Remove { id, reply: Some(reply) }).await.unwrap_or(false)
    }

    /// Ends a playback that its owner has left, without waiting.
    fn let_go(&self, id: u64) {
        // One that is not told now ends when nobody has read it for a while.
        let _ = self.commands.try_send(Command::Remove { id, reply: None });
    }

    async fn attach(&self, asked: address::Address) -> Result<Deck, hub::SourceError> {
        let deck = self.ask(|reply| Command::Attach { asked, reply }).await;
        deck.unwrap_or_else(|| Err(hub::SourceError::ours("the server is shutting down")))
    }

    async fn ended(&self, id: u64) {
        // Without a keeper there is nothing to be removed.
        let _ = self.commands.send(Command::Remove { id, reply: None }).await;
    }
}

fn ending() -> PastError {
    PastError::Busy("the server is shutting down".into())
}
