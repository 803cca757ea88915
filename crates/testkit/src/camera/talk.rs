//! The loudspeaker of a camera with ONVIF Profile T: a back channel in its RTSP sessions, with the faults of real ones.
//!
//! Source: ONVIF Streaming Specification §5.3. Which devices do what: `docs/devices.md`.
use super::{Camera, Fault as CameraFault};
use formats::replay::Clip;
use formats::rtp::Packet;
use media::Codec;
use protocols::rtsp::server::Carrier;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::session::Over;

/// What is wrong with the talk of a camera.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fault {
    /// Nothing: the channel is shown to who requires it.
    #[default]
    None,
    /// The channel is shown to everybody, as Dahua's (go2rtc #1135).
    ShownToAll,
    /// It answers `Require` with this status, 551 mostly, and shows the channel to those who do not ask for it.
    RefusesRequire(u16),
    /// It closes the connection on `Require`.
    HangsUpOnRequire,
    /// It knows nothing of back channels: `Require` changes nothing.
    NoLoudspeaker,
    /// It takes sound only in a session in which its other tracks are set up; else SETUP gets 455.
    WantsAllTracks,
    /// Somebody talks: SETUP gets this status, 453 or 503.
    Taken(u16),
    /// So long after SETUP it forgets the session without a word: it hears nothing more, and the connection stays.
    Deaf(Duration),
    /// So long after SETUP it closes the connection.
    HangsUp(Duration),
}

/// What the loudspeaker takes, by payload type, in the camera's order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offers(pub Vec<(u8, Codec, u32)>);

impl Default for Offers {
    /// µ-law and A-law.
    fn default() -> Self {
        Self(vec![(0, Codec::Pcmu, 8_000), (8, Codec::Pcma, 8_000)])
    }
}

/// One packet of sound that came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// When.
    pub at: Instant,
    /// What it says it is.
    pub payload_type: u8,
    /// Its number.
    pub sequence: u16,
    /// Its RTP time.
    pub timestamp: u32,
    /// The sound.
    pub payload: Vec<u8>,
}

#[derive(Debug, Default)]
struct Records {
    fault: Fault,
    heard: Vec<Heard>,
    reports: usize,
    /// How often a client required the channel, or did not.
    required: usize,
    plain: usize,
    set_ups: usize,
    talkers: usize,
    talkers_most: usize,
}

/// What the sessions of a camera share about its loudspeaker.
#[derive(Debug)]
pub(super) struct Loudspeaker {
    offers: Offers,
    records: Mutex<Records>,
}

impl Loudspeaker {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The section of the description.
    fn section(&self, track: usize) -> String {
        let Offers(offers) = &self.offers;
        let types: Vec<String> = offers.iter().map(|(payload_type, ..)| payload_type.to_string()).collect();
        let mut section = format!("m=audio 0 RTP/AVP {}\r\n", types.join(" "));
        for (payload_type, codec, rate) in offers {
            let name = codec.rtp_name();
            section.push_str(&format!("a=rtpmap:{payload_type} {name}/{rate}\r\n"));
            if *codec == Codec::Aac {
                // AAC-LC, mono: object type 2, then the number of the rate, then the channels.
                let index = [
                    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
                    8_000,
                ]
                .iter()
                .position(|known| known == rate)
                .unwrap_or(8);
                let config = (2 << 11) | (index << 7) | (1 << 3);
                section.push_str(&format!(
                    "a=fmtp:{payload_type} streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;\
                     config={config:04x}\r\n"
                ));
            }
        }
        section.push_str(&format!("a=control:trackID={track}\r\na=sendonly\r\n"));
        section
    }
}

/// What the camera says to DESCRIBE.
pub(super) enum Says {
    /// More of a description.
    Section(String),
    /// A refusal.
    Status(u16),
}

/// The loudspeaker's side of one session.
pub(super) struct Ear {
    loudspeaker: Arc<Loudspeaker>,
    /// Since when it has the loudspeaker.
    since: Option<Instant>,
    udp: Option<(UdpSocket, UdpSocket)>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        if self.since.is_some() {
            self.loudspeaker.records().talkers -= 1;
        }
    }
}

impl Ear {
    pub(super) const fn new(loudspeaker: Arc<Loudspeaker>) -> Self {
        Self { loudspeaker, since: None, udp: None }
    }

    pub(super) fn describe(&self, required: bool, track: usize) -> Result<Says, Over> {
        let mut records = self.loudspeaker.records();
        let count = if required { &mut records.required } else { &mut records.plain };
        *count += 1;
        let shown = match (records.fault, required) {
            (Fault::RefusesRequire(status), true) => return Ok(Says::Status(status)),
            (Fault::HangsUpOnRequire, true) => return Err(Over),
            (Fault::NoLoudspeaker, _) => false,
            (Fault::ShownToAll | Fault::RefusesRequire(_) | Fault::HangsUpOnRequire, _) => true,
            (
                Fault::None | Fault::WantsAllTracks | Fault::Taken(_) | Fault::Deaf(_) | Fault::HangsUp(_),
                required,
            ) => required,
        };
        drop(records);
        Ok(Says::Section(if shown { self.loudspeaker.section(track) } else { String::new() }))
    }

