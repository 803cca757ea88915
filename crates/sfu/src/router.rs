//! [`Router`]: who can send media to whom.
mod data;

pub use data::PipeDataError;

use crate::consumer::ConsumeError;
use crate::core::{ConsumeMode, ObserverSetup, PlainFacts, ProducerKey};
use crate::direct_transport::{DirectTransport, DirectTransportOptions};
use crate::events::{EventStream, listener};
use crate::ids::{ConsumerId, ProducerId, RouterId, RtpObserverId, TransportId};
use crate::mailbox::{Mailbox, WorkerGone};
use crate::ortc::{RouterCodecsError, generate_router_rtp_capabilities};
use crate::pipe_transport::{PipeTransport, PipeTransportOptions};
use crate::plain_transport::{PlainTransport, PlainTransportOptions, PlainWish};
use crate::rtp_observer::ObserverBase;
use crate::rtp_parameters::{MediaKind, RtpCapabilities, RtpCapabilitiesFinalized, RtpCodecCapability};
use crate::transport::Base;
use crate::webrtc_transport::{CreateTransportError, WebRtcTransport, WebRtcTransportOptions};
use crate::worker::Slot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// How a router is to be.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RouterOptions {
    /// The codecs that it carries.
    pub media_codecs: Vec<RtpCodecCapability>,
}

impl RouterOptions {
    /// With these codecs.
    pub fn new(media_codecs: Vec<RtpCodecCapability>) -> Self {
        Self { media_codecs }
    }
}

/// What happens to a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouterEvent {
    /// Its worker was closed, so it is, or its part on that worker.
    WorkerClose,
    /// It is closed, for whatever reason. The last event.
    Close,
}

/// Why there is no router.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateRouterError {
    /// The codecs are wrong.
    #[error("the router's codecs: {0}")]
    Codecs(#[from] RouterCodecsError),
    /// The worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

/// Why a producer is not brought to another router.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PipeError {
    /// Nobody produces under this id.
    #[error("the router has no producer {0}")]
    NoProducer(ProducerId),
    /// Both are the same router.
    #[error("the router {0} cannot be piped to itself")]
    SameRouter(RouterId),
    /// The worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

/// What is in a router, or in its part on one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouterDump {
    /// Which.
    pub id: RouterId,
    /// Its transports.
    pub transport_ids: Vec<TransportId>,
    /// Its observers of sound.
    pub rtp_observer_ids: Vec<RtpObserverId>,
    /// Its producers, and who hears them.
    pub map_producer_id_observer_ids: BTreeMap<ProducerId, Vec<RtpObserverId>>,
    /// Its consumers, and whose media they get.
    pub map_consumer_id_producer_id: BTreeMap<ConsumerId, ProducerId>,
    /// Its producers, and who consumes them.
    pub map_producer_id_consumer_ids: BTreeMap<ProducerId, Vec<ConsumerId>>,
}

/// Who can send media to whom. It lies on one worker, or on all workers of a manager: then each new transport goes to
/// the one with the least to do, and producers are brought to where they are consumed. A handle: clones are the same
/// router, and the last one's drop closes it.
#[derive(Clone, Debug)]
pub struct Router {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: RouterId,
    capabilities: Arc<RtpCapabilitiesFinalized>,
    slots: Vec<Slot>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let id = self.id;
        for slot in &self.slots {
            slot.mailbox().tell(move |owner| owner.close_router(id));
        }
    }
}

impl Router {
    pub(crate) async fn create(options: RouterOptions, slots: Vec<Slot>) -> Result<Self, CreateRouterError> {
        let capabilities = Arc::new(generate_router_rtp_capabilities(&options.media_codecs)?);
        let router = Self { inner: Arc::new(Inner { id: RouterId::random(), capabilities, slots }) };
        // there from now on, so that its events are not missed
        for slot in &router.inner.slots {
            let (id, capabilities) = (router.inner.id, router.inner.capabilities.clone());
            slot.mailbox()
                .ask(move |owner| {
                    let _ = owner.core.router(id, &capabilities);
                })
                .await?;
        }
        Ok(router)
    }

    /// Its name.
    pub fn id(&self) -> RouterId {
        self.inner.id
    }

    /// What its endpoints may send each other.
    pub fn rtp_capabilities(&self) -> &RtpCapabilitiesFinalized {
        &self.inner.capabilities
    }

