//! L16: linear PCM of 16 bits, big-endian, channels interleaved. Source: RFC 3551 §4.5.11.
use crate::sample;

/// Appends the samples of `data`; an odd last byte is left out.
pub(crate) fn decode(data: &[u8], out: &mut Vec<f32>) {
    out.extend(data.chunks_exact(2).map(|pair| sample::from_i16(i16::from_be_bytes([pair[0], pair[1]]))));
}

/// Appends the bytes of `samples`.
pub(crate) fn encode(samples: &[f32], out: &mut Vec<u8>) {
    out.extend(samples.iter().flat_map(|value| sample::to_i16(*value).to_be_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_survive_in_network_order() {
        let mut samples = Vec::new();
        decode(&[0x80, 0x00, 0x00, 0x01, 0x7f, 0xff], &mut samples);
        assert_eq!(samples[0], -1.0);
        let mut bytes = Vec::new();
        encode(&samples, &mut bytes);
        assert_eq!(bytes, [0x80, 0x00, 0x00, 0x01, 0x7f, 0xff]);
    }
}
