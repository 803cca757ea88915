//! What the service is told at the start. Plain values: the server makes them from the configuration file.
use crate::token::Keys;
use media::WallTime;
use sfu::ListenInfo;
use sfu::rtp_parameters::{MimeType, MimeTypeAudio, MimeTypeVideo, RtpCodecCapability};
use std::time::Duration;

/// Everything the service needs to know.
#[derive(Clone, Debug)]
pub struct RoomsConfig {
    /// Who may sign tokens.
    pub keys: Keys,
    /// Where media comes and goes. With several workers, each takes the next port.
    pub listen: Vec<ListenInfo>,
    /// Threads for media: at least one.
    pub workers: usize,
    /// The codecs of every room.
    pub codecs: Vec<RtpCodecCapability>,
    /// What happens when an identity comes that is there.
    pub same_identity: SameIdentity,
    /// Limits.
    pub limits: RoomsLimits,
    /// What time it is, for tokens and reports.
    pub wall_now: fn() -> WallTime,
}

/// What happens when an identity joins that is in the room already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SameIdentity {
    /// The new connection takes over: a page that was loaded again is not kept out by its own past.
    #[default]
    Replace,
    /// The new connection is refused.
    Refuse,
}

/// Limits of all rooms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomsLimits {
    /// Rooms at once: 1000; each costs a router on every worker.
    pub rooms_max: usize,
    /// As each room begins.
    pub room: RoomLimits,
    /// Transports of one participant: 4, one each way and the same again while they are replaced.
    pub transports_per_participant_max: usize,
    /// Longest message: 64 KiB. The longest that browsers send, capabilities, have 10 KiB.
    pub message_bytes_max: usize,
    /// Requests of one connection that are not answered yet: 64; a page that publishes and shows much has a dozen.
    pub requests_in_flight_max: usize,
    /// Messages that wait for a connection: 512; joining a room of 200 is 400 at once.
    pub queue_max: usize,
    /// A room without participants ends after 30 s: time to load a page again.
    pub empty_after: Duration,
    /// Who does not show a token is closed after 10 s.
    pub authenticate_max: Duration,
    /// Who does not join is closed after 60 s: a person answers the browser's question for the camera meanwhile.
    pub join_max: Duration,
    /// A client makes a consumer within 20 s, or it is closed.
    pub answer_max: Duration,
}

/// Limits that the server API may change for one room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomLimits {
    /// Connections in it: 200.
    pub participants_max: usize,
    /// Producers of one participant: 16, of which few are used.
    pub producers_per_participant_max: usize,
    /// Data producers of one participant: 16.
    pub data_producers_per_participant_max: usize,
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self {
            participants_max: 200,
            producers_per_participant_max: 16,
            data_producers_per_participant_max: 16,
        }
    }
}

impl Default for RoomsLimits {
    fn default() -> Self {
        Self {
            rooms_max: 1000,
            room: RoomLimits::default(),
            transports_per_participant_max: 4,
            message_bytes_max: 64 << 10,
            requests_in_flight_max: 64,
            queue_max: 512,
            empty_after: Duration::from_secs(30),
            authenticate_max: Duration::from_secs(10),
            join_max: Duration::from_secs(60),
            answer_max: Duration::from_secs(20),
        }
    }
}

/// What browsers send and a router here forwards: Opus; VP8, VP9, H.264 (constrained baseline, which all decode) and AV1,
/// each in the profile that everybody has. A client sends the first that it can.
pub fn default_codecs() -> Vec<RtpCodecCapability> {
    let wanted = |codec: &RtpCodecCapability| {
        let parameters = codec.parameters();
        match codec.mime_type() {
            MimeType::Audio(mime) => mime == MimeTypeAudio::Opus,
            MimeType::Video(MimeTypeVideo::Vp8) => true,
            MimeType::Video(MimeTypeVideo::Vp9) => parameters.number("profile-id") == Some(0),
            MimeType::Video(MimeTypeVideo::AV1) => parameters.number("profile") == Some(0),
            MimeType::Video(MimeTypeVideo::H264) => {
                parameters.number("packetization-mode") == Some(1)
                    && parameters.text("profile-level-id") == Some("42e01f")
            }
            MimeType::Video(_) => false,
        }
    };
    sfu::supported_rtp_capabilities().codecs.into_iter().filter(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_browser_finds_a_codec_of_its_own() {
        let names: Vec<_> = default_codecs().iter().map(|codec| codec.mime_type().as_str()).collect();
        assert_eq!(names, ["audio/opus", "video/VP8", "video/VP9", "video/H264", "video/AV1"]);
    }
}
