//! Producers and consumers as go2rtc describes them. Keys that are empty are left out, except `url`.
use crate::facts::TrackFacts;
use crate::mask;
use hub::{OutputReport, PublisherReport, ReaderReport, SourceReport, StreamReport};
use media::{Codec, Kind, Track};
use serde::{Serialize, Serializer};

#[derive(Serialize)]
pub(super) struct Stream {
    #[serde(serialize_with = "null_if_empty")]
    producers: Vec<Producer>,
    #[serde(serialize_with = "null_if_empty")]
    consumers: Vec<Consumer>,
}

fn null_if_empty<T: Serialize, S: Serializer>(list: &[T], to: S) -> Result<S::Ok, S::Error> {
    if list.is_empty() { to.serialize_none() } else { list.serialize(to) }
}

#[derive(Serialize, Default)]
struct Producer {
    #[serde(skip_serializing_if = "is_zero")]
    id: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    format_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    protocol: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    remote_addr: String,
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    user_agent: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    medias: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    receivers: Vec<Receiver>,
    #[serde(skip_serializing_if = "is_zero")]
    bytes_recv: u64,
}

#[derive(Serialize, Default)]
pub(super) struct Consumer {
    #[serde(skip_serializing_if = "is_zero")]
    id: u64,
    format_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    protocol: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    remote_addr: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    user_agent: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    medias: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    senders: Vec<Sender>,
    #[serde(skip_serializing_if = "is_zero")]
    bytes_send: u64,
}

#[derive(Serialize)]
struct Receiver {
    id: u64,
    codec: CodecShape,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    childs: Vec<u64>,
}

#[derive(Serialize)]
struct Sender {
    id: u64,
    codec: CodecShape,
    #[serde(skip_serializing_if = "is_zero")]
    parent: u64,
}

/// Keys in the order of the alphabet, as Go writes maps.
#[derive(Serialize)]
struct CodecShape {
    #[serde(skip_serializing_if = "is_zero_u8")]
    channels: u8,
    codec_name: &'static str,
    codec_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_rate: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it by reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it by reference")]
fn is_zero_u8(value: &u8) -> bool {
    *value == 0
}

/// Ids of tracks: go2rtc numbers everything, clients only compare. A connection has at most this many tracks.
const TRACKS_MAX: u64 = 256;

fn track_id(connection: u64, index: usize) -> u64 {
    connection * TRACKS_MAX + index as u64 + 1
}

impl Stream {
    /// As go2rtc shows it; sources with their credentials only to those who may see them. `outputs`: those of its talk
    /// stream, which go2rtc has among the producers.
    pub(super) fn new(
        report: &StreamReport,
        outputs: &[OutputReport],
        owner: bool,
        facts: fn(&Track) -> TrackFacts,
    ) -> Self {
        let readers: Vec<u64> = report.readers.iter().map(|reader| reader.id).collect();
        let mut producers = Vec::new();
        for (index, source) in report.sources.iter().enumerate() {
            let url = if owner { source.url.clone() } else { mask::url(&source.url) };
            let publisher = report.publishers.iter().find(|publisher| publisher.source == Some(index));
            producers.push(match publisher {
                Some(publisher) => Producer::active(publisher, url, &readers, facts),
                None => Producer { url, ..Producer::default() },
            });
        }
        for output in outputs {
            // The same camera, asked for its back channel.
            let is_source = |source: &SourceReport| {
                output
                    .url
                    .strip_prefix(&source.url)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
            };
            if !report.sources.iter().any(is_source) {
                producers.push(Producer::device(output, owner));
            }
        }
        for publisher in report.publishers.iter().filter(|publisher| publisher.source.is_none()) {
            let url = format!("{}://{}/{}", publisher.peer.protocol, publisher.peer.remote, report.name);
            producers.push(Producer::active(publisher, url, &readers, facts));
        }
        let parent = report.publishers.first().map_or(0, |publisher| publisher.id);
        let consumers = report.readers.iter().map(|reader| Consumer::of(reader, report, parent, facts));
        Self { producers, consumers: consumers.collect() }
    }
}

impl Producer {
    fn active(
        publisher: &PublisherReport,
        url: String,
        readers: &[u64],
        facts: fn(&Track) -> TrackFacts,
    ) -> Self {
        let receivers = publisher.tracks.iter().enumerate().map(|(index, track)| Receiver {
            id: track_id(publisher.id, index),
            codec: CodecShape::of(track, facts),
            childs: readers.iter().map(|&reader| track_id(reader, index)).collect(),
        });
        Self {
            id: publisher.id,
            format_name: publisher.peer.protocol.to_owned(),
            protocol: protocol(publisher.peer.protocol, publisher.peer.transport),
            remote_addr: publisher.peer.remote.clone(),
            url,
            user_agent: publisher.peer.user_agent.clone(),
            medias: medias(&publisher.tracks, "recvonly"),
            receivers: receivers.collect(),
            bytes_recv: publisher.bytes,
        }
    }
}

impl Producer {
    fn device(output: &OutputReport, owner: bool) -> Self {
        let url = if owner { output.url.clone() } else { mask::url(&output.url) };
        let medias = output.opened.iter().map(|codec| format!("audio, sendonly, {codec}")).collect();
        Self { url, medias, ..Self::default() }
    }
}

impl Consumer {
    fn of(
        reader: &ReaderReport,
        report: &StreamReport,
        parent: u64,
        facts: fn(&Track) -> TrackFacts,
    ) -> Self {
        let senders = report.tracks.iter().enumerate().map(|(index, track)| Sender {
            id: track_id(reader.id, index),
            codec: CodecShape::of(track, facts),
            parent: if parent == 0 { 0 } else { track_id(parent, index) },
        });
        Self {
            id: reader.id,
            format_name: reader.peer.protocol.to_owned(),
            protocol: protocol(reader.peer.protocol, reader.peer.transport),
            remote_addr: reader.peer.remote.clone(),
            user_agent: reader.peer.user_agent.clone(),
            medias: medias(&report.tracks, "sendonly"),
            senders: senders.collect(),
            bytes_send: reader.bytes,
        }
    }

    /// What keeps a preloaded stream running.
    pub(super) fn preload() -> Self {
        Self { format_name: "preload".into(), ..Self::default() }
    }
}

fn protocol(protocol: &str, transport: &str) -> String {
    match protocol {
        "rtsp" => format!("rtsp+{transport}"),
        _ => transport.to_owned(),
    }
}

fn medias(tracks: &[Track], direction: &str) -> Vec<String> {
    tracks.iter().map(|track| format!("{}, {direction}, {}", track.kind().as_str(), codec(track))).collect()
}

/// `H264`, `MPEG4-GENERIC/48000/2`, `OPUS/48000/2`, `PCMA/8000`.
fn codec(track: &Track) -> String {
    let name = track.codec.rtp_name();
    match (track.kind(), track.channels) {
        (Kind::Video, _) => name.to_owned(),
        (Kind::Audio, 0 | 1) => format!("{name}/{}", track.clock_rate),
        (Kind::Audio, channels) => format!("{name}/{}/{channels}", track.clock_rate),
    }
}

impl CodecShape {
    fn of(track: &Track, facts: fn(&Track) -> TrackFacts) -> Self {
        let facts = if track.codec == Codec::H264 { facts(track) } else { TrackFacts::default() };
        let sample_rate = Some(track.clock_rate).filter(|_| track.kind() == Kind::Audio);
        Self {
            channels: track.channels,
            codec_name: track.codec.ffmpeg_name(),
            codec_type: track.kind().as_str(),
            level: facts.level,
            profile: facts.profile,
            sample_rate,
        }
    }
}
