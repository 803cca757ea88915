//! Secure Video: a hub records a camera, over a data stream, from some seconds before something moves.
//!
//! - [`keeper`] keeps the newest seconds of a camera that is to be recorded, and makes a film of them and what follows when a hub
//!   asks: a task on a worker. [`prebuffer`] is what it keeps, [`film`] the fragmented MP4.
//! - [`wire`] listens for data streams and serves them: tasks on the control thread, which the server owns.
//! - [`camera`] is what the server knows of it: whether it may be recorded, and how.
pub(super) mod camera;
mod film;
pub(super) mod keeper;
mod prebuffer;
#[cfg(test)]
mod tests;
pub(super) mod wire;
