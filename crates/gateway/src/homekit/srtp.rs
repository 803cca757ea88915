//! The SRTP of HomeKit: one UDP socket for all sessions, one task that owns it.
//!
//! The table of contexts ([`protocols::srtp::table::Table`]) is a plain field of that task, which also reads the socket:
//! nobody else can add, find or remove a session, and a session is whole before it can be found (docs: the first of the
//! defects that this project was founded on). [`SrtpHandle::open`] gives a [`Session`]: a bounded mailbox of packets that
//! are authentic and were not seen before, and the way to send. Dropping it removes it.
//!
//! The socket is bound when somebody wants a session, or before by [`Srtp::bind`], so that a wrong configuration ends the
//! start. When the owner's worker dies, another owner takes the socket; sessions of the old one end, since their keys died
//! with it, and whoever had them begins new ones.
mod handle;
mod owner;
mod session;
#[cfg(test)]
mod tests;

pub use handle::{OpenError, Srtp, SrtpHandle};
pub use owner::{INBOX, SESSIONS_MAX, Stats};
pub use protocols::srtp::table::{Dropped, Kind};
pub use session::{Gone, Packet, Session};

use protocols::srtp::MasterKey;
use std::net::{IpAddr, SocketAddr};

/// A session that is to be: one medium of one peer, both ways. Two media are two sessions, since their keys, ports and
/// SSRCs differ.
#[derive(Debug)]
pub struct NewSession {
    /// Where the peer is; it may move later, with a packet that is authentic. What is sent to it follows, unless it was opened by
    /// [`SrtpHandle::open_at`].
    pub remote: SocketAddr,
    /// The SSRC that it sends with, RTP and RTCP: with `remote` it names the session.
    pub remote_ssrc: u32,
    /// What we send is enciphered with this.
    pub send: MasterKey,
    /// What comes is enciphered with this.
    pub receive: MasterKey,
    /// The address of ours that the peer knows us by, where the socket has several.
    pub local: Option<IpAddr>,
}
