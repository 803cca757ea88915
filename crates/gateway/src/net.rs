//! Drivers: what touches sockets for everybody.
pub mod accept;
pub mod bind;
pub mod outbox;
pub mod tls;
