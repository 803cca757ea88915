//! The accessories of the configuration: which there are, and how they follow it when it is read again.
//!
//! Owns them, and the streams that are coded anew for them. A task on the control thread, by mailbox ([`AccessoriesHandle`]).
use super::handle::{AccessoriesHandle, Listed, Wish};
use super::start::{Needs, Ready, Running, StartError};
use super::{AccessoryConfig, server};
use futures_util::future::join_all;
use hub::{Hub, SourceSpec, StreamSpec};
use media::StreamName;
use std::collections::BTreeMap;
use tokio::sync::{mpsc, watch};

/// Wishes that wait: 4. There is a reload at a time, and one end.
const WISHES: usize = 4;

/// The accessories that run. Dropping it ends them without a goodbye; see [`Accessories::end`].
pub struct Accessories {
    hub: Hub,
    needs: Needs,
    running: Vec<Running>,
    /// Streams that are coded anew, by the names of those that they are made of.
    transcoded: BTreeMap<StreamName, StreamName>,
    listed: watch::Sender<Listed>,
    wishes: (mpsc::Sender<Wish>, mpsc::Receiver<Wish>),
}

/// Starts them on the calling thread (a `LocalRuntime`). Ports are bound first, all of them.
///
/// # Errors
/// A port or the keys cannot be had; then none of them runs.
pub async fn start(
    hub: &Hub,
    configs: Vec<AccessoryConfig>,
    needs: &Needs,
) -> Result<Accessories, StartError> {
    let mut all = Accessories {
        hub: hub.clone(),
        needs: needs.clone(),
        running: Vec::new(),
        transcoded: BTreeMap::new(),
        listed: watch::Sender::new(Listed::default()),
        wishes: mpsc::channel(WISHES),
    };
    let mut ready = Vec::new();
    for config in all.with_talk(configs).await {
        ready.push(Ready::new(config, needs).await?);
    }
    all.start(ready).await;
    Ok(all)
}

impl Accessories {
    /// The way to them for others, who do not keep them going.
    pub fn handle(&self) -> AccessoriesHandle {
        AccessoriesHandle::new(self.listed.subscribe(), self.wishes.0.downgrade())
    }

    /// Follows what the handles say until one says that it is the end.
    pub async fn run(mut self) {
        while let Some(wish) = self.wishes.1.recv().await {
            match wish {
                Wish::Configure(configs, reply) => {
                    let problems = self.configure(configs).await;
                    // Whoever asked may have left.
                    let _ = reply.send(problems);
                }
                Wish::End(reply) => {
                    self.end().await;
                    let _ = reply.send(());
                    return;
                }
            }
        }
    }

    /// Makes them be as the configuration says now. Those that it does not change go on, connections and views and all; what
    /// cannot start is told, and is not there.
    pub async fn configure(&mut self, configs: Vec<AccessoryConfig>) -> Vec<StartError> {
        let configs = self.with_talk(configs).await;
        let (stay, go): (Vec<Running>, Vec<Running>) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|running| configs.contains(&running.config));
        self.running = stay;
        // First those that go: others may want their ports.
        join_all(go.into_iter().map(Running::end)).await;
        let (mut ready, mut problems) = (Vec::new(), Vec::new());
        for config in configs {
            if self.running.iter().any(|running| running.config == config) {
                continue;
            }
            match Ready::new(config, &self.needs).await {
                Ok(one) => ready.push(one),
                Err(error) => problems.push(error),
            }
        }
        self.start(ready).await;
        problems
    }

    async fn start(&mut self, ready: Vec<Ready>) {
        for one in ready {
            self.running.push(one.start(&self.hub, &self.needs).await);
        }
        self.running.sort_by(|one, other| one.config.name.cmp(&other.config.name));
        self.transcode().await;
        let listed = self.running.iter().map(|one| (one.config.name.clone(), one.asks.downgrade()));
        self.listed.send_replace(listed.collect());
    }

    /// The same, with a loudspeaker only where the stream can be talked to.
    async fn with_talk(&self, configs: Vec<AccessoryConfig>) -> Vec<AccessoryConfig> {
        let mut configs = configs;
        for camera in configs.iter_mut().flat_map(|config| &mut config.cameras) {
            let talk = hub::talk_name(&camera.stream).filter(|_| camera.talk);
            camera.talk = match talk {
                Some(talk) => self.hub.has(&talk).await,
                None => false,
            };
        }
        configs
    }

    /// The streams that are coded anew for HomeKit, where that is allowed: nothing runs before somebody looks.
    async fn transcode(&mut self) {
        let cameras = self.running.iter().flat_map(|running| &running.config.cameras);
        let wanted: Vec<StreamName> =
            cameras.filter(|camera| camera.transcode).map(|camera| camera.stream.clone()).collect();
        let gone: Vec<StreamName> =
            self.transcoded.keys().filter(|stream| !wanted.contains(stream)).cloned().collect();
        for stream in gone {
            if let Some(name) = self.transcoded.remove(&stream)
                && self.is_ours(&stream, &name).await
            {
                self.hub.remove(&name).await;
            }
        }
        for stream in wanted {
            let Some(name) = server::transcoded_name(&stream) else { continue };
            // Ours already, or somebody has made one of his own.
            if self.hub.has(&name).await {
                continue;
            }
            let source = SourceSpec { url: transcoding(&stream), ..SourceSpec::default() };
            let spec = StreamSpec { sources: vec![source], ..StreamSpec::default() };
            match self.hub.put(&name, spec).await {
                Ok(_) => drop(self.transcoded.insert(stream, name)),
                Err(error) => tracing::warn!(%stream, %error, "nothing is transcoded for HomeKit"),
            }
        }
    }

    /// Whether a stream that we made is still that: the file or the API may have put another one in its place.
    async fn is_ours(&self, stream: &StreamName, name: &StreamName) -> bool {
        let report = self.hub.report(name).await;
        report.is_some_and(|report| report.sources.iter().any(|source| source.url == transcoding(stream)))
    }

    /// Ends them: connections are closed, the network is told, views end.
    pub async fn end(mut self) {
        let running = std::mem::take(&mut self.running);
        join_all(running.into_iter().map(Running::end)).await;
        for (stream, name) in std::mem::take(&mut self.transcoded) {
            if self.is_ours(&stream, &name).await {
                self.hub.remove(&name).await;
            }
        }
    }
}

/// The source that codes a stream anew.
fn transcoding(stream: &StreamName) -> String {
    format!("ffmpeg:{stream}#video=h264")
}

impl Drop for Accessories {
    fn drop(&mut self) {
        self.running.iter().for_each(Running::abort);
    }
}
