//! Feedback that lies, and peers that say something else than transport-wide feedback.
use super::{greedy, run, way};
use crate::bwe::{BPS_MIN, EstimateOutput, SendEstimator, SendEstimatorOptions};
use formats::rtp::rtcp::TransportFeedback;
use media::Moment;
use proptest::prelude::*;
use std::time::Duration;

fn at(ms: u64) -> Moment {
    Moment::from_millis(ms)
}

#[test]
fn numbers_that_were_not_sent_and_absurd_times_change_nothing() {
    let (mut way, mut flow) = (way(), greedy());
    run(&mut way, &mut [&mut flow], 0..10_000);
    let before = flow.estimator.available();
    let feedback = |base_sequence, reference_time, delta| TransportFeedback {
        base_sequence,
        reference_time,
        arrivals: vec![Some(delta); 300],
        ..TransportFeedback::default()
    };
    let now = at(10_000);
    let sequence = (flow.sent_bytes / 1200) as u16;
    flow.estimator.handle_feedback(&feedback(30_000, 156, 1), now);
    flow.estimator.handle_feedback(&feedback(sequence, 0x40_0000, 1), now);
    flow.estimator.handle_feedback(&feedback(sequence, -0x40_0000, 1), now);
    assert_eq!(flow.estimator.available(), before);
    assert_eq!(flow.estimator.stats().feedbacks_discarded, 3);
    run(&mut way, &mut [&mut flow], 10_000..15_000);
    assert!(flow.lowest(10_000..15_000) * 10 >= u64::from(before) * 7);
}

#[test]
fn a_receiver_whose_clock_was_set_is_believed_again() {
    let mut estimator = SendEstimator::new(SendEstimatorOptions::default());
    for index in 0..20u64 {
        let now = at(100 * index);
        estimator.handle_sent(index, 1200, now, None);
        let reference_time = if index < 10 { 1000 } else { -5_000_000 } + (index * 100 / 64) as i32;
        let feedback = TransportFeedback {
            base_sequence: index as u16,
            reference_time,
            arrivals: vec![Some(10)],
            ..TransportFeedback::default()
        };
        estimator.handle_feedback(&feedback, now + Duration::from_millis(50));
    }
    assert_eq!((estimator.stats().feedbacks, estimator.stats().feedbacks_discarded), (17, 3));
}

#[test]
fn without_feedback_the_estimate_is_the_remb_smoothed_up_and_at_once_down() {
    let mut estimator =
        SendEstimator::new(SendEstimatorOptions { max: Some(3_000_000), ..Default::default() });
    estimator.handle_sent(0, 1200, at(0), None);
    estimator.handle_remb(1_000_000, at(0));
    assert_eq!(estimator.available(), 700_000);
    for index in 0..40 {
        estimator.handle_remb(9_000_000, at(200 * index));
    }
    assert_eq!(estimator.available(), 3_000_000);
    estimator.handle_remb(400_000, at(9000));
    assert_eq!(estimator.available(), 400_000);
    estimator.handle_report(0, None, at(9000));
    estimator.handle_report(51, Some(Duration::from_millis(80)), at(10_000));
    assert_eq!(estimator.available(), 360_156);
    assert_eq!(estimator.round_trip(), Duration::from_millis(80));
    estimator.handle_remb(0, at(11_000));
    assert_eq!(estimator.available(), BPS_MIN);
}

#[test]
fn beside_feedback_a_remb_is_a_limit_and_one_of_zero_lifts_it() {
    let (mut way, mut flow) = (way(), greedy());
    run(&mut way, &mut [&mut flow], 0..10_000);
    let before = flow.estimator.available();
    flow.estimator.handle_remb(200_000, at(10_000));
    assert_eq!(flow.estimator.available(), 200_000);
    flow.estimator.handle_remb(0, at(10_000));
    assert_eq!(flow.estimator.available(), before);
}

#[test]
fn limits_hold_and_a_probe_goes_no_further_than_what_is_wanted() {
    let options = SendEstimatorOptions { min: Some(900_000), max: Some(2_000_000), ..Default::default() };
    let mut estimator = SendEstimator::new(options);
    assert_eq!(estimator.poll_output(at(0)), EstimateOutput::Estimate(900_000));
    assert_eq!(estimator.poll_output(at(0)), EstimateOutput::WaitUntil(Moment::FAR_FUTURE));
    estimator.set_desired(1_000_000, at(0));
    assert_eq!(estimator.poll_output(at(0)), EstimateOutput::WaitUntil(Moment::FAR_FUTURE));
    estimator.handle_sent(0, 1200, at(0), None);
    let EstimateOutput::Probe(probe) = estimator.poll_output(at(0)) else { panic!() };
    assert_eq!(probe.bps, 1_500_000);
    estimator.set_limits(None, Some(100_000));
    assert_eq!(estimator.available(), 100_000);
}

proptest! {
    #[test]
    fn no_feedback_panics_and_the_estimate_stays_within_limits(
        steps in prop::collection::vec(
            (
                any::<u64>(),
                any::<u16>(),
                any::<i32>(),
                prop::collection::vec(any::<Option<i16>>(), 0..50),
                0u64..3000,
                any::<bool>(),
            ),
            0..60,
        ),
    ) {
        let mut estimator = SendEstimator::new(SendEstimatorOptions::default());
        let (mut ms, mut sequence) = (0, 0);
        for (number, base, reference, arrivals, pause, is_near) in steps {
            ms += pause;
            for _ in 0..10 {
                sequence += 1;
                estimator.handle_sent(sequence, 1200, at(ms), None);
            }
            estimator.set_desired(number, at(ms));
            if number % 50 == 0 {
                sequence = sequence.max(number / 2);
            }
            let (base_sequence, reference_time) = if is_near {
                (sequence.wrapping_sub(u64::from(base % 30)) as u16, (ms / 64) as i32 + reference % 100)
            } else {
                (base, (reference << 8) >> 8)
            };
            let feedback = TransportFeedback { base_sequence, reference_time, arrivals, ..Default::default() };
            estimator.handle_feedback(&feedback, at(ms));
            if number % 3 == 0 {
                estimator.handle_remb(number, at(ms));
                estimator.handle_report(number as u8, Some(Duration::from_nanos(number)), at(ms));
            }
            while !matches!(estimator.poll_output(at(ms)), EstimateOutput::WaitUntil(_)) {}
            prop_assert!(estimator.available() >= BPS_MIN);
        }
    }
}
