//! [`Allocator`]: the decision, and what it remembers of each consumer.
use super::estimates::Estimates;
use super::ladder::{Step, ladder};
use super::restraint::{HEADROOM, Restraint};
use media::Moment;
use std::collections::BTreeMap;
use std::time::Duration;

/// Somebody who waits for a step up is asked again after 1 s: by then estimates or bitrates have changed.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A choice of layers, both counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Layers {
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer within it.
    pub temporal: u8,
}

/// What one consumer wants, and what it would cost now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Demand<C> {
    /// Who.
    pub consumer: C,
    /// 1 to 255: a consumer of priority 2 gets two layers for one of priority 1. 0 counts as 1.
    pub priority: u8,
    /// The most it wants.
    pub preferred: Layers,
    /// Bits a second of what would be sent: `[spatial][temporal]`, with all that the layer depends on. 0 when the
    /// layer does not flow. Sound is one layer.
    pub bps: Vec<Vec<u64>>,
}

/// Why a consumer has what it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It has all it wants of what flows.
    Preferred,
    /// Nothing flows that it wants.
    NothingFlows,
    /// The estimate has no room, or no headroom yet, for the next step, which costs this.
    Bandwidth {
        /// Bits a second of the next step.
        next_bps: u64,
    },
    /// It went down not long ago.
    Held {
        /// Until then.
        until: Moment,
    },
}

/// What one consumer gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allocation<C> {
    /// Who.
    pub consumer: C,
    /// Its layers; `None` when nothing flows.
    pub layers: Option<Layers>,
    /// What they cost.
    pub bps: u64,
    /// Why not more.
    pub reason: Reason,
    /// Whether they are others than before.
    pub changed: bool,
}

/// What all consumers get.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allocations<C> {
    /// In the order of the demands.
    pub consumers: Vec<Allocation<C>>,
    /// Bits a second of all together. Above the estimate only when each has its cheapest layer.
    pub used_bps: u64,
    /// Bits a second if each had all it wants: what to probe for.
    pub desired_bps: u64,
    /// Allocate again at this moment, or when anything changes.
    pub wake_at: Moment,
}

/// Allocates the bitrate of one transport. `C` names consumers.
#[derive(Clone, Debug)]
pub struct Allocator<C> {
    estimates: Estimates,
    restraint: Restraint,
    consumers: BTreeMap<C, Known>,
}

/// What is remembered of a consumer.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    layers: Option<Layers>,
    held_until: Option<Moment>,
}

impl Known {
    fn held_at(&self, now: Moment) -> Option<Moment> {
        self.held_until.filter(|until| now < *until)
    }
}

/// A consumer during one decision. `before` and `at` index `steps`, which is not empty.
struct Candidate {
    demand: usize,
    priority: u64,
    steps: Vec<Step>,
    /// What it has of what flows and is wanted now.
    before: usize,
    at: usize,
    /// It went down not long ago: nothing but the estimate moves it.
    held: bool,
}

impl Candidate {
    fn bps(&self, at: usize) -> u64 {
        self.steps[at].bps
    }

    const fn top(&self) -> usize {
        self.steps.len() - 1
    }
}

impl<C: Ord + Copy> Default for Allocator<C> {
    fn default() -> Self {
        Self { estimates: Estimates::default(), restraint: Restraint::default(), consumers: BTreeMap::new() }
    }
}

impl<C: Ord + Copy> Allocator<C> {
    /// Decides for all consumers that receive now. Those no longer among the demands are forgotten; each consumer
    /// may have one demand, and of further ones only the last is remembered.
    pub fn allocate(&mut self, estimate_bps: u64, demands: &[Demand<C>], now: Moment) -> Allocations<C> {
        let lowest_bps = self.estimates.push(estimate_bps, now);
        let mut candidates: Vec<Candidate> = (demands.iter().enumerate())
            .filter_map(|(demand, wanted)| self.candidate(demand, wanted, now))
            .collect();
        if !fits(used(&candidates), 100, estimate_bps) && candidates.iter().any(|candidate| candidate.at > 0)
        {
            self.lower(&mut candidates, estimate_bps, now);
        }
        let headroom = self.restraint.headroom(now);
        let caps: Vec<usize> = (candidates.iter())
            .map(|candidate| if candidate.held { candidate.at } else { candidate.top() })
            .collect();
        let shares = fill(&candidates, &caps, lowest_bps, headroom);
        raise(&mut candidates, &shares, lowest_bps, headroom);
        self.conclude(demands, &candidates, now)
    }

