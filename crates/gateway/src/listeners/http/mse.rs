//! fMP4 over WebSocket for Media Source Extensions: which tracks a browser takes, and as what.
use crate::renditions::fmp4;
use hub::{OpenError, PeerInfo, Reader, View, Worker};
use media::{Codec, StreamName, Track};

/// Opens a stream for a browser that takes these codecs (RFC 6381 strings with commas between; none given: all).
/// Returns the MIME type for its source buffer. Errors are worded as go2rtc's clients know them.
pub(super) async fn open(
    worker: &Worker,
    name: &StreamName,
    takes: &str,
    peer: PeerInfo,
) -> Result<(String, View, Reader), String> {
    let takes = codecs(takes);
    let wants = fmp4::wants(&takes);
    let view = worker.open_for(name, wants.clone()).await.map_err(|error| match error {
        OpenError::NotFound(_) => "stream not found".to_owned(),
        OpenError::Shutdown => error.to_string(),
    })?;
    let tracks = view.ready().await.map_err(|e| e.to_string())?;
    let ids = wants.choose(&tracks);
    let fragmenter = match fmp4::fragmenter(&tracks, &ids) {
        Ok(fragmenter) if !ids.is_empty() => fragmenter,
        Ok(_) | Err(_) => return Err(unmatched(&tracks, &takes)),
    };
    let mime = fragmenter.mime();
    let reader = view.reader(fmp4::format(&ids), peer).map_err(|e| e.to_string())?;
    Ok((mime, view, reader))
}

/// The codecs that MSE strings name. One that we do not know is left out.
fn codecs(text: &str) -> Vec<Codec> {
    let one = |text: &str| {
        let text = text.trim().to_ascii_lowercase();
        let known = [
            ("avc1", Codec::H264),
            ("avc3", Codec::H264),
            ("hvc1", Codec::H265),
            ("hev1", Codec::H265),
            ("av01", Codec::Av1),
            ("vp09", Codec::Vp9),
            ("vp9", Codec::Vp9),
            ("vp8", Codec::Vp8),
            ("mp4a.69", Codec::Mp3),
            ("mp4a.6b", Codec::Mp3),
            ("mp3", Codec::Mp3),
            ("mp4a", Codec::Aac),
            ("opus", Codec::Opus),
        ];
        known.into_iter().find(|(prefix, _)| text.starts_with(prefix)).map(|(_, codec)| codec)
    };
    text.split(',').filter_map(one).collect()
}

fn unmatched(tracks: &[Track], takes: &[Codec]) -> String {
    let list = |codecs: &mut dyn Iterator<Item = Codec>| {
        codecs.map(|codec| format!("{}:{codec}", codec.kind().as_str())).collect::<Vec<_>>().join(", ")
    };
    let has = list(&mut tracks.iter().map(|track| track.codec));
    let wants = list(&mut takes.iter().copied());
    format!("streams: codecs not matched: {has} => {wants}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_name_is_understood_and_the_rest_left_out() {
        let all = "avc1.640029,avc1.64002A,hvc1.1.6.L153.B0,mp4a.40.2,mp4a.40.5,flac,opus";
        assert_eq!(codecs(all), [Codec::H264, Codec::H264, Codec::H265, Codec::Aac, Codec::Aac, Codec::Opus]);
        assert!(codecs("").is_empty());
    }
}
