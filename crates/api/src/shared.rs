//! What every handler shares, and the entry for requests.
use crate::alerts::AlertBook;
use crate::catalogue::{Catalogue, CatalogueHandle, FileStreams, StreamChanges, StreamProblem};
use crate::compat::go2rtc::AskEngines;
use crate::compat::zlmediakit::{Zlmediakit, ZlmediakitConfig};
use crate::facts::TrackFacts;
use crate::hooks::HookReports;
use crate::log_ring::LogRing;
use crate::metrics::{AskSrtp, EventCounts};
use crate::reload::{AskReload, ConfigState};
use crate::v1::children::AskChildren;
use crate::v1::homekit::HomekitControl;
use crate::v1::recordings::Exports;
use crate::v1::rooms::RoomsControl;
use crate::{answer, routes};
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use hub::{Access, Hub};
use media::{Track, WallTime};
use recorder::{Playbacks, RecordPlan, Recorder, Shelves};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;

/// Who sent a request: an extension of the request. Without it nobody is at home on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Where the listeners listen, as `address:port`; `None` for those switched off.
#[derive(Clone, Debug, Default)]
pub struct Listening {
    /// HTTP.
    pub http: Option<String>,
    /// HTTPS.
    pub https: Option<String>,
    /// RTSP.
    pub rtsp: Option<String>,
    /// RTSPS.
    pub rtsps: Option<String>,
    /// RTMP.
    pub rtmp: Option<String>,
    /// RTMPS.
    pub rtmps: Option<String>,
    /// WebRTC media.
    pub webrtc: Option<String>,
}

/// What the API is told at the start.
pub struct Settings {
    /// Our own version.
    pub version: &'static str,
    /// How the configuration is.
    pub config: watch::Receiver<ConfigState>,
    /// Asks whoever read the configuration to read it again.
    pub reload: AskReload,
    /// Where the listeners listen.
    pub listeners: Listening,
    /// The query of RTSP readers that give none.
    pub rtsp_default_query: String,
    /// Who may do what.
    pub access: Access,
    /// Path before every route; empty for none.
    pub base_path: String,
    /// The streams of the configuration, which the hub has already.
    pub streams: FileStreams,
    /// What a track's parameters say.
    pub track_facts: fn(&Track) -> TrackFacts,
    /// The child processes that run.
    pub children: AskChildren,
    /// What is counted at the socket of HomeKit's media.
    pub srtp: AskSrtp,
    /// Who runs the rooms; `None` when they are off.
    pub rooms: Option<Arc<dyn RoomsControl>>,
    /// Who speaks with HomeKit cameras; `None` where nobody does.
    pub homekit: Option<Arc<dyn HomekitControl>>,
    /// The engines that code pictures.
    pub engines: AskEngines,
    /// The newest log lines.
    pub log: Arc<LogRing>,
    /// How the webhooks are doing.
    pub hooks: HookReports,
    /// Who records.
    pub recorder: Recorder,
    /// Who plays what was recorded.
    pub playbacks: Playbacks,
    /// A recording of which nothing more is said.
    pub record_plan: RecordPlan,
    /// ZLMediaKit's API.
    pub zlmediakit: ZlmediakitConfig,
    /// Takes the exit code when somebody asks the server to end.
    pub exit: mpsc::Sender<u8>,
}

/// What handlers work with.
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) catalogue: CatalogueHandle,
    pub(crate) counts: EventCounts,
    pub(crate) started: WallTime,
    pub(crate) version: &'static str,
    pub(crate) config: watch::Receiver<ConfigState>,
    pub(crate) reload: AskReload,
    pub(crate) listeners: Listening,
    pub(crate) rtsp_default_query: String,
    pub(crate) access: Access,
    pub(crate) track_facts: fn(&Track) -> TrackFacts,
    pub(crate) children: AskChildren,
    pub(crate) srtp: AskSrtp,
    pub(crate) rooms: Option<Arc<dyn RoomsControl>>,
    pub(crate) homekit: Option<Arc<dyn HomekitControl>>,
    pub(crate) engines: AskEngines,
    pub(crate) log: Arc<LogRing>,
    pub(crate) alerts: AlertBook,
    pub(crate) hooks: HookReports,
    pub(crate) recorder: Recorder,
    pub(crate) playbacks: Playbacks,
    pub(crate) record_plan: RecordPlan,
    pub(crate) shelves: Shelves,
    pub(crate) exports: Exports,
    pub(crate) zlmediakit: Zlmediakit,
    pub(crate) exit: mpsc::Sender<u8>,
}

/// The API. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
    router: axum::Router,
    base_path: Arc<str>,
}

impl Api {
    /// Makes the API, and the owner of the streams' plans, whose `run` belongs on the control thread.
    pub fn new(hub: Hub, settings: Settings) -> (Api, Catalogue) {
        let (catalogue, handle) = Catalogue::new(hub.clone(), settings.streams);
        let shared = Arc::new(Shared {
            hub,
            catalogue: handle,
            counts: EventCounts::default(),
            started: hub::wall_now(),
            version: settings.version,
            config: settings.config,
            reload: settings.reload,
            listeners: settings.listeners,
            rtsp_default_query: settings.rtsp_default_query,
            access: settings.access,
            track_facts: settings.track_facts,
            children: settings.children,
            srtp: settings.srtp,
            rooms: settings.rooms,
            homekit: settings.homekit,
            engines: settings.engines,
            log: settings.log,
            alerts: AlertBook::default(),
            hooks: settings.hooks,
            exports: Exports::default(),
            shelves: Shelves::new(&settings.recorder),
            recorder: settings.recorder,
            playbacks: settings.playbacks,
            record_plan: settings.record_plan,
            zlmediakit: Zlmediakit::new(settings.zlmediakit),
            exit: settings.exit,
        });
        let router = routes::router(&shared);
        (Api { shared, router, base_path: settings.base_path.into() }, catalogue)
    }

    /// Counts events for the metrics, and remembers alerts, until the hub ends.
    pub async fn count_events(self) {
        let counted = self.shared.counts.follow(self.shared.hub.events());
        let remembered = self.shared.alerts.follow(self.shared.hub.events());
        tokio::join!(counted, remembered);
    }

    /// Makes the streams be as the configuration file says now, where that differs from what it said before. Returns when
    /// nothing is left of what was removed. On a problem nothing is done.
    pub async fn reload(&self, streams: FileStreams) -> Result<StreamChanges, Vec<StreamProblem>> {
        self.shared.catalogue.reload(streams).await
    }

    /// Answers one request. It carries a [`Peer`] as extension.
    pub async fn answer<B>(&self, request: http::Request<B>) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let Some(request) = self.below_base(request.map(Body::new)) else {
            return answer::text(http::StatusCode::NOT_FOUND, "404 page not found");
        };
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Takes the base path off the address.
    fn below_base(&self, mut request: Request) -> Option<Request> {
        if self.base_path.is_empty() {
            return Some(request);
        }
        let whole = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let rest = whole.strip_prefix(&*self.base_path)?;
        let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        *request.uri_mut() = rest.parse().ok()?;
        Some(request)
    }
}
