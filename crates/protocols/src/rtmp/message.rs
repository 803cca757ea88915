//! Numbers of messages and user control events.
//!
//! Source: RTMP 1.0 §5.4, §6.1, §7.1.
use bytes::Bytes;

/// Message types.
pub(super) mod kind {
    pub(in super::super) const SET_CHUNK_SIZE: u8 = 1;
    pub(in super::super) const ABORT: u8 = 2;
    pub(in super::super) const ACKNOWLEDGEMENT: u8 = 3;
    pub(in super::super) const USER_CONTROL: u8 = 4;
    pub(in super::super) const WINDOW_ACK_SIZE: u8 = 5;
    pub(in super::super) const SET_PEER_BANDWIDTH: u8 = 6;
    pub(in super::super) const AUDIO: u8 = 8;
    pub(in super::super) const VIDEO: u8 = 9;
    pub(in super::super) const DATA_AMF3: u8 = 15;
    pub(in super::super) const COMMAND_AMF3: u8 = 17;
    pub(in super::super) const DATA_AMF0: u8 = 18;
    pub(in super::super) const COMMAND_AMF0: u8 = 20;
    pub(in super::super) const AGGREGATE: u8 = 22;
}

/// User control events.
pub(super) mod event {
    pub(in super::super) const STREAM_BEGIN: u16 = 0;
    pub(in super::super) const STREAM_EOF: u16 = 1;
    pub(in super::super) const SET_BUFFER_LENGTH: u16 = 3;
    pub(in super::super) const PING_REQUEST: u16 = 6;
    pub(in super::super) const PING_RESPONSE: u16 = 7;
}

/// One whole message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) timestamp_ms: u32,
    pub(super) data: Bytes,
}
