//! [`Table`]: the cryptographic contexts that share one socket, and whose a datagram is.
//!
//! It has one owner, which also reads the socket; there is no other way to a context. A context is whole before it can be found.
//! A datagram belongs to whom its address and its SSRC name together: SSRCs alone collide, and strangers guess them. Who
//! comes from another address, behind a router that changed its mind, is believed once a packet is authentic that was not
//! seen before.
//!
//! RTP and RTCP share the port. Source: RFC 5761 §4, RFC 7983 §7.
use super::{MasterKey, Protector, SrtpError, Unprotector};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

/// The first byte of RTP and RTCP.
const FIRST_BYTE: std::ops::RangeInclusive<u8> = 128..=191;
/// The second byte of RTCP.
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;
/// Contexts of one SSRC that a packet from an unknown address is tried with: 4. Two are a rare chance; each costs a tag.
const TRIED_MAX: usize = 4;

/// Names a context; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ContextKey(u64);

/// A context that is to be: one medium of one peer, both ways.
#[derive(Debug)]
pub struct NewContext {
    /// Where the peer is.
    pub remote: SocketAddr,
    /// With which SSRC it sends.
    pub ssrc: u32,
    /// What is sent is enciphered with this.
    pub send: MasterKey,
    /// And what comes with that.
    pub receive: MasterKey,
}

/// Why there is no context.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InsertError {
    /// Nobody could tell their packets apart: choose another port or SSRC.
    #[error("another session has SSRC {ssrc} from {remote}")]
    Taken {
        /// Where from.
        remote: SocketAddr,
        /// Which.
        ssrc: u32,
    },
    /// A key is none.
    #[error(transparent)]
    Srtp(#[from] SrtpError),
}

/// Why nothing is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SendError {
    /// It was removed.
    #[error("the session has ended")]
    Gone,
    /// The packet is none, or the keys are used up.
    #[error(transparent)]
    Srtp(#[from] SrtpError),
}

/// What a datagram holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An RTP packet.
    Rtp,
    /// A compound RTCP packet.
    Rtcp,
}

/// A datagram that is somebody's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// Whose.
    pub context: ContextKey,
    /// What it holds.
    pub kind: Kind,
    /// Bytes of the plain packet, which begins where the datagram does.
    pub length: usize,
    /// Where the peer is now, if it was elsewhere before.
    pub moved_to: Option<SocketAddr>,
}

/// Datagrams that were dropped, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dropped {
    /// Shorter than a header with its tag.
    pub short: u64,
    /// Neither RTP nor RTCP.
    pub no_rtp: u64,
    /// Of nobody who is known.
    pub foreign: u64,
    /// Of somebody who is known, with a wrong tag.
    pub forged: u64,
    /// Received before, or too old to know.
    pub replayed: u64,
}

/// Why a datagram is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reason {
    Short,
    NoRtp,
    Foreign,
    Forged,
    Replayed,
}

impl Reason {
    fn of(error: SrtpError) -> Self {
        if matches!(error, SrtpError::Replayed(_) | SrtpError::TooOld(_)) {
            Self::Replayed
        } else if matches!(error, SrtpError::Short { .. }) {
            Self::Short
        } else {
            Self::Forged
        }
    }
}

impl Dropped {
    fn count(&mut self, reason: Reason) {
        *match reason {
            Reason::Short => &mut self.short,
            Reason::NoRtp => &mut self.no_rtp,
            Reason::Foreign => &mut self.foreign,
            Reason::Forged => &mut self.forged,
            Reason::Replayed => &mut self.replayed,
        } += 1;
    }

    /// All of them.
    pub const fn sum(&self) -> u64 {
        self.short + self.no_rtp + self.foreign + self.forged + self.replayed
    }
}

#[derive(Debug)]
struct Context {
    remote: SocketAddr,
    ssrc: u32,
    protector: Protector,
    unprotector: Unprotector,
}

/// All contexts of one socket.
#[derive(Debug, Default)]
pub struct Table {
    contexts: BTreeMap<ContextKey, Context>,
    by_peer: HashMap<(SocketAddr, u32), ContextKey>,
    by_ssrc: BTreeMap<u32, Vec<ContextKey>>,
    next: u64,
    dropped: Dropped,
}

