//! Which of a peer's payload types carries which track.
//!
//! Source: RFC 6184 §8.1 (H.264 profiles), RFC 9628 §6.1 (VP9 profile-id), AOM RTP payload for AV1 §7.2. Owns nothing.
//!
//! H.264 is matched leniently: browsers announce profiles at level 3.1 and decode far more, and a camera cannot be
//! asked to encode otherwise. So any H.264 payload type will do; the one whose profile comes nearest is taken.
use super::offer::{Choice, Flow, Offer, OfferedPayload, Section};
use hub::Wants;
use media::{Codec, CodecParams, Kind, Track, TrackId};
use std::fmt::Write;

/// The codecs that may travel over WebRTC here.
const CARRIED: &[Codec] = &[
    Codec::H264,
    Codec::H265,
    Codec::Vp8,
    Codec::Vp9,
    Codec::Av1,
    Codec::Opus,
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
];

/// What a microphone may be sent as: what every browser has, and every device can be given. Opus is taken where it is
/// offered; it hides losses, and G.711 does not.
const SPOKEN: &[Codec] = &[Codec::Opus, Codec::Pcma, Codec::Pcmu];

/// Whether a codec may travel over WebRTC here.
pub(crate) fn is_carried(codec: Codec) -> bool {
    CARRIED.contains(&codec)
}

/// The choices, one a section, and which track each section carries.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) choices: Vec<Choice>,
    /// Section index and track, for what we send.
    pub(crate) sends: Vec<(usize, TrackId)>,
    /// Section index and track, for what we receive.
    pub(crate) receives: Vec<(usize, TrackId)>,
    /// Tracks of the stream that no section carries.
    pub(crate) skipped: Vec<TrackId>,
}

/// Gives each track of a stream a section of the offer that can receive it.
pub(crate) fn for_player(offer: &Offer<'_>, tracks: &[Track]) -> Plan {
    let mut sends: Vec<(usize, TrackId)> = Vec::new();
    let mut choices = Vec::with_capacity(offer.sections.len());
    for (index, section) in offer.sections.iter().enumerate() {
        let Some(kind) = section.kind else {
            choices.push(Choice::Untouched);
            continue;
        };
        let free = tracks
            .iter()
            .filter(|track| track.kind() == kind && sends.iter().all(|(_, taken)| *taken != track.id));
        let found = free
            .filter(|_| section.flow.peer_receives())
            .find_map(|track| Some((track.id, payload_for(section, track)?)));
        match found {
            Some((track, payload)) => {
                sends.push((index, track));
                choices.push(Choice::Take { payload: payload.clone(), flow: Flow::Receive });
            }
            None => choices.push(Choice::Reject),
        }
    }
    Plan { choices, sends, receives: Vec::new(), skipped: Vec::new() }.settled(tracks)
}

/// As for a player, and the peer's microphone comes in by the first audio section that it offers to send in. Where that
/// section carries sound of ours as well, both go by its one codec.
pub(crate) fn for_talker(offer: &Offer<'_>, tracks: &[Track]) -> Plan {
    let mut plan = for_player(offer, tracks);
    for (index, section) in offer.sections.iter().enumerate() {
        if section.kind != Some(Kind::Audio) || !section.flow.peer_sends() {
            continue;
        }
        let is_spoken = |payload: &OfferedPayload| {
            payload.codec().is_some_and(|codec| SPOKEN.contains(&codec) && has_usual_clock(payload, codec))
        };
        match &mut plan.choices[index] {
            Choice::Take { payload, flow } if is_spoken(payload) => *flow = Flow::SendReceive,
            choice @ Choice::Reject => {
                let spoken = section.payloads.iter().filter(|payload| is_spoken(payload));
                // Of equals the first is taken: the peer's favourite.
                let Some(best) = spoken.min_by_key(|payload| payload.codec() != Some(Codec::Opus)) else {
                    continue;
                };
                *choice = Choice::Take { payload: best.clone(), flow: Flow::Send };
            }
            Choice::Take { .. } | Choice::Untouched => continue,
        }
        plan.receives.push((index, 0));
        break;
    }
    plan.settled(tracks)
}

