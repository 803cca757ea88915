//! What controllers ask of cameras: a stream's endpoints, its start and end, a picture.
use super::shots::Asked;
use super::{Input, Server};
use crate::homekit::accessory::camera::{Place, Slot};
use crate::homekit::accessory::live::{self, Plan};
use crate::homekit::accessory::recording::wire::{HELLO_MAX, Promise};
use crate::homekit::accessory::start::kept_name;
use media::{Moment, StreamName};
use protocols::hap::accessory::{CharacteristicId, PendingWrite, Status};
use protocols::hap::camera::recording::SelectedRecording;
use protocols::hap::camera::{Command, SelectedStream, SessionId, SetupRequest};
use protocols::hap::data_stream::setup::{
    SetupRequest as DataStreamRequest, SetupResponse as DataStreamResponse,
};
use protocols::hap::http::{JSON, Response};
use protocols::hap::pairing::{ConnectionId, Permissions};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Commands that wait for a view: 4. There are two, and who sends them waits for an answer in between.
const COMMANDS: usize = 4;
/// A view ends within this time: 1 s; the answer to who ended it waits for that, since nothing may be sent behind it.
const END_MAX: Duration = Duration::from_secs(1);

/// The stream that is coded anew for HomeKit.
pub(in crate::homekit::accessory) fn transcoded_name(stream: &StreamName) -> Option<StreamName> {
    StreamName::new(&format!("{stream}/homekit")).ok()
}

impl Server {
    /// Does the writes of a request, and makes the answer.
    pub(super) async fn write(&mut self, id: ConnectionId, mut write: PendingWrite) -> Response {
        let now = hub::now();
        let mut recorded = Vec::new();
        for item in write.items_mut() {
            item.result = self.write_one(id, item.id, &item.value, now).await;
            if let Some((camera, Place::SelectedRecording | Place::Recording)) = self.find(item.id)
                && item.result.is_ok()
            {
                recorded.push((camera, item.id));
            }
        }
        let response = self.host.accessories.finish_write(write, now);
        self.keep(&recorded).await;
        response
    }

    /// The camera that has this characteristic, and what that is.
    fn find(&self, id: CharacteristicId) -> Option<(usize, Place)> {
        self.cameras.iter().enumerate().find_map(|(index, camera)| Some((index, camera.place(id)?)))
    }

    /// A hub has said whether and how it records these cameras: that is done, and kept over restarts.
    async fn keep(&mut self, written: &[(usize, CharacteristicId)]) {
        for (_, id) in written {
            if let Some(value) = self.host.accessories.find(*id).and_then(|of| of.value.clone()) {
                self.stored.values.insert(kept_name(*id), value);
            }
        }
        let cameras: BTreeSet<usize> = written.iter().map(|(camera, _)| *camera).collect();
        for camera in &cameras {
            self.renew_recordings(*camera).await;
            self.obey_switch(*camera);
        }
        if !cameras.is_empty() {
            self.store().await;
        }
    }

    /// A camera that is switched off shows nothing any more.
    fn obey_switch(&mut self, camera: usize) {
        let Some(of) = self.cameras.get_mut(camera).filter(|of| of.is_off(&self.host.accessories)) else {
            return;
        };
        of.end_views();
        let streams = of.streams();
        for stream in 0..streams {
            self.set_status(camera, stream, hub::now());
        }
    }

    pub(super) async fn renew_recordings(&mut self, camera: usize) {
        let Some(camera) = self.cameras.get_mut(camera) else { return };
        if let Some(recordings) = &mut camera.recordings {
            recordings.renew(&self.around.hub, &camera.config, &self.host.accessories).await;
        }
    }

    /// Promises a data stream to a hub.
    async fn promise(
        &mut self,
        id: ConnectionId,
        camera: usize,
        request: &DataStreamRequest,
        now: Moment,
    ) -> Result<Value, Status> {
        self.renew_recordings(camera).await;
        let (port, promises) = self.data_streams.as_ref().ok_or(Status::NotFound)?;
        let connection = self.connections.get(&id).ok_or(Status::Unreachable)?;
        let recordings = self.cameras.get(camera).and_then(|camera| camera.recordings.as_ref());
        let offer = recordings.ok_or(Status::NotFound)?.offer();
        let salt = rand::random();
        let keys = connection.session.data_stream_keys(&request.salt, &salt).ok_or(Status::OutOfResources)?;
        let session = connection.data_streams.subscribe();
        let promise = Promise { keys, until: now + HELLO_MAX, offer, session };
        promises.send(promise).await.map_err(|_| Status::OutOfResources)?;
        Ok(json!(DataStreamResponse::Success { port: *port, salt }.to_base64()))
    }

