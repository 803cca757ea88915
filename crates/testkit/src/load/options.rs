//! What can be asked for on the command line.
use super::content::Check;
use crate::conference::Verify;
use crate::net::LinkConfig;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::time::Duration;

/// Most readers: 5,000. A reader is a socket; more than that needs more than one address.
pub const READERS_MAX: usize = 5_000;
/// Longest run: 600 s.
pub const SECONDS_MAX: u64 = 600;
/// Most live views: 500. Each is two sessions of the 1,024 that the server allows.
pub const VIEWS_MAX: usize = 500;

/// Reads, publishes or meets on a server of this machine, and says what came and what it cost.
#[derive(Clone, Debug, Parser)]
#[command(name = "load")]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Readers over RTSP with RTP in the same connection: rtsp://127.0.0.1:8554/cam
    Rtsp(ReadOptions),
    /// Readers over RTMP: rtmp://127.0.0.1:1935/live/cam
    Rtmp(ReadOptions),
    /// Readers of HTTP-FLV: http://127.0.0.1:1984/api/stream.flv?src=cam
    Flv(ReadOptions),
    /// Readers of progressive MP4: http://127.0.0.1:1984/api/stream.mp4?src=cam
    Mp4(ReadOptions),
    /// Readers of MP4 over WebSocket, as browsers with MSE: ws://127.0.0.1:1984/api/ws?src=cam
    Mse(ReadOptions),
    /// WebRTC players: http://127.0.0.1:1984/api/webrtc?src=cam
    Whep(ReadOptions),
    /// A conference of bots in a room, where rooms have no keys: http://127.0.0.1:1984
    Room(RoomOptions),
    /// A HomeKit controller with live views of our own cameras: 127.0.0.1:8500
    Homekit(HomekitOptions),
    /// Publish made-up H.264 over RTMP: rtmp://127.0.0.1:1935/live/cam
    PublishRtmp(PublishOptions),
    /// Publish made-up H.264 over RTSP: rtsp://127.0.0.1:8554/cam
    PublishRtsp(PublishOptions),
}

/// What readers do.
#[derive(Clone, Debug, Args)]
pub struct ReadOptions {
    /// What to read; loopback only.
    #[arg(long)]
    pub url: String,
    /// How many readers.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=READERS_MAX as i64))]
    pub readers: u16,
    /// How long to measure once all are there.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub seconds: u64,
    /// Whose CPU and memory to report.
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// How much of the content to compare; everything up to 50 readers and a sample above, unless said otherwise.
    #[arg(long)]
    pub check: Option<Check>,
    /// Readers that connect at the same time.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub at_once: u16,
    /// Fail unless every reader gets so many pictures a second, give or take 2 %: readers cannot see what the server
    /// lost before it sent.
    #[arg(long)]
    pub expect_fps: Option<f64>,
    /// WHEP: the part of the players that decrypt what they get, ask again for what is lost and report on it; the others
    /// only count packets and answer checks.
    #[arg(long, default_value_t = 1.0)]
    pub verify_fraction: f64,
    /// RTSP and WHEP: say which simulated cameras were seen, by the marks that their frames carry.
    #[arg(long)]
    pub marks: bool,
}

impl ReadOptions {
    pub(super) fn check(&self) -> Check {
        self.check.unwrap_or(if self.readers <= 50 { Check::All } else { Check::Sample })
    }
}

/// What bots do in a room.
#[derive(Clone, Debug, Args)]
pub struct RoomOptions {
    /// The server; loopback only.
    #[arg(long)]
    pub url: String,
    /// Which room.
    #[arg(long, default_value = "load")]
    pub room: String,
    /// How many bots.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub participants: u16,
    /// How many of them send a picture; all, unless said otherwise.
    #[arg(long)]
    pub cameras: Option<u16>,
    /// How many of them send sound; all, unless said otherwise.
    #[arg(long)]
    pub microphones: Option<u16>,
    /// Bits a second of each picture.
    #[arg(long, default_value = "1000k", value_parser = bitrate)]
    pub bitrate: u64,
    /// Pictures in three sizes instead: 150, 500 and 1,500 kbit/s.
    #[arg(long)]
    pub simulcast: bool,
    /// Pictures a second.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub fps: u32,
    /// Packets lost each way, of a thousand.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=900))]
    pub loss_per_mille: u32,
    /// Milliseconds under way each way.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=2_000))]
    pub delay_ms: u64,
    /// Up to so many more, at random.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=2_000))]
    pub jitter_ms: u64,
    /// How long to measure once all receive all.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub seconds: u64,
    /// Whose CPU and memory to report.
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// How closely the bots look.
    #[arg(long, value_enum, default_value_t = Looks::Full)]
    pub verify: Looks,
}