/// What the peer of an offer wants of a stream's sources: a track for each section that it receives, of the codecs that
/// it names there.
pub(crate) fn wants(offer: &Offer<'_>) -> Wants {
    let mut wants = Wants::none();
    for section in offer.sections.iter().filter(|section| section.flow.peer_receives()) {
        let Some(kind) = section.kind else { continue };
        let codecs: Vec<Codec> = section
            .payloads
            .iter()
            .filter_map(OfferedPayload::codec)
            .filter(|codec| codec.kind() == kind && is_carried(*codec))
            .collect();
        if !codecs.is_empty() {
            wants = wants.with(kind, codecs);
        }
    }
    wants
}

/// Takes what a publisher offers to send: in each section the first payload type that is known here, so that what
/// arrives is certain before it arrives. Tracks are numbered in the order of the sections.
pub(crate) fn for_publisher(offer: &Offer<'_>) -> Plan {
    let mut receives = Vec::new();
    let mut choices = Vec::with_capacity(offer.sections.len());
    for (index, section) in offer.sections.iter().enumerate() {
        if section.kind.is_none() {
            choices.push(Choice::Untouched);
            continue;
        }
        let offered = || section.payloads.iter().filter(|payload| is_receivable(payload, section));
        // Fragments need packetization-mode 1: without it a key frame would have to fit a datagram.
        let whole = |payload: &&OfferedPayload| {
            payload.codec() != Some(Codec::H264) || payload.parameter("packetization-mode") == Some("1")
        };
        match offered().find(whole).or_else(|| offered().next()) {
            Some(payload) if section.flow.peer_sends() => {
                receives.push((index, receives.len() as TrackId));
                choices.push(Choice::Take { payload: payload.clone(), flow: Flow::Send });
            }
            Some(_) | None => choices.push(Choice::Reject),
        }
    }
    Plan { choices, sends: Vec::new(), receives, skipped: Vec::new() }.settled(&[])
}

impl Plan {
    /// Rejects what cannot be together, and says which of the stream's tracks are left out.
    fn settled(mut self, tracks: &[Track]) -> Self {
        separate_numbers(&mut self.choices);
        let is_taken = |section: usize| matches!(self.choices[section], Choice::Take { .. });
        self.sends.retain(|(section, _)| is_taken(*section));
        self.receives.retain(|(section, _)| is_taken(*section));
        let is_sent = |id: TrackId| self.sends.iter().any(|(_, sent)| *sent == id);
        self.skipped = tracks.iter().map(|track| track.id).filter(|id| !is_sent(*id)).collect();
        self
    }
}

/// All sections share one transport, so a number must not mean two things (RFC 9143 §9.1). A section that uses
/// another's number loses its retransmissions, or is rejected.
fn separate_numbers(choices: &mut [Choice]) {
    let mut used: Vec<OfferedPayload> = Vec::new();
    for choice in choices {
        let Choice::Take { payload, .. } = choice else { continue };
        let number = payload.payload_type;
        let clashes = used.iter().any(|other| {
            let same = (&other.name, other.clock_rate) == (&payload.name, payload.clock_rate);
            other.retransmission == Some(number) || (other.payload_type == number && !same)
        });
        if clashes {
            *choice = Choice::Reject;
            continue;
        }
        let same = used.iter().find(|other| other.payload_type == number);
        if let Some(again) = payload.retransmission {
            let taken =
                used.iter().any(|other| other.payload_type == again || other.retransmission == Some(again));
            if again == number || (taken && same.is_none_or(|other| other.retransmission != Some(again))) {
                payload.retransmission = None;
            }
        }
        used.push(payload.clone());
    }
}

fn is_receivable(payload: &OfferedPayload, section: &Section<'_>) -> bool {
    let Some(codec) = payload.codec() else { return false };
    CARRIED.contains(&codec) && Some(codec.kind()) == section.kind && has_usual_clock(payload, codec)
}

/// G.711 at other rates exists on paper only; Opus is always 48,000/2 (RFC 7587 §7).
fn has_usual_clock(payload: &OfferedPayload, codec: Codec) -> bool {
    match codec {
        Codec::Pcmu | Codec::Pcma => payload.clock_rate == 8_000 && payload.channels.unwrap_or(1) == 1,
        Codec::H264
        | Codec::H265
        | Codec::Av1
        | Codec::Vp8
        | Codec::Vp9
        | Codec::Mjpeg
        | Codec::Opus
        | Codec::G722 => codec.fixed_clock_rate() == Some(payload.clock_rate),
        Codec::Aac | Codec::L16 | Codec::Mp3 => true,
    }
}

