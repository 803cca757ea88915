//! A player that watches the past: by the query of its URL, or by a range of the clock in PLAY.
//!
//! Source: RFC 2326 §3.7, §10.5, §10.6, §12.34. The playback stands still from DESCRIBE to PLAY and from PAUSE to PLAY, and
//! ends with the player.
use super::connection::{Connection, Refused, Role};
use super::play::{Playback, first_items};
use crate::listeners::past;
use crate::renditions::rtp::Lane;
use formats::sdp::assign_payload_types;
use hub::{Item, PastChange, PastError, PastSpec, PastStream, Reader};
use media::{StreamName, Track, TrackId, Tracks, WallTime};
use protocols::rtsp::Range;
use protocols::rtsp::server::Played;
use std::time::Duration;

/// The first frame of where somebody went comes within this: 3 s. A disk that sleeps takes longer, and then PLAY is answered
/// without what it would say.
const FIRST_MAX: Duration = Duration::from_secs(3);

/// What a player watches of the past.
pub(super) struct Watched {
    pub(super) stream: PastStream,
    speed: f64,
    to: Option<WallTime>,
}

/// What PLAY asks for.
pub(super) struct Wish {
    pub(super) range: Option<Range>,
    pub(super) scale: Option<f64>,
}

fn refused(error: &PastError) -> Refused {
    let status = match error {
        PastError::Wrong(_) => 400,
        PastError::Nothing(_) => 404,
        PastError::Busy(_) => 503,
    };
    (status, error.to_string())
}

/// The same of a moment that PLAY names.
fn out_of_range(error: &PastError) -> Refused {
    match error {
        PastError::Nothing(why) => (457, format!("Invalid Range: {why}")),
        PastError::Wrong(_) | PastError::Busy(_) => refused(error),
    }
}

impl Wish {
    fn clock(&self) -> Option<(WallTime, Option<WallTime>)> {
        match self.range {
            Some(Range::Clock { start, end }) => Some((start, end)),
            Some(Range::Npt { .. } | Range::Other(_)) | None => None,
        }
    }

    fn is_now(&self) -> bool {
        matches!(self.range, Some(Range::Npt { start: None, end: None }))
    }

    /// The nearest speed that there is.
    fn speed(&self) -> Result<Option<f64>, Refused> {
        match self.scale {
            Some(scale) if scale > 0.0 => {
                Ok(Some(scale.clamp(*PastSpec::SPEEDS.start(), *PastSpec::SPEEDS.end())))
            }
            Some(_) => Err((451, "recordings play forwards only: Scale is above 0".into())),
            None => Ok(None),
        }
    }
}

impl Watched {
    /// What the query of a URL asks for, standing still; `None`: the present.
    pub(super) async fn of_query(
        connection: &Connection,
        name: &StreamName,
        query: &str,
    ) -> Result<Option<Self>, Refused> {
        let Some(spec) = past::of_query(query).map_err(|error| refused(&error))? else { return Ok(None) };
        Ok(Some(Self::open(connection, name, spec).await.map_err(|error| refused(&error))?))
    }

    async fn open(connection: &Connection, name: &StreamName, spec: PastSpec) -> Result<Self, PastError> {
        let spec = PastSpec { paused: true, ..spec };
        let stream = past::open(&connection.worker, name, spec).await?;
        Ok(Self { stream, speed: spec.speed, to: spec.to })
    }

    async fn change(&self, change: PastChange) -> Result<WallTime, Refused> {
        self.stream.control.change(change).await.map_err(|error| out_of_range(&error))
    }

    /// PAUSE: what plays stands still.
    pub(super) async fn pause(&self) {
        let paused = PastChange { paused: Some(true), ..PastChange::default() };
        if let Err((_, why)) = self.change(paused).await {
            // The stream has ended, which its reader would hear next.
            tracing::debug!(why, "a playback is not there to be paused");
        }
    }

    fn played(&self, from: WallTime) -> Played {
        Played { range: Range::Clock { start: from, end: self.to }, scale: Some(self.speed) }
    }
}

impl Connection {
    /// PLAY that changes what is watched. `None`: it is to be attached as what it is; else it was answered.
    pub(super) async fn turn_to(&mut self, wish: &Wish) -> Result<Option<()>, Refused> {
        let Role::Reader(playback) = &self.role else { return Ok(None) };
        let plays = playback.plays();
        // Some players ask for `now` whatever their URL is about.
        let came_for_now = matches!(past::of_query(&playback.asked.1), Ok(None));
        match (&playback.past, wish.clock()) {
            (past, Some((from, to))) if past.is_none() || playback.fresh => {
                let speed = wish.speed()?.or(past.as_ref().map(|watched| watched.speed));
                let spec = PastSpec { to, speed: speed.unwrap_or(1.0), ..PastSpec::from(from) };
                self.switch_to(Some(spec)).await?;
                Ok(None)
            }
            (Some(_), None) if wish.is_now() && came_for_now => {
                self.switch_to(None).await?;
                Ok(None)
            }
            (None, None) if plays => {
                // The present goes on as it comes.
                self.session.play_ok(&[]);
                Ok(Some(()))
            }
            (Some(_), None) if plays => {
                let speed = wish.speed()?;
                let Role::Reader(playback) = &mut self.role else { return Ok(None) };
                let Some(watched) = &mut playback.past else { return Ok(None) };
                let at = watched.change(PastChange { speed, ..PastChange::default() }).await?;
                watched.speed = speed.unwrap_or(watched.speed);
                let played = watched.played(at);
                self.session.played(&[], &played);
                Ok(Some(()))
            }
            (None | Some(_), _) => Ok(None),
        }
    }

