//! Journeys: the real binary on loopback, with real publishers, cameras, players and browsers.
//!
//! Each test starts a server of its own on free ports and judges how it ended. What a test needs from outside it names
//! with `require!`; see `testkit::peers`. `AQUEDUCT_LONG=1` reads for 60 s where CI reads for 10.
//! A test's files and logs stay in `target/peers/runs/<test>`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "all of this is a test")]

mod journey {
    mod alerts;
    mod bridges;
    mod browser;
    mod camera;
    mod clip;
    mod control;
    mod disks;
    mod faults;
    mod homekit;
    mod homekit_source;
    mod homekit_views;
    mod intercom;
    mod lifecycle;
    mod meeting;
    mod packets;
    mod past;
    mod past_player;
    mod programs;
    mod publish;
    mod readers;
    mod refusals;
    mod reload;
    mod rooms;
    mod slow_reader;
    mod talk;
    mod turn;
    mod upload;
    mod zlmediakit;

    /// The binary under test.
    const BINARY: &str = env!("CARGO_BIN_EXE_aqueduct");
}
