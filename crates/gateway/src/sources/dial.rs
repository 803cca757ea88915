//! Dialling: name, connection, TLS, each with its time and an error that says which of them failed.
use crate::net::accept::Stream;
use crate::net::tcp::Tcp;
use crate::net::tls;
use hub::SourceError;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longest time for a name, for a connection and for a TLS handshake each: 5 s. A camera in the same house answers in
/// one, and waking up is done after it accepted.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried in turn.
const ADDRESSES_MAX: usize = 3;

/// Whether to speak TLS, and whom to believe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Security {
    /// Plain TCP.
    Plain,
    /// TLS with a certificate that a known authority signed.
    Verified,
    /// TLS with any certificate.
    Unverified,
}

/// Connects to `host:port`. Also gives the two ends' addresses.
pub(crate) async fn dial(
    host: &str,
    port: u16,
    security: Security,
) -> Result<(Stream, SocketAddr, SocketAddr), SourceError> {
    let addresses = look_up(host, port).await?;
    let mut why = format!("{host}: the name has no address");
    for address in addresses.into_iter().take(ADDRESSES_MAX) {
        match tokio::time::timeout(CONNECT_MAX, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are written whole. A socket without the option still works.
                let _ = stream.set_nodelay(true);
                let local = stream.local_addr().map_err(|error| no_connection(host, port, &error))?;
                return Ok((secure(stream, host, port, security).await?, local, address));
            }
            Ok(Err(error)) => why = no_connection(host, port, &error).message,
            Err(_) => why = format!("{host}:{port} did not accept a connection within {CONNECT_MAX:?}"),
        }
    }
    Err(SourceError::peer(why))
}

async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, SourceError> {
    match tokio::time::timeout(CONNECT_MAX, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(_)) => Err(SourceError::peer(format!(
            "the name {host} is not known: check its spelling, or write the address"
        ))),
        Err(_) => Err(SourceError::peer(format!("no answer about the name {host} within {CONNECT_MAX:?}"))),
    }
}

fn no_connection(host: &str, port: u16, error: &io::Error) -> SourceError {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        return SourceError::peer(format!(
            "{host} refuses connections to port {port}: check the port, and that the service runs"
        ));
    }
    SourceError::peer(format!("no connection to {host}:{port}: {error}"))
}

async fn secure(stream: TcpStream, host: &str, port: u16, security: Security) -> Result<Stream, SourceError> {
    let stream = Tcp::new(stream);
    let verify = match security {
        Security::Plain => return Ok(Stream::Plain(stream)),
        Security::Verified => true,
        Security::Unverified => false,
    };
    match tokio::time::timeout(CONNECT_MAX, tls::connect(stream, host, verify)).await {
        Ok(Ok(stream)) => Ok(Stream::TlsClient(Box::new(stream))),
        Ok(Err(error)) if is_about_the_certificate(&error) => Err(SourceError::config(format!(
            "the certificate of {host}:{port} is not trusted ({error}): if it signed that itself, put an x in place of \
             the scheme's s, as in rtspx:// or rtmpx://"
        ))),
        Ok(Err(error)) => Err(SourceError::peer(format!("no TLS with {host}:{port}: {error}"))),
        Err(_) => {
            Err(SourceError::peer(format!("no TLS with {host}:{port}: no answer within {CONNECT_MAX:?}")))
        }
    }
}

fn is_about_the_certificate(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    inner.is_some_and(|inner| matches!(inner, rustls::Error::InvalidCertificate(_)))
}
