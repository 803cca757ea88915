//! One entry to every parser of this module, for fuzz targets.
use super::{
    AccessUnits, AudioFrames, AudioSyntax, NalAssembler, audio_frame_ticks, codec_string, profile_level_name,
    video_size,
};
use super::{aac, av1, h264, h265, jpeg, mp3, nal, opus, vp8, vp9};
use bytes::Bytes;
use media::{Codec, CodecParams, Track};

/// Feeds `data` to every parser; only to see that none panics or hangs.
pub fn every_parser(data: &[u8]) {
    for codec in [Codec::H264, Codec::H265] {
        let mut assembler = NalAssembler::new(codec);
        for nal in nal::split_annexb(data).chain(nal::split_length_prefixed(data).flatten()) {
            assembler.push(nal);
        }
        assembler.push(data);
        let _ = assembler.finish();
        let _ = assembler.finish();
    }
    for codec in [Codec::H264, Codec::H265] {
        let mut units = AccessUnits::new(codec);
        data.chunks(31).for_each(|piece| units.push(piece));
        units.flush();
        while units.pop().is_some() {}
    }
    for syntax in [AudioSyntax::Adts, AudioSyntax::Loas, AudioSyntax::Mpeg] {
        let mut frames = AudioFrames::new(syntax);
        for piece in data.chunks(31) {
            frames.push(piece, Some(piece.len() as u64));
            while frames.pop(false).is_some() {}
        }
        while frames.pop(true).is_some() {}
    }
    let _ = nal::split_length_prefixed_sized(data, 2).count();
    let (sps, pps) = (Bytes::copy_from_slice(data), vec![Bytes::copy_from_slice(data)]);
    let avc = CodecParams::H264 { sps: sps.clone(), pps: pps.clone() };
    let hevc = CodecParams::H265 { vps: sps.clone(), sps: sps.clone(), pps };
    let av1 = CodecParams::Av1 { sequence_header: sps.clone() };
    let aac = CodecParams::Aac { config: sps };
    let _ = (h264::avcc(&avc), h265::hvcc(&hevc), av1::av1c(&av1));
    let _ = (h264::parse_avcc(data), h265::parse_hvcc(data), av1::parse_av1c(data), vp9::parse_vpcc(data));
    for track in [
        Track::video(0, Codec::H264, avc),
        Track::video(0, Codec::H265, hevc),
        Track::video(0, Codec::Av1, av1),
        Track::audio(0, Codec::Aac, 48_000, 2, aac),
        Track::audio(0, Codec::Opus, 48_000, 2, CodecParams::None),
        Track::audio(0, Codec::Mp3, 44_100, 2, CodecParams::None),
    ] {
        let _ = (codec_string(&track), video_size(&track), profile_level_name(&track));
        let _ = audio_frame_ticks(&track, data);
    }
    let _ = av1::normalise_temporal_unit(data);
    let _ = (vp8::size(data), vp9::parse_frame(data), jpeg::size(data), mp3::parse_header(data));
    let _ = aac::adts::frames(data).count();
    let _ = (opus::packet_duration_48k(data), h264::is_intra_slice(data), h264::has_recovery_point(data));
}
