//! SDP offers of WebRTC peers: what they can do, and the same offer cut down to what is answered.
//!
//! Source: RFC 8866 (SDP), RFC 8829 (what browsers put into it), RFC 9143 (BUNDLE).
//!
//! The engine below answers whatever an offer allows that it knows too. Choosing happens here instead, since it takes
//! knowledge of the stream: each media section is reduced to the one payload type that will be used and its
//! retransmissions, and only then handed on. Owns nothing.
use media::{Codec, Kind};
use std::fmt::Write;

/// Longest offer: 256 KiB. Chromium's offers of one audio and one video section have 6 KB; forty times that.
pub(crate) const OFFER_BYTES_MAX: usize = 256 * 1024;
/// Most media sections in an offer: 32. Players and publishers use two or three.
pub(crate) const SECTIONS_MAX: usize = 32;

/// Says which section a packet is for. A publisher may need it, whose sources are not always in its offer; players
/// know ours from the answer. All extensions that are not named here are struck from the offer.
const EXTENSION_MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// What congestion feedback needs besides.
const EXTENSION_TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// What the receiver's own estimate (REMB) needs.
const EXTENSION_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";

/// Who wants to send in a media section, seen from the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    SendReceive,
    Send,
    Receive,
    Inactive,
}

impl Flow {
    pub(crate) const fn peer_receives(self) -> bool {
        matches!(self, Flow::SendReceive | Flow::Receive)
    }

    pub(crate) const fn peer_sends(self) -> bool {
        matches!(self, Flow::SendReceive | Flow::Send)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Flow::SendReceive => "sendrecv",
            Flow::Send => "sendonly",
            Flow::Receive => "recvonly",
            Flow::Inactive => "inactive",
        }
    }

    fn parse(attribute: &str) -> Option<Flow> {
        [Flow::SendReceive, Flow::Send, Flow::Receive, Flow::Inactive]
            .into_iter()
            .find(|flow| flow.as_str() == attribute)
    }
}

/// One payload type the peer offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OfferedPayload {
    pub(crate) payload_type: u8,
    /// The encoding name of `a=rtpmap`, as written.
    pub(crate) name: String,
    pub(crate) clock_rate: u32,
    /// As written; absent means one.
    pub(crate) channels: Option<u8>,
    /// The parameters of `a=fmtp`, as written.
    pub(crate) parameters: String,
    /// The payload type of its retransmissions (RFC 4588).
    pub(crate) retransmission: Option<u8>,
}

impl OfferedPayload {
    pub(crate) fn codec(&self) -> Option<Codec> {
        Codec::from_rtp_name(&self.name)
    }

    /// The value of a format parameter, names compared without case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        parameter(&self.parameters, name)
    }
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// One media section of an offer.
#[derive(Clone, Debug)]
pub(crate) struct Section<'a> {
    /// `None` for data channels and anything else that is neither audio nor video.
    pub(crate) kind: Option<Kind>,
    pub(crate) mid: &'a str,
    pub(crate) flow: Flow,
    /// In the peer's order of preference, retransmissions and the like left out.
    pub(crate) payloads: Vec<OfferedPayload>,
    lines: Vec<&'a str>,
}

/// A parsed offer; borrows its text.
#[derive(Clone, Debug)]
pub(crate) struct Offer<'a> {
    head: Vec<&'a str>,
    pub(crate) sections: Vec<Section<'a>>,
}

/// What is answered to one media section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Choice {
    /// Neither audio nor video: handed on as it is.
    Untouched,
    /// Rejected.
    Reject,
    /// This payload type, in this direction.
    Take { payload: OfferedPayload, flow: Flow },
}

/// Which feedback about bandwidth is left in the offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Feedback {
    None,
    TransportWide,
    ReceiverEstimate,
}

