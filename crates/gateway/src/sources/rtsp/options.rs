//! What stands behind `#` in a source's URL, as in go2rtc: `#transport=udp#timeout=20#media=video`.
use hub::SourceError;
use protocols::auth::without_userinfo;
use protocols::rtsp::client::{MediaFilter, TransportPreference};
use std::time::Duration;

/// Longest timeout that may be set: 10 minutes, for doorbells that only wake up for a visitor.
const TIMEOUT_MAX_SECONDS: u64 = 600;

/// The options of one source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Options {
    pub(crate) transport: TransportPreference,
    pub(crate) media: MediaFilter,
    pub(crate) timeout: Option<Duration>,
}

impl Options {
    /// Reads them. Those of go2rtc that mean nothing here are left alone, so that its configurations work.
    pub(crate) fn of(url: &str) -> Result<Self, SourceError> {
        let bare = without_userinfo(url);
        let mut options = Self::default();
        for option in bare.split('#').skip(1) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            match key {
                "transport" => {
                    options.transport = match value {
                        "tcp" => TransportPreference::Tcp,
                        "udp" => TransportPreference::Udp,
                        _ => return Err(wrong(key, value, "tcp or udp")),
                    }
                }
                "media" => {
                    let takes = |kind| value.split(',').any(|word| word.trim() == kind);
                    options.media = MediaFilter { video: takes("video"), audio: takes("audio") };
                    if !options.media.video && !options.media.audio {
                        return Err(wrong(key, value, "video or audio"));
                    }
                }
                "timeout" => {
                    let seconds = value.parse().ok().filter(|s| (1..=TIMEOUT_MAX_SECONDS).contains(s));
                    let seconds = seconds.ok_or_else(|| wrong(key, value, "1 to 600 seconds"))?;
                    options.timeout = Some(Duration::from_secs(seconds));
                }
                _ => {}
            }
        }
        Ok(options)
    }
}

fn wrong(key: &str, value: &str, can: &str) -> SourceError {
    SourceError::config(format!("#{key}={value} is not possible: {can}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_behind_the_url_and_not_out_of_the_password() {
        let options =
            Options::of("rtsp://u:a#transport=udp@h/x#media=video#timeout=20#backchannel=0").unwrap();
        let video = MediaFilter { video: true, audio: false };
        let timeout = Some(Duration::from_secs(20));
        assert_eq!(options, Options { transport: TransportPreference::Auto, media: video, timeout });
        assert_eq!(Options::of("rtsp://h/x#transport=udp").unwrap().transport, TransportPreference::Udp);
        for url in ["rtsp://h#timeout=0", "rtsp://h#timeout=x", "rtsp://h#media=", "rtsp://h#transport"] {
            assert!(Options::of(url).is_err(), "{url}");
        }
    }
}
