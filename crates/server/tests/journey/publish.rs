//! Encoders push, players read: each way in with each codec, read by every way out at the same time.
//!
//! Every reader must get an excerpt of the published file, byte for byte, with its times.

use super::clip::{Clip, read_seconds};
use super::packets::Packets;
use super::readers::{FfmpegReader, GstReader, Output, View, last_lines};
use super::{BINARY, turn};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use testkit::process::{Peer, Place, Server};
use testkit::{peers, require};

const STREAM: &str = "in1";

/// A way into the server.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Input {
    Rtmp,
    RtspTcp,
    RtspUdp,
    Whip,
}

/// Which FFmpeg publishes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Version {
    Five,
    Nine,
}

/// What a journey needs from outside.
struct Tools {
    ffmpeg5: PathBuf,
    ffmpeg9: PathBuf,
    gst_launch: PathBuf,
}

/// What reads.
enum Reads {
    Ffmpeg5(Output),
    Ffmpeg9(Output),
    Gst(Output),
}

/// Starts publishing the file in real time, as it is.
pub(super) fn publish(ffmpeg: &Path, place: &Place, file: &Path, arguments: &[&str], url: &str) -> Peer {
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "info", "-nostdin", "-re", "-i"]).arg(file).args(["-map", "0", "-c", "copy"]);
    command.args(arguments).arg(url);
    Peer::start(place, "publisher", &mut command, Duration::from_secs(u64::from(read_seconds()) + 60))
}

fn start(input: Input, ffmpeg: &Path, place: &Place, file: &Path, server: &Server) -> Peer {
    let rtsp = server.rtsp_url(STREAM);
    match input {
        Input::Rtmp => publish(ffmpeg, place, file, &["-f", "flv"], &server.rtmp_url(STREAM)),
        Input::RtspTcp => publish(ffmpeg, place, file, &["-f", "rtsp", "-rtsp_transport", "tcp"], &rtsp),
        Input::RtspUdp => publish(ffmpeg, place, file, &["-f", "rtsp", "-rtsp_transport", "udp"], &rtsp),
        Input::Whip => {
            let url = server.http_url(&format!("/api/webrtc?dst={STREAM}"));
            publish(ffmpeg, place, file, &["-f", "whip"], &url)
        }
    }
}

/// One publisher, all its readers at once.
fn journey(tools: &Tools, publisher: Version, input: Input, clip: Clip, reads: &[Reads]) {
    let _turn = turn::shared();
    let Tools { ffmpeg5, ffmpeg9, gst_launch } = tools;
    let place = Place::new().unwrap();
    let file = clip.file(ffmpeg9);
    let source = Packets::of_clip(ffmpeg9, clip, &file);
    let server =
        Server::start(BINARY, &place, json!({ "streams": { STREAM: null }, "log": { "rtsp": "debug" } }));
    assert_eq!(server.stream(STREAM)["state"], "waiting");

    let ffmpeg = match publisher {
        Version::Five => ffmpeg5,
        Version::Nine => ffmpeg9,
    };
    let publishing = start(input, ffmpeg, &place, &file, &server);
    let stream = server.wait_for_state(STREAM, "live", Duration::from_secs(10));
    let tracks = stream["tracks"].as_array().map_or(0, Vec::len);
    assert_eq!(tracks, 2, "{publisher:?} publishes two tracks: {stream:#}");

    let seconds = read_seconds();
    let view = View { place: &place, server: &server, stream: STREAM, clip, seconds };
    let (mut by_ffmpeg, mut by_gst) = (Vec::new(), Vec::new());
    for read in reads {
        match read {
            Reads::Ffmpeg5(output) => by_ffmpeg.push(FfmpegReader::start(ffmpeg5, "ffmpeg5", *output, &view)),
            Reads::Ffmpeg9(output) => by_ffmpeg.push(FfmpegReader::start(ffmpeg9, "ffmpeg9", *output, &view)),
            Reads::Gst(output) => {
                by_gst.push(GstReader::start(gst_launch, *output, &View { seconds: seconds - 2, ..view }));
            }
        }
    }
    let mut wrong: Vec<String> = Vec::new();
    wrong.extend(by_ffmpeg.into_iter().filter_map(|reader| reader.finish(&source, clip, seconds).err()));
    wrong.extend(by_gst.into_iter().filter_map(|reader| reader.finish().err()));
    if !wrong.is_empty() {
        let log = last_lines(&server.log(), 60);
        panic!(
            "{} of {} readers:\n{}\nthe server says:\n{log}",
            wrong.len(),
            reads.len(),
            wrong.join("\n\n")
        );
    }

    let exit = publishing.wait();
    assert!(exit.success, "the publisher failed:\n{}", last_lines(&exit.stderr, 20));
    // a publisher may come back: the stream waits 15 s for it
    server.wait_for_end(STREAM, Duration::from_secs(25));
    server.stop();
}

