//! mDNS: announces our accessories (`_hap._tcp`) and finds those of others.
//!
//! Source: RFC 6762, RFC 6763, HAP specification (R2) §6.4. The crate `mdns-sd` does it, on one thread of its own; nobody else here
//! sees it. The thread starts with the first thing that is announced or looked for. [`MdnsKeeper`] owns it; everybody else has
//! [`Mdns`], a bounded mailbox. Where there is no multicast, a line in the log says so, and all goes on by address and port.
mod keeper;

pub use keeper::MdnsKeeper;
pub use protocols::hap::advertisement::Category;

use keeper::{Command, FoundSince};
use protocols::hap::advertisement::Advertisement;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Requests that wait: 64; the keeper answers each at once, and senders wait beyond that.
const REQUESTS: usize = 64;
/// Who is looked for and not known is waited for: 3 s. Accessories answer within 120 ms, and one lost question is asked again
/// after 1 s.
pub const FIND_MAX: Duration = Duration::from_secs(3);
/// A list is not given before there was so much time to answer: 1.5 s, for the same reason.
const SETTLE: Duration = Duration::from_millis(1500);
/// A goodbye takes at most so long: 500 ms; it is one datagram an interface.
const GOODBYE_MAX: Duration = Duration::from_millis(500);

/// Where mDNS is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Where {
    /// Nowhere.
    Off,
    /// On every interface.
    #[default]
    Everywhere,
    /// On the loopback interface and another port, for tests.
    Loopback {
        /// Which port.
        port: u16,
    },
}

/// An accessory to announce.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announced {
    /// The name of its service, as people see it before they pair.
    pub name: String,
    /// Its address; none for all that the machine has, and will have.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: u16,
    /// What it tells of itself.
    pub advertisement: Advertisement,
}

/// An accessory that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The name of its service.
    pub name: String,
    /// Where it is, IPv4 first. Link-local addresses of IPv6 are left out: they mean nothing without their interface.
    pub addresses: Vec<SocketAddr>,
    /// What it tells of itself.
    pub advertisement: Advertisement,
}

/// The way to mDNS, from any thread.
#[derive(Clone)]
pub struct Mdns {
    commands: mpsc::Sender<Command>,
}

impl Mdns {
    /// Spoken there.
    pub fn new(place: Where) -> (Self, MdnsKeeper) {
        let (sender, commands) = mpsc::channel(REQUESTS);
        (Self { commands: sender }, MdnsKeeper::new(place, commands))
    }

    /// Announces an accessory until the announcement is withdrawn or dropped.
    pub async fn announce(&self, what: Announced) -> Announcement {
        let key = rand::random();
        // without an owner nothing is announced, which is what its end means
        let _ = self.commands.send(Command::Announce { key, what }).await;
        Announcement { key: Some(key), commands: self.commands.clone() }
    }

    /// All accessories that are there. The first call listens for a moment.
    pub async fn found(&self) -> Vec<Found> {
        let FoundSince { found, listening } = self.ask_found().await;
        match SETTLE.checked_sub(listening) {
            Some(rest) if !rest.is_zero() => {
                tokio::time::sleep(rest).await;
                self.ask_found().await.found
            }
            Some(_) | None => found,
        }
    }

    /// Those that are known at this moment.
    pub async fn known(&self) -> Vec<Found> {
        self.ask_found().await.found
    }

    /// The accessory of this identifier (of any case). Waits up to [`FIND_MAX`] for one that is not known yet.
    pub async fn find(&self, id: &str) -> Option<Found> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Find { id: id.to_ascii_uppercase(), reply }).await.ok()?;
        tokio::time::timeout(FIND_MAX, answer).await.ok()?.ok()
    }

    /// Withdraws all that is announced and ends the thread.
    pub async fn end(&self) {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::End { reply }).await.is_ok() {
            // an owner that is gone has ended
            let _ = answer.await;
        }
    }

    async fn ask_found(&self) -> FoundSince {
        let (reply, answer) = oneshot::channel();
        let nothing = FoundSince { found: Vec::new(), listening: Duration::MAX };
        match self.commands.send(Command::Found { reply }).await {
            Ok(()) => answer.await.unwrap_or(nothing),
            Err(_) => nothing,
        }
    }
}

/// An accessory is announced while this lives.
pub struct Announcement {
    /// None once it was withdrawn.
    key: Option<u64>,
    commands: mpsc::Sender<Command>,
}

impl Announcement {
    /// Tells something else of the accessory: that it is paired now, or another configuration.
    pub async fn update(&self, advertisement: Advertisement) {
        if let Some(key) = self.key {
            let _ = self.commands.send(Command::Update { key, advertisement }).await;
        }
    }

    /// Says goodbye, and returns when that was said.
    pub async fn withdraw(mut self) {
        let Some(key) = self.key.take() else { return };
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Withdraw { key, reply: Some(reply) }).await.is_ok() {
            let _ = answer.await;
        }
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            // with a full mailbox it stays until the end, as after a crash
            let _ = self.commands.try_send(Command::Withdraw { key, reply: None });
        }
    }
}

#[cfg(test)]
mod tests;
