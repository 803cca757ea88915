//! Channels: mono to stereo and back.
//!
//! To one channel it is the mean of all, so that nothing clips; a voice in one channel of two loses 6 dB.
//! To two channels mono is doubled; of more than two the first two stay, which are left and right in every layout
//! that RTP and WAV define (RFC 3551 §4.1).

/// Most channels of a track: 8, a 7.1 layout. Devices have 1 or 2.
pub(crate) const CHANNELS_MAX: u8 = 8;

/// Appends `input` of `from` interleaved channels as `to` channels, 1 or 2.
pub(crate) fn convert(input: &[f32], from: u8, to: u8, out: &mut Vec<f32>) {
    let frames = input.chunks_exact(usize::from(from.max(1)));
    match (from, to) {
        (from, to) if from == to => out.extend_from_slice(input),
        (2, 1) => out.extend(frames.map(|frame| (frame[0] + frame[1]) * 0.5)),
        (1, _) => out.extend(input.iter().flat_map(|sample| [*sample; 2])),
        (_, 1) => out.extend(frames.map(|frame| frame.iter().sum::<f32>() / frame.len() as f32)),
        (_, _) => out.extend(frames.flat_map(|frame| [frame[0], frame[1]])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(input: &[f32], from: u8, to: u8) -> Vec<f32> {
        let mut out = Vec::new();
        convert(input, from, to, &mut out);
        out
    }

    #[test]
    fn one_channel_is_the_mean_and_two_are_left_and_right() {
        assert_eq!(converted(&[0.5, 0.1, -0.5, 0.5], 2, 1), [0.3, 0.0]);
        assert_eq!(converted(&[0.5, 0.1], 1, 2), [0.5, 0.5, 0.1, 0.1]);
        assert_eq!(converted(&[0.1, 0.2, 0.9, 0.4, 0.5, 0.9], 3, 2), [0.1, 0.2, 0.4, 0.5]);
        assert_eq!(converted(&[0.1, 0.2, 0.3], 3, 1), [0.2]);
        assert_eq!(converted(&[0.1, 0.2], 2, 2), [0.1, 0.2]);
    }
}
