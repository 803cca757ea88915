//! Which pictures a controller gets: the stream's own where Apple's devices take them, else those that are coded anew.
use super::{LiveError, Plan};
use formats::bitstream::profile_level_name;
use hub::{View, Wants, Worker};
use media::{Codec, Kind, Track};

/// The highest level that HomeKit speaks of, times ten.
const LEVEL_MAX: u8 = 40;
/// The profiles that it speaks of.
const PROFILES: [&str; 5] = ["Constrained Baseline", "Baseline", "Main", "Constrained High", "High"];

/// What is shown.
pub(super) struct Found {
    /// The hold on the stream with the pictures.
    pub(super) view: View,
    /// That on the one with the sound, where it is another.
    pub(super) sound: Option<View>,
    /// The pictures.
    pub(super) track: Track,
}

/// What the stream has for a controller.
#[derive(Debug, PartialEq)]
pub(super) enum Fit {
    /// It goes through as it is.
    Whole,
    /// It goes through, though HomeKit does not speak of that level; its devices take it as a rule.
    Beyond {
        /// Which, times ten.
        level: u8,
    },
    /// It is of no use to them, and why.
    Unfit(String),
}

/// Takes hold of the stream, and where its pictures do not fit, of those that are coded anew, if they may be.
pub(super) async fn find(worker: &Worker, plan: &Plan) -> Result<Found, LiveError> {
    let mut wants = Wants::none().with(Kind::Video, [Codec::H264]);
    if plan.sound && plan.selected.audio.is_some() {
        wants = wants.with(Kind::Audio, []);
    }
    let view = worker.open_for(&plan.stream, wants).await?;
    let tracks = view.ready().await?;
    let own = tracks.iter().find(|track| track.codec == Codec::H264);
    let fit = match own {
        Some(track) => fit(track, view.reorders(track.id)),
        None => Fit::Unfit(match tracks.iter().find(|track| track.codec.is_video()) {
            Some(track) => format!("its pictures are {}, and HomeKit takes H264 only", track.codec),
            None => "it has no pictures".to_owned(),
        }),
    };
    match (fit, own, &plan.transcoded) {
        (Fit::Whole, Some(track), _) => {
            let track = track.clone();
            Ok(Found { view, sound: None, track })
        }
        (Fit::Beyond { level }, Some(track), None) => {
            let level = format!("{}.{}", level / 10, level % 10);
            tracing::info!(stream = %plan.stream, level, "pictures of a level beyond HomeKit's 4.0 go through as they are");
            let track = track.clone();
            Ok(Found { view, sound: None, track })
        }
        (Fit::Unfit(why), _, None) => Err(LiveError::Unfit(format!(
            "{why}: set homekit.{}.transcode to true, or give the stream a source such as ffmpeg:{}#video=h264",
            plan.stream, plan.stream
        ))),
        (Fit::Whole | Fit::Beyond { .. }, None, None) => Err(LiveError::NoVideo),
        (_, _, Some(transcoded)) => {
            tracing::debug!(stream = %plan.stream, "pictures for HomeKit are coded anew");
            let other = worker.open_for(transcoded, Wants::none().with(Kind::Video, [Codec::H264])).await?;
            let tracks = other.ready().await?;
            let track =
                tracks.iter().find(|track| track.codec == Codec::H264).cloned().ok_or(LiveError::NoVideo)?;
            Ok(Found { view: other, sound: Some(view), track })
        }
    }
}

/// Whether pictures of H.264 can be shown.
fn fit(track: &Track, reorders: bool) -> Fit {
    match profile_level_name(track) {
        _ if reorders => {
            Fit::Unfit("its pictures have B frames, which HomeKit's devices show in the wrong order".into())
        }
        (Some(profile), _) if !PROFILES.contains(&profile) => {
            Fit::Unfit(format!("its pictures are H264 {profile}, which HomeKit does not know"))
        }
        (_, Some(level)) if level > LEVEL_MAX => Fit::Beyond { level },
        _ => Fit::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::CodecParams;

    fn track(profile: u8, constraints: u8, level: u8) -> Track {
        let sps = vec![0x67, profile, constraints, level].into();
        Track::video(0, Codec::H264, CodecParams::H264 { sps, pps: vec![vec![0x68].into()] })
    }

    #[test]
    fn what_homekit_speaks_of_goes_through_and_the_rest_is_said() {
        assert_eq!(fit(&track(66, 0xc0, 31), false), Fit::Whole);
        assert_eq!(fit(&track(100, 0, 40), false), Fit::Whole);
        assert_eq!(fit(&track(77, 0, 51), false), Fit::Beyond { level: 51 });
        assert!(matches!(fit(&track(110, 0, 31), false), Fit::Unfit(why) if why.contains("High 10")));
        assert!(matches!(fit(&track(66, 0xc0, 31), true), Fit::Unfit(why) if why.contains("B frames")));
    }
}
