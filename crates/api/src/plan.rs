//! What a stream is planned to be, as the configuration or the API says it, and the hub's specification of it.
//!
//! Source: go2rtc has the devices that are talked to among a stream's sources; here they become the stream's talk
//! stream. What differs on purpose: a plain `rtsp:` URL is never asked for its back channel unless somebody says so.
//! go2rtc asks every camera, and every one that plays is dialled anew for it (its issue #2505).
use hub::{Conflict, Hub, OutputSpec, Policy, SourceSpec, StreamSpec, TalkSpec};
use std::time::Duration;

/// What go2rtc writes behind the URL of a camera that is talked to.
const BACKCHANNEL: &str = "backchannel=1";

/// What a stream is planned to be.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StreamPlan {
    /// Its URLs, in order of preference, with those of devices that are only talked to among them, as go2rtc has them.
    /// None: somebody publishes into it.
    pub sources: Vec<SourceSpec>,
    /// Run it also without readers, and the query that says what of it.
    pub preload: Option<String>,
    /// How its sources are tried again.
    pub policy: Policy,
    /// How long a source outlasts its last reader. `None`: `limits.source_linger`.
    pub linger: Option<Duration>,
    /// What a second publisher gets. `None`: what is configured for all.
    pub conflict: Option<Conflict>,
    /// Its talk stream.
    pub talk: TalkPlan,
}

/// What a stream's talk stream is planned to be.
#[derive(Clone, PartialEq, Debug)]
pub struct TalkPlan {
    /// Where it goes.
    pub to: TalkTo,
    /// What a second talker gets.
    pub conflict: Conflict,
    /// Without sound for this long, the call is closed.
    pub idle: Duration,
    /// The device cannot listen and speak at once.
    pub half_duplex: bool,
    /// How the device is tried again.
    pub policy: Policy,
}

/// Where a talk stream goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum TalkTo {
    /// To the first source that says of itself that it is talked to: `isapi:`, `homekit:`, or RTSP or a program with
    /// `#backchannel=1`. Without one there is no talk stream.
    #[default]
    MarkedSource,
    /// To the first source that is marked so, else to the first that can be talked to.
    AnySource,
    /// To these devices.
    Urls(Vec<String>),
    /// There is no talk stream.
    Nowhere,
}

impl Default for TalkPlan {
    fn default() -> Self {
        Self {
            to: TalkTo::default(),
            conflict: Conflict::Refuse,
            idle: OutputSpec::IDLE_DEFAULT,
            half_duplex: false,
            policy: Policy::talk(),
        }
    }
}

impl TalkTo {
    /// The URLs that are talked to, given the stream's sources and who can be talked to. None: nobody.
    pub fn urls<'a>(
        &self,
        sources: impl Iterator<Item = &'a str> + Clone,
        can_talk_to: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let marked = || sources.clone().find(|url| is_marked(url) && can_talk_to(url)).map(str::to_owned);
        let plain = || sources.clone().filter(|url| is_rtsp(url));
        let any = || plain().map(marked_to_talk).find(|url| is_marked(url) && can_talk_to(url));
        match self {
            TalkTo::MarkedSource => marked().into_iter().collect(),
            TalkTo::AnySource => marked().or_else(any).into_iter().collect(),
            TalkTo::Urls(urls) => urls.iter().map(|url| marked_to_talk(url)).collect(),
            TalkTo::Nowhere => Vec::new(),
        }
    }
}

/// True for URLs that say of themselves that their device is talked to.
fn is_marked(url: &str) -> bool {
    !is_rtsp(url) || options(url).any(|option| option == BACKCHANNEL)
}

/// The URL, of which somebody says that its device is talked to.
fn marked_to_talk(url: &str) -> String {
    let says = options(url).any(|option| option.starts_with("backchannel="));
    if (is_rtsp(url) || is_program(url)) && !says { format!("{url}#{BACKCHANNEL}") } else { url.to_owned() }
}

fn is_rtsp(url: &str) -> bool {
    matches!(url.split(':').next(), Some("rtsp" | "rtsps" | "rtspx"))
}

fn is_program(url: &str) -> bool {
    url.starts_with("exec:")
}

/// True for a program that is talked to: unlike a camera, it is that alone (as in go2rtc).
fn is_talk_alone(url: &str) -> bool {
    is_program(url) && options(url).any(|option| option == BACKCHANNEL)
}

/// The `#` options; a password may hold a `#`, but not behind the last `@`.
fn options(url: &str) -> impl Iterator<Item = &str> {
    url.rsplit('@').next().unwrap_or(url).split('#').skip(1)
}

