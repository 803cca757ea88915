//! A worker's sockets: UDP read in batches and written with segmentation, TCP connections behind lengths.
//!
//! Each socket has a task that reads it; what it reads goes to the worker in batches, and a worker that is behind
//! leaves it to the kernel's buffers.
use super::tcp::Listening;
use super::udp::UdpPort;
use crate::core::{Core, Datagram, PortKey, Route, Sink};
use crate::ice::{Protocol, Tuple};
use crate::listen::Bound;
use bytes::Bytes;
use slotmap::SecondaryMap;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Batches of datagrams that wait for the worker: 64 of up to a hundred datagrams.
pub(super) const BATCHES_MAX: usize = 64;

/// What sockets bring.
#[derive(Debug)]
pub(crate) enum Input {
    /// Datagrams of one socket.
    Datagrams(Vec<Datagram>),
    /// A TCP connection was accepted; frames for it go into the queue.
    Connected(PortKey, SocketAddr, mpsc::Sender<Bytes>),
    /// It has ended.
    Disconnected(PortKey, Tuple),
}

/// All sockets of one worker.
pub(crate) struct Net {
    inputs: mpsc::Sender<Input>,
    udp: SecondaryMap<PortKey, Rc<UdpPort>>,
    tcp: HashMap<PortKey, Listening>,
    tasks: HashMap<PortKey, AbortHandle>,
    connections: HashMap<(PortKey, SocketAddr), mpsc::Sender<Bytes>>,
    /// Datagrams that the kernel or a connection did not take.
    pub(crate) dropped: u64,
}

impl Drop for Net {
    fn drop(&mut self) {
        self.tasks.values().for_each(AbortHandle::abort);
    }
}

impl Net {
    pub(super) fn new() -> (Self, mpsc::Receiver<Input>) {
        let (inputs, receiver) = mpsc::channel(BATCHES_MAX);
        let net = Self {
            inputs,
            udp: SecondaryMap::new(),
            tcp: HashMap::new(),
            tasks: HashMap::new(),
            connections: HashMap::new(),
            dropped: 0,
        };
        (net, receiver)
    }

    /// Reads and writes a socket from now on, under this key.
    pub(crate) fn add(&mut self, key: PortKey, bound: Bound) -> io::Result<()> {
        let task = match bound {
            Bound::Udp(socket, _) => {
                let port = Rc::new(UdpPort::new(socket)?);
                self.udp.insert(key, port.clone());
                tokio::task::spawn_local(super::udp::read(key, port, self.inputs.clone()))
            }
            Bound::Tcp(listener, _) => {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let listener = Rc::new(RefCell::new(Some(listener)));
                self.tcp.insert(key, listener.clone());
                tokio::task::spawn_local(super::tcp::accept(key, listener, self.inputs.clone()))
            }
        };
        self.tasks.insert(key, task.abort_handle());
        Ok(())
    }

    /// Closes the sockets that are nobody's any more, after the last words; their ports are free when this returns.
    pub(crate) fn close_unused(&mut self, core: &mut Core) {
        core.say_farewells(self);
        self.tasks.retain(|key, task| {
            let used = core.has_port(*key);
            if !used {
                task.abort();
            }
            used
        });
        self.udp.retain(|key, port| {
            let used = core.has_port(key);
            if !used {
                port.close();
            }
            used
        });
        self.tcp.retain(|key, listener| {
            let used = core.has_port(*key);
            if !used {
                listener.take();
            }
            used
        });
        self.connections.retain(|(key, _), _| core.has_port(*key));
    }

    pub(super) fn connected(&mut self, key: PortKey, remote: SocketAddr, frames: mpsc::Sender<Bytes>) {
        self.connections.insert((key, remote), frames);
    }

    pub(super) fn disconnected(&mut self, key: PortKey, remote: SocketAddr) {
        self.connections.remove(&(key, remote));
    }
}

impl Sink for Net {
    fn send(&mut self, route: &Route, segment: usize, bytes: &[u8]) {
        match route.tuple.protocol {
            Protocol::Udp => {
                if let Some(port) = self.udp.get(route.port) {
                    self.dropped += port.send(route, segment, bytes);
                }
            }
            Protocol::Tcp => {
                let Some(connection) = self.connections.get(&(route.port, route.tuple.remote)) else {
                    return;
                };
                let mut frames = Vec::with_capacity(bytes.len() + 2 * bytes.len().div_ceil(segment.max(1)));
                for datagram in bytes.chunks(segment.max(1)) {
                    formats::rtp::framing::push_frame(&mut frames, datagram);
                }
                self.dropped += u64::from(connection.try_send(frames.into()).is_err());
            }
        }
    }
}
