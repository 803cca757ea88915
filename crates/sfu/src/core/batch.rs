//! Datagrams to one address, collected into as few sends as possible.
//!
//! A frame is some ten packets of one length: with segmentation offload (GSO) one send carries them all, and costs a
//! fifth of as many single sends.
use super::keys::PortKey;
use crate::ice::Tuple;

/// Most datagrams in one send: 64, what Linux takes.
const SEGMENTS_MAX: usize = 64;
/// Most bytes in one send: what fits an IP datagram with its headers.
const BYTES_MAX: usize = 65_000;

/// From where to where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Route {
    pub(crate) port: PortKey,
    /// Its local address is what the peer knows; where a socket listens on all addresses, its answers come from there.
    pub(crate) tuple: Tuple,
}

/// Takes what is to be sent.
pub(crate) trait Sink {
    /// `bytes` are datagrams of `segment` bytes each; the last may be shorter. Never waits: what the kernel does not
    /// take is lost, as on the way, and asked for again.
    fn send(&mut self, route: &Route, segment: usize, bytes: &[u8]);
}

/// The datagrams for one route. Its buffer is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// Where the datagram that is being written begins.
    open_at: usize,
    segment: usize,
    count: usize,
    /// A shorter one ended the run.
    closed: bool,
}

impl Batch {
    /// Begins a datagram: write to `bytes` behind the returned place, then [`Batch::finish`].
    pub(crate) fn begin(&mut self) -> usize {
        self.open_at = self.bytes.len();
        self.open_at
    }

    /// Forgets the datagram that was begun.
    pub(crate) fn cancel(&mut self) {
        self.bytes.truncate(self.open_at);
    }

    /// Ends the datagram that was begun; sends what was collected before when it does not fit to it.
    pub(crate) fn finish(&mut self, route: &Route, sink: &mut dyn Sink) {
        let length = self.bytes.len() - self.open_at;
        let fits = self.count == 0
            || !self.closed
                && length <= self.segment
                && self.count < SEGMENTS_MAX
                && self.bytes.len() <= BYTES_MAX;
        if !fits {
            sink.send(route, self.segment, &self.bytes[..self.open_at]);
            self.bytes.drain(..self.open_at);
            self.count = 0;
        }
        if self.count == 0 {
            self.segment = length;
            self.closed = false;
        } else {
            self.closed = length < self.segment;
        }
        self.count += 1;
    }

    /// Sends what was collected.
    pub(crate) fn flush(&mut self, route: &Route, sink: &mut dyn Sink) {
        if self.count > 0 {
            sink.send(route, self.segment, &self.bytes);
        }
        self.clear();
    }

    /// Forgets what was collected.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Sent(Vec<Vec<usize>>);

    impl Sink for Sent {
        fn send(&mut self, _: &Route, segment: usize, bytes: &[u8]) {
            self.0.push(bytes.chunks(segment).map(<[u8]>::len).collect());
        }
    }

    #[test]
    fn equal_lengths_go_together_and_a_shorter_one_ends_a_send() {
        let route = Route {
            port: PortKey::default(),
            tuple: Tuple {
                protocol: crate::ice::Protocol::Udp,
                local: "127.0.0.1:1".parse().unwrap(),
                remote: "127.0.0.1:2".parse().unwrap(),
            },
        };
        let (mut batch, mut sent) = (Batch::default(), Sent::default());
        for length in [1200, 1200, 300, 300, 900, 40] {
            batch.begin();
            batch.bytes.resize(batch.bytes.len() + length, 0);
            batch.finish(&route, &mut sent);
        }
        batch.begin();
        batch.bytes.extend_from_slice(&[1; 7]);
        batch.cancel();
        batch.flush(&route, &mut sent);
        assert_eq!(sent.0, [vec![1200, 1200, 300], vec![300], vec![900, 40]]);
        assert!(batch.bytes.is_empty());
    }
}
