//! Sources: we dial.
mod address;
pub(crate) mod dial;
pub mod file;
pub mod http;
pub mod rtmp;
pub mod rtsp;
pub mod tcp;

use crate::config::GatewayConfig;
use bytes::Bytes;
use hub::Connect;
use std::sync::Arc;

/// Everything that can dial, for the hub. `demo`: the file that `demo:` plays.
pub fn connectors(_config: &GatewayConfig, demo: Bytes) -> Vec<Arc<dyn Connect>> {
    vec![
        Arc::new(file::FileSources::new(demo)),
        Arc::new(http::HttpSources),
        Arc::new(rtmp::RtmpSources),
        Arc::new(rtsp::RtspSources),
        Arc::new(tcp::TcpSources),
    ]
}
