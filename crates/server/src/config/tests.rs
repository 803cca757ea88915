use super::*;

mod streams;

fn known(_: &Config) -> Box<dyn Judge> {
    Box::new(Known)
}

/// Dials `rtsp`, `demo` and `file`; talks to `isapi`, and to `rtsp` where asked for.
struct Known;

impl Judge for Known {
    fn source(&self, url: &str) -> Verdict {
        match url.split(':').next() {
            Some("rtsp" | "demo" | "file" | "exec" | "ffmpeg") => Verdict::Good,
            Some("tapo" | "isapi") => Verdict::NotYet,
            Some(scheme) => Verdict::Wrong(format!("no source has the scheme `{scheme}`")),
            None => Verdict::Good,
        }
    }

    fn device(&self, url: &str) -> Verdict {
        match url.split(':').next() {
            Some("isapi") if url.ends_with("//") => Verdict::Wrong("the URL has no host".into()),
            Some("isapi" | "rtsp") => Verdict::Good,
            Some("tapo") => Verdict::NotYet,
            Some(_) | None => Verdict::Wrong("nothing here can talk to that".into()),
        }
    }

    fn can_talk_to(&self, url: &str) -> bool {
        url.starts_with("isapi:") || url.starts_with("rtsp:")
    }
}

fn outer(name: &str) -> Option<String> {
    (name == "CAM_PASSWORD").then(|| "p:w".to_owned())
}

fn load_texts(texts: &[&str]) -> Result<(Config, Vec<String>), Problems> {
    let names = ["a.yaml", "b.yaml"];
    let texts: Vec<_> =
        texts.iter().zip(names).map(|(text, name)| (name.to_owned(), (*text).to_owned())).collect();
    let Loaded { config, notes, .. } = from_texts(&texts, outer, &known)?;
    Ok((config, notes.iter().map(ToString::to_string).collect()))
}

#[track_caller]
pub(super) fn good(text: &str) -> (Config, Vec<String>) {
    load_texts(&[text]).unwrap_or_else(|problems| panic!("{problems}"))
}

#[track_caller]
fn bad(text: &str, expected: &[&str]) {
    let Err(problems) = load_texts(&[text]) else { panic!("it was taken: {text}") };
    assert_eq!(problems.to_string().lines().collect::<Vec<_>>(), expected);
}

/// What is wrong with a text, problem by problem.
#[track_caller]
pub(super) fn wrong(text: &str) -> Vec<String> {
    let Err(problems) = load_texts(&[text]) else { panic!("it was taken: {text}") };
    problems.to_string().lines().map(str::to_owned).collect()
}

fn urls(entry: &StreamEntry) -> Vec<&str> {
    entry.all().map(|(source, _)| source.url.as_str()).collect()
}

#[test]
fn streams_are_a_url_a_list_keys_or_nothing() {
    let (config, _) = good(
        "streams:\n  one: rtsp://h/1\n  two: [rtsp://h/2, 'ffmpeg:two#audio=opus']\n  three:\n    - rtsp://h/3\n    - rtsp://h/4\n  \
         four: {url: rtsp://h/5, preload: true}\n  five:\n    urls:\n      - rtsp://h/6\n  push:\n  wait: null\n  tilde: ~\n  0123: []\n",
    );
    let sources: Vec<(&str, Vec<&str>)> =
        config.streams.iter().map(|(name, entry)| (name.as_str(), urls(entry))).collect();
    assert_eq!(
        sources,
        [
            ("0123", vec![]),
            ("five", vec!["rtsp://h/6"]),
            ("four", vec!["rtsp://h/5"]),
            ("one", vec!["rtsp://h/1"]),
            ("push", vec![]),
            ("three", vec!["rtsp://h/3", "rtsp://h/4"]),
            ("tilde", vec![]),
            ("two", vec!["rtsp://h/2", "ffmpeg:two#audio=opus"]),
            ("wait", vec![]),
        ]
    );
    assert!(config.streams["four"].preload && !config.streams["one"].preload);
}

