//! Streams as our own API describes them. `web/site/api/types.js` has the same shapes.
mod config;
mod ends;
mod source;

pub(crate) use config::{ConfigInfo, Problem, RefusedAt, RefusedConfig, Reloaded};
pub(crate) use ends::{End, Removed, Step};
pub(crate) use source::{Output, PolicyInForce, Source};

use super::alerts::Alert;
use super::recordings::Recording;
use crate::facts::TrackFacts;
use crate::time;
use hub::{PublisherReport, ReaderReport, StreamReport};
use recorder::RecordingReport;
use serde::Serialize;
use utoipa::ToSchema;

/// All streams.
#[derive(Serialize, ToSchema)]
pub(crate) struct StreamList {
    pub(crate) streams: Vec<Stream>,
}

/// A stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stream {
    /// Its name.
    name: String,
    /// `idle`, `waiting`, `connecting`, `live`, `stalled`, `backoff`, `gave_up` or `removed`.
    state: &'static str,
    /// Why it is in that state.
    reason: Option<String>,
    /// Since when, RFC 3339.
    since: String,
    /// Its tracks; empty while they are not known.
    tracks: Vec<Track>,
    /// Its sources, in order.
    sources: Vec<Source>,
    /// The devices that its media goes to, for talk streams.
    outputs: Vec<Output>,
    /// The name of its talk stream, where it has one: what is published there goes to its device's loudspeaker.
    talk: Option<String>,
    /// Its sound is held back, since somebody talks to a device that cannot listen meanwhile.
    muted: bool,
    /// The alerts that run.
    alerts: Vec<Alert>,
    /// What is being recorded of it.
    recordings: Vec<Recording>,
    /// Who pushes into it, and does not wait; the first of several.
    publisher: Option<Publisher>,
    /// Everybody who pushes into it or waits to: in a talk stream, those who talk.
    publishers: Vec<Publisher>,
    /// Who reads it.
    readers: Vec<Reader>,
    /// Bytes that came in, ever.
    bytes_in: u64,
    /// Bits a second that came in lately.
    bitrate_in: u64,
    /// Frames that came in, ever.
    units_in: u64,
    /// The worker that owns it.
    worker: usize,
    /// Bytes that its rings keep.
    ring_bytes: usize,
}

/// A track.
#[derive(Serialize, ToSchema)]
pub(crate) struct Track {
    id: u8,
    /// `video` or `audio`.
    kind: &'static str,
    /// `H264`, `AAC`…
    codec: &'static str,
    /// RFC 6381: `avc1.64001F`.
    #[serde(skip_serializing_if = "Option::is_none")]
    codec_string: Option<String>,
    /// The profile's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'static str>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    /// Pictures a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    fps: Option<f64>,
    /// Ticks a second.
    clock_rate: u32,
    /// Channels of sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<u8>,
}

/// Who pushes into a stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct Publisher {
    id: String,
    protocol: &'static str,
    transport: &'static str,
    remote_addr: String,
    user_agent: String,
    bytes: u64,
    units: u64,
    /// Packets or frames lost on the way, where the transport can tell.
    lost: u64,
    /// It waits for its turn behind others, and what it sends is dropped.
    waits: bool,
    /// RFC 3339.
    since: String,
}

/// Who reads a stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reader {
    id: String,
    protocol: &'static str,
    transport: &'static str,
    remote_addr: String,
    user_agent: String,
    /// The wire format it reads.
    format: String,
    /// Bytes it took.
    bytes: u64,
    /// Pieces it took.
    units: u64,
    /// Pieces it did not get for slowness.
    skipped: u64,
    /// How far behind the newest frame it is.
    lag_ms: u64,
    /// Bits a second that the path to it can carry, where that is estimated.
    estimate_bps: Option<u64>,
    /// The worker that serves it.
    worker: usize,
    /// RFC 3339.
    since: String,
}

impl Stream {
    /// `recordings`: those of any streams; its own are picked.
    pub(crate) fn new(
        report: &StreamReport,
        facts: fn(&media::Track) -> TrackFacts,
        recordings: &[RecordingReport],
    ) -> Self {
        let own = recordings.iter().filter(|recording| recording.stream == report.name.as_str());
        let pushes = || report.publishers.iter().filter(|publisher| publisher.source.is_none());
        Self {
            name: report.name.to_string(),
            state: report.state.as_str(),
            reason: report.reason.clone(),
            since: time::rfc3339(report.since),
            tracks: report.tracks.iter().map(|track| Track::new(track, facts(track))).collect(),
            sources: report.sources.iter().map(Source::new).collect(),
            outputs: report.outputs.iter().map(Output::new).collect(),
            talk: report.talk.as_ref().map(ToString::to_string),
            muted: report.muted,
            alerts: report.alerts.iter().map(Alert::new).collect(),
            recordings: own.map(Recording::new).collect(),
            publisher: pushes().find(|publisher| !publisher.waits).map(Publisher::new),
            publishers: pushes().map(Publisher::new).collect(),
            readers: report.readers.iter().map(Reader::new).collect(),
            bytes_in: report.bytes_in,
            bitrate_in: report.bitrate_in,
            units_in: report.units_in,
            worker: report.worker,
            ring_bytes: report.ring_bytes,
        }
    }
}

impl Track {
    fn new(track: &media::Track, facts: TrackFacts) -> Self {
        Self {
            id: track.id,
            kind: track.kind().as_str(),
            codec: track.codec.name(),
            codec_string: facts.codec_string,
            profile: facts.profile,
            width: facts.size.map(|(width, _)| width),
            height: facts.size.map(|(_, height)| height),
            fps: facts.fps,
            clock_rate: track.clock_rate,
            channels: Some(track.channels).filter(|&channels| channels > 0),
        }
    }
}

impl Publisher {
    fn new(publisher: &PublisherReport) -> Self {
        Self {
            id: publisher.id.to_string(),
            protocol: publisher.peer.protocol,
            transport: publisher.peer.transport,
            remote_addr: publisher.peer.remote.clone(),
            user_agent: publisher.peer.user_agent.clone(),
            bytes: publisher.bytes,
            units: publisher.units,
            lost: publisher.lost,
            waits: publisher.waits,
            since: time::rfc3339(publisher.since),
        }
    }
}

impl Reader {
    fn new(reader: &ReaderReport) -> Self {
        Self {
            id: reader.id.to_string(),
            protocol: reader.peer.protocol,
            transport: reader.peer.transport,
            remote_addr: reader.peer.remote.clone(),
            user_agent: reader.peer.user_agent.clone(),
            format: reader.format.clone(),
            bytes: reader.bytes,
            units: reader.chunks,
            skipped: reader.skipped,
            lag_ms: reader.lag_ms,
            estimate_bps: reader.estimate_bps,
            worker: reader.worker,
            since: time::rfc3339(reader.since),
        }
    }
}