/// The payload type of a section that can carry a track, if there is one.
fn payload_for<'a>(section: &'a Section<'_>, track: &Track) -> Option<&'a OfferedPayload> {
    if !CARRIED.contains(&track.codec) {
        return None;
    }
    let mut offered = section
        .payloads
        .iter()
        .filter(|payload| payload.codec() == Some(track.codec) && payload.clock_rate == track.clock_rate)
        .filter(|payload| has_usual_clock(payload, track.codec));
    match track.codec {
        // Of equals the first is taken: the peer's favourite.
        Codec::H264 => offered.min_by_key(|payload| h264_distance(payload, &track.params)),
        Codec::Vp9 => {
            let profile = match track.params {
                CodecParams::Vp9 { profile, .. } => profile,
                CodecParams::None
                | CodecParams::H264 { .. }
                | CodecParams::H265 { .. }
                | CodecParams::Av1 { .. }
                | CodecParams::Aac { .. } => 0,
            };
            offered.find(|payload| number(payload, "profile-id").unwrap_or(0) == u32::from(profile))
        }
        // Profile 0 is what cameras and encoders make; 1 and 2 (4:4:4, 4:2:2) never came up.
        Codec::Av1 => offered.find(|payload| number(payload, "profile").unwrap_or(0) == 0),
        Codec::H265 => {
            let profile = h265_profile(&track.params);
            let mut all: Vec<_> = offered.collect();
            all.sort_by_key(|payload| number(payload, "profile-id").unwrap_or(1) != profile);
            all.into_iter().next()
        }
        Codec::Pcmu | Codec::Pcma if track.channels > 1 => None,
        Codec::Vp8
        | Codec::Opus
        | Codec::Pcmu
        | Codec::Pcma
        | Codec::G722
        | Codec::Mjpeg
        | Codec::Aac
        | Codec::L16
        | Codec::Mp3 => offered.next(),
    }
}

fn number(payload: &OfferedPayload, name: &str) -> Option<u32> {
    payload.parameter(name)?.parse().ok()
}

/// How far an offered H.264 payload type is from the stream's own profile: smaller is better.
fn h264_distance(payload: &OfferedPayload, params: &CodecParams) -> u32 {
    let single_nal = u32::from(payload.parameter("packetization-mode") != Some("1"));
    let offered = payload
        .parameter("profile-level-id")
        .and_then(|text| u32::from_str_radix(text, 16).ok())
        // RFC 6184 §8.1: Baseline, level 1, when not said.
        .unwrap_or(0x42_000a);
    let offered_profile = (offered >> 16) as u8;
    let wanted_profile = match params {
        CodecParams::H264 { sps, .. } => sps.get(1).copied().unwrap_or(0x42),
        CodecParams::None
        | CodecParams::H265 { .. }
        | CodecParams::Av1 { .. }
        | CodecParams::Vp9 { .. }
        | CodecParams::Aac { .. } => 0x42,
    };
    let profile = if offered_profile == wanted_profile {
        0
    } else {
        // A decoder of a richer profile comes next; of those that decode 4:2:0 only, the richest.
        match (richness(offered_profile), richness(wanted_profile)) {
            (Some(offered), Some(wanted)) if offered > wanted => 1,
            (Some(offered), Some(_)) => 10 - offered,
            (Some(_), None) | (None, Some(_)) | (None, None) => 20,
        }
    };
    // Constrained Baseline (42e0) is decoded everywhere, also where plain Baseline (4200) is refused.
    let unconstrained = u32::from(offered_profile == 0x42 && offered & 0x4000 == 0);
    single_nal * 1_000 + profile * 10 + unconstrained
}

/// Baseline, Main and High in the order of what they can do; `None` for the rare ones (4:2:2, 4:4:4, scalable).
const fn richness(profile: u8) -> Option<u32> {
    match profile {
        0x42 => Some(1),
        0x4d => Some(2),
        0x64 => Some(3),
        _ => None,
    }
}

/// general_profile_idc, the low five bits of the second byte of the profile_tier_level; 1 (Main) when unknown.
fn h265_profile(params: &CodecParams) -> u32 {
    match params {
        // Two bytes of NAL header, one of ids, then the profile_tier_level.
        CodecParams::H265 { sps, .. } => sps.get(3).map_or(1, |byte| u32::from(byte & 0x1f)),
        CodecParams::None
        | CodecParams::H264 { .. }
        | CodecParams::Av1 { .. }
        | CodecParams::Vp9 { .. }
        | CodecParams::Aac { .. } => 1,
    }
}

