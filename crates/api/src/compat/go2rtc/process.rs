//! `/api/log`, `/api/config`, `/api/exit`, `/api/restart`: the process itself.
use crate::answer;
use crate::params::Params;
use crate::shared::Shared;
use axum::extract::State;
use axum::response::Response;
use http::{Method, StatusCode};
use std::sync::Arc;

/// Largest exit code that shells leave to programs.
const CODE_MAX: u8 = 125;

pub(crate) async fn log(State(shared): State<Arc<Shared>>) -> Response {
    answer::plain("application/jsonlines", shared.log.text())
}

pub(crate) async fn clear_log(State(shared): State<Arc<Shared>>) -> Response {
    shared.log.clear();
    answer::plain("text/plain; charset=utf-8", "OK")
}

/// The settings in force, with secrets hidden; they change in the file.
pub(crate) async fn config(State(shared): State<Arc<Shared>>, method: Method) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        let message = "the configuration cannot be changed over the API yet: edit the file, then POST /api/v1/config/reload";
        return answer::text(StatusCode::NOT_IMPLEMENTED, message);
    }
    let state = shared.config.borrow().clone();
    if state.files.is_empty() {
        return answer::text(StatusCode::GONE, "no config file");
    }
    answer::plain("application/yaml", state.shown)
}

pub(crate) async fn exit(State(shared): State<Arc<Shared>>, params: Params) -> Response {
    let code = match params.given("code").map(str::parse::<u8>) {
        None => 0,
        Some(Ok(code)) if code <= CODE_MAX => code,
        Some(_) => return answer::text(StatusCode::BAD_REQUEST, "Code must be in the range [0, 125]"),
    };
    // Full: somebody has asked already.
    let _ = shared.exit.try_send(code);
    answer::empty()
}

pub(crate) async fn restart() -> Response {
    let message = "the server does not restart itself: ask what starts it, or POST /api/exit";
    answer::text(StatusCode::NOT_IMPLEMENTED, message)
}
