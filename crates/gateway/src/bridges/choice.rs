//! What of a stream goes into a room: one picture in a codec that rooms carry, one sound as Opus.
//!
//! Source: RFC 7874 (browsers have Opus), RFC 7742 (VP8, and H.264 without B frames). Owns nothing.
use super::BringError;
use crate::webrtc::WebRtcError;
use hub::Wants;
use media::{Codec, Kind, StreamName, Track, TrackId};

/// How sound goes.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Sound {
    /// It is Opus.
    AsItIs(TrackId),
    /// It becomes Opus.
    Transcoded(Track),
}

/// What goes.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Chosen {
    pub(super) video: Option<(TrackId, Codec)>,
    pub(super) sound: Option<Sound>,
    pub(super) left_out: Vec<String>,
}

impl Chosen {
    /// The codecs in the room: the picture's first.
    pub(super) fn codecs(&self) -> Vec<Codec> {
        let video = self.video.map(|(_, codec)| codec);
        video.into_iter().chain(self.sound.as_ref().map(|_| Codec::Opus)).collect()
    }
}

/// What a room asks a stream's sources for: pictures that it carries, and any sound.
pub(super) fn wants(carried: &[Codec]) -> Wants {
    let pictures = carried.iter().copied().filter(|codec| codec.is_video());
    Wants::none().with(Kind::Video, pictures).with(Kind::Audio, [])
}

/// Chooses among the tracks that a stream sends. `reorders`: whether a picture has B frames.
pub(super) fn choose(
    stream: &StreamName,
    carried: &[Codec],
    tracks: &[Track],
    reorders: impl Fn(TrackId) -> bool,
) -> Result<Chosen, BringError> {
    let of_kind = |kind: Kind| tracks.iter().filter(move |track| track.kind() == kind);
    let video = of_kind(Kind::Video).find(|track| carried.contains(&track.codec));
    let video = match (video, of_kind(Kind::Video).next()) {
        (Some(track), _) if reorders(track.id) => {
            return Err(BringError::Unsuitable(format!("{stream}: {}", WebRtcError::BFrames)));
        }
        (Some(track), _) => Some((track.id, track.codec)),
        (None, None) => None,
        (None, Some(other)) => return Err(BringError::Unsuitable(cannot_show(stream, carried, other))),
    };
    let mut left_out = Vec::new();
    let sound = sound(carried, tracks, &mut left_out);
    if video.is_none() && sound.is_none() {
        left_out.push(format!("{stream} has nothing that a room can take"));
        return Err(BringError::Unsuitable(left_out.join("; ")));
    }
    Ok(Chosen { video, sound, left_out })
}

fn cannot_show(stream: &StreamName, carried: &[Codec], track: &Track) -> String {
    let names: Vec<&str> =
        carried.iter().filter(|codec| codec.is_video()).map(|codec| codec.name()).collect();
    format!(
        "{stream} sends {} pictures, and rooms carry {}: add a source that makes H.264 of them, `ffmpeg:{stream}#video=h264`, or \
         switch the camera to H.264",
        track.codec.name(),
        names.join(", ")
    )
}

fn sound(carried: &[Codec], tracks: &[Track], left_out: &mut Vec<String>) -> Option<Sound> {
    let sounds = || tracks.iter().filter(|track| track.kind() == Kind::Audio);
    sounds().next()?;
    if !carried.contains(&Codec::Opus) {
        left_out.push("its sound: rooms do not carry Opus (rooms.codecs)".to_owned());
        return None;
    }
    if let Some(track) = sounds().find(|track| track.codec == Codec::Opus) {
        return Some(Sound::AsItIs(track.id));
    }
    let mut why = None;
    for track in sounds() {
        match audio::Decoder::new(track) {
            Ok(_) => return Some(Sound::Transcoded(track.clone())),
            Err(error) => why = Some(format!("its {} sound: {error}", track.codec.name())),
        }
    }
    left_out.extend(why);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::CodecParams;

    const CARRIED: [Codec; 3] = [Codec::Opus, Codec::Vp8, Codec::H264];

    fn cam() -> StreamName {
        StreamName::new("cam").unwrap()
    }

    fn video(id: TrackId, codec: Codec) -> Track {
        Track::video(id, codec, CodecParams::None)
    }

    fn sound(id: TrackId, codec: Codec, rate: u32) -> Track {
        Track::audio(id, codec, rate, 1, CodecParams::None)
    }

    fn chosen(tracks: &[Track]) -> Result<Chosen, BringError> {
        choose(&cam(), &CARRIED, tracks, |_| false)
    }

    #[test]
    fn a_picture_that_rooms_carry_and_opus_go_as_they_are() {
        let tracks = [
            video(0, Codec::H265),
            sound(1, Codec::Pcma, 8_000),
            video(2, Codec::H264),
            sound(3, Codec::Opus, 48_000),
        ];
        let chosen = chosen(&tracks).unwrap();
        assert_eq!((chosen.video, &chosen.sound), (Some((2, Codec::H264)), &Some(Sound::AsItIs(3))));
        assert_eq!(chosen.codecs(), [Codec::H264, Codec::Opus]);
    }

    #[test]
    fn other_sound_becomes_opus_and_what_cannot_is_left_out_by_name() {
        let pcma = sound(1, Codec::Pcma, 8_000);
        assert_eq!(chosen(std::slice::from_ref(&pcma)).unwrap().sound, Some(Sound::Transcoded(pcma)));
        let silent = chosen(&[video(0, Codec::Vp8), sound(1, Codec::Mp3, 44_100)]).unwrap();
        assert_eq!(silent.sound, None);
        assert!(silent.left_out[0].contains("MP3"), "{:?}", silent.left_out);
    }

    #[test]
    fn pictures_that_no_browser_takes_are_refused_with_what_helps() {
        let why = chosen(&[video(0, Codec::H265)]).unwrap_err().to_string();
        assert!(why.contains("H265") && why.contains("`ffmpeg:cam#video=h264`"), "{why}");
        let why = choose(&cam(), &CARRIED, &[video(0, Codec::H264)], |_| true).unwrap_err().to_string();
        assert!(why.contains("B frames"), "{why}");
        assert!(chosen(&[]).is_err());
    }
}
