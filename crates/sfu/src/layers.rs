//! Which layers of a producer one consumer gets: simulcast streams, spatial layers within a stream, temporal layers.
//!
//! [`Selector`] judges each packet and says when a key frame is needed and which layers go on now.
mod liveness;
mod selector;
#[cfg(test)]
mod tests;
mod within;

pub use liveness::{DEAD_AFTER, STALLED_AFTER};
pub use selector::{KEY_FRAME_RETRY, Output, Selector};

use crate::scalability_mode::ScalabilityMode;
use serde::{Deserialize, Serialize};

/// Layers of a consumer, those it gets or those it would like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerLayers {
    /// Spatial layer: with simulcast the number of the stream.
    pub spatial_layer: u8,
    /// Temporal layer. As a wish, `None` is the highest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporal_layer: Option<u8>,
}

impl ConsumerLayers {
    /// The highest of all.
    pub const HIGHEST: ConsumerLayers = ConsumerLayers { spatial_layer: u8::MAX, temporal_layer: None };
}

/// What a producer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerLayers {
    /// Number of streams: more than one is simulcast.
    pub streams: u8,
    /// Number of temporal layers.
    pub temporal: u8,
    /// Spatial layers within a stream depend on each other at key frames only (K-SVC).
    pub ksvc: bool,
}

impl ProducerLayers {
    /// Of a producer with so many streams, each layered like this.
    pub fn new(streams: u8, mode: &ScalabilityMode) -> Self {
        Self { streams, temporal: mode.temporal_layers().get(), ksvc: mode.ksvc() }
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is not of what the consumer gets now; it leaves no trace.
    Ignore,
    /// It is of the stream that the consumer gets, in a layer that it does not get: no gap is to be seen.
    Drop,
    /// It goes on.
    Forward {
        /// The marker to send: also set on the last packet of the highest spatial layer that goes on.
        marker: bool,
    },
    /// It goes on, and its stream takes over from another here.
    Begin {
        /// The marker to send.
        marker: bool,
    },
}
