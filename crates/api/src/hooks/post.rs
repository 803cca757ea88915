//! One POST: dial, TLS, request, the answer's meaning. The only place where hooks touch HTTP and sockets.
//!
//! Sources: RFC 9110 (status codes, `Retry-After`), Standard Webhooks 1.0.0, "Delivery success and failure". A connection
//! serves one request: alerts are rare. Redirects are not followed: they would lead requests of this machine to wherever.
use super::HookError;
use super::outbox::{Again, Failure};
use base64::Engine as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hub::Secret;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use url::Url;

/// Addresses of one name that are tried in turn.
const ADDRESSES_MAX: usize = 3;
/// Most bytes of an answer that are read: 64 KiB. They are for nobody; a receiver may still want to be rid of them.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// What we call ourselves.
const AGENT: &str = concat!("Aqueduct/", env!("CARGO_PKG_VERSION"));
/// Header fields that are ours to set.
const OURS: [&str; 6] =
    ["host", "content-length", "content-type", "connection", "transfer-encoding", "user-agent"];

/// Where a hook's letters go.
pub(super) struct Target {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// Scheme, host and port: for messages.
    origin: String,
    /// Path and query.
    path: String,
    headers: HeaderMap,
}

impl Target {
    pub(super) fn new(url: &str, more: &[(String, Secret)]) -> Result<Self, HookError> {
        let wrong =
            |message: &str| HookError { key: "url", message: format!("{message}: write https://HOST/PATH") };
        let url = Url::parse(url).map_err(|error| wrong(&format!("it is no URL ({error})")))?;
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("its scheme is neither https nor http")),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it has no host"))?;
        let port = url.port_or_known_default().ok_or_else(|| wrong("it has no port"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = if is_tls {
            let name = ServerName::try_from(host.clone()).map_err(|_| wrong("its host is no host name"))?;
            let connector = connector().map_err(|error| wrong(&format!("there is no TLS here ({error})")))?;
            Some((connector, name))
        } else {
            None
        };
        let origin = url.origin().ascii_serialization();
        let mut headers = headers(more)?;
        let authority = url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
        let authority = HeaderValue::try_from(authority).map_err(|_| wrong("its host is no host name"))?;
        headers.insert(HOST, authority);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if let Some(basic) = basic(&url) {
            headers.entry(AUTHORIZATION).or_insert(basic);
        }
        let path = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
        Ok(Self { host, port, tls, origin, path, headers })
    }

    /// Scheme, host and port: for messages. What follows may be a secret.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Sends a body with these further header fields, and says whether it was taken. The caller sets the deadline.
    pub(super) async fn post(&self, more: &[(&'static str, String)], body: Bytes) -> Result<(), Failure> {
        let stream = self.dial().await?;
        match &self.tls {
            None => self.exchange(stream, more, body).await,
            Some((connector, name)) => {
                let failed = |error| self.later(&format!("TLS with {}: {error}", self.origin));
                let stream = connector.connect(name.clone(), stream).await.map_err(failed)?;
                self.exchange(stream, more, body).await
            }
        }
    }

    async fn dial(&self) -> Result<TcpStream, Failure> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses = found.map_err(|_| self.later(&format!("the name {} is not known", self.host)))?;
        let mut why = format!("the name {} has no address", self.host);
        for address in addresses.take(ADDRESSES_MAX) {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => why = format!("no connection to {}: {error}", self.origin),
            }
        }
        Err(self.later(&why))
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        more: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<(), Failure> {
        let failed = |error: hyper::Error| self.later(&format!("{}: {error}", self.origin));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        // Its error comes out of the request as well.
        let _connection = Aborts(tokio::spawn(async move { connection.await.unwrap_or_default() }));
        let request = self.request(more, body).map_err(|error| Failure {
            message: format!("no request can be made of it: {error}"),
            again: Again::No,
        })?;
        let response = sender.send_request(request).await.map_err(failed)?;
        let (status, headers) = (response.status(), response.headers().clone());
        drain(response.into_body()).await;
        self.judge(status, &headers)
    }

    fn request(
        &self,
        more: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::post(&self.path).body(Full::new(body.clone()))?;
        *request.headers_mut() = self.headers.clone();
        for (name, value) in more {
            request.headers_mut().insert(*name, HeaderValue::try_from(value)?);
        }
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        Ok(request)
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
        if status.is_success() {
            return Ok(());
        }
        let again = match status {
            StatusCode::GONE => Again::Never,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Again::Later(retry_after(headers)),
            status if status.is_server_error() => Again::Later(retry_after(headers)),
            _ => Again::No,
        };
        let hint =
            if status.is_redirection() { " (redirects are not followed: write where it leads)" } else { "" };
        Err(Failure { message: format!("{} answers {}{hint}", self.origin, status.as_u16()), again })
    }

    fn later(&self, message: &str) -> Failure {
        Failure { message: message.to_owned(), again: Again::Later(None) }
    }
}

fn connector() -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
}

fn headers(more: &[(String, Secret)]) -> Result<HeaderMap, HookError> {
    let mut headers = HeaderMap::new();
    for (name, value) in more {
        let wrong = |why: &str| HookError { key: "headers", message: format!("{name:?} {why}") };
        let key = HeaderName::try_from(name.as_str()).map_err(|_| wrong("is no name of a header field"))?;
        if OURS.contains(&key.as_str()) || key.as_str().starts_with("webhook-") {
            return Err(wrong("is set by the server itself"));
        }
        let mut value = HeaderValue::try_from(value.expose())
            .map_err(|_| wrong("has a value that no header can have"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// RFC 7617, from the URL's user information.
fn basic(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pair = format!("{}:{}", plain(url.username()), plain(url.password().unwrap_or_default()));
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// How long the receiver asks to wait: seconds, or a date. Source: RFC 9110 §10.2.3.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    date.duration_since(SystemTime::now()).ok()
}

async fn drain(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > ANSWER_BYTES_MAX {
            return;
        }
    }
}

/// Ends the connection with whoever holds it.
struct Aborts(JoinHandle<()>);

impl Drop for Aborts {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, HookError> {
        Target::new(url, &[("X-Key".into(), Secret::new("k"))])
    }

    #[test]
    fn an_address_is_taken_apart_and_only_its_origin_is_shown() {
        let target = target("https://ann:p%40w@hooks.example:8443/services/T0/B0?x=secret").unwrap();
        assert_eq!(target.origin(), "https://hooks.example:8443");
        assert_eq!((target.path.as_str(), target.port), ("/services/T0/B0?x=secret", 8443));
        assert_eq!(target.headers[HOST], "hooks.example:8443");
        assert_eq!(target.headers[AUTHORIZATION], "Basic YW5uOnBAdw==");
        assert_eq!(super::tests::target("http://[::1]/x").unwrap().host, "::1");
        for url in ["hooks.example", "ftp://h/x", "https://", "exec:rm"] {
            assert_eq!(super::tests::target(url).err().map(|error| error.key), Some("url"), "{url}");
        }
    }

    #[test]
    fn header_fields_that_are_ours_cannot_be_given() {
        for name in ["Host", "webhook-signature", "no name", "Content-Length"] {
            let error = Target::new("http://h/", &[(name.into(), Secret::new("v"))]).err().unwrap();
            assert_eq!(error.key, "headers");
        }
        let error = Target::new("http://h/", &[("X-Key".into(), Secret::new("s3cret\n"))]).err().unwrap();
        assert!(!error.message.contains("s3cret"), "{error}");
    }

    #[test]
    fn an_answer_says_whether_to_try_again() {
        let target = target("https://h/x").unwrap();
        let again = |status: u16| {
            let judged = target.judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new());
            judged.err().map(|failure| failure.again)
        };
        assert!([200, 202, 204].iter().all(|&status| again(status).is_none()));
        assert!(
            [408, 429, 500, 502, 503, 504].iter().all(|&status| again(status) == Some(Again::Later(None)))
        );
        assert!(
            [301, 302, 307, 400, 401, 403, 404, 422].iter().all(|&status| again(status) == Some(Again::No))
        );
        assert_eq!(again(410), Some(Again::Never));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        let soon = SystemTime::now() + Duration::from_secs(100);
        let wait = after(&httpdate::fmt_http_date(soon)).unwrap();
        assert!((98..=100).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(after("Thu, 01 Jan 1970 00:00:00 GMT"), None);
        assert_eq!(after("soon"), None);
    }
}