/// H.264 and AAC: everything carries it.
const H264_READS: [Reads; 9] = [
    Reads::Ffmpeg5(Output::RtspTcp),
    Reads::Ffmpeg9(Output::RtspUdp),
    Reads::Ffmpeg5(Output::Rtmp),
    Reads::Ffmpeg5(Output::HttpFlv),
    Reads::Ffmpeg9(Output::Fmp4),
    Reads::Gst(Output::RtspTcp),
    Reads::Gst(Output::RtspUdp),
    Reads::Gst(Output::Rtmp),
    Reads::Gst(Output::HttpFlv),
];

/// H.265 and AAC: FLV and RTMP in their enhanced form, so by the newer FFmpeg only.
const H265_READS: [Reads; 7] = [
    Reads::Ffmpeg5(Output::RtspTcp),
    Reads::Ffmpeg9(Output::RtspUdp),
    Reads::Ffmpeg9(Output::Rtmp),
    Reads::Ffmpeg9(Output::HttpFlv),
    Reads::Ffmpeg5(Output::Fmp4),
    Reads::Ffmpeg9(Output::Fmp4),
    Reads::Gst(Output::RtspTcp),
];

/// AV1 and Opus: RTP for AV1 is younger than FFmpeg 5.
const AV1_READS: [Reads; 6] = [
    Reads::Ffmpeg9(Output::RtspTcp),
    Reads::Ffmpeg9(Output::RtspUdp),
    Reads::Ffmpeg9(Output::Rtmp),
    Reads::Ffmpeg9(Output::HttpFlv),
    Reads::Ffmpeg5(Output::Fmp4),
    Reads::Ffmpeg9(Output::Fmp4),
];

macro_rules! journeys {
    ($($name:ident: $publisher:ident by $input:ident, $clip:ident, $reads:ident;)+) => {$(
        #[test]
        fn $name() {
            require!(ffmpeg5, ffmpeg9, gst_launch);
            let tools = Tools { ffmpeg5, ffmpeg9, gst_launch };
            journey(&tools, Version::$publisher, Input::$input, Clip::$clip, &$reads);
        }
    )+};
}

journeys! {
    ffmpeg_5_h264_by_rtmp_reaches_every_reader_unchanged: Five by Rtmp, H264Aac, H264_READS;
    ffmpeg_5_h264_by_rtsp_tcp_reaches_every_reader_unchanged: Five by RtspTcp, H264Aac, H264_READS;
    ffmpeg_5_h264_by_rtsp_udp_reaches_every_reader_unchanged: Five by RtspUdp, H264Aac, H264_READS;
    ffmpeg_5_h265_by_rtsp_reaches_every_reader_unchanged: Five by RtspTcp, H265Aac, H265_READS;
    ffmpeg_9_h264_by_rtmp_reaches_every_reader_unchanged: Nine by Rtmp, H264Aac, H264_READS;
    ffmpeg_9_h264_by_rtsp_tcp_reaches_every_reader_unchanged: Nine by RtspTcp, H264Aac, H264_READS;
    ffmpeg_9_h264_by_rtsp_udp_reaches_every_reader_unchanged: Nine by RtspUdp, H264Aac, H264_READS;
    ffmpeg_9_h265_by_rtsp_reaches_every_reader_unchanged: Nine by RtspUdp, H265Aac, H265_READS;
    ffmpeg_9_h265_by_enhanced_rtmp_reaches_every_reader_unchanged: Nine by Rtmp, H265Aac, H265_READS;
    ffmpeg_9_av1_and_opus_by_enhanced_rtmp_reach_every_reader_unchanged: Nine by Rtmp, Av1Opus, AV1_READS;
    ffmpeg_9_h264_and_opus_by_whip_reach_every_reader_unchanged: Nine by Whip, H264Opus, AV1_READS;
}

