//! The owner of all playbacks: makes them, changes what they play, and ends those that nobody reads.
use super::address::Address;
use super::{PLAYBACKS_MAX, PlaybackReport, Speed};
use crate::export::Found;
use crate::segment::Span;
use crate::shelf::Shelves;
use hub::{Hub, PastChange, PastError, PastSpec, SourceError, SourceSpec, StreamSpec};
use media::{Moment, StreamName, WallTime};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Whether somebody reads is looked at so often.
const TURN: Duration = Duration::from_secs(5);
/// A playback that nobody has read for so long ends: 60 s, time to look for the next player.
const UNREAD_MAX: Duration = Duration::from_secs(60);
/// Segments of one question to a storage: 64, five hours of files of five minutes.
const SEGMENTS: usize = 64;

pub(super) enum Command {
    Create {
        of: StreamName,
        spec: PastSpec,
        reply: oneshot::Sender<Result<PlaybackReport, PastError>>,
    },
    Change {
        id: u64,
        change: PastChange,
        reply: oneshot::Sender<Result<Option<PlaybackReport>, PastError>>,
    },
    List(oneshot::Sender<Vec<PlaybackReport>>),
    /// Without anybody who waits for it: whoever it belonged to has left, or it has ended.
    Remove {
        id: u64,
        reply: Option<oneshot::Sender<bool>>,
    },
    /// Somebody looks whether there is anything, and must not be waited for.
    Shelf {
        of: Whose,
        reply: oneshot::Sender<Option<Shelf>>,
    },
    /// A source begins.
    Attach {
        asked: Address,
        reply: oneshot::Sender<Result<Deck, SourceError>>,
    },
}

/// Whose recordings.
pub(super) enum Whose {
    Stream(StreamName),
    Playback(u64),
}

/// What a playback is to do.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Wish {
    /// Rises with each seek.
    pub(super) seek: u64,
    /// Where that goes.
    pub(super) at: WallTime,
    pub(super) to: Option<WallTime>,
    pub(super) speed: Speed,
    pub(super) paused: bool,
}

/// Where a playback is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Told {
    /// Which seek it follows.
    pub(super) seek: u64,
    pub(super) at: WallTime,
}

/// What a source is given.
pub(super) struct Deck {
    /// The playback's number, if it is one.
    pub(super) id: Option<u64>,
    pub(super) shelf: Shelf,
    pub(super) wishes: watch::Receiver<Wish>,
    /// The other end of that, where nobody else has it.
    _own: Option<watch::Sender<Wish>>,
    pub(super) told: watch::Sender<Told>,
}

/// The recordings of one stream.
#[derive(Clone)]
pub(super) struct Shelf {
    shelves: Shelves,
    pub(super) of: StreamName,
}

impl Shelf {
    /// Segments of a span, the first ones of each storage; an error where no storage answers.
    pub(super) async fn segments(&self, span: Span) -> Result<Vec<Found>, String> {
        let name = self.of.as_str().to_owned();
        let question = move |library: &crate::Library| {
            library.segments(&name, span, None, SEGMENTS).map_err(|error| error.to_string())
        };
        let (answers, errors) = self.shelves.ask_all(question).await;
        if let (true, Some(error)) = (answers.is_empty(), errors.first()) {
            return Err(error.to_string());
        }
        let mut all = Vec::new();
        for (storage, segments) in answers {
            let Some(root) = self.shelves.root(storage) else { continue };
            all.extend(segments.into_iter().map(|segment| Found { root: root.to_owned(), segment }));
        }
        Ok(all)
    }

    /// Says why there is nothing to play, where there is nothing.
    pub(super) async fn check(&self, from: WallTime, to: Option<WallTime>) -> Result<(), PastError> {
        let span = Span { from, to: to.unwrap_or(Span::ALL.to) };
        let found = self.segments(span).await.map_err(PastError::Busy)?;
        if found.is_empty() {
            let (of, from) = (&self.of, from.rfc3339());
            return Err(PastError::Nothing(format!("nothing of {of:?} is recorded from {from} on")));
        }
        if found.iter().all(|found| found.segment.format.is_ts()) {
            let why = "in that time there are only MPEG-TS recordings, which are not played as a stream: take their files \
                       as they are";
            return Err(PastError::Nothing(why.into()));
        }
        Ok(())
    }
}

