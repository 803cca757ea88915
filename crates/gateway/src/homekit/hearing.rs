//! The sound that the other side sends, a camera or a phone, from its packets to the units of a stream.
//!
//! Opus goes through as it is, once its clock is known. AAC-ELD is made Opus here: hardly a browser, player or encoder
//! elsewhere takes it, so that every output would need a transcoder of its own.
use super::opus_clock::OpusClock;
use super::sound::Agreed;
use crate::ingest::negotiated;
use audio::{Target, Transcoder};
use formats::rtp::Packet;
use formats::sdp::MediaSection;
use media::{Codec, Track, TrackId, Unit};
use protocols::hap::camera::{AudioCodec, AudioConfiguration};

/// Opus packets up to this long are silence of discontinuous transmission. Source: RFC 6716 §2.1.9.
const OPUS_SILENCE_BYTES_MAX: usize = 2;
/// Decoded sound below this is silence: −75 dBFS, below the noise of a quiet room in any microphone.
const SILENCE_DBFS: f32 = -75.0;
/// RTP clock of Opus.
const OPUS_HZ: u32 = 48_000;

/// Hears.
pub(crate) struct Hearing {
    payload_type: u8,
    coding: Coding,
}

enum Coding {
    /// As it comes, in so many channels.
    Opus { clock: OpusClock, channels: u8 },
    /// AAC-ELD.
    Eld {
        /// What it comes as.
        track: Track,
        /// Its number among the tracks that were announced; none while it is not one of them.
        number: Option<TrackId>,
        transcoder: Box<Transcoder>,
    },
}

impl Hearing {
    /// For what was agreed on; comfort noise has a payload type of its own.
    ///
    /// # Errors
    /// Nobody here decodes that, in words.
    pub(crate) fn new(agreed: &AudioConfiguration, payload_type: u8) -> Result<Self, String> {
        if agreed.codec == AudioCodec::Opus {
            let channels = agreed.channels.clamp(1, 2);
            let coding = Coding::Opus { clock: OpusClock::default(), channels };
            return Ok(Self { payload_type, coding });
        }
        let track = Agreed::of(agreed)?.target.track(0);
        let transcoder = Transcoder::new(std::slice::from_ref(&track), Target::usual(Codec::Opus));
        let transcoder = Box::new(transcoder.map_err(|error| error.to_string())?);
        Ok(Self { payload_type, coding: Coding::Eld { track, number: None, transcoder } })
    }

    /// What the ingest is told of it.
    pub(crate) fn section(&self, id: TrackId) -> MediaSection {
        match &self.coding {
            Coding::Opus { channels, .. } => {
                negotiated(id, Codec::Opus, OPUS_HZ, *channels, self.payload_type)
            }
            Coding::Eld { track, .. } => {
                let Track { codec, clock_rate, channels, .. } = *track;
                let section = negotiated(id, codec, clock_rate, channels, self.payload_type);
                MediaSection { track: Track { id, ..track.clone() }, ..section }
            }
        }
    }

    /// Readies a packet for the ingest. False: it is of no use.
    pub(crate) fn take(&mut self, packet: &mut Packet) -> bool {
        packet.header.payload_type == self.payload_type
            && match &mut self.coding {
                Coding::Opus { clock, .. } => clock.stretch(packet),
                Coding::Eld { .. } => true,
            }
    }

    /// The time of a sender report on the clock of the packets; none while that is not known.
    pub(crate) fn time(&self, rtp_time: u32) -> Option<u32> {
        match &self.coding {
            Coding::Opus { clock, .. } => clock.stretched(rtp_time),
            Coding::Eld { .. } => Some(rtp_time),
        }
    }

    /// The tracks of the stream for those that came in.
    pub(crate) fn tracks(&mut self, mut tracks: Vec<Track>) -> Vec<Track> {
        let Coding::Eld { track, number, transcoder } = &mut self.coding else { return tracks };
        let came = tracks.iter_mut().find(|came| came.codec == track.codec);
        *number = came.as_ref().map(|came| came.id);
        if let Some(came) = came {
            // another number at most, so that it can be decoded as before
            if let Err(error) = transcoder.set_inputs(std::slice::from_ref(came)) {
                tracing::warn!(%error, "sound of HomeKit is lost");
            }
            *came = transcoder.target().track(came.id);
        }
        tracks
    }

    /// The units of the stream for one that came in.
    pub(crate) fn units(&mut self, unit: Unit, out: &mut Vec<Unit>) {
        match &mut self.coding {
            Coding::Eld { number, transcoder, .. } if *number == Some(unit.track) => {
                transcoder.push(&unit);
                while let Some(made) = transcoder.poll_output() {
                    out.push(Unit { track: unit.track, ..made });
                }
            }
            Coding::Eld { .. } | Coding::Opus { .. } => out.push(unit),
        }
    }

    /// Whether a unit that was just made says nothing: Opus of discontinuous transmission, or AAC-ELD of a muted microphone.
    pub(crate) fn is_silent(&self, unit: &Unit) -> bool {
        match &self.coding {
            Coding::Opus { .. } => unit.data.len() <= OPUS_SILENCE_BYTES_MAX,
            Coding::Eld { transcoder, .. } => transcoder.level().rms_dbfs < SILENCE_DBFS,
        }
    }
}
