//! Units of noise in the shape of each codec.
use super::{captures, depacketizer, options, packets_of, track, unit};
use crate::rtp::Packetizer;
use crate::rtp::testing::Random;
use bytes::Bytes;
use media::{Codec, CodecParams, Unit};

pub(super) fn params(codec: Codec) -> CodecParams {
    match codec {
        Codec::H264 => CodecParams::H264 {
            sps: Bytes::from_static(&[0x67, 0x64, 0x00, 0x0a, 0xac, 0xd9]),
            pps: vec![Bytes::from_static(&[0x68, 0xef, 0x84])],
        },
        Codec::H265 => CodecParams::H265 {
            vps: Bytes::from_static(&[0x40, 1, 0x0c]),
            sps: Bytes::from_static(&[0x42, 1, 0x01, 0x01]),
            pps: vec![Bytes::from_static(&[0x44, 1, 0xc1])],
        },
        Codec::Av1 => CodecParams::Av1 { sequence_header: Bytes::from_static(&[0x0a, 3, 1, 5, 9]) },
        Codec::Vp9 => CodecParams::Vp9 { profile: 0, level: 0, bit_depth: 8 },
        Codec::Aac => CodecParams::Aac { config: Bytes::from_static(&[0x11, 0x90]) },
        Codec::Vp8
        | Codec::Mjpeg
        | Codec::Opus
        | Codec::Pcmu
        | Codec::Pcma
        | Codec::G722
        | Codec::L16
        | Codec::Mp3 => CodecParams::None,
    }
}

/// How far units are apart.
pub(super) fn step(codec: Codec) -> i64 {
    match codec {
        Codec::Aac => 1024,
        Codec::Mp3 => 1152,
        Codec::Opus => 960,
        Codec::Pcmu | Codec::Pcma | Codec::G722 => 160,
        Codec::L16 => 50,
        Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Mjpeg => 3600,
    }
}

/// The `index`-th unit; each fifth video unit is a keyframe.
pub(super) fn noise(codec: Codec, index: usize, random: &mut Random) -> Unit {
    let pts = index as i64 * step(codec);
    let keyframe = !codec.is_video() || codec == Codec::Mjpeg || index.is_multiple_of(5);
    let longest = [30, 600, 4000][random.below(3)];
    let length = 2 + random.below(longest);
    let data = match codec {
        Codec::H264 | Codec::H265 => slices(codec, keyframe, length, random),
        Codec::Av1 => obus(keyframe, length, random),
        Codec::Vp8 => {
            let mut data = random.bytes(length);
            data[0] = data[0] & 0xfe | u8::from(!keyframe);
            data
        }
        Codec::Vp9 => {
            let mut data =
                if keyframe { vec![0x82, 0x49, 0x83, 0x42, 0x10, 0, 0x70, 0, 0x70] } else { vec![0x86] };
            data.extend(random.bytes(length));
            data
        }
        Codec::Mjpeg => {
            let mut data = jpeg_head();
            data.extend(random.bytes(length).into_iter().map(|byte| byte & 0x7f));
            data.extend([0xff, 0xd9]);
            data
        }
        Codec::Aac => {
            let mut data = random.bytes(length);
            data[0] &= 0x7f;
            data
        }
        Codec::Mp3 => {
            // 48 kHz, layer III: 64, 128 or 320 kbit/s.
            let (third, bytes) = [(0x54, 192), (0x94, 384), (0xe4, 960)][random.below(3)];
            let mut data = vec![0xff, 0xfb, third, 0x44];
            data.extend(random.bytes(bytes - 4));
            data
        }
        Codec::Opus => random.bytes(length.min(200)),
        Codec::Pcmu | Codec::Pcma | Codec::G722 => random.bytes(160),
        Codec::L16 => random.bytes(200),
    };
    unit(pts, keyframe, data)
}

fn slices(codec: Codec, keyframe: bool, length: usize, random: &mut Random) -> Vec<u8> {
    let mut data = Vec::new();
    for slice in 0..1 + random.below(3) {
        let mut nal = match (codec, keyframe) {
            (Codec::H265, true) => vec![0x26, 1],
            (Codec::H265, false) => vec![0x02, 1],
            (_, true) => vec![0x65],
            (_, false) => vec![0x41],
        };
        let header = nal.len();
        nal.extend(random.dense_bytes(length));
        // The first bit says whether it is the first slice of its picture.
        nal[header] = nal[header] & 0x7f | u8::from(slice == 0) << 7;
        data.extend((nal.len() as u32).to_be_bytes());
        data.extend(nal);
    }
    data
}

fn obus(keyframe: bool, length: usize, random: &mut Random) -> Vec<u8> {
    let mut data = if keyframe { vec![0x0a, 3, 1, 5, 9] } else { Vec::new() };
    for index in 0..1 + random.below(5) {
        let mut body = random.bytes(length / (1 + index) + 1);
        body[0] = if keyframe { 0x10 } else { 0x30 };
        // A frame, then tile groups, some with an extension.
        let extension = random.below(2) == 1;
        let kind: u8 = if index == 0 { 6 } else { 4 };
        data.push(kind << 3 | u8::from(extension) << 2 | 2);
        if extension {
            data.push(0x20);
        }
        let mut size = bytes::BytesMut::new();
        crate::bitstream::av1::put_leb128(&mut size, body.len() as u32);
        data.extend_from_slice(&size);
        data.extend(body);
    }
    data
}

/// Everything up to the scan of a JPEG file, as the depacketizer writes it.
fn jpeg_head() -> Vec<u8> {
    let track = track(Codec::Mjpeg, CodecParams::None);
    let mut packetizer = Packetizer::new(&track, options(&track)).unwrap();
    let mut depacketizer = depacketizer(&track);
    let original = captures::expected_frames("mjpeg").remove(0);
    for packet in packets_of(&mut packetizer, &unit(0, true, original.to_vec())) {
        depacketizer.push(&packet).unwrap();
    }
    let file = depacketizer.pop().unwrap().data;
    let scan = file.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap() + 14;
    file[..scan].to_vec()
}
