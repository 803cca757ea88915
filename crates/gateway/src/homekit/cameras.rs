//! Pairing with cameras and other accessories of others, and leaving them: what an operator asks for.
//!
//! Owns nothing: each call is one dialogue with an accessory, and what comes of it is in [`Secrets`]. A pairing that cannot be kept is
//! given back at once, so that no accessory trusts keys that nobody has.
use super::line::{Line, LineError};
use super::mdns::{Found, Mdns};
use super::secrets::{Secrets, SecretsError, StoredCamera};
use super::speakers::Speakers;
use super::srtp::SrtpHandle;
use crate::sources::homekit::wanted::{Wanted, Whom, is_device_id};
use crate::sources::homekit::whereabouts::{call, join, split};
use hub::SourceError;
use protocols::hap::accessory::client::{accessories_request, read_accessories_response};
use protocols::hap::accessory::{Accessory, KnownCharacteristic, characteristics, services};
use protocols::hap::controller::ControllerError;
use protocols::hap::http::{Method, Request};
use protocols::hap::pairing::{
    AccessoryPairing, CONTENT_TYPE, ErrorCode, Identity, PairingError, SetupCode, SetupCodeError, read_done,
    remove_request,
};
use protocols::hap::srp::SrpError;
use serde_json::Value;

/// What cameras of HomeKit need: secrets, mDNS, the socket of their media, and who of them can be talked to. Cheap to clone.
#[derive(Clone)]
pub struct HomekitAccess {
    /// Who trusts us.
    pub secrets: Secrets,
    /// Who is there.
    pub mdns: Mdns,
    /// Where media comes.
    pub srtp: SrtpHandle,
    /// Loudspeakers of those that stream now.
    pub(crate) speakers: Speakers,
}

/// What pairing came to, as far as an API tells it apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hurdle {
    /// What was asked is wrong.
    Wrong,
    /// There is no such accessory.
    NotFound,
    /// The pin is another one.
    WrongPin,
    /// It is paired with somebody else, or has no room for us.
    Taken,
    /// Another time it may work.
    NotNow,
    /// It does not know us.
    Stranger,
    /// It cannot be reached, or makes no sense.
    Broken,
}

