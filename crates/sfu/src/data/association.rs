//! The SCTP association of one transport: messages in, packets out, and back.
//!
//! Source: RFC 8831 (channels over SCTP), RFC 8832 (opening them in band), RFC 9260; mediasoup 3.27 for limits and
//! events. Owns all of the association's state: nothing of it is known to any other, and no other thread touches it.
mod channels;
mod inbound;

use super::engine::Engine;
use super::options::AssociationOptions;
use super::owner::Owner;
use super::parameters::{SctpState, SctpStreamParameters, SctpStreamParametersError};
use super::payload::Payload;
use crate::epoch::Epoch;
use bytes::Bytes;
use channels::Channels;
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Who sends the first packet. Over DTLS its client does; of two pipes, one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sends INIT when started.
    Client,
    /// Waits for the peer's.
    Server,
}

/// The next thing the caller does.
#[derive(Debug, PartialEq)]
pub enum DataOutput {
    /// Send this SCTP packet to the peer.
    Packet(Bytes),
    /// The association's state changed. `Connected` may come again after `Connecting`, when the peer restarted: what was
    /// under way then is lost.
    State(SctpState),
    /// A whole message came. The stream may be one that nobody opened here (yet).
    Message {
        /// On which stream.
        stream_id: u16,
        /// What.
        payload: Payload,
    },
    /// The peer opened a channel in band; it is open and acknowledged.
    Opened {
        /// Its stream.
        stream_id: u16,
        /// The application's name for it.
        label: String,
        /// The application's protocol on it.
        protocol: String,
        /// How messages travel, both ways. A browser may have asked for ordered *and* limited, which mediasoup's model lacks.
        parameters: SctpStreamParameters,
    },
    /// The peer closed a stream that was open here. All of its messages came before this.
    Closed {
        /// Which.
        stream_id: u16,
    },
    /// A stream's buffered amount fell to its threshold.
    BufferedAmountLow {
        /// Which.
        stream_id: u16,
        /// Bytes buffered now.
        amount: u32,
    },
    /// A message was refused because a buffer is full. Once per stream, until it takes a message again.
    SendBufferFull {
        /// Whose message it was.
        stream_id: u16,
    },
    /// Drained: poll again at this moment, or after any other call.
    WaitUntil(Moment),
}

/// Why a stream was not opened. The caller's fault, but for `Resetting`, which passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Nobody could use such a stream.
    #[error(transparent)]
    Parameters(#[from] SctpStreamParametersError),
    /// There is one with this number.
    #[error("stream {0} is open already")]
    InUse(u16),
    /// The last one with this number is not closed at the peer yet. Take another, or try again.
    #[error("stream {0} is still being closed")]
    Resetting(u16),
    /// Label or protocol is longer than 65535 bytes, or than the peer takes in one message.
    #[error("label or protocol of stream {0} is too long")]
    TooLong(u16),
    /// The association has ended.
    #[error("the association has ended")]
    Ended,
}

/// Why a message was not sent, not even in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Larger than the peer takes. Never try again.
    #[error("message of {size} bytes, the peer takes {max}")]
    TooLarge {
        /// The message's bytes.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// Too much waits to be acknowledged. Try again after [`DataOutput::BufferedAmountLow`].
    #[error("{buffered} of {max} bytes are buffered")]
    BufferFull {
        /// What the full buffer holds: the stream's, or that of all streams.
        buffered: usize,
        /// Its limit.
        max: usize,
    },
    /// Not yet, or no more.
    #[error("the association is not connected")]
    NotConnected,
    /// Nobody opened it, or it was closed.
    #[error("stream {0} is not open")]
    NoStream(u16),
}

/// What has passed since the association was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AssociationStats {
    /// Messages taken for sending.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages handed out.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Packets handed out for sending.
    pub packets_sent: u64,
    /// Packets taken in, those dropped included.
    pub packets_received: u64,
    /// Packets dropped before they were looked into: malformed, wrong checksum, for nobody.
    pub packets_dropped: u64,
    /// Messages of unknown kind, and DCEP messages that made no sense.
    pub messages_dropped: u64,
    /// Times that the peer restarted.
    pub restarts: u64,
    /// Times that nothing was acknowledged in time.
    pub timeouts: u64,
    /// Parts sent again because later ones were acknowledged.
    pub fast_retransmits: u64,
    /// The present retransmission timeout.
    pub rto: Duration,
}

