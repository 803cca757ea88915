//! Players: how each foreign program reads a stream, and what it must have got.

use super::clip::{Clip, FRAME_RATE};
use super::packets::{self, DecodingTimes, Packets};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::process::{Peer, Place, Server};

/// A way out of the server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Output {
    /// RTSP interleaved in TCP.
    RtspTcp,
    /// RTSP with RTP over UDP.
    RtspUdp,
    /// RTMP, enhanced for what FLV did not know.
    Rtmp,
    /// FLV over HTTP.
    HttpFlv,
    /// Fragmented MP4 over HTTP.
    Fmp4,
}

impl Output {
    fn url(self, server: &Server, stream: &str) -> String {
        match self {
            Self::RtspTcp | Self::RtspUdp => server.rtsp_url(stream),
            Self::Rtmp => server.rtmp_url(stream),
            Self::HttpFlv => server.http_url(&format!("/api/stream.flv?src={stream}")),
            Self::Fmp4 => server.http_url(&format!("/api/stream.mp4?src={stream}")),
        }
    }

    fn decoding_times(self) -> DecodingTimes {
        match self {
            Self::RtspTcp | Self::RtspUdp => DecodingTimes::Guessed,
            Self::Rtmp | Self::HttpFlv | Self::Fmp4 => DecodingTimes::Carried,
        }
    }
}

/// What is watched, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    /// Where logs go.
    pub(super) place: &'a Place,
    /// The server that is watched.
    pub(super) server: &'a Server,
    /// The stream's name.
    pub(super) stream: &'a str,
    /// What is published to it.
    pub(super) clip: Clip,
    /// Seconds of media.
    pub(super) seconds: u32,
}

/// An FFmpeg that copies packets and writes down their hashes.
#[derive(Debug)]
pub(super) struct FfmpegReader {
    peer: Peer,
    name: String,
    output: Output,
    file: std::path::PathBuf,
}

impl FfmpegReader {
    /// Starts reading. `label` tells versions apart.
    pub(super) fn start(ffmpeg: &Path, label: &str, output: Output, view: &View<'_>) -> Self {
        let View { place, server, stream, clip, seconds } = *view;
        let name = format!("{label}-{output:?}");
        let file = place.file(&format!("{name}.framemd5"));
        let mut command = Command::new(ffmpeg);
        command.args(["-v", "info", "-nostdin", "-y"]);
        match output {
            Output::RtspTcp => command.args(["-rtsp_transport", "tcp"]),
            Output::RtspUdp => command.args(["-rtsp_transport", "udp", "-buffer_size", "2097152"]),
            Output::Rtmp | Output::HttpFlv | Output::Fmp4 => &mut command,
        };
        command.arg("-i").arg(output.url(server, stream)).args(packets::arguments(clip));
        command.args(["-t", &seconds.to_string(), "-f", "framemd5"]).arg(&file);
        let limit = Duration::from_secs(u64::from(seconds) + 25);
        Self { peer: Peer::start(place, &name, &mut command, limit), name, output, file }
    }

    /// Waits for its end and says what was wrong.
    pub(super) fn finish(self, source: &Packets, clip: Clip, seconds: u32) -> Result<(), String> {
        let exit = self.peer.wait();
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        let result = Packets::parse(&text).check(source, clip, seconds, self.output.decoding_times());
        let result =
            result.and_then(|()| if exit.success { Ok(()) } else { Err("its exit code is not 0".into()) });
        result.map_err(|why| format!("{}: {why}\n{}", self.name, last_lines(&exit.stderr, 12)))
    }
}

/// A GStreamer pipeline that decodes the picture and parses the sound.
#[derive(Debug)]
pub(super) struct GstReader {
    peer: Peer,
    name: String,
    frames: u32,
    by_rtsp: bool,
}