impl Table {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.contexts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.contexts.is_empty()
    }

    /// What was dropped until now.
    pub const fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Adds a context. From now on its datagrams are accepted.
    ///
    /// # Errors
    /// Somebody else sends this SSRC from that address, or a key is none.
    pub fn insert(&mut self, new: &NewContext) -> Result<ContextKey, InsertError> {
        let &NewContext { remote, ssrc, .. } = new;
        if self.by_peer.contains_key(&(remote, ssrc)) {
            return Err(InsertError::Taken { remote, ssrc });
        }
        let (protector, unprotector) = (Protector::new(&new.send)?, Unprotector::new(&new.receive)?);
        let key = ContextKey(self.next);
        self.next += 1;
        self.contexts.insert(key, Context { remote, ssrc, protector, unprotector });
        self.by_peer.insert((remote, ssrc), key);
        self.by_ssrc.entry(ssrc).or_default().push(key);
        Ok(key)
    }

    /// Removes a context: its datagrams are nobody's now. False when it was removed before.
    pub fn remove(&mut self, key: ContextKey) -> bool {
        let Some(context) = self.contexts.remove(&key) else { return false };
        self.by_peer.remove(&(context.remote, context.ssrc));
        if let Some(same) = self.by_ssrc.get_mut(&context.ssrc) {
            same.retain(|other| *other != key);
            if same.is_empty() {
                self.by_ssrc.remove(&context.ssrc);
            }
        }
        true
    }

    /// Where a context's peer is.
    pub fn remote(&self, key: ContextKey) -> Option<SocketAddr> {
        self.contexts.get(&key).map(|context| context.remote)
    }

    /// Takes a datagram and deciphers it in place. None: it was dropped, and counted.
    pub fn handle_datagram(&mut self, from: SocketAddr, datagram: &mut [u8]) -> Option<Accepted> {
        match self.accept(from, datagram) {
            Ok(accepted) => Some(accepted),
            Err(reason) => {
                self.dropped.count(reason);
                None
            }
        }
    }

    fn accept(&mut self, from: SocketAddr, datagram: &mut [u8]) -> Result<Accepted, Reason> {
        let (kind, ssrc) = identify(datagram)?;
        if let Some(context) = self.by_peer.get(&(from, ssrc)).copied() {
            let length = self.open(context, kind, datagram).map_err(Reason::of)?;
            return Ok(Accepted { context, kind, length, moved_to: None });
        }
        // a wrong tag leaves the datagram as it was
        let candidates = self.by_ssrc.get(&ssrc).ok_or(Reason::Foreign)?;
        let mut refused = SrtpError::Crypto;
        for context in candidates.iter().copied().take(TRIED_MAX).collect::<Vec<_>>() {
            match self.open(context, kind, datagram) {
                Ok(length) => {
                    self.move_to(context, from);
                    return Ok(Accepted { context, kind, length, moved_to: Some(from) });
                }
                Err(error) => refused = error,
            }
        }
        Err(match Reason::of(refused) {
            // it has a known SSRC by chance
            Reason::Forged => Reason::Foreign,
            reason @ (Reason::Short | Reason::NoRtp | Reason::Foreign | Reason::Replayed) => reason,
        })
    }

    fn open(&mut self, key: ContextKey, kind: Kind, datagram: &mut [u8]) -> Result<usize, SrtpError> {
        let context = self.contexts.get_mut(&key).ok_or(SrtpError::Crypto)?;
        match kind {
            Kind::Rtp => context.unprotector.unprotect_rtp(datagram),
            Kind::Rtcp => context.unprotector.unprotect_rtcp(datagram),
        }
    }

    fn move_to(&mut self, key: ContextKey, to: SocketAddr) {
        let Some(context) = self.contexts.get_mut(&key) else { return };
        self.by_peer.remove(&(context.remote, context.ssrc));
        context.remote = to;
        self.by_peer.insert((to, context.ssrc), key);
    }

    /// Enciphers the RTP packet `packet[start..]` in place; returns where to send it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn protect_rtp(
        &mut self,
        key: ContextKey,
        packet: &mut Vec<u8>,
        start: usize,
    ) -> Result<SocketAddr, SendError> {
        let context = self.contexts.get_mut(&key).ok_or(SendError::Gone)?;
        context.protector.protect_rtp(packet, start)?;
        Ok(context.remote)
    }

    /// The same for a compound RTCP packet.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn protect_rtcp(
        &mut self,
        key: ContextKey,
        packet: &mut Vec<u8>,
        start: usize,
    ) -> Result<SocketAddr, SendError> {
        let context = self.contexts.get_mut(&key).ok_or(SendError::Gone)?;
        context.protector.protect_rtcp(packet, start)?;
        Ok(context.remote)
    }
}

/// What a datagram holds, and of which SSRC.
fn identify(datagram: &[u8]) -> Result<(Kind, u32), Reason> {
    let ssrc = |at: usize| {
        let bytes = datagram.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes).ok_or(Reason::Short)
    };
    match datagram {
        [first, ..] if !FIRST_BYTE.contains(first) => Err(Reason::NoRtp),
        [_, second, ..] if RTCP_TYPES.contains(second) => Ok((Kind::Rtcp, ssrc(4)?)),
        [_, _, ..] => Ok((Kind::Rtp, ssrc(8)?)),
        _ => Err(Reason::Short),
    }
}

#[cfg(test)]
mod tests;
