//! Chooses for one consumer: which stream, which layers of it, and when a key frame is needed.
use super::liveness::Liveness;
use super::within::{Wish, Within};
use super::{Choice, ConsumerLayers, ProducerLayers};
use crate::payload::InboundPacket;
use media::Moment;
use std::time::Duration;

/// A key frame that does not come is asked for again after this: 1 s. It takes a round trip and an encoder's time.
pub const KEY_FRAME_RETRY: Duration = Duration::from_secs(1);

/// Most spatial layers within a stream: VP9 numbers them with three bits.
const SPATIAL_LAYERS_MAX: u8 = 8;

/// The next thing the caller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Ask the producer for a key frame of this stream.
    RequestKeyFrame {
        /// Which stream.
        stream: u8,
    },
    /// Other layers go on now; `None` when none do.
    LayersChanged(Option<ConsumerLayers>),
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// The stream that goes on.
#[derive(Debug)]
struct Current {
    stream: u8,
    epoch: u32,
    /// Its sender began anew: it goes on at a key frame.
    stale: bool,
    within: Within,
}

/// Chooses for one consumer. A stream goes on until a key frame of a better one comes.
#[derive(Debug)]
pub struct Selector {
    producer: ProducerLayers,
    wished: Option<ConsumerLayers>,
    streams: Liveness,
    /// Spatial layers within the only stream.
    spatial: Liveness,
    target: Option<u8>,
    current: Option<Current>,
    asked: Option<(u8, Moment)>,
    reported: Option<ConsumerLayers>,
}

impl Selector {
    /// For a consumer that wants these layers, or nothing (`None`: it is paused).
    pub fn new(producer: ProducerLayers, wished: Option<ConsumerLayers>) -> Self {
        Self {
            producer,
            wished,
            streams: Liveness::new(producer.streams.max(1)),
            spatial: Liveness::new(SPATIAL_LAYERS_MAX),
            target: None,
            current: None,
            asked: None,
            reported: None,
        }
    }

    /// Records what the consumer wants from now on. `None` ends at once what goes on; later it begins at a key frame.
    pub fn handle_wish(&mut self, wished: Option<ConsumerLayers>, now: Moment) {
        self.wished = wished;
        if wished.is_none() {
            self.current = None;
        }
        self.aim(now);
    }

    /// Judges a packet of the producer.
    pub fn handle_packet(&mut self, packet: &InboundPacket, now: Moment) -> Choice {
        if packet.facts.empty {
            let current = self.current.as_ref().filter(|current| current.stream == packet.stream);
            let counts = current.is_some_and(|current| current.epoch == packet.epoch && !current.stale);
            return if counts { Choice::Drop } else { Choice::Ignore };
        }
        let revived = self.streams.handle_packet(packet.stream, now);
        if packet.marker && packet.newest {
            self.streams.handle_frame_end(packet.stream);
        }
        self.spatial.handle_packet(packet.facts.spatial, now);
        if revived {
            self.aim(now);
        }
        let Some(wish) = self.wish(now) else { return Choice::Ignore };
        if let Some(current) = self.current.as_mut().filter(|current| current.stream == packet.stream) {
            if current.epoch == packet.epoch && !current.stale {
                return current.within.judge(packet, wish);
            }
            current.stale = true;
        }
        let facts = &packet.facts;
        // Were it not the newest, later packets of its frame might have passed already, for good.
        let begins = facts.key_frame && facts.starts_frame && facts.spatial == 0 && packet.newest;
        if self.target != Some(packet.stream) || !begins {
            return Choice::Ignore;
        }
        let mut within = Within::new(packet, wish);
        let marker = match within.judge(packet, wish) {
            Choice::Forward { marker } | Choice::Begin { marker } => marker,
            Choice::Ignore | Choice::Drop => packet.marker,
        };
        self.current = Some(Current { stream: packet.stream, epoch: packet.epoch, stale: false, within });
        Choice::Begin { marker }
    }

    /// Says what is to be done, or until when nothing is.
    pub fn poll_output(&mut self, now: Moment) -> Output {
        self.aim(now);
        let needed = self.needed_key_frame();
        let waits = |(stream, at): &(u8, Moment)| needed == Some(*stream) && now.since(*at) < KEY_FRAME_RETRY;
        self.asked = self.asked.filter(waits);
        if let (Some(stream), None) = (needed, self.asked) {
            self.asked = Some((stream, now));
            return Output::RequestKeyFrame { stream };
        }
        let layers = self.layers();
        if layers != self.reported {
            self.reported = layers;
            return Output::LayersChanged(layers);
        }
        let retry = self.asked.map(|(_, at)| at + KEY_FRAME_RETRY);
        let death = self.streams.next_death(now);
        Output::WaitUntil(retry.into_iter().chain(death).min().unwrap_or(Moment::FAR_FUTURE))
    }

    /// The layers that go on now.
    pub fn layers(&self) -> Option<ConsumerLayers> {
        let current = self.current.as_ref().filter(|current| self.target.is_some() && !current.stale)?;
        let layers = current.within.layers()?;
        let highest = self.producer.temporal.saturating_sub(1);
        Some(ConsumerLayers {
            spatial_layer: if self.is_simulcast() { current.stream } else { layers.spatial_layer },
            temporal_layer: layers.temporal_layer.map(|layer| layer.min(highest)),
        })
    }

    /// The stream that goes on, or will when its key frame comes.
    pub fn target(&self) -> Option<u8> {
        self.target
    }

    fn is_simulcast(&self) -> bool {
        self.producer.streams > 1
    }

    /// Chooses the stream: the best that lives.
    fn aim(&mut self, now: Moment) {
        self.target = self.wished.and_then(|wished| {
            self.streams.best(if self.is_simulcast() { wished.spatial_layer } else { 0 }, now)
        });
    }

    /// What is wanted within a stream.
    fn wish(&self, now: Moment) -> Option<Wish> {
        let wished = self.wished?;
        // A layer that the sender stopped cannot be waited for. Within simulcast there is nothing to choose.
        let spatial = if self.is_simulcast() { u8::MAX } else { wished.spatial_layer };
        let spatial = self.spatial.best(spatial, now)?;
        // Without a wish all goes on: browsers send more temporal layers than their parameters tell.
        let temporal = wished.temporal_layer.unwrap_or(u8::MAX);
        Some(Wish { spatial, temporal, ksvc: self.producer.ksvc })
    }

    fn needed_key_frame(&self) -> Option<u8> {
        let target = self.target?;
        let Some(current) = &self.current else { return Some(target) };
        let missing = current.stream != target || current.stale || current.within.needs_key_frame();
        missing.then_some(target)
    }
}
