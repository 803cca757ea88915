//! A worker's thread: takes commands and datagrams, lets the owner turn, sleeps.
// This is where the clock and the threads of this crate are.
#![allow(clippy::disallowed_methods)]
use super::net::{Input, Net};
use crate::core::Core;
use crate::dtls::DtlsContext;
use crate::epoch::Epoch;
use crate::mailbox::{Command, Mailbox, Owner};
use media::Moment;
use std::any::Any;
use std::io;
use std::panic::AssertUnwindSafe;
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// Commands and batches that are handled before the owner turns: 64. More would hold back what is due.
const INPUTS_PER_TURN: usize = 64;

/// How a worker's thread ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It was closed.
    Closed,
    /// It panicked, with this message.
    Panicked(String),
}

/// Starts a worker's thread. `ended` is called on it, last of all.
pub(crate) fn start(
    mailbox: Mailbox,
    commands: mpsc::UnboundedReceiver<Command>,
    dtls: DtlsContext,
    ended: impl FnOnce(Ended) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let name = format!("sfu-{}", &mailbox.worker_id().to_string()[..8]);
    std::thread::Builder::new().name(name).spawn(move || {
        let run = AssertUnwindSafe(|| {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, run(mailbox, commands, dtls));
        });
        // All that the worker owned is dropped when this returns, also by a panic.
        let how = match std::panic::catch_unwind(run) {
            Ok(()) => Ended::Closed,
            Err(payload) => Ended::Panicked(message(&*payload)),
        };
        ended(how);
    })
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

/// Until it is told to close.
async fn run(mailbox: Mailbox, mut commands: mpsc::UnboundedReceiver<Command>, dtls: DtlsContext) {
    let (mut net, mut inputs) = Net::new();
    let epoch = Epoch::new(std::time::Instant::now(), hub::now());
    let mut core = Core::new(mailbox, dtls, epoch, rand::random());
    let (mut asked, mut came) = (Vec::new(), Vec::new());
    let mut wake_at = Moment::FAR_FUTURE;
    loop {
        tokio::select! {
            _ = commands.recv_many(&mut asked, INPUTS_PER_TURN) => {}
            _ = inputs.recv_many(&mut came, INPUTS_PER_TURN) => {}
            () = hub::sleep_until(wake_at) => {}
        }
        let now = hub::now();
        for command in asked.drain(..) {
            command(&mut Owner { core: &mut core, net: &mut net, now });
        }
        for input in came.drain(..) {
            match input {
                Input::Datagrams(datagrams) => {
                    for datagram in datagrams {
                        core.handle_datagram(datagram, now);
                    }
                }
                Input::Connected(key, remote, frames) => net.connected(key, remote, frames),
                Input::Disconnected(key, tuple) => {
                    net.disconnected(key, tuple.remote);
                    core.handle_disconnected(key, tuple, now);
                }
            }
        }
        wake_at = core.turn(&mut net, hub::wall_now(), now);
        if core.is_closing() {
            return;
        }
    }
}
