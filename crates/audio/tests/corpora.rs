//! What fuzzing found, and its seeds, replayed: no decoder panics on them, or on their pieces.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
use std::path::Path;

/// Runs a target on each file of its corpus, on each of its halves, and with each 97th byte turned.
fn replay(target: &str, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
        let mut data = std::fs::read(entry.unwrap().path()).unwrap();
        run(&data);
        run(&data[..data.len() / 2]);
        run(&data[data.len() / 2..]);
        for index in (0..data.len()).step_by(97) {
            data[index] ^= 0xa5;
            run(&data);
        }
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}

#[test]
fn aac_eld_units() {
    replay("eld", audio::fuzz_eld);
}
