//! One call to a camera: dial, dialogue, sound, until either side ends it. Another connection, where the camera wants
//! one (a redirect, a hang-up in place of an answer), belongs to the same call.
use crate::ingest::ports::{DATAGRAM_BYTES_MAX, Port, PortPair};
use crate::net::accept::Stream;
use crate::net::outbox::Outbox;
use crate::outputs::call::{Device, Word};
use crate::outputs::sound::Sound;
use crate::sources::dial::dial;
use crate::sources::rtsp::{CONNECTIONS_MAX, security, source_error};
use bytes::{Bytes, BytesMut};
use formats::sdp::Payload;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::SourceError;
use media::{Codec, Fault, Moment, TrackId};
use protocols::rtsp::client::{Carrier, Client, Config, Error, Event, Output};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is read in one go: 16 KiB. Answers are shorter; a camera that plays beside it sends more.
const READ_BYTES: usize = 16 << 10;
/// Most that waits for a camera that takes nothing: 16 KiB, two seconds of G.711 behind what the system holds. Who hears
/// sound that late does not want it.
const WAITING_BYTES_MAX: usize = 16 << 10;

type Dialled = Result<(Stream, SocketAddr, SocketAddr), SourceError>;

/// `Dialling` → `Up` → `Dialling` again for a successor, or `Gone`.
enum Line {
    Dialling(LocalBoxFuture<'static, Dialled>),
    Up {
        stream: Stream,
        local: SocketAddr,
        camera: SocketAddr,
        /// The camera has closed its half, or the connection broke.
        eof: bool,
    },
    Gone,
}

/// The ports of one track, where it goes over UDP.
struct Lane {
    pair: PortPair,
    from: Vec<IpAddr>,
    /// The camera's ports.
    to: Option<(SocketAddr, SocketAddr)>,
}

/// The end that we began.
struct Goodbye {
    began: Moment,
    /// TEARDOWN was sent: there was a session.
    asked: bool,
}

/// One call.
pub(super) struct Camera {
    client: Client,
    codec: Option<Codec>,
    teardown_max: Duration,
    line: Line,
    connections: usize,
    outbox: Outbox,
    lanes: Vec<Option<Lane>>,
    received: BytesMut,
    words: VecDeque<Result<Word, SourceError>>,
    /// What the camera takes, from when it has said so.
    sound: Option<Sound>,
    goodbye: Option<Goodbye>,
}

impl Camera {
    /// A call that begins at once. `codec`: one that the camera is to offer.
    pub(super) fn new(config: Config, codec: Option<Codec>) -> Result<Self, SourceError> {
        let teardown_max = config.timeouts.teardown;
        let client = Client::new(config).map_err(|error| SourceError::config(error.to_string()))?;
        let line = dialling(&client);
        Ok(Self {
            client,
            codec,
            teardown_max,
            line,
            connections: 1,
            outbox: Outbox::default(),
            lanes: Vec::new(),
            received: BytesMut::new(),
            words: VecDeque::new(),
            sound: None,
            goodbye: None,
        })
    }

    /// Does what the session says; returns when it wants to be asked again.
    fn drain(&mut self) -> Moment {
        loop {
            match self.client.poll_output(hub::now()) {
                Ok(Output::Transmit(bytes)) => {
                    if let Some(goodbye) = &mut self.goodbye {
                        goodbye.asked |= bytes.starts_with(b"TEARDOWN ");
                    }
                    self.outbox.push(bytes);
                }
                Ok(Output::Datagram { track, is_rtcp, data }) => self.send_datagram(track, is_rtcp, &data),
                Ok(Output::Event(event)) => {
                    if let Err(error) = self.handle_event(event) {
                        self.end(Err(error));
                    }
                }
                Ok(Output::WaitUntil(at)) => return at,
                Err(error) => {
                    let ended = self.ended(&error);
                    self.end(ended);
                    return Moment::FAR_FUTURE;
                }
            }
        }
    }

    fn end(&mut self, ended: Result<Word, SourceError>) {
        self.line = Line::Gone;
        self.words.push_back(ended);
    }