    /// Makes room at once, and with headroom: an estimate that falls goes on falling, and one step down is better
    /// than two.
    fn lower(&mut self, candidates: &mut [Candidate], estimate_bps: u64, now: Moment) {
        let caps: Vec<usize> = candidates.iter().map(|candidate| candidate.at).collect();
        let kept = fill(candidates, &caps, estimate_bps, HEADROOM);
        self.restraint.handle_down(now);
        for (candidate, at) in candidates.iter_mut().zip(kept) {
            candidate.held |= at < candidate.at;
            candidate.at = at;
        }
    }

    /// `None` when nothing flows.
    fn candidate(&self, demand: usize, wanted: &Demand<C>, now: Moment) -> Option<Candidate> {
        let steps = ladder(&wanted.bps, wanted.preferred);
        let known = self.consumers.get(&wanted.consumer).copied().unwrap_or_default();
        let before = steps.iter().rposition(|step| Some(step.layers) <= known.layers).unwrap_or(0);
        let priority = u64::from(wanted.priority.max(1));
        let held = known.held_at(now).is_some();
        (!steps.is_empty()).then_some(Candidate { demand, priority, steps, before, at: before, held })
    }

    /// Remembers the decision and says it.
    fn conclude(&mut self, demands: &[Demand<C>], candidates: &[Candidate], now: Moment) -> Allocations<C> {
        let mut wake_at = Moment::FAR_FUTURE;
        let mut of_demand: Vec<Option<&Candidate>> = vec![None; demands.len()];
        for candidate in candidates {
            of_demand[candidate.demand] = Some(candidate);
        }
        let mut remembered = BTreeMap::new();
        let consumers = (demands.iter().zip(of_demand))
            .map(|(demand, candidate)| {
                let before = self.consumers.get(&demand.consumer).copied().unwrap_or_default();
                let mut known = before;
                known.layers = candidate.map(|candidate| candidate.steps[candidate.at].layers);
                // to begin is no step up, and to want less or be sent less is no step down
                if let Some(candidate) = candidate {
                    if candidate.at < candidate.before {
                        known.held_until = Some(now + self.restraint.hold());
                    } else if candidate.at > candidate.before && before.layers.is_some() {
                        self.restraint.handle_up(now);
                    }
                }
                remembered.insert(demand.consumer, known);
                let next_bps = candidate.and_then(|candidate| candidate.steps.get(candidate.at + 1));
                let reason = match (candidate, next_bps, known.held_at(now)) {
                    (None, _, _) => Reason::NothingFlows,
                    (Some(_), None, _) => Reason::Preferred,
                    (Some(_), Some(_), Some(until)) => Reason::Held { until },
                    (Some(_), Some(next), None) => Reason::Bandwidth { next_bps: next.bps },
                };
                match reason {
                    Reason::Preferred | Reason::NothingFlows => {}
                    Reason::Held { until } => wake_at = wake_at.min(until),
                    Reason::Bandwidth { .. } => wake_at = wake_at.min(now + ASK_AGAIN_AFTER),
                }
                Allocation {
                    consumer: demand.consumer,
                    layers: known.layers,
                    bps: candidate.map_or(0, |candidate| candidate.bps(candidate.at)),
                    reason,
                    changed: known.layers != before.layers,
                }
            })
            .collect();
        self.consumers = remembered;
        Allocations {
            consumers,
            used_bps: used(candidates),
            desired_bps: sum(candidates.iter().map(|candidate| candidate.bps(candidate.top()))),
            wake_at,
        }
    }
}

