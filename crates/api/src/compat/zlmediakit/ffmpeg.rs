//! `addFFmpegSource`, `delFFmpegSource`, `listFFmpegSource`: streams whose source is ffmpeg, under the usual supervision.
//!
//! Recordings that were asked for with a source are commands to the recorder once the stream is live. One that fails is
//! told, and is no reason to end the source: ZLMediaKit lost the timer that supervised ffmpeg there (its issue #4225).
use super::envelope::{Answered, Failure, object};
use super::fields::Fields;
use super::name;
use super::record;
use crate::catalogue::{Change, ChangeError, Preload, SourceChange};
use crate::mask;
use crate::plan::StreamPlan;
use crate::shared::Shared;
use hub::{PutError, StreamState};
use md5::{Digest, Md5};
use media::StreamName;
use recorder::FileFormat;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What ZLMediaKit says of a second source of one name.
const EXISTS: &str = "This stream already exists";
/// Longest `timeout_ms`: 5 min.
const TIMEOUT_MAX_MS: i64 = 300_000;
/// How a stream is, is asked so often until it is live or has failed.
const LOOK: Duration = Duration::from_millis(50);

/// A source that was added, as its caller named it.
#[derive(Clone, Debug)]
struct Source {
    src_url: String,
    dst_url: String,
    cmd_key: String,
    stream: StreamName,
    /// The source's URL here.
    url: String,
    /// It is live; until then it may not have a stream yet.
    is_added: bool,
    /// Unlike that of whoever takes the key after this one.
    id: u64,
}

impl Source {
    /// False where somebody has removed or changed the stream by another API meanwhile.
    fn is_there(&self, plans: &BTreeMap<StreamName, StreamPlan>) -> bool {
        let has = |plan: &StreamPlan| plan.sources.iter().any(|known| known.url == self.url);
        !self.is_added || plans.get(&self.stream).is_some_and(has)
    }
}

/// The sources that were added, by their keys. Locked for a moment only, never across a wait.
#[derive(Default)]
pub(super) struct Sources(Mutex<BTreeMap<String, Source>>);

impl Sources {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Source>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a key and a stream's name, if both are free.
    fn reserve(&self, key: &str, source: &Source, plans: &BTreeMap<StreamName, StreamPlan>) -> bool {
        self.with(|all| {
            all.retain(|_, known| known.is_there(plans));
            let taken = all.contains_key(key) || all.values().any(|known| known.stream == source.stream);
            if !taken {
                all.insert(key.to_owned(), source.clone());
            }
            !taken
        })
    }

    /// True while the key is this source's: somebody may have deleted it, and somebody else have taken the key.
    fn has(&self, key: &str, source: &Source) -> bool {
        self.with(|all| all.get(key).is_some_and(|known| known.id == source.id))
    }
}

