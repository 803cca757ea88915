//! The estimators over a simulated way.
mod allocated;
mod cost;
mod hostile;
mod peers;
mod steps;
mod way;

use peers::{Flow, Source};
use way::Way;

/// A way of 2 Mbit/s with 25 ms each way and a queue of 300 ms.
fn way() -> Way {
    Way::new(2_000_000, 75_000, 25)
}

/// A flow that sends as much as it may, and could use more than the way bears.
fn greedy() -> Flow {
    Flow::new(Source::Greedy, 3_000_000)
}

/// Runs flows over one way for so many milliseconds.
fn run(way: &mut Way, flows: &mut [&mut Flow], ms: std::ops::Range<u64>) {
    for ms in ms {
        for flow in flows.iter_mut() {
            flow.tick(way, ms);
        }
    }
}
