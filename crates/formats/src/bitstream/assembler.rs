//! Collects the NAL units of one access unit into one frame, and keeps the parameter sets apart.
//!
//! Sources: ITU-T H.264 §7.4.1.2, D.1.8; ITU-T H.265 §7.4.2.2. Owns the parameter sets seen so far.
use super::{h264, h265, nal};
use bytes::{BufMut, Bytes, BytesMut};
use media::{Codec, CodecParams};

/// Largest access unit: 16 MiB. An 8K intra picture of a broadcast encoder stays below 8.
pub const ACCESS_UNIT_BYTES_MAX: usize = 16 << 20;

/// Most picture parameter sets kept: 64, all that H.265 can number; `avcC` could hold 255.
pub const PPS_MAX: usize = 64;

/// Frames are carved out of blocks of this size, so a small one costs no allocation.
const BLOCK_BYTES: usize = 64 << 10;

/// One whole access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NalFrame {
    /// The NAL units, each with a 4-byte length; as [`media::Unit::data`] wants them.
    pub data: Bytes,
    /// Decoding may start here; see [`NalAssembler`].
    pub keyframe: bool,
    /// The parameter sets, when they are complete and not what the last frame that had them said.
    pub params: Option<CodecParams>,
}

/// What a NAL unit is to the assembler.
enum Class {
    Vps,
    Sps,
    Pps,
    /// A coded slice; `random_access` when the type alone says that decoding may start here.
    Slice {
        random_access: bool,
    },
    /// H.264 only: what H.265 says with a NAL unit type stands in an SEI message there.
    Sei,
    /// Kept, says nothing.
    Other,
    /// Delimiters, filler, end of sequence, what is not specified.
    Dropped,
}

/// Collects the NAL units of one access unit. Where it ends is the caller's knowledge: call [`finish`](Self::finish).
///
/// A frame is a keyframe when it holds an IDR slice (H.264) or an IRAP slice (H.265). In H.264 it also is one
/// when a recovery point SEI comes before slices that are all I slices: encoders with open GOPs and cameras with
/// "smart" GOPs may never send an IDR after the first one. Recovery points with P slices (intra refresh) are not
/// taken: a reader that started there would show broken pictures for a while.
#[derive(Debug)]
pub struct NalAssembler {
    h265: bool,
    buffer: BytesMut,
    /// Start of the NAL unit that is being written, at its length field.
    open: Option<usize>,
    has_slice: bool,
    random_access: bool,
    recovery_point: bool,
    all_intra: bool,
    overflowed: bool,
    oversized: u64,
    vps: Option<Bytes>,
    sps: Option<Bytes>,
    pps: Vec<(u32, Bytes)>,
    /// The SPS of this access unit differs from the one before: the next PPS replaces all.
    pps_outdated: bool,
    sets_changed: bool,
    params: Option<CodecParams>,
}

impl NalAssembler {
    /// Starts without parameter sets. Codecs other than H.265 are taken for H.264.
    pub fn new(codec: Codec) -> Self {
        Self {
            h265: codec == Codec::H265,
            buffer: BytesMut::new(),
            open: None,
            has_slice: false,
            random_access: false,
            recovery_point: false,
            all_intra: true,
            overflowed: false,
            oversized: 0,
            vps: None,
            sps: None,
            pps: Vec::new(),
            pps_outdated: false,
            sets_changed: false,
            params: None,
        }
    }

    /// Starts with parameter sets known from elsewhere, such as SDP; they do not count as changed. Those of
    /// another codec are ignored.
    pub fn with_params(mut self, params: CodecParams) -> Self {
        let (vps, sps, pps) = match &params {
            CodecParams::H264 { sps, pps } if !self.h265 => (None, sps, pps),
            CodecParams::H265 { vps, sps, pps } if self.h265 => (Some(vps.clone()), sps, pps),
            CodecParams::H264 { .. }
            | CodecParams::H265 { .. }
            | CodecParams::None
            | CodecParams::Av1 { .. }
            | CodecParams::Vp9 { .. }
            | CodecParams::Aac { .. } => return self,
        };
        self.vps = vps;
        self.sps = Some(sps.clone());
        self.pps = pps.iter().take(PPS_MAX).map(|pps| (pps_id(pps, self.h265), pps.clone())).collect();
        self.params = Some(params);
        self
    }

    /// The parameter sets, once complete.
    pub fn params(&self) -> Option<&CodecParams> {
        self.params.as_ref()
    }

    /// Access units thrown away so far because they passed [`ACCESS_UNIT_BYTES_MAX`].
    pub fn oversized(&self) -> u64 {
        self.oversized
    }

    /// Adds one NAL unit, without start code or length.
    pub fn push(&mut self, nal: &[u8]) {
        let Some(&first) = nal.first() else { return };
        match self.classify(first) {
            Class::Dropped => {}
            Class::Vps | Class::Sps | Class::Pps => self.keep_parameter_set(nal),
            Class::Slice { .. } | Class::Sei | Class::Other => {
                self.begin_nal();
                self.extend_nal(nal);
                self.end_nal();
            }
        }
    }

    /// Begins a NAL unit that comes in pieces (RTP fragmentation units); an unfinished one is dropped.
    pub fn begin_nal(&mut self) {
        self.abort_nal();
        if self.buffer.capacity() < 4 {
            self.buffer.reserve(BLOCK_BYTES);
        }
        self.open = Some(self.buffer.len());
        self.buffer.put_u32(0);
    }