#[test]
fn an_empty_file_and_empty_sections_are_the_defaults_without_the_demo() {
    for text in ["", "# nothing\n", "---\n", "api:\nrtsp:\nstreams:\nlog:\npublish:\n", "{}"] {
        assert_eq!(good(text).0, Config::default(), "{text:?}");
    }
    assert_eq!(urls(&without_file().streams["demo"]), ["demo:"]);
}

#[test]
fn a_key_of_streams_at_another_place_is_told_where_it_belongs() {
    bad(
        "record: true\nhomekit:\n  record: true\n  door:\n    record: true\nstreams:\n  record: true\n  door: rtsp://h\n",
        &[
            "a.yaml:1:1: unknown key `record` in the file: it belongs to a stream, as `streams.NAME.record`",
            "a.yaml:3:11: `homekit.record`: a section with keys and values is wanted here, not boolean `true`; for a key, it belongs \
             to a stream, as `streams.NAME.record`",
            "a.yaml:5:5: unknown key `record` in `homekit.door`: it belongs to a stream, as `streams.NAME.record`",
            "a.yaml:7:11: `streams.record`: a stream is a URL, a list of URLs, keys such as `url`, or nothing, but not `true`; if this \
             is meant for a stream, such as `record: true`, it belongs under that stream's name, beside `url`",
        ],
    );
    let (config, _) = good("streams:\n  door:\n    url: rtsp://h\n    record: true\n");
    assert!(!config.streams["door"].record.is_empty());
}

#[test]
fn every_problem_is_said_at_once_with_its_place_and_the_nearest_key() {
    bad(
        "streams: {}\nrtsp:\n  lisen: \"127.0.0.1:1\"\nrtmp:\n  lissten: \"\"\n",
        &[
            "a.yaml:3:3: unknown key `lisen` in `rtsp`: did you mean `listen`?",
            "a.yaml:5:3: unknown key `lissten` in `rtmp`: did you mean `listen`?",
        ],
    );
    bad(
        "stream: {}\napi:\n  listen: 1984\n  local_auth: maybe\nlog:\n  level: inof\n  rtps: debug\nlimits:\n  streams_max: 0\n  \
         ring_keep: 4\n  ring_bytes_max: 1kB\nsupervision:\n  factor: fast\nworkers: -1\n",
        &[
            "a.yaml:1:1: unknown key `stream` in the file: did you mean `streams`?",
            "a.yaml:3:11: `api.listen`: `1984` is no address to listen on: write `127.0.0.1:1984`, `:1984` for every interface, or \"\" for nowhere",
            "a.yaml:4:15: `api.local_auth`: `true` or `false` is wanted here, not the text \"maybe\"",
            "a.yaml:6:10: `log.level`: `inof` is none of `trace`, `debug`, `info`, `warn`, `error`, `disabled`, `fatal`, `none`, `off`, `panic`; did you mean `info`?",
            "a.yaml:7:3: unknown key `rtps` in `log`: did you mean `rtsp`?",
            "a.yaml:9:16: `limits.streams_max`: lower than 1",
            "a.yaml:10:14: `limits.ring_keep`: `4` is no length of time such as `500ms`, `10s` or `2m`",
            "a.yaml:11:19: `limits.ring_bytes_max`: must be at least 1MiB, or key frames do not fit",
            "a.yaml:13:11: `supervision.factor`: a number is wanted here, not the text \"fast\"",
            "a.yaml:14:10: `workers`: a whole number, 0 or more is wanted here, not the text \"-1\"",
        ],
    );
    bad(
        "api: on\n",
        &["a.yaml:1:6: `api`: a section with keys and values is wanted here, not boolean `true`"],
    );
    bad(
        "api: {password: x}\ntls: {cert: x}\npreload: {cma: video}\nstreams: {cam: rtsp://h, a//b: , c: htp://h}\n",
        &[
            "a.yaml:1:17: `api.password` is of no use without `api.username`",
            "a.yaml:2:6: `tls.cert` and `tls.key` belong together: one of them is missing",
            "a.yaml:3:16: `preload.cma`: there is no stream of this name; did you mean `cam`?",
            "a.yaml:4:30: `streams.a//b`: a stream name must not have an empty, \".\" or \"..\" segment",
            "a.yaml:4:37: `streams.c`: no source has the scheme `htp`",
        ],
    );
}