    /// Makes a transport whose peer is the application itself.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn create_direct_transport(
        &self,
        options: DirectTransportOptions,
    ) -> Result<DirectTransport, WorkerGone> {
        let mailbox = self.place();
        let (id, capabilities) = (self.inner.id, self.inner.capabilities.clone());
        let (transport, key) = mailbox
            .ask(move |owner| {
                let router = owner.core.router(id, &capabilities);
                owner.core.create_direct_transport(router, options, owner.now)
            })
            .await?;
        let mode = ConsumeMode { pipe: false, pipe_rtx: false, enable_bwe: false, direct: true };
        Ok(DirectTransport::new(Base::new(transport, key, mailbox, self.clone(), mode)))
    }

    /// Makes a transport for a browser or the like.
    ///
    /// # Errors
    /// It cannot listen, or the worker has ended.
    pub async fn create_webrtc_transport(
        &self,
        options: WebRtcTransportOptions,
    ) -> Result<WebRtcTransport, CreateTransportError> {
        let mailbox = self.place();
        let (id, capabilities) = (self.inner.id, self.inner.capabilities.clone());
        let (worker, enable_bwe) = (mailbox.worker_id(), options.enable_bwe);
        let made = mailbox
            .ask(move |owner| {
                let router = owner.core.router(id, &capabilities);
                owner.create_webrtc_transport(router, &options, worker)
            })
            .await??;
        let mode = ConsumeMode { pipe: false, pipe_rtx: false, enable_bwe, direct: false };
        let base = Base::new(made.id, made.key, mailbox, self.clone(), mode);
        Ok(WebRtcTransport::new(base, made))
    }

    /// Makes a transport for an encoder, player or the like: RTP to an address.
    ///
    /// # Errors
    /// It cannot listen, or the worker has ended.
    pub async fn create_plain_transport(
        &self,
        options: PlainTransportOptions,
    ) -> Result<PlainTransport, CreateTransportError> {
        let enable_bwe = options.enable_bwe;
        let mode = ConsumeMode { pipe: false, pipe_rtx: false, enable_bwe, direct: false };
        let (base, facts) = self.create_plain(options.into(), mode).await?;
        Ok(PlainTransport::new(base, facts))
    }

    /// Makes a transport to a router of another process.
    ///
    /// # Errors
    /// It cannot listen, or the worker has ended.
    pub async fn create_pipe_transport(
        &self,
        options: PipeTransportOptions,
    ) -> Result<PipeTransport, CreateTransportError> {
        let pipe_rtx = options.enable_rtx;
        let mode = ConsumeMode { pipe: true, pipe_rtx, enable_bwe: false, direct: false };
        let (base, facts) = self.create_plain(options.into(), mode).await?;
        Ok(PipeTransport::new(base, facts))
    }

    async fn create_plain(
        &self,
        wish: PlainWish,
        mode: ConsumeMode,
    ) -> Result<(Base, watch::Receiver<PlainFacts>), CreateTransportError> {
        let mailbox = self.place();
        let (id, capabilities) = (self.inner.id, self.inner.capabilities.clone());
        let made = mailbox
            .ask(move |owner| {
                let router = owner.core.router(id, &capabilities);
                owner.create_plain_transport(router, &wish)
            })
            .await??;
        Ok((Base::new(made.id, made.key, mailbox, self.clone(), mode), made.facts))
    }

    /// Whether an endpoint with these capabilities can receive something of this producer.
    ///
    /// # Errors
    /// All its workers have ended.
    pub async fn can_consume(
        &self,
        producer: ProducerId,
        capabilities: &RtpCapabilities,
    ) -> Result<bool, WorkerGone> {
        for slot in &self.inner.slots {
            let (id, capabilities) = (self.inner.id, capabilities.clone());
            let mailbox = slot.mailbox();
            let answer = mailbox.ask(move |owner| {
                let router = owner.core.router_key(id)?;
                owner.core.can_consume(router, producer, &capabilities)
            });
            if let Some(can) = answer.await? {
                return Ok(can);
            }
        }
        Ok(false)
    }

    /// Brings a producer of this router to another router of the same process, where it has the same id. Packets go
    /// by message, shared; doing it twice is doing it once.
    ///
    /// # Errors
    /// There is no such producer, both are the same router, or a worker has ended.
    pub async fn pipe_producer_to_router(&self, producer: ProducerId, to: &Router) -> Result<(), PipeError> {
        if self.inner.id == to.inner.id {
            return Err(PipeError::SameRouter(to.inner.id));
        }
        // to all parts of the other router: any of them may be asked for it
        for slot in &to.inner.slots {
            let mailbox = slot.mailbox();
            let (id, capabilities) = (to.inner.id, to.inner.capabilities.clone());
            mailbox
                .ask(move |owner| {
                    let _ = owner.core.router(id, &capabilities);
                })
                .await?;
            if !self.pipe(producer, to.inner.id, &mailbox).await? {
                return Err(PipeError::NoProducer(producer));
            }
        }
        Ok(())
    }

    /// What is in it, on each of its workers.
    ///
    /// # Errors
    /// A worker has ended.
    pub async fn dump(&self) -> Result<Vec<RouterDump>, WorkerGone> {
        let mut dumps = Vec::new();
        for slot in &self.inner.slots {
            let id = self.inner.id;
            let dump =
                slot.mailbox().ask(move |owner| owner.core.router_dump(owner.core.router_key(id)?)).await?;
            dumps.extend(dump);
        }
        Ok(dumps)
    }

    /// What happens to it from now on, and before if nobody listened yet. Of a router on several workers it is what
    /// happens on the first.
    pub fn events(&self) -> EventStream<RouterEvent> {
        let (place, stream) = listener();
        let id = self.inner.id;
        if let Some(slot) = self.inner.slots.first() {
            slot.mailbox().tell(move |owner| {
                if let Some(events) = owner.core.router_key(id).and_then(|key| owner.core.router_events(key))
                {
                    events.listen(place);
                }
            });
        }
        stream
    }

    /// Closes it and all in it. Closing what is closed does nothing.
    pub async fn close(&self) {
        let id = self.inner.id;
        for slot in &self.inner.slots {
            // a worker that has ended has closed its part
            let _ = slot.mailbox().ask(move |owner| owner.close_router(id)).await;
        }
    }

    pub(crate) async fn create_observer(&self, setup: ObserverSetup) -> Result<ObserverBase, WorkerGone> {
        let mailbox = self.place();
        let (id, capabilities) = (self.inner.id, self.inner.capabilities.clone());
        let (observer, key) = mailbox
            .ask(move |owner| {
                let router = owner.core.router(id, &capabilities);
                owner.core.create_observer(router, setup, owner.now)
            })
            .await?;
        Ok(ObserverBase::new(observer, key, mailbox, self.clone()))
    }

    /// Where a producer is received, and what it is.
    pub(crate) async fn home_of(
        &self,
        producer: ProducerId,
    ) -> Result<Option<(Mailbox, ProducerKey, MediaKind)>, WorkerGone> {
        for mailbox in self.inner.slots.iter().map(Slot::mailbox) {
            let id = self.inner.id;
            // a worker that has ended has no producers
            if let Ok(Some(home)) = mailbox.ask(move |owner| owner.core.home_of(id, producer)).await {
                return Ok(Some(home));
            }
        }
        Ok(None)
    }

    /// The worker with the least to do.
    fn place(&self) -> Mailbox {
        let mut mailboxes = self.inner.slots.iter().map(Slot::mailbox);
        let first = mailboxes.next();
        let least = mailboxes.fold(first, |least, mailbox| match least {
            Some(least) if least.load() <= mailbox.load() => Some(least),
            Some(_) | None => Some(mailbox),
        });
        // a router is made with one worker at least
        least.unwrap_or_else(|| Mailbox::new(crate::ids::WorkerId::random()).0)
    }

    /// Brings a producer to a worker where it is to be consumed.
    pub(crate) async fn bring(&self, producer: ProducerId, to: &Mailbox) -> Result<(), ConsumeError> {
        if self.pipe(producer, self.inner.id, to).await? {
            return Ok(());
        }
        Err(ConsumeError::NoProducer(producer))
    }

    /// Whether one of our workers receives it.
    async fn pipe(&self, producer: ProducerId, router: RouterId, to: &Mailbox) -> Result<bool, WorkerGone> {
        for slot in &self.inner.slots {
            let mailbox = slot.mailbox();
            if mailbox.worker_id() == to.worker_id() && router == self.inner.id {
                continue;
            }
            let (id, to) = (self.inner.id, to.clone());
            let piped = mailbox.ask(move |owner| {
                let from = owner.core.router_key(id)?;
                owner.core.pipe(from, producer, to, router)
            });
            // if not, another of our workers may have it
            if let Ok(Some(_)) = piped.await {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
