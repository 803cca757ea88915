//! Tracks to a description.
use super::Direction;
use crate::bitstream::{av1, h264, h265};
use crate::rtp::clock_rate;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use media::{Codec, CodecParams, Track};
use std::fmt::Write;

/// First payload type for codecs without a static one. Source: RFC 3551 §6.
const DYNAMIC_FIRST: u8 = 96;

/// A description to write.
#[derive(Clone, Debug)]
pub struct SdpSpec<'a> {
    /// Session name; what cannot stand in a line becomes a space, and an empty one `-`.
    pub name: &'a str,
    /// Session id in `o=`: the same for one session, different for others.
    pub session_id: u64,
    /// Version in `o=`: higher whenever the description of one session changes.
    pub version: u64,
    /// Our address in `o=`; names the session only, nobody connects to it.
    pub origin: std::net::IpAddr,
    /// `a=control` of the session: `*` in a DESCRIBE, nothing in an ANNOUNCE.
    pub control: Option<&'a str>,
    /// `a=range`: `npt=now-` for live media.
    pub range: Option<&'a str>,
    /// The sections.
    pub sections: Vec<SectionSpec<'a>>,
}

/// A section to write.
#[derive(Clone, Debug)]
pub struct SectionSpec<'a> {
    /// The track.
    pub track: &'a Track,
    /// Its RTP payload type.
    pub payload_type: u8,
    /// `a=control`; nothing is written if empty.
    pub control: String,
    /// Nothing is written for [`Direction::SendRecv`].
    pub direction: Direction,
    /// 0 in RTSP.
    pub port: u16,
}

impl<'a> SdpSpec<'a> {
    /// A live session of these tracks as DESCRIBE answers it: controls `trackID=0` and so on, payload types by
    /// [`assign_payload_types`].
    pub fn describe(name: &'a str, tracks: &'a [Track]) -> Self {
        let sections = tracks.iter().zip(assign_payload_types(tracks)).enumerate();
        Self {
            name,
            session_id: 0,
            version: 0,
            origin: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            control: Some("*"),
            range: Some("npt=now-"),
            sections: sections
                .map(|(index, (track, payload_type))| SectionSpec {
                    track,
                    payload_type,
                    control: format!("trackID={index}"),
                    direction: Direction::SendRecv,
                    port: 0,
                })
                .collect(),
        }
    }

    /// The same as ANNOUNCE sends it: without `a=range`, controls `streamid=0` as ffmpeg names them.
    pub fn announce(name: &'a str, tracks: &'a [Track]) -> Self {
        let mut spec = Self::describe(name, tracks);
        (spec.control, spec.range) = (None, None);
        for (index, section) in spec.sections.iter_mut().enumerate() {
            section.control = format!("streamid={index}");
        }
        spec
    }
}

/// A payload type for each track: the static one where the track has the form it stands for, else 96 and up.
pub fn assign_payload_types(tracks: &[Track]) -> Vec<u8> {
    let mut next = DYNAMIC_FIRST;
    let dynamic = |next: &mut u8| {
        let payload_type = *next;
        *next = (*next + 1).min(127);
        payload_type
    };
    tracks.iter().map(|track| static_payload_type(track).unwrap_or_else(|| dynamic(&mut next))).collect()
}

fn static_payload_type(track: &Track) -> Option<u8> {
    match (track.codec, track.clock_rate, track.channels) {
        (Codec::Pcmu | Codec::Pcma | Codec::G722, 8_000, 1) => track.codec.static_payload_type(),
        (Codec::L16, 44_100, 2) => Some(10),
        (Codec::L16, 44_100, 1) => Some(11),
        (Codec::Mp3 | Codec::Mjpeg, _, _) => track.codec.static_payload_type(),
        (
            Codec::H264
            | Codec::H265
            | Codec::Av1
            | Codec::Vp8
            | Codec::Vp9
            | Codec::Aac
            | Codec::Opus
            | Codec::Pcmu
            | Codec::Pcma
            | Codec::G722
            | Codec::L16,
            _,
            _,
        ) => None,
    }
}

/// Writes a description, with CR LF.
pub fn write(spec: &SdpSpec<'_>) -> String {
    let mut out = String::with_capacity(512);
    // Writing to a String cannot fail.
    let _ = write_lines(&mut out, spec);
    out
}

