//! What an `ffmpeg:` URL asks for.
//!
//! Source: go2rtc's README, "FFmpeg": `#video=`, `#audio=` (each as often as needed), `#width=`, `#height=`, `#rotate=`,
//! `#bitrate=`, `#hardware` or `#hardware=ENGINE`, `#raw=ARGUMENTS`, `#input=TEMPLATE`, `#timeout=SECONDS`, `#query=QUERY`.
use super::engines;
use hub::SourceError;
use media::{Codec, Kind};

/// A source that ffmpeg is to be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Wanted {
    /// A file, a URL, the name of a stream, `virtual?…` or `tts?…`.
    pub(super) input: String,
    /// Templates of codecs, such as `h264` or `opus/16000`; `copy`.
    pub(super) video: Vec<String>,
    pub(super) audio: Vec<String>,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) rotate: Option<u32>,
    pub(super) bitrate: Option<String>,
    /// The engine that codes pictures.
    pub(super) hardware: Option<String>,
    /// The engine is to be found by trying.
    pub(super) tries_hardware: bool,
    pub(super) raw: Vec<String>,
    /// The template of the input, where another than the usual one.
    pub(super) input_template: Option<String>,
    pub(super) timeout_s: Option<u32>,
    pub(super) query: Option<String>,
}

/// The engines that have templates.
pub(super) const ENGINES: [&str; 6] = ["vaapi", "cuda", "v4l2m2m", "rkmpp", "videotoolbox", "dxva2"];

impl Wanted {
    pub(super) fn parse(url: &str) -> Result<Self, SourceError> {
        let rest =
            url.strip_prefix("ffmpeg:").ok_or_else(|| SourceError::config("this is no ffmpeg: source"))?;
        let mut parts = rest.split('#');
        let input = parts.next().unwrap_or_default().to_owned();
        if input.is_empty() {
            return Err(SourceError::config(
                "ffmpeg: names no input: write ffmpeg:STREAM, ffmpeg:URL or ffmpeg:FILE",
            ));
        }
        if input.starts_with('-') {
            return Err(SourceError::config(
                "ffmpeg: an input cannot begin with `-`, which begins an option",
            ));
        }
        let mut wanted = Self { input, ..Self::default() };
        for option in parts.filter(|option| !option.is_empty()) {
            wanted.take(option)?;
        }
        Ok(wanted)
    }

    fn take(&mut self, option: &str) -> Result<(), SourceError> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let number = || {
            value
                .parse()
                .map(Some)
                .map_err(|_| SourceError::config(format!("ffmpeg: #{name}={value} is no number")))
        };
        match name {
            "video" => self.video.push(value.to_owned()),
            "audio" => self.audio.push(value.to_owned()),
            "width" => self.width = number()?,
            "height" => self.height = number()?,
            "rotate" => match number()? {
                turn @ Some(0 | 90 | 180 | 270) => self.rotate = turn,
                _ => return Err(SourceError::config("ffmpeg: #rotate is 90, 180 or 270")),
            },
            "bitrate" => self.bitrate = Some(value.to_owned()),
            "hardware" if ENGINES.contains(&value) => self.hardware = Some(value.to_owned()),
            "hardware" if value.is_empty() => self.tries_hardware = true,
            "hardware" => {
                return Err(SourceError::config(format!(
                    "ffmpeg: #hardware={value} is none of {}; alone, it is found by trying",
                    ENGINES.join(", ")
                )));
            }
            "raw" => {
                let words = crate::sources::exec::quote::split(value);
                let words = words.map_err(|error| SourceError::config(format!("ffmpeg: #raw: {error}")))?;
                self.raw.extend(words);
            }
            "input" => self.input_template = Some(value.to_owned()),
            "timeout" => self.timeout_s = number()?,
            "query" => self.query = Some(value.to_owned()),
            // go2rtc starts such sources without waiting; here nobody ever waits for one.
            "async" => {}
            _ => {
                return Err(SourceError::config(format!(
                    "ffmpeg: there is no option #{name}: there are #video, #audio, #width, #height, #rotate, #bitrate, \
                     #hardware, #raw, #input, #timeout and #query"
                )));
            }
        }
        Ok(())
    }

    /// The path and query of the stream that it reads, if its input is one of ours. A source of the stream it reads must
    /// not be given what it makes itself: it asks for the other codecs.
    pub(super) fn stream_path(&self, own: &str) -> Option<String> {
        let is_url = self.input.contains("://") || self.input.contains('?');
        let is_file = self.input.starts_with('/') || self.input.starts_with('.');
        if is_url || is_file {
            return None;
        }
        let mut query: Vec<String> = Vec::new();
        for (kind, name, wanted) in [(Kind::Video, "video", &self.video), (Kind::Audio, "audio", &self.audio)]
        {
            if wanted.is_empty() && !(self.video.is_empty() && self.audio.is_empty()) {
                continue;
            }
            let made: Vec<Codec> = wanted.iter().filter_map(|template| codec(template)).collect();
            let own_codecs = self.input == own && !made.is_empty();
            let others = Codec::all().filter(|codec| codec.kind() == kind && !made.contains(codec));
            let others: Vec<String> = others.map(|codec| codec.name().to_ascii_lowercase()).collect();
            query.push(if own_codecs { format!("{name}={}", others.join(",")) } else { name.to_owned() });
        }
        query.extend(self.query.clone());
        Some(format!("{}?{}", self.input, query.join("&")))
    }

    /// The codec that engines are to be tried for: where all pictures that are coded are in one that they are tried for.
    pub(super) fn codec_to_try(&self) -> Option<&'static str> {
        let mut coded = self.video.iter().filter(|name| *name != "copy");
        let first = coded.next().filter(|_| self.tries_hardware && self.hardware.is_none())?;
        let codec = engines::CODECS.into_iter().find(|codec| codec == first)?;
        coded.all(|name| name == codec).then_some(codec)
    }

    /// What comes out, as far as the options say.
    pub(super) fn offers(&self) -> Option<Vec<(Kind, Option<Codec>)>> {
        if self.video.is_empty() && self.audio.is_empty() {
            return None;
        }
        let of = |kind: Kind, templates: &[String]| {
            templates.iter().map(move |template| (kind, codec(template))).collect::<Vec<_>>()
        };
        let mut offers = of(Kind::Video, &self.video);
        offers.extend(of(Kind::Audio, &self.audio));
        Some(offers)
    }
}

/// The codec that a template makes; `None` for `copy` and those that the configuration adds.
pub(super) fn codec(template: &str) -> Option<Codec> {
    match template.split('/').next().unwrap_or_default() {
        "h264" => Some(Codec::H264),
        "h265" => Some(Codec::H265),
        "mjpeg" => Some(Codec::Mjpeg),
        "opus" => Some(Codec::Opus),
        "pcmu" => Some(Codec::Pcmu),
        "pcma" => Some(Codec::Pcma),
        "pcm" => Some(Codec::L16),
        "aac" => Some(Codec::Aac),
        "mp3" => Some(Codec::Mp3),
        _ => None,
    }
}
