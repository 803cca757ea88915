//! The streams of an association: opened, used, closed.
use super::{Association, DataOutput, OpenError, SendError};
use crate::data::dcep::Dcep;
use crate::data::parameters::{SctpState, SctpStreamParameters};
use crate::data::payload::{Payload, ppid};
use bytes::Bytes;
use media::Moment;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// `Agreed` (outside of the association); `Opening` → `Agreed` at the peer's acknowledgement, where we opened in band.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// Both sides know of the channel.
    Agreed,
    /// The OPEN, until it is acknowledged. Until then everything is sent in order (RFC 8832 §6).
    Opening(Bytes),
    /// The peer's own: it ends where the peer restarts.
    Theirs,
}

#[derive(Debug)]
struct Channel {
    parameters: SctpStreamParameters,
    phase: Phase,
    low_threshold: u32,
    /// Whether a message was refused since the last that was taken.
    full: bool,
}

/// All streams that somebody uses.
#[derive(Debug, Default)]
pub(super) struct Channels {
    open: BTreeMap<u16, Channel>,
    /// Used by the peer, opened by nobody.
    strangers: BTreeSet<u16>,
    /// Streams with messages to read, each once; the first is next.
    readable: VecDeque<u16>,
    in_readable: BTreeSet<u16>,
    /// Whether the peer has sent ABORT or SHUTDOWN.
    pub(super) peer_ends: bool,
    /// At least what all streams have buffered. Counted up at each message, and counted anew when it nears the limit.
    buffered_at_most: usize,
}

/// What becomes of the peer's OPEN.
pub(super) enum Opened {
    New,
    InUse,
}

impl Channels {
    pub(super) fn ids(&self) -> Vec<u16> {
        self.open.keys().copied().collect()
    }

    pub(super) fn knows(&self, id: u16) -> bool {
        self.open.contains_key(&id)
    }

    pub(super) fn strangers(&self) -> usize {
        self.strangers.len()
    }

    pub(super) fn add_stranger(&mut self, id: u16) {
        self.strangers.insert(id);
    }

    /// Forgets a stream. True when it was open.
    pub(super) fn remove(&mut self, id: u16) -> bool {
        self.strangers.remove(&id);
        self.open.remove(&id).is_some()
    }

    pub(super) fn set_readable(&mut self, id: u16) {
        if self.in_readable.insert(id) {
            self.readable.push_back(id);
        }
    }

    /// The stream whose turn it is; it goes to the end.
    pub(super) fn next_readable(&mut self) -> Option<u16> {
        self.readable.rotate_left(usize::from(self.readable.len() > 1));
        self.readable.back().copied()
    }

    pub(super) fn set_empty(&mut self, id: u16) {
        self.in_readable.remove(&id);
        self.readable.retain(|&other| other != id);
    }

    pub(super) fn note_low(&self, id: u16) -> bool {
        self.open.contains_key(&id)
    }

    /// The peer acknowledged an OPEN: how the channel's messages travel from now on.
    pub(super) fn acknowledged(&mut self, id: u16) -> Option<SctpStreamParameters> {
        let channel = self.open.get_mut(&id)?;
        match channel.phase {
            Phase::Opening(_) => channel.phase = Phase::Agreed,
            Phase::Agreed | Phase::Theirs => return None,
        }
        Some(channel.parameters)
    }

    pub(super) fn opened_by_peer(&mut self, parameters: SctpStreamParameters, low_threshold: u32) -> Opened {
        if self.open.contains_key(&parameters.stream_id) {
            return Opened::InUse;
        }
        self.strangers.remove(&parameters.stream_id);
        let channel = Channel { parameters, phase: Phase::Theirs, low_threshold, full: false };
        self.open.insert(parameters.stream_id, channel);
        Opened::New
    }

    /// The peer restarted: what it opened is gone (returned), what we opened will be opened again.
    pub(super) fn restart(&mut self) -> Vec<u16> {
        let gone =
            self.open.extract_if(.., |_, channel| channel.phase == Phase::Theirs).map(|(id, _)| id).collect();
        let open = std::mem::take(&mut self.open);
        *self = Self { open, ..Self::default() };
        gone
    }
}

impl Association {
    /// Opens a stream: agreed on elsewhere (`in_band` is `None`), or announced to the peer with a label and a protocol.
    /// Also before the association is connected.
    pub fn open(
        &mut self,
        parameters: &SctpStreamParameters,
        in_band: Option<(&str, &str)>,
        _now: Moment,
    ) -> Result<(), OpenError> {
        self.owner.assert();
        parameters.validate()?;
        let id = parameters.stream_id;
        if self.is_over() {
            return Err(OpenError::Ended);
        }
        if self.channels.knows(id) {
            return Err(OpenError::InUse(id));
        }
        let phase = match in_band {
            None => Phase::Agreed,
            Some((label, protocol)) => {
                let (label, protocol) = (label.to_owned(), protocol.to_owned());
                let open = Dcep::Open { parameters: *parameters, label, protocol }.write();
                let fits = |open: &Bytes| open.len() <= self.max_message();
                Phase::Opening(open.filter(fits).ok_or(OpenError::TooLong(id))?)
            }
        };
        let low_threshold = self.options.default_stream_buffered_amount_low_threshold;
        let channel = Channel { parameters: *parameters, phase, low_threshold, full: false };
        self.channels.open.insert(id, channel);
        if self.state == SctpState::Connected && !self.open_in_engine(id) {
            self.channels.open.remove(&id);
            return Err(OpenError::Resetting(id));
        }
        self.channels.strangers.remove(&id);
        Ok(())
    }

