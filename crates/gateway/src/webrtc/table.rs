//! The way to the table of sessions ([`Mux`]), wherever it lives now.
//!
//! The table lives on a worker. When that is replaced, or the table itself breaks, another one is started on the same
//! sockets, and each session enters itself there again; its peer's addresses are learnt with the next connectivity check,
//! of which browsers make one every few seconds. Owns the sockets, and the table's end with the last way to it.
use super::mux::{COMMANDS, Command, Mux};
use super::tcp;
use crate::net::replaced::replaced;
use crate::net::udp::UdpShared;
use hub::{Event, Hub};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// A table that cannot be started is tried again after this: 1 s.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The way to the table, from any thread. The table ends with the last one.
#[derive(Clone)]
pub(super) struct Table {
    current: watch::Receiver<mpsc::Sender<Command>>,
}

impl Table {
    /// Asks the table that is there; when that ends before it answers, the next. `None`: there is none any more.
    pub(super) async fn ask<T>(&self, make: impl Fn(oneshot::Sender<T>) -> Command) -> Option<T> {
        let mut current = self.current.clone();
        loop {
            let mux = current.borrow_and_update().clone();
            let (reply, answer) = oneshot::channel();
            let command = make(reply);
            let asked = async {
                mux.send(command).await.ok()?;
                answer.await.ok()
            };
            tokio::select! {
                biased;
                answer = asked => if let Some(answer) = answer {
                    return Some(answer);
                },
                // A stalled one never answers: the next is asked.
                changed = current.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return None,
                },
            }
            current.changed().await.ok()?;
        }
    }

    /// Tells the table without waiting; lost when it is behind.
    pub(super) fn tell(&self, command: Command) {
        let mux = self.current.borrow().clone();
        // It finds out by itself what it does not hear.
        let _ = mux.try_send(command);
    }

    /// The same way, for whoever waits for another table than that of now.
    pub(super) fn now(&self) -> Self {
        let mut current = self.current.clone();
        current.mark_unchanged();
        Self { current }
    }

    /// Waits for another table; false when there is none any more. Cancel-safe.
    pub(super) async fn moved(&mut self) -> bool {
        self.current.changed().await.is_ok()
    }
}

/// What a table is started with.
pub(super) struct Sockets {
    pub(super) udp: Arc<UdpShared>,
    pub(super) tcp: Option<std::net::TcpListener>,
    pub(super) sessions_max: usize,
}

/// A running table, and the number of its worker.
type Running = (mpsc::Sender<Command>, usize);

impl Sockets {
    /// Starts a table, and another whenever it is gone.
    pub(super) async fn serve(self, hub: &Hub) -> std::io::Result<Table> {
        let events = hub.events();
        let (mux, worker) = self.start(hub).await?;
        let (current, table) = watch::channel(mux);
        tokio::spawn(self.supervise(hub.clone(), events, current, worker));
        Ok(Table { current: table })
    }

    async fn start(&self, hub: &Hub) -> std::io::Result<Running> {
        let (mux, commands) = mpsc::channel(COMMANDS);
        let worker = hub.worker().await.map_err(std::io::Error::other)?;
        let table = Mux::new(self.udp.clone(), self.sessions_max);
        worker.run("webrtc socket", move |_| table.run(commands)).await.map_err(std::io::Error::other)?;
        if let Some(listener) = &self.tcp {
            let (listener, weak) = (listener.try_clone()?, mux.downgrade());
            worker
                .run("webrtc TCP listener", move |_| tcp::run(listener, weak))
                .await
                .map_err(std::io::Error::other)?;
        }
        Ok((mux, worker.id()))
    }

    async fn supervise(
        self,
        hub: Hub,
        mut events: broadcast::Receiver<Arc<Event>>,
        current: watch::Sender<mpsc::Sender<Command>>,
        mut worker: usize,
    ) {
        loop {
            let mux = current.borrow().clone();
            tokio::select! {
                () = current.closed() => return,
                () = mux.closed() => {}
                () = replaced(&mut events, worker, || answers(mux.clone())) => {}
            }
            drop(mux);
            let (fresh, its_worker) = loop {
                match self.start(&hub).await {
                    Ok(running) => break running,
                    Err(_) if hub.workers().await.is_empty() => return,
                    Err(error) => {
                        tracing::error!(%error, "the WebRTC sockets are not served; trying again");
                        tokio::time::sleep(AGAIN_AFTER).await;
                    }
                }
            };
            tracing::warn!(
                from = worker,
                to = its_worker,
                "the WebRTC sockets are served by another worker now"
            );
            worker = its_worker;
            current.send_replace(fresh);
        }
    }
}

async fn answers(mux: mpsc::Sender<Command>) -> bool {
    let (reply, answer) = oneshot::channel();
    mux.send(Command::Count(reply)).await.is_ok() && answer.await.is_ok()
}
