//! The conference service: rooms whose participants send and receive by `mediasoup-client`. Protocol: docs/rooms.md.
//!
//! - [`Rooms`] is the handle of all; [`Rooms::connect`] makes a [`Session`] for one connection. A session has no transport:
//!   texts of the peer go in by [`Session::handle_text`], what is to be sent comes out of [`Session::next`].
//! - Each room is one task that owns its participants, transports, producers and consumers ([`sfu`] handles, which end with it).
//! - [`token`] says who somebody is and what they may do; [`request`] and [`wire`] are the messages.
//! - [`Guest`] and [`Tap`] are this server itself in a room: what it sends there, and what it takes, as RTP packets.
//! - No sockets, no HTTP, no hub: the gateway brings connections, the server API asks by methods of [`Rooms`], and
//!   [`Rooms::events`] tells what happens.
mod bridge;
mod config;
mod ending;
mod events;
mod facts;
mod name;
mod outbox;
mod refusal;
pub mod request;
mod room;
mod service;
mod session;
pub mod token;
pub mod wire;

pub use bridge::{Guest, GuestEvent, GuestSpec, Numbers, Tap, TapError, TapEvent, TapTrack};
pub use config::{RoomLimits, RoomsConfig, RoomsLimits, SameIdentity, default_codecs};
pub use ending::Ending;
pub use events::{RoomEvent, RoomHappening};
pub use facts::{
    ConsumerFacts, DataProducerFacts, ParticipantFacts, ProducerFacts, RoomDetails, RoomFacts, TransportFacts,
};
pub use name::{RoomName, RoomNameError};
pub use refusal::Refusal;
pub use service::{AskError, Rooms, StartError};
pub use session::{Output, Session, Shown};