impl<'a> Offer<'a> {
    /// Splits an offer into sections. Lenient: lines that make no sense are left to the engine to refuse.
    pub(crate) fn parse(text: &'a str) -> Result<Self, &'static str> {
        if text.len() > OFFER_BYTES_MAX {
            return Err("longer than 256 KiB");
        }
        let mut head = Vec::new();
        let mut sections: Vec<Vec<&str>> = Vec::new();
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            if line.starts_with("m=") {
                if sections.len() == SECTIONS_MAX {
                    return Err("more than 32 media sections");
                }
                sections.push(Vec::new());
            }
            sections.last_mut().unwrap_or(&mut head).push(line);
        }
        if !head.first().is_some_and(|line| line.starts_with("v=0")) {
            return Err("does not start with v=0");
        }
        if sections.is_empty() {
            return Err("no media section");
        }
        let flow = head.iter().find_map(|line| Flow::parse(line.strip_prefix("a=")?));
        let flow = flow.unwrap_or(Flow::SendReceive);
        let sections = sections.into_iter().map(|lines| Section::parse(lines, flow)).collect();
        Ok(Self { head, sections })
    }

    /// The offer with each section reduced to what `choices` says; one choice a section, in order.
    pub(crate) fn reduced(&self, choices: &[Choice], feedback: Feedback) -> String {
        let mut text = String::with_capacity(4096);
        for line in &self.head {
            push_line(&mut text, line);
        }
        for (section, choice) in self.sections.iter().zip(choices) {
            match choice {
                Choice::Untouched => section.lines.iter().for_each(|line| push_line(&mut text, line)),
                Choice::Reject => section.write_rejected(&mut text),
                Choice::Take { payload, flow } => section.write_taken(&mut text, payload, *flow, feedback),
            }
        }
        text
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push_str("\r\n");
}

impl<'a> Section<'a> {
    fn parse(lines: Vec<&'a str>, session_flow: Flow) -> Self {
        let mut words = lines.first().map_or("", |line| &line[2..]).split_ascii_whitespace();
        let kind = match words.next() {
            Some("audio") => Some(Kind::Audio),
            Some("video") => Some(Kind::Video),
            Some(_) | None => None,
        };
        let attributes = || lines.iter().filter_map(|line| line.strip_prefix("a="));
        let mid = attributes().find_map(|a| a.strip_prefix("mid:")).unwrap_or("").trim();
        let flow = attributes().find_map(Flow::parse).unwrap_or(session_flow);
        // Port and profile, then the payload types, which have seven bits.
        let numbers: Vec<u8> = words
            .skip(2)
            .filter_map(|word| word.parse().ok())
            .filter(|number| *number < 128)
            .take(128)
            .collect();
        let mapped = |number: u8| attributes().find_map(|a| numbered(a, "rtpmap:", number));
        let formatted = |number: u8| attributes().find_map(|a| numbered(a, "fmtp:", number)).unwrap_or("");
        let mut payloads: Vec<OfferedPayload> = Vec::new();
        for &number in &numbers {
            let Some(payload) = OfferedPayload::new(number, mapped(number), formatted(number)) else {
                continue;
            };
            payloads.push(payload);
        }
        for &number in &numbers {
            let is_rtx = mapped(number)
                .is_some_and(|map| map.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("rtx/")));
            if !is_rtx {
                continue;
            }
            let apt = parameter(formatted(number), "apt").and_then(|value| value.parse::<u8>().ok());
            if let Some(payload) = payloads.iter_mut().find(|payload| Some(payload.payload_type) == apt) {
                payload.retransmission.get_or_insert(number);
            }
        }
        Self { kind, mid, flow, payloads, lines }
    }

    /// Port 0 alone would not do: inside a bundle that means "shares the transport" (RFC 9143 §7). So the one payload
    /// type left has a name that nobody knows.
    fn write_rejected(&self, text: &mut String) {
        let mut words = self.lines.first().map_or("", |line| *line).split_ascii_whitespace();
        let (what, profile) =
            (words.next().unwrap_or("m=video"), words.nth(1).unwrap_or("UDP/TLS/RTP/SAVPF"));
        let number = words.next().unwrap_or("96");
        let _ = write!(text, "{what} 9 {profile} {number}\r\n");
        for line in &self.lines[1..] {
            if is_transport_line(line) {
                push_line(text, line);
            }
        }
        let _ = write!(text, "a=inactive\r\na=rtpmap:{number} none/90000\r\n");
    }

