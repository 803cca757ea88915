//! Sources: we dial.
mod address;
pub(crate) mod dial;
pub mod exec;
pub mod ffmpeg;
pub mod file;
pub mod homekit;
pub mod http;
pub mod program;
pub mod room;
pub mod rtmp;
pub mod rtsp;
pub mod tcp;

use crate::config::GatewayConfig;
use bytes::Bytes;
use hub::Connect;
use program::Programs;
use rooms::Rooms;
use std::sync::Arc;

/// Everything that can dial, for the hub, but for HomeKit, which the server adds. `demo`: the file that `demo:` plays; `rooms`: where they are on.
pub fn connectors(
    config: &GatewayConfig,
    demo: Bytes,
    programs: &Programs,
    rooms: Option<Rooms>,
) -> Vec<Arc<dyn Connect>> {
    vec![
        Arc::new(exec::ExecSources::new(config.exec.clone(), programs.clone())),
        Arc::new(ffmpeg::FfmpegSources::new(
            config.ffmpeg.clone(),
            config.exec.start_max,
            config.exec.grace,
            programs.clone(),
        )),
        Arc::new(file::FileSources::new(demo)),
        Arc::new(http::HttpSources),
        Arc::new(room::RoomSources::new(rooms)),
        Arc::new(rtmp::RtmpSources),
        Arc::new(rtsp::RtspSources),
        Arc::new(tcp::TcpSources),
    ]
}
