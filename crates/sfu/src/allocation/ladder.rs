//! The steps that one consumer's bitrate can take.
use super::{LAYERS_MAX, Layers};

/// A choice of layers and what it costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    pub(super) layers: Layers,
    pub(super) bps: u64,
}

/// Steps that rise in layers and in cost; what costs more than a better step is left out. Empty when no layer flows
/// within the preferred ones.
pub(super) fn ladder(bps: &[Vec<u64>], preferred: Layers) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (spatial, temporals) in (0u8..=preferred.spatial).zip(bps.iter().take(LAYERS_MAX)) {
        let highest_temporal =
            if spatial == preferred.spatial { preferred.temporal } else { LAYERS_MAX as u8 };
        for (temporal, bps) in (0u8..=highest_temporal).zip(temporals.iter().take(LAYERS_MAX)) {
            if *bps == 0 {
                continue;
            }
            while steps.last().is_some_and(|last| last.bps >= *bps) {
                steps.pop();
            }
            steps.push(Step { layers: Layers { spatial, temporal }, bps: *bps });
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(bps: &[Vec<u64>], spatial: u8, temporal: u8) -> Vec<(u8, u8, u64)> {
        let steps = ladder(bps, Layers { spatial, temporal });
        steps.iter().map(|step| (step.layers.spatial, step.layers.temporal, step.bps)).collect()
    }

    #[test]
    fn dead_layers_and_layers_dearer_than_better_ones_are_left_out() {
        let bps = [vec![100, 150, 300], vec![0, 0, 0], vec![250, 500, 900]];
        assert_eq!(costs(&bps, 9, 9), [(0, 0, 100), (0, 1, 150), (2, 0, 250), (2, 1, 500), (2, 2, 900)]);
        assert_eq!(costs(&bps, 1, 9), [(0, 0, 100), (0, 1, 150), (0, 2, 300)]);
        assert_eq!(costs(&bps, 2, 0), [(0, 0, 100), (0, 1, 150), (2, 0, 250)]);
        assert_eq!(costs(&[vec![0]], 0, 0), []);
    }
}