    /// Adds a piece of the NAL unit begun last; ignored when there is none.
    pub fn extend_nal(&mut self, piece: &[u8]) {
        if self.open.is_none() {
            return;
        }
        if self.buffer.len() + piece.len() > ACCESS_UNIT_BYTES_MAX {
            self.overflowed = true;
            self.abort_nal();
            return;
        }
        self.buffer.extend_from_slice(piece);
    }

    /// Ends the NAL unit begun last.
    pub fn end_nal(&mut self) {
        let Some(start) = self.open else { return };
        let Some(&first) = self.buffer.get(start + 4) else { return self.abort_nal() };
        match self.classify(first) {
            Class::Dropped => return self.abort_nal(),
            Class::Vps | Class::Sps | Class::Pps => {
                let set = Bytes::copy_from_slice(&self.buffer[start + 4..]);
                self.abort_nal();
                return self.keep_parameter_set(&set);
            }
            Class::Slice { random_access } => {
                self.has_slice = true;
                self.random_access |= random_access;
                if self.recovery_point && self.all_intra {
                    self.all_intra = h264::is_intra_slice(&self.buffer[start + 4..]);
                }
            }
            Class::Sei => self.recovery_point |= h264::has_recovery_point(&self.buffer[start + 4..]),
            Class::Other => {}
        }
        let length = (self.buffer.len() - start - 4) as u32;
        self.buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
        self.open = None;
    }

    /// Drops the NAL unit begun last, as after the loss of a piece.
    pub fn abort_nal(&mut self) {
        if let Some(start) = self.open.take() {
            self.buffer.truncate(start);
        }
    }

    /// Ends the access unit. `None` when it holds no slice, or was too large; parameter sets stay either way.
    pub fn finish(&mut self) -> Option<NalFrame> {
        self.abort_nal();
        let keyframe = self.random_access || (self.recovery_point && self.all_intra);
        let whole = self.has_slice && !self.overflowed;
        self.oversized += u64::from(self.overflowed);
        let data = whole.then(|| self.buffer.split().freeze());
        self.clear();
        let data = data?;
        Some(NalFrame { data, keyframe, params: self.changed_params() })
    }

    /// Drops the access unit begun, as after loss; keeps the parameter sets.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.open = None;
        self.has_slice = false;
        self.random_access = false;
        self.recovery_point = false;
        self.all_intra = true;
        self.overflowed = false;
        self.pps_outdated = false;
    }

    fn changed_params(&mut self) -> Option<CodecParams> {
        if !self.sets_changed || self.pps.is_empty() {
            return None;
        }
        let sps = self.sps.clone()?;
        let pps = self.pps.iter().map(|(_, pps)| pps.clone()).collect();
        let params = if self.h265 {
            CodecParams::H265 { vps: self.vps.clone()?, sps, pps }
        } else {
            CodecParams::H264 { sps, pps }
        };
        self.sets_changed = false;
        if self.params.as_ref() == Some(&params) {
            return None;
        }
        self.params = Some(params.clone());
        Some(params)
    }

    fn keep_parameter_set(&mut self, nal: &[u8]) {
        let nal = nal::trim_zeros(nal);
        let Some(&first) = nal.first() else { return };
        match self.classify(first) {
            Class::Vps => self.sets_changed |= replace(&mut self.vps, nal),
            Class::Sps => {
                if replace(&mut self.sps, nal) {
                    self.sets_changed = true;
                    self.pps_outdated = true;
                }
            }
            Class::Pps => {
                let id = pps_id(nal, self.h265);
                if std::mem::take(&mut self.pps_outdated) && self.pps.iter().any(|(_, old)| old != nal) {
                    self.pps.clear();
                }
                match self.pps.iter().position(|(known, _)| *known == id) {
                    Some(index) if self.pps[index].1 == nal => return,
                    Some(index) => self.pps[index].1 = Bytes::copy_from_slice(nal),
                    None if self.pps.len() < PPS_MAX => self.pps.push((id, Bytes::copy_from_slice(nal))),
                    None => return,
                }
                self.sets_changed = true;
            }
            Class::Slice { .. } | Class::Sei | Class::Other | Class::Dropped => {}
        }
    }

    fn classify(&self, first: u8) -> Class {
        if self.h265 {
            // IRAP pictures have the types 16 to 23; 48 and up are RTP's own.
            match h265::nal_type(first) {
                h265::NAL_VPS => Class::Vps,
                h265::NAL_SPS => Class::Sps,
                h265::NAL_PPS => Class::Pps,
                kind @ (0..=9 | 16..=23) => Class::Slice { random_access: (16..=23).contains(&kind) },
                39..=40 => Class::Other,
                0..=255 => Class::Dropped,
            }
        } else {
            match h264::nal_type(first) {
                h264::NAL_SPS => Class::Sps,
                h264::NAL_PPS => Class::Pps,
                kind @ 1..=5 => Class::Slice { random_access: kind == h264::NAL_IDR },
                6 => Class::Sei,
                14 | 19..=21 => Class::Other,
                0..=255 => Class::Dropped,
            }
        }
    }
}

fn replace(slot: &mut Option<Bytes>, nal: &[u8]) -> bool {
    let changed = slot.as_deref() != Some(nal);
    if changed {
        *slot = Some(Bytes::copy_from_slice(nal));
    }
    changed
}

/// The number of a picture parameter set; an unreadable one counts as 0.
fn pps_id(nal: &[u8], h265: bool) -> u32 {
    let header = if h265 { 2 } else { 1 };
    let start: smallvec::SmallVec<[u8; 8]> = nal::unescaped(nal).skip(header).take(8).collect();
    super::bits::BitReader::new("PPS", &start).ue().unwrap_or(0)
}

#[cfg(test)]
mod tests;
