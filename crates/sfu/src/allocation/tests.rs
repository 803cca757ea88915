use super::*;
use media::Moment;
use proptest::prelude::*;
use std::time::Duration;

fn at(ms: u64) -> Moment {
    Moment::from_millis(ms)
}

/// Simulcast as browsers send it: three sizes of three temporal layers each.
fn video(consumer: u8, priority: u8) -> Demand<u8> {
    let bps = vec![
        vec![60_000, 90_000, 120_000],
        vec![200_000, 320_000, 450_000],
        vec![700_000, 1_100_000, 1_500_000],
    ];
    Demand { consumer, priority, preferred: Layers { spatial: 2, temporal: 2 }, bps }
}

fn audio(consumer: u8) -> Demand<u8> {
    Demand { consumer, priority: 255, preferred: Layers::default(), bps: vec![vec![32_000]] }
}

fn layers(allocations: &Allocations<u8>) -> Vec<Option<(u8, u8)>> {
    let layers = allocations.consumers.iter().map(|allocation| allocation.layers);
    layers.map(|layers| layers.map(|layers| (layers.spatial, layers.temporal))).collect()
}

#[test]
fn the_lowest_layer_flows_also_when_the_estimate_is_below_it() {
    let allocations = Allocator::default().allocate(10_000, &[audio(1), video(2, 1)], at(0));
    assert_eq!(layers(&allocations), [Some((0, 0)), Some((0, 0))]);
    assert_eq!(allocations.consumers[0].reason, Reason::Preferred);
    assert_eq!(allocations.consumers[1].reason, Reason::Bandwidth { next_bps: 90_000 });
    assert_eq!((allocations.used_bps, allocations.desired_bps), (92_000, 1_532_000));
}

#[test]
fn a_higher_priority_has_more_layers_and_an_equal_one_as_many() {
    let equal = Allocator::default().allocate(1_200_000, &[video(1, 5), video(2, 5)], at(0));
    assert_eq!(layers(&equal), [Some((1, 2)), Some((1, 2))]);
    let unequal = Allocator::default().allocate(1_300_000, &[video(1, 1), video(2, 255)], at(0));
    assert_eq!(layers(&unequal), [Some((1, 1)), Some((2, 0))]);
}

#[test]
fn a_new_consumer_of_higher_priority_takes_from_one_of_lower() {
    let mut allocator = Allocator::default();
    assert_eq!(layers(&allocator.allocate(1_000_000, &[video(1, 1)], at(0))), [Some((2, 0))]);
    let both = allocator.allocate(1_000_000, &[video(1, 1), video(2, 255)], at(100));
    assert_eq!(layers(&both), [Some((0, 2)), Some((2, 0))]);
    assert!(both.used_bps <= 1_000_000);
}

#[test]
fn down_is_at_once_and_up_again_after_the_hold_and_with_headroom() {
    let mut allocator = Allocator::default();
    let mut run = |bps, ms| allocator.allocate(bps, &[video(1, 1)], at(ms));
    assert_eq!(layers(&run(1_800_000, 0)), [Some((2, 2))]);
    let down = run(1_499_999, 100);
    assert_eq!(layers(&down), [Some((2, 1))]);
    assert_eq!(down.consumers[0].reason, Reason::Held { until: at(10_100) });
    assert_eq!(down.wake_at, at(10_100));
    run(1_799_999, 200);
    assert_eq!(layers(&run(1_799_999, 10_200)), [Some((2, 1))]);
    run(1_800_000, 10_300);
    assert_eq!(layers(&run(1_800_000, 15_200)), [Some((2, 1))]);
    assert_eq!(layers(&run(1_800_000, 15_400)), [Some((2, 2))]);
}

#[test]
fn dead_layers_are_left_and_a_consumer_of_nothing_is_told_so() {
    let mut allocator = Allocator::default();
    allocator.allocate(10_000_000, &[video(1, 1)], at(0));
    let mut dead = video(1, 1);
    dead.bps[2] = vec![0; 3];
    let allocations = allocator.allocate(10_000_000, &[dead.clone()], at(100));
    assert_eq!(layers(&allocations), [Some((1, 2))]);
    dead.bps.clear();
    let allocations = allocator.allocate(10_000_000, &[dead], at(200));
    assert_eq!((layers(&allocations), allocations.consumers[0].reason), (vec![None], Reason::NothingFlows));
}

#[test]
fn who_wants_less_for_a_moment_has_all_back_at_once() {
    let mut allocator = Allocator::default();
    allocator.allocate(2_000_000, &[video(1, 1)], at(0));
    let mut less = video(1, 1);
    less.preferred = Layers::default();
    assert_eq!(layers(&allocator.allocate(2_000_000, &[less], at(100))), [Some((0, 0))]);
    assert_eq!(layers(&allocator.allocate(2_000_000, &[video(1, 1)], at(200))), [Some((2, 2))]);
}

