//! A controller of ours: what its owner does, with sockets.
use crate::{CODE, ID};
use protocols::hap::accessory::client::read_answers;
use protocols::hap::controller::{Controller, Output as ControllerOutput};
use protocols::hap::data_stream::DataStreamKeys;
use protocols::hap::http::{Request, Response};
use protocols::hap::pairing::{AccessoryPairing, Identity, SetupCode};
use protocols::hap::random::SystemRandom;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A controller of ours on a connection, which waits for what it wants.
pub(crate) struct Caller {
    controller: Controller,
    stream: TcpStream,
    events: usize,
}

impl Caller {
    fn new(controller: Controller, port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { controller, stream, events: 0 }
    }

    pub(crate) fn pair(port: u16, identity: &Identity) -> AccessoryPairing {
        let code = SetupCode::new(CODE).unwrap();
        let controller =
            Controller::pair("127.0.0.1", code, identity.clone(), Some(ID.to_lowercase())).unwrap();
        match Self::new(controller, port).wait() {
            ControllerOutput::Paired(pairing) => pairing,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn verify(port: u16, identity: &Identity, pairing: AccessoryPairing) -> Self {
        let controller =
            Controller::verify("127.0.0.1", identity.clone(), pairing, &mut SystemRandom).unwrap();
        let mut caller = Self::new(controller, port);
        assert_eq!(caller.wait(), ControllerOutput::Ready);
        caller
    }

    /// The next output that is not bytes; events are counted.
    fn wait(&mut self) -> ControllerOutput {
        loop {
            if let Some(output) = self.drain() {
                return output;
            }
            self.read();
        }
    }

    /// Waits until so many events have come.
    pub(crate) fn wait_for_events(&mut self, count: usize) {
        while self.events < count {
            self.read();
            assert_eq!(self.drain(), None);
        }
    }

    fn drain(&mut self) -> Option<ControllerOutput> {
        while let Some(output) = self.controller.poll_output() {
            match output {
                ControllerOutput::Send(bytes) => self.stream.write_all(&bytes).unwrap(),
                ControllerOutput::Event(event) => {
                    assert_eq!(read_answers(&event).unwrap().len(), 1);
                    self.events += 1;
                }
                other => return Some(other),
            }
        }
        None
    }

    fn read(&mut self) {
        let mut buffer = vec![0; 16 << 10];
        let length = self.stream.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "the accessory hangs up");
        self.controller.handle_input(&buffer[..length], &mut SystemRandom).unwrap();
    }

    /// The keys of a data stream that was set up here.
    pub(crate) fn data_stream_keys(&self, ours: &[u8; 32], theirs: &[u8; 32]) -> DataStreamKeys {
        self.controller.data_stream_keys(ours, theirs).unwrap()
    }

    pub(crate) fn ask(&mut self, request: Request) -> Response {
        self.controller.request(request).unwrap();
        match self.wait() {
            ControllerOutput::Response(response) => response,
            other => panic!("{other:?}"),
        }
    }
}
