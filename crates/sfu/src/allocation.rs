//! Bitrate across the consumers of one transport: which layers each gets out of the estimate.
//!
//! [`Allocator::allocate`] is asked at each new estimate, and when consumers or producers' bitrates change:
//!
//! 1. Each consumer gets its cheapest layer, also when the estimate is below it: sound, and a picture that moves.
//! 2. If all together no longer fit, they go down at once, with [`HEADROOM`], so that it is one step and not two.
//!    Layers are granted one by one, the next one always to the consumer with the fewest layers for its priority;
//!    those for which none is left go down.
//! 3. What would fit goes up in the same order; a consumer that has more than its share gives way.
//!
//! Restraint: an estimate that swings must not make layers swing. A step up needs [`HEADROOM`] over the lowest
//! estimate of the last [`PATIENCE`]. A consumer that went down does not go up for [`HOLD`]. A step up has failed
//! when somebody had to go down within [`FAILED_WITHIN`]: each failure doubles the hold, up to [`HOLD_MAX`], and until
//! [`FORGIVEN_AFTER`] steps up need [`HEADROOM_WARY`], which is more than a swing of ±15 % (1.15 / 0.85 = 1.353).
mod allocator;
mod estimates;
mod ladder;
mod restraint;
#[cfg(test)]
mod tests;

pub use allocator::{Allocation, Allocations, Allocator, Demand, Layers, Reason};
pub use estimates::PATIENCE;
pub use restraint::{FAILED_WITHIN, FORGIVEN_AFTER, HEADROOM, HEADROOM_WARY, HOLD, HOLD_MAX};

/// Most spatial and most temporal layers that are looked at: 16 each. Encoders make four.
pub const LAYERS_MAX: usize = 16;
