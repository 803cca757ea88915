//! One session, as whoever began it has it.
use super::Kind;
use super::handle::State;
use super::owner::{Command, SessionKey};
use bytes::Bytes;
use formats::rtp::Packets;
use media::Moment;
use std::net::SocketAddr;
use tokio::sync::{mpsc, oneshot, watch};

/// A packet that is authentic, plain, and new.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// What it is.
    pub kind: Kind,
    /// The RTP packet, or the compound RTCP packet.
    pub data: Bytes,
    /// When it came.
    pub arrived: Moment,
}

/// The session has ended: the socket's owner is gone, and with it the keys. Begin another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the SRTP session has ended: its socket is served by another worker now")]
pub struct Gone;

/// A session. Dropping it ends it.
#[derive(Debug)]
pub struct Session {
    key: SessionKey,
    local: SocketAddr,
    inbox: mpsc::Receiver<Packet>,
    commands: mpsc::Sender<Command>,
    /// Changes when the owner does.
    serving: watch::Receiver<State>,
}

impl Session {
    pub(super) fn new(
        key: SessionKey,
        local: SocketAddr,
        inbox: mpsc::Receiver<Packet>,
        commands: mpsc::Sender<Command>,
        serving: watch::Receiver<State>,
    ) -> Self {
        Self { key, local, inbox, commands, serving }
    }

    /// Where the socket listens: its port is what the peer sends to.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// The next packet. Those that come faster than they are taken are lost, and counted. Cancel-safe.
    ///
    /// # Errors
    /// [`Gone`], for ever.
    pub async fn receive(&mut self) -> Result<Packet, Gone> {
        tokio::select! {
            biased;
            packet = self.inbox.recv() => packet.ok_or(Gone),
            // A worker that hangs keeps its end of the mailbox, and never says another word.
            _ = self.serving.changed() => {
                self.inbox.close();
                Err(Gone)
            }
        }
    }

    /// Sends RTP packets with headers of their own, those of one frame at best: they go out together.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn send(&self, packets: Packets) -> Result<(), Gone> {
        self.tell(Command::Send { key: self.key, packets }).await
    }

    /// Sends one compound RTCP packet.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn send_rtcp(&self, packet: Bytes) -> Result<(), Gone> {
        self.tell(Command::SendRtcp { key: self.key, packet }).await
    }

    /// Ends it, and waits until nothing of it is left: what was given to be sent is sent.
    pub async fn close(self) {
        let (reply, done) = oneshot::channel();
        if self.tell(Command::Remove { key: self.key, reply: Some(reply) }).await.is_ok() {
            let mut serving = self.serving.clone();
            tokio::select! {
                // With the owner it is gone as well.
                _ = done => {}
                _ = serving.changed() => {}
            }
        }
    }

    /// Waits while the owner is behind.
    async fn tell(&self, command: Command) -> Result<(), Gone> {
        match self.commands.try_send(command) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Gone),
            Err(mpsc::error::TrySendError::Full(command)) => {
                let mut serving = self.serving.clone();
                tokio::select! {
                    biased;
                    told = self.commands.send(command) => told.map_err(|_| Gone),
                    _ = serving.changed() => Err(Gone),
                }
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // An owner that is behind finds the closed mailbox by itself.
        let _ = self.commands.try_send(Command::Remove { key: self.key, reply: None });
    }
}
