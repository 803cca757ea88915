//! Settings of HomeKit: where its media goes.
use super::values::Listen;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Media of HomeKit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct SrtpSection {
    /// The one UDP port of all HomeKit media, of cameras and of our own accessories. `""` switches it off. It is opened at the
    /// start when the configuration has HomeKit in it or this address differs, else when it is needed.
    pub listen: Listen,
}

impl Default for SrtpSection {
    fn default() -> Self {
        Self { listen: Listen::local(8443) }
    }
}
