//! The handshake: a version byte and two packets each way.
//!
//! Source: RTMP 1.0 §5.2; for the digests see [`digest`](super::digest).
use super::{RtmpError, digest};
use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of C1, C2, S1 and S2.
pub(super) const PACKET: usize = 1536;
/// RTMP's version byte. 6 would be RTMPE.
const VERSION: u8 = 3;
/// What S1 says as its version when the client sent a digest: the Flash Media Server that first had them.
const SERVER_VERSION: [u8; 4] = [4, 5, 0, 1];

/// One side of the handshake.
///
/// Server: `Hello` (C0, C1) → answers → `Echo` (C2) → done. Client: sends → `Hello` (S0, S1) → answers → `Echo` (S2) →
/// done.
#[derive(Debug)]
pub(super) struct Handshake {
    is_server: bool,
    received: BytesMut,
    is_hello_done: bool,
    /// For the bytes that should be random; nothing depends on their secrecy.
    seed: u64,
}

/// What input led to.
pub(super) struct Step {
    /// To send; may be empty.
    pub(super) reply: Bytes,
    /// Done: this many bytes of the input belonged to the handshake.
    pub(super) done: Option<usize>,
}

impl Handshake {
    pub(super) fn server(seed: u64) -> Self {
        Self { is_server: true, received: BytesMut::new(), is_hello_done: false, seed }
    }

    /// Also gives C0 and C1.
    pub(super) fn client(seed: u64) -> (Self, Bytes) {
        let mut handshake = Self { is_server: false, ..Self::server(seed) };
        let mut hello = BytesMut::with_capacity(1 + PACKET);
        hello.put_u8(VERSION);
        hello.put_slice(&handshake.packet([0; 4]));
        (handshake, hello.freeze())
    }

    pub(super) fn handle_input(&mut self, data: &[u8]) -> Result<Step, RtmpError> {
        let before = self.received.len();
        let wanted = if self.is_hello_done { PACKET } else { 1 + PACKET };
        let taken = (wanted - before).min(data.len());
        self.received.extend_from_slice(&data[..taken]);
        if !self.is_hello_done
            && let Some(&first) = self.received.first()
            && first != VERSION
        {
            return Err(RtmpError::Version { first });
        }
        if self.received.len() < wanted {
            return Ok(Step { reply: Bytes::new(), done: None });
        }
        let received = self.received.split();
        if self.is_hello_done {
            // The echo is not compared: several servers and clients send something else.
            return Ok(Step { reply: Bytes::new(), done: Some(taken) });
        }
        self.is_hello_done = true;
        let Some(theirs) = received.last_chunk::<PACKET>() else {
            return Ok(Step { reply: Bytes::new(), done: None });
        };
        let reply = if self.is_server { self.answer(theirs) } else { Bytes::copy_from_slice(theirs) };
        // What follows may complete the second packet at once.
        let next = self.handle_input(&data[taken..])?;
        Ok(Step { reply, done: next.done.map(|done| taken + done) })
    }

    /// S0, S1 and S2.
    fn answer(&mut self, c1: &[u8; PACKET]) -> Bytes {
        let found = if c1[4..8] == [0; 4] { None } else { digest::find(c1) };
        let (mut s1, mut s2) = (self.packet([0; 4]), *c1);
        if let Some(found) = found {
            s1 = self.packet(SERVER_VERSION);
            s2 = self.packet([0; 4]);
            digest::answer(&found, &mut s1, &mut s2);
        }
        let mut out = BytesMut::with_capacity(1 + 2 * PACKET);
        out.put_u8(VERSION);
        out.put_slice(&s1);
        out.put_slice(&s2);
        out.freeze()
    }

    /// Time zero, a version, and bytes that look random (xorshift).
    fn packet(&mut self, version: [u8; 4]) -> [u8; PACKET] {
        let mut packet = [0; PACKET];
        packet[4..8].copy_from_slice(&version);
        for chunk in packet[8..].chunks_mut(8) {
            self.seed |= 1;
            self.seed ^= self.seed << 13;
            self.seed ^= self.seed >> 7;
            self.seed ^= self.seed << 17;
            chunk.copy_from_slice(&self.seed.to_le_bytes()[..chunk.len()]);
        }
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::super::digest::tests::flash_c1;
    use super::*;

    #[test]
    fn client_and_server_understand_each_other_at_any_split() {
        for step in [1, 100, 1536, 1537, 5000] {
            let (mut client, hello) = Handshake::client(7);
            let mut server = Handshake::server(9);
            let mut to_client = Vec::new();
            for part in hello.chunks(step) {
                let result = server.handle_input(part).unwrap();
                assert!(result.done.is_none());
                to_client.extend_from_slice(&result.reply);
            }
            assert_eq!(to_client.len(), 1 + 2 * PACKET);
            to_client.extend_from_slice(b"rest");
            let (mut to_server, mut used) = (Vec::new(), None);
            for (index, part) in to_client.chunks(step).enumerate() {
                let result = client.handle_input(part).unwrap();
                to_server.extend_from_slice(&result.reply);
                if let Some(done) = result.done {
                    used = Some(index * step + done);
                    break;
                }
            }
            assert_eq!(used, Some(1 + 2 * PACKET), "{step}");
            assert_eq!(to_server.len(), PACKET);
            assert_eq!(server.handle_input(&to_server).unwrap().done, Some(PACKET));
        }
    }

    #[test]
    fn a_client_with_a_digest_gets_one() {
        let mut server = Handshake::server(9);
        let mut hello = vec![3];
        hello.extend_from_slice(&flash_c1(8));
        let reply = server.handle_input(&hello).unwrap().reply;
        assert_eq!(reply[5..9], SERVER_VERSION);
        assert_ne!(reply[1 + PACKET..], hello[1..]);
    }

    #[test]
    fn http_and_tls_are_told_apart_at_the_first_byte() {
        for first in [b'G', 0x16, 6] {
            let result = Handshake::server(1).handle_input(&[first]);
            assert_eq!(result.err(), Some(RtmpError::Version { first }));
        }
    }
}
