//! Payload descriptors: what stands before a body in a packet, per codec, written and read again.
//!
//! Sources: RFC 7741 (VP8), RFC 9628 (VP9), RFC 6184 (H.264), RFC 7587 (Opus).
use super::body::Body;

/// What a bot's camera encodes with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum VideoCodec {
    /// With 15-bit picture ids and temporal layers.
    #[default]
    Vp8,
    /// Packetization mode 1.
    H264,
    /// Non-flexible mode, with spatial layers.
    Vp9,
}

impl VideoCodec {
    /// As MIME types call it, in capitals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
            Self::Vp9 => "VP9",
        }
    }

    /// The codec with this name in capitals.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Vp8, Self::H264, Self::Vp9].into_iter().find(|codec| codec.name() == name)
    }
}

/// How a payload is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Opus,
    Video(VideoCodec),
}

/// Numbers that a descriptor carries beside what the body says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Numbers {
    /// 15 bit.
    pub(super) picture_id: u16,
    pub(super) tl0_picture: u8,
    /// The frame refers to no higher layer than the one below its own: a receiver may begin with its layer here.
    pub(super) layer_sync: bool,
}

/// What a descriptor says, as a receiver reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Descriptor {
    pub(super) picture_id: Option<u16>,
    pub(super) tl0_picture: Option<u8>,
    pub(super) temporal: Option<u8>,
    pub(super) spatial: Option<u8>,
}

/// Key frames of VP8 begin with this. Source: RFC 6386 §9.1.
const VP8_START: [u8; 3] = [0x9d, 0x01, 0x2a];
/// Opus, 20 ms, CELT, full band, mono, one frame.
const OPUS_TOC: u8 = 0xf8;
const H264_SPS: [u8; 9] = [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8];
const H264_PPS: [u8; 4] = [0x68, 0xce, 0x06, 0xe2];

/// A whole payload: descriptor, then a body of `length` bytes.
pub(super) fn write(
    format: Format,
    body: &Body,
    numbers: Numbers,
    spatial_layers: u8,
    length: usize,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 40);
    match format {
        Format::Opus => out.push(OPUS_TOC),
        Format::Video(VideoCodec::Vp8) => vp8(body, numbers, &mut out),
        Format::Video(VideoCodec::Vp9) => vp9(body, numbers, spatial_layers, &mut out),
        Format::Video(VideoCodec::H264) => h264(body, length, &mut out),
    }
    body.write(length, &mut out);
    out
}

fn vp8(body: &Body, numbers: Numbers, out: &mut Vec<u8>) {
    let first = body.index == 0;
    let reference = body.temporal == 0;
    // X, N, S, PID 0; then I, L, T.
    out.extend([0x80 | u8::from(!reference) << 5 | u8::from(first) << 4, 0xe0]);
    out.extend((numbers.picture_id | 0x8000).to_be_bytes());
    out.extend([numbers.tl0_picture, body.temporal << 6 | u8::from(numbers.layer_sync) << 5]);
    if first {
        // P is set where it is no key frame; the frame is shown.
        out.extend([0x10 | u8::from(!body.key), 0, 0]);
        if body.key {
            out.extend(VP8_START);
            out.extend([0x80, 0x02, 0xe0, 0x01]);
        }
    }
}

fn vp9(body: &Body, numbers: Numbers, spatial_layers: u8, out: &mut Vec<u8>) {
    let first = body.index == 0;
    let last = body.index + 1 == body.count;
    let structure = body.key && first && body.spatial == 0;
    // I, P, L, F 0, B, E, V, Z 0.
    out.push(
        0xa0 | u8::from(!body.key) << 6
            | u8::from(first) << 3
            | u8::from(last) << 2
            | u8::from(structure) << 1,
    );
    out.extend((numbers.picture_id | 0x8000).to_be_bytes());
    out.extend([
        body.temporal << 5
            | u8::from(numbers.layer_sync) << 4
            | body.spatial << 1
            | u8::from(body.inter_layer),
        numbers.tl0_picture,
    ]);
    if structure {
        // N_S, Y, G 0; then the size of each layer.
        out.push((spatial_layers - 1) << 5 | 0x10);
        for layer in 0..spatial_layers {
            out.extend((320_u16 << layer).to_be_bytes());
            out.extend((180_u16 << layer).to_be_bytes());
        }
    }
}

/// A key frame begins with parameter sets and a body in a SEI unit of one aggregate; everything else is one slice in fragments, or whole.
fn h264(body: &Body, length: usize, out: &mut Vec<u8>) {
    let slice = if body.key { 5 } else { 1 };
    let begin = u16::from(body.key);
    if body.key && body.index == 0 {
        out.push(24 | 0x60);
        for unit in [&H264_SPS[..], &H264_PPS] {
            out.extend((unit.len() as u16).to_be_bytes());
            out.extend(unit);
        }
        out.extend((length.max(super::body::HEAD) as u16 + 1).to_be_bytes());
        out.push(6);
    } else if body.count == begin + 1 {
        out.push(0x60 | slice);
    } else {
        let (start, end) = (body.index == begin, body.index + 1 == body.count);
        out.extend([0x60 | 28, u8::from(start) << 7 | u8::from(end) << 6 | slice]);
    }
}

