//! Settings to what hub, gateway and api are told. Plain translation, no decisions.
use crate::config::{
    Config, ConflictWord, Judge, RecordingSection, SecretText, SourceEntry, SrtpSection, StreamEntry, Verdict,
};
use bytes::Bytes;
use gateway::config as gw;
use gateway::homekit::HomekitAccess;
use gateway::homekit::srtp::SrtpHandle;
use gateway::sources::exec::ExecConfig;
use gateway::sources::homekit::HomekitSources;
use gateway::sources::program::Programs;
use hub::{Access, Connect, Credentials, Deliver, Secret, SourceSpec};
use media::StreamName;
use recorder::Playbacks;
use rooms::Rooms;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The clip of the demo camera.
const DEMO: &[u8] = include_bytes!("../assets/demo.mp4");

/// RTP packets have this many bytes when the configuration says 0.
const PACKET_BYTES: usize = 1420;

/// Why the settings cannot be used, though each of them is right.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// A file of the certificate cannot be read.
    #[error("{setting}: {path}: {error}")]
    File {
        /// The setting.
        setting: &'static str,
        /// What it names.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A storage cannot be used, and trying again is of no use.
    #[error("recording: storage {name} in {path}: {error}")]
    Storage {
        /// Its name.
        name: String,
        /// Its folder.
        path: String,
        /// Why.
        error: std::io::Error,
    },
}

/// Who dials which URLs.
pub fn connectors(
    config: &gw::GatewayConfig,
    programs: &Programs,
    playbacks: &Playbacks,
    rooms: Option<Rooms>,
    homekit: Option<HomekitAccess>,
) -> Vec<Arc<dyn Connect>> {
    let mut all = gateway::sources::connectors(config, Bytes::from_static(DEMO), programs, rooms);
    all.push(Arc::new(recorder::Recordings::new(playbacks.clone())));
    all.push(Arc::new(HomekitSources::new(homekit)));
    all
}

/// Who delivers to which URLs.
pub fn deliverers(
    config: &gw::GatewayConfig,
    programs: &Programs,
    homekit: Option<HomekitAccess>,
) -> Vec<Arc<dyn Deliver>> {
    gateway::outputs::deliverers(config, programs, homekit)
}

/// Looks at URLs for the configuration.
pub fn judge(config: &Config) -> Box<dyn Judge> {
    let config = gw::GatewayConfig {
        exec: exec_config(config),
        ffmpeg: config.ffmpeg.config(),
        ..gw::GatewayConfig::default()
    };
    // Nothing runs here, so nothing is started.
    let programs = Programs::new(&config);
    let connectors = connectors(&config, &programs, &Playbacks::new().0, None, None);
    Box::new(Urls { connectors, deliverers: deliverers(&config, &programs, None) })
}

struct Urls {
    connectors: Vec<Arc<dyn Connect>>,
    deliverers: Vec<Arc<dyn Deliver>>,
}

impl Judge for Urls {
    fn source(&self, url: &str) -> Verdict {
        let scheme = scheme(url);
        let connector = self.connectors.iter().find(|connector| connector.schemes().contains(&scheme));
        match connector {
            Some(connector) => verdict(connector.check(url)),
            None if matches!(scheme, "echo" | "expr") => Verdict::Wrong(format!(
                "{scheme}: sources make their URL by a script, which is not supported: write the URL itself, with \
                 `${{NAME}}` where a part of it comes from the environment"
            )),
            None if api::is_foreign_scheme(scheme) => Verdict::NotYet,
            None => {
                let schemes =
                    self.connectors.iter().flat_map(|connector| connector.schemes().iter().copied());
                let mut known: Vec<&str> = schemes.collect();
                known.sort_unstable();
                let hint = crate::config::nearest(scheme, &known);
                let hint = hint.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                Verdict::Wrong(format!(
                    "`{}` is no source URL: it begins with none of {}{hint}",
                    api::mask::url(url),
                    known.join(": ") + ":"
                ))
            }
        }
    }

