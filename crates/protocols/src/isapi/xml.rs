//! What devices say in XML: their talk channels, the number of a call, and why they refuse.
//!
//! Source: ISAPI `XML_TwoWayAudioChannelList`, `XML_TwoWayAudioSession`, `XML_ResponseStatus`. Name spaces differ from
//! device to device (`hikvision.com`, `isapi.org`, `std-cgi.com`, …) and mean nothing.
use super::http::ReplyError;
use media::Codec;
use quick_xml::events::Event;

/// Most channels of a list that are read: 256. The largest recorders have so many cameras.
pub const CHANNELS_MAX: usize = 256;

/// Deepest nesting: 16. A list has 3.
const DEPTH_MAX: usize = 16;

/// Longest text of an element that is kept: 256 bytes. Names of codecs and sentences of refusals are shorter.
const TEXT_BYTES_MAX: usize = 256;

/// A talk channel as the device lists it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Channel {
    /// Its number, which stands in the URLs.
    pub id: u32,
    /// `enabled`. Devices say `false` while nobody talks and `true` during a call; some always say `true`.
    pub enabled: Option<bool>,
    /// `audioCompressionType` as it stands there, such as `G.711ulaw`.
    pub codec: String,
    /// `audioSamplingRate` in hertz. Devices give kilohertz, some hertz; many say nothing with G.711.
    pub sample_rate: Option<u32>,
    /// `audioBitRate` in kilobits a second.
    pub bitrate_kbps: Option<u32>,
    /// `noisereduce`.
    pub noise_reduction: Option<bool>,
}

impl Channel {
    /// The codec, if it is one that is known here. `G.722.1` is another one than G.722.
    pub fn known_codec(&self) -> Option<Codec> {
        let name: String = self.codec.chars().filter(char::is_ascii_alphanumeric).collect();
        Some(match name.to_ascii_lowercase().as_str() {
            "g711ulaw" | "g711u" | "g711mu" | "ulaw" | "pcmu" => Codec::Pcmu,
            "g711alaw" | "g711a" | "alaw" | "pcma" => Codec::Pcma,
            "g722" => Codec::G722,
            "aac" | "aaclc" => Codec::Aac,
            "pcm" => Codec::L16,
            _ => return None,
        })
    }

    fn set(&mut self, name: &str, text: &str) {
        match name {
            "id" => self.id = text.parse().unwrap_or(self.id),
            "enabled" => self.enabled = boolean(text),
            "audioCompressionType" => self.codec = text.to_owned(),
            "audioSamplingRate" => self.sample_rate = hertz(text),
            "audioBitRate" => self.bitrate_kbps = text.parse().ok(),
            "noisereduce" => self.noise_reduction = boolean(text),
            _ => {}
        }
    }
}

/// `XML_ResponseStatus`: how the device explains itself. Everything may be missing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct ResponseStatus {
    /// 1 is OK, 2 busy, 3 error, 4 invalid operation, 5 and 6 bad XML, 7 needs a restart.
    pub(super) code: Option<u8>,
    pub(super) text: String,
    pub(super) sub: String,
}

impl ResponseStatus {
    /// The device is in a call already.
    pub(super) fn is_busy(&self) -> bool {
        self.code == Some(2) || self.sub.to_ascii_lowercase().contains("busy")
    }

    /// The user may not do that.
    pub(super) fn is_privilege(&self) -> bool {
        let sub = self.sub.to_ascii_lowercase();
        ["lowprivilege", "badauthorization", "notactivated"].contains(&sub.as_str())
    }

