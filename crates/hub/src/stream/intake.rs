//! The stream's intake: who publishes, which of their tracks become the stream's, and since when each is silent.
use super::epoch::Epoch;
use crate::event::EndReason;
use crate::feed::Feedback;
use crate::publisher::{Ingest, PublisherEnd};
use crate::report::PublisherReport;
use crate::wall_now;
use media::{Kind, Moment, Track, TrackId, Tracks, Unit, WallTime};
use std::task::{Context, Poll};

/// One publisher: a peer that pushes, or a source's connection.
pub(crate) struct Slot {
    end: PublisherEnd,
    /// The index of the source it is.
    pub(crate) source: Option<usize>,
    tracks: Vec<Track>,
    /// Where each of its tracks is in the stream; `None` when another publisher's is used.
    map: Vec<Option<TrackId>>,
    epoch: Epoch,
    bytes: u64,
    units: u64,
    lost: u64,
    since: WallTime,
    /// When its last unit came; its joining before that.
    pub(crate) heard_at: Moment,
}

impl Slot {
    pub(crate) fn id(&self) -> u64 {
        self.end.id
    }

    pub(crate) fn protocol(&self) -> &'static str {
        self.end.peer.protocol
    }

    pub(crate) fn remote(&self) -> &str {
        &self.end.peer.remote
    }
}

/// What came from a publisher.
pub(crate) enum Came {
    /// The stream's tracks may have changed: ask [`Intake::tracks`].
    Tracks,
    /// A unit for the stream, placed on its line; the source it came from.
    Unit(Unit, Option<usize>),
    /// Nothing for the readers.
    Nothing,
    /// The publisher with this id, and its source, left.
    Gone { source: Option<usize> },
}

/// All publishers of one stream.
pub(crate) struct Intake {
    slots: Vec<Slot>,
    stream_start: Moment,
    /// The stream's tracks, as the publishers there or last there make them.
    tracks: Tracks,
    last_dts: Vec<Option<i64>>,
    heard_at: Vec<Option<Moment>>,
}

impl Intake {
    pub(crate) fn new(stream_start: Moment) -> Self {
        let tracks = Tracks::from([]);
        Self { slots: Vec::new(), stream_start, tracks, last_dts: Vec::new(), heard_at: Vec::new() }
    }

    pub(crate) fn add(&mut self, end: PublisherEnd, source: Option<usize>, now: Moment) {
        let epoch = Epoch::new(self.stream_start);
        let (tracks, map) = (Vec::new(), Vec::new());
        let since = wall_now();
        self.slots.push(Slot {
            end,
            source,
            tracks,
            map,
            epoch,
            bytes: 0,
            units: 0,
            lost: 0,
            since,
            heard_at: now,
        });
    }

    /// Ends every publisher that `which` picks.
    pub(crate) fn end(&mut self, reason: &EndReason, which: impl Fn(&Slot) -> bool) {
        self.slots.retain(|slot| {
            let ends = which(slot);
            if ends {
                // Set before the mailbox closes, so that the publisher learns why.
                let _ = slot.end.ended.set(reason.clone());
            }
            !ends
        });
    }

    /// Forgets publishers that have left with nothing unread, so that one who comes back at once finds its place free.
    /// True when there was one.
    pub(crate) fn forget_gone(&mut self) -> bool {
        let before = self.slots.len();
        self.slots
            .retain(|slot| !(slot.source.is_none() && slot.end.rx.is_closed() && slot.end.rx.is_empty()));
        self.slots.len() < before
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub(crate) fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    pub(crate) fn has_tracks(&self) -> bool {
        self.slots.iter().any(|slot| !slot.tracks.is_empty())
    }

    /// Polls the publishers in turn.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Moment) -> Poll<Came> {
        for index in 0..self.slots.len() {
            match self.slots[index].end.rx.poll_recv(cx) {
                Poll::Pending => {}
                Poll::Ready(Some(item)) => return Poll::Ready(self.take(index, item, now)),
                Poll::Ready(None) => {
                    let slot = self.slots.remove(index);
                    return Poll::Ready(Came::Gone { source: slot.source });
                }
            }
        }
        Poll::Pending
    }