/// How closely bots look at what comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Looks {
    /// At every byte, frame and number.
    Full,
    /// They decrypt, and look at sequence numbers.
    Light,
    /// They count datagrams, and ask for no repair: for the cost of sending alone.
    None,
}

impl Looks {
    pub(super) fn looks_inside(self) -> bool {
        self == Self::Full
    }
}

impl From<Looks> for Verify {
    fn from(looks: Looks) -> Self {
        match looks {
            Looks::Full => Self::Full,
            Looks::Light => Self::Light,
            Looks::None => Self::None,
        }
    }
}

impl RoomOptions {
    pub(super) fn link(&self) -> LinkConfig {
        LinkConfig {
            loss_per_mille: self.loss_per_mille,
            delay: Duration::from_millis(self.delay_ms),
            jitter: Duration::from_millis(self.jitter_ms),
            ..LinkConfig::default()
        }
    }
}

/// What a HomeKit controller does.
#[derive(Clone, Debug, Args)]
pub struct HomekitOptions {
    /// Where the accessory takes connections, such as 127.0.0.1:8500; loopback only. It must be paired with nobody: the
    /// controller pairs, and removes its pairing at the end.
    #[arg(long)]
    pub address: String,
    /// Its setup code.
    #[arg(long)]
    pub pin: String,
    /// Its identifier, where another one is to be refused.
    #[arg(long)]
    pub id: Option<String>,
    /// How many live views, spread over its cameras.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=VIEWS_MAX as i64))]
    pub views: u16,
    /// Take sound as well.
    #[arg(long)]
    pub sound: bool,
    /// How long to measure once all are there.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub seconds: u64,
    /// Whose CPU and memory to report.
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// With `--server-pid`: how long the server is watched without views, before the first and again after the last.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub idle_seconds: u64,
    /// How closely the packets are looked at.
    #[arg(long, value_enum, default_value_t = Opens::All)]
    pub check: Opens,
    /// Fail unless every view gets so many pictures a second, give or take 2 %.
    #[arg(long)]
    pub expect_fps: Option<f64>,
}

/// How closely a HomeKit controller looks at what comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Opens {
    /// Every packet is deciphered, and every picture put together.
    All,
    /// Nothing is deciphered; headers are plain, and are counted by.
    None,
}

/// What a publisher does.
#[derive(Clone, Debug, Args)]
pub struct PublishOptions {
    /// Where to publish; loopback only. With several streams, `{}` in it stands for the number of each.
    #[arg(long)]
    pub url: String,
    /// Bits a second of each stream; `k` and `M` are understood.
    #[arg(long, default_value = "4000k", value_parser = bitrate)]
    pub bitrate: u64,
    /// Frames a second.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub fps: u32,
    /// Frames from one key frame to the next.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=3_000))]
    pub gop: u32,
    /// How long.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub seconds: u64,
    /// How many streams.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub streams: u16,
}

fn bitrate(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.trim().strip_suffix(['k', 'K']) {
        Some(number) => (number, 1_000),
        None => text.trim().strip_suffix(['m', 'M']).map_or((text.trim(), 1), |number| (number, 1_000_000)),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text} is no bit rate, such as 4000k"))?;
    let rate = number.saturating_mul(factor);
    if (8_000..=1_000_000_000).contains(&rate) { Ok(rate) } else { Err("8k to 1000M".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_rates_are_read_as_people_write_them() {
        assert_eq!(["4000k", "4M", "4000000"].map(bitrate), [Ok(4_000_000), Ok(4_000_000), Ok(4_000_000)]);
        assert!(bitrate("fast").is_err() && bitrate("1").is_err());
    }

    #[test]
    fn a_run_without_bounds_cannot_be_asked_for() {
        let parse = |args: &str| Options::try_parse_from(args.split(' '));
        assert!(parse("load rtsp --url rtsp://localhost/a --readers 5000 --seconds 600").is_ok());
        assert!(parse("load rtsp --url rtsp://localhost/a --readers 5001").is_err());
        assert!(parse("load rtsp --url rtsp://localhost/a --seconds 601").is_err());
        assert!(parse("load homekit --address 127.0.0.1:1 --pin 031-45-154 --views 500").is_ok());
        assert!(parse("load homekit --address 127.0.0.1:1 --pin 031-45-154 --views 501").is_err());
    }
}