    /// Does in the engine what the channel wants. False when the last stream of that number is still there.
    pub(super) fn open_in_engine(&mut self, id: u16) -> bool {
        let Some(engine) = &mut self.engine else { return true };
        let Some(channel) = self.channels.open.get(&id) else { return true };
        if engine.open(id, channel.low_threshold).is_err() {
            return false;
        }
        match &channel.phase {
            Phase::Agreed | Phase::Theirs => engine.set_reliability(&channel.parameters),
            Phase::Opening(open) => {
                engine.set_reliability(&SctpStreamParameters { ordered: true, ..channel.parameters });
                engine.write(id, ppid::DCEP, open.clone());
            }
        }
        true
    }

    /// Closes a stream, both ways: what was sent on it still arrives, what came and was not taken is dropped. The number
    /// can be used again when the peer has agreed.
    pub fn close_stream(&mut self, stream_id: u16, _now: Moment) {
        self.owner.assert();
        self.channels.remove(stream_id);
        self.channels.set_empty(stream_id);
        if let Some(engine) = &mut self.engine {
            engine.reset(stream_id);
        }
    }

    /// Queues a message, whole or not at all.
    pub fn send(&mut self, stream_id: u16, payload: &Payload, _now: Moment) -> Result<(), SendError> {
        self.owner.assert();
        let max = self.max_message();
        let Some(engine) = self.engine.as_mut().filter(|_| self.state == SctpState::Connected) else {
            return Err(SendError::NotConnected);
        };
        let channels = &mut self.channels;
        let channel = channels.open.get_mut(&stream_id).ok_or(SendError::NoStream(stream_id))?;
        if payload.len() > max {
            return Err(SendError::TooLarge { size: payload.len(), max });
        }
        let (identifier, bytes) = payload.to_wire();
        let size = bytes.len();
        let buffered = engine.buffered(stream_id).ok_or(SendError::NoStream(stream_id))?;
        let of_stream = limit(self.options.per_stream_send_queue_limit);
        let of_all = limit(self.options.send_buffer_size);
        if channels.buffered_at_most + size > of_all {
            channels.buffered_at_most = engine.buffered_in_all();
        }
        let full = [(buffered, of_stream), (channels.buffered_at_most, of_all)];
        // An empty buffer takes any message, or the largest would never be sent where the limit is below it.
        let full = full.into_iter().find(|&(buffered, max)| buffered > 0 && buffered + size > max);
        if let Some((buffered, max)) = full {
            if !std::mem::replace(&mut channel.full, true) {
                self.outbox.push_back(DataOutput::SendBufferFull { stream_id });
            }
            return Err(SendError::BufferFull { buffered, max });
        }
        if !engine.write(stream_id, identifier, bytes) {
            return Err(SendError::NoStream(stream_id));
        }
        channel.full = false;
        channels.buffered_at_most += size;
        self.stats.messages_sent += 1;
        self.stats.bytes_sent += payload.len() as u64;
        Ok(())
    }

    /// Bytes given to the stream and not acknowledged by the peer yet; `None` when it is not open.
    ///
    /// A browser counts bytes not yet sent, which is less by what is under way: at most one congestion window. Here it is what
    /// takes memory, since what is under way must be kept to be sent again.
    pub fn buffered_amount(&mut self, stream_id: u16) -> Option<u32> {
        self.owner.assert();
        self.channels.open.get(&stream_id)?;
        let amount = self.engine.as_mut().and_then(|engine| engine.buffered(stream_id)).unwrap_or(0);
        Some(u32::try_from(amount).unwrap_or(u32::MAX))
    }

    /// Says at which buffered amount [`DataOutput::BufferedAmountLow`] comes. Nothing happens when the stream is not open.
    pub fn set_buffered_amount_low_threshold(&mut self, stream_id: u16, bytes: u32) {
        self.owner.assert();
        if let Some(channel) = self.channels.open.get_mut(&stream_id) {
            channel.low_threshold = bytes;
            if let Some(engine) = &mut self.engine {
                engine.set_low_threshold(stream_id, bytes);
            }
        }
    }

    fn max_message(&self) -> usize {
        limit(self.options.max_send_message_size)
    }
}

fn limit(bytes: u32) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