/// `addFFmpegSource`: answers when the stream is live, or that it failed, and then nothing of it is left.
pub(super) async fn add(shared: &Shared, fields: &Fields, host: &str) -> Answered {
    let [src_url, dst_url, _] = fields.required(["src_url", "dst_url", "timeout_ms"])?;
    let timeout = match fields.number("timeout_ms")? {
        Some(ms @ 1..=TIMEOUT_MAX_MS) => Duration::from_millis(ms.unsigned_abs()),
        Some(_) | None => return Err(Failure::invalid(format!("timeout_ms is 1 to {TIMEOUT_MAX_MS}"))),
    };
    let cmd_key = fields.given("ffmpeg_cmd_key").unwrap_or_default();
    let names = target(dst_url, host)?;
    if src_url.contains('#') {
        let why = "src_url: what follows a `#` would be options, which come from the configuration only";
        return Err(Failure::invalid(why));
    }
    let Some(options) = shared.zlmediakit.config.command(cmd_key) else {
        let why =
            format!("ffmpeg_cmd_key={cmd_key}: there is no such key in the setting zlmediakit.ffmpeg_cmd");
        return Err(Failure::invalid(why));
    };
    let key: String = Md5::digest(dst_url.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    if name::existing(shared, names.clone()).await.is_some() {
        return Err(Failure::other(EXISTS));
    }
    let Some(stream) = names.into_iter().next() else { return Err(name::missing()) };
    let source = Source {
        src_url: src_url.to_owned(),
        dst_url: dst_url.to_owned(),
        cmd_key: cmd_key.to_owned(),
        url: format!("ffmpeg:{src_url}{options}"),
        is_added: false,
        id: rand::random(),
        stream,
    };
    if !shared.zlmediakit.sources.reserve(&key, &source, &shared.catalogue.plans().await) {
        return Err(Failure::other(EXISTS));
    }
    if let Err(failure) = run(shared, &source, timeout).await {
        if shared.zlmediakit.sources.has(&key, &source) {
            shared.catalogue.remove(source.stream.clone()).await;
            shared.zlmediakit.sources.with(|all| all.remove(&key));
        }
        return Err(failure);
    }
    shared.zlmediakit.sources.with(|all| {
        if let Some(source) = all.get_mut(&key) {
            source.is_added = true;
        }
    });
    let problems = start_recordings(shared, fields, &source.stream).await;
    let mut answer = object(json!({ "data": { "key": key } }))?;
    if !problems.is_empty() {
        answer.insert("msg".into(), format!("the source runs; {}", problems.join("; ")).into());
    }
    Ok(answer)
}

/// The names of the stream that a URL publishes to, which is one of this server.
fn target(dst_url: &str, host: &str) -> Result<Vec<StreamName>, Failure> {
    let wrong = |why: &str| Failure::invalid(format!("dst_url: {why}: write rtmp://127.0.0.1/live/NAME"));
    let url = url::Url::parse(dst_url).map_err(|error| wrong(&format!("it is no URL ({error})")))?;
    let there = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback =
        there == "localhost" || there.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    let is_where_it_was_called = !host.is_empty() && there == host;
    if !is_loopback && !is_where_it_was_called {
        return Err(wrong("it leads to another server, and what ffmpeg makes is taken in here"));
    }
    let path = percent_encoding::percent_decode_str(url.path().trim_matches('/')).decode_utf8_lossy();
    let (app, stream) = path.split_once('/').ok_or_else(|| wrong("its path is no APP/STREAM"))?;
    name::of(app, stream)
}

/// Makes the stream and waits until it is live.
async fn run(shared: &Shared, source: &Source, timeout: Duration) -> Result<(), Failure> {
    let change = Change {
        sources: Some(vec![SourceChange::Url(source.url.clone())]),
        preload: Some(Preload::On),
        ..Change::default()
    };
    let put = shared.catalogue.put(source.stream.clone(), change).await;
    put.map_err(|error| {
        let is_wrong = matches!(error, ChangeError::Put(PutError::Source(_)));
        if is_wrong { Failure::invalid(format!("src_url: {error}")) } else { Failure::other(error) }
    })?;
    let came = tokio::time::timeout(timeout, live(shared, &source.stream)).await;
    let came =
        came.unwrap_or_else(|_| Err(format!("timeout: it is not live after {} ms", timeout.as_millis())));
    came.map_err(Failure::other)
}

async fn live(shared: &Shared, stream: &StreamName) -> Result<(), String> {
    loop {
        let Some(report) = shared.hub.report(stream).await else {
            return Err("the stream was removed meanwhile".into());
        };
        match report.state {
            StreamState::Live => return Ok(()),
            StreamState::Backoff | StreamState::GaveUp | StreamState::Removed => {
                let error = report.sources.into_iter().find_map(|source| source.error);
                return Err(error.or(report.reason).unwrap_or_else(|| "ffmpeg failed".to_owned()));
            }
            StreamState::Idle | StreamState::Waiting | StreamState::Connecting | StreamState::Stalled => {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Starts what `enable_hls` and `enable_mp4` ask for, both at once. Returns what did not begin, and why.
async fn start_recordings(shared: &Shared, fields: &Fields, stream: &StreamName) -> Vec<String> {
    let wanted = [("enable_hls", "hls", FileFormat::HlsTs), ("enable_mp4", "mp4", FileFormat::Mp4)];
    let starts =
        wanted.into_iter().filter(|(key, ..)| fields.is_on(key)).map(|(_, word, format)| async move {
            let begun = record::begin(shared, stream, record::plan(shared, format)).await;
            begun.err().map(|why| format!("{word} is not recorded: {why}"))
        });
    futures_util::future::join_all(starts).await.into_iter().flatten().collect()
}

/// `delFFmpegSource`: what was recorded is closed, and nothing of the stream is left, when it answers.
pub(super) async fn delete(shared: &Shared, fields: &Fields) -> Answered {
    let [key] = fields.required(["key"])?;
    let source = shared.zlmediakit.sources.with(|all| all.remove(key));
    if let Some(source) = &source {
        shared.recorder.stop(&source.stream, None).await;
        shared.catalogue.remove(source.stream.clone()).await;
    }
    object(json!({ "data": { "flag": source.is_some() } }))
}

/// `listFFmpegSource`; no `data` without any, as there.
pub(super) async fn list(shared: &Shared) -> Answered {
    let plans = shared.catalogue.plans().await;
    let sources: Vec<(String, Source)> = shared.zlmediakit.sources.with(|all| {
        all.retain(|_, source| source.is_there(&plans));
        all.iter().map(|(key, source)| (key.clone(), source.clone())).collect()
    });
    let children = (shared.children)().await;
    let told = |(key, source): (String, Source)| {
        let child = children.iter().find(|child| child.stream.as_ref() == Some(&source.stream));
        let cmd = child.map_or_else(|| mask::url(&source.url), |child| child.command.join(" "));
        json!({
            "src_url": source.src_url, "dst_url": source.dst_url, "cmd": cmd, "ffmpeg_cmd_key": source.cmd_key, "key": key,
        })
    };
    let list: Vec<Value> = sources.into_iter().map(told).collect();
    object(if list.is_empty() { json!({}) } else { json!({ "data": list }) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_what_the_url_publishes_to_here_and_nowhere_else() {
        let first = |url: &str| {
            target(url, "cam.lan").map(|names| names[0].to_string()).map_err(|failure| failure.msg)
        };
        for (url, name) in [
            ("rtmp://127.0.0.1/live/x", "x"),
            ("rtmp://127.0.0.1:1935/live/x?sign=1", "x"),
            ("rtsp://localhost:8554/app/a%20b", "app/a b"),
            ("rtmp://[::1]/rtp/1", "rtp/1"),
            ("rtmp://cam.lan/rtp/1", "rtp/1"),
        ] {
            assert_eq!(first(url).as_deref(), Ok(name), "{url}");
        }
        assert!(first("rtmp://192.0.2.1/live/x").unwrap_err().contains("another server"));
        assert!(first("rtmp://127.0.0.1/x").unwrap_err().contains("APP/STREAM"));
        assert!(first("x").unwrap_err().contains("no URL"));
    }
}