    fn handle_event(&mut self, event: Event) -> Result<(), SourceError> {
        match event {
            Event::Described { sections, skipped, .. } => {
                for why in &skipped {
                    tracing::debug!(why, "part of a camera's description is not taken");
                }
                self.lanes = sections.iter().map(|_| None).collect();
            }
            Event::BackChannel { offers, .. } => self.choose(&offers)?,
            Event::SetupUdp { track } => self.bind(track)?,
            Event::TrackReady { track, carrier, .. } => self.track_ready(track, carrier),
            Event::TrackRefused { track, status, reason } => {
                tracing::debug!(track, status, reason, "a camera refuses to play beside the call");
            }
            Event::Playing { .. } => {
                if let Some(sound) = self.sound {
                    self.words.push_back(Ok(Word::Takes(sound)));
                    self.words.push_back(Ok(Word::Opened));
                }
            }
            // What it plays is for those who watch; they have a session of their own.
            Event::Rtp { .. } | Event::Rtcp { .. } => {}
            Event::Reconnect(why) => {
                tracing::debug!(?why, "another connection is needed");
                self.connections += 1;
                if self.connections > CONNECTIONS_MAX {
                    return Err(SourceError::peer(format!(
                        "the camera wants more than {CONNECTIONS_MAX} connections one after the other"
                    )));
                }
                let Some(successor) = self.client.successor() else {
                    return Err(SourceError::ours("the RTSP session wants to go on and has no successor"));
                };
                self.client = successor;
                self.outbox = Outbox::default();
                self.lanes.clear();
                self.line = dialling(&self.client);
            }
            Event::Closed => {
                if let Some(Goodbye { began, asked: true }) = self.goodbye {
                    let took = hub::now().since(began);
                    let outcome = match &self.line {
                        _ if took >= self.teardown_max => "no answer",
                        Line::Up { eof: true, .. } => "the camera closed the connection",
                        Line::Up { eof: false, .. } | Line::Dialling(_) | Line::Gone => "answered",
                    };
                    self.words.push_back(Ok(Word::Step("TEARDOWN".into(), outcome.into(), took)));
                }
                self.end(Ok(Word::Ended));
            }
        }
        Ok(())
    }

    /// Takes the first offer that is made here, else the first that a child makes; or the one that was asked for.
    fn choose(&mut self, offers: &[Payload]) -> Result<(), SourceError> {
        let wanted = |payload: &Payload| self.codec.is_none_or(|codec| codec == payload.track.codec);
        let made: Vec<(usize, Sound)> = offers
            .iter()
            .enumerate()
            .filter(|(_, payload)| wanted(payload))
            .filter_map(|(index, payload)| Some((index, Sound::of(&payload.track, None)?)))
            .collect();
        let here = made.iter().find(|(_, sound)| matches!(sound, Sound::Here(_)));
        let Some((index, sound)) = here.or(made.first()).copied() else {
            let names: Vec<&str> = offers.iter().map(|payload| payload.track.codec.rtp_name()).collect();
            let names = names.join(", ");
            return Err(SourceError::config(match self.codec {
                Some(codec) => format!("the camera takes {names}, and not {codec} as #codec= has it"),
                None => format!(
                    "the camera takes {names}, which is not made here: choose G.711 on the camera's page for audio"
                ),
            }));
        };
        self.client.choose(index);
        self.sound = Some(sound);
        Ok(())
    }

    fn bind(&mut self, track: TrackId) -> Result<(), SourceError> {
        let Line::Up { local, camera, .. } = &self.line else { return Ok(()) };
        let pair = PortPair::receiving(local.ip())
            .map_err(|error| SourceError::ours(format!("no UDP ports could be had: {error}")))?;
        let (rtp, rtcp) = pair.ports();
        if let Some(lane) = self.lanes.get_mut(usize::from(track)) {
            *lane = Some(Lane { pair, from: vec![camera.ip().to_canonical()], to: None });
        }
        self.client.udp_ports(track, rtp, rtcp, hub::now());
        Ok(())
    }

    fn track_ready(&mut self, track: TrackId, carrier: Carrier) {
        let Line::Up { camera, .. } = &self.line else { return };
        let Carrier::Udp { server_port: Some((rtp, rtcp)), .. } = carrier else { return };
        if let Some(Some(lane)) = self.lanes.get_mut(usize::from(track)) {
            let ip = camera.ip();
            lane.to = Some((SocketAddr::new(ip, rtp), SocketAddr::new(ip, rtcp)));
        }
    }

    fn send_datagram(&self, track: TrackId, is_rtcp: bool, data: &[u8]) {
        let Some(Some(Lane { pair, to: Some((rtp, rtcp)), .. })) = self.lanes.get(usize::from(track)) else {
            return;
        };
        if is_rtcp {
            pair.send(Port::Rtcp, data, *rtcp);
        } else {
            pair.send(Port::Rtp, data, *rtp);
        }
    }