#[test]
fn zlmediakits_api_is_off_without_a_secret_and_does_not_take_the_one_that_everybody_knows() {
    let config = |text: &str| good(text).0.zlmediakit;
    assert!(config("").config().secret.is_none() && config("").hooks().is_empty());
    let on = config(
        "zlmediakit: {secret: hush, hooks: {on_record_ts: 'http://h/x'}, ffmpeg_cmd: {copy: '#video=copy'}}",
    );
    assert!(on.config().secret.is_some() && on.config().ffmpeg_cmd["copy"] == "#video=copy");
    assert_eq!(on.hooks().into_iter().map(|(key, _)| key).collect::<Vec<_>>(), ["on_record_ts"]);
    bad(
        "zlmediakit:\n  secret: 035c73f7-bb6b-4889-a715-d9eb2d1925cc\n  hooks: {on_record_mp4: wvp/x}\n",
        &[
            "a.yaml:2:11: `zlmediakit.secret`: is ZLMediaKit's own example, which everybody knows: make up another",
            "a.yaml:3:26: `zlmediakit.hooks.on_record_mp4`: it is no URL (relative URL without a base): write https://HOST/PATH",
        ],
    );
}

#[test]
fn hooks_say_what_is_wrong_where_it_stands_and_never_their_secrets() {
    bad(
        "hooks:\n  dead_letter_max: 1kB\n  targets:\n    - url: https://h/T0/abcd\n      secret: hush\n    \
         - {url: nope, events: [alert.*, source_down], timeout: 0s}\n    - {url: http://h, headers: {Host: x}}\n",
        &[
            "a.yaml:2:20: `hooks.dead_letter_max`: must be at least 64KiB",
            "a.yaml:5:15: `hooks.targets.0.secret`: it does not begin with `whsec_`: write `whsec_` and what `openssl rand -base64 32` says",
            "a.yaml:6:13: `hooks.targets.1.url`: it is no URL (relative URL without a base): write https://HOST/PATH",
            "a.yaml:6:60: `hooks.targets.1.timeout`: must be longer than 0",
            "a.yaml:7:32: `hooks.targets.2.headers`: \"Host\" is set by the server itself",
        ],
    );
    let (config, _) = good(
        "hooks: {targets: [{url: 'https://ann:pw@h:8443/T0/abcd?x=1', secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, \
         headers: {Authorization: Bearer tok}}]}\nalerts: {source_down: 2s, drift_ppm: 0}\n",
    );
    let shown = shown(&config);
    assert!(shown.contains("https://h:8443/***") && shown.contains("Authorization: \"***\""), "{shown}");
    for secret in ["abcd", "MfKQ", "tok", "ann", "pw@"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let limits = config.alerts.limits();
    assert_eq!((limits.source_down.as_secs(), limits.drift_ppm, limits.flapping_turns), (2, 0, 5));
}

#[test]
fn a_misplaced_record_says_where_it_belongs() {
    bad(
        "streams:\n  cam: rtsp://h\n  record: true\n",
        &[
            "a.yaml:3:11: `streams.record`: a stream is a URL, a list of URLs, keys such as `url`, or nothing, but not \
             `true`; if this is meant for a stream, such as `record: true`, it belongs under that stream's name, beside `url`",
        ],
    );
    let (config, notes) = good("streams: {cam: {url: rtsp://h, record: true}}");
    assert!(notes.is_empty() && config.streams["cam"].record.0.len() == 1);
    bad(
        "streams: {cam: {ulr: rtsp://h}}",
        &["a.yaml:1:17: unknown key `ulr` in `streams.cam`: did you mean `url`?"],
    );
}

#[test]
fn hours_of_recordings_are_read_and_what_is_wrong_with_them_is_said() {
    let (config, notes) = good(
        "recording: {time_zone: Europe/Berlin}\nstreams: {cam: {url: rtsp://h, record: [{schedule: '07:00-19:00'}, \
         {schedule: [mon-fri 19:00-07:00, 'sat,sun 20:00-24:00'], events: {}}, {format: ts}]}}",
    );
    assert!(notes.is_empty(), "{notes:?}");
    let plans: Vec<_> =
        config.streams["cam"].record.0.iter().map(|keys| keys.plan(&config.recording)).collect();
    assert_eq!(plans.iter().map(|plan| plan.schedule.is_some()).collect::<Vec<_>>(), [true, true, false]);
    assert_ne!(plans[0].zone, recorder::Zone::default());
    bad(
        "recording: {time_zone: Berlin}\nstreams:\n  a: {url: rtsp://h, record: {schedule: 'mon-fry'}}\n  \
         b: {url: rtsp://h, record: [{schedule: 07:00-19:00}, {schedule: mon 18:00-20:00}]}\n",
        &[
            "a.yaml:1:24: `recording.time_zone`: \"Berlin\" is no time zone of the IANA database: they are such as \
             `Europe/Berlin`; left out, it is the system's",
            "a.yaml:3:30: `streams.a.record.schedule`: \"fry\" is no day: a schedule is such as `mon-fri 07:00-19:00`, with \
             mon, tue, wed, thu, fri, sat, sun",
            "a.yaml:4:30: `streams.b.record`: two recordings of one format at the same time are one too many: another \
             `format`, or a `schedule` for each, with hours that do not overlap",
        ],
    );
}

#[test]
fn broken_yaml_says_where_it_breaks() {
    let Err(problems) = load_texts(&["api:\n  listen: \"a\n"]) else { panic!("it was taken") };
    assert!(problems.to_string().starts_with("a.yaml:"), "{problems}");
    let Err(problems) = load_texts(&["api: {}\napi: {}\n"]) else { panic!("it was taken") };
    assert!(problems.to_string().starts_with("a.yaml:2:1: this is no YAML: "), "{problems}");
    assert!(problems.to_string().contains("duplicate"), "{problems}");
}

#[test]
fn no_text_makes_the_reader_panic() {
    let whole = "api: {listen: ':1', username: &a ann, password: *a}\nstreams:\n  c: [rtsp://h, \"x\"]\n  <<: {b: ~}\n";
    let mut state = 0x9e37_79b9_u32;
    for round in 0..3000 {
        let mut bytes = whole.as_bytes().to_vec();
        bytes.truncate(round % (whole.len() + 1));
        for _ in 0..round % 4 {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            if !bytes.is_empty() {
                let at = state as usize % bytes.len();
                bytes[at] = b" \n:{}[]&*-\"'!|>%@,#?~\xc3"[(state >> 16) as usize % 22];
            }
        }
        let _ = load_texts(&[&String::from_utf8_lossy(&bytes)]);
    }
}

#[test]
fn later_files_win_key_by_key_and_stream_by_stream() {
    let (config, _) = load_texts(&[
        "api: {listen: ':1', origin: '*'}\nstreams: {a: rtsp://h/a, b: {url: rtsp://h/b, preload: true}}\n",
        "api: {listen: ':2'}\nstreams: {b: rtsp://h/b2, c: }\nrtsp:\n",
    ])
    .unwrap();
    assert_eq!(config.api.listen.to_string(), "0.0.0.0:2");
    assert_eq!(config.api.origin, "*");
    assert_eq!(config.streams.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(config.streams["b"], StreamEntry::of("rtsp://h/b2"));
    let Err(problems) = load_texts(&["api: {}", "api: {listn: ''}"]) else { panic!("it was taken") };
    assert_eq!(problems.to_string(), "b.yaml:1:7: unknown key `listn` in `api`: did you mean `listen`?");
}

#[test]
fn the_environment_fills_values_and_a_missing_one_is_named() {
    let (config, _) = good(
        "env: {PORT: 9}\nstreams: {c: 'rtsp://u:${CAM_PASSWORD}@h'}\nrtsp: {pkt_size: '${SIZE:1200}', listen: ':${PORT}'}",
    );
    assert_eq!(urls(&config.streams["c"]), ["rtsp://u:p:w@h"]);
    assert_eq!(config.rtsp.pkt_size, 1200);
    assert_eq!(config.rtsp.listen.to_string(), "0.0.0.0:9");
    bad(
        "api:\n  password: ${NOWHERE}\n  username: u\n",
        &[
            "a.yaml:2:13: the environment has no NOWHERE: set it, or write ${NOWHERE:default} with what else to take",
        ],
    );
}

/// What Home Assistant 2026.11 writes (its `go2rtc` integration), with another password.
#[test]
fn what_home_assistant_writes_is_taken() {
    let (config, notes) = good(
        "app:\n  modules: [\"api\",\"exec\",\"ffmpeg\",\"http\",\"mjpeg\",\"onvif\",\"rtmp\",\"rtsp\",\"srtp\",\"webrtc\",\"ws\"]\n\n\
         api:\n  listen: \"\"\n  unix_listen: \"/run/go2rtc.sock\"\n  allow_paths: [\"/\",\"/api\"]\n  local_auth: true\n  \
         username: ab\n  password: 0123\n\nexec:\n  allow_paths:\n    - ffmpeg\n\nrtsp:\n  listen: \"127.0.0.1:18554\"\n\n\
         webrtc:\n  listen: \":18555/tcp\"\n  ice_servers: []\n",
    );
    assert_eq!(config.api.listen.0, None);
    assert_eq!(config.api.password.0.expose(), "0123", "as it is written, though it looks like a number");
    assert!(config.api.local_auth && config.app.0);
    assert_eq!(config.exec.allow_paths, Some(vec!["ffmpeg".to_owned()]));
    assert!(config.webrtc.listen.tcp && !config.webrtc.listen.udp);
    assert_eq!(
        notes,
        ["api.unix_listen: unix sockets are not supported yet", "api.allow_paths is not supported yet"]
    );
}

/// What Frigate 0.17 writes to /dev/shm/go2rtc.yaml, with a camera added.
#[test]
fn what_frigate_writes_is_taken() {
    let (config, notes) = good(
        "api:\n  origin: '*'\nhass:\n  config: /homeassistant\nlog:\n  format: text\nwebrtc:\n  candidates:\n  - 192.168.1.5:8555\n  - \
         stun:8555\nffmpeg:\n  bin: /usr/lib/ffmpeg/7.0/bin/ffmpeg\n  rtsp: -fflags nobuffer\nrtsp:\n  username: u\n  password: p\n  \
         default_query: mp4\nstreams:\n  door:\n  - rtsp://u:p@10.0.0.2/1\n  - ffmpeg:door#audio=opus\n  birdseye: exec:ffmpeg -f rtsp {output}\n",
    );
    assert_eq!(config.webrtc.candidates, ["192.168.1.5:8555", "stun:8555"]);
    assert_eq!(urls(&config.streams["door"]), ["rtsp://u:p@10.0.0.2/1", "ffmpeg:door#audio=opus"]);
    assert_eq!(config.ffmpeg.bin, "/usr/lib/ffmpeg/7.0/bin/ffmpeg");
    assert_eq!(config.ffmpeg.templates["rtsp"], "-fflags nobuffer");
    assert_eq!(urls(&config.streams["birdseye"]), ["exec:ffmpeg -f rtsp {output}"]);
    assert_eq!(notes, ["hass: not supported yet",]);
}

#[test]
fn go2rtcs_log_and_publish_sections_are_taken() {
    let (config, notes) = good(
        "log: {level: fatal, format: color, exec: trace, rtsp: debug, output: file:x.log, time: ''}\n\
         publish: {cam: rtmp://h/x, two: [rtmp://h/y, rtmp://h/z]}\n",
    );
    assert_eq!(config.log.level, Level::Off);
    assert_eq!(config.log.format, Some(LogFormat::Text));
    assert_eq!(config.log.modules["rtsp"], Level::Debug);
    assert_eq!(config.publish.conflict, ConflictWord::Refuse);
    assert_eq!(
        notes,
        [
            "log.output: not supported yet, the log goes to stdout",
            "publish.cam: not supported yet",
            "publish.two: not supported yet"
        ]
    );
    assert_eq!(good("publish: {conflict: replace}").0.publish.conflict, ConflictWord::Replace);
}

#[test]
fn the_example_changes_nothing_and_documents_every_key() {
    let example = example();
    let mut expected = without_file();
    expected.log.format = Some(LogFormat::Text);
    assert_eq!(good(&example).0, expected);
    let mut undocumented = Vec::new();
    let lines: Vec<&str> = example.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let is_key = !line.trim_start().starts_with('#') && line.contains(':');
        if is_key && index > 0 && !lines[index - 1].trim_start().starts_with('#') {
            undocumented.push(*line);
        }
    }
    // Names of streams, and what belongs to them.
    assert_eq!(undocumented, ["  demo:", "    url: \"demo:\"", "    preload: true"]);
}

#[test]
fn secrets_are_not_written_back() {
    let (config, _) = good("api: {username: u, password: hidden}\nstreams: {c: 'rtsp://u:hidden@h'}");
    let shown = yaml::write(&config);
    assert!(!shown.contains("hidden") && shown.contains("***"), "{shown}");
    assert!(!format!("{config:?}").contains("password: \"hidden\""));
}

#[test]
fn the_files_in_the_repository_are_the_generated_ones() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for (file, generated) in [("config.example.yaml", example()), ("config.schema.json", schema())] {
        let kept = std::fs::read_to_string(format!("{root}/{file}")).unwrap_or_default();
        assert!(
            kept == generated,
            "{file} is not what the definitions give: cargo run -- --print-… > {file}"
        );
    }
}

