//! Who may ask: the origin of browser requests, for every route; credentials, for the media routes.
//!
//! Control routes are given the request as it came and check credentials themselves; origins are checked here for
//! them too. Source: Fetch standard (CORS); go2rtc's `api.origin`.
use super::body::{Answer, Body};
use super::{full, text};
use crate::config::HttpConfig;
use ::http::header::{AUTHORIZATION, HOST, ORIGIN};
use ::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use base64::Engine as _;
use hub::{Access, Deed, Denied};
use std::net::SocketAddr;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static("Authorization, Content-Type, If-Match");
const EXPOSED: HeaderValue = HeaderValue::from_static("Location, ETag, Link");

pub(crate) struct Guard {
    allowed: String,
    access: Access,
}

/// What the origin of a request leads to.
pub(crate) enum Origin {
    /// No browser, or a page of our own: nothing to add.
    Own,
    /// Another origin that the configuration allows.
    Allowed(HeaderValue),
}

impl Guard {
    pub(crate) fn new(config: &HttpConfig) -> Self {
        Self { allowed: config.origin.clone(), access: config.access.clone() }
    }

    /// Lets requests of our own pages and of allowed origins pass; refuses others where they could do harm: when they
    /// change something, or open a WebSocket, which browsers let any page do.
    pub(crate) fn origin<B>(&self, request: &Request<B>) -> Result<Origin, Response<Body>> {
        let headers = request.headers();
        let Some(origin) = headers.get(ORIGIN) else { return Ok(Origin::Own) };
        if self.allowed == "*" {
            return Ok(Origin::Allowed(HeaderValue::from_static("*")));
        }
        if origin.as_bytes() == self.allowed.as_bytes() {
            return Ok(Origin::Allowed(origin.clone()));
        }
        let websocket = headers.contains_key("sec-websocket-key");
        if is_own(origin, headers, websocket) {
            return Ok(Origin::Own);
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD) && !websocket;
        if reads {
            // The browser keeps the answer from that page, since nothing in it allows the origin.
            return Ok(Origin::Own);
        }
        let origin = origin.to_str().unwrap_or("another origin");
        Err(text(
            StatusCode::FORBIDDEN,
            format!("pages of {origin} may not use this server: set api.origin to allow them"),
        ))
    }

    /// Refuses control over a name that may be anybody's: without credentials, this machine may do everything, and a
    /// foreign page whose name was made to point here (DNS rebinding) would pose as our own.
    pub(crate) fn host(&self, headers: &HeaderMap, peer: SocketAddr) -> Result<(), Response<Body>> {
        let guarded = self.access.credentials.is_none() && self.allowed.is_empty();
        if !guarded || !peer.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return Ok(()) };
        if is_of_this_machine(host) {
            return Ok(());
        }
        let why = format!(
            "without credentials this machine is asked by address or as localhost, not as {host}: set \
             api.username and api.password, or api.origin"
        );
        Err(text(StatusCode::FORBIDDEN, why))
    }

    /// Whether a request comes from this machine and asks for it by a name that is nobody else's.
    pub(crate) fn is_local(&self, headers: &HeaderMap, peer: SocketAddr) -> bool {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        peer.ip().to_canonical().is_loopback() && host.is_none_or(is_of_this_machine)
    }

    /// Says whether whoever sent a request may do this, by the credentials that it shows.
    pub(crate) fn may<B>(&self, request: &Request<B>, peer: SocketAddr, deed: Deed) -> Result<(), Denied> {
        let shown =
            basic(request.headers()).is_some_and(|(user, password)| self.access.matches(&user, &password));
        self.access.check(deed, peer.ip(), shown)
    }

    /// Checks credentials; an error is the answer to give.
    pub(crate) fn access<B>(
        &self,
        request: &Request<B>,
        peer: SocketAddr,
        deed: Deed,
    ) -> Result<(), Response<Body>> {
        match self.may(request, peer, deed) {
            Ok(()) => Ok(()),
            Err(Denied::Unauthorized) => {
                let mut response = text(StatusCode::UNAUTHORIZED, "user name and password are wanted");
                let challenge = HeaderValue::from_static("Basic realm=\"aqueduct\"");
                response.headers_mut().insert("www-authenticate", challenge);
                Err(response)
            }
            Err(Denied::Forbidden(why)) => Err(text(StatusCode::FORBIDDEN, why)),
        }
    }
}

impl Origin {
    /// Adds what lets the page read the answer.
    pub(crate) fn mark(&self, response: &mut Response<Answer>) {
        if let Origin::Allowed(origin) = self {
            allow(response.headers_mut(), origin);
        }
    }

