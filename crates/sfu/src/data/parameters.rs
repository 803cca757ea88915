//! SCTP's parameters as JSON: what an application, a router and `mediasoup-client` send each other.
//!
//! Source: names, fields and JSON of the crate `mediasoup-types` (a test compares both). What mediasoup's documentation
//! lets a peer leave out takes its default here.
use super::options::{AssociationOptions, PORT};
use serde::{Deserialize, Serialize};

/// What a transport says about its association, so that the peer can make the other end.
#[derive(Debug, Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SctpParameters {
    /// Always 5000.
    pub port: u16,
    /// Largest message that this side sends, in bytes.
    pub max_send_message_size: u32,
    /// Largest message that this side takes, in bytes.
    pub max_receive_message_size: u32,
    /// Bytes this side buffers for sending.
    pub send_buffer_size: u32,
    /// The same for each stream.
    pub per_stream_send_queue_limit: u32,
    /// The window this side announces.
    pub max_receiver_window_buffer_size: u32,
    /// Whether the streams carry WebRTC data channels.
    pub is_data_channel: bool,
    /// Streams towards the peer; 65535, kept for older clients.
    #[serde(rename = "OS")]
    pub os: u16,
    /// Streams from the peer; 65535, kept for older clients.
    #[serde(rename = "MIS")]
    pub mis: u16,
    /// What `maxReceiveMessageSize` was called before, kept for older clients.
    pub max_message_size: u32,
}

impl SctpParameters {
    /// The parameters of an association with these options.
    pub fn new(options: &AssociationOptions, is_data_channel: bool) -> Self {
        Self {
            port: PORT,
            max_send_message_size: options.max_send_message_size,
            max_receive_message_size: options.max_receive_message_size,
            send_buffer_size: options.send_buffer_size,
            per_stream_send_queue_limit: options.per_stream_send_queue_limit,
            max_receiver_window_buffer_size: options.max_receiver_window_buffer_size,
            is_data_channel,
            os: u16::MAX,
            mis: u16::MAX,
            max_message_size: options.max_receive_message_size,
        }
    }
}

/// Numbers of streams, in the shape that older mediasoup clients send. Nothing depends on them any more.
#[derive(Debug, Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub struct NumSctpStreams {
    /// Streams towards the peer.
    #[serde(rename = "OS")]
    pub os: u16,
    /// Most streams from the peer.
    #[serde(rename = "MIS")]
    pub mis: u16,
}

impl Default for NumSctpStreams {
    fn default() -> Self {
        Self { os: 1_024, mis: 1_024 }
    }
}

/// How a stream's messages travel.
#[derive(Debug, Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", from = "AsSent")]
pub struct SctpStreamParameters {
    /// 0 to 65534.
    pub stream_id: u16,
    /// In order, and then reliably.
    pub ordered: bool,
    /// Milliseconds after which an unordered message is given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_packet_life_time: Option<u16>,
    /// Retransmissions after which an unordered message is given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retransmits: Option<u16>,
}

/// [`SctpStreamParameters`] with what may be left out: no `ordered` means ordered, unless a limit is given.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AsSent {
    stream_id: u16,
    #[serde(default)]
    ordered: Option<bool>,
    #[serde(default)]
    max_packet_life_time: Option<u16>,
    #[serde(default)]
    max_retransmits: Option<u16>,
}

impl From<AsSent> for SctpStreamParameters {
    fn from(sent: AsSent) -> Self {
        let AsSent { stream_id, ordered, max_packet_life_time, max_retransmits } = sent;
        let limited = max_packet_life_time.is_some() || max_retransmits.is_some();
        Self { stream_id, ordered: ordered.unwrap_or(!limited), max_packet_life_time, max_retransmits }
    }
}

/// Why stream parameters are of no use. The caller's fault.
#[derive(Debug, Copy, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SctpStreamParametersError {
    /// Number 65535 is reserved (RFC 8831 §6.1).
    #[error("stream id 65535 is reserved")]
    ReservedStreamId,
    /// An ordered stream is reliable in mediasoup's model.
    #[error("an ordered stream cannot have maxPacketLifeTime or maxRetransmits")]
    OrderedAndLimited,
    /// One limit at most.
    #[error("cannot provide both maxPacketLifeTime and maxRetransmits")]
    BothLimits,
}

impl SctpStreamParameters {
    /// Reliable and in order.
    pub const fn new_ordered(stream_id: u16) -> Self {
        Self { stream_id, ordered: true, max_packet_life_time: None, max_retransmits: None }
    }

