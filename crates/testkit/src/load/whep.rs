//! WebRTC players: offer, answer, ICE, DTLS, and what comes then.
//!
//! Source: draft-ietf-wish-whep. Some players decrypt, ask again for what is lost and report like browsers; the others
//! count packets by their headers, which are not encrypted, and only answer checks.
use super::content::Checksum;
use super::driver::Shared;
use super::http::{field, status};
use super::sequence::Sequence;
use super::target::Target;
use super::watch::{Order, Tally, Watch};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::change::SdpAnswer;
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpPacket;
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{sleep_until, timeout};

/// How long the request for an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// How long a connection may take to its first packet.
const JOIN_MAX: Duration = Duration::from_secs(15);
/// Longest answer: 256 KiB.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// Receive buffer of each player where we may set it: 1 MiB, as browsers ask for.
const RECEIVE_BYTES: usize = 1 << 20;
/// Datagrams taken before another player has its turn.
const DATAGRAMS_MAX: usize = 64;
/// What is lost has this long to be sent again.
const REPAIR_MAX: Duration = Duration::from_secs(2);
/// The frames from the cache are sent with times of their own; what comes later than this is compared.
const CACHE_MAX: Duration = Duration::from_secs(3);

/// What the players of a run share: one certificate, so that no time goes into making keys.
#[derive(Clone)]
pub(super) struct Engine {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
}

impl Engine {
    pub(super) fn new() -> std::io::Result<Self> {
        let crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto
            .dtls_provider
            .generate_certificate()
            .ok_or_else(|| std::io::Error::other("cannot make a DTLS certificate"))?;
        Ok(Self { crypto: Arc::new(crypto), certificate })
    }
}

/// A player's life; returns why it ended.
pub(super) async fn play(
    shared: &Shared,
    engine: &Engine,
    verify: bool,
    tally: &Rc<RefCell<Tally>>,
) -> String {
    match try_play(shared, engine, verify, tally).await {
        Ok(()) => "the server closed the connection".to_owned(),
        Err(why) => why,
    }
}