impl GstReader {
    /// Starts reading.
    pub(super) fn start(gst_launch: &Path, output: Output, view: &View<'_>) -> Self {
        let View { place, server, stream, clip, seconds } = *view;
        let url = output.url(server, stream);
        let (depay, decode) = match clip {
            Clip::H264Aac | Clip::H264Opus | Clip::Heavy => ("rtph264depay", "h264parse ! avdec_h264"),
            Clip::H265Aac => ("rtph265depay", "h265parse ! avdec_h265"),
            Clip::Av1Opus => panic!("Debian's GStreamer has no AV1 depayloader"),
        };
        let frames = seconds * FRAME_RATE;
        let video =
            format!("{decode} ! identity eos-after={frames} ! fakesink name=v silent=false sync=false");
        let audio = format!("aacparse ! identity eos-after={} ! fakesink sync=false", seconds * 48);
        let pipeline = match output {
            Output::RtspTcp | Output::RtspUdp => {
                let protocol = if output == Output::RtspTcp { "tcp" } else { "udp" };
                format!(
                    "rtspsrc name=s location={url} protocols={protocol} latency=200 \
                     s. ! {depay} ! queue ! {video} s. ! rtpmp4gdepay ! queue ! {audio}"
                )
            }
            Output::Rtmp => format!(
                "rtmp2src location={url} ! flvdemux name=d d.video ! queue ! {video} d.audio ! queue ! {audio}"
            ),
            Output::HttpFlv => format!(
                "souphttpsrc location={url} ! flvdemux name=d d.video ! queue ! {video} d.audio ! queue ! {audio}"
            ),
            Output::Fmp4 => format!(
                "souphttpsrc location={url} ! qtdemux name=d d.video_0 ! queue ! {video} d.audio_0 ! queue ! {audio}"
            ),
        };
        let name = format!("gst-{output:?}");
        let mut command = Command::new(gst_launch);
        command.arg("-v").args(pipeline.split_whitespace());
        let limit = Duration::from_secs(u64::from(seconds) + 25);
        let by_rtsp = matches!(output, Output::RtspTcp | Output::RtspUdp);
        Self { peer: Peer::start(place, &name, &mut command, limit), name, frames, by_rtsp }
    }

    /// Waits for its end and says what was wrong.
    pub(super) fn finish(self) -> Result<(), String> {
        let exit = self.peer.wait();
        let times: Vec<f64> =
            exit.stdout.lines().filter(|line| line.contains("(v:sink)")).filter_map(gst_pts).collect();
        let fail = |why: String| Err(format!("{}: {why}\n{}", self.name, last_lines(&exit.stderr, 12)));
        // identity ends the stream at its count: a decoder may hold the last ones back, and of those that it shows some
        // B frames are missing, which come after the pictures that they lie before
        if times.len() + 8 < self.frames as usize {
            return fail(format!("{} decoded frames, not {}", times.len(), self.frames));
        }
        let times = &times[..times.len() - 8];
        let step = 1.0 / f64::from(FRAME_RATE);
        // rtspsrc takes the clock from when packets arrive, and the cached group of pictures arrives at once: it shows the
        // first second faster. Over RTSP the times themselves are FFmpeg's to judge.
        let uneven = |pair: &&[f64]| match self.by_rtsp {
            true => pair[1] < pair[0],
            false => (pair[1] - pair[0] - step).abs() > 0.020,
        };
        match times.windows(2).find(uneven) {
            Some(pair) => fail(format!("a frame at {:.3} s follows one at {:.3} s", pair[1], pair[0])),
            None if exit.success || self.by_rtsp && pause_cut_short(&exit.stderr) => Ok(()),
            None => fail("its exit code is not 0".into()),
        }
    }
}

/// gst-launch goes from playing to its end in one go: `rtspsrc` is about to send PAUSE when it is told to send TEARDOWN,
/// and at times calls the PAUSE that it did not send an error. The server got TEARDOWN, on a connection that stood.
fn pause_cut_short(stderr: &str) -> bool {
    let errors = stderr.lines().filter(|line| line.starts_with("ERROR"));
    let (told, wrote) = errors.fold((0, 0), |(told, wrote), line| {
        (told + 1, wrote + usize::from(line.contains("GstRTSPSrc:s: Could not write to resource")))
    });
    told > 0 && told == wrote && stderr.contains("gst_rtspsrc_pause ()")
}

/// The presentation time in a line that `fakesink silent=false` prints: `… pts: 0:00:01.033333333, …`.
fn gst_pts(line: &str) -> Option<f64> {
    let text = line.split("pts: ").nth(1)?.split(',').next()?;
    let mut seconds = 0.0;
    for part in text.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    Some(seconds)
}

/// The last lines of a text.
pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