    async fn write_one(
        &mut self,
        id: ConnectionId,
        to: CharacteristicId,
        value: &Value,
        now: Moment,
    ) -> Result<Option<Value>, Status> {
        // Anything else is a value that stands for itself.
        let Some((camera, place)) = self.find(to) else { return Ok(None) };
        let text = value.as_str().unwrap_or_default();
        match place {
            Place::SetupEndpoints(stream) => {
                let request = SetupRequest::from_base64(text).map_err(|error| {
                    tracing::debug!(accessory = self.config.name, %error, "a HomeKit stream request is none");
                    Status::InvalidValue
                })?;
                self.prepare(id, camera, stream, request, now).await.map(Some)
            }
            Place::Selected(stream) => {
                let selected = SelectedStream::from_base64(text).map_err(|error| {
                    tracing::debug!(accessory = self.config.name, %error, "a HomeKit stream selection is none");
                    Status::InvalidValue
                })?;
                self.select(id, camera, stream, selected, now).await?;
                Ok(None)
            }
            Place::DataStream => {
                let request = DataStreamRequest::from_base64(text).map_err(|error| {
                    tracing::debug!(accessory = self.config.name, %error, "a HomeKit data stream is none");
                    Status::InvalidValue
                })?;
                self.promise(id, camera, &request, now).await.map(Some)
            }
            // As Apple's metadata has it: only who may let others in decides what is recorded.
            Place::SelectedRecording | Place::Recording if !self.is_admin(id) => {
                Err(Status::InsufficientPrivileges)
            }
            Place::SelectedRecording => match SelectedRecording::from_base64(text) {
                Ok(_) => Ok(None),
                Err(error) => {
                    tracing::debug!(accessory = self.config.name, %error, "a choice of recordings is none");
                    Err(Status::InvalidValue)
                }
            },
            Place::Recording => Ok(None),
        }
    }

    /// Whether a connection's controller may let others in.
    fn is_admin(&self, id: ConnectionId) -> bool {
        let controller = self.connections.get(&id).and_then(|connection| connection.session.controller());
        let pairing = controller.and_then(|controller| self.host.pairings.find(controller));
        pairing.is_some_and(|pairing| pairing.permissions == Permissions::Admin)
    }

    async fn prepare(
        &mut self,
        id: ConnectionId,
        camera: usize,
        stream: usize,
        request: SetupRequest,
        now: Moment,
    ) -> Result<Value, Status> {
        let local = self.connections.get(&id).ok_or(Status::Unreachable)?.local;
        let port = match self.around.srtp.local_address().await {
            Ok(address) => address.port(),
            Err(error) => {
                tracing::error!(accessory = self.config.name, %error, "no HomeKit view");
                return Err(Status::OutOfResources);
            }
        };
        let camera = self.cameras.get_mut(camera).ok_or(Status::NotFound)?;
        if camera.is_off(&self.host.accessories) {
            return Err(Status::NotAllowed);
        }
        let response = camera.prepare(stream, id, request, local, port, now);
        Ok(json!(response.to_base64()))
    }

    async fn select(
        &mut self,
        id: ConnectionId,
        camera: usize,
        stream: usize,
        selected: SelectedStream,
        now: Moment,
    ) -> Result<(), Status> {
        match selected.command {
            Command::Start => self.start(id, camera, stream, selected, now).await,
            Command::End => {
                self.stop(camera, stream, selected.session).await;
                self.set_status(camera, stream, hub::now());
                Ok(())
            }
            Command::Suspend => self.tell(camera, stream, selected.session, live::Command::Suspend),
            Command::Resume => self.tell(camera, stream, selected.session, live::Command::Resume),
            // The pictures are the stream's own: what is asked for is what there is.
            Command::Reconfigure => Ok(()),
        }
    }

