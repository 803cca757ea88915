//! One recording while it runs: a reader of the stream on one side, a storage on the other. Lives on a worker, and is all
//! that touches either: nobody sets anything in it from outside.
//!
//! The disk is somebody else's thread. While it is slow, parts wait in memory up to [`WAITING_MAX`]; then the reader is not
//! read, and the hub cuts it back as it does every slow reader. Viewers do not notice.
pub(crate) mod dating;
mod disk;
mod facts;
mod preroll;

use crate::plan::{RecordPlan, When};
use crate::report::{RecordingReport, RecordingState};
use crate::storage::StorageHandle;
use crate::take::{Output, Take};
use dating::Dating;
use disk::{Disk, Done};
use facts::Facts;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{EndReason, Format, Item, PeerInfo, Reader, Wants, Worker};
use media::{Moment, StreamName, Track, Tracks, Unit, WallTime};
use preroll::Preroll;
use std::time::Duration;
use tokio::sync::watch;

/// Bytes that wait for the disk before the stream is not read any more: 2 MiB, four seconds of 4 Mbit/s. The frames are
/// shared with the stream's ring.
const WAITING_MAX: usize = 2 << 20;
/// How things are is looked at so often.
const TURN: Duration = Duration::from_millis(500);
/// A stream that cannot be read is tried again so often: reading it is what starts its sources, which have their own pace.
const RETRY: Duration = Duration::from_secs(1);
/// A disk that refused is tried again after so long.
const DISK_RETRY: Duration = Duration::from_secs(2);

/// What a session is given.
pub(crate) struct Spec {
    pub(crate) stream: StreamName,
    pub(crate) plan: RecordPlan,
    pub(crate) storages: Vec<StorageHandle>,
    /// Our wall clock, less the monotonic one, in microseconds; it changes when the clock is set.
    pub(crate) clock: watch::Receiver<i64>,
    /// Record until then, where recording waits for events.
    pub(crate) events: watch::Receiver<Option<Moment>>,
    pub(crate) told: watch::Sender<RecordingReport>,
    /// Turns when it is to end in order.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Why a reader is not read any more.
enum Left {
    Stop,
    Stream(String),
    /// Its hours are over.
    Schedule,
}

struct Session {
    worker: Worker,
    spec: Spec,
    take: Take,
    facts: Facts,
    preroll: Preroll,
    dating: Dating,
    ends_at: Option<Moment>,
    disk: Option<Disk>,
    busy: Option<LocalBoxFuture<'static, (Disk, Done)>>,
    /// The disk refused: not before then.
    rests_until: Option<Moment>,
    skipped: u64,
}

/// Records until told to stop, or for as long as the plan says.
pub(crate) async fn run(worker: Worker, mut spec: Spec) {
    let clock = *spec.clock.borrow_and_update();
    let mut session = Session {
        take: Take::new(spec.stream.as_str(), spec.plan.take()).from_its_begin(),
        facts: Facts::new(&spec.plan),
        preroll: Preroll::new(&spec.plan.when),
        disk: Some(Disk::new(&spec)),
        dating: Dating::new(clock),
        ends_at: None,
        busy: None,
        rests_until: None,
        skipped: 0,
        worker,
        spec,
    };
    session.tell();
    loop {
        let left = match session.off_by_schedule() {
            Some(_) => Left::Schedule,
            None => {
                session.facts.wake();
                session.tell();
                session.read().await
            }
        };
        session.take.finish(Some(match &left {
            Left::Stop => "recording was stopped".into(),
            Left::Stream(why) => why.clone(),
            Left::Schedule => "its schedule had it off".into(),
        }));
        session.drain().await;
        match left {
            Left::Stop => break,
            Left::Stream(why) => session.facts.wait(why),
            Left::Schedule => session.rest_by_schedule(),
        }
        session.tell();
        if session.pause(RETRY).await {
            break;
        }
    }
    session.facts.stop();
    session.tell();
}

impl Session {
    /// Reads the stream until it ends or the recording does.
    async fn read(&mut self) -> Left {
        let mut stop = self.spec.stop.clone();
        let opened = tokio::select! {
            opened = self.open() => opened,
            _ = stop.wait_for(|stop| *stop) => return Left::Stop,
        };
        let (mut reader, tracks) = match opened {
            Ok(opened) => opened,
            Err(why) => return Left::Stream(why),
        };
        let mut known = self.name_tracks(&reader, &tracks);
        if let Err(why) = &known {
            return Left::Stream(why.clone());
        }
        let begun = hub::now();
        self.ends_at = self.ends_at.or(self.spec.plan.lasts.map(|lasts| begun + lasts));
        self.skipped = reader.skipped();
        let mut turn = begun;
        loop {
            let now = hub::now();
            if now >= turn {
                turn = now + TURN;
                // What does not move for the disk's sake is cut back, but never ended: that is the recorder's decision.
                reader.progressed(now);
                if let Some(reason) = reader.check(now) {
                    return Left::Stream(reason.to_string());
                }
                self.turn(now);
                if self.off_by_schedule().is_some() {
                    return Left::Schedule;
                }
                if self.ends_at.is_some_and(|at| now >= at) {
                    return Left::Stop;
                }
            }
            let wake = self.start_writing(now).min(turn);
            let may_read = self.take.waiting_bytes() < WAITING_MAX;
            tokio::select! {
                biased;
                done = wait_for(&mut self.busy) => self.written(done),
                _ = stop.wait_for(|stop| *stop) => return Left::Stop,
                Ok(()) = self.spec.clock.changed() => self.set_clock(),
                item = reader.next(), if may_read => match item {
                    Item::Header(_) => {}
                    Item::Chunk(chunk) => {
                        if reader.skipped() != self.skipped {
                            self.skipped = reader.skipped();
                            self.facts.lost_some();
                            self.take.handle_gap("the disk was too slow to take what came");
                        }
                        // Every key frame may bring other parameters, and other tracks.
                        if chunk.is_start() || !known.as_ref().is_ok_and(|known| std::sync::Arc::ptr_eq(known, &reader.tracks())) {
                            known = self.name_tracks(&reader, &tracks);
                            if let Err(why) = &known {
                                return Left::Stream(why.clone());
                            }
                        }
                        if let Some(data) = chunk.parts.first() {
                            self.take_in(Unit {
                                track: chunk.track,
                                pts: chunk.pts,
                                dts: chunk.dts,
                                arrival: chunk.arrival,
                                wall: chunk.wall,
                                keyframe: chunk.keyframe,
                                discontinuity: chunk.discontinuity,
                                data: data.clone(),
                            }, chunk.is_start());
                        }
                    }
                    Item::Ended(EndReason::Removed) => return Left::Stream("the stream was removed".into()),
                    Item::Ended(reason) => return Left::Stream(reason.to_string()),
                },
                () = hub::sleep_until(wake) => {}
            }
        }
    }

