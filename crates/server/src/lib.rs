//! The server: configuration to wiring to running to an orderly end. The binary is a thin shell around it.
//!
//! - [`config`]: YAML files to typed settings, with every problem said at once.
//! - [`cli`]: the command line.
//! - [`wiring`]: settings to what hub, gateway and api are told.
//! - [`logging`]: where log lines go and how they look; events of the hub as log lines.
//! - [`run`](mod@run): start, serve, drain.
//! - `conference`: rooms to the API and the hub.
//! - `reload`: the configuration, read again meanwhile.
mod banner;
pub mod cli;
mod conference;
pub mod config;
mod homekit;
pub mod logging;
mod reload;
pub mod run;
pub mod wiring;

/// Our own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