    fn write_taken(&self, text: &mut String, payload: &OfferedPayload, flow: Flow, feedback: Feedback) {
        let number = payload.payload_type;
        let mut words = self.lines.first().map_or("", |line| *line).split_ascii_whitespace();
        for _ in 0..3 {
            text.push_str(words.next().unwrap_or("9"));
            text.push(' ');
        }
        let _ = write!(text, "{number}");
        if let Some(retransmission) = payload.retransmission {
            let _ = write!(text, " {retransmission}");
        }
        text.push_str("\r\n");
        for line in &self.lines[1..] {
            if is_transport_line(line) || is_wanted_extension(line, flow, feedback) || is_source_line(line) {
                push_line(text, line);
            } else if let Some(value) = line.strip_prefix("a=rtcp-fb:") {
                let mut words = value.split_ascii_whitespace();
                let about = words.next().unwrap_or("");
                let ours = about == "*" || about.parse() == Ok(number);
                let wanted = match words.next() {
                    Some("transport-cc") => feedback == Feedback::TransportWide,
                    Some("goog-remb") => feedback == Feedback::ReceiverEstimate,
                    Some(_) => true,
                    None => false,
                };
                if ours && wanted {
                    let rest = value[about.len()..].trim_start();
                    let _ = write!(text, "a=rtcp-fb:{number} {rest}\r\n");
                }
            }
        }
        let _ = write!(text, "a={}\r\n", flow.as_str());
        let _ = write!(text, "a=rtpmap:{number} {}/{}", payload.name, payload.clock_rate);
        if let Some(channels) = payload.channels {
            let _ = write!(text, "/{channels}");
        }
        text.push_str("\r\n");
        if !payload.parameters.is_empty() {
            let _ = write!(text, "a=fmtp:{number} {}\r\n", payload.parameters);
        }
        if let Some(retransmission) = payload.retransmission {
            let _ = write!(
                text,
                "a=rtpmap:{retransmission} rtx/{}\r\na=fmtp:{retransmission} apt={number}\r\n",
                payload.clock_rate
            );
        }
    }
}

impl OfferedPayload {
    /// `map` is what follows the number in `a=rtpmap`; without one the number must be a static one (RFC 3551 §6).
    fn new(number: u8, map: Option<&str>, parameters: &str) -> Option<Self> {
        let (name, clock_rate, channels) = match map {
            Some(map) => {
                let mut parts = map.split('/');
                let name = parts.next()?.trim();
                let clock_rate = parts.next()?.trim().parse().ok()?;
                (name, clock_rate, parts.next().and_then(|part| part.trim().parse().ok()))
            }
            None => {
                let codec = Codec::all().find(|codec| codec.static_payload_type() == Some(number))?;
                (codec.rtp_name(), 8_000, None)
            }
        };
        Codec::from_rtp_name(name)?;
        let parameters = parameters.trim().to_owned();
        Some(Self {
            payload_type: number,
            name: name.to_owned(),
            clock_rate,
            channels,
            parameters,
            retransmission: None,
        })
    }
}

/// The rest of an attribute such as `rtpmap:96 VP8/90000`, when it is about payload type `number`.
fn numbered<'a>(attribute: &'a str, name: &str, number: u8) -> Option<&'a str> {
    let (about, rest) = attribute.strip_prefix(name)?.split_once(' ')?;
    (about.trim().parse() == Ok(number)).then(|| rest.trim())
}

/// Lines about the transport, the same whatever is carried. Candidates with host names (mDNS) are left out: nobody
/// here resolves them, and the peer's own checks make its address known.
fn is_transport_line(line: &str) -> bool {
    const KEPT: &[&str] =
        &["c=", "a=ice-", "a=fingerprint:", "a=setup:", "a=mid:", "a=rtcp-mux", "a=rtcp-rsize", "a=rtcp:"];
    if let Some(candidate) = line.strip_prefix("a=candidate:") {
        let address = candidate.split_ascii_whitespace().nth(4).unwrap_or("");
        return address.parse::<std::net::IpAddr>().is_ok();
    }
    KEPT.iter().any(|prefix| line.starts_with(prefix))
}