    fn device(&self, url: &str) -> Verdict {
        match self.deliverers.iter().find(|deliverer| deliverer.takes(url)) {
            Some(deliverer) => verdict(deliverer.check(url)),
            None if api::is_foreign_scheme(scheme(url)) => Verdict::NotYet,
            None => Verdict::Wrong(format!("nothing here can talk to {}", api::mask::url(url))),
        }
    }

    fn can_talk_to(&self, url: &str) -> bool {
        self.deliverers.iter().any(|deliverer| deliverer.takes(url))
    }
}

fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or_default()
}

fn verdict(checked: Result<(), hub::SourceError>) -> Verdict {
    match checked {
        Ok(()) => Verdict::Good,
        Err(error) => Verdict::Wrong(error.to_string()),
    }
}

/// Which programs may run. Where the file does not say, ffmpeg may, by its name and as the file names it.
fn exec_config(config: &Config) -> ExecConfig {
    let usual = || vec!["ffmpeg".into(), config.ffmpeg.bin.clone()];
    let allow_paths = config.exec.allow_paths.clone().unwrap_or_else(usual);
    ExecConfig { allow_paths, start_max: config.children.start_max.0, grace: config.children.grace.0 }
}

/// What the gateway is told.
pub fn gateway_config(config: &Config) -> Result<gw::GatewayConfig, WiringError> {
    let (cert, key) = match config.tls.cert.as_str() {
        "" => (config.api.tls_cert.as_str(), &config.api.tls_key),
        cert => (cert, &config.tls.key),
    };
    let key = pem("tls.key", key.0.expose())?;
    let webrtc = &config.webrtc;
    Ok(gw::GatewayConfig {
        http: gw::HttpConfig {
            listen: config.api.listen.0,
            tls_listen: config.api.tls_listen.0,
            origin: config.api.origin.clone(),
            base_path: config.api.base_path.trim_end_matches('/').to_owned(),
            access: api_access(config),
        },
        rtsp: gw::RtspConfig {
            listen: config.rtsp.listen.0,
            tls_listen: config.rtsp.tls_listen.0,
            default_query: config.rtsp.default_query.clone(),
            packet_bytes_max: if config.rtsp.pkt_size == 0 { PACKET_BYTES } else { config.rtsp.pkt_size },
            access: access("rtsp", &config.rtsp.username, &config.rtsp.password, config.rtsp.local_auth),
        },
        rtmp: gw::RtmpConfig {
            listen: config.rtmp.listen.0,
            tls_listen: config.rtmp.tls_listen.0,
            access: access("rtmp", &config.rtmp.username, &config.rtmp.password, config.rtmp.local_auth),
        },
        webrtc: gw::WebRtcConfig {
            listen: webrtc.listen.listen.0,
            udp: webrtc.listen.udp,
            tcp: webrtc.listen.tcp,
            candidates: webrtc.candidates.clone(),
            ice_lite: webrtc.ice_lite,
            sender_estimate: webrtc.sender_estimate,
            ice_servers: webrtc
                .ice_servers
                .iter()
                .map(|server| gw::IceServer {
                    urls: server.urls.0.clone(),
                    username: server.username.clone(),
                    credential: server.credential.0.expose().to_owned(),
                })
                .collect(),
        },
        srtp: gw::SrtpConfig { listen: config.srtp.listen.0 },
        children: config.children.config(),
        exec: exec_config(config),
        ffmpeg: config.ffmpeg.config(),
        tls: gw::TlsConfig {
            certificate_pem: pem("tls.cert", cert)?.map(Arc::from),
            key_pem: key.map(Secret::new),
        },
    })
}

/// Who may use the API.
pub fn api_access(config: &Config) -> Access {
    access("api", &config.api.username, &config.api.password, config.api.local_auth)
}

fn access(section: &'static str, username: &str, password: &SecretText, local_auth: bool) -> Access {
    let given = !username.is_empty();
    let credentials =
        given.then(|| Credentials { username: username.to_owned(), password: password.0.clone() });
    Access { section, credentials, local_auth }
}

