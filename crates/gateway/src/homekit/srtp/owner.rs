//! The owner of the socket: table, keys and mailboxes of all sessions.
use super::session::Packet;
use super::{NewSession, OpenError};
use crate::net::udp::{SendBatch, UdpReader, UdpShared};
use bytes::Bytes;
use formats::rtp::Packets;
use protocols::srtp::table::{ContextKey, Dropped, NewContext, Table};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Most sessions at once: 1,024. 250 cameras watched twice, with sound; each has two sets of keys, some 3 KB.
pub const SESSIONS_MAX: usize = 1_024;
/// What a session's mailbox holds: 512 packets, a second of 4 Mbit/s.
pub const INBOX: usize = 512;
/// Waiting commands; whoever sends waits beyond that. 256 frames: one of each session in a hundred cameras' house.
pub(super) const COMMANDS: usize = 256;
/// Commands that are done in one turn, before the socket is read again: 32.
const COMMANDS_AT_ONCE: usize = 32;
/// How often sessions are looked for whose holder left while the owner was behind: 1 s.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Names a session; never used again by the same owner.
pub(super) type SessionKey = ContextKey;

/// What the owner is told.
#[derive(Debug)]
pub(super) enum Command {
    Open {
        new: NewSession,
        /// What is sent goes where it says, and does not follow the peer.
        is_fixed: bool,
        inbox: mpsc::Sender<Packet>,
        reply: oneshot::Sender<Result<SessionKey, OpenError>>,
    },
    Send {
        key: SessionKey,
        packets: Packets,
    },
    SendRtcp {
        key: SessionKey,
        packet: Bytes,
    },
    Remove {
        key: SessionKey,
        reply: Option<oneshot::Sender<()>>,
    },
    Stats(oneshot::Sender<Stats>),
}

/// What an owner has counted; from 0 again when another one takes its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Sessions now.
    pub sessions: usize,
    /// Datagrams that were somebody's.
    pub received: u64,
    /// Datagrams that were dropped, by reason.
    pub dropped: Dropped,
    /// Packets that their session did not take in time.
    pub overrun: u64,
    /// Packets that were enciphered and given to the system.
    pub sent: u64,
    /// Packets that could not be enciphered: they are none, or the keys are used up.
    pub unprotected: u64,
    /// Datagrams that the system did not take.
    pub unsent: u64,
}

struct Entry {
    inbox: mpsc::Sender<Packet>,
    local: Option<IpAddr>,
    /// Where it is sent to, wherever it sends from.
    fixed: Option<SocketAddr>,
    rtp_overhead: usize,
    rtcp_overhead: usize,
}

/// The owner. It ends with its last session and the last way to it.
pub(super) struct Owner {
    udp: Arc<UdpShared>,
    table: Table,
    entries: BTreeMap<SessionKey, Entry>,
    batch: SendBatch,
    stats: Stats,
}

impl Owner {
    pub(super) fn new(udp: Arc<UdpShared>) -> Self {
        Self {
            udp,
            table: Table::default(),
            entries: BTreeMap::new(),
            batch: SendBatch::new(),
            stats: Stats::default(),
        }
    }