fn is_wanted_extension(line: &str, flow: Flow, feedback: Feedback) -> bool {
    let Some(value) = line.strip_prefix("a=extmap:") else { return false };
    let uri = value.split_ascii_whitespace().nth(1).unwrap_or("");
    (uri == EXTENSION_MID && flow.peer_sends())
        || (uri == EXTENSION_TRANSPORT_CC && feedback == Feedback::TransportWide)
        || (uri == EXTENSION_SEND_TIME && feedback == Feedback::ReceiverEstimate)
}

fn is_source_line(line: &str) -> bool {
    ["a=ssrc:", "a=ssrc-group:", "a=msid:"].iter().any(|prefix| line.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROMIUM: &str = include_str!("offers/chromium_156_recvonly.sdp");

    #[test]
    fn the_sections_of_a_browser_offer_are_found_with_their_payloads() {
        let offer = Offer::parse(CHROMIUM).unwrap();
        assert_eq!(offer.sections.len(), 2);
        let video = offer.sections.iter().find(|s| s.kind == Some(Kind::Video)).unwrap();
        assert_eq!(video.flow, Flow::Receive);
        let h264: Vec<_> =
            video.payloads.iter().filter(|payload| payload.codec() == Some(Codec::H264)).collect();
        assert!(h264.len() >= 4, "{h264:?}");
        assert!(h264.iter().all(|payload| payload.retransmission.is_some()), "{h264:?}");
        let audio = offer.sections.iter().find(|s| s.kind == Some(Kind::Audio)).unwrap();
        let opus = audio.payloads.iter().find(|payload| payload.codec() == Some(Codec::Opus)).unwrap();
        assert_eq!((opus.clock_rate, opus.channels), (48_000, Some(2)));
    }

    #[test]
    fn a_reduced_offer_names_one_payload_and_its_retransmissions() {
        let offer = Offer::parse(CHROMIUM).unwrap();
        let choices: Vec<Choice> = offer
            .sections
            .iter()
            .map(|section| match section.kind {
                Some(Kind::Video) => Choice::Take {
                    payload: section
                        .payloads
                        .iter()
                        .find(|payload| payload.codec() == Some(Codec::H264))
                        .unwrap()
                        .clone(),
                    flow: Flow::Receive,
                },
                Some(Kind::Audio) | None => Choice::Reject,
            })
            .collect();
        let text = offer.reduced(&choices, Feedback::None);
        let again = Offer::parse(&text).unwrap();
        let video = again.sections.iter().find(|s| s.kind == Some(Kind::Video)).unwrap();
        assert_eq!(video.payloads.len(), 1);
        assert_eq!(video.payloads[0].parameter("packetization-mode"), Some("1"));
        assert!(video.payloads[0].retransmission.is_some());
        assert!(!text.contains("transport"), "{text}");
        let audio = again.sections.iter().find(|s| s.kind == Some(Kind::Audio)).unwrap();
        assert!(audio.payloads.is_empty());
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed as usize
        };
        for _ in 0..2_000 {
            let mut bytes = CHROMIUM.as_bytes().to_vec();
            for _ in 0..next() % 12 {
                let at = next() % bytes.len();
                bytes[at] = next() as u8;
            }
            bytes.truncate(next() % (bytes.len() + 1));
            let text = String::from_utf8_lossy(&bytes);
            if let Ok(offer) = Offer::parse(&text) {
                let choices: Vec<_> = offer
                    .sections
                    .iter()
                    .map(|section| match section.payloads.first() {
                        Some(payload) => Choice::Take { payload: payload.clone(), flow: section.flow },
                        None => Choice::Reject,
                    })
                    .collect();
                offer.reduced(&choices, Feedback::TransportWide);
            }
        }
    }
}
