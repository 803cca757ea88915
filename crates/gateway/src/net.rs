//! Drivers: what touches sockets and processes for everybody.
pub mod accept;
pub mod bind;
pub mod child;
pub(crate) mod link;
pub mod outbox;
pub mod rendezvous;
pub(crate) mod replaced;
pub mod tcp;
pub mod tls;
pub(crate) mod udp;
