//! ffmpeg's arguments for inputs and codecs, by name. Source: ffmpeg's documentation, and go2rtc's README for the names.
use super::wanted::Wanted;
use super::{OUTPUT, device};
use crate::sources::exec::quote;
use hub::SourceError;
use std::collections::BTreeMap;

/// Which ffmpeg, and what differs from the templates here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FfmpegConfig {
    /// The program.
    pub bin: String,
    /// Arguments before all others.
    pub global: String,
    /// How long ffmpeg waits for a camera, in seconds.
    pub timeout_s: u32,
    /// Templates by name, such as `h264` or `rtsp`, that go before those here.
    pub templates: BTreeMap<String, String>,
}

impl Default for FfmpegConfig {
    fn default() -> Self {
        let global = "-nostdin -v error".to_owned();
        Self { bin: "ffmpeg".into(), global, timeout_s: 5, templates: BTreeMap::new() }
    }
}

/// Inputs, outputs and codecs. `{input}`, `{output}` and `{timeout}` (microseconds) are filled in.
const TEMPLATES: &[(&str, &str)] = &[
    ("file", "-re -i {input}"),
    ("http", "-fflags nobuffer -flags low_delay -i {input}"),
    ("rtsp", "-fflags nobuffer -flags low_delay -timeout {timeout} -rtsp_flags prefer_tcp -i {input}"),
    ("rtsp/udp", "-fflags nobuffer -flags low_delay -timeout {timeout} -i {input}"),
    // What we send describes itself: nothing needs to be found out by waiting.
    (
        "stream",
        "-fflags nobuffer -flags low_delay -analyzeduration 100000 -timeout {timeout} -rtsp_transport tcp -i {input}",
    ),
    ("output", "-rtsp_transport tcp -f rtsp {output}"),
    // A key frame each two seconds or so, no B frames, no look-ahead: what browsers play at once.
    (
        "h264",
        "-c:v libx264 -g:v 50 -profile:v high -level:v 4.1 -preset:v superfast -tune:v zerolatency -pix_fmt:v yuv420p",
    ),
    (
        "h265",
        "-c:v libx265 -g:v 50 -profile:v main -preset:v superfast -tune:v zerolatency -pix_fmt:v yuv420p",
    ),
    ("mjpeg", "-c:v mjpeg"),
    ("opus", "-c:a libopus -application:a lowdelay"),
    ("opus/16000", "-c:a libopus -application:a lowdelay -ar:a 16000 -ac:a 1"),
    ("pcmu", "-c:a pcm_mulaw -ar:a 8000 -ac:a 1"),
    ("pcmu/16000", "-c:a pcm_mulaw -ar:a 16000 -ac:a 1"),
    ("pcmu/48000", "-c:a pcm_mulaw -ar:a 48000 -ac:a 1"),
    ("pcma", "-c:a pcm_alaw -ar:a 8000 -ac:a 1"),
    ("pcma/16000", "-c:a pcm_alaw -ar:a 16000 -ac:a 1"),
    ("pcma/48000", "-c:a pcm_alaw -ar:a 48000 -ac:a 1"),
    ("pcm", "-c:a pcm_s16be -ar:a 8000 -ac:a 1"),
    ("pcm/16000", "-c:a pcm_s16be -ar:a 16000 -ac:a 1"),
    ("pcm/48000", "-c:a pcm_s16be -ar:a 48000 -ac:a 1"),
    ("aac", "-c:a aac"),
    ("aac/16000", "-c:a aac -ar:a 16000 -ac:a 1"),
    ("mp3", "-c:a libmp3lame -q:a 8"),
    ("h264/vaapi", "-c:v h264_vaapi -g:v 50 -bf:v 0 -profile:v high -level:v 4.1 -sei:v 0"),
    ("h265/vaapi", "-c:v hevc_vaapi -g:v 50 -bf:v 0 -profile:v main -sei:v 0"),
    ("h264/cuda", "-c:v h264_nvenc -g:v 50 -bf:v 0 -profile:v high -preset:v p2 -tune:v ll"),
    ("h265/cuda", "-c:v hevc_nvenc -g:v 50 -bf:v 0 -profile:v main -preset:v p2 -tune:v ll"),
    ("h264/v4l2m2m", "-c:v h264_v4l2m2m -g:v 50 -bf:v 0"),
    ("h265/v4l2m2m", "-c:v hevc_v4l2m2m -g:v 50 -bf:v 0"),
    ("h264/rkmpp", "-c:v h264_rkmpp -g:v 50 -bf:v 0 -profile:v high -level:v 4.1"),
    ("h265/rkmpp", "-c:v hevc_rkmpp -g:v 50 -bf:v 0 -profile:v main"),
    ("h264/videotoolbox", "-c:v h264_videotoolbox -g:v 50 -bf:v 0 -profile:v high -level:v 4.1"),
    ("h265/videotoolbox", "-c:v hevc_videotoolbox -g:v 50 -bf:v 0 -profile:v main"),
    ("h264/dxva2", "-c:v h264_qsv -g:v 50 -bf:v 0 -profile:v high -level:v 4.1 -async_depth:v 1"),
    ("h265/dxva2", "-c:v hevc_qsv -g:v 50 -bf:v 0 -profile:v main -async_depth:v 1"),
    // What comes before the input, so that pictures stay on the device.
    ("input/vaapi", "-hwaccel vaapi -hwaccel_output_format vaapi -hwaccel_flags allow_profile_mismatch"),
    ("input/cuda", "-hwaccel cuda -hwaccel_output_format cuda"),
    ("input/v4l2m2m", ""),
    ("input/rkmpp", "-hwaccel rkmpp -hwaccel_output_format drm_prime"),
    ("input/videotoolbox", "-hwaccel videotoolbox -hwaccel_output_format videotoolbox_vld"),
    ("input/dxva2", "-hwaccel dxva2 -hwaccel_output_format dxva2_vld"),
];

