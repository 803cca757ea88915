//! Which datagram belongs to which session. One task owns the sockets' reading side and the table.
//!
//! A connectivity check names its session by our ICE user fragment (RFC 8445 §7.3); the address it came from belongs to
//! that session from then on, and everything else is told apart by it. Owns the table; sessions are elsewhere, behind
//! bounded mailboxes: a full one loses datagrams, as the network does.
use super::Transport;
use super::handle::SessionId;
use crate::net::udp::{UdpReader, UdpShared};
use bytes::Bytes;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What a session's mailbox holds: 512 datagrams, 0.5 s of a publisher's 10 Mbit/s.
pub(super) const INBOX: usize = 512;
/// Waiting commands; callers wait beyond that.
pub(super) const COMMANDS: usize = 64;
/// Most addresses one session is known by: 16. A browser with several interfaces tries a handful.
const ADDRESSES_MAX: usize = 16;
/// How often sessions that ended without a word are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// What comes to a session.
pub(super) enum Input {
    /// A datagram, or the contents of an RFC 4571 frame.
    Datagram { transport: Transport, source: SocketAddr, destination: SocketAddr, data: Bytes },
    /// A TCP connection of the peer's, and the way back through it.
    Connection { source: SocketAddr, frames: mpsc::Sender<Bytes> },
    /// A candidate the peer signalled.
    Candidate(String),
    /// Say goodbye and end.
    Close,
}

/// What the table is told.
pub(super) enum Command {
    Register {
        id: SessionId,
        ufrag: String,
        inbox: mpsc::Sender<Input>,
        reply: oneshot::Sender<bool>,
    },
    Unregister(SessionId),
    /// For a session; false when there is none.
    Tell {
        id: SessionId,
        input: Input,
        reply: oneshot::Sender<bool>,
    },
    /// A TCP connection's first check names its session.
    Find {
        ufrag: String,
        reply: oneshot::Sender<Option<mpsc::Sender<Input>>>,
    },
    Count(oneshot::Sender<usize>),
}

struct Entry {
    ufrag: String,
    inbox: mpsc::Sender<Input>,
    addresses: Vec<SocketAddr>,
}

/// The table.
pub(super) struct Mux {
    udp: Arc<UdpShared>,
    sessions_max: usize,
    sessions: HashMap<SessionId, Entry>,
    by_ufrag: HashMap<String, SessionId>,
    by_address: HashMap<SocketAddr, SessionId>,
    lost: u64,
}

impl Mux {
    pub(super) fn new(udp: Arc<UdpShared>, sessions_max: usize) -> Self {
        Self {
            udp,
            sessions_max,
            sessions: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            lost: 0,
        }
    }

