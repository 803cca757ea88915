//! Prepared clips: encoded once, then published again and again as they are, so that every reader's packets can be
//! compared with the file's.
//!
//! 640×360 at 30 frames a second with a key frame each second, a running number in the picture, and sound that never
//! repeats, so that no two packets are equal.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use testkit::process::peers_folder;

/// How long a reader reads, in seconds of media: 10 s, or 60 s with `AQUEDUCT_LONG=1`.
pub(super) fn read_seconds() -> u32 {
    if std::env::var_os("AQUEDUCT_LONG").is_some_and(|value| value == "1") { 60 } else { 10 }
}

/// How much longer a clip is than a reader reads: readers need time to start and to join.
const MARGIN_SECONDS: u32 = 12;

/// The same for [`Clip::Heavy`]: buffers fill for some seconds, and a reader that takes nothing is cut after 15 s.
const HEAVY_MARGIN_SECONDS: u32 = 28;

/// Frames a second of every clip.
pub(super) const FRAME_RATE: u32 = 30;

/// What is in a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Clip {
    /// H.264 with B frames and AAC.
    H264Aac,
    /// H.264 baseline and Opus, as WebRTC wants it.
    H264Opus,
    /// H.265 and AAC.
    H265Aac,
    /// AV1 and Opus.
    Av1Opus,
    /// H.264 at 16 Mbit/s and AAC: fills the buffers of a reader that has stopped.
    Heavy,
}

impl Clip {
    fn name(self) -> &'static str {
        match self {
            Self::H264Aac => "h264_aac",
            Self::H264Opus => "h264_opus",
            Self::H265Aac => "h265_aac",
            Self::Av1Opus => "av1_opus",
            Self::Heavy => "heavy",
        }
    }

    /// The name that FFmpeg has for the video codec.
    pub(super) fn video(self) -> &'static str {
        match self {
            Self::H264Aac | Self::H264Opus | Self::Heavy => "h264",
            Self::H265Aac => "hevc",
            Self::Av1Opus => "av1",
        }
    }

    /// The name that FFmpeg has for the audio codec.
    pub(super) fn audio(self) -> &'static str {
        match self {
            Self::H264Aac | Self::H265Aac | Self::Heavy => "aac",
            Self::H264Opus | Self::Av1Opus => "opus",
        }
    }

    /// The filter that leaves only what every container carries: no parameter sets, delimiters or supplements.
    pub(super) fn bare_video_filter(self) -> &'static str {
        match self {
            Self::H264Aac | Self::H264Opus | Self::Heavy => "h264_mp4toannexb,filter_units=remove_types=6-9",
            Self::H265Aac => "hevc_mp4toannexb,filter_units=remove_types=32-40",
            Self::Av1Opus => "filter_units=remove_types=1-2",
        }
    }

    fn encoder(self) -> &'static [&'static str] {
        match self {
            Self::H264Aac => {
                &["libx264", "-preset", "veryfast", "-bf", "2", "-b:v", "1500k", "-sc_threshold", "0"]
            }
            Self::H264Opus => &[
                "libx264",
                "-preset",
                "veryfast",
                "-profile:v",
                "baseline",
                "-b:v",
                "1500k",
                "-sc_threshold",
                "0",
            ],
            Self::H265Aac => &[
                "libx265",
                "-preset",
                "ultrafast",
                "-x265-params",
                "log-level=error:keyint=30:min-keyint=30:scenecut=0:bframes=0",
                "-b:v",
                "1500k",
                "-tag:v",
                "hvc1",
            ],
            Self::Av1Opus => {
                &["libsvtav1", "-preset", "11", "-crf", "45", "-svtav1-params", "pred-struct=1:scd=0"]
            }
            Self::Heavy => &[
                "libx264",
                "-preset",
                "ultrafast",
                "-tune",
                "zerolatency",
                "-b:v",
                "16M",
                "-minrate",
                "16M",
                "-maxrate",
                "16M",
                "-bufsize",
                "4M",
                "-sc_threshold",
                "0",
            ],
        }
    }

    /// The clip's file, made now if it is not there yet. `ffmpeg9` has every encoder.
    pub(super) fn file(self, ffmpeg9: &Path) -> PathBuf {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = peers_folder().join("clips");
        let margin = if self == Self::Heavy { HEAVY_MARGIN_SECONDS } else { MARGIN_SECONDS };
        let seconds = read_seconds() + margin;
        let path = folder.join(format!("{}-{seconds}s.mp4", self.name()));
        if path.exists() {
            return path;
        }
        std::fs::create_dir_all(&folder).unwrap();
        let unfinished = folder.join(format!("{}-{}.part.mp4", self.name(), std::process::id()));
        let noise = if self == Self::Heavy { ",noise=alls=40:allf=t" } else { "" };
        let picture = format!("testsrc2=size=640x360:rate={FRAME_RATE}{noise}");
        let sound = "aevalsrc=0.3*sin(2*PI*(300+40*t)*t)+0.05*random(0)|0.3*cos(2*PI*(500+30*t)*t)+0.05*random(1):s=48000";
        let status = Command::new(ffmpeg9)
            .env("SVT_LOG", "1")
            .args([
                "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", sound,
            ])
            .args(["-t", &seconds.to_string(), "-pix_fmt", "yuv420p", "-g", &FRAME_RATE.to_string(), "-c:v"])
            .args(self.encoder())
            .args(["-c:a", if self.audio() == "aac" { "aac" } else { "libopus" }, "-b:a", "96k"])
            .arg(&unfinished)
            .status()
            .unwrap();
        assert!(status.success(), "the clip {} cannot be made", self.name());
        std::fs::rename(&unfinished, &path).unwrap();
        path
    }
}
