//! The defects that this project was founded on, told as stories against the real binary. Each module opens with its
//! story.
//!
//! `AQUEDUCT_LONG=1` tells each story 20 times on each stage (idle machine, busy machine, PID 1); without it each is told
//! once on each, with fewer viewers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "all of this is a test")]

mod defect {
    mod call;
    mod child;
    mod homekit;
    mod recording;
    mod stage;

    /// The binary under test.
    const BINARY: &str = env!("CARGO_BIN_EXE_aqueduct");
}
