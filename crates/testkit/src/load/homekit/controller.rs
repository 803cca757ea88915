//! The controller's connections: one to pair, one for the views, one to remove the pairing.
use super::super::target::Target;
use protocols::hap::accessory::client::{
    Change, accessories_request, read_accessories_response, read_answers, values_request, write_request,
};
use protocols::hap::accessory::{
    Accessory, CharacteristicId, KnownCharacteristic, Service, StreamIds, TypeId, characteristics as is,
    services,
};
use protocols::hap::controller::{self, Output};
use protocols::hap::http::{Method, Request, Response};
use protocols::hap::pairing::{
    AccessoryPairing, CONTENT_TYPE, Identity, SetupCode, read_done, remove_request,
};
use protocols::hap::random::SystemRandom;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer may take: 10 s, as controllers wait.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// One read; the accessories of a bridge are some 10 KiB a camera.
const READ_BYTES: usize = 64 << 10;
/// The controller's name: made up, one for all runs. Its key is drawn for each.
const CONTROLLER: &str = "4C4F4144-0000-4000-8000-000000000001";

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// What both sides know of each other.
pub(super) struct Pairing {
    identity: Identity,
    accessory: AccessoryPairing,
}

impl Pairing {
    /// Pairs by the code. One with another identifier than was said is left as it was.
    pub(super) async fn make(target: &Target, code: SetupCode, id: Option<&str>) -> Result<Self, String> {
        let identity = Identity::generate(CONTROLLER, &mut SystemRandom).map_err(text)?;
        let hap = controller::Controller::pair(&target.authority, code, identity.clone(), None);
        let mut controller = Controller::connect(target, hap.map_err(text)?).await?;
        let accessory = match controller.wait().await? {
            Output::Paired(accessory) => accessory,
            Output::Send(_) | Output::Ready | Output::Response(_) | Output::Event(_) => {
                return Err("it answers pairing with something else".to_owned());
            }
        };
        let pairing = Self { identity, accessory };
        let found = &pairing.accessory.id;
        if let Some(wanted) = id.filter(|id| !id.eq_ignore_ascii_case(found)) {
            let why = format!("{} is {found}, not {wanted}", target.authority);
            return match pairing.remove(target).await {
                Ok(()) => Err(why),
                Err(error) => Err(format!("{why}; and the pairing could not be removed: {error}")),
            };
        }
        Ok(pairing)
    }

    /// Has the accessory forget us.
    pub(super) async fn remove(&self, target: &Target) -> Result<(), String> {
        let mut controller = Controller::verify(target, self).await?;
        let body = remove_request(self.identity.id());
        let request = Request::with_body(Method::Post, "/pairings", CONTENT_TYPE, body);
        read_done(&controller.ask(request).await?.body).map_err(text)
    }
}

/// A connection.
pub(super) struct Controller {
    hap: controller::Controller,
    stream: TcpStream,
}

impl Controller {
    async fn connect(target: &Target, hap: controller::Controller) -> Result<Self, String> {
        let connecting = timeout(ANSWER_MAX, TcpStream::connect(target.address)).await;
        let stream = connecting.map_err(|_| "no connection in time")?;
        let stream = stream.map_err(|error| format!("connect to {}: {error}", target.address))?;
        stream.set_nodelay(true).map_err(text)?;
        Ok(Self { hap, stream })
    }

    /// Connects and proves the pairing.
    pub(super) async fn verify(target: &Target, pairing: &Pairing) -> Result<Self, String> {
        let Pairing { identity, accessory } = pairing;
        let hap = controller::Controller::verify(
            &target.authority,
            identity.clone(),
            accessory.clone(),
            &mut SystemRandom,
        );
        let mut controller = Self::connect(target, hap.map_err(text)?).await?;
        match controller.wait().await? {
            Output::Ready => Ok(controller),
            Output::Send(_) | Output::Paired(_) | Output::Response(_) | Output::Event(_) => {
                Err("it answers the proof with something else".to_owned())
            }
        }
    }

    /// The next thing that is no event.
    async fn wait(&mut self) -> Result<Output, String> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            while let Some(output) = self.hap.poll_output() {
                match output {
                    Output::Send(bytes) => {
                        let written = timeout(ANSWER_MAX, self.stream.write_all(&bytes)).await;
                        written.map_err(|_| "the accessory takes nothing")?.map_err(text)?;
                    }
                    Output::Event(_) => {}
                    Output::Paired(_) | Output::Ready | Output::Response(_) => return Ok(output),
                }
            }
            let read = timeout(ANSWER_MAX, self.stream.read(&mut buffer)).await;
            let count = read.map_err(|_| "no answer in time")?.map_err(text)?;
            if count == 0 {
                return Err("the accessory hangs up".to_owned());
            }
            self.hap.handle_input(&buffer[..count], &mut SystemRandom).map_err(text)?;
        }
    }

    async fn ask(&mut self, request: Request) -> Result<Response, String> {
        self.hap.request(request).map_err(text)?;
        match self.wait().await? {
            Output::Response(response) => Ok(response),
            Output::Send(_) | Output::Paired(_) | Output::Ready | Output::Event(_) => {
                Err("it answers a request with something else".to_owned())
            }
        }
    }

    /// A value that is text.
    pub(super) async fn read(&mut self, id: CharacteristicId) -> Result<String, String> {
        let answers = read_answers(&self.ask(values_request(&[id])).await?).map_err(text)?;
        let value = answers.first().and_then(|answer| answer.value.as_ref()).and_then(Value::as_str);
        value.map(str::to_owned).ok_or_else(|| format!("characteristic {}.{} has no text", id.aid, id.iid))
    }

    /// Writes; the inner error is the accessory's refusal.
    pub(super) async fn write(
        &mut self,
        id: CharacteristicId,
        value: String,
    ) -> Result<Result<(), String>, String> {
        let change = Change { id, value: Some(value.into()), watch: None, wants_response: false };
        let response = self.ask(write_request(&[change], None)).await?;
        Ok(match response.status {
            204 => Ok(()),
            status => Err(format!("{status} {}", String::from_utf8_lossy(&response.body))),
        })
    }

    /// The streams of all cameras: the first of each, then the second of each, and so on.
    pub(super) async fn streams(&mut self) -> Result<Vec<StreamIds>, String> {
        let all = read_accessories_response(&self.ask(accessories_request()).await?).map_err(text)?;
        let cameras: Vec<Vec<StreamIds>> = all.iter().map(streams_of).collect();
        let most = cameras.iter().map(Vec::len).max().unwrap_or_default();
        Ok((0..most)
            .flat_map(|at| cameras.iter().filter_map(move |camera| camera.get(at).copied()))
            .collect())
    }
}

fn streams_of(camera: &Accessory) -> Vec<StreamIds> {
    let kind = TypeId::Apple(services::CAMERA_RTP_STREAM_MANAGEMENT.number);
    let of = |service: &Service| {
        let id = |known: &KnownCharacteristic| {
            service.find(known).map(|found| CharacteristicId { aid: camera.aid, iid: found.iid })
        };
        let setup_endpoints = id(&is::SETUP_ENDPOINTS)?;
        Some(StreamIds {
            setup_endpoints,
            selected: id(&is::SELECTED_STREAM)?,
            status: id(&is::STREAMING_STATUS)?,
        })
    };
    camera.services.iter().filter(|service| service.kind == kind).filter_map(of).collect()
}