impl StreamPlan {
    /// The devices that the stream's talk stream goes to; none: there is no talk stream.
    pub(crate) fn talk_urls(&self, hub: &Hub) -> Vec<String> {
        self.talk.to.urls(self.sources.iter().map(|source| source.url.as_str()), |url| hub.can_talk_to(url))
    }

    /// As the hub takes it.
    pub fn spec(&self, hub: &Hub) -> StreamSpec {
        let schemes = hub.schemes();
        // What nobody dials stays as well, unless it can be talked to: the hub says what is wrong with it.
        let is_source = |source: &&SourceSpec| {
            let scheme = source.url.split(':').next().unwrap_or_default();
            let is_dialled = schemes.contains(&scheme) && !is_talk_alone(&source.url);
            is_dialled || !hub.can_talk_to(&source.url)
        };
        let urls = self.talk_urls(hub);
        StreamSpec {
            sources: self.sources.iter().filter(is_source).cloned().collect(),
            preload: self.preload.is_some(),
            policy: self.policy,
            linger: self.linger,
            conflict: self.conflict,
            talk: (!urls.is_empty()).then(|| self.talk.spec(urls)),
            ..StreamSpec::default()
        }
    }
}

impl TalkPlan {
    fn spec(&self, urls: Vec<String>) -> TalkSpec {
        TalkSpec {
            output: OutputSpec { urls, policy: self.policy, idle: self.idle, mutes: None },
            conflict: self.conflict,
            half_duplex: self.half_duplex,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(to: &TalkTo, sources: &[&str]) -> Vec<String> {
        let is_program = |url: &str| url.starts_with("exec:") && url.contains("#backchannel=1");
        let takes = |url: &str| url.starts_with("isapi:") || url.starts_with("rtsp") || is_program(url);
        to.urls(sources.iter().copied(), takes)
    }

    #[test]
    fn a_source_is_talked_to_when_it_says_so_and_a_plain_camera_does_not() {
        for (sources, expected) in [
            (&["rtsp://h/1", "isapi://u:p@h"][..], Some("isapi://u:p@h")),
            (&["rtsp://h/1#backchannel=1", "isapi://h"], Some("rtsp://h/1#backchannel=1")),
            (
                &["rtsp://u:a@b#1@h/1#media=video#backchannel=1"],
                Some("rtsp://u:a@b#1@h/1#media=video#backchannel=1"),
            ),
            (&["rtsp://h/1", "rtsp://u:p#backchannel=1@h/1", "rtsp://h/1#backchannel=0"], None),
            (
                &["exec:ffmpeg -i a -f flv -", "exec:ffplay -#backchannel=1#audio=alaw"],
                Some("exec:ffplay -#backchannel=1#audio=alaw"),
            ),
            (&["http://h/live.flv"], None),
            (&[], None),
        ] {
            assert_eq!(urls(&TalkTo::MarkedSource, sources), Vec::from_iter(expected), "{sources:?}");
            assert_eq!(urls(&TalkTo::Nowhere, sources), [""; 0]);
        }
    }

    #[test]
    fn asked_for_a_plain_camera_is_talked_to_as_well_but_not_one_that_says_no() {
        let to = TalkTo::AnySource;
        assert_eq!(urls(&to, &["http://h", "rtsp://h/1"]), ["rtsp://h/1#backchannel=1"]);
        assert_eq!(urls(&to, &["rtsp://h/1", "isapi://h"]), ["isapi://h"]);
        assert_eq!(urls(&to, &["http://h", "rtsp://h/1#backchannel=0"]), [""; 0]);
        assert_eq!(urls(&to, &["exec:ffmpeg -i a -f flv -", "rtsp://h/1"]), ["rtsp://h/1#backchannel=1"]);
        let program = TalkTo::Urls(vec!["exec:aplay -#audio=alaw".into()]);
        assert_eq!(urls(&program, &[]), ["exec:aplay -#audio=alaw#backchannel=1"]);
        assert!(is_talk_alone("exec:aplay -#backchannel=1") && !is_talk_alone("exec:aplay -#backchannel=0"));
        assert!(!is_talk_alone("rtsp://h/1#backchannel=1"));
        let named = TalkTo::Urls(vec!["rtsps://h/1#timeout=5".into(), "isapi://h".into()]);
        assert_eq!(urls(&named, &[]), ["rtsps://h/1#timeout=5#backchannel=1", "isapi://h"]);
    }
}
