//! Recordings as sources: the hub dials them while somebody reads.
//!
//! One attempt owns its player and, between two reads, its reel; the files are read on threads for that.
use super::Playbacks;
use super::address::Address;
use super::keeper::{Deck, Shelf, Told, Wish};
use super::player::{Ask, Output, Player, Then};
use super::reel::{Batch, Reel};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Connect, PeerInfo, SourceError, SourceTask};
use media::WallTime;
use std::time::Duration;

/// The end is behind the last unit by this: 100 ms, time for readers to take it.
const LAST_UNIT: Duration = Duration::from_millis(100);

/// Dials `recording:` sources.
pub struct Recordings(Playbacks);

impl Recordings {
    /// Sources that these playbacks are asked for.
    pub fn new(playbacks: Playbacks) -> Self {
        Self(playbacks)
    }
}

impl Connect for Recordings {
    fn schemes(&self) -> &[&'static str] {
        &["recording"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        Address::parse(url).map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let remote = match Address::parse(url) {
            Ok(Address::Past(of, _)) => of.as_str().to_owned(),
            Ok(Address::Playback(_)) | Err(_) => String::new(),
        };
        PeerInfo { protocol: "recording", transport: "file", remote, ..PeerInfo::default() }
    }

    // It keeps our time, and a picture may stand still.
    fn repeats(&self, _: &str) -> bool {
        true
    }

    fn pauses(&self, _: &str) -> bool {
        true
    }

    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let playbacks = self.0.clone();
        async move {
            let deck = playbacks.attach(Address::parse(&task.url)?).await?;
            Attempt::new(deck).run(task, &playbacks).await
        }
        .boxed_local()
    }
}

type Reading = LocalBoxFuture<'static, Result<(Reel, u64, Batch), SourceError>>;

/// One attempt.
struct Attempt {
    deck: Deck,
    wish: Wish,
    player: Player,
    reel: Option<Reel>,
    reading: Option<Reading>,
}

impl Attempt {
    fn new(mut deck: Deck) -> Self {
        let wish = *deck.wishes.borrow_and_update();
        let told = *deck.told.borrow();
        // Where an attempt before it was, unless somebody wished to be elsewhere since.
        let at = if told.seek == wish.seek { told.at } else { wish.at };
        deck.told.send_replace(Told { seek: wish.seek, at });
        let player = Player::new(at, wish.speed, wish.paused, hub::now());
        Self { deck, wish, player, reel: Some(Reel::new(wish.to)), reading: None }
    }

    /// Plays until it is told to stop, the stream takes no more, or to the end.
    async fn run(mut self, task: SourceTask, playbacks: &Playbacks) -> Result<(), SourceError> {
        let SourceTask { mut publisher, mut stop, .. } = task;
        loop {
            let wake = match self.player.poll_output(hub::now()) {
                Output::Tracks(tracks) => {
                    if publisher.set_tracks(tracks).await.is_err() {
                        return Ok(());
                    }
                    continue;
                }
                Output::Unit(unit) => {
                    if publisher.push(unit).await.is_err() {
                        return Ok(());
                    }
                    let (seek, at) = (self.wish.seek, self.player.at());
                    self.deck.told.send_replace(Told { seek, at });
                    self.take_wish();
                    if stop.is_wanted() {
                        return Ok(());
                    }
                    continue;
                }
                Output::Read(ask) => {
                    self.read(ask);
                    continue;
                }
                Output::Ended => {
                    tokio::time::sleep(LAST_UNIT).await;
                    if let Some(id) = self.deck.id {
                        // A playback goes with its end, and its source does not begin anew.
                        playbacks.ended(id).await;
                        stop.wanted().await;
                    }
                    return Ok(());
                }
                Output::WaitUntil(at) => at,
            };
            let feedback = async {
                // Key frames are where they are; only the end matters.
                while publisher.feedback().await.is_ok() {}
            };
            tokio::select! {
                biased;
                () = stop.wanted() => return Ok(()),
                () = feedback => return Ok(()),
                changed = self.deck.wishes.changed() => {
                    if changed.is_err() && self.deck.id.is_some() {
                        // The playback was removed, and its stream is about to be.
                        return Ok(());
                    }
                }
                read = read(&mut self.reading) => {
                    let (reel, run, batch) = read?;
                    self.reel = Some(reel);
                    self.player.handle_batch(run, batch.pieces, batch.then, hub::now());
                }
                () = hub::sleep_until(wake) => {}
            }
            self.take_wish();
        }
    }

    /// Does what somebody wished for meanwhile.
    fn take_wish(&mut self) {
        if !self.deck.wishes.has_changed().unwrap_or(false) && *self.deck.wishes.borrow() == self.wish {
            return;
        }
        let (wish, now) = (*self.deck.wishes.borrow_and_update(), hub::now());
        if wish.paused {
            self.player.set_paused(true, now);
        }
        if wish.seek != self.wish.seek || wish.to != self.wish.to {
            let at = if wish.seek == self.wish.seek { self.player.at() } else { wish.at };
            self.player.seek(at, now);
            self.deck.told.send_replace(Told { seek: wish.seek, at });
        }
        self.player.set_speed(wish.speed, now);
        if !wish.paused {
            self.player.set_paused(false, now);
        }
        self.wish = wish;
    }

    fn read(&mut self, ask: Ask) {
        let Some(mut reel) = self.reel.take() else { return };
        let (shelf, to) = (self.deck.shelf.clone(), self.wish.to);
        self.reading = Some(
            async move {
                if ask.at.is_some() {
                    reel.set_end(to);
                }
                reel.handle_ask(&ask);
                fill(reel, ask.run, &shelf, to).await
            }
            .boxed_local(),
        );
    }
}

/// Reads the next batch. Segments that are missing are asked for first.
async fn fill(
    mut reel: Reel,
    run: u64,
    shelf: &Shelf,
    to: Option<WallTime>,
) -> Result<(Reel, u64, Batch), SourceError> {
    if let Some(span) = reel.wants() {
        reel.offer(shelf.segments(span).await.map_err(SourceError::ours)?);
    }
    let reading = tokio::task::spawn_blocking(move || {
        let batch = reel.read();
        (reel, batch)
    });
    let (reel, batch) =
        reading.await.map_err(|_| SourceError::ours("reading the recording was broken off"))?;
    let mut batch = batch.map_err(|error| SourceError::ours(error.to_string()))?;
    let over = to.is_some_and(|to| to <= hub::wall_now());
    if over && batch.then == Then::Edge(false) {
        // Nothing will be recorded any more in a time that has passed.
        batch.then = Then::End;
    }
    Ok((reel, run, batch))
}

/// Waits for what is being read; for ever when nothing is.
async fn read(reading: &mut Option<Reading>) -> Result<(Reel, u64, Batch), SourceError> {
    match reading {
        Some(busy) => {
            let done = busy.await;
            *reading = None;
            done
        }
        None => std::future::pending().await,
    }
}
