//! VP9, flexible and not; all spatial layers of a picture are one frame.
//!
//! Sources: RFC 9628 §4.2 (payload descriptor); VP9 bitstream specification, annex B (superframes).
use super::{Finished, VideoPayload};
use crate::bitstream::vp9::parse_frame;
use crate::rtp::cursor::Cursor;
use crate::rtp::{Packet, PayloadError};
use bytes::Bytes;
use media::CodecParams;

/// Most layers of a picture: the superframe index counts to 8.
const LAYERS_MAX: usize = 8;

pub(super) struct Vp9 {
    /// Profile and bit depth known so far.
    known: Option<(u8, u8)>,
    frame: Vec<u8>,
    /// Where each layer's frame starts.
    layers: Vec<usize>,
    /// The last packet did not end its layer's frame.
    within_layer: bool,
}

struct Descriptor {
    starts: bool,
    ends: bool,
    spatial_layer: u8,
    spatially_predicted: bool,
}

impl VideoPayload for Vp9 {
    fn starts_frame(&self, payload: &[u8]) -> bool {
        let descriptor = descriptor(&mut Cursor::new(payload, 0));
        // A picture may begin with a layer above 0 where the layers below are not sent; such a one does not
        // depend on another layer of the same picture.
        descriptor.is_ok_and(|it| it.starts && (it.spatial_layer == 0 || !it.spatially_predicted))
    }

    fn push(&mut self, packet: &Packet) -> Result<(), PayloadError> {
        let mut payload = Cursor::new(&packet.payload, packet.header.sequence);
        let descriptor = descriptor(&mut payload)?;
        if !descriptor.starts && !self.within_layer {
            return Err(payload.invalid("continuation without a start", 0));
        }
        if descriptor.starts {
            if self.layers.len() == LAYERS_MAX {
                return Err(payload.invalid("number of layers", LAYERS_MAX as u32 + 1));
            }
            self.layers.push(self.frame.len());
        }
        self.within_layer = !descriptor.ends;
        self.frame.extend_from_slice(payload.rest());
        Ok(())
    }

    fn finish(&mut self) -> Finished {
        // Some senders leave out the end bit of the last packet; its marker says the same.
        if self.frame.is_empty() {
            return Finished::Incomplete;
        }
        let info = parse_frame(&self.frame).ok();
        let keyframe = info.is_some_and(|info| info.keyframe);
        let params = self.changed_params(info.and_then(|info| info.params()));
        self.write_superframe_index();
        let data = Bytes::copy_from_slice(&self.frame);
        self.clear();
        Finished::Frame { data, keyframe, params }
    }

    fn clear(&mut self) {
        self.frame.clear();
        self.layers.clear();
        self.within_layer = false;
    }
}

impl Vp9 {
    pub(super) fn new(params: &CodecParams) -> Self {
        Self { known: profile_and_depth(params), frame: Vec::new(), layers: Vec::new(), within_layer: false }
    }

    fn changed_params(&mut self, params: Option<CodecParams>) -> Option<CodecParams> {
        // A keyframe does not tell the level: a change of that alone is none.
        let new = params.as_ref().and_then(profile_and_depth)?;
        (self.known.replace(new) != Some(new)).then_some(params).flatten()
    }

    /// Several frames in one need an index to be taken apart again.
    fn write_superframe_index(&mut self) {
        if self.layers.len() < 2 {
            return;
        }
        let end = self.frame.len();
        let ends = self.layers.iter().skip(1).copied().chain([end]);
        let sizes: Vec<usize> = self.layers.iter().zip(ends).map(|(start, end)| end - start).collect();
        let largest = sizes.iter().copied().max().unwrap_or(0);
        let size_bytes = (usize::BITS - largest.leading_zeros()).div_ceil(8).clamp(1, 4) as usize;
        let marker = 0xc0 | (size_bytes as u8 - 1) << 3 | (sizes.len() as u8 - 1);
        self.frame.push(marker);
        for size in sizes {
            self.frame.extend_from_slice(&size.to_le_bytes()[..size_bytes]);
        }
        self.frame.push(marker);
    }
}

fn profile_and_depth(params: &CodecParams) -> Option<(u8, u8)> {
    match params {
        CodecParams::Vp9 { profile, bit_depth, .. } => Some((*profile, *bit_depth)),
        CodecParams::None
        | CodecParams::H264 { .. }
        | CodecParams::H265 { .. }
        | CodecParams::Av1 { .. }
        | CodecParams::Aac { .. } => None,
    }
}

fn descriptor(payload: &mut Cursor<'_>) -> Result<Descriptor, PayloadError> {
    let first = payload.u8("VP9 descriptor")?;
    let flag = |bit: u8| first & bit != 0;
    let (picture_id, inter, layers, flexible) = (flag(0x80), flag(0x40), flag(0x20), flag(0x10));
    let mut descriptor =
        Descriptor { starts: flag(0x08), ends: flag(0x04), spatial_layer: 0, spatially_predicted: false };
    if picture_id && payload.u8("VP9 picture id")? & 0x80 != 0 {
        payload.u8("VP9 picture id")?;
    }
    if layers {
        let indices = payload.u8("VP9 layer indices")?;
        descriptor.spatial_layer = indices >> 1 & 7;
        descriptor.spatially_predicted = indices & 1 != 0;
        if !flexible {
            payload.u8("VP9 TL0PICIDX")?;
        }
    }
    if flexible && inter {
        for index in 0.. {
            if payload.u8("VP9 reference")? & 1 == 0 {
                break;
            }
            if index == 2 {
                return Err(payload.invalid("number of VP9 references", 4));
            }
        }
    }
    if flag(0x02) {
        skip_scalability_structure(payload)?;
    }
    Ok(descriptor)
}

fn skip_scalability_structure(payload: &mut Cursor<'_>) -> Result<(), PayloadError> {
    const PART: &str = "VP9 scalability structure";
    let head = payload.u8(PART)?;
    if head & 0x10 != 0 {
        payload.take(4 * (usize::from(head >> 5) + 1), PART)?;
    }
    if head & 0x08 != 0 {
        for _ in 0..payload.u8(PART)? {
            let references = payload.u8(PART)? >> 2 & 3;
            payload.take(usize::from(references), PART)?;
        }
    }
    Ok(())
}
