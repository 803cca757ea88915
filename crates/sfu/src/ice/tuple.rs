//! A way between us and a peer, and the few of them that a transport knows.
//!
//! Source: mediasoup's `TransportTuple`. Owns the order in which tuples came and which one is selected.
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::net::SocketAddr;

/// Most tuples of one transport: 8, as in mediasoup. A phone with two networks and two address families has four.
pub(super) const TUPLES_MAX: usize = 8;

/// What carries datagrams.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP, each datagram behind its length. Source: RFC 4571.
    Tcp,
}

/// Our address and the peer's, as the socket sees them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tuple {
    /// UDP or TCP.
    pub protocol: Protocol,
    /// The socket's own address.
    pub local: SocketAddr,
    /// Where datagrams come from and go to.
    pub remote: SocketAddr,
}

/// Tuples that passed a check, the oldest first.
#[derive(Clone, Default, Debug)]
pub(super) struct Tuples {
    known: SmallVec<[Tuple; 2]>,
    selected: Option<Tuple>,
}

/// What [`Tuples::add`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Added {
    /// It was there.
    Known,
    /// It is there now, and this one had to go for it.
    New { removed: Option<Tuple> },
}

impl Tuples {
    pub(super) fn knows(&self, tuple: &Tuple) -> bool {
        self.selected.as_ref() == Some(tuple) || self.known.contains(tuple)
    }

    pub(super) const fn selected(&self) -> Option<Tuple> {
        self.selected
    }

    /// Adds a tuple. One too many removes the oldest that is not selected.
    pub(super) fn add(&mut self, tuple: Tuple) -> Added {
        if self.knows(&tuple) {
            return Added::Known;
        }
        let oldest = self.known.iter().position(|known| Some(*known) != self.selected);
        let removed = match oldest {
            Some(oldest) if self.known.len() >= TUPLES_MAX => Some(self.known.remove(oldest)),
            Some(_) | None => None,
        };
        self.known.push(tuple);
        Added::New { removed }
    }

    /// Selects a known tuple; says whether that is another one than before.
    pub(super) fn select(&mut self, tuple: Tuple) -> bool {
        let changes = self.selected != Some(tuple) && self.known.contains(&tuple);
        if changes {
            self.selected = Some(tuple);
        }
        changes
    }

    /// Removes a tuple; says whether it was known. If it was the selected one, then none is selected.
    pub(super) fn remove(&mut self, tuple: &Tuple) -> bool {
        let before = self.known.len();
        self.known.retain(|known| known != tuple);
        if self.selected.as_ref() == Some(tuple) {
            self.selected = None;
        }
        self.known.len() < before
    }

    /// The one that came last.
    pub(super) fn newest(&self) -> Option<Tuple> {
        self.known.last().copied()
    }

    /// Removes all.
    pub(super) fn clear(&mut self) -> SmallVec<[Tuple; 2]> {
        self.selected = None;
        std::mem::take(&mut self.known)
    }
}