    /// Reliable, in no order.
    pub const fn new_unordered(stream_id: u16) -> Self {
        Self { stream_id, ordered: false, max_packet_life_time: None, max_retransmits: None }
    }

    /// In no order, given up after so many milliseconds.
    pub const fn new_unordered_with_life_time(stream_id: u16, max_packet_life_time: u16) -> Self {
        Self {
            stream_id,
            ordered: false,
            max_packet_life_time: Some(max_packet_life_time),
            max_retransmits: None,
        }
    }

    /// In no order, given up after so many retransmissions.
    pub const fn new_unordered_with_retransmits(stream_id: u16, max_retransmits: u16) -> Self {
        Self { stream_id, ordered: false, max_packet_life_time: None, max_retransmits: Some(max_retransmits) }
    }

    /// mediasoup's rules.
    pub fn validate(&self) -> Result<(), SctpStreamParametersError> {
        let limits = (self.max_packet_life_time, self.max_retransmits);
        match limits {
            _ if self.stream_id == u16::MAX => Err(SctpStreamParametersError::ReservedStreamId),
            (Some(_), Some(_)) => Err(SctpStreamParametersError::BothLimits),
            (Some(_), None) | (None, Some(_)) if self.ordered => {
                Err(SctpStreamParametersError::OrderedAndLimited)
            }
            (Some(_), None) | (None, Some(_)) | (None, None) => Ok(()),
        }
    }
}

/// `New` → `Connecting` when started → `Connected`, or `Failed` when nobody answers; both of these → `Closed`.
/// `Failed` and `Closed` are final.
#[derive(Debug, Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SctpState {
    /// Not started.
    New,
    /// Started; the peers do not know each other yet. Also for the moment in which a peer that restarted is taken over.
    Connecting,
    /// Messages flow.
    Connected,
    /// The peer did not answer, or refused.
    Failed,
    /// Ended by either side, or by an error after it was connected.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use mediasoup_types::sctp_parameters as theirs;
    use serde_json::{from_value, json, to_value};

    #[test]
    fn parameters_are_the_json_of_mediasoup_types() {
        let ours = SctpParameters::new(&AssociationOptions::new(), true);
        let value = to_value(ours).unwrap();
        let read: theirs::SctpParameters = from_value(value.clone()).unwrap();
        assert_eq!(to_value(read).unwrap(), value);
        for stream in [
            SctpStreamParameters::new_ordered(1),
            SctpStreamParameters::new_unordered_with_life_time(2, 50),
            SctpStreamParameters::new_unordered_with_retransmits(65_534, 0),
        ] {
            let value = to_value(stream).unwrap();
            let read: theirs::SctpStreamParameters = from_value(value.clone()).unwrap();
            assert_eq!(to_value(read).unwrap(), value);
            assert_eq!(from_value::<SctpStreamParameters>(value).unwrap(), stream);
        }
        let streams: NumSctpStreams = from_value(json!({ "OS": 1024, "MIS": 65535 })).unwrap();
        assert_eq!((streams.os, streams.mis), (1_024, 65_535));
    }

    #[test]
    fn what_is_left_out_is_ordered_unless_a_limit_is_given() {
        let read = |value| from_value::<SctpStreamParameters>(value).unwrap();
        assert_eq!(read(json!({ "streamId": 7 })), SctpStreamParameters::new_ordered(7));
        let limited = read(json!({ "streamId": 7, "maxRetransmits": 3 }));
        assert_eq!(limited, SctpStreamParameters::new_unordered_with_retransmits(7, 3));
        assert_eq!(limited.validate(), Ok(()));
    }

    #[test]
    fn ordered_excludes_both_limits_and_there_is_one_limit_at_most() {
        let valid = |ordered, life, again| {
            SctpStreamParameters { stream_id: 1, ordered, max_packet_life_time: life, max_retransmits: again }
                .validate()
        };
        assert_eq!(valid(true, None, None), Ok(()));
        assert_eq!(valid(false, None, None), Ok(()));
        assert_eq!(valid(false, Some(0), None), Ok(()));
        assert_eq!(valid(false, None, Some(0)), Ok(()));
        assert_eq!(valid(true, Some(1), None), Err(SctpStreamParametersError::OrderedAndLimited));
        assert_eq!(valid(true, None, Some(1)), Err(SctpStreamParametersError::OrderedAndLimited));
        assert_eq!(valid(false, Some(1), Some(1)), Err(SctpStreamParametersError::BothLimits));
        let reserved = SctpStreamParameters::new_ordered(u16::MAX);
        assert_eq!(reserved.validate(), Err(SctpStreamParametersError::ReservedStreamId));
    }
}