fn write_lines(out: &mut String, spec: &SdpSpec<'_>) -> std::fmt::Result {
    let version = if spec.origin.is_ipv4() { 4 } else { 6 };
    let any = if spec.origin.is_ipv4() { "0.0.0.0" } else { "::" };
    write!(out, "v=0\r\no=- {} {} ", spec.session_id, spec.version)?;
    write!(out, "IN IP{version} {}\r\ns={}\r\n", spec.origin, line_text(spec.name))?;
    write!(out, "c=IN IP{version} {any}\r\nt=0 0\r\n")?;
    for (name, value) in [("control", spec.control), ("range", spec.range)] {
        if let Some(value) = value {
            write!(out, "a={name}:{}\r\n", line_text(value))?;
        }
    }
    for section in &spec.sections {
        let SectionSpec { track, payload_type, control, direction, port } = section;
        write!(out, "m={} {port} RTP/AVP {payload_type}\r\n", track.kind().as_str())?;
        write!(out, "a=rtpmap:{payload_type} {}\r\n", rtpmap(track))?;
        if let Some(parameters) = fmtp(track) {
            write!(out, "a=fmtp:{payload_type} {parameters}\r\n")?;
        }
        if *direction != Direction::SendRecv {
            write!(out, "a={}\r\n", direction.as_str())?;
        }
        if !control.is_empty() {
            write!(out, "a=control:{}\r\n", line_text(control))?;
        }
    }
    Ok(())
}

fn line_text(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = clean.trim();
    if clean.is_empty() { "-".into() } else { clean.into() }
}

fn rtpmap(track: &Track) -> String {
    let (name, rate) = (track.codec.rtp_name(), clock_rate(track));
    match track.codec {
        Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Mjpeg => {
            format!("{name}/{rate}")
        }
        // Lower case as all others write it; always two channels (RFC 7587 §7).
        Codec::Opus => "opus/48000/2".into(),
        // VLC only knows the lower case form as AAC.
        Codec::Aac => format!("mpeg4-generic/{rate}/{}", track.channels.max(1)),
        // The header of each frame tells the channels.
        Codec::Mp3 => format!("{name}/{rate}"),
        Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 if track.channels > 1 => {
            format!("{name}/{rate}/{}", track.channels)
        }
        Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 => format!("{name}/{rate}"),
    }
}

fn fmtp(track: &Track) -> Option<String> {
    match (track.codec, &track.params) {
        (Codec::H264, CodecParams::H264 { sps, pps }) => Some(h264_fmtp(sps, pps)),
        (Codec::H264, _) => Some("packetization-mode=1".into()),
        (Codec::H265, CodecParams::H265 { vps, sps, pps }) => Some(h265_fmtp(vps, sps, pps)),
        (Codec::Av1, CodecParams::Av1 { sequence_header }) => {
            let info = av1::parse_sequence_header(sequence_header).ok()?;
            let tier = u8::from(info.high_tier);
            Some(format!("profile={};level-idx={};tier={tier}", info.profile, info.level_idx))
        }
        (Codec::Vp9, CodecParams::Vp9 { profile, .. }) => Some(format!("profile-id={profile}")),
        (Codec::Aac, CodecParams::Aac { config }) => {
            let mut text = String::from(
                "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=",
            );
            for byte in config {
                write!(text, "{byte:02X}").ok()?;
            }
            Some(text)
        }
        (Codec::Opus, _) => Some(format!("sprop-stereo={}", u8::from(track.channels != 1))),
        (
            Codec::H265
            | Codec::Av1
            | Codec::Vp8
            | Codec::Vp9
            | Codec::Mjpeg
            | Codec::Aac
            | Codec::Pcmu
            | Codec::Pcma
            | Codec::G722
            | Codec::L16
            | Codec::Mp3,
            _,
        ) => None,
    }
}

fn h264_fmtp(sps: &Bytes, pps: &[Bytes]) -> String {
    let mut text = String::from("packetization-mode=1");
    if let Some(&[_, profile, constraints, level]) = sps.get(..4)
        && h264::nal_type(sps[0]) == h264::NAL_SPS
    {
        let _ = write!(text, ";profile-level-id={profile:02X}{constraints:02X}{level:02X}");
    }
    text.push_str(";sprop-parameter-sets=");
    text.push_str(&STANDARD.encode(sps));
    for pps in pps {
        text.push(',');
        text.push_str(&STANDARD.encode(pps));
    }
    text
}

fn h265_fmtp(vps: &Bytes, sps: &Bytes, pps: &[Bytes]) -> String {
    let mut text = String::new();
    if let Ok(info) = h265::parse_sps(sps) {
        let (profile, tier) = (info.profile.profile_idc, u8::from(info.profile.high_tier));
        let _ = write!(text, "profile-id={profile};tier-flag={tier};level-id={};", info.profile.level_idc);
    }
    let pps: Vec<String> = pps.iter().map(|pps| STANDARD.encode(pps)).collect();
    let (vps, sps, pps) = (STANDARD.encode(vps), STANDARD.encode(sps), pps.join(","));
    let _ = write!(text, "sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}");
    text
}