    /// What an error of the session means for the call.
    fn ended(&self, error: &Error) -> Result<Word, SourceError> {
        if matches!(error, Error::Ended) {
            // The camera hung up in order.
            return Ok(Word::Ended);
        }
        let error = source_error(self.client.url(), error);
        // Whoever talks next tries anew; until then a wrong password is not tried again until the camera locks it.
        let retry = error.retry && error.fault != Fault::Config;
        Err(SourceError { retry, ..error })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.line {
            Line::Dialling(dialling) => match dialling.poll_unpin(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok((stream, local, camera))) => {
                    self.line = Line::Up { stream, local, camera, eof: false };
                    self.client.handle_connected(hub::now());
                    Poll::Ready(())
                }
                Poll::Ready(Err(error)) => {
                    self.end(Err(error));
                    Poll::Ready(())
                }
            },
            Line::Up { stream, eof, .. } => {
                let heard = poll_stream(stream, eof, &mut self.outbox, &mut self.client, cx);
                if heard.is_pending() && poll_lanes(&self.lanes, &mut self.received, cx).is_ready() {
                    self.client.handle_udp_media(hub::now());
                    return Poll::Ready(());
                }
                if heard.is_pending() && self.outbox.len() > WAITING_BYTES_MAX {
                    self.end(Err(SourceError::peer("the camera takes no more sound")));
                    return Poll::Ready(());
                }
                heard
            }
            Line::Gone => Poll::Pending,
        }
    }
}

impl Device for Camera {
    async fn next(&mut self) -> Result<Word, SourceError> {
        loop {
            let wait = match self.line {
                Line::Gone => Moment::FAR_FUTURE,
                Line::Dialling(_) | Line::Up { .. } => self.drain(),
            };
            if let Some(word) = self.words.pop_front() {
                return word;
            }
            tokio::select! {
                () = poll_fn(|cx| self.poll(cx)) => {}
                () = hub::sleep_until(wait) => {}
            }
        }
    }

    fn speak(&mut self, frame: &Bytes, duration: Duration) {
        if self.client.handle_audio(frame, duration, hub::now(), hub::wall_now()) {
            self.words.push_back(Ok(Word::Sent(frame.len())));
        }
    }

    fn hang_up(&mut self) {
        let began = hub::now();
        self.goodbye = Some(Goodbye { began, asked: false });
        match self.line {
            Line::Dialling(_) => {
                self.words.push_back(Ok(Word::Step("dial".into(), "given up".into(), Duration::ZERO)));
                self.end(Ok(Word::Ended));
            }
            Line::Up { .. } => self.client.close(began),
            Line::Gone => {}
        }
    }
}

fn dialling(client: &Client) -> Line {
    let url = client.url().clone();
    Line::Dialling(async move { dial(&url.host, url.port, security(&url)).await }.boxed_local())
}

fn poll_stream(
    stream: &mut Stream,
    eof: &mut bool,
    outbox: &mut Outbox,
    client: &mut Client,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if *eof {
        return Poll::Pending;
    }
    let mut broken = false;
    while let Poll::Ready(written) = outbox.poll_write(stream, cx) {
        if written.is_err() {
            broken = true;
            break;
        }
    }
    // TLS may hold back what the system did not take. What fails here fails in the next read as well.
    let _ = Pin::new(&mut *stream).poll_flush(cx);
    let mut room = [0; READ_BYTES];
    let mut buffer = ReadBuf::new(&mut room);
    match Pin::new(stream).poll_read(cx, &mut buffer) {
        Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
            client.handle_input(buffer.filled(), hub::now());
            Poll::Ready(())
        }
        Poll::Pending if !broken => Poll::Pending,
        Poll::Pending | Poll::Ready(_) => {
            *eof = true;
            // The session says what that means where it stands.
            client.handle_disconnected(hub::now());
            Poll::Ready(())
        }
    }
}

/// Ready with a datagram of what the camera plays.
fn poll_lanes(lanes: &[Option<Lane>], received: &mut BytesMut, cx: &mut Context<'_>) -> Poll<()> {
    for lane in lanes.iter().flatten() {
        match lane.pair.poll_receive(&lane.from, DATAGRAM_BYTES_MAX, received, cx) {
            Poll::Ready(Ok(_)) => return Poll::Ready(()),
            // A broken socket is silent, and silence has its time limit.
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
    }
    Poll::Pending
}
