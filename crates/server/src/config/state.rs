//! Where the server keeps what it makes by itself, and how it is found on the network.
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the server keeps by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct StateSection {
    /// The folder for what is neither configuration nor media: HomeKit's keys and pairings, `homekit.json`, which only the
    /// server's user may read. It is made when there is something to keep. Losing it means to pair everything again.
    #[garde(length(min = 1))]
    pub path: String,
}

impl Default for StateSection {
    fn default() -> Self {
        Self { path: "state".into() }
    }
}

/// Announcing and finding on the local network.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct MdnsSection {
    /// `false`: HomeKit accessories are neither announced nor looked for, and are reached by address and port only. mDNS starts
    /// when HomeKit needs it, not before.
    pub enabled: bool,
}

impl Default for MdnsSection {
    fn default() -> Self {
        Self { enabled: true }
    }
}