    /// Runs until every handle and session is gone.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut reader = match UdpReader::new(self.udp.clone()) {
            Ok(reader) => reader,
            Err(error) => {
                tracing::error!(%error, "the SRTP socket cannot be read");
                return;
            }
        };
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                ready = reader.readable() => {
                    if let Err(error) = ready {
                        tracing::error!(%error, "the SRTP socket failed");
                        return;
                    }
                    reader.receive(|from, _, datagram| self.dispatch(from, datagram));
                }
                command = commands.recv() => {
                    let Some(command) = command else { return };
                    self.command(command);
                    for _ in 1..COMMANDS_AT_ONCE {
                        let Ok(command) = commands.try_recv() else { break };
                        self.command(command);
                    }
                }
                _ = sweep.tick() => self.sweep(),
            }
        }
    }

    /// Gives a datagram to whose it is. What is nobody's the table counts.
    fn dispatch(&mut self, from: SocketAddr, datagram: &mut [u8]) {
        let Some(accepted) = self.table.handle_datagram(from, datagram) else { return };
        self.stats.received += 1;
        if let Some(to) = accepted.moved_to {
            tracing::debug!(%to, "an SRTP peer sends from another address now");
        }
        let Some(entry) = self.entries.get(&accepted.context) else { return };
        let data = Bytes::copy_from_slice(&datagram[..accepted.length]);
        match entry.inbox.try_send(Packet { kind: accepted.kind, data, arrived: hub::now() }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => self.stats.overrun += 1,
            Err(mpsc::error::TrySendError::Closed(_)) => self.remove(accepted.context),
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Open { new, is_fixed, inbox, reply } => {
                let opened = self.open(&new, is_fixed, inbox);
                let key = opened.as_ref().ok().copied();
                if let (Err(_), Some(key)) = (reply.send(opened), key) {
                    // Whoever asked has left.
                    self.remove(key);
                }
            }
            Command::Send { key, packets } => self.send(key, &packets),
            Command::SendRtcp { key, packet } => self.send_rtcp(key, &packet),
            Command::Remove { key, reply } => {
                self.remove(key);
                if let Some(reply) = reply {
                    // It may not wait any more.
                    let _ = reply.send(());
                }
            }
            Command::Stats(reply) => {
                let stats = Stats {
                    sessions: self.entries.len(),
                    dropped: self.table.dropped(),
                    unsent: self.udp.dropped(),
                    ..self.stats
                };
                let _ = reply.send(stats);
            }
        }
    }

    /// The mailbox is there before the table can name it.
    fn open(
        &mut self,
        new: &NewSession,
        is_fixed: bool,
        inbox: mpsc::Sender<Packet>,
    ) -> Result<SessionKey, OpenError> {
        if self.entries.len() >= SESSIONS_MAX {
            return Err(OpenError::TooMany);
        }
        let (profile, local) = (new.send.profile(), new.local);
        let remote = SocketAddr::new(new.remote.ip().to_canonical(), new.remote.port());
        let entry = Entry {
            inbox,
            local,
            fixed: is_fixed.then_some(remote),
            rtp_overhead: profile.rtp_overhead(),
            rtcp_overhead: profile.rtcp_overhead(),
        };
        let key = self.table.insert(&NewContext {
            remote,
            ssrc: new.remote_ssrc,
            send: new.send.clone(),
            receive: new.receive.clone(),
        })?;
        self.entries.insert(key, entry);
        Ok(key)
    }

    fn remove(&mut self, key: SessionKey) {
        self.table.remove(key);
        self.entries.remove(&key);
    }

    /// Enciphers the packets of a frame in one buffer, which goes out in as few sends as possible.
    fn send(&mut self, key: SessionKey, packets: &Packets) {
        let Some(entry) = self.entries.get(&key) else { return };
        let Some(remote) = entry.fixed.or_else(|| self.table.remote(key)) else { return };
        for packet in packets.iter() {
            let length = packet.len() + entry.rtp_overhead;
            let (table, udp) = (&mut self.table, &*self.udp);
            let protected = self.batch.push_by(entry.local, remote, length, udp, |bytes| {
                let start = bytes.len();
                bytes.extend_from_slice(packet);
                table.protect_rtp(key, bytes, start).map(|_| ())
            });
            self.stats.count(protected.is_ok());
        }
        self.batch.flush(&self.udp);
    }

    fn send_rtcp(&mut self, key: SessionKey, packet: &[u8]) {
        let Some(entry) = self.entries.get(&key) else { return };
        let Some(remote) = entry.fixed.or_else(|| self.table.remote(key)) else { return };
        let length = packet.len() + entry.rtcp_overhead;
        let (table, udp) = (&mut self.table, &*self.udp);
        let protected = self.batch.push_by(entry.local, remote, length, udp, |bytes| {
            let start = bytes.len();
            bytes.extend_from_slice(packet);
            table.protect_rtcp(key, bytes, start).map(|_| ())
        });
        self.stats.count(protected.is_ok());
        self.batch.flush(&self.udp);
    }

    fn sweep(&mut self) {
        let over: Vec<SessionKey> =
            self.entries.iter().filter(|(_, entry)| entry.inbox.is_closed()).map(|(key, _)| *key).collect();
        over.into_iter().for_each(|key| self.remove(key));
    }
}

impl Stats {
    fn count(&mut self, is_sent: bool) {
        *if is_sent { &mut self.sent } else { &mut self.unprotected } += 1;
    }
}