    /// Runs until every handle is gone.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut reader = match UdpReader::new(self.udp.clone()) {
            Ok(reader) => reader,
            Err(error) => {
                tracing::error!(%error, "the WebRTC socket cannot be read");
                return;
            }
        };
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                ready = reader.readable() => {
                    if let Err(error) = ready {
                        tracing::error!(%error, "the WebRTC socket failed");
                        return;
                    }
                    reader.receive(|source, destination, datagram| self.dispatch(source, destination, datagram));
                }
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                _ = sweep.tick() => self.sweep(),
            }
        }
    }

    fn dispatch(&mut self, source: SocketAddr, destination: SocketAddr, datagram: &[u8]) {
        if datagram.is_empty() {
            return;
        }
        let named = local_ufrag(datagram).and_then(|ufrag| self.by_ufrag.get(ufrag)).copied();
        if let Some(id) = named {
            self.learn(source, id);
        }
        let Some(id) = named.or_else(|| self.by_address.get(&source).copied()) else { return };
        let Some(entry) = self.sessions.get(&id) else { return };
        let data = Bytes::copy_from_slice(datagram);
        let input = Input::Datagram { transport: Transport::Udp, source, destination, data };
        match entry.inbox.try_send(input) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => self.lost += 1,
            Err(mpsc::error::TrySendError::Closed(_)) => self.remove(id),
        }
    }

    fn learn(&mut self, source: SocketAddr, id: SessionId) {
        if self.by_address.get(&source) == Some(&id) {
            return;
        }
        let Some(entry) = self.sessions.get_mut(&id) else { return };
        if entry.addresses.len() == ADDRESSES_MAX {
            let oldest = entry.addresses.remove(0);
            self.by_address.remove(&oldest);
        }
        entry.addresses.push(source);
        if let Some(before) = self.by_address.insert(source, id)
            && let Some(entry) = self.sessions.get_mut(&before)
        {
            // A peer that left without a word, and its port given to the next one.
            entry.addresses.retain(|address| *address != source);
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Register { id, ufrag, inbox, reply } => {
                // One that is here already enters again when it is not sure of it.
                let here = self.sessions.contains_key(&id);
                let room = here || self.sessions.len() < self.sessions_max;
                if room && !here {
                    self.by_ufrag.insert(ufrag.clone(), id);
                    self.sessions.insert(id, Entry { ufrag, inbox, addresses: Vec::new() });
                }
                // Whoever asked and left sees to its session itself.
                let _ = reply.send(room);
            }
            Command::Unregister(id) => self.remove(id),
            Command::Tell { id, input, reply } => {
                let told = self.sessions.get(&id).is_some_and(|entry| entry.inbox.try_send(input).is_ok());
                let _ = reply.send(told);
            }
            Command::Find { ufrag, reply } => {
                let found = self.by_ufrag.get(&ufrag).and_then(|id| self.sessions.get(id));
                let _ = reply.send(found.map(|entry| entry.inbox.clone()));
            }
            Command::Count(reply) => {
                let _ = reply.send(self.sessions.len());
            }
        }
    }

    fn remove(&mut self, id: SessionId) {
        let Some(entry) = self.sessions.remove(&id) else { return };
        if self.by_ufrag.get(&entry.ufrag) == Some(&id) {
            self.by_ufrag.remove(&entry.ufrag);
        }
        for address in entry.addresses {
            if self.by_address.get(&address) == Some(&id) {
                self.by_address.remove(&address);
            }
        }
    }

    fn sweep(&mut self) {
        let over: Vec<SessionId> =
            self.sessions.iter().filter(|(_, entry)| entry.inbox.is_closed()).map(|(id, _)| *id).collect();
        over.into_iter().for_each(|id| self.remove(id));
        let unsent = self.udp.dropped();
        if self.lost > 0 {
            tracing::debug!(lost = self.lost, unsent, "datagrams lost to full mailboxes");
            self.lost = 0;
        }
    }
}

/// Our user fragment in a STUN binding request, which is the first half of its USERNAME (RFC 8445 §7.2.2).
pub(super) fn local_ufrag(datagram: &[u8]) -> Option<&str> {
    /// RFC 8489 §5.
    const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    /// RFC 8489 §18.3.
    const USERNAME: u16 = 0x0006;
    if datagram.first()? & 0xc0 != 0 || datagram.get(4..8)? != MAGIC_COOKIE {
        return None;
    }
    let mut rest = datagram.get(20..)?;
    loop {
        let kind = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]);
        let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let value = rest.get(4..4 + length)?;
        if kind == USERNAME {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut datagram = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        datagram.extend_from_slice(&[7; 12]);
        for (kind, value) in attributes {
            datagram.extend_from_slice(&kind.to_be_bytes());
            datagram.extend_from_slice(&(value.len() as u16).to_be_bytes());
            datagram.extend_from_slice(value);
            datagram.resize(datagram.len().next_multiple_of(4), 0);
        }
        datagram
    }

    #[test]
    fn a_check_names_our_user_fragment() {
        let datagram = request(&[(0x8022, b"agent"), (6, b"ourOwn:theirs"), (0x24, &[0; 4])]);
        assert_eq!(local_ufrag(&datagram), Some("ourOwn"));
        assert_eq!(local_ufrag(&request(&[(0x20, &[0; 8])])), None);
        assert_eq!(local_ufrag(&[0x80, 96, 0, 1]), None);
    }

    #[test]
    fn no_datagram_makes_the_table_panic() {
        let whole = request(&[(0x8022, b"agent"), (6, b"ourOwn:theirs")]);
        for end in 0..whole.len() {
            local_ufrag(&whole[..end]);
        }
        let mut seed = 99_u64;
        for _ in 0..10_000 {
            let mut bytes = whole.clone();
            for _ in 0..3 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let at = seed as usize % bytes.len();
                bytes[at] = (seed >> 32) as u8;
            }
            local_ufrag(&bytes);
        }
    }
}
