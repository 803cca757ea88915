//! `ffmpeg:device?video=/dev/video0&input_format=mjpeg`: a camera or microphone of this machine.
//!
//! Source: go2rtc's README, "FFmpeg device", for the keys; ffmpeg's documentation of `v4l2` and `alsa`. What stands in the URL
//! becomes words of a command line: a value that could be anything else than a value is refused.
use hub::SourceError;

/// Keys of a camera, and the options that they are.
const VIDEO: [(&str, &str); 6] = [
    ("resolution", "-video_size"),
    ("video_size", "-video_size"),
    ("pixel_format", "-pixel_format"),
    ("input_format", "-input_format"),
    ("framerate", "-framerate"),
    ("use_libv4l2", "-use_libv4l2"),
];
/// Keys of a microphone.
const AUDIO: [(&str, &str); 2] = [("channels", "-channels"), ("sample_rate", "-sample_rate")];

/// ffmpeg's arguments for an input that is a device.
pub(super) fn input(query: &str) -> Result<Vec<String>, SourceError> {
    if !cfg!(target_os = "linux") {
        return Err(wrong(
            "only Linux's v4l2 and alsa are known: write exec:ffmpeg with the device's arguments",
        ));
    }
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let given = |wanted: &str| pairs.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
    let (kind, format, keys, device) = match (given("video"), given("audio")) {
        (Some(_), Some(_)) => {
            return Err(wrong("names a camera and a microphone: write two sources, one for each"));
        }
        (Some(video), None) if video.starts_with("/dev/") => ("video", "v4l2", &VIDEO[..], video),
        (Some(_), None) => return Err(wrong("a camera is named by its path, such as video=/dev/video0")),
        (None, Some(audio)) => ("audio", "alsa", &AUDIO[..], audio),
        (None, None) => return Err(wrong("names no device: write video=/dev/video0 or audio=default")),
    };
    let mut line = vec!["-f".to_owned(), format.to_owned()];
    for (key, value) in pairs.iter().filter(|(key, _)| key != kind) {
        let Some((_, option)) = keys.iter().find(|(known, _)| known == key) else {
            let known: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
            return Err(wrong(&format!("there is no {key} of {kind}: there are {}", known.join(", "))));
        };
        line.extend([(*option).to_owned(), checked(key, value)?]);
    }
    line.extend(["-i".to_owned(), checked(kind, device)?]);
    Ok(line)
}

/// A value that is a value for ffmpeg, too: no option, no list of options, no way up.
fn checked(key: &str, value: &str) -> Result<String, SourceError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:,=-".contains(c);
    if value.is_empty() || value.starts_with('-') || value.contains("..") || !value.chars().all(is_plain) {
        return Err(wrong(&format!("{key}={value} is no value of a device")));
    }
    Ok(value.to_owned())
}

fn wrong(why: &str) -> SourceError {
    SourceError::config(format!("ffmpeg: device? {why}"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_camera_and_a_microphone_are_inputs_with_their_options() {
        let line = |query| input(query).unwrap().join(" ");
        assert_eq!(
            line("video=/dev/video0&input_format=mjpeg&resolution=1280x720&framerate=30"),
            "-f v4l2 -input_format mjpeg -video_size 1280x720 -framerate 30 -i /dev/video0"
        );
        assert_eq!(line("video=%2Fdev%2Fv4l%2Fby-id%2Fcam"), "-f v4l2 -i /dev/v4l/by-id/cam");
        // As go2rtc's page writes it.
        assert_eq!(
            line("audio=default&channels=1&sample_rate=16000&"),
            "-f alsa -channels 1 -sample_rate 16000 -i default"
        );
        assert_eq!(line("audio=hw:1,0"), "-f alsa -i hw:1,0");
        assert_eq!(line("audio=plughw:CARD=Cam,DEV=0"), "-f alsa -i plughw:CARD=Cam,DEV=0");
    }

    #[test]
    fn values_cannot_become_options_and_keys_are_those_of_the_kind() {
        for (query, word) in [
            ("", "names no device"),
            ("video=0", "by its path"),
            ("video=/etc/passwd", "by its path"),
            ("video=/dev/../etc/passwd", "no value"),
            ("video=/dev/video0&audio=default", "two sources"),
            ("video=/dev/video0&framerate=-i", "no value"),
            ("video=/dev/video0&framerate=30%20-y%20x", "no value"),
            ("video=/dev/video0&sample_rate=8000", "there is no sample_rate of video"),
            ("audio=default&dump=1", "there is no dump of audio"),
            ("audio=-y", "no value"),
            ("audio=", "no value"),
        ] {
            let error = input(query).unwrap_err();
            assert!(error.message.contains(word) && !error.retry, "{query}: {error}");
        }
    }
}
