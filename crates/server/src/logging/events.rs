//! Events of the hub as log lines: INFO for what comes and goes, WARN for what an operator should look at, ERROR for
//! what is broken.
use hub::{Event, What};
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Writes events until the hub ends.
pub async fn write_events(mut events: Receiver<Arc<Event>>) {
    loop {
        match events.recv().await {
            Ok(event) => write(&event.what),
            Err(RecvError::Lagged(lost)) => {
                tracing::warn!(target: "hub", lost, "events came too fast for the log")
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn write(what: &What) {
    match what {
        What::StreamAdded { stream } => tracing::info!(target: "hub", %stream, "stream added"),
        What::StreamRemoved { stream } => tracing::info!(target: "hub", %stream, "stream removed"),
        What::StreamState { stream, state, reason } => {
            let reason = reason.as_deref().unwrap_or_default();
            match *state {
                "stalled" | "backoff" | "gave_up" => {
                    tracing::warn!(target: "hub", %stream, reason, "stream is {state}");
                }
                "connecting" => tracing::debug!(target: "hub", %stream, reason, "stream is connecting"),
                _ if reason.is_empty() => tracing::info!(target: "hub", %stream, "stream is {state}"),
                _ => tracing::info!(target: "hub", %stream, reason, "stream is {state}"),
            }
        }
        What::SourceState { stream, index, state, reason, attempt } => {
            let reason = reason.as_deref().unwrap_or_default();
            match *state {
                "gave_up" => {
                    tracing::warn!(target: "hub", %stream, index, attempt, reason, "source gave up");
                }
                _ => tracing::debug!(target: "hub", %stream, index, attempt, reason, "source is {state}"),
            }
        }
        What::OutputState { stream, index, state, reason, attempt } => {
            let reason = reason.as_deref().unwrap_or_default();
            match *state {
                "gave_up" | "backoff" => {
                    tracing::warn!(target: "hub", %stream, index, attempt, reason, "output is {state}");
                }
                _ => tracing::info!(target: "hub", %stream, index, attempt, reason, "output is {state}"),
            }
        }
        What::PublisherJoined { stream, protocol, remote } => {
            tracing::info!(target: "hub", %stream, protocol, remote, "publisher joined");
        }
        What::PublisherLeft { stream, reason } => {
            tracing::info!(target: "hub", %stream, reason, "publisher left")
        }
        What::ReaderJoined { stream, reader, protocol, remote } => {
            tracing::info!(target: "hub", %stream, reader, protocol, remote, "reader joined");
        }
        What::ReaderLeft { stream, reader, protocol, reason, bytes } => {
            tracing::info!(target: "hub", %stream, reader, protocol, reason, bytes, "reader left");
        }
        What::ReaderCutBack { stream, reader, skipped, lag_ms } => {
            tracing::info!(target: "hub", %stream, reader, skipped, lag_ms, "reader too slow: goes on at a key frame");
        }
        What::LimitReached { stream, limit } => {
            let stream = stream.as_ref().map(|stream| stream.as_str()).unwrap_or_default();
            tracing::warn!(target: "hub", stream, "limit reached: {limit}");
        }
        What::OwnerPanicked { owner, message, backtrace } => {
            tracing::error!(target: "hub", owner, message, "something broke and was ended");
            tracing::debug!(target: "hub", owner, "backtrace: {backtrace}");
        }
        What::WorkerReplaced { worker, reason, streams } => {
            tracing::error!(target: "hub", worker, reason, streams, "a worker was replaced");
        }
        What::AlertStarted { stream, alert, detail, .. } => {
            let stream = stream.as_ref().map(|stream| stream.as_str()).unwrap_or_default();
            tracing::warn!(target: "hub", stream, alert, "alert: {detail}");
        }
        What::RecordingState { stream, format, state, reason } => {
            let reason = reason.as_deref().unwrap_or_default();
            tracing::info!(target: "recorder", %stream, format, state, reason, "recording");
        }
        What::SegmentClosed { stream, storage, path, bytes, .. } => {
            tracing::debug!(target: "recorder", %stream, storage, path, bytes, "segment closed");
        }
        What::StorageState { storage, state, reason } => {
            let reason = reason.as_deref().unwrap_or_default();
            tracing::warn!(target: "recorder", storage, state, reason, "storage");
        }
        What::AlertEnded { stream, alert, lasted_ms, why, .. } => {
            let stream = stream.as_ref().map(|stream| stream.as_str()).unwrap_or_default();
            tracing::info!(target: "hub", stream, alert, lasted_ms, "alert ended: {why}");
        }
        What::ConfigReloaded { added, changed, removed, unchanged, needs_restart } => {
            let needs_restart = needs_restart.join(" ");
            tracing::info!(
                target: "server", added, changed, removed, unchanged, needs_restart, "the configuration was read again"
            );
        }
        // Whoever read it has said what is wrong, line by line.
        What::ConfigRefused { problems, .. } => {
            tracing::warn!(target: "server", problems, "the configuration is wrong: nothing changed");
        }
        What::RoomStarted { room } => tracing::info!(target: "rooms", room, "room started"),
        What::RoomFinished { room, reason, lasted_ms } => {
            tracing::info!(target: "rooms", room, reason, lasted_ms, "room finished");
        }
        What::ParticipantJoined { room, participant, .. } => {
            tracing::info!(target: "rooms", room, participant, "joined");
        }
        What::ParticipantLeft { room, participant, reason, lasted_ms } => {
            tracing::info!(target: "rooms", room, participant, reason, lasted_ms, "left");
        }
        What::TrackPublished { room, participant, track, media, .. } => {
            tracing::debug!(target: "rooms", room, participant, track, media, "track published");
        }
        What::TrackUnpublished { room, participant, track, media, reason } => {
            tracing::debug!(target: "rooms", room, participant, track, media, reason, "track unpublished");
        }
        What::DeviceEvent { stream, kind } => tracing::info!(target: "hub", %stream, kind, "device"),
        What::Draining => tracing::info!(target: "hub", "draining"),
        what => tracing::info!(target: "hub", "{}", what.kind()),
    }
}
