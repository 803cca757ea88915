//! Our streams as cameras in Apple's Home: the accessory server.
//!
//! An accessory is an address of its own: one camera, or a bridge with several. Controllers tell accessories apart by where
//! they are, and some send a `Host` that says nothing, so each has a TCP port for itself.
//!
//! - [`accessories`] is the owner of them all: which there are, also when the configuration is read again.
//! - [`start()`] binds an accessory's ports, reads its keys and pairings ([`super::secrets`]), and runs its [`server`].
//! - [`server`] is the owner of an accessory: its pairings, its connections, what its cameras are doing.
//! - [`camera`] says yes and no to those who want to see something; [`live`] is one view, on a worker, from the stream to the
//!   SRTP socket; [`picture`] makes snapshots; [`recording`] is Secure Video.
//!
//! The servers live on the control thread, with whatever else accepts connections: a worker that hangs takes no accessory
//! along, only the views that it carries.
mod accessories;
mod camera;
mod config;
mod connection;
mod handle;
mod live;
mod opus;
mod picture;
mod recording;
mod server;
mod start;
mod store;
#[cfg(test)]
mod tests;

pub use accessories::{Accessories, start};
pub use config::{AccessoryConfig, CameraConfig};
pub use handle::AccessoriesHandle;
pub use server::Report;
pub use start::{Needs, StartError};
