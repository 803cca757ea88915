//! A description to tracks.
use super::fmtp::{self, Parameters};
use super::lines::{self, Section};
use super::payload::{Payload, RtpMap};
use super::{Direction, SDP_BYTES_MAX, SECTIONS_MAX, SdpError};
use crate::rtp::DepacketizerOptions;
use media::{Kind, Track};

/// One usable media section.
#[derive(Clone, PartialEq, Debug)]
pub struct MediaSection {
    /// The track; its id is the index in the list that holds the section.
    pub track: Track,
    /// `a=control`; see [`control_url`].
    pub control: Option<String>,
    /// RTP payload type of the track.
    pub payload_type: u8,
    /// RTP clock rate: the track's own, but for MPEG audio and some AAC.
    pub rtp_clock_rate: u32,
    /// How to read the packets.
    pub depacketizer: DepacketizerOptions,
    /// What the description says; nothing said is [`Direction::SendRecv`].
    pub direction: Direction,
    /// Port in `m=`; 0 in RTSP.
    pub port: u16,
    /// `b=AS`, or `b=TIAS` in whole kilobits.
    pub bandwidth_kbps: Option<u32>,
    /// `a=framerate`.
    pub frames_per_second: Option<f32>,
    /// Further payload types of the section that are understood: of back channels one may choose.
    pub alternatives: Vec<Payload>,
}

/// A description, understood.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Session {
    /// `s=`.
    pub name: String,
    /// What the peer sends to us.
    pub sections: Vec<MediaSection>,
    /// What the peer takes from us: sound with `a=sendonly` (from our point of view, as ONVIF has it).
    pub backchannels: Vec<MediaSection>,
    /// What was left out, and why: one sentence each.
    pub skipped: Vec<String>,
    /// `a=control` of the session.
    pub control: Option<String>,
    /// `a=range`, such as `npt=now-`.
    pub range: Option<String>,
}

/// Reads a description.
pub fn parse(data: &[u8]) -> Result<Session, SdpError> {
    let bytes = data.len();
    if bytes > SDP_BYTES_MAX {
        return Err(SdpError::TooLong { bytes });
    }
    let text = String::from_utf8_lossy(data);
    let (head, sections) = lines::split(&text);
    if sections.is_empty() && head.values(b'v').next().is_none() {
        return Err(SdpError::NotSdp { bytes });
    }
    let mut session = Session {
        name: head.values(b's').next().unwrap_or_default().to_owned(),
        control: head.attribute("control").map(str::to_owned),
        range: head.attribute("range").map(str::to_owned),
        ..Session::default()
    };
    let default_direction = direction(&head);
    // Servers that describe their own side say sendonly for video too: then nothing is a back channel.
    let own_side = sections
        .iter()
        .filter(|section| kind(section) == Some(Kind::Video))
        .any(|section| direction(section).or(default_direction) == Some(Direction::SendOnly));
    for (index, section) in sections.iter().enumerate() {
        if index >= SECTIONS_MAX {
            session.skipped.push(format!("media sections from {SECTIONS_MAX} on"));
            break;
        }
        let direction = direction(section).or(default_direction).unwrap_or_default();
        match read_section(section, &sections, direction, &mut session.skipped) {
            Ok(mut found) => {
                let back = direction == Direction::SendOnly && found.track.kind() == Kind::Audio && !own_side;
                let list = if back { &mut session.backchannels } else { &mut session.sections };
                found.track.id = list.len() as u8;
                list.push(found);
            }
            Err(why) => session.skipped.push(format!("section {index} ({}): {why}", section.media)),
        }
    }
    Ok(session)
}

fn kind(section: &Section<'_>) -> Option<Kind> {
    let word = section.media.split_whitespace().next()?;
    [Kind::Video, Kind::Audio].into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(word))
}

fn direction(section: &Section<'_>) -> Option<Direction> {
    section.attributes().find_map(|(name, _)| Direction::from_name(name))
}

