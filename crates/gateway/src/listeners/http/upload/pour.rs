//! What becomes of a body: demuxed, published, and paced where it is sound without pictures.
//!
//! WAV, `.au` and bare samples are played in their own time, since a file comes as fast as the network is. Other containers
//! have times of their own and are taken as they come: their senders are live.
use super::over::Over;
use super::sender::Sender;
use crate::ingest::outlet::Outlet;
use crate::ingest::pace::Pace;
use ::http::StatusCode;
use bytes::Bytes;
use formats::demux::{ByteDemuxer, DemuxEvent};
use formats::probe::{Container, Prober};
use hub::{Hub, Publisher, Worker};
use media::{Codec, MediaTime, Moment, StreamName, Track, Unit};
use std::collections::VecDeque;
use std::time::Duration;

/// Silence behind the last word, in units of 20 ms: 2, as filters and frames hold back less than 40 ms.
const SILENT_UNITS: usize = 2;

/// One upload, from its turn to its last unit.
pub(super) struct Pour {
    pub(super) hub: Hub,
    pub(super) name: StreamName,
    pub(super) outlet: Outlet,
    pub(super) sender: Sender,
    demuxer: ByteDemuxer,
    containers: &'static [Container],
    speaks: bool,
    /// It was said what follows.
    described: bool,
    /// What was demuxed and is not published yet.
    pub(super) queue: VecDeque<DemuxEvent>,
    /// Why nothing can follow behind that.
    broken: Option<Over>,
    /// The body's end was read.
    pub(super) ended: bool,
    /// What is paced; `None` for what has times of its own, and before that is known.
    pub(super) sound: Option<Sound>,
    /// How long the body was not read since its media had to wait: no silence of the sender's.
    pub(super) idle: Duration,
}

/// Sound in its own time.
pub(super) struct Sound {
    pub(super) track: Track,
    pub(super) pace: Pace,
    /// Added to the times of the body.
    shift: i64,
    /// Where the next unit of the body lies, behind silence that was put before it.
    pub(super) joins: Option<i64>,
    /// Where the last unit ends.
    end: i64,
}

impl Pour {
    pub(super) fn new(
        worker: &Worker,
        name: StreamName,
        publisher: Publisher,
        sender: Sender,
        prober: Prober,
    ) -> Self {
        Self {
            hub: worker.hub().clone(),
            outlet: Outlet::new(name.clone(), publisher),
            name,
            sender,
            demuxer: ByteDemuxer::new(prober),
            containers: &[],
            speaks: false,
            described: false,
            queue: VecDeque::new(),
            broken: None,
            ended: false,
            sound: None,
            idle: Duration::ZERO,
        }
    }

    /// Takes these containers only; any, if there are none.
    pub(super) fn only(&mut self, containers: &'static [Container]) {
        self.containers = containers;
    }

    /// The stream goes to a device's loudspeaker.
    pub(super) fn speaks(&mut self, speaks: bool) {
        self.speaks = speaks;
    }

    /// Runs until the body ends and all of it was played, and answers.
    pub(super) async fn run(mut self) {
        let result = self.pour().await;
        let Self { sender, outlet, .. } = self;
        // Before the answer: whoever has it may publish again.
        drop(outlet);
        sender.answer(result).await;
    }

    async fn pour(&mut self) -> Result<(), Over> {
        self.sender.hold(self.outlet.granted()).await??;
        while !self.ended {
            let piece = tokio::select! {
                piece = self.sender.next() => piece,
                ended = self.outlet.ended() => return Err(ended.into()),
            };
            match piece {
                Ok(piece) => self.take(piece),
                Err(over) => {
                    // What came before is of use, but nobody goes on speaking for somebody who left.
                    if self.sound.is_none() {
                        self.take(None);
                    }
                    self.broken = Some(over);
                }
            }
            self.play().await?;
        }
        if !self.described {
            let why = "the body ended before there was anything to publish in it".to_owned();
            return Err(Over::Refused(StatusCode::BAD_REQUEST, why));
        }
        self.all_said().await
    }