/// Debian's VLC has no RTSP, so HTTP and RTMP. It runs as `nobody`, who may only write to the temporary folder.
#[test]
fn vlc_plays_http_flv_and_rtmp() {
    require!(ffmpeg5, ffmpeg9, ffprobe, vlc);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let clip = Clip::H264Aac;
    let server = Server::start(BINARY, &place, json!({ "streams": { STREAM: null } }));
    let file = clip.file(&ffmpeg9);
    let _publishing = start(Input::Rtmp, &ffmpeg5, &place, &file, &server);
    server.wait_for_state(STREAM, "live", Duration::from_secs(10));
    let urls = [
        ("flv", server.http_url(&format!("/api/stream.flv?src={STREAM}"))),
        ("rtmp", server.rtmp_url(STREAM)),
    ];
    let players = urls.map(|(name, url)| {
        let written = std::env::temp_dir().join(format!("aqueduct-vlc-{name}-{}.ts", server.pid()));
        let mut command = peers::vlc_command(&vlc);
        command.args(["-I", "dummy", "--play-and-exit", "--run-time=7", "--sout"]);
        command
            .arg(format!("#std{{access=file,mux=ts,dst={}}}", written.display()))
            .args([&url, "vlc://quit"]);
        (name, written, Peer::start(&place, &format!("vlc-{name}"), &mut command, Duration::from_secs(20)))
    });
    for (name, written, player) in players {
        let exit = player.wait();
        let probed = Command::new(&ffprobe)
            .args([
                "-v",
                "error",
                "-count_packets",
                "-show_entries",
                "stream=codec_name,nb_read_packets",
                "-of",
                "csv=p=0",
            ])
            .arg(&written)
            .output()
            .unwrap();
        let _ = std::fs::remove_file(&written);
        let probed = String::from_utf8_lossy(&probed.stdout).into_owned();
        let count = |codec: &str| -> u32 {
            let line = probed.lines().find(|line| line.starts_with(codec));
            line.and_then(|line| line.rsplit(',').next()?.trim().parse().ok()).unwrap_or(0)
        };
        let said = last_lines(&exit.stderr, 12);
        assert!(count("h264") >= 120, "VLC by {name} wrote too few pictures: {probed}\n{said}");
        assert!(count("aac") >= 180, "VLC by {name} wrote too little sound: {probed}\n{said}");
    }
    server.stop();
}

/// ffprobe, the tool everybody asks first, finds both tracks by every way out.
#[test]
fn ffprobe_names_the_codecs_by_every_output() {
    require!(ffmpeg5, ffmpeg9, ffprobe);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let clip = Clip::H264Aac;
    let server = Server::start(BINARY, &place, json!({}));
    let file = clip.file(&ffmpeg9);
    // a name that no config has: created by whoever publishes to it
    let _publishing = publish(&ffmpeg5, &place, &file, &["-f", "flv"], &server.rtmp_url("fresh"));
    server.wait_for_state("fresh", "live", Duration::from_secs(10));
    let urls = [
        server.rtsp_url("fresh"),
        server.rtmp_url("fresh"),
        server.http_url("/api/stream.flv?src=fresh"),
        server.http_url("/api/stream.mp4?src=fresh"),
    ];
    for (number, url) in urls.iter().enumerate() {
        let mut command = Command::new(&ffprobe);
        command.args(["-v", "error", "-show_entries", "stream=codec_name,width,height,sample_rate,channels"]);
        command.args(["-of", "csv=p=0", url]);
        let exit =
            Peer::start(&place, &format!("ffprobe-{number}"), &mut command, Duration::from_secs(15)).wait();
        let exit = exit.expect_success();
        let mut lines: Vec<&str> = exit.stdout.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["aac,48000,2", "h264,640,360"], "{url}");
    }
    server.stop();
}