    /// What it says, for people.
    pub(super) fn words(&self) -> String {
        [self.text.as_str(), self.sub.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Reads the list of channels, or the one channel that old devices answer with.
pub(super) fn channels(body: &[u8]) -> Result<Vec<Channel>, ReplyError> {
    let mut channels: Vec<Channel> = Vec::new();
    walk(body, |path, text| match path {
        [.., "TwoWayAudioChannel"] if text.is_none() && channels.len() < CHANNELS_MAX => {
            channels.push(Channel::default());
        }
        [.., "TwoWayAudioChannel", name] => {
            if let (Some(channel), Some(text)) = (channels.last_mut(), text) {
                channel.set(name, text);
            }
        }
        _ => {}
    })?;
    Ok(channels)
}

/// The number of a call; several devices answer without one.
pub(super) fn session_id(body: &[u8]) -> Option<String> {
    let mut found = None;
    let _ = walk(body, |path, text| {
        if let ([.., "TwoWayAudioSession", "sessionId"], Some(text)) = (path, text) {
            found = Some(text.to_owned());
        }
    });
    found.filter(|id: &String| !id.is_empty())
}

/// Why the device refuses, as far as it says so.
pub(super) fn response_status(body: &[u8]) -> ResponseStatus {
    let mut status = ResponseStatus::default();
    let _ = walk(body, |path, text| {
        let ([.., "ResponseStatus", name], Some(text)) = (path, text) else { return };
        match *name {
            "statusCode" => status.code = text.parse().ok(),
            "statusString" => status.text = text.to_owned(),
            "subStatusCode" => status.sub = text.to_owned(),
            _ => {}
        }
    });
    status
}

/// Tells of each element when it begins (no text) and when it ends (its own text).
fn walk(body: &[u8], mut tell: impl FnMut(&[&str], Option<&str>)) -> Result<(), ReplyError> {
    let wrong = |what: String| ReplyError::Xml { what };
    let text = String::from_utf8_lossy(body);
    let mut reader = quick_xml::Reader::from_str(&text);
    reader.config_mut().check_end_names = false;
    let mut path: Vec<String> = Vec::new();
    let mut own = String::new();
    let mut elements = 0;
    loop {
        let event = reader.read_event().map_err(|error| wrong(format!("it is no XML: {error}")))?;
        match event {
            Event::Start(start) => {
                if path.len() >= DEPTH_MAX {
                    return Err(wrong(format!("its XML is deeper than {DEPTH_MAX}")));
                }
                path.push(start.local_name().as_ref().to_owned());
                own.clear();
                elements += 1;
                tell(&names(&path), None);
            }
            Event::End(_) => {
                tell(&names(&path), Some(own.trim()));
                path.pop();
                own.clear();
            }
            Event::Empty(_) => elements += 1,
            Event::Text(piece) => append(&mut own, &piece),
            Event::CData(piece) => append(&mut own, &piece),
            Event::GeneralRef(name) => {
                append(&mut own, quick_xml::escape::resolve_predefined_entity(&name).unwrap_or_default());
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    if elements == 0 { Err(wrong("it holds no XML".to_owned())) } else { Ok(()) }
}

fn names(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

fn append(own: &mut String, piece: &str) {
    let room = TEXT_BYTES_MAX.saturating_sub(own.len());
    own.extend(piece.chars().take(room));
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// `8`, `16`, `44.1` are kilohertz; `8000` is hertz.
fn hertz(text: &str) -> Option<u32> {
    let number: f32 = text.parse().ok()?;
    let hertz = if number < 1_000.0 { number * 1_000.0 } else { number };
    (1_000.0..=192_000.0).contains(&hertz).then_some(hertz.round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_read_from_the_lists_of_devices() {
        // The forms of DS-2CD2386G2-ISU/SL (go2rtc #962) and DS-2CD2347G3 (go2rtc #2354), and of a recorder.
        let list = |inner: &str| {
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<TwoWayAudioChannelList version=\"2.0\" \
                 xmlns=\"http://www.hikvision.com/ver20/XMLSchema\">{inner}</TwoWayAudioChannelList>"
            )
        };
        let ulaw = "<TwoWayAudioChannel version=\"2.0\">\n<id>1</id>\n<enabled>false</enabled>\n\
            <audioCompressionType>G.711ulaw</audioCompressionType><speakerVolume>100</speakerVolume>\
            <noisereduce>true</noisereduce><audioInputType>MicIn</audioInputType></TwoWayAudioChannel>";
        let aac = "<h:TwoWayAudioChannel xmlns:h=\"x\"><h:id>2</h:id><h:enabled>TRUE</h:enabled>\
            <h:audioCompressionType opt=\"G.711ulaw,AAC\"> AAC </h:audioCompressionType>\
            <h:audioBitRate>64</h:audioBitRate><h:audioSamplingRate>16</h:audioSamplingRate></h:TwoWayAudioChannel>";
        let found = channels(list(&format!("{ulaw}{aac}")).as_bytes()).unwrap();
        let channel = |id, enabled, codec: &str, sample_rate, bitrate_kbps, noise_reduction| Channel {
            id,
            enabled: Some(enabled),
            codec: codec.to_owned(),
            sample_rate,
            bitrate_kbps,
            noise_reduction,
        };
        assert_eq!(
            found,
            [
                channel(1, false, "G.711ulaw", None, None, Some(true)),
                channel(2, true, "AAC", Some(16_000), Some(64), None),
            ]
        );
        assert_eq!(channels(ulaw.as_bytes()).unwrap().len(), 1, "a lone channel");
        assert_eq!(channels(list("").as_bytes()).unwrap(), []);
        let many = list(&ulaw.repeat(CHANNELS_MAX + 9));
        assert_eq!(channels(many.as_bytes()).unwrap().len(), CHANNELS_MAX);
    }

    #[test]
    fn codecs_are_known_by_the_names_devices_give_them() {
        for (name, codec) in [
            ("G.711ulaw", Some(Codec::Pcmu)),
            ("G.711alaw", Some(Codec::Pcma)),
            ("G711U", Some(Codec::Pcmu)),
            ("G.722", Some(Codec::G722)),
            ("G.722.1", None),
            ("G.726", None),
            ("AAC", Some(Codec::Aac)),
            ("PCM", Some(Codec::L16)),
            ("MP2L2", None),
            ("", None),
        ] {
            let channel = Channel { codec: name.to_owned(), ..Channel::default() };
            assert_eq!(channel.known_codec(), codec, "{name}");
        }
    }

    #[test]
    fn rates_come_in_kilohertz_and_in_hertz() {
        for (text, rate) in [("8", Some(8_000)), ("44.1", Some(44_100)), ("16000", Some(16_000)), ("0", None)]
        {
            assert_eq!(hertz(text), rate, "{text}");
        }
    }

    #[test]
    fn calls_have_a_number_and_refusals_a_reason() {
        let opened = b"<TwoWayAudioSession><sessionId>a &amp; 1</sessionId></TwoWayAudioSession>";
        assert_eq!(session_id(opened).as_deref(), Some("a & 1"));
        assert_eq!(session_id(b"<ResponseStatus><statusCode>1</statusCode></ResponseStatus>"), None);
        assert_eq!(session_id(b"\xff\x00<"), None);
        let busy = b"<ResponseStatus version=\"2.0\"><requestURL>/x</requestURL><statusCode>2</statusCode>\
            <statusString>Device Busy</statusString><subStatusCode>deviceBusy</subStatusCode></ResponseStatus>";
        let status = response_status(busy);
        assert!(status.is_busy() && !status.is_privilege());
        assert_eq!(status.words(), "Device Busy, deviceBusy");
        let low = b"<ResponseStatus><statusCode>4</statusCode><subStatusCode>lowPrivilege</subStatusCode></ResponseStatus>";
        assert!(response_status(low).is_privilege() && !response_status(low).is_busy());
        assert_eq!(response_status(b""), ResponseStatus::default());
    }

    #[test]
    fn what_is_no_xml_is_an_error() {
        for body in ["", "plain words", "<a", "<html><body>404</body>", &"<a>".repeat(DEPTH_MAX + 1)] {
            // A page of HTML is XML enough, and has no channels.
            if body.starts_with("<html") {
                assert_eq!(channels(body.as_bytes()), Ok(vec![]));
            } else {
                assert!(channels(body.as_bytes()).is_err(), "{body:.30}");
            }
        }
    }
}