    /// Demuxes a piece of the body, or its end.
    pub(super) fn take(&mut self, piece: Option<Bytes>) {
        let now = hub::now().as_nanos().saturating_sub(self.idle.as_nanos() as u64);
        let (now, wall) = (Moment::from_nanos(now), hub::wall_now());
        let taken = match piece {
            Some(piece) => self.demuxer.push(&piece, now, wall),
            None => {
                self.ended = true;
                self.demuxer.finish(now, wall)
            }
        };
        self.queue.extend(std::iter::from_fn(|| self.demuxer.poll_event()));
        let container = self.demuxer.container();
        if let Some(other) =
            container.filter(|it| !self.containers.is_empty() && !self.containers.contains(it))
        {
            let wanted: Vec<&str> = self.containers.iter().map(|container| container.name()).collect();
            let why =
                format!("this is {other}, and here {} is taken: post it to /api/stream", wanted.join(" or "));
            self.queue.clear();
            self.broken = Some(Over::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        } else if let Err(error) = taken {
            self.broken = Some(error.into());
        }
    }

    /// Publishes what was demuxed.
    async fn play(&mut self) -> Result<(), Over> {
        while let Some(event) = self.queue.pop_front() {
            match event {
                DemuxEvent::Tracks(tracks) => self.describe(tracks).await?,
                DemuxEvent::Unit(unit) => self.say(unit).await?,
                event @ (DemuxEvent::Metadata(_) | DemuxEvent::Note(_)) => self.outlet.handle(event).await?,
            }
        }
        self.outlet.report_lost(self.demuxer.take_lost()).await?;
        self.broken.take().map_or(Ok(()), Err)
    }

    async fn describe(&mut self, tracks: Vec<Track>) -> Result<(), Over> {
        if self.speaks {
            speakable(&tracks)?;
        }
        let paced =
            matches!(self.demuxer.container(), Some(Container::Wav | Container::Au | Container::Raw(_)));
        self.described = true;
        let fresh = match tracks.first() {
            Some(track) if paced && self.sound.is_none() => {
                self.sound = Some(Sound::new(track.clone(), self.sender.is_sized()));
                true
            }
            Some(_) | None => false,
        };
        self.outlet.handle(DemuxEvent::Tracks(tracks)).await?;
        if fresh && self.speaks { self.call().await } else { Ok(()) }
    }

    /// Publishes one unit of the body, when it is time for it.
    async fn say(&mut self, unit: Unit) -> Result<(), Over> {
        let Some(sound) = &mut self.sound else {
            return Ok(self.outlet.handle(DemuxEvent::Unit(unit)).await?);
        };
        let unit = sound.place(unit);
        let began = hub::now();
        let wait = sound.pace.wait(sound.time(unit.dts), began);
        if !wait.is_zero() {
            self.hold(began + wait).await?;
        }
        let now = hub::now();
        let waited = now.since(began);
        self.idle += waited;
        if let Some(sound) = &mut self.sound {
            sound.pace.handle_waited(waited, now);
        }
        self.publish(unit).await
    }

    /// Publishes a unit of sound as one that came just now.
    pub(super) async fn publish(&mut self, mut unit: Unit) -> Result<(), Over> {
        (unit.arrival, unit.wall) = (hub::now(), hub::wall_now());
        Ok(self.outlet.handle(DemuxEvent::Unit(unit)).await?)
    }

    /// Waits, unless the stream takes no more or the sender left.
    pub(super) async fn hold(&mut self, until: Moment) -> Result<(), Over> {
        let Self { outlet, sender, .. } = self;
        let wait = async {
            tokio::select! {
                () = hub::sleep_until(until) => Ok(()),
                ended = outlet.ended() => Err(ended.into()),
            }
        };
        sender.read_on(wait).await?
    }

    /// Waits until the last unit was played: the answer says that it was. For a loudspeaker some silence follows, which brings
    /// out what its transcoder still holds back.
    async fn all_said(&mut self) -> Result<(), Over> {
        let now = hub::now();
        let Some(sound) = &self.sound else { return Ok(()) };
        let (end, plays_in) = (sound.end, sound.pace.plays_in(sound.time(sound.end), now));
        if self.speaks {
            let mut at = end;
            for _ in 0..SILENT_UNITS {
                at += self.be_silent(at, now).await?;
            }
            return Ok(());
        }
        self.hold(now + plays_in).await
    }
}

impl Sound {
    fn new(track: Track, stored: bool) -> Self {
        let pace = if stored { Pace::stored() } else { Pace::unknown() };
        Self { track, pace, shift: 0, joins: None, end: 0 }
    }

    /// The time that lies so many ticks from the first unit.
    pub(super) fn time(&self, ticks: i64) -> Duration {
        let micros = MediaTime::new(ticks, self.track.clock_rate).as_micros();
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// Puts a unit of the body where it belongs.
    fn place(&mut self, mut unit: Unit) -> Unit {
        if let Some(at) = self.joins.take() {
            self.shift = at - unit.dts;
        }
        unit.dts += self.shift;
        unit.pts += self.shift;
        let sample_bytes = if self.track.codec == Codec::L16 { 2 } else { 1 };
        let frames = unit.data.len() / (sample_bytes * usize::from(self.track.channels.max(1)));
        self.end = unit.dts + frames as i64;
        unit
    }
}

/// Refuses what cannot be brought to a loudspeaker.
fn speakable(tracks: &[Track]) -> Result<(), Over> {
    let sounds: Vec<&Track> = tracks.iter().filter(|track| !track.codec.is_video()).collect();
    let why = match sounds.iter().map(|track| audio::Decoder::new(track).map(|_| ())).reduce(Result::or) {
        Some(Ok(())) => return Ok(()),
        Some(Err(error)) => error.to_string(),
        None => "there is no sound in it".to_owned(),
    };
    let why = format!(
        "{why}: a loudspeaker takes WAV, .au, audio/PCMA, audio/PCMU and audio/L16, and G.711, L16, G.722 and Opus in FLV or MPEG-TS"
    );
    Err(Over::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why))
}