impl FfmpegConfig {
    fn template(&self, name: &str) -> Result<&str, SourceError> {
        let known = TEMPLATES.iter().find(|(known, _)| *known == name).map(|(_, template)| *template);
        self.templates.get(name).map(String::as_str).or(known).ok_or_else(|| {
            SourceError::config(format!(
                "ffmpeg: there is no template {name:?}: name one of ffmpeg's own, or add it to the section `ffmpeg`"
            ))
        })
    }

    /// ffmpeg's arguments. `stream`: the URL of the input, where that is a stream of ours.
    pub(super) fn arguments(
        &self,
        wanted: &Wanted,
        stream: Option<&str>,
    ) -> Result<Vec<String>, SourceError> {
        let mut line = words(&self.global)?;
        if let Some(engine) = &wanted.hardware {
            line.extend(words(self.template(&format!("input/{engine}"))?)?);
        }
        line.extend(self.input(wanted, stream)?);
        line.extend(wanted.raw.iter().cloned());
        line.extend(filters(wanted));
        match (wanted.video.is_empty(), wanted.audio.is_empty()) {
            (true, true) => line.extend(words("-c copy")?),
            (true, false) => line.push("-vn".into()),
            (false, true) => line.push("-an".into()),
            (false, false) => {}
        }
        for name in &wanted.video {
            let name = match &wanted.hardware {
                Some(engine) if name != "copy" => format!("{name}/{engine}"),
                Some(_) | None => name.clone(),
            };
            line.extend(self.codec("-c:v copy", &name)?);
        }
        for name in &wanted.audio {
            line.extend(self.codec("-c:a copy", name)?);
        }
        if let Some(bitrate) = &wanted.bitrate {
            line.extend(["-b:v".into(), bitrate.clone(), "-maxrate:v".into(), bitrate.clone()]);
            line.extend(["-bufsize:v".into(), bitrate.clone()]);
        }
        line.extend(words(self.template("output")?)?);
        if !line.iter().any(|word| word.contains(OUTPUT)) {
            return Err(SourceError::config("ffmpeg: the template `output` has no {output}"));
        }
        Ok(line)
    }

    /// ffmpeg's arguments for a try whether an engine codes a picture.
    pub(super) fn trial(&self, codec: &str, engine: &str) -> Result<Vec<String>, SourceError> {
        // Pictures reach this one only on its own device.
        let (before, filter) = match engine {
            "vaapi" => ("-init_hw_device vaapi", "-vf format=nv12,hwupload"),
            _ => ("", ""),
        };
        let mut line = words(&self.global)?;
        line.extend(words(before)?);
        line.extend(words("-f lavfi -i testsrc2=size=320x240:rate=25 -frames:v 1")?);
        line.extend(words(filter)?);
        line.extend(words(self.template(&format!("{codec}/{engine}"))?)?);
        line.extend(words("-f null -")?);
        Ok(line)
    }

    /// ffmpeg's arguments for an encoder of AAC between two pipes, for what is said now. `pcm`: what comes in, in 16 bits with
    /// the low byte first. What comes in is known, so it looks at 32 bytes of it; by default it looks for 2 s.
    pub(crate) fn aac_encoder(
        &self,
        rate: u32,
        channels: u8,
        bitrate: u32,
    ) -> Result<Vec<String>, SourceError> {
        let mut line = words(&self.global)?;
        let input = format!("-probesize 32 -f s16le -ar {rate} -ac {channels} -i pipe:0");
        line.extend(words(&input)?);
        line.extend(words(self.template("aac")?)?);
        line.extend(words(&format!("-b:a {bitrate} -f adts -flush_packets 1 pipe:1"))?);
        Ok(line)
    }