/// Files that are read again: what may be half written is not taken for a wish.
#[test]
fn a_file_that_is_empty_or_no_file_is_not_taken_a_second_time() {
    let folder = std::env::temp_dir().join(format!("aqueduct-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (empty, right) = (folder.join("empty.yaml"), folder.join("right.yaml"));
    std::fs::write(&empty, "\n").unwrap();
    std::fs::write(&right, "streams: {}\n").unwrap();
    let files = [right.clone(), empty.clone()];
    assert!(load(&files, &known).is_ok(), "at the start it is as good as none");
    for (file, why) in [
        (&empty, "the file is empty; to remove all streams, write `streams: {}`"),
        (&folder, "this is no file that can be read a second time"),
    ] {
        let problems = load_again(&[right.clone(), file.clone()], &known).unwrap_err();
        assert_eq!(problems.to_string(), format!("{}: {why}", file.display()));
    }
    let loaded = load_again(std::slice::from_ref(&right), &known).unwrap();
    assert_eq!((loaded.config, loaded.files), (Config::default(), vec![right]));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_everybody_may_know_of_a_problem_quotes_no_value() {
    for (text, told) in [
        ("rtsp:\n  lisen: x\n", "a.yaml:2:3: unknown key `lisen` in `rtsp`: did you mean `listen`?"),
        ("api:\n  password hidden\n", "a.yaml:2:3: what stands here is wrong; the log says how"),
        ("limits: {ring_keep: hidden}\n", "a.yaml:1:21: what stands here is wrong; the log says how"),
        ("streams: {a: 'hidden:x'}\n", "a.yaml:1:14: what stands here is wrong; the log says how"),
        ("a: &hidden\nb: *hiddem\n", "a.yaml:2:4: what stands here is wrong; the log says how"),
        ("api: {password: hidden}\n", "a.yaml:1:17: `api.password` is of no use without `api.username`"),
    ] {
        let Err(Problems(problems)) = load_texts(&[text]) else { panic!("it was taken: {text}") };
        assert_eq!(problems[0].for_everybody(), told, "{}", problems[0]);
    }
}
