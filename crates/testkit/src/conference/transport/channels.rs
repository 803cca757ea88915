//! A transport's data channels: agreed on beforehand, without DCEP.
use super::super::BotError;
use super::super::data::{DataEnd, DataOptions, Promise};
use super::super::report::DataReport;
use super::{BotTransport, Open};
use std::time::{Duration, Instant};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};

/// When SCTP took no message, it is asked again after 5 ms.
const FULL_WAIT: Duration = Duration::from_millis(5);
/// Longest message that is sent. Source: RFC 8841 §6.1, what holds for a peer that names no maximum.
const SENT_BYTES_MAX: usize = 65_536;
/// Messages written in one turn, so that others have theirs.
const MESSAGES_MAX: usize = 64;

impl BotTransport {
    /// Opens a data channel's end. What the server's `produceData` takes is in [`DataOptions::parameters`].
    ///
    /// # Errors
    /// If the server has no SCTP on this transport, or the stream is in use.
    pub fn open_channel(&mut self, options: DataOptions, now: Instant) -> Result<(), BotError> {
        if !self.has_sctp
            || *options.sizes.end() > SENT_BYTES_MAX
            || self.channels.contains_key(&options.stream_id)
        {
            return Err(BotError::Channel(options.stream_id));
        }
        let (ordered, reliability) = match options.promise {
            Promise::Ordered => (true, Reliability::Reliable),
            Promise::Unordered => (false, Reliability::Reliable),
            Promise::LifeTime(lifetime) => (false, Reliability::MaxPacketLifetime { lifetime }),
            Promise::Retransmits(retransmits) => (false, Reliability::MaxRetransmits { retransmits }),
        };
        let stream_id = options.stream_id;
        let id = self.rtc.direct_api().create_data_channel(ChannelConfig {
            label: options.label.clone(),
            ordered,
            reliability,
            negotiated: Some(stream_id),
            protocol: String::new(),
        });
        self.channels.insert(stream_id, Open { id, end: DataEnd::new(options), since: None });
        self.wake = now;
        Ok(())
    }

    /// Sends so many more messages on a channel.
    pub fn send_more(&mut self, stream_id: u16, messages: u32, now: Instant) {
        if let Some(open) = self.channels.get_mut(&stream_id) {
            open.end.send_more(messages);
            self.wake = now;
        }
    }

    /// Closes a data channel.
    pub fn close_channel(&mut self, stream_id: u16) -> Option<DataReport> {
        let open = self.channels.remove(&stream_id)?;
        self.rtc.direct_api().close_data_channel(open.id);
        Some(open.end.report())
    }

    /// What a data channel's end did until now.
    pub fn channel_report(&self, stream_id: u16) -> Option<DataReport> {
        self.channels.get(&stream_id).map(|open| open.end.report())
    }

    pub(super) fn handle_channel_open(&mut self, id: ChannelId, now: Instant) {
        if let Some(open) = self.channels.values_mut().find(|open| open.id == id) {
            open.since = Some(now);
            self.wake = now;
        }
    }

    pub(super) fn handle_message(&mut self, id: ChannelId, bytes: &[u8]) {
        if let Some(open) = self.channels.values_mut().find(|open| open.id == id) {
            open.end.handle_message(bytes);
        }
    }

    /// Writes the messages that are due; says whether there were any.
    pub(super) fn write_messages(&mut self, now: Instant) -> bool {
        let mut any = false;
        for open in self.channels.values_mut() {
            let Some(since) = open.since else { continue };
            for _ in 0..MESSAGES_MAX {
                let Some(message) = open.end.due(now.saturating_duration_since(since)) else { break };
                let Some(mut channel) = self.rtc.channel(open.id) else { break };
                let taken = channel.write(true, message).unwrap_or(false);
                open.end.taken(taken);
                any |= taken;
                if !taken {
                    break;
                }
            }
        }
        any
    }

    pub(super) fn message_wake(&self, now: Instant) -> Instant {
        let due = self.channels.values().filter_map(|open| Some(open.since? + open.end.next_at()?));
        // One that is due already was not taken.
        due.map(|at| if at <= now { now + FULL_WAIT } else { at })
            .min()
            .unwrap_or(now + Duration::from_secs(3_600))
    }
}