    fn codec(&self, copy: &str, name: &str) -> Result<Vec<String>, SourceError> {
        if name == "copy" { words(copy) } else { words(self.template(name)?) }
    }

    fn input(&self, wanted: &Wanted, stream: Option<&str>) -> Result<Vec<String>, SourceError> {
        if let Some(query) = wanted.input.strip_prefix("virtual?") {
            return Ok(virtual_input(query));
        }
        if let Some(query) = wanted.input.strip_prefix("tts?") {
            return speech(query);
        }
        if let Some(query) = wanted.input.strip_prefix("device?") {
            return device::input(query);
        }
        let input = stream.unwrap_or(&wanted.input);
        let usual = match input.split("://").next() {
            _ if stream.is_some() => "stream",
            Some("rtsp" | "rtsps") => "rtsp",
            Some("http" | "https" | "rtmp" | "rtmps" | "srt" | "udp" | "tcp") if input.contains("://") => {
                "http"
            }
            Some(_) | None => "file",
        };
        let template = match &wanted.input_template {
            Some(own) if own.contains("{input}") => own.as_str(),
            Some(name) => self.template(name)?,
            None => self.template(usual)?,
        };
        let timeout = u64::from(wanted.timeout_s.unwrap_or(self.timeout_s)) * 1_000_000;
        let fill = |word: String| word.replace("{input}", input).replace("{timeout}", &timeout.to_string());
        Ok(words(template)?.into_iter().map(fill).collect())
    }
}

fn words(template: &str) -> Result<Vec<String>, SourceError> {
    quote::split(template).map_err(|error| SourceError::config(format!("ffmpeg: a template: {error}")))
}

fn filters(wanted: &Wanted) -> Vec<String> {
    let mut filters: Vec<String> = Vec::new();
    if wanted.width.is_some() || wanted.height.is_some() {
        let side = |side: Option<u32>| side.map_or("-1".to_owned(), |side| side.to_string());
        filters.push(format!("scale={}:{}", side(wanted.width), side(wanted.height)));
    }
    match wanted.rotate {
        Some(90) => filters.push("transpose=1".into()),
        Some(180) => filters.push("transpose=1,transpose=1".into()),
        Some(270) => filters.push("transpose=2".into()),
        Some(_) | None => {}
    }
    if let Some("vaapi") = wanted.hardware.as_deref() {
        filters.push("format=vaapi|nv12,hwupload".into());
    }
    if filters.is_empty() { Vec::new() } else { vec!["-vf".into(), filters.join(",")] }
}

/// `virtual?video=testsrc&size=1280x720`: a picture that ffmpeg makes.
fn virtual_input(query: &str) -> Vec<String> {
    let mut source = "testsrc".to_owned();
    let mut size = "1280x720".to_owned();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "video" if !value.is_empty() => source = value.into_owned(),
            "size" => {
                size = match &*value {
                    "4K" => "3840x2160".into(),
                    "1080" => "1920x1080".into(),
                    "720" => "1280x720".into(),
                    _ => value.into_owned(),
                }
            }
            _ => {}
        }
    }
    // What an option could be made of stays out of the filter's text.
    let plain =
        |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    let input = format!("{}=size={}:rate=25", plain(&source), plain(&size));
    ["-re", "-f", "lavfi", "-i", &input].map(str::to_owned).into()
}

