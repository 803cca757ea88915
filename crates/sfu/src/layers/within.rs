//! The layers that go on within one stream, and from which packet on.
//!
//! A change holds from the first packet of a frame on. Packets that come late are judged by what held where they
//! belong, so that a frame goes on whole or not at all.
use super::{Choice, ConsumerLayers};
use crate::payload::{Dependency, Detail, InboundPacket, Vp9};
use std::collections::VecDeque;

/// Changes that are remembered for late packets: 16. More in the time of a retransmission are a hostile wish.
const CHANGES_MAX: usize = 16;

/// What goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) spatial: u8,
    pub(super) temporal: u8,
    /// With a dependency descriptor it alone decides.
    pub(super) target: Option<u8>,
}

/// What should go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) spatial: u8,
    pub(super) temporal: u8,
    pub(super) ksvc: bool,
}

/// The layers of the stream that goes on.
#[derive(Debug)]
pub(super) struct Within {
    first: u64,
    /// From which sequence number on each limit holds; the last one is in force.
    changes: VecDeque<(u64, Limit)>,
    /// The wish needs a key frame, as far as the last packet told.
    needs_key_frame: bool,
}

impl Within {
    /// Begins at a key frame.
    pub(super) fn new(packet: &InboundPacket, wish: Wish) -> Self {
        let mut limit = Limit { spatial: packet.facts.spatial, temporal: wish.temporal, target: None };
        if let Detail::Dependency(dependency) = packet.facts.detail {
            limit.aim(&dependency, best_target(&dependency, wish));
        }
        Self {
            first: packet.sequence,
            changes: VecDeque::from([(packet.sequence, limit)]),
            needs_key_frame: false,
        }
    }

    pub(super) fn needs_key_frame(&self) -> bool {
        self.needs_key_frame
    }

    /// The layers in force.
    pub(super) fn layers(&self) -> Option<ConsumerLayers> {
        let (_, limit) = self.changes.back()?;
        Some(ConsumerLayers { spatial_layer: limit.spatial, temporal_layer: Some(limit.temporal) })
    }

    /// What becomes of a packet; one from before the stream was taken is ignored.
    pub(super) fn judge(&mut self, packet: &InboundPacket, wish: Wish) -> Choice {
        if packet.sequence < self.first {
            return Choice::Ignore;
        }
        if packet.newest {
            self.change(packet, wish);
        }
        let in_force = self.changes.iter().rev().find(|(from, _)| *from <= packet.sequence);
        let Some((_, limit)) = in_force else { return Choice::Ignore };
        let facts = &packet.facts;
        let goes_on = match facts.detail {
            Detail::Dependency(dependency) => {
                limit.target.is_none_or(|target| dependency.present >> target & 1 == 1)
            }
            Detail::Vp9(vp9) => {
                let only_for_upper = wish.ksvc && vp9.predicted && vp9.not_for_upper_layers;
                facts.temporal <= limit.temporal
                    && facts.spatial <= limit.spatial
                    && !(only_for_upper && facts.spatial < limit.spatial)
            }
            Detail::Vp8(_) | Detail::Red(_) | Detail::None => facts.temporal <= limit.temporal,
        };
        if !goes_on {
            return Choice::Drop;
        }
        let layered = matches!(facts.detail, Detail::Vp9(_) | Detail::Dependency(_));
        let ends = layered && facts.ends_frame && facts.spatial == limit.spatial;
        Choice::Forward { marker: packet.marker || ends }
    }

    /// Comes nearer to the wish where this frame allows it.
    fn change(&mut self, packet: &InboundPacket, wish: Wish) {
        let Some((_, old)) = self.changes.back().copied() else { return };
        let facts = &packet.facts;
        let mut limit = old;
        match facts.detail {
            Detail::Dependency(dependency) => {
                let best = best_target(&dependency, wish);
                if facts.starts_frame && limit.may_aim(&dependency, best, facts.key_frame) {
                    limit.aim(&dependency, best);
                }
                self.needs_key_frame =
                    best.is_some_and(|best| dependency.target_layers(best).0 != limit.spatial);
            }
            Detail::Vp9(vp9) => {
                if facts.starts_frame {
                    limit.move_temporal(packet, wish.temporal);
                    limit.move_spatial(packet, &vp9, wish);
                }
                let lacks = limit.spatial < wish.spatial || (wish.ksvc && limit.spatial > wish.spatial);
                // the upper layers of a key picture may be about to come
                let next_picture = facts.spatial == 0 && facts.starts_frame && !facts.key_frame;
                self.needs_key_frame = lacks && (self.needs_key_frame || next_picture);
            }
            Detail::Vp8(_) | Detail::Red(_) | Detail::None => {
                if facts.starts_frame {
                    limit.move_temporal(packet, wish.temporal);
                }
            }
        }
        if limit != old {
            if self.changes.len() == CHANGES_MAX {
                self.changes.pop_front();
            }
            self.changes.push_back((packet.sequence, limit));
        }
    }
}

impl Limit {
    /// Down at once, between pictures; up at a key frame or where the stream says that it can be done.
    fn move_temporal(&mut self, packet: &InboundPacket, wished: u8) {
        let facts = &packet.facts;
        if facts.spatial > 0 {
            return;
        }
        let vp9 = matches!(facts.detail, Detail::Vp9(_));
        if wished < self.temporal || facts.key_frame {
            self.temporal = wished;
        } else if facts.switch_up && self.temporal < facts.temporal && facts.temporal <= wished {
            self.temporal = facts.temporal;
        } else if facts.switch_up && vp9 && facts.temporal <= self.temporal {
            // no later picture above this layer needs an earlier one above it
            self.temporal = wished;
        }
    }

    /// Down at a picture's begin, with K-SVC at a key picture only; up, layer by layer, where the upper layer needs
    /// none of its earlier frames.
    fn move_spatial(&mut self, packet: &InboundPacket, vp9: &Vp9, wish: Wish) {
        let facts = &packet.facts;
        if facts.spatial == 0 && wish.spatial < self.spatial && (facts.key_frame || !wish.ksvc) {
            self.spatial = wish.spatial;
        }
        let next = facts.spatial == self.spatial.saturating_add(1) && facts.spatial <= wish.spatial;
        if next && !vp9.predicted {
            self.spatial = facts.spatial;
        }
    }

    fn may_aim(&self, dependency: &Dependency, best: Option<u8>, key_frame: bool) -> bool {
        let Some(best) = best.filter(|best| Some(*best) != self.target) else { return false };
        let (spatial, temporal) = dependency.target_layers(best);
        let fewer_frames = spatial == self.spatial && temporal < self.temporal;
        key_frame || fewer_frames || dependency.switch >> best & 1 == 1
    }

    fn aim(&mut self, dependency: &Dependency, target: Option<u8>) {
        self.target = target;
        if let Some(target) = target {
            (self.spatial, self.temporal) = dependency.target_layers(target);
        }
    }
}

/// The best target within the wish that the sender makes now, else the least of those it makes.
fn best_target(dependency: &Dependency, wish: Wish) -> Option<u8> {
    let made = || (0..32).filter(|target| dependency.active >> target & 1 == 1);
    let layers = |target: &u8| dependency.target_layers(*target);
    let within = made().filter(|target| {
        let (spatial, temporal) = layers(target);
        spatial <= wish.spatial && temporal <= wish.temporal
    });
    within.max_by_key(layers).or(made().min_by_key(layers))
}
