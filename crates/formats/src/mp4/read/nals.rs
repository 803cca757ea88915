//! Samples of NAL units: parameter sets out, lengths of 4 bytes.
//!
//! Source: ISO/IEC 14496-15 §5.3 and §8.3.
use super::Unplayable;
use super::entry::Layout;
use super::track::Lane;
use crate::bitstream::{NalAssembler, h264, h265, nal::split_length_prefixed_sized};
use bytes::Bytes;
use media::{Codec, CodecParams};

/// How many samples are searched for parameter sets when the sample entry has none: 300, ten seconds at 30
/// pictures a second. Key frames that are further apart do not suit streaming.
const SEARCHED_SAMPLES_MAX: usize = 300;

/// One frame out of a sample.
pub(super) struct Frame {
    pub(super) data: Bytes,
    /// What the slices say: an IDR or other random access picture.
    pub(super) keyframe: bool,
    /// The parameter sets in it, when they are new.
    pub(super) params: Option<CodecParams>,
}

/// Turns a sample into a frame; a sample that already has the form of a unit is shared and not copied. `None`
/// when it holds no slice.
pub(super) fn frame(
    sample: &Bytes,
    length_bytes: u8,
    assembler: &mut NalAssembler,
    codec: Codec,
) -> Option<Frame> {
    if let Some(keyframe) = as_it_is(sample, length_bytes, codec) {
        return Some(Frame { data: sample.clone(), keyframe, params: None });
    }
    push_all(sample, length_bytes, assembler);
    let frame = assembler.finish()?;
    Some(Frame { data: frame.data, keyframe: frame.keyframe, params: frame.params })
}

/// Gives the assembler what is whole: a sample whose last NAL unit is cut off keeps those before.
fn push_all(sample: &[u8], length_bytes: u8, assembler: &mut NalAssembler) {
    split_length_prefixed_sized(sample, length_bytes).flatten().for_each(|nal| assembler.push(nal));
}

/// What a NAL unit is, as far as copying matters.
enum Class {
    RandomAccess,
    Slice,
    Kept,
    /// Parameter sets, delimiters, filler; and SEI of H.264, which may make a key frame: the assembler's work.
    Other,
}

fn classify(first: u8, codec: Codec) -> Class {
    if codec == Codec::H265 {
        match h265::nal_type(first) {
            16..=23 => Class::RandomAccess,
            0..=31 => Class::Slice,
            39..=40 => Class::Kept,
            32.. => Class::Other,
        }
    } else {
        match h264::nal_type(first) {
            5 => Class::RandomAccess,
            1..=4 => Class::Slice,
            0 | 6.. => Class::Other,
        }
    }
}

/// Whether it is a key frame, when every NAL unit of the sample is whole and stays.
fn as_it_is(sample: &[u8], length_bytes: u8, codec: Codec) -> Option<bool> {
    if length_bytes != 4 {
        return None;
    }
    let (mut slices, mut keyframe, mut bytes) = (false, false, 0);
    for nal in split_length_prefixed_sized(sample, length_bytes) {
        let nal = nal.ok()?;
        bytes += 4 + nal.len();
        match classify(*nal.first()?, codec) {
            Class::RandomAccess => (slices, keyframe) = (true, true),
            Class::Slice => slices = true,
            Class::Kept => {}
            Class::Other => return None,
        }
    }
    (slices && bytes == sample.len()).then_some(keyframe)
}

/// Searches the first samples for parameter sets when the sample entry had none.
pub(super) fn complete_params(lane: &mut Lane, data: &Bytes) -> Result<(), Unplayable> {
    let Layout::Nals { length_bytes } = lane.layout else { return Ok(()) };
    if lane.track.params != CodecParams::None {
        return Ok(());
    }
    let mut assembler = NalAssembler::new(lane.track.codec);
    for sample in lane.samples.iter().take(SEARCHED_SAMPLES_MAX) {
        push_all(sample.slice_of(data), length_bytes, &mut assembler);
        if let Some(params) = assembler.finish().and_then(|frame| frame.params) {
            lane.track.params = params;
            return Ok(());
        }
    }
    let format = if lane.track.codec == Codec::H265 { *b"hev1" } else { *b"avc3" };
    Err(Unplayable {
        number: lane.number,
        format,
        why: "no parameter sets in the header or the first frames",
    })
}
