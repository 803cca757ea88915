//! Cameras with a back channel in RTSP, as ONVIF Profile T has it: `rtsp://…#backchannel=1`, as go2rtc writes it, or
//! `onvif-talk://…`. `rtsps:` and `rtspx:` are over TLS.
//!
//! Source: ONVIF Streaming Specification §5.3; `protocols::rtsp::client` has the dialogue, this file the sockets. The call
//! is a session of its own beside the one that watches, so that who only watches never touches the camera's loudspeaker.
//! Options: those of RTSP sources, `#backchannel=media` for cameras that take sound only in a session that they play in
//! (`#media=` then says what they play; sound, if nothing does), `#codec=pcma` for one of several that the camera offers.
mod camera;

use super::encoder::Encoders;
use super::{call, options};
use crate::sources::rtsp::Options;
use camera::Camera;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Deliver, OutputTask, PeerInfo, SourceError};
use media::Codec;
use protocols::rtsp::RtspUrl;
use protocols::rtsp::client::{BackChannel, Config, MediaFilter, TransportPreference};

/// The scheme that says by itself that it is about talking.
const SCHEME: &str = "onvif-talk";

/// Calls cameras over RTSP.
#[derive(Clone, Debug)]
pub struct BackChannelOutputs {
    encoders: Encoders,
}

impl BackChannelOutputs {
    pub(super) fn new(encoders: Encoders) -> Self {
        Self { encoders }
    }
}

/// What a configured URL means.
#[derive(Debug)]
struct Meant {
    url: RtspUrl,
    config: Config,
    codec: Option<Codec>,
}

/// The URL as RTSP has it.
fn as_rtsp(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => format!("rtsp://{rest}"),
        Some(_) | None => url.to_owned(),
    }
}

fn parse(url: &str) -> Result<Meant, SourceError> {
    let text = as_rtsp(url);
    let address = RtspUrl::parse(&text).map_err(|error| SourceError::config(error.to_string()))?;
    let known = Options::of(&text)?;
    let mut config = Config::new(text);
    config.transport = known.transport;
    if let Some(timeout) = known.timeout {
        config.timeouts.reply = timeout;
        config.timeouts.media = timeout;
    }
    config.back_channel = BackChannel::Alone;
    config.media = MediaFilter { video: false, audio: true };
    let mut codec = None;
    for (key, value) in options::options(url) {
        match (key.as_str(), value.as_str()) {
            ("backchannel", "1") => {}
            ("backchannel", "media") => config.back_channel = BackChannel::WithMedia,
            ("backchannel", value) => return Err(options::wrong(&key, value, "1 or media")),
            ("media", _) => config.media = known.media,
            ("codec", value) => codec = Some(options::codec(&key, value)?),
            // Those of go2rtc that mean nothing here are left alone, so that its configurations work.
            _ => {}
        }
    }
    Ok(Meant { url: address, config, codec })
}

impl Deliver for BackChannelOutputs {
    fn takes(&self, url: &str) -> bool {
        let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let asks = |(key, value): &(String, String)| key == "backchannel" && value != "0";
        match scheme.as_str() {
            SCHEME => true,
            "rtsp" | "rtsps" | "rtspx" => options::options(url).iter().any(asks),
            _ => false,
        }
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        let Meant { codec, .. } = parse(url)?;
        if codec == Some(Codec::Aac) { self.encoders.check() } else { Ok(()) }
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let protocol = "rtsp";
        let Ok(Meant { url: address, config, .. }) = parse(url) else {
            return PeerInfo { protocol, ..PeerInfo::default() };
        };
        let transport = match config.transport {
            TransportPreference::Udp => "udp",
            TransportPreference::Auto | TransportPreference::Tcp if address.tls => "tls",
            TransportPreference::Auto | TransportPreference::Tcp => "tcp",
        };
        let remote = format!("{}:{}", address.host, address.port);
        PeerInfo { protocol, transport, remote, ..PeerInfo::default() }
    }

    fn run(&self, task: OutputTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let peer = self.peer(&task.url);
        let encoders = self.encoders.clone();
        async move {
            let Meant { mut config, codec, .. } = parse(&task.url)?;
            let stop_max = task.worker.limits().source_stop_max;
            config.timeouts.teardown = config.timeouts.teardown.min(stop_max / 2);
            call::run(task, peer, Camera::new(config, codec)?, &encoders).await
        }
        .boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::encoder::tests::no_encoders;

    #[test]
    fn only_urls_that_ask_for_the_back_channel_are_taken() {
        let outputs = BackChannelOutputs::new(no_encoders());
        for right in [
            "rtsp://user:p@ss#1@10.0.0.9/a?b#backchannel=1",
            "rtspx://10.0.0.9/a#media=video#backchannel=media#transport=udp",
            "onvif-talk://u:p@10.0.0.9/a#codec=pcma",
        ] {
            assert!(outputs.takes(right), "{right}");
            assert_eq!(outputs.check(right), Ok(()), "{right}");
        }
        for other in ["rtsp://h/a", "rtsp://h/a#backchannel=0", "rtsp://u:#backchannel=1@h/a", "isapi://h/"] {
            assert!(!outputs.takes(other), "{other}");
        }
        for wrong in ["rtsp://h/a#backchannel=yes", "onvif-talk://u:secret@/", "onvif-talk://h/#codec=gsm"] {
            let error = outputs.check(wrong).unwrap_err();
            assert!(!error.retry && !error.message.contains("secret"), "{error}");
        }
        let peer = outputs.peer("onvif-talk://u:secret@h/a");
        assert_eq!((peer.transport, peer.remote.as_str()), ("tcp", "h:554"));
    }

    #[test]
    fn a_call_plays_nothing_unless_it_is_told_to() {
        let config = parse("rtsp://h/a#media=video#backchannel=1").unwrap().config;
        assert_eq!(config.back_channel, BackChannel::Alone);
        let config = parse("rtsp://h/a#backchannel=media").unwrap().config;
        assert_eq!((config.back_channel, config.media.video), (BackChannel::WithMedia, false));
        let config = parse("rtsp://h/a#backchannel=media#media=video").unwrap().config;
        assert_eq!((config.media.video, config.media.audio), (true, false));
    }
}
