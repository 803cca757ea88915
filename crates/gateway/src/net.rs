//! Drivers: what touches sockets for everybody.
pub mod accept;
pub mod bind;
pub(crate) mod link;
pub mod outbox;
pub mod tls;
