//! Children that misbehave in every way known, in a process of their own: afterwards nothing of them is left.
//!
//! Each story runs in a fresh process (this test's program again), so that its processes, files and tasks can be
//! counted: as an ordinary process, as a subreaper, and as PID 1 of a PID namespace of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "all of this is a test")]
#![cfg(target_os = "linux")]

mod children {
    mod count;
    mod run;
    mod stories;
}