async fn try_play(
    shared: &Shared,
    engine: &Engine,
    verify: bool,
    tally: &Rc<RefCell<Tally>>,
) -> Result<(), String> {
    let mut permit = Some(shared.joining.acquire().await.map_err(text)?);
    let watch = Watch::new(tally.clone(), shared.content.clone());
    let socket = UdpSocket::bind(SocketAddr::new(shared.target.address.ip(), 0)).await.map_err(text)?;
    // Only root may go beyond the system's limit; without it bursts may be lost, and are reported.
    let _ = setsockopt(&socket, RcvBufForce, &RECEIVE_BYTES);
    let local = socket.local_addr().map_err(text)?;
    let rtc = connect(shared, engine, local).await?;
    let mut player = Player { rtc, socket, local, verify, connected: false, tracks: Vec::new(), watch };
    let deadline = Instant::now() + JOIN_MAX;
    loop {
        let wake = player.drain()?;
        if !player.rtc.is_alive() {
            return Ok(());
        }
        if player.watch.is_playing() {
            permit = None;
        } else if permit.is_some() && Instant::now() > deadline {
            return Err("no media came in time".to_owned());
        }
        tokio::select! {
            biased;
            ready = player.socket.readable() => {
                ready.map_err(text)?;
                player.receive(&mut shared.buffer.borrow_mut())?;
            }
            () = sleep_until(wake.into()) => {
                player.rtc.handle_input(Input::Timeout(Instant::now())).map_err(text)?;
                player.count_losses();
            }
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// An engine that has made an offer and taken the answer.
async fn connect(shared: &Shared, engine: &Engine, local: SocketAddr) -> Result<Rtc, String> {
    let mut rtc = Rtc::builder()
        .set_crypto_provider(engine.crypto.clone())
        .set_dtls_cert(engine.certificate.clone())
        .set_rtp_mode(true)
        .build(Instant::now());
    rtc.add_local_candidate(Candidate::host(local, "udp").map_err(text)?);
    let mut api = rtc.sdp_api();
    for kind in [MediaKind::Video, MediaKind::Audio] {
        api.add_media(kind, Direction::RecvOnly, None, None, None);
    }
    let (offer, pending) = api.apply().ok_or("nothing to offer")?;
    let answer = timeout(ANSWER_MAX, exchange(&shared.target, &offer.to_sdp_string())).await;
    let answer = answer.map_err(|_| "no answer to the offer in time")??;
    let answer = SdpAnswer::from_sdp_string(&answer).map_err(text)?;
    rtc.sdp_api().accept_answer(pending, answer).map_err(text)?;
    Ok(rtc)
}

/// Posts the offer and returns the answer.
async fn exchange(target: &Target, offer: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(target.address).await.map_err(text)?;
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{offer}",
        target.path,
        target.authority,
        offer.len()
    );
    stream.write_all(request.as_bytes()).await.map_err(text)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX as u64).read_to_end(&mut answer).await.map_err(text)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer without end")?;
    if !matches!(status(head), Some(200 | 201)) {
        return Err(format!("the answer is {}: {body}", head.lines().next().unwrap_or_default()));
    }
    if field(head, "Transfer-Encoding").is_some() {
        return Err("the answer comes in chunks, which is not read here".to_owned());
    }
    Ok(body.to_owned())
}

/// What comes with one SSRC.
struct Track {
    ssrc: u32,
    sequence: Sequence,
    frame: Option<(u32, Option<Checksum>)>,
}

struct Player {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    verify: bool,
    connected: bool,
    tracks: Vec<Track>,
    watch: Watch,
}

impl Player {
    /// Sends what is to be sent and looks at what came; returns when to look again.
    fn drain(&mut self) -> Result<Instant, String> {
        loop {
            match self.rtc.poll_output().map_err(text)? {
                Output::Timeout(at) => return Ok(at),
                Output::Transmit(transmit) => {
                    // A full socket loses it, as a network would.
                    let _ = self.socket.try_send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::RtpPacket(packet)) => self.packet(&packet),
                Output::Event(_) => {}
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<(), String> {
        for _ in 0..DATAGRAMS_MAX {
            let (length, source) = match self.socket.try_recv_from(buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(text(error)),
            };
            let datagram = &buffer[..length];
            self.watch.bytes(length);
            if self.connected && !self.verify && self.count(datagram) {
                continue;
            }
            let Ok(receive) = Receive::new(Protocol::Udp, source, self.local, datagram) else { continue };
            self.rtc.handle_input(Input::Receive(Instant::now(), receive)).map_err(text)?;
            self.drain()?;
        }
        Ok(())
    }

    /// Counts an encrypted RTP packet; false if it is something else. Source: RFC 7983, RFC 5761 §4.
    fn count(&mut self, datagram: &[u8]) -> bool {
        let [128..=191, second, s1, s0, _, _, _, _, r3, r2, r1, r0, ..] = datagram else { return false };
        if matches!(second, 192..=223) {
            return false;
        }
        let ssrc = u32::from_be_bytes([*r3, *r2, *r1, *r0]);
        self.watch.packet();
        self.watch.plays();
        let track = self.track(ssrc);
        self.tracks[track].sequence.handle(u16::from_be_bytes([*s1, *s0]), Instant::now());
        true
    }

    fn track(&mut self, ssrc: u32) -> usize {
        self.tracks.iter().position(|track| track.ssrc == ssrc).unwrap_or_else(|| {
            self.tracks.push(Track { ssrc, sequence: Sequence::default(), frame: None });
            self.tracks.len() - 1
        })
    }

    /// A packet that was decrypted.
    fn packet(&mut self, packet: &RtpPacket) {
        self.watch.packet();
        self.watch.payload(&packet.payload);
        let index = self.track(*packet.header.ssrc);
        let track = &mut self.tracks[index];
        let in_order = track.sequence.handle(packet.header.sequence_number, packet.timestamp);
        let timestamp = packet.header.timestamp;
        if !in_order {
            // What belongs to this frame is not in order any more, so it is not compared.
            track.frame = Some((timestamp, None));
            return;
        }
        if track.frame.is_none_or(|(current, _)| current != timestamp) {
            if let Some((before, Some(sum))) = track.frame.take() {
                self.watch.frame_ended(index as u8, before.into(), sum);
            }
            // Before that the times are not those of the others.
            let sum = if self.watch.since_start() > CACHE_MAX {
                self.watch.frame(index as u8, timestamp.into(), Order::Any)
            } else {
                self.watch.plays();
                None
            };
            track.frame = Some((timestamp, sum));
        }
        if let Some((_, Some(sum))) = &mut track.frame {
            sum.push(&packet.payload);
        }
    }

    fn count_losses(&mut self) {
        let Some(before) = Instant::now().checked_sub(REPAIR_MAX) else { return };
        for track in &mut self.tracks {
            self.watch.gap(track.sequence.lost(before));
        }
    }
}
