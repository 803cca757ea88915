//! What a track's parameters say. The API does not read bitstreams: the server tells it.

/// What a track's parameters say, as far as they do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackFacts {
    /// RFC 6381: `avc1.64001F`.
    pub codec_string: Option<String>,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
    /// Pictures a second.
    pub fps: Option<f64>,
    /// The profile's name: `High`.
    pub profile: Option<&'static str>,
    /// The level times ten: 41.
    pub level: Option<u8>,
}
