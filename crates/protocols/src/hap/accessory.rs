//! What an accessory is made of and how controllers read, write and watch it; both sides.
//!
//! Source: HAP specification (R2) §2.3, §6.3 to §6.8, §8 and §9. [`Accessory`], [`Service`] and [`Characteristic`] are plain data
//! with their JSON. [`Server`] owns the accessories behind one address, the subscriptions of its connections and the events that
//! are due; [`client`] has a controller's requests and what answers them.
mod camera;
mod characteristic;
pub mod client;
mod events;
mod json;
mod known;
mod model;
mod read;
mod server;
mod status;
#[cfg(test)]
mod tests;
mod type_id;
mod value;
mod write;

pub use camera::{CameraIds, CameraOptions, RecordingIds, RecordingOptions, StreamIds};
pub use characteristic::{Characteristic, Limits, Perms};
pub use events::COALESCE;
pub use json::JsonError;
pub use known::{KnownCharacteristic, KnownService, characteristics, services};
pub use model::{Accessory, Information, Service};
pub use server::{CharacteristicId, IDS_MAX, Output, Server};
pub use status::Status;
pub use type_id::TypeId;
pub use value::{Format, STRING_BYTES_MAX};
pub use write::{PendingWrite, WriteItem};
