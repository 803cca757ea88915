//! RTMP, both sides, sans-IO: bytes and time in; bytes, events and the next moment out.
//!
//! Sources: Adobe "Real Time Messaging Protocol" 1.0 (2012); Veovera "Enhanced RTMP (V2)"; what ffmpeg, OBS, librtmp
//! and GStreamer send, as in `fixtures/rtmp`. TCP and TLS (rtmps) are the driver's.
//!
//! - [`server::Session`]: a peer publishes or plays.
//! - [`client::Session`]: we play (pull) or publish (push).
//! - [`chunked`]: one message as bytes that all players of a stream share.
//!
//! A connection carries one media stream at a time, as every client in the field has it, and its id is
//! [`MEDIA_STREAM_ID`]: so the bytes of a stream are the same for each player.
pub mod client;
pub mod server;

mod chunk_reader;
mod chunk_writer;
mod command;
mod digest;
mod error;
mod handshake;
mod message;
#[cfg(test)]
mod tests;
mod wire;

pub use chunk_writer::{CHUNK_SIZE, chunked};
pub use error::RtmpError;

use bytes::Bytes;
use formats::flv::TagKind;
use media::Moment;

/// The message stream that a server here gives to every client: 1, what all servers give first.
pub const MEDIA_STREAM_ID: u32 = 1;

/// The next thing the caller does.
#[derive(Clone, PartialEq, Debug)]
pub enum Output<E> {
    /// Send these bytes. They are whole messages, or part of one that the next `Transmit` goes on with.
    Transmit(Bytes),
    /// Something happened.
    Event(E),
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// One audio, video or data message of a stream, for `flv::Demuxer::handle_tag`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Media {
    /// Audio, video or script data.
    pub kind: TagKind,
    /// Milliseconds, wrapping after 49.7 days.
    pub timestamp_ms: u32,
    /// The message's body.
    pub data: Bytes,
}

/// Entry for fuzzing: the bytes reach a server session, in pieces of changing size, as if from a client.
#[doc(hidden)]
pub fn fuzz_server(data: &[u8]) {
    let mut now = Moment::from_millis(1);
    let mut session = server::Session::new(server::Config::default(), now);
    let mut rest = data;
    let mut step = 1;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(step.min(rest.len()));
        rest = later;
        step = (step * 7 + 3) % 1999 + 1;
        now += std::time::Duration::from_millis(5);
        session.handle_input(piece, now);
        loop {
            match session.poll_output(now) {
                Ok(Output::Event(server::Event::Publish(_))) => session.accept_publish(now),
                Ok(Output::Event(server::Event::Play(_))) => session.accept_play(now),
                Ok(Output::Transmit(_) | Output::Event(_)) => {}
                Ok(Output::WaitUntil(_)) => break,
                Err(_) => return,
            }
        }
    }
}

/// Entry for fuzzing: the first byte chooses between play and publish, the others reach a client session.
#[doc(hidden)]
pub fn fuzz_client(data: &[u8]) {
    let Some((first, mut rest)) = data.split_first() else { return };
    let role = if first & 1 == 0 { client::Role::Play } else { client::Role::Publish };
    let target = client::Target { tc_url: "rtmp://h/a".into(), app: "a".into(), stream: "s".into() };
    let mut now = Moment::from_millis(1);
    let mut session = client::Session::new(client::Config::new(target, role), now);
    let mut step = 1;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(step.min(rest.len()));
        rest = later;
        step = (step * 7 + 3) % 1999 + 1;
        now += std::time::Duration::from_millis(5);
        session.handle_input(piece, now);
        loop {
            match session.poll_output(now) {
                Ok(Output::Transmit(_) | Output::Event(_)) => {}
                Ok(Output::WaitUntil(_)) => break,
                Err(_) => return,
            }
        }
    }
}
