//! One room: its handle here, its owner's task in `owner`.
mod admin;
mod bridge;
mod consume;
mod data;
mod inspect;
mod join;
mod loudness;
mod owner;
mod peer;
mod produce;
mod rate;
mod requests;
mod stats;
mod transports;

pub(crate) use bridge::{Invitation, Seat, Tapped, codec_of};
pub(crate) use owner::{RoomTask, Shared};
pub(crate) use peer::PeerKey;

use crate::bridge::TapError;
use crate::config::RoomLimits;
use crate::ending::Ending;
use crate::facts::{RoomDetails, RoomFacts};
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::token::Claims;
use serde_json::Value;
use sfu::ProducerId;
use tokio::sync::{mpsc, oneshot};

/// Messages that wait for a room: 256. Behind that, connections are not read until it has caught up.
const MAILBOX: usize = 256;

/// Somebody at the door.
pub(crate) struct Entrant {
    /// What their token says; none for this machine without keys.
    pub(crate) claims: Option<Claims>,
    /// Where they come from.
    pub(crate) remote: String,
    /// How to tell them.
    pub(crate) outbox: Outbox,
}

/// What a connection says.
pub(crate) enum Said {
    Request { id: u32, request: Request },
    Answer { id: u32, answer: Result<Value, String> },
}

/// The server API wants something of a participant.
#[derive(Debug)]
pub(crate) enum Measure {
    Kick { reason: String },
    Mute { producer: Option<ProducerId>, muted: bool },
}

/// What a room's owner is told.
pub(crate) enum ToRoom {
    Enter { entrant: Entrant, reply: oneshot::Sender<Result<PeerKey, Refusal>> },
    Invite { invitation: Invitation, reply: oneshot::Sender<Result<Seat, Refusal>> },
    Tap { identity: String, sources: Vec<String>, reply: oneshot::Sender<Result<Vec<Tapped>, TapError>> },
    Said { peer: PeerKey, said: Said },
    Leaves { peer: PeerKey, word: &'static str },
    Facts { reply: oneshot::Sender<RoomFacts> },
    Details { stats: bool, reply: oneshot::Sender<RoomDetails> },
    Measure { identity: String, measure: Measure, reply: oneshot::Sender<bool> },
    SetLimits { limits: RoomLimits, reply: oneshot::Sender<()> },
    Close { reason: String, ending: Ending },
}

/// A room from outside: a bounded mailbox.
#[derive(Clone)]
pub(crate) struct RoomHandle {
    to: mpsc::Sender<ToRoom>,
}

impl RoomHandle {
    /// The handle, and what its owner reads.
    pub(crate) fn new() -> (Self, mpsc::Receiver<ToRoom>) {
        let (to, told) = mpsc::channel(MAILBOX);
        (Self { to }, told)
    }

    /// Whether the room has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.to.is_closed()
    }

    /// Comes in; `None` when the room has ended.
    pub(crate) async fn enter(&self, entrant: Entrant) -> Option<Result<PeerKey, Refusal>> {
        self.ask(|reply| ToRoom::Enter { entrant, reply }).await
    }

    /// Lets a stream of this server in; `None` when the room has ended.
    pub(crate) async fn invite(&self, invitation: Invitation) -> Option<Result<Seat, Refusal>> {
        self.ask(|reply| ToRoom::Invite { invitation, reply }).await
    }

    /// Takes what somebody sends; `None` when the room has ended.
    pub(crate) async fn tap(
        &self,
        identity: String,
        sources: Vec<String>,
    ) -> Option<Result<Vec<Tapped>, TapError>> {
        self.ask(|reply| ToRoom::Tap { identity, sources, reply }).await
    }

    /// Says that a stream goes, and why; returns when the room was told.
    pub(crate) async fn left(&self, peer: PeerKey, word: &'static str) {
        let _ = self.to.send(ToRoom::Leaves { peer, word }).await;
    }

    /// Passes on what a connection says.
    pub(crate) async fn said(&self, peer: PeerKey, said: Said) {
        let _ = self.to.send(ToRoom::Said { peer, said }).await;
    }

    /// Tells why a connection ends. Lost when the mailbox is full: the room sees that it is gone anyway.
    pub(crate) fn leaves(&self, peer: PeerKey, word: &'static str) {
        let _ = self.to.try_send(ToRoom::Leaves { peer, word });
    }

    /// Closes it; returns when it was told.
    pub(crate) async fn close(&self, reason: String, ending: Ending) {
        let _ = self.to.send(ToRoom::Close { reason, ending }).await;
    }

    /// What it is; `None` when it has ended.
    pub(crate) async fn facts(&self) -> Option<RoomFacts> {
        self.ask(|reply| ToRoom::Facts { reply }).await
    }

    /// All that is in it; `None` when it has ended.
    pub(crate) async fn details(&self, stats: bool) -> Option<RoomDetails> {
        self.ask(|reply| ToRoom::Details { stats, reply }).await
    }

    /// Whether there is such a participant, with whom it was done.
    pub(crate) async fn measure(&self, identity: String, measure: Measure) -> Option<bool> {
        self.ask(|reply| ToRoom::Measure { identity, measure, reply }).await
    }

    /// Sets limits; those who are beyond them stay.
    pub(crate) async fn set_limits(&self, limits: RoomLimits) -> Option<()> {
        self.ask(|reply| ToRoom::SetLimits { limits, reply }).await
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> ToRoom) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.to.send(make(reply)).await.ok()?;
        answer.await.ok()
    }
}
