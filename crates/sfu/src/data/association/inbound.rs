//! What comes from the peer: packets, what they cause inside, and whole messages.
use super::channels::Opened;
use super::{Association, DataOutput, Role};
use crate::data::dcep::Dcep;
use crate::data::engine::{Engine, Happening};
use crate::data::guard::{self, Passed};
use crate::data::options::{LINGER, STRANGERS_MAX};
use crate::data::parameters::SctpState;
use crate::data::payload::{Payload, ppid};
use bytes::Bytes;
use media::Moment;

impl Association {
    /// Takes one SCTP packet of the peer, out of DTLS or as it came.
    pub fn handle_packet(&mut self, packet: Bytes, now: Moment) {
        self.owner.assert();
        self.stats.packets_received += 1;
        let acknowledged = self.engine.as_ref().and_then(Engine::acknowledged);
        let for_restarted = self.restarted.is_some() && is_for(&packet, self.restarted.as_ref());
        let acknowledged = if for_restarted { None } else { acknowledged };
        match guard::inspect(packet, acknowledged) {
            Ok(passed) => self.handle_passed(passed, for_restarted, now),
            Err(_) => self.stats.packets_dropped += 1,
        }
        self.take_happenings(now);
    }

    fn handle_passed(&mut self, passed: Passed, for_restarted: bool, now: Moment) {
        if let Some(tag) = passed.init {
            return self.handle_init(tag, passed, now);
        }
        let engine = if for_restarted { &mut self.restarted } else { &mut self.engine };
        let Some(engine) = engine else {
            self.stats.packets_dropped += 1;
            return;
        };
        self.channels.peer_ends |= passed.ends;
        engine.handle_packet(passed, now);
    }

    /// An INIT is the first packet, one of the same again, one that crossed ours, or a peer that restarted
    /// (RFC 9260 §5.2). The crate below takes only the first.
    fn handle_init(&mut self, tag: u32, passed: Passed, now: Moment) {
        let Some(engine) = &mut self.engine else {
            self.stats.packets_dropped += 1;
            return;
        };
        let known = engine.to_peer().map(|peer| peer.tag);
        match (self.state, known) {
            (SctpState::Connecting, None) if self.role == Role::Server => engine.handle_packet(passed, now),
            // Its answer may have been lost.
            (SctpState::Connecting, Some(known)) if known == tag && self.role == Role::Server => {
                engine.handle_packet(passed, now);
            }
            // Crossed ours, which the peer will answer.
            (SctpState::Connecting, _) if self.role == Role::Client => {}
            (_, Some(known)) if known == tag => {}
            _ => {
                let mut restarted = match self.restarted.take() {
                    // The same INIT again: its answer may have been lost.
                    Some(same) if same.to_peer().is_some_and(|peer| peer.tag == tag) => same,
                    Some(_) | None => Engine::server(&self.options, self.epoch),
                };
                restarted.handle_packet(passed, now);
                self.restarted = Some(restarted);
            }
        }
    }

    /// Turns what happened inside into states and events.
    pub(super) fn take_happenings(&mut self, now: Moment) {
        self.take_over_restarted(now);
        while let Some(happening) = self.engine.as_mut().and_then(Engine::poll_happening) {
            match happening {
                Happening::Connected => self.connected(),
                Happening::NoAnswer => self.end(SctpState::Failed),
                Happening::Lost => self.lost(now),
                Happening::Stranger(id) => self.meet_stranger(id),
                Happening::Readable(id) => self.channels.set_readable(id),
                Happening::PeerReset(id) => self.peer_closed(id),
                Happening::Low(id) => self.buffered_amount_low(id),
            }
        }
    }

    fn take_over_restarted(&mut self, _now: Moment) {
        while let Some(happening) = self.restarted.as_mut().and_then(Engine::poll_happening) {
            match happening {
                Happening::Connected => {
                    self.engine = self.restarted.take();
                    self.stats.restarts += 1;
                    self.linger_until = None;
                    self.set_state(SctpState::Connecting);
                    for stream_id in self.channels.restart() {
                        self.outbox.push_back(DataOutput::Closed { stream_id });
                    }
                    self.connected();
                    return;
                }
                Happening::NoAnswer | Happening::Lost => self.restarted = None,
                Happening::Stranger(_)
                | Happening::Readable(_)
                | Happening::PeerReset(_)
                | Happening::Low(_) => {}
            }
        }
    }

    fn connected(&mut self) {
        self.set_state(SctpState::Connected);
        for stream_id in self.channels.ids() {
            self.open_in_engine(stream_id);
        }
    }

