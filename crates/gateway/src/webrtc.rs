//! WebRTC: players that we send to (WHEP, signalling WebSockets) and publishers that we receive from (WHIP). A player that
//! may talk sends its microphone the other way, into the stream's talk stream ([`crate::talker`]).
//!
//! [`Session`] is one peer connection, without sockets or clocks: datagrams and time in, datagrams and events out. ICE,
//! DTLS and SRTP are str0m's; no other module may name its types, since it breaks its interface twice a month.
//! What a stream's tracks are sent as is decided here (`choice`), from the peer's offer (`offer`).
//!
//! A stream is muxed into RTP payloads once ([`SendFrame`]) and shared by its players; per player there is only a
//! header, a sequence number and the encryption.
//!
//! [`listen`] opens one UDP socket (and TCP port) for all sessions and gives a [`Handle`]: `play` and `publish` take an
//! SDP offer and give an answer and a [`SessionId`]; each session is a task on a worker.
mod catch_up;
mod choice;
mod context;
mod driver;
mod error;
mod frame;
mod handle;
mod interfaces;
mod mux;
mod offer;
mod player;
mod publisher;
mod receive;
mod send;
mod session;
mod table;
mod tcp;

pub(crate) use catch_up::CatchUp;
pub(crate) use frame::{cut, format as packets, format_within as packets_within};

pub use context::Context;
pub use error::WebRtcError;
pub use frame::{SendFrame, SendPacket};
pub use handle::{Config, Error, Handle, NotASessionId, SESSIONS_MAX_DEFAULT, SessionId, listen};
pub use session::{
    Bandwidth, CLOSE_MAX, CONNECT_MAX, EndReason, Event, LOST_MAX, LocalCandidate, Output, Role, Session,
    SessionConfig, Stats, Transmit, Transport,
};

#[cfg(test)]
mod tests;
