//! The way to the accessories for those who ask: the API, the web page, a configuration that is read again.
use super::AccessoryConfig;
use super::server::{Ask, Report};
use super::start::StartError;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// The accessories that run, by name.
pub(super) type Listed = Arc<[(String, mpsc::WeakSender<Ask>)]>;

/// What is wanted of them all.
pub(super) enum Wish {
    /// Be as this says.
    Configure(Vec<AccessoryConfig>, oneshot::Sender<Vec<StartError>>),
    /// End.
    End(oneshot::Sender<()>),
}

/// Asks the accessories. Cheap to clone; holds none of them up when they are to end.
#[derive(Clone, Debug)]
pub struct AccessoriesHandle {
    listed: watch::Receiver<Listed>,
    wishes: mpsc::WeakSender<Wish>,
}

impl AccessoriesHandle {
    pub(super) fn new(listed: watch::Receiver<Listed>, wishes: mpsc::WeakSender<Wish>) -> Self {
        Self { listed, wishes }
    }

    /// How they are, in the order of their names; those that have ended are left out.
    pub async fn reports(&self) -> Vec<Report> {
        let listed = self.listed.borrow().clone();
        let mut reports = Vec::new();
        for (_, asks) in listed.iter() {
            reports.extend(ask(asks, Ask::Report).await);
        }
        reports
    }

    /// How one is; none when there is none of this name.
    pub async fn report(&self, name: &str) -> Option<Report> {
        ask(&self.asks(name)?, Ask::Report).await
    }

    /// Makes an accessory forget whom it trusts. False when there is none of this name.
    pub async fn unpair(&self, name: &str) -> bool {
        let Some(asks) = self.asks(name) else { return false };
        ask(&asks, Ask::Unpair).await.is_some()
    }

    /// Makes them be as the configuration says now; what cannot start is told, and is not there. Needs
    /// [`Accessories::run`](super::Accessories::run).
    pub async fn configure(&self, configs: Vec<AccessoryConfig>) -> Vec<StartError> {
        ask(&self.wishes, |reply| Wish::Configure(configs, reply)).await.unwrap_or_default()
    }

    /// Ends them, and waits for it. Needs [`Accessories::run`](super::Accessories::run).
    pub async fn end(&self) {
        ask(&self.wishes, Wish::End).await;
    }

    fn asks(&self, name: &str) -> Option<mpsc::WeakSender<Ask>> {
        let listed = self.listed.borrow();
        listed.iter().find(|(other, _)| other == name).map(|(_, asks)| asks.clone())
    }
}

/// None: it has ended.
async fn ask<W, T>(asks: &mpsc::WeakSender<W>, make: impl FnOnce(oneshot::Sender<T>) -> W) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    let asks = asks.upgrade()?;
    asks.send(make(reply)).await.ok()?;
    drop(asks);
    answer.await.ok()
}