/// Why there is no pairing, or still one. No secrets.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CameraError {
    /// The pin cannot be one.
    #[error("pin: {0}")]
    Pin(#[from] SetupCodeError),
    /// Neither an identifier nor an address.
    #[error("{0:?} is neither an identifier, XX:XX:XX:XX:XX:XX, nor HOST:PORT")]
    Place(String),
    /// A URL that is none.
    #[error("{0}")]
    Url(String),
    /// mDNS does not know it.
    #[error("{0} is not found by mDNS: give its address and port")]
    NotFound(String),
    /// The store has none.
    #[error("{0} is not paired with this server")]
    Unknown(String),
    /// The accessory.
    #[error(transparent)]
    Line(#[from] LineError),
    /// It would not let us go.
    #[error("the accessory does not give the pairing back: {0}")]
    Kept(PairingError),
    /// It cannot be called.
    #[error("{0}")]
    Call(String),
    /// The store.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

impl CameraError {
    /// What it comes to.
    pub const fn hurdle(&self) -> Hurdle {
        match self {
            Self::Pin(_) | Self::Place(_) | Self::Url(_) => Hurdle::Wrong,
            Self::NotFound(_) | Self::Unknown(_) => Hurdle::NotFound,
            Self::Kept(_) | Self::Call(_) | Self::Secrets(_) => Hurdle::Broken,
            Self::Line(LineError::Stranger { .. }) => Hurdle::Stranger,
            Self::Line(LineError::Said { error: ControllerError::Pairing(error), .. }) => match error {
                PairingError::Srp(SrpError::Proof)
                | PairingError::Refused { code: ErrorCode::Authentication, .. } => Hurdle::WrongPin,
                PairingError::Refused { code: ErrorCode::Unavailable | ErrorCode::MaxPeers, .. } => {
                    Hurdle::Taken
                }
                PairingError::Refused {
                    code: ErrorCode::Busy | ErrorCode::Backoff | ErrorCode::MaxTries,
                    ..
                } => Hurdle::NotNow,
                PairingError::Refused { code: ErrorCode::Unknown, .. }
                | PairingError::OutOfOrder { .. }
                | PairingError::Reply { .. }
                | PairingError::TooLong { .. }
                | PairingError::Srp(_)
                | PairingError::NotAuthentic { .. }
                | PairingError::OtherAccessory { .. }
                | PairingError::Identifier
                | PairingError::NotDue
                | PairingError::Keys(_) => Hurdle::Broken,
            },
            Self::Line(_) => Hurdle::Broken,
        }
    }
}

/// Whom to pair with.
struct Target {
    id: Option<String>,
    places: Vec<(String, u16)>,
}

impl HomekitAccess {
    /// With these; nobody streams yet.
    pub fn new(secrets: Secrets, mdns: Mdns, srtp: SrtpHandle) -> Self {
        Self { secrets, mdns, srtp, speakers: Speakers::default() }
    }

    /// The accessories that mDNS finds.
    pub async fn discovered(&self) -> Vec<Found> {
        self.mdns.found().await
    }

    /// Pairs with an accessory: by its identifier, its `HOST:PORT`, or a `homekit://` URL of it. Returns what is kept of it.
    ///
    /// # Errors
    /// See [`CameraError`]; nothing is kept then.
    pub async fn pair(&self, whom: &str, pin: &str) -> Result<StoredCamera, CameraError> {
        let code = SetupCode::new(pin.trim())?;
        let target = self.target(whom.trim()).await?;
        // who we are is kept before anybody trusts it; a store that is of no use is found out here
        let identity = self.secrets.controller().await?;
        let mut failed = CameraError::NotFound(whom.to_owned());
        for (host, port) in &target.places {
            match Line::pair(host, *port, code.clone(), identity.clone(), target.id.clone()).await {
                Ok(newly) => {
                    let address = join(host, *port);
                    let (name, model) = self.introduce(host, *port, &identity, &newly.pairing).await;
                    let camera =
                        StoredCamera { pairing: newly.pairing.clone(), name, model, address: Some(address) };
                    if let Err(error) = self.secrets.put_camera(camera.clone()).await {
                        self.give_back(host, *port, identity, newly.pairing).await;
                        return Err(error.into());
                    }
                    tracing::info!(id = camera.pairing.id, name = camera.name, remote = %newly.remote, "paired");
                    return Ok(camera);
                }
                // the next address may be reached
                Err(error @ LineError::Dial(_)) => failed = error.into(),
                Err(error) => return Err(error.into()),
            }
        }
        Err(failed)
    }

    /// Ends a pairing: at the accessory, then here. With `forget` here also when the accessory cannot be reached.
    ///
    /// # Errors
    /// See [`CameraError`]; the pairing is kept then.
    pub async fn unpair(&self, id: &str, forget: bool) -> Result<(), CameraError> {
        let known = self.secrets.camera(id).await?;
        let camera = known.ok_or_else(|| CameraError::Unknown(id.to_owned()))?;
        let identity = self.secrets.controller().await?;
        let place = match self.mdns_place(&camera.pairing.id, camera.address.is_none()).await {
            Some(place) => Some(place),
            None => camera.address.as_deref().and_then(split),
        };
        let left = match place {
            Some((host, port)) => leave(&host, port, identity, camera.pairing.clone()).await,
            None => Err(CameraError::NotFound(camera.pairing.id.clone())),
        };
        match left {
            Ok(()) => {}
            // it knows nothing of us any more, as was wanted
            Err(error) if error.hurdle() == Hurdle::Stranger => {}
            Err(error) if forget => {
                tracing::warn!(id = camera.pairing.id, %error, "a pairing is forgotten here only: reset the accessory");
            }
            Err(error) => return Err(error),
        }
        self.secrets.remove_camera(&camera.pairing.id).await?;
        tracing::info!(id = camera.pairing.id, name = camera.name, "unpaired");
        Ok(())
    }

    /// Ends the pairing that a source's URL stands for; that of go2rtc's URLs is known to the accessory only.
    ///
    /// # Errors
    /// See [`CameraError`].
    pub async fn unpair_url(&self, url: &str) -> Result<(), CameraError> {
        let wanted = Wanted::parse(url).map_err(|SourceError { message, .. }| CameraError::Url(message))?;
        match wanted.whom {
            Whom::Keys { host, port, identity, pairing } => match leave(&host, port, identity, pairing).await
            {
                Err(error) if error.hurdle() != Hurdle::Stranger => Err(error),
                Ok(()) | Err(_) => Ok(()),
            },
            Whom::Known { id, .. } => self.unpair(&id, false).await,
            Whom::At { host, port } => {
                let at = join(&host, port);
                let cameras = self.secrets.cameras().await?;
                let here = cameras.into_iter().find(|camera| camera.address.as_ref() == Some(&at));
                self.unpair(&here.ok_or(CameraError::Unknown(at))?.pairing.id, false).await
            }
        }
    }

    /// What the accessory that a source's URL stands for says of itself, as it says it.
    ///
    /// # Errors
    /// See [`CameraError`].
    pub async fn describe_url(&self, url: &str) -> Result<String, CameraError> {
        let said = |SourceError { message, .. }| CameraError::Call(message);
        let wanted = Wanted::parse(url).map_err(|SourceError { message, .. }| CameraError::Url(message))?;
        let mut line = call(self, &wanted.whom).await.map_err(said)?;
        let response = line.ask(accessories_request(), "what it is").await?;
        Ok(String::from_utf8_lossy(&response.body).into_owned())
    }

    async fn target(&self, whom: &str) -> Result<Target, CameraError> {
        if whom.starts_with("homekit:") {
            let wanted =
                Wanted::parse(whom).map_err(|SourceError { message, .. }| CameraError::Url(message))?;
            return match wanted.whom {
                Whom::Known { id, at: Some(place) } => Ok(Target { id: Some(id), places: vec![place] }),
                Whom::Known { id, at: None } => self.found(id).await,
                Whom::At { host, port } | Whom::Keys { host, port, .. } => {
                    Ok(Target { id: None, places: vec![(host, port)] })
                }
            };
        }
        if is_device_id(whom) {
            return self.found(whom.to_ascii_uppercase()).await;
        }
        match split(whom).filter(|(host, port)| !host.is_empty() && *port > 0) {
            Some(place) => Ok(Target { id: None, places: vec![place] }),
            None => Err(CameraError::Place(whom.to_owned())),
        }
    }

    async fn found(&self, id: String) -> Result<Target, CameraError> {
        let found = self.mdns.find(&id).await.ok_or_else(|| CameraError::NotFound(id.clone()))?;
        let places = found.addresses.iter().map(|address| (address.ip().to_string(), address.port()));
        Ok(Target { places: places.collect(), id: Some(id) })
    }

    /// Where mDNS says that it is. Whoever has an address already does not wait for that.
    async fn mdns_place(&self, id: &str, waits: bool) -> Option<(String, u16)> {
        let found = if waits {
            self.mdns.find(id).await?
        } else {
            let known = self.mdns.known().await;
            known.into_iter().find(|found| found.advertisement.id.eq_ignore_ascii_case(id))?
        };
        let address = found.addresses.first()?;
        Some((address.ip().to_string(), address.port()))
    }

    /// Name and model, as it says; empty where it says nothing.
    async fn introduce(
        &self,
        host: &str,
        port: u16,
        identity: &Identity,
        pairing: &AccessoryPairing,
    ) -> (String, String) {
        let asked = async {
            let mut line = Line::verify(host, port, identity.clone(), pairing.clone()).await.ok()?;
            let response = line.ask(accessories_request(), "what it is").await.ok()?;
            let accessories = read_accessories_response(&response).ok()?;
            let first = accessories.first()?;
            Some((told(first, &characteristics::NAME), told(first, &characteristics::MODEL)))
        };
        asked.await.unwrap_or_default()
    }

    async fn give_back(&self, host: &str, port: u16, identity: Identity, pairing: AccessoryPairing) {
        let id = pairing.id.clone();
        if let Err(error) = leave(host, port, identity, pairing).await {
            tracing::error!(id, %error, "a pairing that cannot be kept is not given back either: reset the accessory");
        }
    }
}

fn told(accessory: &Accessory, known: &KnownCharacteristic) -> String {
    let information = accessory.find(services::ACCESSORY_INFORMATION);
    let value = information.and_then(|service| service.find(known)).and_then(|found| found.value.as_ref());
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Has the accessory forget us.
async fn leave(
    host: &str,
    port: u16,
    identity: Identity,
    pairing: AccessoryPairing,
) -> Result<(), CameraError> {
    let request = remove_request(identity.id());
    let mut line = Line::verify(host, port, identity, pairing).await?;
    let request = Request::with_body(Method::Post, "/pairings", CONTENT_TYPE, request);
    let response = line.ask(request, "to end the pairing").await?;
    read_done(&response.body).map_err(CameraError::Kept)
}