    /// Lets the player watch another stream, the past of what it came for or the present, if it is what was described.
    async fn switch_to(&mut self, spec: Option<PastSpec>) -> Result<(), Refused> {
        let Role::Reader(playback) = &self.role else { return Ok(()) };
        let (name, query) = playback.asked.clone();
        let past = match spec {
            Some(spec) => Some(Watched::open(self, &name, spec).await.map_err(|error| out_of_range(&error))?),
            None => None,
        };
        let stream = past.as_ref().map_or(&name, |past| &past.stream.name);
        let (view, _) = self.view(stream, &query).await?;
        let (tracks, from) = (view.tracks(), spec.map(|spec| spec.from.rfc3339().to_string()));
        let Role::Reader(playback) = &mut self.role else { return Ok(()) };
        let Some(chosen) = same_tracks(&playback.tracks, &playback.chosen, &tracks) else {
            let from = from.unwrap_or_else(|| "now".into());
            let why = format!(
                "Invalid Range: at {from} it was recorded with other codecs than were described; ask for {name}?from={from} \
                 in DESCRIBE"
            );
            return Err((457, why));
        };
        playback.pause();
        (playback.view, playback.tracks, playback.chosen, playback.past) = (view, tracks, chosen, past);
        playback.fresh = true;
        Ok(())
    }
}

/// The tracks that can be sent in the place of those that were described. `None`: they are others.
fn same_tracks(described: &Tracks, chosen: &[TrackId], now: &Tracks) -> Option<Vec<TrackId>> {
    let (types, types_now) = (assign_payload_types(described), assign_payload_types(now));
    let fits = |one: &Track, other: &Track| {
        // What a decoder of pictures has to know, it is told in the stream as well.
        let params = one.codec.is_video() || one.params == other.params;
        one.codec == other.codec
            && one.clock_rate == other.clock_rate
            && one.channels == other.channels
            && params
    };
    let place = |id: &TrackId| {
        let (track, payload_type) = (described.get(usize::from(*id))?, types.get(usize::from(*id))?);
        let mut all = now.iter().zip(&types_now);
        all.find(|(other, other_type)| fits(track, other) && *other_type == payload_type)
            .map(|(other, _)| other.id)
    };
    chosen.iter().map(place).collect()
}

impl Playback {
    /// Lets the past go on, from where PLAY says. Returns what its reader begins with, and what is played.
    pub(super) async fn begin_past(
        &mut self,
        wish: &Wish,
        reader: &mut Reader,
        lanes: &[(TrackId, Lane)],
    ) -> Result<(Vec<Item>, Played), Refused> {
        let Some(watched) = &mut self.past else { return Ok((Vec::new(), Played::PRESENT)) };
        let speed = wish.speed()?;
        // What was opened for this very PLAY is there already.
        let fresh = std::mem::take(&mut self.fresh);
        let seek = wish.clock().filter(|_| !fresh);
        let (seek, to) = (seek.map(|(from, _)| from), seek.and_then(|(_, to)| to));
        let at = watched.change(PastChange { seek, to, speed, paused: Some(false) }).await?;
        watched.speed = speed.unwrap_or(watched.speed);
        watched.to = to.or(watched.to);
        let items = first_of_past(reader, lanes, seek.is_some()).await;
        let shown = items.iter().find_map(|item| match item {
            Item::Chunk(chunk) => Some(chunk.wall),
            Item::Header(_) | Item::Ended(_) => None,
        });
        Ok((items, watched.played(shown.unwrap_or(at))))
    }
}

/// What a reader begins with: what there is, or, behind a seek, what follows it.
async fn first_of_past(reader: &mut Reader, lanes: &[(TrackId, Lane)], behind_seek: bool) -> Vec<Item> {
    let first = async {
        loop {
            match reader.next().await {
                Item::Chunk(chunk) if chunk.is_start() && (chunk.discontinuity || !behind_seek) => {
                    return Some(chunk);
                }
                Item::Chunk(_) | Item::Header(_) => {}
                Item::Ended(_) => return None,
            }
        }
    };
    let Ok(Some(first)) = tokio::time::timeout(FIRST_MAX, first).await else { return Vec::new() };
    let others: Vec<(TrackId, Lane)> =
        lanes.iter().filter(|(_, lane)| lane.track.id != first.track).cloned().collect();
    let mut items = vec![Item::Chunk(first)];
    items.extend(first_items(reader, &others));
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{Codec, CodecParams};

    #[test]
    fn the_past_takes_the_place_of_what_was_described_only_where_it_is_the_same() {
        let video = |codec| Track::video(0, codec, CodecParams::None);
        let sound = |rate| Track::audio(1, Codec::Pcma, rate, 1, CodecParams::None);
        let described: Tracks = [video(Codec::H264), sound(8_000)].into();
        assert_eq!(same_tracks(&described, &[0, 1], &described), Some(vec![0, 1]));
        let other: Tracks = [video(Codec::H265), sound(8_000)].into();
        assert_eq!(same_tracks(&described, &[0, 1], &other), None);
        assert_eq!(same_tracks(&described, &[1], &other), Some(vec![1]));
        let faster: Tracks = [video(Codec::H264), sound(16_000)].into();
        assert_eq!(same_tracks(&described, &[0, 1], &faster), None);
        assert_eq!(same_tracks(&described, &[1], &[video(Codec::H264)].into()), None);
    }

    #[test]
    fn a_scale_is_brought_to_the_nearest_that_there_is_and_backwards_is_refused() {
        let speed = |scale| Wish { range: None, scale }.speed();
        assert_eq!((speed(None), speed(Some(2.0))), (Ok(None), Ok(Some(2.0))));
        assert_eq!((speed(Some(0.01)), speed(Some(1000.0))), (Ok(Some(0.1)), Ok(Some(32.0))));
        assert_eq!(speed(Some(-1.0)).unwrap_err().0, 451);
    }
}
