//! How fast two associations in one process are. By hand: `cargo test -p aqueduct-sfu --lib data::tests::throughput -- --ignored --nocapture`.
use super::link::{Pair, Weather};
use crate::data::{AssociationOptions, DataOutput, Payload, SctpStreamParameters};
use bytes::Bytes;
use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn measure(size: usize, total: usize, loss: u64) {
    let mut pair = Pair::connected(1, AssociationOptions::new());
    pair.weather = Weather { loss, ..Weather::default() };
    pair.open(&[SctpStreamParameters::new_ordered(0)]);
    let payload = Payload::Binary(Bytes::from(vec![1; size]));
    let count = total / size;
    let (mut sent, mut received) = (0, 0);
    let (started, virtual_start) = (Instant::now(), pair.now);
    while received < count {
        while sent < count && pair.ends[0].send(0, &payload, pair.now).is_ok() {
            sent += 1;
        }
        pair.step(pair.now + Duration::from_secs(60));
        let messages = pair.seen[1].drain(..).filter(|output| matches!(output, DataOutput::Message { .. }));
        received += messages.count();
        pair.seen[0].clear();
    }
    let took = started.elapsed();
    let micros = took.as_secs_f64() * 1e6 / count as f64;
    let rate = (count * size) as f64 / took.as_secs_f64() / 1e6;
    let virtual_time = pair.now.since(virtual_start);
    println!(
        "{size} B, loss {loss} per mille: {rate:.1} MB/s, {micros:.2} µs a message, {virtual_time:?} on the link"
    );
}

#[test]
#[ignore = "a measurement"]
fn measured() {
    measure(1_000, 50_000_000, 0);
    measure(100_000, 50_000_000, 0);
    measure(1_000, 5_000_000, 50);
    measure(100_000, 5_000_000, 50);
}