/// PEM text as it is, or the text of the file it names.
fn pem(setting: &'static str, given: &str) -> Result<Option<String>, WiringError> {
    if given.is_empty() {
        return Ok(None);
    }
    if given.contains("-----BEGIN") {
        return Ok(Some(given.to_owned()));
    }
    match std::fs::read_to_string(given) {
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(WiringError::File { setting, path: given.to_owned(), error }),
    }
}

/// The streams of the configuration.
pub fn streams(config: &Config) -> api::FileStreams {
    let mut plans = BTreeMap::new();
    for (name, entry) in &config.streams {
        // Names were checked when the configuration was read.
        let Ok(stream) = StreamName::new(name) else { continue };
        plans.insert(stream, plan(config, name, entry));
    }
    api::FileStreams { plans, policy: config.supervision.policy() }
}

/// What is recorded of which stream.
pub fn recordings(config: &Config) -> BTreeMap<StreamName, Vec<recorder::RecordPlan>> {
    let mut all = BTreeMap::new();
    for (name, entry) in config.streams.iter().filter(|(_, entry)| !entry.record.is_empty()) {
        // Names were checked when the configuration was read.
        let Ok(stream) = StreamName::new(name) else { continue };
        all.insert(stream, entry.record.0.iter().map(|keys| keys.plan(&config.recording)).collect());
    }
    all
}

/// Who is told of events: `hooks`, then those of `zlmediakit`.
pub fn hooks(config: &Config) -> api::HooksConfig {
    let mut hooks = config.hooks.hooks();
    hooks.targets.extend(config.zlmediakit.hooks().into_iter().map(|(_, hook)| hook));
    hooks
}

/// The storages of the configuration, started; none where nothing is said of recording, so that no folder is made for
/// nothing.
pub fn storages(config: &Config) -> Result<Vec<recorder::StorageHandle>, WiringError> {
    let is_said = config.recording != RecordingSection::default() || !recordings(config).is_empty();
    // Who calls ZLMediaKit's API wants to record.
    if !is_said && config.zlmediakit.secret.is_empty() {
        return Ok(Vec::new());
    }
    let start = |storage: recorder::StorageConfig| {
        let (name, path) = (storage.name.clone(), storage.path.display().to_string());
        recorder::StorageHandle::start(storage, hub::wall_now).map_err(|error| WiringError::Storage {
            name,
            path,
            error,
        })
    };
    config.recording.storages().into_iter().map(start).collect()
}

fn plan(config: &Config, name: &str, entry: &StreamEntry) -> api::StreamPlan {
    let query = config.preload.get(name).cloned();
    let for_all = config.supervision.policy();
    // Policies were checked when the configuration was read.
    let policy = entry.supervision.as_ref().and_then(|part| part.over(for_all).ok()).unwrap_or(for_all);
    let source = |(source, fallback): (&SourceEntry, bool)| SourceSpec {
        url: source.url.clone(),
        policy: source.supervision.as_ref().and_then(|part| part.over(policy).ok()),
        fallback,
    };
    api::StreamPlan {
        sources: entry.all().map(source).collect(),
        preload: query.or_else(|| entry.preload.then(|| api::PRELOAD_QUERY.to_owned())),
        policy,
        linger: entry.linger.map(|linger| linger.0),
        conflict: entry.conflict.map(ConflictWord::conflict),
        talk: entry.talk.plan(),
    }
}

/// What a track's parameters say, for the API.
pub fn track_facts(track: &media::Track) -> api::TrackFacts {
    use formats::bitstream;
    let (profile, level) = bitstream::profile_level_name(track);
    let fps = bitstream::frame_rate(track).map(|(frames, seconds)| f64::from(frames) / f64::from(seconds));
    api::TrackFacts {
        codec_string: bitstream::codec_string(track),
        size: bitstream::video_size(track),
        fps,
        profile,
        level,
    }
}

