//! Who may call a route: user name and password by HTTP Basic (RFC 7617), decided by `hub::Access`.
//!
//! Origins of browser requests are the gateway's: its guard sees every request before it comes here.
use crate::answer;
use crate::shared::{Peer, Shared};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hub::{Deed, Denied};
use std::net::IpAddr;
use std::sync::Arc;

/// What the sender of a request may see: an extension of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Viewer {
    /// It may change things, so it may see sources with their credentials.
    pub(crate) owner: bool,
}

/// Lets a request pass or not.
pub(crate) async fn check(shared: Arc<Shared>, deed: Deed, mut request: Request, next: Next) -> Response {
    // Without a peer it is a stranger.
    let stranger = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    let peer = request.extensions().get::<Peer>().map_or(stranger, |peer| peer.0.ip());
    let shown = shows(&shared, request.headers());
    match shared.access.check(deed, peer, shown) {
        Ok(()) => {
            let owner = shared.access.check(Deed::Control, peer, shown).is_ok();
            request.extensions_mut().insert(Viewer { owner });
            next.run(request).await
        }
        Err(Denied::Unauthorized) => {
            let mut response = answer::text(StatusCode::UNAUTHORIZED, "user name and password are wanted");
            let challenge = HeaderValue::from_static("Basic realm=\"aqueduct\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        Err(Denied::Forbidden(why)) => answer::text(StatusCode::FORBIDDEN, why),
    }
}

fn shows(shared: &Shared, headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let Some((scheme, encoded)) = value.split_once(' ') else { return false };
    if !scheme.eq_ignore_ascii_case("basic") {
        return false;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some((username, password)) => shared.access.matches(username, password),
        None => false,
    }
}
