//! Start, serve, drain. The main thread accepts connections and answers control requests; media is the workers'.
use crate::config::{self, Loaded};
use crate::reload::{self, Reloader};
use crate::{VERSION, banner, conference, logging, wiring};
use api::{Api, Hooks};
use gateway::homekit::HomekitAccess;
use gateway::homekit::accessory::{self, AccessoriesHandle, Needs};
use gateway::homekit::srtp::Srtp;
use gateway::listeners::http::{Body, Control, Peer};
use gateway::listeners::{Addresses, Listeners, StartError};
use gateway::sources::program::Programs;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hub::{Hub, HubConfig};
use recorder::{Playbacks, Recorder, Shelves};
use rooms::Rooms;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// Streams get this long to end in order; with what is around it, the process ends within 5 s.
const DRAIN_MAX: Duration = Duration::from_secs(4);

/// Child processes that their sources let go of get this long: KILL needs some milliseconds. What is left is killed by the
/// kernel when the process ends.
const CHILDREN_DRAIN_MAX: Duration = Duration::from_millis(500);

/// Webhooks get this long for what waits. A receiver that answers takes some milliseconds for each event.
const HOOKS_MAX: Duration = Duration::from_secs(2);

/// Recordings get this long to be closed: a sync of each file, some milliseconds on most disks.
const RECORDER_MAX: Duration = Duration::from_millis(2500);

/// Accessories get this long to say goodbye, behind a configuration that is just read again: some milliseconds, unless a disk hangs.
const HOMEKIT_MAX: Duration = Duration::from_millis(1500);

/// Rooms get this long to say goodbye and to end their workers; some milliseconds, unless a worker hangs.
const ROOMS_MAX: Duration = Duration::from_millis(500);

/// All of that together gets this long.
const END_MAX: Duration = Duration::from_millis(4600);

/// Control requests that wait. Beyond that their connections do; a worker with media is never held up by them.
const REQUESTS: usize = 1024;