fn read_section(
    section: &Section<'_>,
    all: &[Section<'_>],
    direction: Direction,
    notes: &mut Vec<String>,
) -> Result<MediaSection, String> {
    let kind = kind(section).ok_or("neither video nor audio")?;
    if direction == Direction::Inactive {
        return Err("inactive".into());
    }
    let mut words = section.media.split_whitespace().skip(1);
    let port = words.next().and_then(|word| word.split('/').next()?.parse().ok()).unwrap_or(0);
    // After the protocol come the payload types; a camera that forgets them still maps them.
    let mut payload_types: Vec<u8> = words.skip(1).filter_map(|word| word.parse().ok()).collect();
    let mapped: Vec<u8> = section.by_payload_type("rtpmap").map(|(payload_type, _)| payload_type).collect();
    let described =
        |payload_type: &u8| mapped.contains(payload_type) || RtpMap::of_static(*payload_type).is_some();
    if !payload_types.iter().any(described) {
        payload_types.extend(mapped.iter().copied());
    }
    let mut payloads = Vec::new();
    let mut why = String::from("no payload type");
    for payload_type in payload_types {
        match read_payload(section, all, kind, payload_type, notes) {
            Ok(payload) => payloads.push(payload),
            Err(reason) => why = reason,
        }
    }
    let mut payloads = payloads.into_iter();
    let first = payloads.next().ok_or(why)?;
    Ok(MediaSection {
        track: first.track,
        control: section.attribute("control").map(str::to_owned),
        payload_type: first.payload_type,
        rtp_clock_rate: first.depacketizer.rtp_clock_rate,
        depacketizer: first.depacketizer,
        direction,
        port,
        bandwidth_kbps: bandwidth(section),
        frames_per_second: section.attribute("framerate").and_then(|text| text.parse().ok()),
        alternatives: payloads.collect(),
    })
}

fn read_payload(
    section: &Section<'_>,
    all: &[Section<'_>],
    kind: Kind,
    payload_type: u8,
    notes: &mut Vec<String>,
) -> Result<Payload, String> {
    let of = |section: &Section<'_>, name| {
        let mut values = section.by_payload_type(name);
        values.find(|(number, _)| *number == payload_type).map(|(_, value)| value.to_owned())
    };
    let map_text = of(section, "rtpmap");
    let map = match &map_text {
        Some(text) => RtpMap::parse(text),
        None => RtpMap::of_static(payload_type)
            .ok_or_else(|| format!("payload type {payload_type} without rtpmap"))?,
    };
    let codec = map.codec().ok_or_else(|| format!("codec {} is not carried", map.encoding))?;
    if codec.kind() != kind {
        return Err(format!("{codec} in a section for {}", kind.as_str()));
    }
    let (track, rtp_clock_rate) = map.track(codec);
    let mut depacketizer = DepacketizerOptions::for_track(&track);
    depacketizer.rtp_clock_rate = rtp_clock_rate;
    depacketizer.jpeg_size = picture_size(section);
    let mut payload = Payload { payload_type, track, depacketizer };
    // Some cameras put the fmtp of their video below their audio: look elsewhere, unless it belongs there.
    let fmtp_text = of(section, "fmtp").or_else(|| {
        let mut others = all.iter().filter(|other| of(other, "rtpmap").is_none());
        others.find_map(|other| of(other, "fmtp"))
    });
    let parameters = Parameters::parse(fmtp_text.as_deref().unwrap_or_default());
    fmtp::apply(&mut payload, &map, &parameters, notes)?;
    Ok(payload)
}

fn bandwidth(section: &Section<'_>) -> Option<u32> {
    let find = |kind: &str| {
        let mut lines = section.values(b'b').filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(name, _)| name.trim().eq_ignore_ascii_case(kind))?;
        value.trim().parse::<u32>().ok()
    };
    find("AS").or_else(|| find("TIAS").map(|bits| bits / 1_000)).filter(|&kbps| kbps > 0)
}

/// `a=x-dimensions:1920,1080` or `a=framesize:26 1920-1080`: RFC 2435 itself ends at 2040 samples.
fn picture_size(section: &Section<'_>) -> Option<(u16, u16)> {
    let pair = |text: &str, separator| {
        let (width, height) = text.split_once(separator)?;
        Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
    };
    section
        .attribute("x-dimensions")
        .and_then(|text| pair(text, ','))
        .or_else(|| section.attribute("framesize").and_then(|text| pair(text.split_once(' ')?.1, '-')))
        .filter(|&(width, height): &(u16, u16)| width > 0 && height > 0)
}

/// The URL that `control` means, below `base` (Content-Base, Content-Location or the request's URL).
///
/// Not resolved as RFC 3986 would: cameras whose URL has a query (`…/realmonitor?channel=1`) want the control
/// appended behind it, and all clients do so.
pub fn control_url(base: &str, control: Option<&str>) -> String {
    match control.map(str::trim) {
        None | Some("" | "*") => base.to_owned(),
        Some(control) if control.contains("://") => control.to_owned(),
        Some(control) => {
            let control = control.strip_prefix('/').unwrap_or(control);
            format!("{}/{control}", base.strip_suffix('/').unwrap_or(base))
        }
    }
}
