//! One connection to the camera: requests, and media in between.
use super::media_out::MediaOut;
use super::{Fault, Shared, talk, wrong};
use formats::sdp::{SdpSpec, write};
use media::Moment;
use protocols::auth::{Credentials, Offers, Verifier};
use protocols::rtsp::server::{Carrier, Config, Event, Output, Session};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};

/// How long a write may wait: a reader that takes nothing for so long is gone.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// The moment it is, on a clock that began with the connection.
pub(super) fn moment(start: Instant) -> Moment {
    Moment::ZERO + Duration::from_secs(1) + start.elapsed()
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(mut stream: TcpStream, peer: SocketAddr, shared: &Shared) {
    let fault = shared.fault.borrow().clone();
    match fault {
        Fault::HangUp | Fault::Refuse => {}
        Fault::Mute | Fault::UnauthorizedForEver | Fault::Redirect(_) | Fault::Status(_) => {
            wrong::answer(&mut stream, shared).await;
        }
        Fault::None
        | Fault::SlowDescribe(_)
        | Fault::Stall { .. }
        | Fault::StopVideo { .. }
        | Fault::CloseMidFrame { .. }
        | Fault::ClockJump { .. }
        | Fault::ClockReset { .. }
        | Fault::SsrcChange { .. }
        | Fault::Slow { .. }
        | Fault::Lossy(_) => {
            let mut connection = Connection::new(stream, peer, shared);
            // How a connection ends is for the other side to report.
            let _ = connection.run().await;
        }
    }
}

struct Connection<'a> {
    stream: TcpStream,
    peer: SocketAddr,
    shared: &'a Shared,
    start: Instant,
    session: Session,
    media: MediaOut,
    playing: bool,
    ear: Option<talk::Ear>,
}

/// It is over; why, nobody asks.
pub(super) struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Over
    }
}

impl<'a> Connection<'a> {
    fn new(stream: TcpStream, peer: SocketAddr, shared: &'a Shared) -> Self {
        let start = Instant::now();
        let verifier = shared.credentials.as_ref().map(|(user, password)| {
            let users = vec![Credentials::new(user, password)];
            Verifier::new("camera", users, Offers { sha256: false, md5: true, basic: false })
        });
        let back_channel = shared.loudspeaker.is_some();
        let config = Config { server_name: "camera".to_owned(), back_channel, ..Config::default() };
        let session = Session::new(config, verifier, moment(start));
        let ear = shared.loudspeaker.clone().map(talk::Ear::new);
        Self { stream, peer, shared, start, session, media: MediaOut::new(&shared.clip), playing: false, ear }
    }

    async fn run(&mut self) -> Result<(), Over> {
        self.stream.set_nodelay(true)?;
        let mut faults = self.shared.fault.clone();
        let mut buffer = vec![0; 16 << 10];
        loop {
            let silent_at = self.drain().await?;
            let fault = self.shared.fault.borrow().clone();
            if matches!(fault, Fault::HangUp | Fault::Refuse) {
                return Err(Over);
            }
            let mut wake = self.start + Duration::from_nanos(silent_at.as_nanos().min(1 << 60));
            if self.playing {
                wake = wake.min(self.send_media(&fault).await?);
            }
            tokio::select! {
                read = self.stream.read(&mut buffer) => match read? {
                    0 => return Err(Over),
                    // It hears nothing any more.
                    _ if fault == Fault::Mute => {}
                    length => self.session.handle_input(&buffer[..length], moment(self.start)),
                },
                () = sleep_until(wake) => {}
                heard = talk::listen(&self.ear) => {
                    if heard {
                        self.session.handle_datagram(moment(self.start));
                    } else {
                        return Err(Over);
                    }
                }
                changed = faults.changed() => changed.map_err(|_| Over)?,
            }
        }
    }

    /// Does what the session wants; returns when it wants to be looked at again.
    async fn drain(&mut self) -> Result<Moment, Over> {
        loop {
            match self.session.poll_output(moment(self.start)).map_err(|_| Over)? {
                Output::Transmit(bytes) => write_all(&mut self.stream, &bytes).await?,
                Output::WaitUntil(at) => return Ok(at),
                Output::Event(event) => self.happened(event).await?,
            }
        }
    }

    async fn happened(&mut self, event: Event) -> Result<(), Over> {
        match event {
            Event::Describe { back_channel, .. } => {
                let fault = self.shared.fault.borrow().clone();
                if let Fault::SlowDescribe(wait) = fault {
                    sleep(wait).await;
                }
                let mut sdp = write(&SdpSpec::describe("camera", &self.shared.clip.tracks));
                if let Some(ear) = &mut self.ear {
                    match ear.describe(back_channel, self.shared.clip.tracks.len())? {
                        talk::Says::Section(section) => sdp.push_str(&section),
                        talk::Says::Status(status) => {
                            self.session.reject(status, "");
                            return Ok(());
                        }
                    }
                }
                self.session.describe_ok(sdp);
            }
            Event::Setup { carrier, publishes: true, .. } if self.ear.is_some() => {
                let Some(ear) = &mut self.ear else { return Ok(()) };
                match ear.set_up(&carrier, self.media.is_set_up()).await? {
                    Ok(ports) => self.session.setup_ok(ports, None),
                    Err(status) => self.session.reject(status, ""),
                };
            }
            Event::Rtp { data, .. } => {
                if let Some(ear) = &self.ear {
                    ear.hear(&data);
                }
            }
            Event::Setup { track, carrier, publishes: false, .. } => match carrier {
                Carrier::Tcp { rtp, .. } => {
                    self.media.over_tcp(track, rtp);
                    self.session.setup_ok(None, None);
                }
                Carrier::Udp { rtp, .. } => {
                    let ports = self.media.over_udp(track, SocketAddr::new(self.peer.ip(), rtp)).await?;
                    self.session.setup_ok(Some(ports), None);
                }
            },
            Event::Play { .. } => {
                let starts = self.media.begin();
                self.session.play_ok(&starts);
                self.playing = true;
            }
            Event::Pause => self.playing = false,
            Event::Announce { .. } | Event::Setup { .. } => {
                self.session.reject(405, "a camera takes no media");
            }
            Event::Rtcp { .. } => {
                if let Some(ear) = &self.ear {
                    ear.report();
                }
            }
            Event::Teardown => {
                self.shared.counters.teardowns.fetch_add(1, Ordering::SeqCst);
            }
            Event::Record => {}
            Event::Closed => return Err(Over),
        }
        Ok(())
    }

    /// Sends what is due; returns when something is due again.
    async fn send_media(&mut self, fault: &Fault) -> Result<Instant, Over> {
        let mut bytes = Vec::new();
        let wait = self.media.poll(moment(self.start), fault, &mut bytes);
        if let (Fault::CloseMidFrame { after }, false) = (fault, bytes.is_empty())
            && self.media.frames() > *after
        {
            write_all(&mut self.stream, &bytes[..bytes.len().min(50)]).await?;
            return Err(Over);
        }
        write_all(&mut self.stream, &bytes).await?;
        Ok(Instant::now() + wait)
    }
}

async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), Over> {
    let written = tokio::time::timeout(WRITE_MAX, stream.write_all(bytes)).await;
    written.map_err(|_| Over)?.map_err(Over::from)
}