/// Why the server did not start. One line that names the setting.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A port or the certificate.
    #[error(transparent)]
    Listen(#[from] StartError),
    /// A file.
    #[error(transparent)]
    Wiring(#[from] wiring::WiringError),
    /// Rooms.
    #[error("rooms.listen: {0}")]
    Rooms(#[from] rooms::StartError),
    /// HomeKit.
    #[error(transparent)]
    HomeKit(#[from] accessory::StartError),
    /// A webhook.
    #[error("hooks.targets: {0}")]
    Hook(#[from] api::HookError),
    /// Threads, signals or the runtime.
    #[error("the system refuses to let the server start: {0}")]
    System(#[from] std::io::Error),
    /// A recording that cannot be.
    #[error("streams.{name}.record: {error}")]
    Recording {
        /// The stream.
        name: media::StreamName,
        /// Why.
        error: recorder::StartError,
    },
    /// A stream that the hub does not take.
    #[error("streams.{name}: {error}")]
    Stream {
        /// Its name.
        name: media::StreamName,
        /// Why.
        error: hub::PutError,
    },
}

/// Runs the server until it is told to end. Returns the exit code.
pub fn run(loaded: Loaded) -> Result<u8, RunError> {
    let options = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(options)?;
    runtime.block_on(serve(loaded))
}

/// A request that waits for the control thread, and where its answer goes.
type Asked = (Request<Body>, oneshot::Sender<Response<Body>>);

async fn serve(loaded: Loaded) -> Result<u8, RunError> {
    // Signals first: whoever ends us while we start gets an orderly end, and a reload waits for the start.
    let mut ends = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    let hangup = signal(SignalKind::hangup())?;
    let config = loaded.config.clone();
    let gateway_config = Arc::new(wiring::gateway_config(&config)?);
    let log = Arc::new(api::LogRing::default());
    let format = logging::format(&config.log, config.app.0);
    let levels = logging::start(&config.log, format, log.clone());
    let programs = Programs::new(&gateway_config);
    let (mut srtp_socket, srtp) = Srtp::new(gateway_config.srtp.listen);
    if wiring::wants_srtp(&config) {
        srtp_socket.bind().map_err(StartError::from)?;
    }
    let (secrets, secrets_keeper) = crate::homekit::secrets(&config);
    let (mdns, mdns_keeper) = crate::homekit::mdns(&config);
    tokio::task::spawn_local(secrets_keeper.run());
    tokio::task::spawn_local(mdns_keeper.run());
    let homekit = HomekitAccess::new(secrets, mdns, srtp.clone());
    // The hub dials recordings through the handle, and the recorder needs the hub: its keeper starts behind both.
    let (playbacks, playback_keeper) = Playbacks::new();
    // Sources may be participants of rooms.
    let rooms = match config.rooms.config() {
        Some(config) => Some(Rooms::start(config).await?),
        None => None,
    };
    let hub = Hub::start(HubConfig {
        workers: config.workers,
        limits: hub::Limits { alerts: config.alerts.limits(), ..config.limits.limits() },
        conflict: config.publish.conflict.conflict(),
        deliverers: wiring::deliverers(&gateway_config, &programs, Some(homekit.clone())),
        connectors: wiring::connectors(
            &gateway_config,
            &programs,
            &playbacks,
            rooms.clone(),
            Some(homekit.clone()),
        ),
    })?;
    tokio::task::spawn_local(logging::write_events(hub.events()));
    tokio::task::spawn_local(srtp_socket.run(hub.clone()));
    let storages = wiring::storages(&config)?;
    let alert_after = config.recording.alert_after.0;
    let (recorder, keeper) = Recorder::new(hub.clone(), storages, alert_after, hub::wall_now);
    tokio::task::spawn_local(keeper.run());
    tokio::task::spawn_local(playback_keeper.run(hub.clone(), Shelves::new(&recorder)));
    hub.set_past(Arc::new(playbacks.clone()));
    let hooks = Hooks::start(&hub, &wiring::hooks(&config))?;
    reload::log_notes(&loaded.notes);
    let (requests, asked) = mpsc::channel(REQUESTS);
    if let Some(rooms) = &rooms {
        tokio::task::spawn_local(conference::pass_on_events(rooms.clone(), hub.clone()));
    }
    let listeners = gateway::listeners::start(
        &hub,
        gateway_config.clone(),
        control(requests),
        &programs.rendezvous,
        rooms.clone(),
    )
    .await?;
    let streams = wiring::streams(&config);
    for (name, plan) in &streams.plans {
        let put = hub.put(name, plan.spec(&hub)).await;
        put.map_err(|error| RunError::Stream { name: name.clone(), error })?;
    }
    for (name, plans) in wiring::recordings(&config) {
        let configured = recorder.configure(&name, plans).await;
        configured.map_err(|error| RunError::Recording { name, error })?;
    }
    let needs = Needs {
        srtp: srtp.clone(),
        secrets: homekit.secrets.clone(),
        mdns: homekit.mdns.clone(),
        children: programs.children.clone(),
        ffmpeg: config.ffmpeg.bin.clone(),
    };
    // Problems were said when the configuration was read.
    let wanted = config::accessories(&config).unwrap_or_default();
    let homes = accessory::start(&hub, wanted, &needs).await?;
    let accessories = homes.handle();
    tokio::task::spawn_local(homes.run());
    let (exit, mut exits) = mpsc::channel(1);
    let (ask_reload, reloads) = mpsc::channel(REQUESTS);
    let live = reload::Live {
        levels,
        hub: hub.clone(),
        recorder: recorder.clone(),
        accessories: accessories.clone(),
    };
    let reloader = Reloader::new(loaded, gateway_config.tls.clone(), live);
    let settings = api::Settings {
        version: VERSION,
        config: reloader.state(),
        reload: ask_reload,
        listeners: listening(&listeners.addresses),
        rtsp_default_query: config.rtsp.default_query.clone(),
        access: wiring::api_access(&config),
        base_path: config.api.base_path.trim_end_matches('/').to_owned(),
        streams,
        track_facts: wiring::track_facts,
        children: wiring::ask_children(&programs),
        homekit: Some(crate::homekit::control(homekit.clone(), accessories.clone())),
        srtp: wiring::ask_srtp(&srtp),
        rooms: rooms.clone().map(|rooms| conference::control(rooms, hub.clone())),
        engines: wiring::ask_engines(&programs),
        log,
        hooks: hooks.reports(),
        recorder: recorder.clone(),
        playbacks,
        record_plan: config.recording.plan(),
        zlmediakit: config.zlmediakit.config(),
        exit,
    };
    let (api, catalogue) = Api::new(hub.clone(), settings);
    tokio::task::spawn_local(catalogue.run());
    tokio::task::spawn_local(api.clone().count_events());
    tokio::task::spawn_local(answer_all(api.clone(), asked));
    let reloading = tokio::task::spawn_local(reloader.run(api, reloads, hangup));
    banner::announce(format, &config, &listeners.addresses);
    let code = tokio::select! {
        () = told(&mut ends) => 0,
        Some(code) = exits.recv() => code,
    };
    // What ends is not changed any more.
    reloading.abort();
    drain(Running { hub, recorder, listeners, rooms, hooks, programs, homekit, accessories }, &mut ends)
        .await;
    Ok(code)
}

/// Hands requests from the workers over to the control thread.
fn control(requests: mpsc::Sender<Asked>) -> Control {
    Arc::new(move |request| {
        let requests = requests.clone();
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            if requests.send((request, reply)).await.is_err() {
                return ending();
            }
            answer.await.unwrap_or_else(|_| ending())
        })
    })
}

fn ending() -> Response<Body> {
    let body = Full::from("the server is shutting down\n").map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// Answers control requests, each in a task of its own: a slow one holds up nobody.
async fn answer_all(api: Api, mut asked: mpsc::Receiver<Asked>) {
    while let Some((mut request, reply)) = asked.recv().await {
        let peer = request.extensions_mut().remove::<Peer>();
        if let Some(Peer(address)) = peer {
            request.extensions_mut().insert(api::Peer(address));
        }
        let api = api.clone();
        tokio::task::spawn_local(async move {
            let response = api.answer(request).await;
            let response = response.map(|body| body.map_err(Into::into).boxed_unsync());
            // The peer may have hung up meanwhile.
            let _ = reply.send(response);
        });
    }
}

/// Waits for SIGINT or SIGTERM.
async fn told(ends: &mut [Signal; 2]) {
    let [interrupt, terminate] = ends;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// What runs, and is to end.
struct Running {
    hub: Hub,
    recorder: Recorder,
    listeners: Listeners,
    rooms: Option<Rooms>,
    hooks: Hooks,
    programs: Programs,
    homekit: HomekitAccess,
    accessories: AccessoriesHandle,
}

async fn drain(running: Running, ends: &mut [Signal; 2]) {
    let Running { hub, recorder, listeners, rooms, hooks, programs, homekit, accessories } = running;
    tracing::info!("shutting down; once more ends at once");
    let started = Instant::now();
    drop(listeners);
    let orderly = async {
        if tokio::time::timeout(HOMEKIT_MAX, accessories.end()).await.is_err() {
            tracing::warn!("accessories of HomeKit did not end in time");
        }
        if let Some(rooms) = rooms
            && tokio::time::timeout(ROOMS_MAX, rooms.end()).await.is_err()
        {
            tracing::warn!("rooms did not end in time");
        }
        // While the streams still flow: what was recorded until now is closed, and is whole.
        if !recorder.end(RECORDER_MAX).await {
            tracing::warn!("recordings did not end in time: the next start closes them");
        }
        homekit.mdns.end().await;
        let left = hub.shutdown(DRAIN_MAX).await;
        if left > 0 {
            tracing::warn!(left, "streams did not end in time");
        }
        // Their sources ended them; what is left was on its way.
        let left = programs.children.shutdown(CHILDREN_DRAIN_MAX).await;
        if left > 0 {
            tracing::warn!(left, "child processes did not end in time");
        }
        hooks.end(HOOKS_MAX.min(END_MAX.saturating_sub(started.elapsed()))).await;
    };
    tokio::select! {
        () = orderly => {}
        () = told(ends) => tracing::warn!("ended at once, as asked"),
    }
}

fn listening(addresses: &Addresses) -> api::Listening {
    let text = |address: Option<SocketAddr>| address.map(|address| address.to_string());
    api::Listening {
        http: text(addresses.http),
        https: text(addresses.https),
        rtsp: text(addresses.rtsp),
        rtsps: text(addresses.rtsps),
        rtmp: text(addresses.rtmp),
        rtmps: text(addresses.rtmps),
        webrtc: text(addresses.webrtc),
    }
}
