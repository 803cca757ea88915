//! The loudspeaker of a simulated camera: decodes what it is given, keeps it for whoever judges it, and counts what is wrong with it.
use super::microphone::ELD;
use audio::tone::{Analysis, analyse};
use audio::{Decoder, Target};
use formats::rtp::Packet;
use media::Codec;
use protocols::hap::camera::{AudioCodec, SelectedAudio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Most sound that is kept: 30 s at 48 kHz. No test talks longer; what comes then is counted only.
const SAMPLES_MAX: usize = 30 * 48_000;

/// What came to a camera's loudspeaker since it was made, over all calls and streams. Packets are counted behind the check of their tag
/// and number: what comes twice never gets here, and is counted among [`Heard::twice`].
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Packets.
    pub packets: u64,
    /// Numbers that were left out.
    pub lost: u64,
    /// Packets that came behind a later one.
    pub out_of_order: u64,
    /// Packets that came twice.
    pub twice: u64,
    /// Packets without a marker whose time does not follow that of the one before.
    pub out_of_time: u64,
    /// Packets of another payload type than was agreed on, or that no decoder takes.
    pub damaged: u64,
    /// Sender reports.
    pub reports: u64,
    /// The sound, mono.
    pub samples: Vec<f32>,
    /// Its rate.
    pub rate: u32,
    /// When each packet came.
    pub arrivals: Vec<Instant>,
}

impl Heard {
    /// What it is, without its first and last 100 ms. None: too little, or silence.
    pub fn tone(&self) -> Option<Analysis> {
        let edge = self.rate as usize / 10;
        let end = self.samples.len().checked_sub(edge).filter(|end| *end > edge)?;
        analyse(&self.samples[edge..end], self.rate)
    }
}

/// The loudspeaker during one stream.
pub(super) struct Speaker {
    heard: Arc<Mutex<Heard>>,
    decoder: Decoder,
    /// Packets have a header, for one access unit.
    has_header: bool,
    payload_type: u8,
    packet_ticks: u32,
    /// Number and time of the newest packet.
    newest: Option<(u16, u32)>,
}

impl Speaker {
    /// For what a controller selected; none for what no camera here plays.
    pub(super) fn new(selected: &SelectedAudio, heard: Arc<Mutex<Heard>>) -> Option<Self> {
        let configuration = selected.configuration;
        let has_header = configuration.codec == AudioCodec::AacEld;
        let target = match configuration.codec {
            AudioCodec::Opus => Target::usual(Codec::Opus),
            AudioCodec::AacEld => ELD,
            AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::Msbc | AudioCodec::Amr | AudioCodec::AmrWb => {
                return None;
            }
        };
        let decoder = Decoder::new(&target.track(0)).ok()?;
        heard.lock().unwrap_or_else(PoisonError::into_inner).rate = decoder.rate();
        let packet_ticks = configuration.rate.hz() * u32::from(configuration.packet_ms?) / 1_000;
        let payload_type = selected.rtp.payload_type?;
        Some(Self { heard, decoder, has_header, payload_type, packet_ticks, newest: None })
    }

    /// Takes an RTP packet that is authentic.
    pub(super) fn hear(&mut self, packet: &Packet) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let header = packet.header;
        heard.packets += 1;
        heard.arrivals.push(Instant::now());
        if let Some((sequence, timestamp)) = self.newest {
            let ahead = header.sequence.wrapping_sub(sequence.wrapping_add(1));
            if ahead >= 0x8000 {
                heard.out_of_order += 1;
                return;
            }
            heard.lost += u64::from(ahead);
            let follows =
                header.timestamp.wrapping_sub(timestamp) == self.packet_ticks * (1 + u32::from(ahead));
            heard.out_of_time += u64::from(!follows && !header.marker);
        }
        self.newest = Some((header.sequence, header.timestamp));
        let mut sound = Vec::new();
        let frame = if self.has_header { access_unit(&packet.payload) } else { Some(&packet.payload[..]) };
        let decoded = frame.is_some_and(|frame| self.decoder.decode(frame, &mut sound).is_ok());
        if header.payload_type != self.payload_type || !decoded {
            heard.damaged += 1;
        } else if heard.samples.len() < SAMPLES_MAX {
            heard.samples.extend(sound);
        }
    }

    /// Takes a sender report.
    pub(super) fn report(&self) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).reports += 1;
    }
}

/// The one access unit of a packet, behind its header. Source: RFC 3640 §3.3.6.
fn access_unit(payload: &[u8]) -> Option<&[u8]> {
    let [0, 16, high, low, unit @ ..] = payload else { return None };
    let header = u16::from_be_bytes([*high, *low]);
    (usize::from(header >> 3) == unit.len() && header & 7 == 0).then_some(unit)
}
