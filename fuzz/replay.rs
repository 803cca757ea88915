//! What fuzzing found, and its seeds, replayed by the normal tests of the crate that a target belongs to, which include this file.
use std::path::Path;

/// Runs a target on each file of its corpus, on each of its halves, and with each `step`th byte turned.
pub(crate) fn replay(target: &str, step: usize, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
        let mut data = std::fs::read(entry.unwrap().path()).unwrap();
        run(&data);
        run(&data[..data.len() / 2]);
        run(&data[data.len() / 2..]);
        for index in (0..data.len()).step_by(step) {
            data[index] ^= 0xa5;
            run(&data);
        }
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}
