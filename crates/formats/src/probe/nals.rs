//! Which codec a byte stream with start codes is.
//!
//! Sources: ITU-T H.264 §7.3.1, Annex B; ITU-T H.265 §7.3.1.2, Annex B. The same start codes part MPEG-1, -2 and -4 video
//! and programme streams; their units begin with bytes that no NAL unit can have, or that name them at once.
use super::Container;
use super::signature::Guess;
use crate::bitstream::{h264, h265, nal};

/// NAL units without parameter sets that decide: 4. Each of H.265 has a second byte of a few values only.
const VOTES: usize = 4;

pub(super) fn codec(head: &[u8], at_end: bool) -> Guess {
    // At most one zero byte more than a start code of four bytes has.
    let zeros = head.iter().take_while(|&&byte| byte == 0).count();
    match head.get(zeros) {
        None if zeros <= 4 => return Guess::Maybe,
        Some(1) if (2..=4).contains(&zeros) => {}
        None | Some(_) => return Guess::No,
    }
    let first = match head.get(zeros + 1) {
        None => return Guess::Maybe,
        Some(&first) => first,
    };
    // Sequence headers, packs and the like of the MPEG family.
    if first & 0x80 != 0 {
        return Guess::No;
    }
    let mut units = nal::split_annexb(head).peekable();
    let (mut votes_265, mut votes_264) = (0, 0);
    while let Some(unit) = units.next() {
        let whole = at_end || units.peek().is_some();
        match judge(unit) {
            Judgement::Sure(container) => return Guess::Yes(container),
            // More of it may make it sure.
            _ if !whole => break,
            Judgement::H265 => votes_265 += 1,
            Judgement::H264 => votes_264 += 1,
            Judgement::Neither => {}
        }
        if votes_265 + votes_264 >= VOTES && !at_end {
            break;
        }
    }
    let votes = votes_265 + votes_264;
    if votes < VOTES && !(at_end && votes > 0) {
        return if at_end { Guess::No } else { Guess::Maybe };
    }
    let is_265 = votes_265 > votes_264;
    Guess::Yes(if is_265 { Container::AnnexBH265 } else { Container::AnnexBH264 })
}

enum Judgement {
    /// It can be nothing else.
    Sure(Container),
    /// It can be a unit of H.265, and would be a strange one of H.264.
    H265,
    H264,
    Neither,
}

fn judge(unit: &[u8]) -> Judgement {
    let &[first, second, ..] = unit else { return Judgement::Neither };
    // The base layer, and a temporal identifier as encoders use them.
    let as_265 = first & 0x81 == 0 && matches!(second, 1..=4);
    match (h264::nal_type(first), h265::nal_type(first)) {
        (_, h265::NAL_SPS) if as_265 && h265::parse_sps(unit).is_ok() => {
            Judgement::Sure(Container::AnnexBH265)
        }
        (h264::NAL_SPS, _) if first & 0x80 == 0 && h264::parse_sps(unit).is_ok() => {
            Judgement::Sure(Container::AnnexBH264)
        }
        (_, 0..=9 | 16..=21 | 32..=40) if as_265 => Judgement::H265,
        (1..=9 | 14..=20, _) if first & 0x80 == 0 => Judgement::H264,
        (..) => Judgement::Neither,
    }
}
