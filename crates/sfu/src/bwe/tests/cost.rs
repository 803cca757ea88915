//! What an estimate costs. Run with `--release -- --ignored --nocapture`.
use crate::bwe::{EstimateOutput, Pacer, SendEstimator, SendEstimatorOptions};
use formats::rtp::rtcp::TransportFeedback;
use media::Moment;
use std::time::Duration;

/// Ten million packets of 3 Mbit/s with a feedback each 100 ms, that is for 31 packets; half of the transports' memory
/// is cold in practice, which this does not show.
#[test]
#[ignore = "measures"]
#[expect(clippy::disallowed_methods, reason = "measures the time that passes")]
fn a_packet_costs_at_most_150_ns() {
    const TRANSPORTS: usize = 1000;
    const PACKETS: u64 = 31;
    const ROUNDS: u64 = 300;
    let mut estimators = vec![SendEstimator::new(SendEstimatorOptions::default()); TRANSPORTS];
    println!("idle: {} bytes", estimators[0].memory_bytes());
    println!("pacer: {} bytes", size_of::<Pacer>());
    let mut feedback = TransportFeedback { arrivals: vec![Some(13); PACKETS as usize], ..Default::default() };
    let start = std::time::Instant::now();
    let mut events = 0u64;
    for round in 0..ROUNDS {
        let begun = Moment::from_millis(100 * round);
        feedback.base_sequence = (round * PACKETS) as u16;
        feedback.reference_time = (round * 100 / 64) as i32;
        for estimator in &mut estimators {
            for index in 0..PACKETS {
                let now = begun + Duration::from_micros(3226 * index);
                estimator.handle_sent(round * PACKETS + index, 1200, now, None);
            }
            let now = begun + Duration::from_millis(100);
            estimator.handle_feedback(&feedback, now);
            while !matches!(estimator.poll_output(now), EstimateOutput::WaitUntil(_)) {
                events += 1;
            }
        }
    }
    let packets = TRANSPORTS as u64 * PACKETS * ROUNDS;
    let nanos = start.elapsed().as_nanos() as u64 / packets;
    println!("{nanos} ns a packet with its feedback; {packets} packets, {events} events");
    println!("busy: {} bytes", estimators[0].memory_bytes());
    assert!(nanos <= 150, "{nanos} ns");
}
