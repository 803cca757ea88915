//! Every route, in one table. A route without its deed does not compile. Beside it stand ZLMediaKit's calls, whose secret is
//! all that lets them pass, as its clients know no user names.
use crate::compat::{go2rtc, zlmediakit};
use crate::shared::Shared;
use crate::{auth, metrics, page, v1};
use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, any, delete, get, patch, post, put};
use hub::Deed::{self, Control, Read};
use std::sync::Arc;

/// One line of the table.
struct Route {
    deed: Deed,
    path: &'static str,
    methods: MethodRouter<Arc<Shared>>,
}

const fn route(deed: Deed, path: &'static str, methods: MethodRouter<Arc<Shared>>) -> Route {
    Route { deed, path, methods }
}

fn table() -> Vec<Route> {
    vec![
        // go2rtc's.
        route(Read, "/api", get(go2rtc::info::get)),
        route(Read, "/api/schemes", get(go2rtc::schemes::get)),
        route(Read, "/api/streams", get(go2rtc::streams::get).options(go2rtc::streams::list)),
        route(Control, "/api/streams", put(go2rtc::streams::put).patch(go2rtc::streams::patch)),
        route(Control, "/api/streams", delete(go2rtc::streams::delete).post(go2rtc::play::streams)),
        route(Control, "/api/ffmpeg", post(go2rtc::play::ffmpeg)),
        // Asking runs programs, the first time.
        route(Control, "/api/ffmpeg/hardware", get(go2rtc::hardware::get)),
        route(Read, "/api/preload", get(go2rtc::preload::get)),
        route(Control, "/api/preload", put(go2rtc::preload::put).delete(go2rtc::preload::delete)),
        route(Control, "/api/discovery/homekit", get(go2rtc::homekit::discovery)),
        route(
            Control,
            "/api/homekit",
            get(go2rtc::homekit::get).post(go2rtc::homekit::post).delete(go2rtc::homekit::delete),
        ),
        route(Control, "/api/homekit/accessories", get(go2rtc::homekit::accessories)),
        route(Control, "/api/log", get(go2rtc::process::log).delete(go2rtc::process::clear_log)),
        route(Control, "/api/config", any(go2rtc::process::config)),
        route(Control, "/api/exit", post(go2rtc::process::exit)),
        route(Control, "/api/restart", post(go2rtc::process::restart)),
        // Ours.
        route(Read, "/api/v1/info", get(v1::info::get)),
        route(Read, "/api/v1/streams", get(v1::streams::list)),
        route(Read, "/api/v1/streams/{*name}", get(v1::streams::get)),
        route(Control, "/api/v1/streams/{*name}", put(v1::streams::put).delete(v1::streams::delete)),
        route(Control, "/api/v1/streams/{*name}", post(v1::streams::post)),
        route(Read, "/api/v1/recordings", get(v1::recordings::list_all)),
        route(Read, "/api/v1/recordings/{*name}", get(v1::recordings::get)),
        route(
            Control,
            "/api/v1/recordings/{*name}",
            post(v1::recordings::post).delete(v1::recordings::delete),
        ),
        route(Read, "/api/v1/playbacks", get(v1::recordings::playbacks)),
        route(
            Control,
            "/api/v1/playbacks/{id}",
            patch(v1::recordings::change_playback).delete(v1::recordings::end_playback),
        ),
        // Command lines tell paths and cameras: not for everybody who may watch.
        route(Control, "/api/v1/children", get(v1::children::get)),
        // Who is in a room, and from where, is not for everybody who may watch.
        route(Control, "/api/v1/rooms", get(v1::rooms::list)),
        route(
            Control,
            "/api/v1/rooms/{room}",
            get(v1::rooms::get).delete(v1::rooms::close).patch(v1::rooms::set_limits),
        ),
        route(Control, "/api/v1/rooms/{room}/participants/{identity}", delete(v1::rooms::kick)),
        route(Control, "/api/v1/rooms/{room}/participants/{identity}/mute", post(v1::rooms::mute)),
        route(Control, "/api/v1/rooms/{room}/streams", post(v1::rooms::streams::bring)),
        route(Control, "/api/v1/rooms/{room}/streams/{stream}", delete(v1::rooms::streams::take_out)),
        route(Control, "/api/v1/homekit/devices", get(v1::homekit::devices)),
        route(Control, "/api/v1/homekit/pairings", get(v1::homekit::pairings).post(v1::homekit::pair)),
        route(Control, "/api/v1/homekit/pairings/{id}", delete(v1::homekit::unpair)),
        // They have the pin.
        route(Control, "/api/v1/homekit/accessories", get(v1::homekit::accessories)),
        route(
            Control,
            "/api/v1/homekit/accessories/{name}/controllers",
            delete(v1::homekit::forget_controllers),
        ),
        route(Control, "/api/v1/homekit/accessories/{name}/code.svg", get(v1::homekit::code)),
        route(Read, "/api/v1/events", get(v1::events::get)),
        route(Read, "/api/v1/alerts", get(v1::alerts::get)),
        route(Control, "/api/v1/hooks", get(v1::hooks::get)),
        route(Control, "/api/v1/config", get(v1::config::get)),
        route(Control, "/api/v1/config/reload", post(v1::config::reload)),
        route(Read, "/api/v1/openapi.json", get(v1::get_openapi)),
        route(Read, "/metrics", get(metrics::get)),
    ]
}

/// The router of the table; everything else is the web page.
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let guarded = |deed: Deed, methods: MethodRouter<Arc<Shared>>| {
        let shared = shared.clone();
        methods.layer(from_fn(move |request, next| auth::check(shared.clone(), deed, request, next)))
    };
    let mut router = Router::new();
    for Route { deed, path, methods } in table() {
        router = router.route(path, guarded(deed, methods));
    }
    router
        .route("/index/api/{call}", any(zlmediakit::call))
        .fallback_service(guarded(Read, get(page::get)).with_state(shared.clone()))
        .with_state(shared.clone())
}