struct Playback {
    id: u64,
    stream: StreamName,
    of: StreamName,
    wish: watch::Sender<Wish>,
    told: watch::Sender<Told>,
    read_at: Moment,
}

/// The owner of all playbacks. Its `run` belongs on a control thread.
pub struct PlaybackKeeper {
    mailbox: mpsc::Receiver<Command>,
    playbacks: Vec<Playback>,
    next: u64,
}

impl PlaybackKeeper {
    pub(super) fn new(mailbox: mpsc::Receiver<Command>) -> Self {
        Self { mailbox, playbacks: Vec::new(), next: 1 }
    }

    /// Runs until the last handle is gone.
    pub async fn run(mut self, hub: Hub, shelves: Shelves) {
        let mut turn = tokio::time::interval(TURN);
        turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = self.mailbox.recv() => match command {
                    Some(command) => self.handle(command, &hub, &shelves).await,
                    None => return,
                },
                _ = turn.tick() => self.end_unread(&hub).await,
            }
        }
    }

    async fn handle(&mut self, command: Command, hub: &Hub, shelves: &Shelves) {
        // Whoever asked may have given up waiting; then nobody hears the answer.
        match command {
            Command::Create { of, spec, reply } => {
                let made = self.create(of, spec, hub).await;
                if let Err(Ok(unheard)) = reply.send(made) {
                    self.remove(unheard.id, None, hub).await;
                }
            }
            Command::Change { id, change, reply } => {
                let _ = reply.send(self.change(id, change));
            }
            Command::List(reply) => {
                let _ = reply.send(self.playbacks.iter().map(Playback::report).collect());
            }
            Command::Remove { id, reply } => self.remove(id, reply, hub).await,
            Command::Shelf { of, reply } => {
                let of = match of {
                    Whose::Stream(of) => Some(of),
                    Whose::Playback(id) => self.find(id).map(|playback| playback.of.clone()),
                };
                let _ = reply.send(of.map(|of| Shelf { shelves: shelves.clone(), of }));
            }
            Command::Attach { asked, reply } => {
                let _ = reply.send(self.attach(asked, shelves));
            }
        }
    }

    async fn create(
        &mut self,
        of: StreamName,
        spec: PastSpec,
        hub: &Hub,
    ) -> Result<PlaybackReport, PastError> {
        let speed = Speed::new(spec.speed)?;
        if self.playbacks.len() >= PLAYBACKS_MAX {
            return Err(PastError::Busy(format!(
                "there are {PLAYBACKS_MAX} playbacks already, the most at once; those that nobody reads end after {} s",
                UNREAD_MAX.as_secs()
            )));
        }
        let (id, stream) = self.free_name(hub).await?;
        let wish = Wish { seek: 0, at: spec.from, to: spec.to, speed, paused: spec.paused };
        let told = Told { seek: 0, at: spec.from };
        let playback = Playback {
            id,
            stream: stream.clone(),
            of,
            wish: watch::channel(wish).0,
            told: watch::channel(told).0,
            read_at: hub::now(),
        };
        let report = playback.report();
        // Before the stream: a reader may come at once.
        self.playbacks.push(playback);
        let source = SourceSpec::from(format!("recording:{id}"));
        let put = hub.put(&stream, StreamSpec { sources: vec![source], ..StreamSpec::default() }).await;
        if let Err(error) = put {
            self.playbacks.retain(|playback| playback.id != id);
            return Err(PastError::Busy(error.to_string()));
        }
        Ok(report)
    }

    /// The next number whose name nobody uses.
    async fn free_name(&mut self, hub: &Hub) -> Result<(u64, StreamName), PastError> {
        loop {
            let id = self.next;
            self.next += 1;
            let name = StreamName::new(&format!("playback/{id}"));
            let name = name.map_err(|error| PastError::Busy(error.to_string()))?;
            if !hub.has(&name).await {
                return Ok((id, name));
            }
        }
    }

    fn find(&self, id: u64) -> Option<&Playback> {
        self.playbacks.iter().find(|playback| playback.id == id)
    }

    fn change(&mut self, id: u64, change: PastChange) -> Result<Option<PlaybackReport>, PastError> {
        let speed = change.speed.map(Speed::new).transpose()?;
        let Some(playback) = self.find(id) else { return Ok(None) };
        playback.wish.send_modify(|wish| {
            if let Some(at) = change.seek {
                (wish.seek, wish.at) = (wish.seek + 1, at);
                // Behind its end there would be nothing.
                wish.to = wish.to.filter(|to| at < *to);
            }
            wish.to = change.to.or(wish.to);
            wish.speed = speed.unwrap_or(wish.speed);
            wish.paused = change.paused.unwrap_or(wish.paused);
        });
        Ok(Some(playback.report()))
    }

    async fn remove(&mut self, id: u64, reply: Option<oneshot::Sender<bool>>, hub: &Hub) {
        let place = self.playbacks.iter().position(|playback| playback.id == id);
        let gone = place.map(|place| self.playbacks.remove(place));
        let Some(playback) = gone else {
            if let Some(reply) = reply {
                let _ = reply.send(false);
            }
            return;
        };
        // Its end may take a moment, and others ask meanwhile.
        let removal = hub.begin_remove(&playback.stream).await;
        tokio::spawn(async move {
            let _ = removal.await;
            if let Some(reply) = reply {
                let _ = reply.send(true);
            }
        });
    }

    fn attach(&self, asked: Address, shelves: &Shelves) -> Result<Deck, SourceError> {
        let shelves = shelves.clone();
        match asked {
            Address::Past(of, spec) => {
                let speed = Speed::new(spec.speed).map_err(|error| SourceError::config(error.to_string()))?;
                let wish = Wish { seek: 0, at: spec.from, to: spec.to, speed, paused: spec.paused };
                let told = watch::channel(Told { seek: 0, at: spec.from }).0;
                let (own, wishes) = watch::channel(wish);
                Ok(Deck { id: None, shelf: Shelf { shelves, of }, wishes, _own: Some(own), told })
            }
            Address::Playback(id) => {
                let playback = self.find(id).ok_or_else(|| {
                    SourceError::config(format!("there is no playback {id}: it was removed, or never was"))
                })?;
                Ok(Deck {
                    id: Some(id),
                    shelf: Shelf { shelves, of: playback.of.clone() },
                    wishes: playback.wish.subscribe(),
                    _own: None,
                    told: playback.told.clone(),
                })
            }
        }
    }

    async fn end_unread(&mut self, hub: &Hub) {
        let now = hub::now();
        let mut ends = Vec::new();
        for playback in &mut self.playbacks {
            match hub.report(&playback.stream).await {
                Some(report) if report.sources.iter().any(|source| source.wanted) => playback.read_at = now,
                Some(_) if now.since(playback.read_at) >= UNREAD_MAX => ends.push(playback.id),
                Some(_) => {}
                // Somebody removed its stream.
                None => ends.push(playback.id),
            }
        }
        for id in ends {
            self.remove(id, None, hub).await;
        }
    }
}

impl Playback {
    fn report(&self) -> PlaybackReport {
        let (wish, told) = (*self.wish.borrow(), *self.told.borrow());
        PlaybackReport {
            id: self.id,
            stream: self.stream.clone(),
            of: self.of.clone(),
            at: if told.seek == wish.seek { told.at } else { wish.at },
            to: wish.to,
            speed: wish.speed,
            paused: wish.paused,
        }
    }
}