/// One association. See the module.
pub struct Association {
    owner: Owner,
    options: AssociationOptions,
    role: Role,
    epoch: Epoch,
    state: SctpState,
    engine: Option<Engine>,
    /// A peer that came back with a new tag: it takes the engine's place once it has proved to be there.
    restarted: Option<Engine>,
    /// When the peer ended in order: until when it is answered.
    linger_until: Option<Moment>,
    channels: Channels,
    /// States and events of channels: each channel has at most one of a kind here.
    outbox: VecDeque<DataOutput>,
    /// The last packet of an association that was ended here.
    farewell: Option<Bytes>,
    stats: AssociationStats,
}

impl Association {
    /// An association that does nothing until [`Association::start`].
    pub fn new(options: AssociationOptions, role: Role, epoch: Epoch) -> Self {
        Self {
            owner: Owner::default(),
            options,
            role,
            epoch,
            state: SctpState::New,
            engine: None,
            restarted: None,
            linger_until: None,
            channels: Channels::default(),
            outbox: VecDeque::new(),
            farewell: None,
            stats: AssociationStats::default(),
        }
    }

    /// Says who begins, where that was not known before. Without effect once it is started.
    pub fn set_role(&mut self, role: Role) {
        if self.state == SctpState::New {
            self.role = role;
        }
    }

    /// The way to the peer is there (DTLS is connected). Nothing happens the second time.
    pub fn start(&mut self, _now: Moment) {
        self.owner.assert();
        if self.state != SctpState::New {
            return;
        }
        self.set_state(SctpState::Connecting);
        match self.role {
            Role::Server => self.engine = Some(Engine::server(&self.options, self.epoch)),
            Role::Client => match Engine::client(&self.options, self.epoch) {
                Ok(engine) => self.engine = Some(engine),
                Err(error) => {
                    tracing::error!(%error, "cannot make an SCTP client");
                    self.end(SctpState::Failed);
                }
            },
        }
    }

    /// Ends the association at once. What is unsent or unacknowledged is lost; the peer is told in one packet.
    pub fn close(&mut self, _now: Moment) {
        self.owner.assert();
        if !self.is_over() {
            self.farewell = self.engine.as_ref().and_then(Engine::to_peer).map(|peer| peer.abort());
            self.end(SctpState::Closed);
        }
    }

    /// Takes the next output. [`DataOutput::WaitUntil`] means drained.
    pub fn poll_output(&mut self, now: Moment) -> DataOutput {
        self.owner.assert();
        if let Some(engine) = &mut self.engine {
            engine.handle_timeout(now);
        }
        if let Some(engine) = &mut self.restarted {
            engine.handle_timeout(now);
        }
        loop {
            self.take_happenings(now);
            if let Some(output) = self.outbox.pop_front() {
                return output;
            }
            if let Some(output) = self.read_message() {
                return output;
            }
            if self.outbox.is_empty() && !self.end_in_order(now) {
                break;
            }
        }
        if let Some(packet) = self.next_packet(now) {
            self.stats.packets_sent += 1;
            return DataOutput::Packet(packet);
        }
        DataOutput::WaitUntil(self.deadline())
    }

    /// The present state.
    pub fn state(&self) -> SctpState {
        self.state
    }

    /// What has passed.
    pub fn stats(&self) -> AssociationStats {
        self.owner.assert_unchanged();
        let mut stats = self.stats;
        if let Some(engine) = &self.engine {
            (stats.timeouts, stats.fast_retransmits, stats.rto) = engine.recovery();
        }
        stats
    }

    /// Hands the association over to the current thread. In builds with debug assertions every other thread's use panics.
    pub fn move_to_this_thread(&mut self) {
        self.owner.move_to_this_thread();
    }

    fn next_packet(&mut self, now: Moment) -> Option<Bytes> {
        if let Some(packet) = self.farewell.take() {
            return Some(packet);
        }
        let packet = self.engine.as_mut().and_then(|engine| engine.poll_packet(now));
        packet.or_else(|| self.restarted.as_mut()?.poll_packet(now))
    }

    fn deadline(&self) -> Moment {
        let engines = [&self.engine, &self.restarted].into_iter().flatten();
        engines.filter_map(Engine::deadline).chain(self.linger_until).min().unwrap_or(Moment::FAR_FUTURE)
    }

    fn set_state(&mut self, state: SctpState) {
        if self.state != state {
            self.state = state;
            self.outbox.push_back(DataOutput::State(state));
        }
    }

    /// Whether the state is final.
    fn is_over(&self) -> bool {
        match self.state {
            SctpState::Failed | SctpState::Closed => true,
            SctpState::New | SctpState::Connecting | SctpState::Connected => false,
        }
    }

    fn end(&mut self, state: SctpState) {
        self.engine = None;
        self.restarted = None;
        self.linger_until = None;
        self.channels = Channels::default();
        self.set_state(state);
    }
}

impl std::fmt::Debug for Association {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Association")
            .field("role", &self.role)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
