//! How the stream is: its state, derived at each turn, and its report.
use super::Owner;
use crate::event::What;
use crate::report::{StreamReport, StreamState};
use crate::stream::RelayMessage;
use crate::supervise::SourceState;
use crate::{answer, wall_now};
use media::{Kind, Moment};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// An owner waits this long for the reports of its relays.
const REPORT_WAIT: Duration = Duration::from_millis(500);

impl Owner {
    /// Derives the state from what is the case, and reports it when it changed.
    pub(super) fn settle(&mut self, now: Moment) {
        self.sources.tell_changes();
        self.outputs.notice_media(now);
        self.outputs.tell_changes();
        let (state, reason) = self.derive_state(now);
        if state == self.state && reason == self.reason {
            return;
        }
        let changed = state != self.state;
        self.state = state;
        self.reason.clone_from(&reason);
        if changed {
            self.since = wall_now();
            self.worker.emit(What::StreamState {
                stream: self.name.clone(),
                state: state.as_str(),
                reason: reason.clone(),
            });
        }
        self.feed.set_state(state, reason.clone());
        self.tell_relays(|| RelayMessage::State(state, reason.clone()));
    }

    fn derive_state(&self, now: Moment) -> (StreamState, Option<String>) {
        if self.intake.has_tracks() {
            let max = self.worker.limits().track_silence_max;
            let pauses = self.sources.all_pause();
            if let Some((track, heard)) = self.intake.silent_track(max, now).filter(|_| !pauses) {
                let since = if heard { "for" } else { "since the start," };
                let why =
                    format!("no {} ({}) {since} {} s", track.kind().as_str(), track.codec, max.as_secs());
                return (StreamState::Stalled, Some(why));
            }
            for kind in [Kind::Video, Kind::Audio] {
                if !self.intake.sends(kind)
                    && let Some((index, why)) = self.sources.failing(kind)
                {
                    let why = format!("no {}: source {index} fails: {why}", kind.as_str());
                    return (StreamState::Stalled, Some(why));
                }
            }
            let failing = self.sources.states().find_map(|(state, error)| match state {
                SourceState::Backoff { .. } | SourceState::GaveUp => error.map(str::to_owned),
                SourceState::Idle | SourceState::Connecting | SourceState::Live(_) | SourceState::Removed => {
                    None
                }
            });
            for (state, error) in self.outputs.states() {
                let error = error.unwrap_or("it has not answered");
                match state {
                    SourceState::Backoff { .. } | SourceState::GaveUp => {
                        return (StreamState::Stalled, Some(format!("the device does not take it: {error}")));
                    }
                    SourceState::Connecting => {
                        return (StreamState::Connecting, Some("calling the device".into()));
                    }
                    SourceState::Idle | SourceState::Live(_) | SourceState::Removed => {}
                }
            }
            if self.state != StreamState::Live
                && let Some(index) = self.sources.unheard_of(now)
            {
                return (StreamState::Connecting, Some(format!("source {index} has not said what it sends")));
            }
            return if pauses || self.intake.all_heard() {
                (StreamState::Live, failing.map(|why| format!("another source fails: {why}")))
            } else {
                (StreamState::Connecting, Some("waiting for the first unit of each track".into()))
            };
        }
        if !self.intake.slots().is_empty() {
            return (StreamState::Connecting, None);
        }
        if self.sources.is_empty() {
            return (StreamState::Waiting, Some("nobody publishes into it".into()));
        }
        self.state_of_sources()
    }

    fn state_of_sources(&self) -> (StreamState, Option<String>) {
        let mut gave_up = None;
        let mut idle = false;
        for (state, error) in self.sources.states() {
            let error = error.map(str::to_owned);
            match state {
                SourceState::Connecting | SourceState::Live(_) => return (StreamState::Connecting, error),
                SourceState::Backoff { .. } => return (StreamState::Backoff, error),
                SourceState::GaveUp => gave_up = gave_up.or(error),
                SourceState::Idle => idle = true,
                SourceState::Removed => {}
            }
        }
        if idle { (StreamState::Idle, None) } else { (StreamState::GaveUp, gave_up) }
    }

    pub(super) fn report(&mut self, reply: oneshot::Sender<StreamReport>, now: Moment) {
        let (bytes_in, units_in, bitrate_in, ring_bytes) = self.feed.totals(now);
        let mut report = StreamReport {
            name: self.name.clone(),
            worker: self.worker.id(),
            state: self.state,
            reason: self.reason.clone(),
            since: self.since,
            tracks: self.feed.known_tracks(),
            sources: self.sources.reports(now),
            outputs: self.outputs.reports(now),
            alerts: self.alarm.reports(now),
            talk: self.spec.talk.as_ref().and_then(|_| crate::stream::talk_name(&self.name)),
            muted: self.intake.muted,
            publishers: self.intake.reports(),
            readers: self.feed.reader_reports(now),
            bytes_in,
            units_in,
            bitrate_in,
            ring_bytes,
        };
        let mut answers = Vec::new();
        self.relays.retain(|relay| {
            let (ask, answer) = oneshot::channel();
            let sent = relay.tx.try_send(RelayMessage::Report(ask));
            if sent.is_ok() {
                answers.push(answer);
            }
            !matches!(sent, Err(mpsc::error::TrySendError::Closed(_)))
        });
        if answers.is_empty() {
            answer(reply, report);
            return;
        }
        // The relays answer from their own workers: nobody waits for that here.
        self.worker.spawn(format!("report of {}", self.name), async move {
            let all = futures_util::future::join_all(answers);
            if let Ok(readers) = tokio::time::timeout(REPORT_WAIT, all).await {
                report.readers.extend(readers.into_iter().flatten().flatten());
            }
            answer(reply, report);
        });
    }
}