    async fn start(
        &mut self,
        id: ConnectionId,
        camera: usize,
        stream: usize,
        selected: SelectedStream,
        now: Moment,
    ) -> Result<(), Status> {
        let local = self.connections.get(&id).ok_or(Status::Unreachable)?.local;
        let of = self.cameras.get_mut(camera).ok_or(Status::NotFound)?;
        let config = of.config.clone();
        let slot = of.slot(stream).ok_or(Status::NotFound)?;
        let is_its = matches!(slot, Slot::Prepared { connection, request, .. }
            if *connection == id && request.session == selected.session);
        if !is_its {
            // Asked for by nobody, by somebody else, or shown already.
            return Err(Status::NotAllowed);
        }
        let (commands, told) = mpsc::channel(COMMANDS);
        let (tell, mut ended) = watch::channel(None);
        let live = Slot::Live { connection: id, session: selected.session, commands, ended: ended.clone() };
        let Slot::Prepared { request, video_ssrc, audio_ssrc, .. } = std::mem::replace(slot, live) else {
            return Err(Status::NotAllowed);
        };
        let plan = Plan {
            stream: config.stream.clone(),
            transcoded: transcoded_name(&config.stream).filter(|_| config.transcode),
            setup: *request,
            selected,
            video_ssrc,
            audio_ssrc,
            sound: config.sound,
            talk: config.talk,
            local,
            srtp: self.around.srtp.clone(),
            since: now,
        };
        tracing::info!(stream = %config.stream, to = %plan.setup.controller.address, "a HomeKit view begins");
        let owner = format!("homekit view of {}", config.stream);
        let job = move |worker: hub::Worker| async move {
            let reason = live::run(worker, plan, told).await;
            tell.send_replace(Some(reason));
        };
        let started = match self.around.hub.worker().await {
            Ok(worker) => worker.run(owner, job).await,
            Err(gone) => Err(gone),
        };
        if started.is_err() {
            of_free(self.cameras.get_mut(camera).and_then(|of| of.slot(stream)));
            return Err(Status::OutOfResources);
        }
        let (inputs, session) = (self.inputs.clone(), selected.session);
        self.tasks.spawn_local(async move {
            let over = ended.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
            let reason = over.unwrap_or_else(|| "its worker is gone".to_owned());
            // Without a server there is nobody to tell.
            let _ = inputs.send(Input::Ended { camera, stream, session, reason }).await;
        });
        self.set_status(camera, stream, now);
        Ok(())
    }

    /// Ends a view, and waits until nothing more is sent.
    async fn stop(&mut self, camera: usize, stream: usize, session: SessionId) {
        let Some(slot) = self.cameras.get_mut(camera).and_then(|camera| camera.slot(stream)) else { return };
        match slot {
            Slot::Live { session: live, ended, .. } if *live == session => {
                let mut ended = ended.clone();
                // Nobody can say anything to it any more: that ends it.
                *slot = Slot::Free;
                let over = tokio::time::timeout(END_MAX, ended.wait_for(Option::is_some)).await;
                if over.is_err() {
                    tracing::warn!(accessory = self.config.name, "a HomeKit view does not end in time");
                }
            }
            Slot::Prepared { request, .. } if request.session == session => *slot = Slot::Free,
            Slot::Free | Slot::Prepared { .. } | Slot::Live { .. } => {}
        }
    }

    fn tell(
        &mut self,
        camera: usize,
        stream: usize,
        session: SessionId,
        command: live::Command,
    ) -> Result<(), Status> {
        match self.cameras.get_mut(camera).and_then(|camera| camera.slot(stream)) {
            Some(Slot::Live { session: live, commands, .. }) if *live == session => {
                commands.try_send(command).map_err(|_| Status::Busy)
            }
            Some(Slot::Free | Slot::Prepared { .. } | Slot::Live { .. }) | None => Err(Status::NotAllowed),
        }
    }

    /// Begins to make a picture, unless one is under way; returns one of a moment ago, or why there is none.
    pub(super) fn snapshot(
        &mut self,
        id: ConnectionId,
        aid: u64,
        width: u16,
        height: u16,
    ) -> Option<Response> {
        let by_number = self.cameras.iter_mut().enumerate().find(|(_, camera)| camera.aid == aid);
        let Some((index, camera)) = by_number else { return Some(refusal(404, Status::NotFound)) };
        if camera.is_off(&self.host.accessories) {
            return Some(refusal(503, Status::NotAllowed));
        }
        let size = (width, height);
        match camera.shots.ask(size, id, hub::now()) {
            Asked::Have(picture) => return Some(picture),
            Asked::Wait => return None,
            Asked::Make => {}
        }
        let (stream, pictures, inputs) =
            (camera.config.stream.clone(), self.around.pictures.clone(), self.inputs.clone());
        self.tasks.spawn_local(async move {
            let response = match pictures.take(&stream, width, height).await {
                Ok(picture) => Response::with_body(200, "image/jpeg", picture.to_vec()),
                Err(error) => {
                    tracing::warn!(%stream, %error, "no picture for HomeKit");
                    refusal(503, Status::Unreachable)
                }
            };
            let _ = inputs.send(Input::Picture { camera: index, size, response }).await;
        });
        None
    }
}

fn of_free(slot: Option<&mut Slot>) {
    if let Some(slot) = slot {
        *slot = Slot::Free;
    }
}

fn refusal(http: u16, status: Status) -> Response {
    let body = json!({ "status": status.number() }).to_string().into_bytes();
    Response::with_body(http, JSON, body)
}
