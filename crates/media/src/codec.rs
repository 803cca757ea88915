//! Codecs, as one table.
//!
//! Sources: IANA RTP payload names (RFC 3551, 6184, 7798, 7741, 9628, AOM RTP for AV1, 2435, 3640, 7587),
//! E-RTMP v2 FourCCs, RFC 6381 sample entries.

/// What a track is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

impl Kind {
    /// `video` or `audio`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Video => "video",
            Kind::Audio => "audio",
        }
    }
}

/// A codec the server carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Codec {
    /// H.264 / AVC.
    H264,
    /// H.265 / HEVC.
    H265,
    /// AV1.
    Av1,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// Motion JPEG.
    Mjpeg,
    /// AAC (MPEG-4 audio).
    Aac,
    /// Opus.
    Opus,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 (64 kbit/s).
    G722,
    /// Linear PCM, 16 bit, big-endian.
    L16,
    /// MPEG-1/2 audio, layer III (and I, II).
    Mp3,
}

struct Row {
    codec: Codec,
    kind: Kind,
    name: &'static str,
    rtp_name: &'static str,
    ffmpeg_name: &'static str,
    static_payload_type: Option<u8>,
    clock_rate: Option<u32>,
}

const fn row(
    codec: Codec,
    kind: Kind,
    name: &'static str,
    rtp_name: &'static str,
    ffmpeg_name: &'static str,
    static_payload_type: Option<u8>,
    clock_rate: Option<u32>,
) -> Row {
    Row { codec, kind, name, rtp_name, ffmpeg_name, static_payload_type, clock_rate }
}

/// In the order of the enum. The RTP clock of G.722 is 8 kHz though it samples at 16 (RFC 3551 §4.5.2); that of
/// MPEG audio is 90 kHz (RFC 3551 §4.5.13). `None` where the clock is the sample rate of the track.
#[rustfmt::skip]
const TABLE: [Row; 13] = [
    row(Codec::H264,  Kind::Video, "H264",  "H264",          "h264",      None,     Some(90_000)),
    row(Codec::H265,  Kind::Video, "H265",  "H265",          "hevc",      None,     Some(90_000)),
    row(Codec::Av1,   Kind::Video, "AV1",   "AV1",           "av1",       None,     Some(90_000)),
    row(Codec::Vp8,   Kind::Video, "VP8",   "VP8",           "vp8",       None,     Some(90_000)),
    row(Codec::Vp9,   Kind::Video, "VP9",   "VP9",           "vp9",       None,     Some(90_000)),
    row(Codec::Mjpeg, Kind::Video, "JPEG",  "JPEG",          "mjpeg",     Some(26), Some(90_000)),
    row(Codec::Aac,   Kind::Audio, "AAC",   "MPEG4-GENERIC", "aac",       None,     None),
    row(Codec::Opus,  Kind::Audio, "OPUS",  "OPUS",          "opus",      None,     Some(48_000)),
    row(Codec::Pcmu,  Kind::Audio, "PCMU",  "PCMU",          "pcm_mulaw", Some(0),  None),
    row(Codec::Pcma,  Kind::Audio, "PCMA",  "PCMA",          "pcm_alaw",  Some(8),  None),
    row(Codec::G722,  Kind::Audio, "G722",  "G722",          "g722",      Some(9),  Some(8_000)),
    row(Codec::L16,   Kind::Audio, "L16",   "L16",           "pcm_s16be", None,     None),
    row(Codec::Mp3,   Kind::Audio, "MP3",   "MPA",           "mp3",       Some(14), None),
];

impl Codec {
    /// Every codec, in the order of the table.
    pub fn all() -> impl Iterator<Item = Codec> {
        TABLE.iter().map(|row| row.codec)
    }

    const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Video or audio.
    pub const fn kind(self) -> Kind {
        self.row().kind
    }

    /// True for video codecs.
    pub const fn is_video(self) -> bool {
        matches!(self.kind(), Kind::Video)
    }

    /// The name people and the API use, such as `H264`, `AAC`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The encoding name in SDP `a=rtpmap`, such as `MPEG4-GENERIC`; compare without case.
    pub const fn rtp_name(self) -> &'static str {
        self.row().rtp_name
    }

    /// The name ffmpeg gives it, such as `pcm_mulaw`.
    pub const fn ffmpeg_name(self) -> &'static str {
        self.row().ffmpeg_name
    }

    /// The static RTP payload type of the codec in its usual form, if it has one (RFC 3551 §6).
    pub const fn static_payload_type(self) -> Option<u8> {
        self.row().static_payload_type
    }

    /// The clock rate of the codec's tracks, where it does not depend on the track's sample rate. MP3 tracks keep
    /// their sample rate as clock here; only on RTP it becomes 90 kHz.
    pub const fn fixed_clock_rate(self) -> Option<u32> {
        self.row().clock_rate
    }

    /// Finds a codec by the name in `a=rtpmap`, without case. `PCM` is taken for L16.
    pub fn from_rtp_name(name: &str) -> Option<Codec> {
        TABLE.iter().find(|row| row.rtp_name.eq_ignore_ascii_case(name)).map(|row| row.codec)
    }

    /// Finds a codec by what people write in filters and URLs: `h264`, `hevc`, `aac`, `opus`, `pcmu`, `mp3`…
    pub fn from_common_name(name: &str) -> Option<Codec> {
        let lower = name.to_ascii_lowercase();
        let alias = match lower.as_str() {
            "avc" => "h264",
            "hevc" => "h265",
            "mjpeg" => "jpeg",
            "mpeg4-generic" => "aac",
            "mpa" => "mp3",
            "pcm" | "pcml" => "l16",
            other => other,
        };
        TABLE.iter().find(|row| row.name.eq_ignore_ascii_case(alias)).map(|row| row.codec)
    }
}

impl std::fmt::Display for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.codec as usize, index, "{}", row.name);
            assert_eq!(Codec::from_rtp_name(row.rtp_name), Some(row.codec));
            assert_eq!(Codec::from_common_name(row.name), Some(row.codec));
        }
    }
}
