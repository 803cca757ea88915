//! The way to the accessories for those who ask: the API and the web page.
use super::server::{Ask, Report};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Asks the accessories. Cheap to clone; holds none of them up when they are to end.
#[derive(Clone, Debug)]
pub struct AccessoriesHandle {
    all: Arc<[(String, mpsc::WeakSender<Ask>)]>,
}

impl AccessoriesHandle {
    pub(super) fn new<'a>(all: impl Iterator<Item = (&'a str, &'a mpsc::Sender<Ask>)>) -> Self {
        Self { all: all.map(|(name, asks)| (name.to_owned(), asks.downgrade())).collect() }
    }

    /// How they are, in the order of their names; those that have ended are left out.
    pub async fn reports(&self) -> Vec<Report> {
        let mut reports = Vec::new();
        for (_, asks) in self.all.iter() {
            reports.extend(ask(asks, Ask::Report).await);
        }
        reports
    }

    /// How one is; none when there is none of this name.
    pub async fn report(&self, name: &str) -> Option<Report> {
        ask(self.asks(name)?, Ask::Report).await
    }

    /// Makes an accessory forget whom it trusts. False when there is none of this name.
    pub async fn unpair(&self, name: &str) -> bool {
        let Some(asks) = self.asks(name) else { return false };
        ask(asks, Ask::Unpair).await.is_some()
    }

    fn asks(&self, name: &str) -> Option<&mpsc::WeakSender<Ask>> {
        self.all.iter().find(|(other, _)| other == name).map(|(_, asks)| asks)
    }
}

/// None: it has ended.
async fn ask<T>(asks: &mpsc::WeakSender<Ask>, make: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    let asks = asks.upgrade()?;
    asks.send(make(reply)).await.ok()?;
    drop(asks);
    answer.await.ok()
}
