//! Data producers of a router, brought to where they are consumed.
use super::{Inner, Router};
use crate::data_consumer::ConsumeDataError;
use crate::ids::{DataProducerId, RouterId};
use crate::mailbox::{Mailbox, WorkerGone};
use crate::worker::Slot;

/// Why a data producer is not brought to another router.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PipeDataError {
    /// Nobody sends under this id.
    #[error("the router has no data producer {0}")]
    NoDataProducer(DataProducerId),
    /// Both are the same router.
    #[error("the router {0} cannot be piped to itself")]
    SameRouter(RouterId),
    /// The worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

impl Router {
    /// Brings a data producer of this router to another router of the same process, where it has the same id. Doing it
    /// twice is doing it once. At most 2 MB are on their way; what comes beyond is dropped, and told to the consumers.
    ///
    /// # Errors
    /// There is no such data producer, both are the same router, or a worker has ended.
    pub async fn pipe_data_producer_to_router(
        &self,
        data_producer: DataProducerId,
        to: &Router,
    ) -> Result<(), PipeDataError> {
        if self.inner.id == to.inner.id {
            return Err(PipeDataError::SameRouter(to.inner.id));
        }
        for mailbox in to.inner.slots.iter().map(Slot::mailbox) {
            let (id, capabilities) = (to.inner.id, to.inner.capabilities.clone());
            mailbox
                .ask(move |owner| {
                    let _ = owner.core.router(id, &capabilities);
                })
                .await?;
            if !self.pipe_data(data_producer, to.inner.id, &mailbox).await? {
                return Err(PipeDataError::NoDataProducer(data_producer));
            }
        }
        Ok(())
    }

    /// Brings a data producer to a worker where it is to be consumed.
    pub(crate) async fn bring_data(
        &self,
        producer: DataProducerId,
        to: &Mailbox,
    ) -> Result<(), ConsumeDataError> {
        if self.pipe_data(producer, self.inner.id, to).await? {
            return Ok(());
        }
        Err(ConsumeDataError::NoDataProducer(producer))
    }

    /// Whether messages of it come in on one of our workers.
    async fn pipe_data(
        &self,
        producer: DataProducerId,
        router: RouterId,
        to: &Mailbox,
    ) -> Result<bool, WorkerGone> {
        let Inner { id, slots, .. } = &*self.inner;
        for mailbox in slots.iter().map(Slot::mailbox) {
            if mailbox.worker_id() == to.worker_id() && router == *id {
                continue;
            }
            let (id, to) = (*id, to.clone());
            let piped = mailbox.ask(move |owner| {
                let from = owner.core.router_key(id)?;
                owner.core.pipe_data(from, producer, to, router)
            });
            // another of our workers may have it
            if let Ok(Some(_)) = piped.await {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
