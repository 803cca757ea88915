//! What fuzzing found, and its seeds, replayed: no decoder panics on them, or on their pieces.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
#[path = "../../../fuzz/replay.rs"]
mod replay;

/// Each so-manyth byte is turned.
const STEP: usize = 97;

fn replay(target: &str, run: impl Fn(&[u8])) {
    replay::replay(target, STEP, run);
}

#[test]
fn aac_eld_units() {
    replay("eld", audio::fuzz_eld);
}
