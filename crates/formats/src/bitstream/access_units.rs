//! An Annex B byte stream, in any pieces, to whole frames of H.264 or H.265.
//!
//! Sources: ITU-T H.264 Annex B, §7.4.1.2.3; ITU-T H.265 Annex B, §7.4.2.4.4. A frame is known to be whole when the
//! next one begins, or when the caller knows better. Owns the NAL unit under way.
use super::{ACCESS_UNIT_BYTES_MAX, NalAssembler, NalFrame, h264, h265, nal};
use bytes::{Buf, BytesMut};
use media::{Codec, CodecParams};
use std::collections::VecDeque;

/// Bytes of a start code.
const START_CODE: usize = 3;

/// Finds the NAL units of an Annex B stream and parts them into access units.
#[derive(Debug)]
pub struct AccessUnits {
    h265: bool,
    assembler: NalAssembler,
    /// From the NAL unit under way on; before the first start code, what may be its beginning.
    buffer: BytesMut,
    /// No start code begins before this place.
    scanned: usize,
    /// The buffer begins behind a start code.
    in_nal: bool,
    /// The access unit under way has a slice: what cannot follow one begins the next.
    has_slice: bool,
    damaged: bool,
    ready: VecDeque<NalFrame>,
}

impl AccessUnits {
    /// Starts before the first start code. Codecs other than H.265 are taken for H.264.
    pub fn new(codec: Codec) -> Self {
        Self {
            h265: codec == Codec::H265,
            assembler: NalAssembler::new(codec),
            buffer: BytesMut::new(),
            scanned: 0,
            in_nal: false,
            has_slice: false,
            damaged: false,
            ready: VecDeque::new(),
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        while let Some(at) = nal::next_start_code(&self.buffer, self.scanned) {
            let before = self.buffer.split_to(at);
            self.buffer.advance(START_CODE);
            self.scanned = 0;
            if std::mem::replace(&mut self.in_nal, true) {
                self.handle_nal(&before);
            }
        }
        // The last two bytes may be the beginning of a start code.
        self.scanned = self.buffer.len().saturating_sub(START_CODE - 1);
        if !self.in_nal {
            self.buffer.advance(self.scanned);
            self.scanned = 0;
        } else if self.buffer.len() > ACCESS_UNIT_BYTES_MAX {
            self.clear();
            self.damaged = true;
        }
    }

    /// The next whole frame.
    pub fn pop(&mut self) -> Option<NalFrame> {
        self.ready.pop_front()
    }

    /// Ends the access unit under way: what was pushed so far is all of it.
    pub fn flush(&mut self) {
        let rest = self.buffer.split();
        self.scanned = 0;
        if std::mem::take(&mut self.in_nal) {
            self.handle_nal(&rest);
        }
        self.finish();
    }

    /// Drops what is under way, as after loss, and begins anew at the next start code. Parameter sets stay.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.scanned = 0;
        self.in_nal = false;
        self.has_slice = false;
        self.assembler.clear();
    }

    /// The parameter sets, once complete.
    pub fn params(&self) -> Option<&CodecParams> {
        self.assembler.params()
    }

    /// True once after something was thrown away for its size.
    pub fn take_damaged(&mut self) -> bool {
        std::mem::take(&mut self.damaged)
    }

    fn handle_nal(&mut self, nal: &[u8]) {
        let nal = nal::trim_zeros(nal);
        if self.has_slice && self.begins_next(nal) {
            self.finish();
        }
        self.has_slice |= is_slice(nal, self.h265);
        self.assembler.push(nal);
    }

    fn finish(&mut self) {
        match self.assembler.finish() {
            Some(frame) => self.ready.push_back(frame),
            None => self.damaged |= self.has_slice,
        }
        self.has_slice = false;
    }

    /// True when this NAL unit cannot belong to an access unit that has slices already. Pictures are told apart by
    /// their first macroblock or slice segment; streams that send slices in arbitrary order (H.264 baseline) are unseen.
    fn begins_next(&self, nal: &[u8]) -> bool {
        let Some(&first) = nal.first() else { return false };
        if self.h265 {
            let Some(&second) = nal.get(1) else { return false };
            let base_layer = first & 1 == 0 && second >> 3 == 0;
            match h265::nal_type(first) {
                0..=31 => base_layer && nal.get(2).is_some_and(|start| start & 0x80 != 0),
                // Parameter sets, delimiter, SEI that comes before its picture, reserved ones of that kind.
                32..=35 | 39 | 41..=44 | 48..=55 => true,
                36.. => false,
            }
        } else {
            match h264::nal_type(first) {
                // first_mb_in_slice is an Exp-Golomb code: zero is a single set bit.
                1 | 2 | 5 => nal.get(1).is_some_and(|start| start & 0x80 != 0),
                // SEI, parameter sets, delimiter. Prefix NAL units (14) also stand between the slices of a picture.
                6..=9 | 15..=18 => true,
                0 | 3 | 4 | 10.. => false,
            }
        }
    }
}

