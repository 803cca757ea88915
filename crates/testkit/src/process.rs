//! Real processes on loopback: the server under test and the foreign programs it is tried with.
//!
//! Owns their lives: each has a deadline, a log file, and is gone when its value is dropped.

mod census;
mod http;
mod peer;
mod place;
mod server;

pub use census::Census;
pub use http::{Response, open as open_http, request};
pub use peer::{Exit, Peer};
pub use place::{Place, free_port, free_ports, peers_folder, test_name};
pub use server::Server;

use std::time::{Duration, Instant};

/// Polls until `check` gives a value, and panics with `what` when it does not in time.
///
/// # Panics
/// When the limit is reached; that is how a journey fails.
pub fn eventually<T>(what: &str, limit: Duration, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}