/// `tts?text=…`: a text that is spoken, by ffmpeg's own flite filter.
fn speech(query: &str) -> Result<Vec<String>, SourceError> {
    let mut text = String::new();
    let mut voice = "kal".to_owned();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "text" => text = value.into_owned(),
            "voice" => voice = value.chars().filter(char::is_ascii_alphanumeric).collect(),
            _ => {}
        }
    }
    if text.trim().is_empty() {
        return Err(SourceError::config("ffmpeg: tts? says nothing: write ffmpeg:tts?text=…"));
    }
    // The text goes through two of ffmpeg's quotings: what could end one of them is left out.
    let text: String =
        text.chars().filter(|c| !matches!(c, '\\' | '\'' | ':' | '[' | ']' | ';' | '%')).collect();
    let input = format!("flite=voice={voice}:text='{text}'");
    Ok(["-re", "-f", "lavfi", "-i", &input].map(str::to_owned).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{Codec, Kind};

    fn line(url: &str, stream: Option<&str>) -> String {
        let wanted = Wanted::parse(url).unwrap();
        FfmpegConfig::default().arguments(&wanted, stream).unwrap().join(" ")
    }

    #[test]
    fn a_stream_is_asked_for_what_is_needed_of_it_and_not_for_what_comes_out() {
        let wanted = Wanted::parse("ffmpeg:cam#audio=opus").unwrap();
        assert_eq!(wanted.stream_path("other").unwrap(), "cam?audio");
        let own = wanted.stream_path("cam").unwrap();
        assert!(own.starts_with("cam?audio=") && own.contains("aac") && !own.contains("opus"), "{own}");
        assert_eq!(wanted.offers(), Some(vec![(Kind::Audio, Some(Codec::Opus))]));
        let both = Wanted::parse("ffmpeg:cam").unwrap();
        assert_eq!((both.stream_path("x").as_deref(), both.offers()), (Some("cam?video&audio"), None));
        assert_eq!(Wanted::parse("ffmpeg:rtsp://h/x#video=h264").unwrap().stream_path("x"), None);
    }

    #[test]
    fn options_become_arguments_in_the_order_that_ffmpeg_wants() {
        let opus = line("ffmpeg:cam#audio=opus", Some("rtsp://127.0.0.1:8554/cam?audio"));
        assert!(opus.contains("-i rtsp://127.0.0.1:8554/cam?audio -vn -c:a libopus"), "{opus}");
        assert!(opus.ends_with("-f rtsp {output}"), "{opus}");
        let copied = line("ffmpeg:rtsp://h/x#video=copy#audio=pcma/16000#timeout=7", None);
        assert!(
            copied.contains("-timeout 7000000") && copied.contains("-c:v copy -c:a pcm_alaw -ar:a 16000")
        );
        let scaled = line("ffmpeg:/clip.mp4#video=h264#width=640#hardware=vaapi#bitrate=1M", None);
        for part in [
            "-hwaccel vaapi",
            "-re -i /clip.mp4",
            "scale=640:-1,format=vaapi",
            "h264_vaapi",
            "-an",
            "-b:v 1M",
        ] {
            assert!(scaled.contains(part), "{part}: {scaled}");
        }
        let mut own = FfmpegConfig::default();
        own.templates.insert("opus".into(), "-c:a opus -strict -2".into());
        let wanted = Wanted::parse("ffmpeg:cam#audio=opus").unwrap();
        assert!(own.arguments(&wanted, Some("x")).unwrap().join(" ").contains("-strict -2"));
    }

    #[test]
    fn a_try_codes_one_picture_by_the_codecs_own_template() {
        let mut own = FfmpegConfig::default();
        own.templates.insert("h264/cuda".into(), "-c:v my_nvenc".into());
        let trial = |engine| own.trial("h264", engine).unwrap().join(" ");
        let picture = "-nostdin -v error -f lavfi -i testsrc2=size=320x240:rate=25 -frames:v 1";
        assert_eq!(trial("cuda"), format!("{picture} -c:v my_nvenc -f null -"));
        let vaapi = trial("vaapi");
        assert!(
            vaapi.contains("-init_hw_device vaapi") && vaapi.contains("hwupload -c:v h264_vaapi"),
            "{vaapi}"
        );
        let software = line("ffmpeg:/clip.mp4#video=h264#hardware", None);
        assert!(software.contains("libx264") && !software.contains("hwaccel"), "{software}");
    }

    #[test]
    fn texts_to_speak_cannot_become_options_of_the_filter() {
        let spoken = line("ffmpeg:tts?text=it's%20me%3A%5Bx%5D;#audio=pcma", None);
        assert!(spoken.contains("text='its mex'"), "{spoken}");
        let shown = line("ffmpeg:virtual?video=smptebars,drawtext=x&size=4K", None);
        assert!(shown.contains("smptebarsdrawtextx=size=3840x2160"), "{shown}");
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_runs() {
        for (url, word) in [
            ("ffmpeg:", "names no input"),
            ("ffmpeg:-y", "cannot begin"),
            ("ffmpeg:cam#hardware=gpu", "vaapi"),
            ("ffmpeg:cam#rotate=45", "90, 180"),
            ("ffmpeg:cam#vidoe=h264", "no option #vidoe"),
            ("ffmpeg:cam#video=h266", "no template \"h266\""),
            ("ffmpeg:device?video=0", "device?"),
            ("ffmpeg:tts?text=", "says nothing"),
        ] {
            let wanted = Wanted::parse(url);
            let error =
                wanted.and_then(|wanted| FfmpegConfig::default().arguments(&wanted, None)).unwrap_err();
            assert!(error.message.contains(word) && !error.retry, "{url}: {error}");
        }
    }
}
