//! FLV tags or RTMP messages into a publisher: what every way in by RTMP has in common.
use super::outlet::Outlet;
use bytes::Bytes;
use formats::flv::{Demuxer, TagKind};
use hub::{Ended, Publisher};
use media::{Moment, StreamName};

/// Demuxes one connection's media and publishes it.
pub(crate) struct FlvIngest {
    stream: StreamName,
    outlet: Outlet,
    demuxer: Demuxer,
    /// A damaged sequence header is told once: some encoders repeat theirs with each key frame.
    told_damage: bool,
}

impl FlvIngest {
    /// For the stream that the publisher writes into.
    pub(crate) fn new(stream: StreamName, publisher: Publisher) -> Self {
        let outlet = Outlet::new(stream.clone(), publisher);
        Self { stream, outlet, demuxer: Demuxer::new(), told_damage: false }
    }

    /// Takes one tag or message, and waits while the stream's owner is behind.
    pub(crate) async fn handle_tag(
        &mut self,
        kind: TagKind,
        timestamp_ms: u32,
        data: Bytes,
        now: Moment,
    ) -> Result<(), Ended> {
        self.demuxer.set_wall_clock(now, hub::wall_now());
        if let Err(error) = self.demuxer.handle_tag(kind, timestamp_ms, data, now)
            && !std::mem::replace(&mut self.told_damage, true)
        {
            tracing::warn!(stream = %self.stream, %error, "a sequence header is ignored");
        }
        self.publish().await
    }

    /// Publishes what still waits for its tracks: at an orderly end.
    pub(crate) async fn finish(&mut self) {
        self.demuxer.flush();
        // The stream may have ended first; then nobody misses the rest.
        let _ = self.publish().await;
    }

    /// Returns when the stream takes no more.
    pub(crate) async fn ended(&mut self) -> Ended {
        self.outlet.ended().await
    }

    async fn publish(&mut self) -> Result<(), Ended> {
        while let Some(event) = self.demuxer.pop() {
            self.outlet.handle(event).await?;
        }
        Ok(())
    }
}
