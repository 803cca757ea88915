//! What the drivers of players and publishers share: mailbox, timer and the way out of one session.
//!
//! Owns the session and where its datagrams go. One wake handles everything that waits, then the session is drained
//! once, and what came out leaves in as few sends as possible.
use super::handle::{Registration, Shared};
use super::mux::Input;
use super::session::{Event, Output, Session, Transport};
use crate::net::udp::{SendBatch, UdpShared};
use bytes::Bytes;
use media::Moment;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

/// Most inputs handled before what they led to is sent: 64.
const INPUTS_AT_ONCE: usize = 64;

/// A TCP connection of the peer's.
struct Connection {
    source: SocketAddr,
    frames: mpsc::Sender<Bytes>,
    /// Frames of this wake, sent as one.
    waiting: Vec<u8>,
}

/// A session with its surroundings.
pub(super) struct Driver {
    pub(super) session: Session,
    shared: Arc<Shared>,
    inbox: mpsc::Receiver<Input>,
    registration: Registration,
    batch: SendBatch,
    connections: Vec<Connection>,
    /// Fires at or before the session's moment: to set it anew costs more than a wake in vain now and then.
    timer: Pin<Box<Sleep>>,
    fires_at: Moment,
}

/// Why a driver woke up.
pub(super) enum Wake {
    Input(Input),
    Timer,
    /// Another table of sessions is there.
    Moved,
    /// There is none any more.
    Shutdown,
}

impl Driver {
    pub(super) fn new(
        session: Session,
        shared: Arc<Shared>,
        registration: Registration,
        inbox: mpsc::Receiver<Input>,
    ) -> Self {
        let mut session = session;
        session.set_wall_clock(hub::now(), hub::wall_now());
        Self {
            session,
            shared,
            inbox,
            registration,
            batch: SendBatch::new(),
            connections: Vec::new(),
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
            fires_at: hub::now(),
        }
    }

    /// Waits for a reason to do something. Cancel-safe.
    pub(super) async fn wake(&mut self) -> Wake {
        tokio::select! {
            biased;
            input = self.inbox.recv() => input.map_or(Wake::Shutdown, Wake::Input),
            () = self.timer.as_mut() => Wake::Timer,
            moved = self.registration.moved() => if moved { Wake::Moved } else { Wake::Shutdown },
        }
    }

    /// Does what the wake is about, and whatever else waits.
    pub(super) fn handle(&mut self, wake: Wake) {
        match wake {
            Wake::Input(input) => {
                self.input(input);
                for _ in 1..INPUTS_AT_ONCE {
                    let Ok(input) = self.inbox.try_recv() else { break };
                    self.input(input);
                }
            }
            Wake::Timer => {
                self.session.set_wall_clock(hub::now(), hub::wall_now());
                // It may have fired early on purpose; the session says what is due.
                self.fires_at = Moment::ZERO;
                self.session.handle_timeout(hub::now());
            }
            Wake::Moved => self.registration.enter_again(),
            Wake::Shutdown => self.session.close(hub::now()),
        }
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Datagram { transport, source, destination, data } => {
                self.session.handle_datagram(transport, source, destination, &data, hub::now());
            }
            Input::Connection { source, frames } => {
                self.connections
                    .retain(|connection| connection.source != source && !connection.frames.is_closed());
                self.connections.push(Connection { source, frames, waiting: Vec::new() });
            }
            Input::Candidate(candidate) => {
                if let Err(error) = self.session.add_remote_candidate(&candidate) {
                    tracing::debug!(%error, "candidate dropped");
                }
            }
            Input::Close => self.session.close(hub::now()),
        }
    }

    /// Drains the session: datagrams leave, events go to `events`, the timer is set.
    pub(super) fn drain(&mut self, events: &mut Vec<Event>) {
        let now = hub::now();
        let udp: &UdpShared = &self.shared.udp;
        let wait = loop {
            match self.session.poll_output(now) {
                Output::Transmit(transmit) => match transmit.transport {
                    Transport::Udp => {
                        let source = Some(transmit.source.ip());
                        self.batch.push(source, transmit.destination, &transmit.contents, udp);
                    }
                    Transport::Tcp => {
                        let found = self.connections.iter_mut().find(|c| c.source == transmit.destination);
                        if let Some(connection) = found {
                            formats::rtp::framing::push_frame(&mut connection.waiting, &transmit.contents);
                        }
                    }
                },
                Output::Event(event) => events.push(event),
                Output::WaitUntil(at) => break at,
            }
        };
        self.batch.flush(udp);
        for connection in &mut self.connections {
            if !connection.waiting.is_empty() {
                // Full means slow: what is lost is asked for again, or a key frame is.
                let _ = connection.frames.try_send(Bytes::from(std::mem::take(&mut connection.waiting)));
            }
        }
        if wait < self.fires_at || self.fires_at <= now {
            self.fires_at = wait.min(now + super::session::CONNECT_MAX);
            self.timer.as_mut().reset(Instant::now() + self.fires_at.since(now));
        }
    }
}
