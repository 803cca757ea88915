//! TCP sources: `tcp://host:port`. We connect and take whatever byte stream comes, as over HTTP but without a request.
use super::address::{Endpoint, SourceUrl};
use super::dial::Security;
use crate::ingest::bytes::BytesIngest;
use crate::net::accept::Stream;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Connect, PeerInfo, SourceError, SourceTask};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use url::Url;

/// Read at once. 64 KiB: half of what a socket holds at 50 Mbit/s in 20 ms.
const READ_BYTES: usize = 64 << 10;
/// How long a connection may be silent: 12 s, a little less than what the hub grants, so that the reason is said here.
const SILENCE_MAX: Duration = Duration::from_secs(12);

/// Reads byte streams from TCP ports.
#[derive(Clone, Debug, Default)]
pub struct TcpSources;

fn parse(url: &str) -> Result<Endpoint, SourceError> {
    let wrong = |why: &dyn std::fmt::Display| {
        SourceError::config(format!("{why}: a TCP source is tcp://HOST:PORT, without a path or options"))
    };
    let parted = SourceUrl::part(url);
    if let Some(option) = parted.options.first() {
        return Err(wrong(&format!("#{} is not known", option.split('=').next().unwrap_or_default())));
    }
    if parted.userinfo.is_some() {
        return Err(wrong(&"nobody asks for a user here"));
    }
    let url = Url::parse(&parted.bare).map_err(|e| wrong(&e))?;
    if url.scheme() != "tcp" || !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err(wrong(&"there is more than host and port"));
    }
    let port = url.port().ok_or_else(|| wrong(&"there is no port"))?;
    Endpoint::of(&url, port, Security::Plain).ok_or_else(|| wrong(&"there is no host"))
}

impl Connect for TcpSources {
    fn schemes(&self) -> &[&'static str] {
        &["tcp"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        parse(url).map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let remote = parse(url).map(|endpoint| endpoint.authority()).unwrap_or_default();
        PeerInfo { protocol: "tcp", transport: "tcp", remote, ..PeerInfo::default() }
    }

    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        run(task).boxed_local()
    }
}

/// One attempt, until the peer closes, something fails, or we are told to stop.
async fn run(task: SourceTask) -> Result<(), SourceError> {
    let SourceTask { stream, url, publisher, mut stop, .. } = task;
    let endpoint = parse(&url)?;
    let mut ingest = BytesIngest::new(stream, publisher);
    let connection = tokio::select! {
        connection = endpoint.dial() => connection?,
        () = stop.wanted() => return Ok(()),
        _ = ingest.ended() => return Ok(()),
    };
    let shown = format!("tcp://{}", endpoint.authority());
    tokio::select! {
        done = pour(connection, &mut ingest, &shown) => done,
        // Closing is all the goodbye there is.
        () = stop.wanted() => Ok(()),
    }
}

async fn pour(mut connection: Stream, ingest: &mut BytesIngest, shown: &str) -> Result<(), SourceError> {
    let mut buffer = vec![0; READ_BYTES];
    let failed = loop {
        let read = tokio::select! {
            read = tokio::time::timeout(SILENCE_MAX, connection.read(&mut buffer)) => read,
            _ = ingest.ended() => return Ok(()),
        };
        match read {
            Ok(Ok(0)) => break None,
            Ok(Ok(count)) => {
                if let Err(error) = ingest.push(&buffer[..count], hub::now()).await {
                    return error.of_source(shown);
                }
            }
            Ok(Err(error)) => break Some(SourceError::peer(format!("{shown}: {error}"))),
            Err(_) => {
                let within = SILENCE_MAX.as_secs();
                break Some(SourceError::peer(format!("{shown}: nothing came for {within} s")));
            }
        }
    };
    let finished = ingest.finish().await;
    match (failed, finished) {
        // Why the bytes ended is known better than what they would have been.
        (Some(error), _) => Err(error),
        (None, Err(error)) => error.of_source(shown),
        (None, Ok(())) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tcp_source_is_host_and_port_and_nothing_else() {
        assert_eq!(parse("tcp://cam:5000").unwrap().authority(), "cam:5000");
        assert_eq!(parse("tcp://[::1]:5000/").unwrap().authority(), "[::1]:5000");
        for wrong in [
            "tcp://cam",
            "tcp://cam:5000/x",
            "tcp://cam:5000?x",
            "tcp://cam:5000#x=y",
            "tcp://a:b@cam:1",
            "tcp:",
        ] {
            assert!(parse(wrong).is_err_and(|error| !error.retry), "{wrong}");
        }
    }
}