/// Moments at which a consumer's layers changed, when the estimate swings by ±15 % around `mean_bps`.
fn changes(mean_bps: u64, period_ms: u64, square: bool, from_ms: u64, to_ms: u64) -> Vec<Vec<u64>> {
    let demands = [audio(1), video(2, 1), video(3, 10), video(4, 3)];
    let mut allocator = Allocator::default();
    let mut changes = vec![Vec::new(); demands.len()];
    for ms in (0..to_ms).step_by(100) {
        let phase = std::f64::consts::TAU * (ms % period_ms) as f64 / period_ms as f64;
        let swing = if square { phase.sin().signum() } else { phase.sin() };
        let estimate = (mean_bps as f64 * (1.0 + 0.15 * swing)) as u64;
        let allocations = allocator.allocate(estimate, &demands, at(ms));
        assert!(allocations.used_bps <= estimate);
        for (allocation, changes) in allocations.consumers.iter().zip(&mut changes) {
            if allocation.changed && ms >= from_ms {
                changes.push(ms);
            }
        }
    }
    changes
}

fn assert_apart(changes: &[Vec<u64>], what: &str) {
    for moments in changes {
        assert!(moments.windows(2).all(|pair| pair[1] - pair[0] >= 10_000), "{what}: {moments:?}");
    }
}

#[test]
fn an_estimate_that_swings_by_15_percent_changes_layers_at_most_once_in_10_s() {
    for mean_bps in (400_000..5_000_000).step_by(150_000) {
        for period_ms in [500, 1000, 2000, 4000] {
            for square in [false, true] {
                let changes = changes(mean_bps, period_ms, square, 100, 60_000);
                assert_apart(&changes, &format!("{mean_bps} bit/s, period {period_ms} ms"));
            }
        }
    }
}

/// A swing slower than the patience is first followed, then known: from then on it changes nothing more often.
#[test]
fn a_slow_swing_is_learned_within_two_minutes() {
    for mean_bps in (400_000..5_000_000).step_by(300_000) {
        for period_ms in [8000, 15_000, 25_000, 40_000, 60_000] {
            for square in [false, true] {
                let changes = changes(mean_bps, period_ms, square, 120_000, 280_000);
                assert_apart(&changes, &format!("{mean_bps} bit/s, period {period_ms} ms"));
            }
        }
    }
}

fn demand() -> impl Strategy<Value = Demand<u8>> {
    let bps = prop::collection::vec(prop::collection::vec(prop_oneof![Just(0), 1u64..2_000_000], 0..4), 0..4);
    (any::<u8>(), any::<u8>(), 0u8..4, 0u8..4, bps).prop_map(
        |(consumer, priority, spatial, temporal, bps)| Demand {
            consumer,
            priority,
            preferred: Layers { spatial, temporal },
            bps,
        },
    )
}

proptest! {
    #[test]
    fn the_estimate_is_never_exceeded_but_for_the_cheapest_layers_and_nobody_starves(
        rounds in prop::collection::vec(
            (0u64..6_000_000, prop::collection::vec(demand(), 0..6), 0u64..20_000), 1..20,
        ),
    ) {
        let mut allocator = Allocator::default();
        let mut now = 0;
        for (estimate, demands, pause) in rounds {
            now += pause;
            let allocations = allocator.allocate(estimate, &demands, at(now));
            prop_assert_eq!(allocations.consumers.len(), demands.len());
            let mut cheapest_in_all = 0;
            for (allocation, demand) in allocations.consumers.iter().zip(&demands) {
                let cheapest = ladder::ladder(&demand.bps, demand.preferred).first().map(|step| step.bps);
                prop_assert_eq!(allocation.layers.is_some(), cheapest.is_some());
                prop_assert!(allocation.layers <= Some(demand.preferred));
                cheapest_in_all += cheapest.unwrap_or(0);
            }
            prop_assert!(allocations.used_bps <= estimate.max(cheapest_in_all));
            prop_assert!(allocations.used_bps <= allocations.desired_bps);
            prop_assert!(allocations.wake_at > at(now));
        }
    }

    #[test]
    fn no_demand_panics(
        estimate: u64, spatial: u8, temporal: u8,
        bps in prop::collection::vec(prop::collection::vec(any::<u64>(), 0..20), 0..20),
    ) {
        let demand = Demand { consumer: 1, priority: 0, preferred: Layers { spatial, temporal }, bps };
        let mut allocator = Allocator::default();
        for seconds in 0..3u64 {
            let now = Moment::ZERO + Duration::from_secs(seconds);
            allocator.allocate(estimate, &[demand.clone(), demand.clone()], now);
        }
    }
}
