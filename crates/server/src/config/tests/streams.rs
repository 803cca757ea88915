//! The keys of a stream, and what may be wrong with them.
use super::*;
use api::TalkTo;
use std::time::Duration;

fn talk(text: &str) -> TalkEntry {
    good(&format!("streams: {{door: {{url: 'rtsp://h/1', talk: {text}}}}}")).0.streams["door"].talk.clone()
}

#[test]
fn sources_have_keys_of_their_own_and_fallbacks_come_last() {
    let (config, _) = good(
        "streams:\n  cam:\n    url:\n      - rtsp://h/1\n      - {url: 'rtsp://h/2', supervision: {start: 200ms}}\n      - {url: 'rtsp://h/3', \
         fallback: true}\n    fallback: file:/slate.mp4\n    linger: 10s\n    on_demand: false\n    conflict: queue\n    supervision: {factor: \
         1.5}\n  one:\n    url: {url: 'rtsp://h/4', supervision: {budget: 1m}}\n  list:\n    - rtsp://h/5\n    - url: rtsp://h/6\n      fallback: true\n",
    );
    let cam = &config.streams["cam"];
    let all: Vec<(&str, bool)> =
        cam.all().map(|(source, fallback)| (source.url.as_str(), fallback)).collect();
    assert_eq!(
        all,
        [("rtsp://h/1", false), ("rtsp://h/2", false), ("rtsp://h/3", true), ("file:/slate.mp4", true)]
    );
    assert!(cam.preload);
    assert_eq!((cam.linger, cam.conflict), (Some(Interval::seconds(10)), Some(ConflictWord::Queue)));
    let start = cam.sources.0[1].supervision.as_ref().and_then(|part| part.start);
    assert_eq!(start, Some(Interval(Duration::from_millis(200))));
    assert_eq!(urls(&config.streams["one"]), ["rtsp://h/4"]);
    assert!(config.streams["list"].sources.0[1].fallback);
}

#[test]
fn what_a_stream_says_is_over_what_is_said_for_all_and_a_source_over_its_stream() {
    let (config, _) = good(
        "supervision: {factor: 3, steady: 5s}\nstreams:\n  cam:\n    url: [rtsp://h/1, {url: 'rtsp://h/2', supervision: {start: 40s}}]\n    \
         supervision: {jitter: 0}\n",
    );
    let plans = crate::wiring::streams(&config).plans;
    let plan = &plans["cam"];
    assert_eq!((plan.policy.factor, plan.policy.jitter), (3.0, 0.0));
    assert_eq!(plan.sources[0].policy, None);
    let policy = plan.sources[1].policy.unwrap();
    assert_eq!(
        (policy.start, policy.ceiling, policy.factor, policy.jitter, policy.steady),
        (Duration::from_secs(40), Duration::from_secs(40), 3.0, 0.0, Duration::from_secs(5))
    );
}

#[test]
fn impossible_policies_are_named_where_they_stand() {
    bad(
        "supervision:\n  start: 1m\nstreams:\n  a:\n    url:\n      - rtsp://h/1\n      - url: rtsp://h/2\n        supervision:\n          jitter: \
         1.5\n    supervision:\n      start: 2m\n      ceiling: 90s\n  b:\n    url: rtsp://h\n    fallback: {url: 'file:x', supervision: {factor: \
         0.5}}\n",
        &[
            "a.yaml:2:3: `supervision.ceiling`: 30s is shorter than `supervision.start`, 1m",
            "a.yaml:9:19: `streams.a.url.1.supervision`: jitter must be 0 to 1, not 1.5",
            "a.yaml:12:16: `streams.a.supervision`: ceiling is 90s, shorter than start, 120s",
            "a.yaml:15:53: `streams.b.fallback.supervision`: factor must be 1 to 100, not 0.5",
        ],
    );
}

#[test]
fn wrong_keys_and_words_are_said_with_their_place() {
    bad(
        "streams:\n  a: {url: 'rtsp://h', fallbak: file:x}\n  b: [{url: 'rtsp://h', fallback: maybe}, 7]\n  c: {url: 'rtsp://h', linger: 10}\n  d: \
         {conflict: mix}\n  e: {conflict: queu}\n  f: [{fallback: true}]\n  g: {preload: true, on_demand: true}\npublish: {conflict: mix}\n",
        &[
            "a.yaml:2:24: unknown key `fallbak` in `streams.a`: did you mean `fallback`?",
            "a.yaml:3:35: `streams.b.0.fallback`: `true` or `false` is wanted here, not the text \"maybe\"",
            "a.yaml:3:43: `streams.b.1`: a source's URL, or keys such as `url` is wanted here, not integer `7`",
            "a.yaml:4:32: `streams.c.linger`: `10` is no length of time such as `500ms`, `10s` or `2m`",
            "a.yaml:5:17: `streams.d.conflict`: `mix` is for talk streams: the pictures of two cannot be mixed",
            "a.yaml:6:17: `streams.e.conflict`: `queu` is none of `refuse`, `replace`, `queue`; did you mean `queue`?",
            "a.yaml:7:7: `streams.f.0`: missing field `url`",
            "a.yaml:8:6: `streams.g`: `preload: true` and `on_demand: true` are opposites: one of them is wrong",
            "a.yaml:9:21: `publish.conflict`: `mix` is for talk streams: the pictures of two cannot be mixed",
        ],
    );
    bad(
        "streams:\n  a:\n    url:\n      - 7\n      - rtsp://h\n      - htp://h\n",
        &[
            "a.yaml:4:9: `streams.a.url.0`: a source's URL, or keys such as `url` is wanted here, not integer `7`",
            "a.yaml:6:9: `streams.a`: no source has the scheme `htp`",
        ],
    );
}

