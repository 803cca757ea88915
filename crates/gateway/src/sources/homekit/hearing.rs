//! The sound that a camera sends, from its packets to the units of the stream.
//!
//! Opus goes through as it is, once its clock is known. AAC-ELD is made Opus here: hardly a browser, player or encoder
//! elsewhere takes it, so that every output would need a transcoder of its own.
use super::opus_clock::OpusClock;
use super::receiving::AUDIO_PAYLOAD_TYPE;
use super::sound::Sound;
use crate::ingest::negotiated;
use audio::{Target, Transcoder};
use formats::rtp::Packet;
use formats::sdp::MediaSection;
use media::{Codec, Track, TrackId, Unit};
use protocols::hap::camera::{AudioCodec, AudioConfiguration};

/// RTP clock of Opus.
const OPUS_HZ: u32 = 48_000;

/// Hears.
pub(super) enum Hearing {
    /// As it comes.
    Opus(OpusClock),
    /// AAC-ELD.
    Coded {
        /// What it comes as.
        track: Track,
        transcoder: Box<Transcoder>,
    },
}

impl Hearing {
    /// For what was agreed on.
    ///
    /// # Errors
    /// Nobody here decodes that, in words.
    pub(super) fn new(agreed: &AudioConfiguration) -> Result<Self, String> {
        if agreed.codec == AudioCodec::Opus {
            return Ok(Self::Opus(OpusClock::default()));
        }
        let track = Sound::of(agreed)?.target.track(0);
        let transcoder = Transcoder::new(std::slice::from_ref(&track), Target::usual(Codec::Opus));
        let transcoder = Box::new(transcoder.map_err(|error| error.to_string())?);
        Ok(Self::Coded { track, transcoder })
    }

    /// What the ingest is told of it. `channels`: as agreed on.
    pub(super) fn section(&self, id: TrackId, channels: u8) -> MediaSection {
        match self {
            Self::Opus(_) => negotiated(id, Codec::Opus, OPUS_HZ, channels.clamp(1, 2), AUDIO_PAYLOAD_TYPE),
            Self::Coded { track, .. } => {
                let Track { codec, clock_rate, channels, .. } = *track;
                let section = negotiated(id, codec, clock_rate, channels, AUDIO_PAYLOAD_TYPE);
                MediaSection { track: Track { id, ..track.clone() }, ..section }
            }
        }
    }

    /// Readies a packet for the ingest. False: it is of no use.
    pub(super) fn take(&mut self, packet: &mut Packet) -> bool {
        // comfort noise has a payload type of its own
        packet.header.payload_type == AUDIO_PAYLOAD_TYPE
            && match self {
                Self::Opus(clock) => clock.stretch(packet),
                Self::Coded { .. } => true,
            }
    }

    /// The time of a sender report on the clock of the packets; none while that is not known.
    pub(super) fn time(&self, rtp_time: u32) -> Option<u32> {
        match self {
            Self::Opus(clock) => clock.stretched(rtp_time),
            Self::Coded { .. } => Some(rtp_time),
        }
    }

    /// The tracks of the stream for those that came in.
    pub(super) fn tracks(&mut self, mut tracks: Vec<Track>) -> Vec<Track> {
        if let Self::Coded { track, transcoder } = self
            && let Some(came) = tracks.iter_mut().find(|came| came.codec == track.codec)
        {
            // another number at most, so that it can be decoded as before
            if let Err(error) = transcoder.set_inputs(std::slice::from_ref(came)) {
                tracing::warn!(%error, "the sound of a HomeKit camera is lost");
            }
            track.id = came.id;
            *came = transcoder.target().track(came.id);
        }
        tracks
    }

    /// The units of the stream for one that came in.
    pub(super) fn units(&mut self, unit: Unit, out: &mut Vec<Unit>) {
        match self {
            Self::Coded { track, transcoder } if track.id == unit.track => {
                transcoder.push(&unit);
                while let Some(made) = transcoder.poll_output() {
                    out.push(Unit { track: unit.track, ..made });
                }
            }
            Self::Coded { .. } | Self::Opus(_) => out.push(unit),
        }
    }
}
