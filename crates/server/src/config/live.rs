//! Which settings apply while the server runs, and which wait for a restart. What differs is found in what sections write
//! of themselves, so that no setting can be forgotten here.
use super::values::fingerprinted;
use super::{Config, LogSection};
use serde_json::Value;

impl Config {
    /// What is in force once `file` was read again by a server that runs with this: its streams and what counts for all
    /// of them, which of them are in Apple's Home, and how much is logged. The rest waits.
    pub(crate) fn with_live(&self, file: &Config) -> Config {
        Config {
            streams: file.streams.clone(),
            preload: file.preload.clone(),
            supervision: file.supervision.clone(),
            homekit: file.homekit.clone(),
            log: LogSection { level: file.log.level, modules: file.log.modules.clone(), ..self.log.clone() },
            // Where its values are used, they have been put in.
            env: file.env.clone(),
            ..self.clone()
        }
    }

    /// The settings that are not the same in both, such as `api.listen`; a list is one setting. Sections without effect do
    /// not count.
    pub(crate) fn differences(&self, other: &Config) -> Vec<String> {
        let mut found = Vec::new();
        differences(&fingerprinted(self), &fingerprinted(other), &mut Vec::new(), &mut found);
        let idle: Vec<&str> = self.without_effect().into_iter().chain(other.without_effect()).collect();
        found.retain(|path| !idle.contains(&path.as_str()));
        found
    }
}

fn differences<'a>(one: &'a Value, other: &'a Value, path: &mut Vec<&'a str>, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let only = other.keys().filter(|key| !one.contains_key(*key));
            let mut keys: Vec<&String> = one.keys().chain(only).collect();
            keys.sort_unstable();
            for key in keys {
                let of = |map: &'a serde_json::Map<String, Value>| map.get(key).unwrap_or(&Value::Null);
                path.push(key);
                differences(of(one), of(other), path, found);
                path.pop();
            }
        }
        (one, other) if one == other => {}
        _ => found.push(path.join(".")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::good;

    /// What differs after a reload.
    fn waits(before: &str, now: &str) -> Vec<String> {
        let (before, now) = (good(before).0, good(now).0);
        before.with_live(&now).differences(&now)
    }

    #[test]
    fn what_is_written_otherwise_and_means_the_same_is_no_difference() {
        let written = "api: {listen: 'localhost:1984', local_auth: no}\nlimits: {source_linger: 5000ms, ring_bytes_max: 65536KiB}\n\
                       publish: {conflict: refuse}\nlog: {format: text}\nworkers: 0\nhooks: {targets: []}\n";
        assert_eq!(waits("", written), [""; 0]);
        assert_eq!(waits(written, "webrtc:\n"), [""; 0]);
    }

    #[test]
    fn streams_policies_and_levels_apply_at_once() {
        let now = "streams: {a: rtsp://h, b: }\npreload: {a: video}\nsupervision: {factor: 3}\n\
                   log: {level: debug, rtsp: trace}\nenv: {A: b}\n";
        assert_eq!(waits("streams: {c: rtsp://h}\nlog: {level: warn, api: off}\n", now), [""; 0]);
        let (before, now) = (good("log: {level: warn, format: json}").0, good(now).0);
        let live = before.with_live(&now);
        assert_eq!((live.streams.len(), live.supervision.factor), (2, 3.0));
        assert_eq!(live.log.format, before.log.format);
        assert_eq!((live.log.level, live.log.modules), (now.log.level, now.log.modules));
    }

    #[test]
    fn everything_else_is_named_by_its_path_whatever_section_it_is_in() {
        let now = "api: {listen: ':1', tls_cert: a, tls_key: b, tls_listen: ':2'}\nrtsp: {pkt_size: 1200}\nrtmp: {local_auth: true}\n\
                   webrtc: {listen: ':8555/udp', candidates: ['1.2.3.4:5'], ice_servers: [{urls: stun:h}]}\n\
                   log: {format: json}\npublish: {conflict: queue}\nlimits: {streams_max: 5}\nchildren: {max: 3}\n\
                   exec: {allow_paths: []}\nffmpeg: {bin: x, h264: '-c y'}\nalerts: {still: 1m}\nworkers: 3\napp: {modules: [api]}\n\
                   hooks: {dead_letter: d, targets: [{url: 'http://h/x'}]}\n";
        let expected = [
            "alerts.still",
            "api.listen",
            "api.tls_cert",
            "api.tls_key",
            "api.tls_listen",
            "app",
            "children.max",
            "exec.allow_paths",
            "ffmpeg.bin",
            "ffmpeg.h264",
            "hooks.dead_letter",
            "hooks.targets",
            "limits.streams_max",
            "log.format",
            "publish.conflict",
            "rtmp.local_auth",
            "rtsp.pkt_size",
            "webrtc.candidates",
            "webrtc.ice_servers",
            "webrtc.listen",
            "workers",
        ];
        assert_eq!(waits("", now), expected);
        assert_eq!(waits(now, ""), expected);
        assert_eq!(waits(now, now), [""; 0]);
    }

    #[test]
    fn secrets_that_change_are_seen_and_not_shown() {
        let config = |secret: &str| {
            format!(
                "api: {{username: u, password: {secret}}}\nrtsp: {{username: u, password: same}}\n\
                 webrtc: {{ice_servers: [{{urls: 'turn:h', credential: {secret}}}]}}\n\
                 hooks: {{targets: [{{url: 'https://h/{secret}', headers: {{A: same}}}}]}}\n"
            )
        };
        assert_eq!(
            waits(&config("hidden-one"), &config("hidden-two")),
            ["api.password", "hooks.targets", "webrtc.ice_servers"]
        );
        assert_eq!(waits(&config("hidden-one"), &config("hidden-one")), [""; 0]);
        let written = super::fingerprinted(&good(&config("hidden-one")).0).to_string();
        assert!(!written.contains("hidden-one"), "{written}");
        // What is written otherwise is hidden as before.
        let shown = crate::config::shown(&good(&config("hidden-one")).0);
        assert!(shown.contains("password: \"***\"") || shown.contains("password: '***'"), "{shown}");
    }

    #[test]
    fn sections_without_effect_need_no_restart() {
        assert_eq!(waits("hass: {config: x}\n", "ngrok: {command: y}\nhomekit:\n"), [""; 0]);
    }
}