/// Grants steps one by one out of the budget, up to `caps`; a step needs `percent` of what all then
/// cost. The cheapest step is everybody's.
fn fill(candidates: &[Candidate], caps: &[usize], budget_bps: u64, percent: u64) -> Vec<usize> {
    let mut at = vec![0; candidates.len()];
    let mut total = sum(candidates.iter().map(|candidate| candidate.bps(0)));
    let mut open: Vec<bool> = caps.iter().map(|cap| *cap > 0).collect();
    while let Some(next) = neediest(candidates, &at, &open) {
        let candidate = &candidates[next];
        let raised = total.saturating_add(candidate.bps(at[next] + 1) - candidate.bps(at[next]));
        if fits(raised, percent, budget_bps) {
            total = raised;
            at[next] += 1;
        } else {
            open[next] = false;
        }
        open[next] &= at[next] < caps[next];
    }
    at
}

/// Takes consumers up toward their shares, one step at a time. For each step, who has more than its share and more
/// for its priority than the one that goes up gives way.
fn raise(candidates: &mut [Candidate], shares: &[usize], budget_bps: u64, percent: u64) {
    let mut open: Vec<bool> =
        candidates.iter().zip(shares).map(|(candidate, share)| candidate.at < *share).collect();
    loop {
        let at: Vec<usize> = candidates.iter().map(|candidate| candidate.at).collect();
        let Some(next) = neediest(candidates, &at, &open) else { return };
        let mut wanted = at.clone();
        wanted[next] += 1;
        let cost = |at: &[usize]| sum(candidates.iter().zip(at).map(|(candidate, at)| candidate.bps(*at)));
        // who has most for its priority gives way first
        while !fits(cost(&wanted), percent, budget_bps) {
            let giver = (0..candidates.len())
                .filter(|index| wanted[*index] > shares[*index] && !candidates[*index].held)
                .filter(|index| can_give(candidates, &wanted, *index, next))
                .max_by_key(|index| wanted[*index] as u64 * 255 * 254 / candidates[*index].priority);
            match giver {
                Some(giver) => wanted[giver] -= 1,
                None => break,
            }
        }
        if fits(cost(&wanted), percent, budget_bps) {
            candidates.iter_mut().zip(&wanted).for_each(|(candidate, at)| candidate.at = *at);
            open[next] = wanted[next] < shares[next];
        } else {
            open[next] = false;
        }
    }
}

/// Who of the open ones has the fewest steps for its priority; the first of equals, and of these the one of higher
/// priority.
fn neediest(candidates: &[Candidate], at: &[usize], open: &[bool]) -> Option<usize> {
    (0..candidates.len()).filter(|index| open[*index]).min_by(|a, b| {
        let (one, other) = (&candidates[*a], &candidates[*b]);
        // (steps + 1) / priority, compared without dividing
        let one_needs = (at[*a] as u64 + 1) * other.priority;
        let other_needs = (at[*b] as u64 + 1) * one.priority;
        one_needs.cmp(&other_needs).then(other.priority.cmp(&one.priority))
    })
}

/// Whether `giver`, one step lower, still has no fewer steps for its priority than `taker`, which already is one
/// higher. So the two come nearer to their due with each step that is given, and never go back and forth.
fn can_give(candidates: &[Candidate], at: &[usize], giver: usize, taker: usize) -> bool {
    (at[giver] as u64 - 1) * candidates[taker].priority >= at[taker] as u64 * candidates[giver].priority
}

fn fits(bps: u64, percent: u64, budget_bps: u64) -> bool {
    u128::from(bps) * u128::from(percent) <= u128::from(budget_bps) * 100
}

fn used(candidates: &[Candidate]) -> u64 {
    sum(candidates.iter().map(|candidate| candidate.bps(candidate.at)))
}

fn sum(bps: impl Iterator<Item = u64>) -> u64 {
    bps.fold(0, u64::saturating_add)
}
