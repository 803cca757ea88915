//! The estimate and [`crate::allocation`] together: layers follow the way without going back and forth.
use super::{Flow, Source, run, way};
use crate::allocation::{Allocator, Demand, Layers};
use media::Moment;

const LAYERS_BPS: [u64; 3] = [150_000, 500_000, 1_500_000];

/// The way is good for 40 s first: a step up that is taken back within 30 s counts as failed, and then the allocation
/// wants more headroom than this way has.
#[test]
fn layers_follow_a_step_down_and_up_with_at_most_two_changes_each() {
    let (mut way, mut flow) = (way(), Flow::new(Source::Fixed(0), 1_500_000));
    let mut allocator = Allocator::default();
    let demand = Demand {
        consumer: 1u8,
        priority: 1,
        preferred: Layers { spatial: 2, temporal: 0 },
        bps: LAYERS_BPS.iter().map(|bps| vec![*bps]).collect(),
    };
    let mut changes = Vec::new();
    for ms in (0..100_000).step_by(100) {
        match ms {
            40_000 => way.set_bps(500_000, ms),
            60_000 => way.set_bps(2_000_000, ms),
            _ => {}
        }
        let now = Moment::from_millis(ms);
        let available = u64::from(flow.estimator.available());
        let allocations = allocator.allocate(available, std::slice::from_ref(&demand), now);
        flow.estimator.set_desired(allocations.desired_bps, now);
        flow.source = Source::Fixed(allocations.used_bps);
        if let Some(layers) = allocations.consumers[0].layers.filter(|_| allocations.consumers[0].changed) {
            changes.push((ms, layers.spatial));
        }
        run(&mut way, &mut [&mut flow], ms..ms + 100);
    }
    flow.print("allocated");
    println!("{changes:?}");
    let during = |range: std::ops::Range<u64>| {
        changes.iter().filter(|(ms, _)| range.contains(ms)).map(|(_, layer)| *layer).collect::<Vec<_>>()
    };
    assert!(during(0..40_000).len() <= 2 && during(0..40_000).last() == Some(&2), "{changes:?}");
    assert!(during(40_000..60_000).len() <= 2 && during(40_000..60_000).last() == Some(&0), "{changes:?}");
    assert!(during(60_000..100_000).len() <= 2 && during(60_000..100_000).last() == Some(&2), "{changes:?}");
}