/// What the descriptor says, and the body that follows it. `None` if the descriptor is cut off or not of this kind.
pub(super) fn read(format: Format, payload: &[u8]) -> Option<(Descriptor, &[u8])> {
    match format {
        Format::Opus => payload.split_first().map(|(_, body)| (Descriptor::default(), body)),
        Format::Video(VideoCodec::Vp8) => read_vp8(payload),
        Format::Video(VideoCodec::Vp9) => read_vp9(payload),
        Format::Video(VideoCodec::H264) => read_h264(payload),
    }
}

fn read_vp8(payload: &[u8]) -> Option<(Descriptor, &[u8])> {
    let mut descriptor = Descriptor::default();
    let (first, mut rest) = payload.split_first()?;
    if first & 0x80 != 0 {
        let (flags, after) = rest.split_first()?;
        rest = after;
        if flags & 0x80 != 0 {
            (descriptor.picture_id, rest) = picture_id(rest)?;
        }
        if flags & 0x40 != 0 {
            let (tl0, after) = rest.split_first()?;
            (descriptor.tl0_picture, rest) = (Some(*tl0), after);
        }
        if flags & 0x30 != 0 {
            let (layers, after) = rest.split_first()?;
            (descriptor.temporal, rest) = (Some(layers >> 6), after);
        }
    }
    if first & 0x1f == 0x10 {
        let key = rest.first()? & 1 == 0;
        if key && rest.get(3..6)? != VP8_START {
            return None;
        }
        rest = rest.get(if key { 10 } else { 3 }..)?;
    }
    Some((descriptor, rest))
}

fn picture_id(bytes: &[u8]) -> Option<(Option<u16>, &[u8])> {
    let (high, rest) = bytes.split_first()?;
    if high & 0x80 == 0 {
        return Some((Some(u16::from(*high)), rest));
    }
    let (low, rest) = rest.split_first()?;
    Some((Some(u16::from(high & 0x7f) << 8 | u16::from(*low)), rest))
}

fn read_vp9(payload: &[u8]) -> Option<(Descriptor, &[u8])> {
    let mut descriptor = Descriptor::default();
    let (first, mut rest) = payload.split_first()?;
    if first & 0x80 != 0 {
        (descriptor.picture_id, rest) = picture_id(rest)?;
    }
    if first & 0x20 != 0 {
        let (layers, after) = rest.split_first()?;
        let (tl0, after) = after.split_first()?;
        descriptor.temporal = Some(layers >> 5);
        descriptor.spatial = Some(layers >> 1 & 7);
        (descriptor.tl0_picture, rest) = (Some(*tl0), after);
    }
    if first & 0x02 != 0 {
        let (structure, after) = rest.split_first()?;
        let sizes = if structure & 0x10 != 0 { (usize::from(structure >> 5) + 1) * 4 } else { 0 };
        rest = after.get(sizes..)?;
    }
    Some((descriptor, rest))
}

fn read_h264(payload: &[u8]) -> Option<(Descriptor, &[u8])> {
    let (first, mut rest) = payload.split_first()?;
    match first & 0x1f {
        1..=23 => Some((Descriptor::default(), rest)),
        24 => loop {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (unit, after) = (after.get(..length)?, after.get(length..)?);
            let (kind, content) = unit.split_first()?;
            if kind & 0x1f == 6 {
                return Some((Descriptor::default(), content));
            }
            rest = after;
        },
        28 => Some((Descriptor::default(), rest.get(1..)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(key: bool, index: u16, count: u16, spatial: u8) -> Body {
        Body {
            tag: 1,
            frame: 10,
            reference: 9,
            index,
            count,
            spatial,
            temporal: if key { 0 } else { 2 },
            key,
            inter_layer: spatial > 0,
            svc: spatial > 0,
            ticks: 30_000,
        }
    }

    #[test]
    fn what_is_written_is_read_again_in_each_format() {
        let numbers = Numbers { picture_id: 0x7ffe, tl0_picture: 255, layer_sync: true };
        let formats = [
            Format::Opus,
            Format::Video(VideoCodec::Vp8),
            Format::Video(VideoCodec::Vp9),
            Format::Video(VideoCodec::H264),
        ];
        for format in formats {
            for (key, index, count) in
                [(true, 0, 3), (true, 2, 3), (false, 0, 1), (false, 1, 4), (true, 1, 2)]
            {
                for spatial in if format == Format::Video(VideoCodec::Vp9) { 0..3 } else { 0..1 } {
                    let body = body(key, index, count, spatial);
                    let payload = write(format, &body, numbers, 3, 120);
                    let (descriptor, rest) = read(format, &payload).unwrap();
                    assert_eq!(Body::read(rest), Some(body), "{format:?}");
                    if matches!(format, Format::Video(VideoCodec::Vp8 | VideoCodec::Vp9)) {
                        assert_eq!(descriptor.picture_id, Some(0x7ffe));
                        assert_eq!(descriptor.tl0_picture, Some(255));
                        assert_eq!(descriptor.temporal, Some(body.temporal));
                    }
                    for length in 0..30 {
                        let _ = read(format, &payload[..length]);
                    }
                }
            }
        }
    }
}
