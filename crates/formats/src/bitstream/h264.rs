//! H.264: what the parameter sets and slice headers say, and `avcC`.
//!
//! Sources: ITU-T H.264 (08/2021) §7.3.2.1, §7.3.3, D.1, E.1; ISO/IEC 14496-15 §5.3.3.1 (`avcC`).
mod config;
mod sps;

use super::bits::BitReader;
use super::nal;
pub use config::{avcc, length_size, parse_avcc};
pub use sps::{SpsInfo, parse_sps};

/// Coded slice of an IDR picture.
pub const NAL_IDR: u8 = 5;
/// Sequence parameter set.
pub const NAL_SPS: u8 = 7;
/// Picture parameter set.
pub const NAL_PPS: u8 = 8;

/// The type of a NAL unit, from its first byte.
pub const fn nal_type(first: u8) -> u8 {
    first & 0x1f
}

/// SEI payload type of a recovery point. Source: D.1.1.
const SEI_RECOVERY_POINT: usize = 6;

/// True when an SEI NAL unit holds a recovery point.
pub(super) fn has_recovery_point(sei: &[u8]) -> bool {
    // Walked without a copy: cameras send SEI with every frame.
    let mut bytes = nal::unescaped(nal::trim_zeros(sei)).skip(1).peekable();
    let coded = |bytes: &mut dyn Iterator<Item = u8>| {
        let mut sum = 0_usize;
        loop {
            let byte = bytes.next()?;
            sum += usize::from(byte);
            if byte != 0xff {
                return Some(sum);
            }
        }
    };
    loop {
        let Some(kind) = coded(&mut bytes) else { return false };
        let Some(size) = coded(&mut bytes) else { return false };
        if kind == SEI_RECOVERY_POINT {
            return true;
        }
        if size > 0 && bytes.nth(size - 1).is_none() {
            return false;
        }
        if bytes.peek().is_none() {
            return false;
        }
    }
}

/// True when a coded slice is an I or SI slice.
pub(super) fn is_intra_slice(slice: &[u8]) -> bool {
    // first_mb_in_slice and slice_type are at most 31 + 7 bits.
    let start: smallvec::SmallVec<[u8; 16]> = nal::unescaped(slice).skip(1).take(12).collect();
    let mut reader = BitReader::new("slice header", &start);
    let kind = reader.ue().and_then(|_first_mb| reader.ue());
    matches!(kind, Ok(2 | 4 | 7 | 9))
}

/// The name of a profile, as tools print it. Source: A.2.
pub fn profile_name(profile_idc: u8, constraints: u8) -> Option<&'static str> {
    let set1 = constraints & 0x40 != 0;
    let set3 = constraints & 0x10 != 0;
    Some(match profile_idc {
        66 if set1 => "Constrained Baseline",
        66 => "Baseline",
        77 => "Main",
        88 => "Extended",
        100 if constraints & 0x0c == 0x0c => "Constrained High",
        100 => "High",
        110 if set3 => "High 10 Intra",
        110 => "High 10",
        122 if set3 => "High 4:2:2 Intra",
        122 => "High 4:2:2",
        244 if set3 => "High 4:4:4 Intra",
        244 => "High 4:4:4 Predictive",
        44 => "CAVLC 4:4:4 Intra",
        83 => "Scalable Baseline",
        86 => "Scalable High",
        118 => "Multiview High",
        128 => "Stereo High",
        0..=255 => return None,
    })
}

#[cfg(test)]
mod tests;
