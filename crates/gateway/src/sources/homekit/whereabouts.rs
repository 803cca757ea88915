//! Where a camera is, and with which keys it is called: from the URL, the store of secrets, and mDNS where it has moved.
use super::wanted::Whom;
use crate::homekit::HomekitAccess;
use crate::homekit::line::{Line, LineError};
use hub::SourceError;
use media::Fault;
use protocols::hap::pairing::{AccessoryPairing, Identity};
use std::net::SocketAddr;

/// Calls a camera where it was last, and where that fails, where mDNS finds it.
pub(crate) async fn call(access: &HomekitAccess, whom: &Whom) -> Result<Line, SourceError> {
    let called = called(access, whom).await?;
    let id = called.pairing.id.clone();
    let known = match &called.address {
        Some((host, port)) => match called.dial(host, *port).await {
            Ok(line) => return Ok(line),
            Err(error) => Some(error),
        },
        None => None,
    };
    // whoever answered and said no is there
    if let Some(error) = &known
        && !matches!(error, LineError::Dial(_) | LineError::HungUp { .. } | LineError::Silent { .. })
        && !is_another(error)
    {
        return Err(error.clone().into());
    }
    let found = access.mdns.find(&id).await.map(|found| found.addresses).unwrap_or_default();
    let mut error = known.map(SourceError::from);
    for address in found.into_iter().filter(|address| !called.is_at(address)) {
        match called.dial(&address.ip().to_string(), address.port()).await {
            Ok(line) => {
                if called.is_stored
                    && let Err(error) = access.secrets.set_address(&id, address.to_string()).await
                {
                    tracing::warn!(%error, "where a camera was found is not kept");
                }
                return Ok(line);
            }
            Err(failed) => error = Some(failed.into()),
        }
    }
    Err(error.unwrap_or_else(|| {
        let why = format!("{id} is nowhere to be found: it is off, or mDNS does not reach it; homekit://HOST:PORT needs none");
        SourceError::new(why, Fault::Peer, true)
    }))
}

/// Another accessory answers: this one has moved.
const fn is_another(error: &LineError) -> bool {
    use protocols::hap::controller::ControllerError;
    use protocols::hap::pairing::PairingError;
    matches!(
        error,
        LineError::Said {
            error: ControllerError::Pairing(
                PairingError::OtherAccessory { .. } | PairingError::NotAuthentic { .. }
            ),
            ..
        }
    )
}

struct Called {
    identity: Identity,
    pairing: AccessoryPairing,
    address: Option<(String, u16)>,
    is_stored: bool,
}

impl Called {
    async fn dial(&self, host: &str, port: u16) -> Result<Line, LineError> {
        Line::verify(host, port, self.identity.clone(), self.pairing.clone()).await
    }

    fn is_at(&self, address: &SocketAddr) -> bool {
        self.address
            .as_ref()
            .is_some_and(|(host, port)| *host == address.ip().to_string() && *port == address.port())
    }
}

async fn called(access: &HomekitAccess, whom: &Whom) -> Result<Called, SourceError> {
    let kept = |error: crate::homekit::secrets::SecretsError| {
        SourceError::new(error.to_string(), Fault::Config, true)
    };
    let unknown = |what: &str| {
        let why = format!("{what} is not paired with this server: pair it by POST /api/v1/homekit/pairings");
        SourceError::new(why, Fault::Config, true)
    };
    let camera = match whom {
        Whom::Keys { host, port, identity, pairing } => {
            return Ok(Called {
                identity: identity.clone(),
                pairing: pairing.clone(),
                address: Some((host.clone(), *port)),
                is_stored: false,
            });
        }
        Whom::Known { id, .. } => {
            access.secrets.camera(id).await.map_err(kept)?.ok_or_else(|| unknown(id))?
        }
        Whom::At { host, port } => {
            let at = join(host, *port);
            let cameras = access.secrets.cameras().await.map_err(kept)?;
            let here = cameras.into_iter().find(|camera| camera.address.as_ref() == Some(&at));
            here.ok_or_else(|| unknown(&at))?
        }
    };
    let address = match whom {
        Whom::At { host, port } | Whom::Known { at: Some((host, port)), .. } => Some((host.clone(), *port)),
        Whom::Known { at: None, .. } | Whom::Keys { .. } => camera.address.as_deref().and_then(split),
    };
    let identity = access.secrets.controller().await.map_err(kept)?;
    Ok(Called { identity, pairing: camera.pairing, address, is_stored: true })
}

/// `HOST:PORT`, with brackets around IPv6.
pub(crate) fn join(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// What [`join`] joined.
pub(crate) fn split(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    Some((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port.parse().ok()?))
}