    fn take(&mut self, index: usize, item: Ingest, now: Moment) -> Came {
        let slot = &mut self.slots[index];
        match item {
            Ingest::Tracks(tracks) => {
                slot.tracks = tracks;
                slot.heard_at = now;
                self.choose_tracks();
                Came::Tracks
            }
            Ingest::Lost(count) => {
                slot.lost += count;
                Came::Nothing
            }
            Ingest::Unit(mut unit) => {
                slot.heard_at = now;
                slot.bytes += unit.data.len() as u64;
                slot.units += 1;
                let mapped = slot.map.get(usize::from(unit.track)).copied().flatten();
                let Some(id) = mapped else { return Came::Nothing };
                let Some(track) = self.tracks.get(usize::from(id)) else { return Came::Nothing };
                unit.track = id;
                slot.epoch.place(&mut unit, track, self.last_dts[usize::from(id)]);
                self.last_dts[usize::from(id)] = Some(unit.dts);
                self.heard_at[usize::from(id)] = Some(now);
                Came::Unit(unit, slot.source)
            }
        }
    }

    /// Video comes from the first publisher that has any, audio likewise; "first" is the order of the sources.
    fn choose_tracks(&mut self) {
        self.slots.sort_by_key(|slot| slot.source.unwrap_or(usize::MAX));
        let mut chosen: Vec<Track> = Vec::new();
        for slot in &mut self.slots {
            slot.map = vec![None; slot.tracks.len()];
        }
        for kind in [Kind::Video, Kind::Audio] {
            let Some(slot) = self.slots.iter_mut().find(|slot| slot.tracks.iter().any(|t| t.kind() == kind))
            else {
                continue;
            };
            for (index, track) in slot.tracks.iter().enumerate().filter(|(_, track)| track.kind() == kind) {
                let id = u8::try_from(chosen.len()).unwrap_or(u8::MAX);
                slot.map[index] = Some(id);
                chosen.push(Track { id, ..track.clone() });
            }
        }
        if chosen.is_empty() {
            return;
        }
        let clocks = |tracks: &[Track]| tracks.iter().map(|t| (t.codec, t.clock_rate)).collect::<Vec<_>>();
        if clocks(&chosen) != clocks(&self.tracks) {
            self.last_dts = vec![None; chosen.len()];
            self.heard_at = vec![None; chosen.len()];
        }
        self.tracks = chosen.into();
    }

    /// Tells every publisher. One that does not listen now misses it: wishes are repeated.
    pub(crate) fn tell(&self, feedback: Feedback) {
        for slot in &self.slots {
            let _ = slot.end.feedback.try_send(feedback);
        }
    }

    /// The first track that was silent for `max`, or has not been heard at all while another was.
    pub(crate) fn silent_track(&self, max: std::time::Duration, now: Moment) -> Option<(&Track, bool)> {
        let joined = self.slots.iter().map(|slot| slot.heard_at).min();
        self.tracks.iter().zip(&self.heard_at).find_map(|(track, heard)| match heard {
            Some(at) => (now.since(*at) > max).then_some((track, true)),
            None => joined.is_some_and(|at| now.since(at) > max).then_some((track, false)),
        })
    }

    /// True once every track has been heard.
    pub(crate) fn all_heard(&self) -> bool {
        !self.heard_at.is_empty() && self.heard_at.iter().all(Option::is_some)
    }

    /// Forgets when tracks were heard: their publisher left.
    pub(crate) fn forget_heard(&mut self) {
        self.heard_at.fill(None);
    }

    pub(crate) fn reports(&self) -> Vec<PublisherReport> {
        let report = |slot: &Slot| PublisherReport {
            id: slot.end.id,
            source: slot.source,
            peer: slot.end.peer.clone(),
            tracks: slot.tracks.clone(),
            bytes: slot.bytes,
            units: slot.units,
            lost: slot.lost,
            since: slot.since,
        };
        self.slots.iter().map(report).collect()
    }
}
