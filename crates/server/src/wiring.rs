//! Settings to what hub, gateway and api are told. Plain translation, no decisions.
use crate::config::{Config, ConflictWord, SecretText, StreamEntry, Verdict};
use bytes::Bytes;
use gateway::config as gw;
use hub::{Access, Connect, Credentials, Secret};
use media::StreamName;
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
}

/// Who dials which URLs.
pub fn connectors(config: &gw::GatewayConfig) -> Vec<Arc<dyn Connect>> {
    gateway::sources::connectors(config, Bytes::from_static(DEMO))
}

/// Looks at source URLs for the configuration.
pub fn judge() -> impl Fn(&str) -> Verdict {
    // What a URL may look like does not depend on settings.
    let connectors = connectors(&gw::GatewayConfig::default());
    move |url| {
        let scheme = url.split(':').next().unwrap_or_default();
        let connector = connectors.iter().find(|connector| connector.schemes().contains(&scheme));
        match connector {
            Some(connector) => match connector.check(url) {
                Ok(()) => Verdict::Good,
                Err(error) => Verdict::Wrong(error.to_string()),
            },
            None if api::is_foreign_scheme(scheme) => Verdict::NotYet,
            None => {
                let mut known: Vec<&str> =
                    connectors.iter().flat_map(|connector| connector.schemes().iter().copied()).collect();
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

/// What a second publisher gets.
pub fn conflict(config: &Config) -> hub::Conflict {
    match config.publish.conflict {
        ConflictWord::Refuse => hub::Conflict::Refuse,
        ConflictWord::Replace => hub::Conflict::Replace,
    }
}

/// The streams of the configuration.
pub fn streams(config: &Config) -> BTreeMap<StreamName, api::StreamPlan> {
    let mut plans = BTreeMap::new();
    for (name, entry) in &config.streams {
        // Names were checked when the configuration was read.
        let Ok(stream) = StreamName::new(name) else { continue };
        plans.insert(stream, plan(config, name, entry));
    }
    plans
}

fn plan(config: &Config, name: &str, entry: &StreamEntry) -> api::StreamPlan {
    let query = config.preload.get(name).cloned();
    let preload = query.or_else(|| entry.preload.then(|| api::PRELOAD_QUERY.to_owned()));
    let supervision = entry.supervision.as_ref().unwrap_or(&config.supervision);
    api::StreamPlan { sources: entry.sources.clone(), preload, policy: supervision.policy() }
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