fn is_slice(nal: &[u8], h265: bool) -> bool {
    nal.first().is_some_and(|&first| {
        if h265 { h265::nal_type(first) < 32 } else { (1..=5).contains(&h264::nal_type(first)) }
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{X264_HIGH, X265_MAIN, hex};
    use super::*;

    fn frames(codec: Codec, data: &[u8], step: usize) -> Vec<NalFrame> {
        let mut units = AccessUnits::new(codec);
        data.chunks(step).for_each(|piece| units.push(piece));
        units.flush();
        std::iter::from_fn(|| units.pop()).collect()
    }

    fn stream(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter().enumerate().flat_map(|(index, nal)| [&[0, 0, 0, 1][index % 2..], nal].concat()).collect()
    }

    #[test]
    fn pictures_of_several_slices_are_told_apart_at_every_split() {
        let CodecParams::H264 { sps, pps } = h264::parse_avcc(&hex(X264_HIGH)).unwrap() else { panic!() };
        let (idr, idr2) = ([0x65, 0x88, 1], [0x65, 0x08, 2]);
        let (p, p2, sei) = ([0x41, 0x9a, 3], [0x41, 0x1a, 4], [6, 5, 1, 9, 0x80]);
        let list: [&[u8]; 10] = [&[9, 0xf0], &sps, &pps[0], &idr, &idr2, &p, &p2, &[9, 0xf0], &sei, &p];
        let data = stream(&list);
        for step in [1, 2, 3, 5, 7, 1000] {
            let frames = frames(Codec::H264, &data, step);
            let shape: Vec<_> = frames.iter().map(|frame| (frame.data.len(), frame.keyframe)).collect();
            assert_eq!(shape, [(14, true), (14, false), (16, false)], "split every {step} bytes");
            assert_eq!(frames[0].params, Some(CodecParams::H264 { sps: sps.clone(), pps: pps.clone() }));
        }
    }

    #[test]
    fn h265_pictures_are_told_apart_by_their_first_slice_segment() {
        let CodecParams::H265 { vps, sps, pps } = h265::parse_hvcc(&hex(X265_MAIN)).unwrap() else {
            panic!()
        };
        let (idr, idr2, p, p2) = ([0x26, 1, 0xaf], [0x26, 1, 0x2f], [2, 1, 0xd0], [2, 1, 0x50]);
        let suffix_sei = [0x50, 1, 0x80, 1];
        let list: [&[u8]; 8] = [&vps, &sps, &pps[0], &idr, &idr2, &suffix_sei, &p, &p2];
        for step in [1, 4, 1000] {
            let frames = frames(Codec::H265, &stream(&list), step);
            let shape: Vec<_> = frames.iter().map(|frame| (frame.data.len(), frame.keyframe)).collect();
            assert_eq!(shape, [(22, true), (14, false)]);
        }
    }

    #[test]
    fn what_precedes_the_first_start_code_is_passed_over_and_nothing_is_kept_of_it() {
        let mut units = AccessUnits::new(Codec::H264);
        units.push(&[7; 100_000]);
        assert!(units.buffer.len() < START_CODE);
        units.push(&[0, 0]);
        units.push(&[1, 0x65, 0x88, 1]);
        units.flush();
        assert!(units.pop().unwrap().keyframe);
    }

    #[test]
    fn a_nal_unit_without_end_is_given_up_at_the_limit() {
        let mut units = AccessUnits::new(Codec::H264);
        units.push(&[0, 0, 1, 0x65, 0x88]);
        let piece = vec![9; 1 << 20];
        for _ in 0..ACCESS_UNIT_BYTES_MAX >> 20 {
            units.push(&piece);
        }
        assert!(units.take_damaged() && !units.take_damaged());
        assert!(units.buffer.is_empty());
        units.push(&[0, 0, 1, 0x65, 0x88, 1]);
        units.flush();
        assert_eq!(units.pop().unwrap().data.len(), 7);
    }
}
