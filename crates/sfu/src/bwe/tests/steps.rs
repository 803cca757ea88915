//! Estimates over ways of all sorts: they find the capacity, follow it, and share it.
use super::{Flow, Source, Way, greedy, run, way};

#[test]
fn from_600_kbit_it_finds_85_percent_of_2_mbit_within_10_s() {
    let (mut way, mut flow) = (way(), greedy());
    run(&mut way, &mut [&mut flow], 0..30_000);
    flow.print("converges");
    let found = flow.first(0..10_000, |available| available >= 1_700_000);
    assert!(found.is_some());
    assert!(flow.mean(10_000..30_000) >= 1_700_000, "{}", flow.mean(10_000..30_000));
    assert!(flow.highest(10_000..30_000) <= 2_400_000);
    assert!(flow.held_ms_max <= 200, "{}", flow.held_ms_max);
}

/// The queue of 75 kB is one of 1.2 s at 0.5 Mbit/s, and until feedback tells of it, it fills. Five seconds after the
/// step it is below 300 ms, and so it stays.
#[test]
fn a_step_down_is_followed_within_5_s_and_a_step_up_within_15_s() {
    let (mut way, mut flow) = (way(), greedy());
    run(&mut way, &mut [&mut flow], 0..15_000);
    way.set_bps(500_000, 15_000);
    run(&mut way, &mut [&mut flow], 15_000..35_000);
    way.set_bps(2_000_000, 35_000);
    run(&mut way, &mut [&mut flow], 35_000..60_000);
    flow.print("steps");
    let down_ms = flow.first(15_000..35_000, |available| available < 550_000).unwrap();
    let queue_ms = |ms| flow.during(ms).map(|sample| sample.queue_ms).max().unwrap();
    println!("down at {down_ms}, queue {} and {}", queue_ms(15_000..20_000), queue_ms(20_000..35_000));
    assert!(down_ms <= 20_000, "{down_ms}");
    assert!(flow.mean(20_000..35_000) <= 550_000);
    assert!(flow.lowest(20_000..35_000) >= 250_000);
    assert!(queue_ms(15_000..20_000) <= 1200, "{}", queue_ms(15_000..20_000));
    assert!(queue_ms(20_000..35_000) <= 300, "{}", queue_ms(20_000..35_000));
    let up_ms = flow.first(35_000..60_000, |available| available > 1_600_000).unwrap();
    println!("up at {up_ms}");
    assert!(up_ms <= 50_000, "{up_ms}");
}

#[test]
fn random_loss_of_2_percent_is_no_full_way() {
    let (mut way, mut flow) = (way(), greedy());
    way.lost_ppm = 20_000;
    run(&mut way, &mut [&mut flow], 0..60_000);
    flow.print("2 % lost");
    assert!(flow.mean(10_000..60_000) >= 1_600_000, "{}", flow.mean(10_000..60_000));
}

#[test]
fn loss_of_10_percent_brings_it_down_but_not_to_the_floor() {
    let (mut way, mut flow) = (way(), greedy());
    run(&mut way, &mut [&mut flow], 0..10_000);
    way.lost_ppm = 110_000;
    run(&mut way, &mut [&mut flow], 10_000..60_000);
    flow.print("11 % lost");
    let mean = flow.mean(20_000..60_000);
    assert!((400_000..1_500_000).contains(&mean), "{mean}");
    assert!(flow.lowest(20_000..60_000) >= 300_000);
}

#[test]
fn a_short_queue_that_only_loses_is_found_by_loss() {
    let (mut way, mut flow) = (Way::new(1_000_000, 4000, 25), greedy());
    run(&mut way, &mut [&mut flow], 0..60_000);
    flow.print("short queue");
    let mean = flow.mean(10_000..60_000);
    assert!((500_000..1_300_000).contains(&mean), "{mean}");
}

#[test]
fn jitter_of_30_ms_does_not_halve_it() {
    let (mut way, mut flow) = (way(), greedy());
    way.jitter_us = 30_000;
    run(&mut way, &mut [&mut flow], 0..60_000);
    flow.print("jitter");
    assert!(flow.mean(10_000..60_000) >= 1_000_000, "{}", flow.mean(10_000..60_000));
}

#[test]
fn two_flows_share_a_way_within_a_factor_of_two() {
    let mut way = Way::new(3_000_000, 112_500, 25);
    let (mut first, mut second) = (greedy(), greedy());
    run(&mut way, &mut [&mut first], 0..15_000);
    for ms in 15_000..120_000 {
        first.tick(&mut way, ms);
        second.tick(&mut way, ms);
    }
    first.print("first");
    second.print("second");
    let (one, other) = (first.mean(45_000..120_000), second.mean(45_000..120_000));
    println!("shares {one} {other}");
    assert!(one <= 2 * other && other <= 2 * one, "{one} {other}");
    assert!(one + other >= 2_000_000, "{one} {other}");
}

#[test]
fn who_sends_little_keeps_his_estimate_and_probes_back_after_a_jam() {
    let (mut way, mut flow) = (way(), Flow::new(Source::Fixed(150_000), 1_500_000));
    run(&mut way, &mut [&mut flow], 0..30_000);
    assert!(flow.lowest(10_000..30_000) >= 1_700_000, "{}", flow.lowest(10_000..30_000));
    assert!(flow.estimator.is_application_limited(media::Moment::from_millis(30_000)));
    let sent_bps = flow.sent_bytes * 8 / 30;
    assert!(sent_bps < 200_000, "probing costs little: {sent_bps}");
    way.set_bps(100_000, 30_000);
    run(&mut way, &mut [&mut flow], 30_000..34_000);
    way.set_bps(2_000_000, 34_000);
    run(&mut way, &mut [&mut flow], 34_000..60_000);
    flow.print("idle");
    assert!(flow.lowest(30_000..36_000) < 300_000);
    let up_ms = flow.first(36_000..60_000, |available| available > 1_600_000);
    assert!(up_ms.is_some_and(|up_ms| up_ms <= 50_000), "{up_ms:?}");
}

#[test]
fn two_seconds_without_feedback_make_it_cautious_and_then_it_comes_back() {
    for is_late in [false, true] {
        let (mut way, mut flow) = (way(), greedy());
        run(&mut way, &mut [&mut flow], 0..15_000);
        let before = flow.estimator.available();
        flow.loses_feedback = !is_late;
        flow.feedback_late_us = if is_late { 2_000_000 } else { 0 };
        run(&mut way, &mut [&mut flow], 15_000..17_000);
        let during = flow.estimator.available();
        assert!(during * 10 <= before * 7, "{before} {during}");
        flow.loses_feedback = false;
        flow.feedback_late_us = 0;
        run(&mut way, &mut [&mut flow], 17_000..40_000);
        flow.print(if is_late { "late" } else { "lost" });
        let back_ms = flow.first(17_000..40_000, |available| available >= 1_600_000);
        assert!(back_ms.is_some_and(|back_ms| back_ms <= 30_000), "{back_ms:?}");
    }
}