/// What a stream has, for an error: `H264 video and AAC audio`.
pub(crate) fn describe_tracks(tracks: &[Track]) -> String {
    let mut text = String::new();
    for (index, track) in tracks.iter().enumerate() {
        let joint = match index {
            0 => "",
            _ if index + 1 == tracks.len() => " and ",
            _ => ", ",
        };
        let _ = write!(text, "{joint}{} {}", track.codec, track.kind().as_str());
    }
    if text.is_empty() { "nothing".to_owned() } else { text }
}

/// What a peer offered, for an error: `video VP8, H264; audio OPUS`.
pub(crate) fn describe_offer(offer: &Offer<'_>) -> String {
    let mut text = String::new();
    for section in &offer.sections {
        let Some(kind) = section.kind else { continue };
        let joint = if text.is_empty() { "" } else { "; " };
        let _ = write!(text, "{joint}{}", kind.as_str());
        let mut named: Vec<Codec> = Vec::new();
        for codec in section.payloads.iter().filter_map(OfferedPayload::codec) {
            if codec.kind() == kind && !named.contains(&codec) {
                let _ = write!(text, "{} {codec}", if named.is_empty() { "" } else { "," });
                named.push(codec);
            }
        }
        if section.flow == Flow::Inactive {
            text.push_str(" (inactive)");
        }
    }
    if text.is_empty() { "no audio or video".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const CHROMIUM: &str = include_str!("offers/chromium_156_recvonly.sdp");

    fn h264(profile: [u8; 3]) -> Track {
        let sps = Bytes::copy_from_slice(&[0x67, profile[0], profile[1], profile[2], 0xff]);
        Track::video(0, Codec::H264, CodecParams::H264 { sps, pps: vec![Bytes::from_static(&[0x68, 1])] })
    }

    fn profile_taken(track: Track) -> String {
        let offer = Offer::parse(CHROMIUM).unwrap();
        let plan = for_player(&offer, &[track]);
        match &plan.choices[plan.sends[0].0] {
            Choice::Take { payload, .. } => {
                assert_eq!(payload.parameter("packetization-mode"), Some("1"));
                payload.parameter("profile-level-id").unwrap().to_owned()
            }
            other @ (Choice::Reject | Choice::Untouched) => panic!("{other:?}"),
        }
    }

    #[test]
    fn any_h264_stream_finds_the_nearest_profile_a_browser_has() {
        assert_eq!(profile_taken(h264([0x64, 0x00, 0x33])), "4d001f", "High 5.1, no High offered");
        assert_eq!(profile_taken(h264([0x4d, 0x00, 0x28])), "4d001f");
        assert_eq!(profile_taken(h264([0x42, 0xe0, 0x1f])), "42e01f");
        assert_eq!(profile_taken(h264([0x42, 0x00, 0x1f])), "42e01f");
    }

    #[test]
    fn high_is_taken_where_it_is_offered() {
        let text = CHROMIUM.replace("profile-level-id=42001f", "profile-level-id=640c1f");
        let offer = Offer::parse(&text).unwrap();
        let plan = for_player(&offer, &[h264([0x64, 0x00, 0x28])]);
        let Choice::Take { payload, .. } = &plan.choices[0] else { panic!("{plan:?}") };
        assert_eq!(payload.parameter("profile-level-id"), Some("640c1f"));
    }

    #[test]
    fn aac_is_left_out_and_named() {
        let offer = Offer::parse(CHROMIUM).unwrap();
        let tracks = [h264([0x64, 0, 0x28]), Track::audio(1, Codec::Aac, 48_000, 2, CodecParams::default())];
        let plan = for_player(&offer, &tracks);
        assert_eq!((plan.sends.len(), plan.skipped.as_slice()), (1, &[1][..]));
        assert_eq!(describe_tracks(&tracks), "H264 video and AAC audio");
        assert_eq!(describe_offer(&offer), "video VP8, VP9, H264, AV1; audio OPUS, G722, PCMU, PCMA");
    }

    #[test]
    fn a_publisher_is_answered_with_its_first_known_codec() {
        let offer = Offer::parse(include_str!("offers/chromium_156_sendonly.sdp")).unwrap();
        let plan = for_publisher(&offer);
        assert_eq!(plan.receives, [(0, 0), (1, 1)]);
        let Choice::Take { payload, flow } = &plan.choices[0] else { panic!("{plan:?}") };
        assert_eq!((payload.codec(), *flow), (Some(Codec::Vp8), Flow::Send));
    }
}