    async fn open(&self) -> Result<(Reader, Vec<Track>), String> {
        let wants = Wants::any();
        let view = self
            .worker
            .open_for(&self.spec.stream, wants.clone())
            .await
            .map_err(|error| error.to_string())?;
        let offered = view.ready().await.map_err(|error| error.to_string())?;
        let chosen = wants.choose(&offered);
        let tracks = offered.iter().filter(|track| chosen.contains(&track.id)).cloned().collect();
        let peer = PeerInfo { protocol: "recorder", transport: "file", ..PeerInfo::default() };
        let mut reader = view.reader(Format::units(), peer).map_err(|error| error.to_string())?;
        if !self.spec.plan.back.is_zero() {
            reader.rewind(self.spec.plan.back, hub::now());
        }
        Ok((reader, tracks))
    }

    /// Tells the take what the chosen tracks are now.
    fn name_tracks(&mut self, reader: &Reader, chosen: &[Track]) -> Result<Tracks, String> {
        let now = reader.tracks();
        let wanted = now.iter().filter(|track| chosen.iter().any(|chosen| chosen.id == track.id));
        let wanted: Vec<Track> = wanted.cloned().collect();
        self.take.handle_tracks(&wanted)?;
        self.facts.name_tracks(&wanted, self.take.skipped());
        Ok(now)
    }

    fn take_in(&mut self, mut unit: Unit, is_start: bool) {
        let now = hub::now();
        unit.wall = self.dating.date(&unit);
        if self.rests_until.is_some_and(|until| now < until) {
            self.facts.lose(&unit);
            return;
        }
        self.rests_until = None;
        self.facts.arrived(&unit, now);
        if let When::Events { .. } = self.spec.plan.when {
            let open = self.spec.events.borrow().is_some_and(|until| now < until);
            if !open {
                self.take.handle_gap("there was no event");
                self.preroll.push(unit, is_start);
                return;
            }
            for earlier in self.preroll.drain() {
                self.take.handle_unit(&earlier, now);
            }
        }
        self.take.handle_unit(&unit, now);
    }

