//! One connection to the intercom after the other: requests, and the sound behind one of them.
use super::answer::Answer;
use super::call::Verdict;
use super::request::{Input, Request};
use super::{Fault, Length, Logged, Shared, SoundIn};
use protocols::isapi::client::Ask;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

pub(super) async fn serve(listener: std::net::TcpListener, shared: Shared, fault: watch::Receiver<Fault>) {
    let Ok(listener) = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)) else {
        return;
    };
    let shared = Rc::new(shared);
    let mut connections = JoinSet::new();
    // A nonce that is old is old on every connection.
    let done = Rc::new(std::cell::Cell::new(0));
    loop {
        let wait = shared.end_calls(&fault.borrow());
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let (shared, done) = (shared.clone(), done.clone());
                let fault = fault.clone();
                connections.spawn_local(async move {
                    let open = Open::new(&shared);
                    let mut connection = Connection { stream, input: Input::default(), shared: &shared, fault, done };
                    // How a connection ends is for the other side to report.
                    let _ = connection.run().await;
                    drop(open);
                });
            }
            Some(_) = connections.join_next() => {}
            () = sleep(wait) => {}
        }
    }
}

/// Counts a connection for as long as it is there.
struct Open<'a>(&'a Shared);

impl<'a> Open<'a> {
    fn new(shared: &'a Shared) -> Self {
        let mut records = shared.records();
        records.accepted += 1;
        records.connections += 1;
        drop(records);
        Self(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.records().connections -= 1;
    }
}

struct Connection<'a> {
    stream: TcpStream,
    input: Input,
    shared: &'a Shared,
    fault: watch::Receiver<Fault>,
    done: Rc<std::cell::Cell<u32>>,
}

impl Connection<'_> {
    async fn run(&mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        if *self.fault.borrow() == Fault::HangUp {
            return Ok(());
        }
        while let Some(request) = self.input.request(&mut self.stream).await? {
            let fault = self.fault.borrow().clone();
            if !self.handle(&request, &fault).await? {
                break;
            }
        }
        Ok(())
    }

    /// Answers a request; false when the connection is to be closed.
    async fn handle(&mut self, request: &Request, fault: &Fault) -> io::Result<bool> {
        let (at, asked) = (Instant::now(), request.ask());
        let ask = asked.map(|(ask, _)| ask);
        let log = |status| {
            let line = request.line();
            self.shared.records().log.push(Logged { at, line, ask, status });
        };
        if matches!(fault, Fault::Stall(which) if Some(*which) == ask) {
            log(0);
            // Until the other side has had enough.
            while self.input.read(&mut self.stream).await? {}
            return Ok(false);
        }
        if *fault == Fault::Garbage {
            log(0);
            self.stream.write_all(b"SSH-2.0-dropbear_2020.81\r\n\r\n").await?;
            return Ok(false);
        }
        let mut done = self.done.get();
        let refusal = Answer::unauthorized(self.shared, request, fault, &mut done);
        self.done.set(done);
        let (answer, call) = match (refusal, asked) {
            (Some(refusal), _) => (refusal, None),
            (None, None) => {
                (Answer::status(404, &request.line(), 4, "Invalid Operation", "notSupport"), None)
            }
            (None, Some((ask, channel))) => self.decide(ask, channel, &request.line(), fault),
        };
        if matches!(fault, Fault::NoAnswer(which) if Some(*which) == ask) {
            log(0);
            return Ok(false);
        }
        log(answer.status);
        match call {
            None => {
                let length = self.shared.config.length;
                if ask != Some(Ask::Audio) {
                    self.input.skip(&mut self.stream, request.body_bytes).await?;
                }
                answer.write(&mut self.stream, length, fault).await
            }
            Some(call) => {
                let answer = match self.shared.config.sound_in {
                    SoundIn::BehindReply => {
                        // The connection stays, whatever is said about others.
                        let length = match self.shared.config.length {
                            Length::Close => Length::Told,
                            length @ (Length::Told | Length::Chunked | Length::Silence) => length,
                        };
                        answer.write(&mut self.stream, length, fault).await?;
                        None
                    }
                    SoundIn::Body => Some(answer),
                };
                self.listen(call, fault).await?;
                if let Some(answer) = answer {
                    answer.write(&mut self.stream, Length::Told, fault).await?;
                }
                Ok(false)
            }
        }
    }

    /// What comes of a request; the number of the call that it brings sound for.
    fn decide(&self, ask: Ask, channel: usize, line: &str, fault: &Fault) -> (Answer, Option<usize>) {
        if let Fault::Status(which, status) = fault
            && *which == ask
        {
            return (Answer::status(*status, line, 3, "Device Error", "deviceError"), None);
        }
        let numbers = self.shared.config.numbers_calls;
        let exists = channel >= 1 && channel <= self.shared.config.codecs.len();
        let mut records = self.shared.records();
        let verdict = match ask {
            Ask::List => {
                drop(records);
                return (Answer::list(self.shared), None);
            }
            _ if !exists => Verdict::Invalid,
            Ask::Open => records.open(channel, *fault == Fault::Busy),
            Ask::Close | Ask::Free => records.close(),
            Ask::Audio => records.begin_sound(channel),
        };
        let call = match (ask, verdict) {
            (Ask::Audio, Verdict::Done(number)) => Some(number),
            _ => None,
        };
        (Answer::of(verdict, ask, line, numbers), call)
    }

    /// Takes sound until the call is over, by whoever's doing.
    async fn listen(&mut self, call: usize, fault: &Fault) -> io::Result<()> {
        let began = Instant::now();
        if *fault == Fault::HalfClose {
            self.stream.shutdown().await?;
        }
        loop {
            let sound = std::mem::take(&mut self.input.waiting);
            if !self.shared.records().hear(call, &sound) {
                return Ok(());
            }
            if matches!(fault, Fault::Reset(after) if began.elapsed() >= *after) {
                socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?;
                self.shared.records().lost_sound(call);
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            tokio::select! {
                more = self.input.read(&mut self.stream) => if !more.unwrap_or(false) {
                    self.shared.records().lost_sound(call);
                    return Ok(());
                },
                // To see that the call is over.
                () = sleep(Duration::from_millis(5)) => {}
            }
        }
    }
}