#[test]
fn a_talk_stream_is_a_url_a_list_keys_or_a_word() {
    assert_eq!(talk("isapi://u:p@h").to, TalkTo::Urls(vec!["isapi://u:p@h".into()]));
    assert_eq!(
        talk("[isapi://a, 'rtsp://b/1']").to,
        TalkTo::Urls(vec!["isapi://a".into(), "rtsp://b/1".into()])
    );
    assert_eq!(talk("true").to, TalkTo::AnySource);
    assert_eq!(talk("false").to, TalkTo::Nowhere);
    assert_eq!(talk("~"), TalkEntry::default());
    let plan = talk(
        "{urls: isapi://h, conflict: mix, idle: 4s, half_duplex: true, supervision: {budget: 10s, ceiling: 2s}}",
    )
    .plan();
    assert_eq!((plan.conflict, plan.half_duplex), (hub::Conflict::Mix, true));
    assert_eq!((plan.idle, plan.policy.budget), (Duration::from_secs(4), Some(Duration::from_secs(10))));
    assert_eq!((plan.policy.start, plan.policy.ceiling), (hub::Policy::talk().start, Duration::from_secs(2)));
    assert_eq!(talk("{conflict: queue}").to, TalkTo::AnySource);
}

/// As go2rtc has it: the device among the sources.
#[test]
fn an_intercom_among_the_sources_is_talked_to_and_a_stream_of_its_own_may_end_in_talk() {
    let (config, notes) = good(
        "streams:\n  door: [rtsp://h/1, isapi://u:p@h]\n  gate: rtsp://h/2#backchannel=1\n  plain: rtsp://h/3\n  plain/talk:\n  only: isapi://h\n",
    );
    assert_eq!(notes, [""; 0]);
    assert_eq!(urls(&config.streams["door"]), ["rtsp://h/1", "isapi://u:p@h"]);
    assert_eq!(config.streams["plain/talk"], StreamEntry::default());
}

#[test]
fn talk_streams_that_cannot_be_are_said() {
    bad(
        "streams:\n  a: {url: 'demo:', talk: true}\n  b: {talk: 'http://h'}\n  c: [rtsp://h, isapi://]\n  d: {url: 'rtsp://h', talk: {idle: 0, \
         conflict: mx}}\n  e: isapi://h\n  e/talk:\n  f: {url: 'rtsp://h', fallback: isapi://h}\n  g: {url: 'rtsp://h', talk: {idle: 4s, \
         supervision: {jitter: 2}}}\n",
        &[
            "a.yaml:2:27: `streams.a.talk`: none of the stream's sources can be talked to: write the device's URL here",
            "a.yaml:3:13: `streams.b.talk`: nothing here can talk to that",
            "a.yaml:4:6: `streams.c.talk`: the URL has no host",
            "a.yaml:5:37: `streams.d.talk.idle`: must be longer than 0",
            "a.yaml:5:50: `streams.d.talk.conflict`: `mx` is none of `refuse`, `replace`, `queue`, `mix`; did you mean `mix`?",
            "a.yaml:7:9: `streams.e/talk`: this is the name of the talk stream of `e`, which has a device to talk to",
            "a.yaml:8:34: `streams.f`: isapi://h is a device that is talked to: it cannot stand in for a source",
            "a.yaml:9:63: `streams.g.talk.supervision`: jitter must be 0 to 1, not 2",
        ],
    );
    let (config, notes) = good("streams: {a: {url: 'rtsp://h', talk: [tapo://h, isapi://h]}}");
    assert_eq!(notes, ["streams.a.talk: tapo://h cannot be talked to yet, and is left out"]);
    assert_eq!(config.streams["a"].talk.to, TalkTo::Urls(vec!["isapi://h".into()]));
}

#[test]
fn streams_are_shown_as_they_were_written_without_their_secrets() {
    for text in [
        "streams:\n  a: rtsp://h/1\n",
        "streams:\n  a:\n    - rtsp://h/1\n    - url: rtsp://h/2\n      fallback: true\n",
        "streams:\n  a:\n    url: rtsp://h/1\n    fallback: file:x\n    linger: 10s\n    conflict: replace\n    supervision: {start: 2s}\n    talk:\n      \
         url: isapi://h\n      conflict: mix\n      idle: 3s\n",
        "streams:\n  a: {url: 'rtsp://h/1', talk: [isapi://a, isapi://b]}\n  b: {url: 'isapi://h', talk: false}\n  c:\n",
    ] {
        let (config, _) = good(text);
        let shown = yaml::write(&config);
        assert_eq!(good(&shown).0.streams, config.streams, "{shown}");
    }
    let shown = yaml::write(
        &good(
            "streams: {a: {url: [{url: 'rtsp://u:hidden@h', fallback: true}], fallback: 'rtsp://u:hidden@h', talk: 'isapi://u:hidden@h'}}",
        )
        .0,
    );
    assert!(!shown.contains("hidden") && shown.matches("***").count() == 3, "{shown}");
}