/// Tells the API which child processes run.
pub fn ask_children(programs: &Programs) -> api::AskChildren {
    let children = programs.children.clone();
    Arc::new(move || {
        let children = children.clone();
        Box::pin(async move { children.reports().await.into_iter().map(child_facts).collect() })
    })
}

/// Whether HomeKit's media is sure to be needed, so that a port which cannot be had ends the start.
pub fn wants_srtp(config: &Config) -> bool {
    let is_homekit = |(source, _): (&SourceEntry, bool)| scheme(&source.url) == "homekit";
    !config.homekit.is_empty()
        || config.srtp != SrtpSection::default()
        || config.streams.values().any(|entry| entry.all().any(is_homekit))
}

/// Tells the API what is counted at the socket of HomeKit's media.
pub fn ask_srtp(srtp: &SrtpHandle) -> api::AskSrtp {
    let srtp = srtp.clone();
    Arc::new(move || {
        let srtp = srtp.clone();
        Box::pin(async move { srtp.stats().await.map(srtp_facts) })
    })
}

fn srtp_facts(stats: gateway::homekit::srtp::Stats) -> api::SrtpFacts {
    let dropped = stats.dropped;
    api::SrtpFacts {
        sessions: stats.sessions,
        received: stats.received,
        sent: stats.sent,
        dropped: vec![
            ("short", dropped.short),
            ("no_rtp", dropped.no_rtp),
            ("foreign", dropped.foreign),
            ("forged", dropped.forged),
            ("replayed", dropped.replayed),
            ("overrun", stats.overrun),
            ("unprotected", stats.unprotected),
            ("unsent", stats.unsent),
        ],
    }
}

/// Tells the API which engines code pictures.
pub fn ask_engines(programs: &Programs) -> api::AskEngines {
    let engines = programs.engines.clone();
    Arc::new(move || {
        let engines = engines.clone();
        Box::pin(async move { engines.all().await.into_iter().map(engine_facts).collect() })
    })
}

fn engine_facts(tried: gateway::sources::ffmpeg::TriedEngine) -> api::EngineFacts {
    api::EngineFacts { codec: tried.codec, engine: tried.engine, error: tried.tried.err() }
}

fn child_facts(report: gateway::net::child::ChildReport) -> api::ChildFacts {
    let usage = report.usage.map(|usage| api::UsageFacts {
        cpu: usage.cpu,
        rss_bytes: usage.rss_bytes,
        processes: usage.processes,
    });
    api::ChildFacts {
        pid: report.pid,
        name: report.name,
        stream: report.stream,
        command: report.command,
        since: report.since,
        state: report.state,
        usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_talked_to_is_a_device_and_no_source() {
        let mut config = Config::default();
        config.exec.allow_paths = Some(vec!["aplay".into()]);
        let judge = judge(&config);
        let talked_to = "exec:aplay -t raw#backchannel=1#audio=alaw/8000";
        assert!(judge.can_talk_to(talked_to) && !judge.can_talk_to("exec:aplay -t raw"));
        assert!(matches!(judge.device(talked_to), Verdict::Good));
        assert!(matches!(judge.source(talked_to), Verdict::Wrong(why) if why.contains("it is no source")));
        assert!(matches!(judge.source("exec:aplay -t raw"), Verdict::Good));
        // AAC is asked for, and ffmpeg is not on the list.
        let aac = judge.device("isapi://intercom/#codec=aac");
        assert!(matches!(aac, Verdict::Wrong(why) if why.contains("allow_paths: [ffmpeg]")));
    }

    #[test]
    fn ffmpeg_may_run_as_the_file_names_it_unless_the_file_lists_others() {
        let mut config = Config::default();
        config.ffmpeg.bin = "/opt/ffmpeg7".into();
        assert_eq!(exec_config(&config).allow_paths, ["ffmpeg", "/opt/ffmpeg7"]);
        config.exec.allow_paths = Some(Vec::new());
        assert_eq!(exec_config(&config).allow_paths, [""; 0]);
    }
}
