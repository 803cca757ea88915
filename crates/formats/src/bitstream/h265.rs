//! H.265: what the parameter sets say, and `hvcC`.
//!
//! Sources: ITU-T H.265 (08/2021) §7.3.1.2, §7.3.2, §7.3.3, E.2; ISO/IEC 14496-15 §8.3.3.1 (`hvcC`), Annex E.3.
mod config;
mod sps;

pub use config::{hvcc, length_size, parse_hvcc};
pub use sps::{ProfileTierLevel, SpsInfo, parse_sps};

/// Video parameter set.
pub const NAL_VPS: u8 = 32;
/// Sequence parameter set.
pub const NAL_SPS: u8 = 33;
/// Picture parameter set.
pub const NAL_PPS: u8 = 34;

/// The type of a NAL unit, from its first byte.
pub const fn nal_type(first: u8) -> u8 {
    (first >> 1) & 0x3f
}

/// The name of a profile, as tools print it. Source: A.3.
pub fn profile_name(profile_idc: u8) -> Option<&'static str> {
    Some(match profile_idc {
        1 => "Main",
        2 => "Main 10",
        3 => "Main Still Picture",
        4 => "Range Extensions",
        5 => "High Throughput",
        6 => "Multiview Main",
        7 => "Scalable Main",
        8 => "3D Main",
        9 => "Screen Content",
        10 => "Scalable Range Extensions",
        11 => "High Throughput Screen Content",
        0..=255 => return None,
    })
}

#[cfg(test)]
mod tests;
