//! `onMetaData` of what is muxed.
use super::Muxer;
use crate::amf0::{Value, encode};
use crate::bitstream;
use bytes::Bytes;
use media::Track;

/// What tells the server's name in `onMetaData`.
const ENCODER: &str = concat!("Aqueduct/", env!("CARGO_PKG_VERSION"));

impl Muxer {
    /// The script data `onMetaData`. For RTMP publishing, `@setDataFrame` comes before it.
    pub fn metadata(&self) -> Bytes {
        let mut properties: Vec<(String, Value)> = Vec::new();
        let mut put = |key: &str, value: Value| properties.push((key.to_owned(), value));
        put("duration", Value::Number(0.0));
        if let Some((track, carrier)) = self.carried(&self.video) {
            if let Some((width, height)) = bitstream::video_size(track) {
                put("width", Value::Number(f64::from(width)));
                put("height", Value::Number(f64::from(height)));
            }
            put("videocodecid", Value::Number(carrier.codec_id()));
        }
        if let Some((track, carrier)) = self.carried(&self.audio) {
            put("audiosamplerate", Value::Number(f64::from(track.clock_rate)));
            put("audiosamplesize", Value::Number(16.0));
            put("stereo", Value::Bool(track.channels > 1));
            put("audiocodecid", Value::Number(carrier.codec_id()));
        }
        put("encoder", Value::from(ENCODER));
        encode(&[Value::from("onMetaData"), Value::EcmaArray(properties)])
    }

    fn carried<'a>(
        &'a self,
        slot: &Option<(media::TrackId, super::Carrier)>,
    ) -> Option<(&'a Track, super::Carrier)> {
        let (id, carrier) = (*slot)?;
        self.tracks.iter().find(|track| track.id == id).map(|track| (track, carrier))
    }
}