    /// Answers a browser that asks before it does.
    pub(crate) fn preflight(&self) -> Response<Body> {
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let Origin::Allowed(origin) = self {
            allow(response.headers_mut(), origin);
        }
        response
    }
}

fn allow(headers: &mut HeaderMap, origin: &HeaderValue) {
    headers.insert("access-control-allow-origin", origin.clone());
    headers.insert("access-control-allow-methods", METHODS);
    headers.insert("access-control-allow-headers", HEADERS);
    headers.insert("access-control-expose-headers", EXPOSED);
    headers.insert("vary", HeaderValue::from_static("Origin"));
}

/// True for addresses and `localhost`: names that cannot be made to point here.
fn is_of_this_machine(host: &str) -> bool {
    match url::Url::parse(&format!("http://{host}")).as_ref().ok().and_then(url::Url::host) {
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => true,
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// True when the page came from the host that the request goes to. The port counts where `Host` has one, except for
/// WebSockets: pages behind a proxy on the same host open them, and go2rtc's clients rely on it.
fn is_own(origin: &HeaderValue, headers: &HeaderMap, websocket: bool) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let Some(origin) = origin.to_str().ok().and_then(|text| url::Url::parse(text).ok()) else { return false };
    let Ok(host) = url::Url::parse(&format!("{}://{host}", origin.scheme())) else { return false };
    let port_counts = host.port().is_some() && !websocket;
    host.host() == origin.host()
        && (!port_counts || host.port_or_known_default() == origin.port_or_known_default())
}

/// User name and password of a request that shows them.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let encoded = value.strip_prefix("Basic ").or_else(|| value.strip_prefix("basic "))?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, origin: &str, host: &str) -> Request<()> {
        Request::builder().method(method).header("origin", origin).header("host", host).body(()).unwrap()
    }

    fn guard(origin: &str) -> Guard {
        Guard::new(&HttpConfig { origin: origin.into(), ..HttpConfig::default() })
    }

    #[test]
    fn a_foreign_page_may_not_change_anything_unless_allowed() {
        let foreign = request("POST", "http://evil.example", "127.0.0.1:1984");
        assert!(guard("").origin(&foreign).is_err());
        assert!(matches!(guard("*").origin(&foreign), Ok(Origin::Allowed(_))));
        assert!(matches!(guard("http://evil.example").origin(&foreign), Ok(Origin::Allowed(_))));
        assert!(guard("http://other.example").origin(&foreign).is_err());
    }

    #[test]
    fn a_name_that_was_made_to_point_here_controls_nothing() {
        let asks = |origin: &str, host: &str, peer: &str| {
            let request = request("GET", "http://x.example", host);
            guard(origin).host(request.headers(), peer.parse().unwrap()).is_ok()
        };
        assert!(!asks("", "evil.example:1984", "127.0.0.1:9"));
        assert!(asks("", "localhost:1984", "127.0.0.1:9"));
        assert!(asks("", "127.0.0.1:1984", "127.0.0.1:9"));
        assert!(asks("", "[::1]:1984", "[::1]:9"));
        assert!(asks("http://nas.example", "nas.example", "127.0.0.1:9"));
        assert!(asks("", "nas.example:1984", "192.0.2.7:9"), "others may not control anyway");
    }

    #[test]
    fn our_own_page_may_also_behind_a_proxy_that_drops_the_port() {
        assert!(matches!(guard("").origin(&request("PUT", "http://nas:1984", "nas:1984")), Ok(Origin::Own)));
        assert!(matches!(guard("").origin(&request("PUT", "https://nas:8443", "nas")), Ok(Origin::Own)));
        assert!(guard("").origin(&request("PUT", "http://nas:9999", "nas:1984")).is_err());
        assert!(guard("").origin(&request("PUT", "null", "nas:1984")).is_err());
    }

    #[test]
    fn a_websocket_of_a_foreign_page_is_refused_though_it_is_a_get() {
        let mut foreign = request("GET", "http://evil.example", "nas:1984");
        assert!(guard("").origin(&foreign).is_ok());
        foreign.headers_mut().insert("sec-websocket-key", HeaderValue::from_static("x"));
        assert!(guard("").origin(&foreign).is_err());
        let mut proxied = request("GET", "http://nas:8123", "nas:1984");
        proxied.headers_mut().insert("sec-websocket-key", HeaderValue::from_static("x"));
        assert!(guard("").origin(&proxied).is_ok());
    }
}