    /// Takes the loudspeaker, or says with which status it is refused; over UDP, with the ports to send to.
    pub(super) async fn set_up(
        &mut self,
        carrier: &Carrier,
        others_are: bool,
    ) -> Result<Result<Option<(u16, u16)>, u16>, Over> {
        let refusal = {
            let mut records = self.loudspeaker.records();
            let refusal = match records.fault {
                Fault::Taken(status) => Some(status),
                Fault::WantsAllTracks if !others_are => Some(455),
                _ if records.talkers > 0 && self.since.is_none() => Some(453),
                Fault::None
                | Fault::ShownToAll
                | Fault::RefusesRequire(_)
                | Fault::HangsUpOnRequire
                | Fault::NoLoudspeaker
                | Fault::WantsAllTracks
                | Fault::Deaf(_)
                | Fault::HangsUp(_) => None,
            };
            if refusal.is_none() && self.since.is_none() {
                self.since = Some(Instant::now());
                records.set_ups += 1;
                records.talkers += 1;
                records.talkers_most = records.talkers_most.max(records.talkers);
            }
            refusal
        };
        if let Some(status) = refusal {
            return Ok(Err(status));
        }
        match carrier {
            Carrier::Tcp { .. } => Ok(Ok(None)),
            Carrier::Udp { .. } => {
                let port = crate::process::free_port() & !1;
                let bind = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
                self.udp = Some((bind(port).await?, bind(port + 1).await?));
                Ok(Ok(Some((port, port + 1))))
            }
        }
    }

    /// Keeps a packet of sound, unless it is deaf by now.
    pub(super) fn hear(&self, data: &[u8]) {
        let mut records = self.loudspeaker.records();
        if let (Fault::Deaf(after), Some(since)) = (records.fault, self.since)
            && since.elapsed() >= after
        {
            return;
        }
        let Ok(packet) = Packet::parse(bytes::Bytes::copy_from_slice(data)) else { return };
        let header = &packet.header;
        records.heard.push(Heard {
            at: Instant::now(),
            payload_type: header.payload_type,
            sequence: header.sequence,
            timestamp: header.timestamp,
            payload: packet.payload.to_vec(),
        });
    }

    /// Counts a report.
    pub(super) fn report(&self) {
        self.loudspeaker.records().reports += 1;
    }

    /// When it is to hang up.
    fn hangs_up_at(&self) -> Option<Instant> {
        match self.loudspeaker.records().fault {
            Fault::HangsUp(after) => self.since.map(|since| since + after),
            Fault::None
            | Fault::ShownToAll
            | Fault::RefusesRequire(_)
            | Fault::HangsUpOnRequire
            | Fault::NoLoudspeaker
            | Fault::WantsAllTracks
            | Fault::Taken(_)
            | Fault::Deaf(_) => None,
        }
    }
}

/// Listens on the ports of a session; false when the camera is to hang up.
pub(super) async fn listen(ear: &Option<Ear>) -> bool {
    let Some(ear) = ear else { return std::future::pending().await };
    let hang_up = async {
        loop {
            match ear.hangs_up_at() {
                Some(at) if at <= Instant::now() => return,
                Some(_) | None => sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let (mut rtp, mut rtcp) = ([0; 2_048], [0; 2_048]);
    match &ear.udp {
        Some((sound, reports)) => tokio::select! {
            Ok(length) = sound.recv(&mut rtp) => ear.hear(&rtp[..length]),
            Ok(_) = reports.recv(&mut rtcp) => ear.report(),
            () = hang_up => return false,
        },
        None => {
            hang_up.await;
            return false;
        }
    }
    true
}

/// A camera with a loudspeaker, that runs.
#[derive(Debug)]
pub struct ProfileTCamera {
    camera: Camera,
    loudspeaker: Arc<Loudspeaker>,
}

impl ProfileTCamera {
    /// Starts a camera that plays the clip, to anybody or to whoever has these credentials (digest), and takes sound.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start(
        clip: Clip,
        credentials: Option<(&str, &str)>,
        offers: Offers,
        fault: Fault,
    ) -> io::Result<Self> {
        let records = Mutex::new(Records { fault, ..Records::default() });
        let loudspeaker = Arc::new(Loudspeaker { offers, records });
        let camera = Camera::with(clip, credentials, CameraFault::None, Some(loudspeaker.clone()))?;
        Ok(Self { camera, loudspeaker })
    }

    /// The camera behind it, with faults of its own.
    pub const fn camera(&self) -> &Camera {
        &self.camera
    }

    /// Where it is, with its credentials.
    pub fn url(&self) -> String {
        self.camera.url()
    }

    /// Changes what is wrong with the talk.
    pub fn set_fault(&self, fault: Fault) {
        self.loudspeaker.records().fault = fault;
    }

    /// Every packet of sound so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.loudspeaker.records().heard.clone()
    }

    /// The sound of them.
    pub fn heard_bytes(&self) -> Vec<u8> {
        self.loudspeaker.records().heard.iter().flat_map(|heard| heard.payload.iter().copied()).collect()
    }

    /// Reports about the sound.
    pub fn reports(&self) -> usize {
        self.loudspeaker.records().reports
    }

    /// Descriptions asked for with `Require`, and without.
    pub fn described(&self) -> (usize, usize) {
        let records = self.loudspeaker.records();
        (records.required, records.plain)
    }

    /// How often the loudspeaker was taken.
    pub fn set_ups(&self) -> usize {
        self.loudspeaker.records().set_ups
    }

    /// Sessions that have it, and the most that ever had it at a time.
    pub fn talkers(&self) -> (usize, usize) {
        let records = self.loudspeaker.records();
        (records.talkers, records.talkers_most)
    }
}