    fn set_clock(&mut self) {
        let clock = *self.spec.clock.borrow_and_update();
        self.take.handle_redate(self.dating.set(clock));
    }

    /// Gives the disk its next work, if it has none. Returns when there will be some.
    fn start_writing(&mut self, now: Moment) -> Moment {
        let Some(mut disk) = self.disk.take() else { return Moment::FAR_FUTURE };
        match self.take.poll_output(now) {
            Output::WaitUntil(at) => {
                self.disk = Some(disk);
                at
            }
            work @ (Output::Begin { .. } | Output::Append { .. } | Output::Finish { .. }) => {
                self.busy = Some(
                    async move {
                        let done = disk.work(work).await;
                        (disk, done)
                    }
                    .boxed_local(),
                );
                Moment::FAR_FUTURE
            }
        }
    }

    fn written(&mut self, (disk, done): (Disk, Done)) {
        let now = hub::now();
        self.disk = Some(disk);
        if let Some(why) = self.facts.written(&done, now) {
            self.take.abort(&why);
            self.rests_until = Some(now + DISK_RETRY);
            self.tell();
        } else if self.facts.is_news() {
            self.tell();
        }
    }

    /// Finishes all work that there is.
    async fn drain(&mut self) {
        loop {
            if let Some(busy) = self.busy.take() {
                let done = busy.await;
                self.written(done);
            }
            self.start_writing(hub::now());
            if self.busy.is_none() {
                return;
            }
        }
    }

    fn turn(&mut self, now: Moment) {
        let armed = matches!(self.spec.plan.when, When::Events { .. })
            && !self.spec.events.borrow().is_some_and(|until| now < until);
        self.facts.turn(armed, now);
        self.tell();
    }

    /// Where its schedule has it off: why, for people.
    fn off_by_schedule(&self) -> Option<String> {
        let RecordPlan { schedule: Some(schedule), zone, .. } = &self.spec.plan else { return None };
        let phase = schedule.at(wall_at(*self.spec.clock.borrow()), zone);
        let until = phase.until.map(|until| format!(" until {}", zone.local(until))).unwrap_or_default();
        (!phase.on).then(|| format!("its schedule has it off{until}"))
    }

    /// Keeps quiet for as long as the schedule wants it.
    fn rest_by_schedule(&mut self) {
        // What waited for an event is too old for the next one.
        self.preroll = Preroll::new(&self.spec.plan.when);
        if let Some(why) = self.off_by_schedule() {
            self.facts.rest(why);
        }
    }

    /// Waits. True: the recording is to end.
    async fn pause(&mut self, how_long: Duration) -> bool {
        let ended = self.ends_at.is_some_and(|at| hub::now() >= at);
        let stopped = tokio::time::timeout(how_long, self.spec.stop.wait_for(|stop| *stop)).await;
        stopped.is_ok() || ended
    }

    fn tell(&mut self) {
        let facts = &mut self.facts;
        let wall = wall_at(self.dating.clock());
        self.spec.told.send_if_modified(|report| facts.write(report, wall));
    }
}

/// Now, by a clock that is so far from the monotonic one.
fn wall_at(clock: i64) -> WallTime {
    WallTime::from_micros(clock + i64::try_from(hub::now().as_nanos() / 1000).unwrap_or(0))
}

/// Waits for the disk's work; for ever without any.
async fn wait_for(busy: &mut Option<LocalBoxFuture<'static, (Disk, Done)>>) -> (Disk, Done) {
    match busy {
        Some(work) => {
            let done = work.await;
            *busy = None;
            done
        }
        None => std::future::pending().await,
    }
}

impl RecordingReport {
    /// How a recording is that has just begun.
    pub(crate) fn new(
        id: u64,
        stream: &StreamName,
        plan: &RecordPlan,
        by: crate::plan::By,
        now: WallTime,
    ) -> Self {
        Self {
            id,
            stream: stream.as_str().to_owned(),
            format: plan.format,
            by,
            state: RecordingState::Starting,
            reason: None,
            since: now,
            bytes: 0,
            segments: 0,
            lost_ms: 0,
            storage: None,
            file: None,
            skipped: Vec::new(),
        }
    }
}