    /// The crate ends an association silently; unless the peer did it, the peer is told.
    fn lost(&mut self, now: Moment) {
        let Some(engine) = &mut self.engine else { return };
        let told = engine.poll_packet(now);
        let peer = engine.to_peer().filter(|_| !self.channels.peer_ends);
        self.farewell = told.or_else(|| peer.map(|peer| peer.abort()));
        let state = if self.state == SctpState::Connected { SctpState::Closed } else { SctpState::Failed };
        // Closed already, in order.
        let state = if self.is_over() { self.state } else { state };
        self.end(state);
    }

    /// After the peer's SHUTDOWN and its last message: says so, and answers for a while. True when it did just now.
    pub(super) fn end_in_order(&mut self, now: Moment) -> bool {
        if self.linger_until.is_some_and(|until| until <= now) {
            self.end(SctpState::Closed);
            return false;
        }
        let closing = self.engine.as_ref().is_some_and(Engine::is_closing);
        if !closing || self.linger_until.is_some() {
            return false;
        }
        self.linger_until = Some(now + LINGER);
        self.set_state(SctpState::Closed);
        true
    }

    fn meet_stranger(&mut self, stream_id: u16) {
        if self.channels.knows(stream_id) {
            return;
        }
        if self.channels.strangers() >= STRANGERS_MAX {
            if let Some(engine) = &mut self.engine {
                engine.reset(stream_id);
            }
            return;
        }
        self.channels.add_stranger(stream_id);
    }

    fn peer_closed(&mut self, stream_id: u16) {
        if self.channels.remove(stream_id) {
            self.outbox.push_back(DataOutput::Closed { stream_id });
        }
    }

    fn buffered_amount_low(&mut self, stream_id: u16) {
        if self.channels.note_low(stream_id) {
            let amount = self.buffered_amount(stream_id).unwrap_or(0);
            self.outbox.push_back(DataOutput::BufferedAmountLow { stream_id, amount });
        }
    }

    /// The next message, of each stream in turn. `None` when there is none, or when something else came to be told first.
    pub(super) fn read_message(&mut self) -> Option<DataOutput> {
        while let Some(stream_id) = self.channels.next_readable() {
            let Some((identifier, bytes)) = self.engine.as_mut().and_then(|engine| engine.read(stream_id))
            else {
                self.channels.set_empty(stream_id);
                continue;
            };
            if identifier == ppid::DCEP {
                self.handle_dcep(stream_id, &bytes);
            } else if let Some(payload) = Payload::from_wire(identifier, bytes) {
                self.stats.messages_received += 1;
                self.stats.bytes_received += payload.len() as u64;
                return Some(DataOutput::Message { stream_id, payload });
            } else {
                self.stats.messages_dropped += 1;
            }
            if !self.outbox.is_empty() {
                return self.outbox.pop_front();
            }
        }
        None
    }

    fn handle_dcep(&mut self, stream_id: u16, bytes: &[u8]) {
        let threshold = self.options.default_stream_buffered_amount_low_threshold;
        match Dcep::read(stream_id, bytes) {
            Ok(Dcep::Ack) => {
                if let Some(parameters) = self.channels.acknowledged(stream_id)
                    && let Some(engine) = &mut self.engine
                {
                    engine.set_reliability(&parameters);
                }
            }
            Ok(Dcep::Open { parameters, label, protocol }) => {
                match self.channels.opened_by_peer(parameters, threshold) {
                    Opened::New => {
                        self.open_in_engine(stream_id);
                        let ack = Dcep::Ack.write().unwrap_or_default();
                        if let Some(engine) = &mut self.engine {
                            engine.write(stream_id, ppid::DCEP, ack);
                        }
                        self.outbox.push_back(DataOutput::Opened { stream_id, label, protocol, parameters });
                    }
                    // RFC 8832 §6: whoever opens what is open already breaks the protocol, and loses the channel.
                    Opened::InUse => self.break_channel(stream_id),
                }
            }
            Err(_) => self.break_channel(stream_id),
        }
    }

    fn break_channel(&mut self, stream_id: u16) {
        self.stats.messages_dropped += 1;
        if let Some(engine) = &mut self.engine {
            engine.reset(stream_id);
        }
        self.peer_closed(stream_id);
    }
}

/// Whether the packet carries the tag of `engine`.
fn is_for(packet: &[u8], engine: Option<&Engine>) -> bool {
    let tag = crate::data::packet::Header::read(packet).map(|header| header.tag);
    tag.is_some() && tag == engine.and_then(Engine::local_tag)
}
