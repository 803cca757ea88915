//! Load: many readers of one stream, live views of HomeKit cameras, publishers, or bots in a room, against a server of this machine.
//!
//! Every reader is a client of its own that judges what it gets: framing, order, gaps, and whether it is what the other
//! readers got. One thread, no buffer a reader: what is measured is the server, on the cores that are left. Bounded in
//! readers and time, and to loopback addresses.
mod boxes;
mod chunks;
mod content;
mod driver;
mod flv;
mod homekit;
mod http;
mod options;
pub mod publish;
mod report;
mod room;
mod rtmp;
mod rtsp;
mod sequence;
mod tag;
pub(crate) mod target;
#[cfg(test)]
mod tests;
mod usage;
mod watch;
mod whep;

pub use content::Check;
pub use driver::{LoadError, Outcome, run, run_blocking, watch_for, watch_marked, watch_paced};
pub use homekit::HomekitReport;
pub use options::{
    Command, HomekitOptions, Looks, Opens, Options, PublishOptions, READERS_MAX, ReadOptions, RoomOptions,
    SECONDS_MAX, VIEWS_MAX,
};
pub use report::Report;
pub use room::RoomReport;
pub use target::TargetError;

/// What a process has computed so far; nothing of one that is none.
pub(crate) fn cpu_of(pid: u32) -> std::time::Duration {
    usage::Usage::of(pid).unwrap_or_default().cpu
}

/// Reads the URL of an RTMP server of this machine.
pub(crate) fn rtmp_target(url: &str) -> Result<target::Target, TargetError> {
    target::Target::parse(url, &[("rtmp", 1935)])
}
