//! `/api/streams`: what streams there are; adding, changing and removing them.
use super::is_foreign_scheme;
use super::shapes::Stream;
use crate::answer;
use crate::auth::Viewer;
use crate::catalogue::{Change, ChangeError, SourceChange};
use crate::mask;
use crate::params::Params;
use crate::shared::Shared;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use hub::{Hub, OpenError, PutError, StreamReport};
use media::StreamName;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    params: Params,
) -> Response {
    let Some(src) = params.given("src") else { return list(State(shared), Extension(viewer)).await };
    let Ok(name) = StreamName::new(src) else { return answer::text(StatusCode::NOT_FOUND, "") };
    let probes = ["video", "audio", "microphone"].iter().any(|track| params.get(track).is_some());
    if probes && let Err(error) = probe(&shared.hub, &name).await {
        return match error {
            ProbeError::Open(OpenError::NotFound(_)) => answer::text(StatusCode::NOT_FOUND, ""),
            error @ (ProbeError::Open(_) | ProbeError::NotReady(_) | ProbeError::Gone) => {
                answer::text(StatusCode::INTERNAL_SERVER_ERROR, error)
            }
        };
    }
    shown(&shared, &name, viewer.owner, answer::json_pretty).await
}

/// One stream, with the devices of its talk stream.
pub(super) async fn shown(
    shared: &Shared,
    name: &StreamName,
    owner: bool,
    write: fn(&Stream) -> Response,
) -> Response {
    let Some(report) = shared.hub.report(name).await else { return answer::text(StatusCode::NOT_FOUND, "") };
    let talk = match &report.talk {
        Some(talk) => shared.hub.report(talk).await,
        None => None,
    };
    let outputs = talk.map(|talk| talk.outputs).unwrap_or_default();
    write(&Stream::new(&report, &outputs, owner, shared.track_facts))
}

pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
) -> Response {
    let reports = shared.hub.reports().await;
    let by_name: BTreeMap<&StreamName, &StreamReport> =
        reports.iter().map(|report| (&report.name, report)).collect();
    let stream = |report: &StreamReport| {
        let talk = report.talk.as_ref().and_then(|talk| by_name.get(talk));
        let outputs = talk.map(|talk| talk.outputs.as_slice()).unwrap_or_default();
        Stream::new(report, outputs, viewer.owner, shared.track_facts)
    };
    let streams = reports.iter().map(|report| (report.name.to_string(), stream(report)));
    answer::json(&streams.collect::<BTreeMap<_, _>>())
}

#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("streams: {0}")]
    NotReady(String),
    #[error("the server is shutting down")]
    Gone,
}

/// Starts the stream for as long as it takes to know its tracks.
async fn probe(hub: &Hub, name: &StreamName) -> Result<(), ProbeError> {
    let worker = hub.worker().await.map_err(|_| ProbeError::Gone)?;
    let (reply, answer) = tokio::sync::oneshot::channel();
    let name = name.clone();
    let run = worker.run("probe", move |worker| async move {
        let probed = async {
            let view = worker.open(&name).await?;
            view.ready().await.map(drop).map_err(|error| ProbeError::NotReady(error.to_string()))
        };
        // Whoever asked may have hung up.
        let _ = reply.send(probed.await);
    });
    run.await.map_err(|_| ProbeError::Gone)?;
    answer.await.map_err(|_| ProbeError::Gone)?
}

/// Makes the stream be as asked. The same again changes nothing, and disturbs nobody who watches.
pub(crate) async fn put(
    State(shared): State<Arc<Shared>>,
    viewer: Extension<Viewer>,
    params: Params,
) -> Response {
    let sources = params.all("src");
    let Some(first) = sources.first() else { return list(State(shared), viewer).await };
    let name = params.given("name").unwrap_or(first);
    let sources = sources.iter().map(|url| SourceChange::Url(url.clone())).collect();
    change(&shared, name, sources).await
}

/// As PUT; the name of another stream as source takes that one's sources.
pub(crate) async fn patch(
    State(shared): State<Arc<Shared>>,
    viewer: Extension<Viewer>,
    params: Params,
) -> Response {
    let sources = params.all("src");
    let Some(first) = sources.first() else { return list(State(shared), viewer).await };
    let name = params.given("name").unwrap_or(first);
    let plans = shared.catalogue.plans().await;
    let sources = match plans.get(first.as_str()) {
        Some(other) if sources.len() == 1 => other.sources.iter().cloned().map(SourceChange::As).collect(),
        Some(_) | None => sources.iter().map(|url| SourceChange::Url(url.clone())).collect(),
    };
    change(&shared, name, sources).await
}

async fn change(shared: &Shared, name: &str, sources: Vec<SourceChange>) -> Response {
    let name = match StreamName::new(name) {
        Ok(name) => name,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, error),
    };
    let sources = match usable(&shared.hub, &name, sources) {
        Ok(sources) => sources,
        Err(why) => return answer::text(StatusCode::BAD_REQUEST, why),
    };
    match shared.catalogue.put(name, Change { sources: Some(sources), ..Change::default() }).await {
        Ok(_) => answer::empty(),
        Err(error @ ChangeError::Put(PutError::Shutdown)) => {
            answer::text(StatusCode::SERVICE_UNAVAILABLE, error)
        }
        Err(
            error @ (ChangeError::Put(PutError::Source(_) | PutError::TooMany(_))
            | ChangeError::Policy(_)
            | ChangeError::IsTalkStream { .. }
            | ChangeError::TalkNameTaken(_)
            | ChangeError::TalkNameTooLong(_)),
        ) => answer::text(StatusCode::BAD_REQUEST, error),
    }
}

/// The sources that can be dialled or talked to. Others of go2rtc's are left out, as long as one remains: Home Assistant adds an
/// `ffmpeg:` source behind each camera, for sound that browsers take.
fn usable(hub: &Hub, name: &StreamName, sources: Vec<SourceChange>) -> Result<Vec<SourceChange>, String> {
    let known = hub.schemes();
    let mut usable = Vec::new();
    for source in sources {
        let url = source.url();
        let scheme = url.split(':').next().unwrap_or_default();
        if crate::insecure::is_insecure(url) {
            return Err("streams: source from insecure producer".into());
        }
        if known.contains(&scheme) || hub.can_talk_to(url) {
            usable.push(source);
        } else if is_foreign_scheme(scheme) {
            let source = mask::url(url);
            tracing::info!(stream = %name, source, "left out: sources of this kind are not supported yet");
        } else if url.contains(' ') {
            return Err("streams: source with spaces may be insecure".into());
        } else {
            return Err("streams: source not supported".into());
        }
    }
    if usable.is_empty() { Err("streams: source not supported".into()) } else { Ok(usable) }
}

/// Removes the stream, and answers when nothing of it is left.
pub(crate) async fn delete(
    State(shared): State<Arc<Shared>>,
    viewer: Extension<Viewer>,
    params: Params,
) -> Response {
    let Some(src) = params.given("src") else { return list(State(shared), viewer).await };
    // As in go2rtc, removing what is not there is done already.
    if let Ok(name) = StreamName::new(src) {
        shared.recorder.stop(&name, None).await;
        shared.catalogue.remove(name).await;
    }
    answer::empty()
}
