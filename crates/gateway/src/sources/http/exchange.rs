//! One HTTP request and the beginning of its answer, through redirects and challenges.
use super::Wanted;
use crate::net::accept::Stream;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HOST, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Empty;
use hub::{SourceError, Worker};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use media::Fault;
use protocols::auth::{AuthError, ClientAuth};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Most redirects of one attempt. Balancers make one or two; more are a circle.
const REDIRECTS_MAX: u32 = 5;
/// Most answers to challenges of one server: the first, a renewed nonce, a stronger scheme.
const CHALLENGES_MAX: u32 = 3;
/// How long the head of an answer may take: 12 s. A camera behind another server may need ten to wake up.
const HEAD_MAX: Duration = Duration::from_secs(12);
/// What we call ourselves.
const AGENT: &str = concat!("Aqueduct/", env!("CARGO_PKG_VERSION"));

/// An answer whose body is still to come. Dropping it closes the connection.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    /// Where it came from in the end, for messages.
    pub(super) shown: String,
    /// Moves the bytes.
    _connection: Aborts,
}

/// Asks until there is an answer with a body worth looking at.
pub(super) async fn ask(mut wanted: Wanted, worker: &Worker) -> Result<Answer, SourceError> {
    let mut auth = ClientAuth::new(wanted.credentials.clone());
    let (mut redirects, mut challenges) = (0, 0);
    loop {
        let (answer, answered) = request(&wanted, &mut auth, worker).await?;
        let status = answer.response.status();
        if status == StatusCode::UNAUTHORIZED {
            challenges += 1;
            if challenges > CHALLENGES_MAX {
                return Err(SourceError::config(format!(
                    "{}: it asks for a login again and again",
                    answer.shown
                )));
            }
            take_challenge(&mut auth, &answer, answered)?;
        } else if status.is_redirection() {
            redirects += 1;
            if redirects > REDIRECTS_MAX {
                let shown = &answer.shown;
                return Err(SourceError::peer(format!("{shown}: more than {REDIRECTS_MAX} redirects")));
            }
            redirect(&mut wanted, &mut auth, &answer)?;
        } else if status.is_success() {
            return Ok(answer);
        } else {
            let message = format!("{}: the server answers {status}", answer.shown);
            // It knows who we are and says no.
            return Err(match status {
                StatusCode::FORBIDDEN => SourceError::config(message),
                _ => SourceError::peer(message),
            });
        }
    }
}

/// One request on a connection of its own; says whether it carried an answer to a challenge.
async fn request(
    wanted: &Wanted,
    auth: &mut ClientAuth,
    worker: &Worker,
) -> Result<(Answer, bool), SourceError> {
    let endpoint = wanted.endpoint()?;
    let shown = wanted.shown();
    let stream = endpoint.dial().await?;
    let failed = |error: hyper::Error| SourceError::peer(format!("{shown}: {error}"));
    let io = TokioIo::<Stream>::new(stream);
    let mut builder = http1::Builder::new();
    // Cameras write what they like.
    builder.ignore_invalid_headers_in_responses(true).allow_spaces_after_header_name_in_responses(true);
    let (mut sender, connection) = builder.handshake::<_, Empty<Bytes>>(io).await.map_err(failed)?;
    let connection = worker.spawn(format!("HTTP connection to {}", endpoint.authority()), async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an HTTP source's connection ended");
        }
    });
    let (request, answered) = build(wanted, auth, &endpoint.authority())?;
    let connection = Aborts(connection);
    let response = match tokio::time::timeout(HEAD_MAX, sender.send_request(request)).await {
        Ok(response) => response.map_err(failed)?,
        Err(_) => {
            let within = HEAD_MAX.as_secs();
            return Err(SourceError::peer(format!("{shown}: no answer to the request within {within} s")));
        }
    };
    Ok((Answer { response, shown, _connection: connection }, answered))
}

fn build(
    wanted: &Wanted,
    auth: &mut ClientAuth,
    authority: &str,
) -> Result<(Request<Empty<Bytes>>, bool), SourceError> {
    let target = &wanted.url[url::Position::BeforePath..url::Position::AfterQuery];
    // The port is left out where it is the usual one: virtual hosts are known by their name.
    let host = match (wanted.url.host_str(), wanted.url.port()) {
        (Some(host), None) => host,
        (Some(_) | None, _) => authority,
    };
    let unusable = |_| SourceError::config(format!("{}: no HTTP request can be made of it", wanted.shown()));
    let mut request = Request::get(target).body(Empty::new()).map_err(unusable)?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(host).map_err(|e| unusable(e.into()))?);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    let answer = auth.authorization("GET", target);
    let answered = answer.is_some();
    if let Some(answer) = answer {
        let mut answer = HeaderValue::from_str(&answer).map_err(|e| unusable(e.into()))?;
        answer.set_sensitive(true);
        headers.insert(AUTHORIZATION, answer);
    }
    for (name, value) in &wanted.headers {
        headers.insert(name, value.clone());
    }
    Ok((request, answered))
}

fn take_challenge(auth: &mut ClientAuth, answer: &Answer, answered: bool) -> Result<(), SourceError> {
    let values = answer.response.headers().get_all(WWW_AUTHENTICATE);
    let values = values.iter().filter_map(|value| value.to_str().ok());
    auth.handle_challenges(values, answered).map_err(|error| {
        let hint = match error {
            AuthError::NoCredentials { .. } => ": write http://USER:PASSWORD@HOST/…",
            AuthError::Rejected { .. } | AuthError::Unsupported { .. } => "",
        };
        let fault = error.fault();
        let message = format!("{}: {error}{hint}", answer.shown);
        SourceError::new(message, fault, fault != Fault::Config)
    })
}

/// Goes where the answer points. Credentials and headers of ours go along to the same host only, and never from TLS to
/// none.
fn redirect(wanted: &mut Wanted, auth: &mut ClientAuth, answer: &Answer) -> Result<(), SourceError> {
    let failed = |why: &str| SourceError::peer(format!("{}: {why}", answer.shown));
    let location = answer.response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| failed("a redirect that does not say where to"))?;
    let next = wanted.url.join(location).map_err(|_| failed("a redirect to what is no URL"))?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(failed(&format!("a redirect to {}:, which is not HTTP", next.scheme())));
    }
    let downgrade = wanted.url.scheme() == "https" && next.scheme() == "http";
    if next.host_str() != wanted.url.host_str() || downgrade {
        wanted.headers.clear();
        wanted.credentials = None;
    }
    *auth = ClientAuth::new(wanted.credentials.clone());
    wanted.url = next;
    Ok(())
}

/// Ends the connection with whoever holds it.
struct Aborts(JoinHandle<Option<()>>);

impl Drop for Aborts {
    fn drop(&mut self) {
        self.0.abort();
    }
}
