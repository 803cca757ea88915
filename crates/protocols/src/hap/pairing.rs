//! Pairing: how an accessory and a controller come to trust each other, and prove it again on each connection.
//!
//! Source: HAP specification (R2) §5. Pair setup proves the setup code once and exchanges long-term keys; pair verify proves those
//! keys and makes those of a session; pairings of further controllers are added, removed and listed by an administrator. Everything
//! here is messages in, messages and plain data out: the owner carries bodies of `/pair-setup`, `/pair-verify` and `/pairings`,
//! and stores what [`Identity`], [`Pairing`], [`AccessoryPairing`] and [`SetupAccessory::failed_tries`] say.
mod admin;
mod code;
mod error;
mod keys;
mod message;
mod setup_accessory;
mod setup_controller;
#[cfg(test)]
mod tests;
mod verify_accessory;
mod verify_controller;

pub use admin::{
    AdminChange, AdminOutcome, PAIRINGS_MAX, Pairings, add_request, list_request, read_done, read_list,
    remove_request,
};
pub use code::{SetupCode, SetupCodeError};
pub use error::{ErrorCode, PairingError};
pub use keys::{AccessoryPairing, ID_BYTES_MAX, Identity, Pairing, Permissions, SessionKeys};
pub use message::{CONTENT_TYPE, ConnectionId, MESSAGE_BYTES_MAX, Reply};
pub use setup_accessory::{
    BACKOFF_FROM_TRIES, BACKOFF_MAX, SETUP_TIMEOUT, SetupAccessory, SetupEvent, SetupOutcome, TRIES_MAX,
};
pub use setup_controller::{SetupController, SetupStep};
pub use verify_accessory::{VerifyAccessory, VerifyEvent, VerifyOutcome};
pub use verify_controller::{VerifyController, VerifyStep};
