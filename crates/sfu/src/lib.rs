//! Conferences as a library, in the shape of mediasoup's Rust crate, so that its users find their names again.
//!
//! Most of it is pure, with time as an argument: no I/O, no clock, no randomness.
//!
//! - Negotiation: [`rtp_parameters`] the values that travel as JSON between an application, a router and `mediasoup-client`;
//!   [`scalability_mode`] the layers of a stream; [`ortc`] who can receive what from whom, and with which numbers.
//! - One RTP stream each way: [`receive`] and [`send`], with what they share in [`rtx`], [`rate`] and [`score`].
//! - A producer's packets for one consumer: [`consumer_stream`], of [`payload`] which reads them, [`layers`] which chooses, and
//!   [`rewrite`] which numbers.
//! - A transport's parts: [`ice`] who may talk to it from where, [`dtls`] keys, [`data`] channels, [`bwe`] how much its way
//!   bears; [`epoch`] for those whose crates count time in `Instant`s.
//! - For all consumers: [`keyframe`] requests made few, [`allocation`] of bitrate, [`observers`] of sound.
//!
//! The rest is threads and sockets: a [`WorkerManager`] has [`Worker`]s, and over these lie [`Router`]s. Handles close what they
//! stand for when the last clone is dropped. What browsers say comes from `mediasoup-client`:
//!
//! ```no_run
//! # use sfu::*;
//! # async fn join(dtls: dtls::DtlsParameters, camera: rtp_parameters::RtpParameters, viewer: rtp_parameters::RtpCapabilities)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let manager = WorkerManager::new()?;
//! manager.create_worker(WorkerSettings::default()).await?;
//! let codecs = serde_json::from_str(r#"[{ "kind": "video", "mimeType": "video/VP8", "clockRate": 90000 }]"#)?;
//! let router = manager.create_router(RouterOptions::new(codecs)).await?;
//! let listen = vec![ListenInfo::new(ice::Protocol::Udp, "127.0.0.1".parse()?)];
//! // each browser has one transport a direction; it is told the id, and these two and `ours.dtls_parameters()`
//! let ours = router.create_webrtc_transport(WebRtcTransportOptions::new(listen.clone())).await?;
//! println!("{:?} {:?}", ours.ice_parameters(), ours.ice_candidates());
//! ours.connect(dtls).await?;
//! let producer = ours.produce(ProducerOptions::new(rtp_parameters::MediaKind::Video, camera)).await?;
//! // another one receives; it begins paused, until its browser has made a decoder
//! let theirs = router.create_webrtc_transport(WebRtcTransportOptions::new(listen)).await?;
//! let mut options = ConsumerOptions::new(producer.id(), viewer);
//! options.paused = true;
//! let consumer = theirs.consume(options).await?;
//! println!("{:?}", consumer.rtp_parameters());
//! consumer.resume().await?;
//! manager.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/conference.rs` is a whole conference.
pub mod allocation;
pub mod bwe;
pub mod consumer_stream;
pub mod data;
pub mod dtls;
pub mod epoch;
pub mod ice;
pub mod keyframe;
pub mod layers;
pub mod observers;
pub mod ortc;
pub mod payload;
pub mod rate;
pub mod receive;
pub mod rewrite;
pub mod rtp_parameters;
pub mod rtx;
pub mod scalability_mode;
pub mod score;
pub mod send;

mod bitrate_limits;
mod consumer;
mod core;
mod data_consumer;
mod data_producer;
mod direct_transport;
mod events;
mod ids;
mod listen;
mod mailbox;
mod pipe_transport;
mod plain_transport;
mod producer;
mod router;
mod rtp_observer;
mod srtp_parameters;
mod supported;
mod trace;
mod transport;
mod webrtc_server;
mod webrtc_transport;
mod worker;
mod worker_manager;

pub use bitrate_limits::{BitrateError, SetBitrateError};
pub use consumer::{
    ConsumeError, Consumer, ConsumerEvent, ConsumerOptions, ConsumerScore, ConsumerStatus, ConsumerType,
};
pub use core::{ReceivedStats, SentStats};
pub use data_consumer::{
    ConsumeDataError, DataConsumer, DataConsumerEvent, DataConsumerOptions, DataConsumerStats,
    DataConsumerStatus, DataConsumerType, HELD_BYTES_MAX,
};
pub use data_producer::{
    DataProducer, DataProducerEvent, DataProducerOptions, DataProducerStats, DataProducerType,
    MessageOptions, ProduceDataError, SendMessageError,
};
pub use direct_transport::{DirectTransport, DirectTransportEvent, DirectTransportOptions};
pub use events::EventStream;
pub use ids::{
    ConsumerId, DataConsumerId, DataProducerId, ProducerId, RouterId, RtpObserverId, TransportId,
    WebRtcServerId, WorkerId,
};
pub use listen::{ListenError, ListenInfo, SocketFlags};
pub use mailbox::WorkerGone;
pub use pipe_transport::{PipeTransport, PipeTransportOptions, PipeTransportRemoteParameters};
pub use plain_transport::{
    PlainConnectError, PlainTransport, PlainTransportOptions, PlainTransportRemoteParameters,
};
pub use producer::{
    ProduceError, Producer, ProducerEvent, ProducerOptions, ProducerScore, ProducerType, VideoOrientation,
};
pub use router::{
    CreateRouterError, PipeDataError, PipeError, Router, RouterDump, RouterEvent, RouterOptions,
};
pub use rtp_observer::{
    ActiveSpeakerObserver, AudioLevelObserver, ObserveError, ObserverBase, RtpObserver, RtpObserverEvent,
};
pub use srtp_parameters::{SrtpCryptoSuite, SrtpParameters};
pub use supported::supported_rtp_capabilities;
pub use trace::{
    BweTraceInfo, ConsumerTraceEventType, ProducerTraceEventType, RtpPacketTraceInfo, SrTraceInfo,
    TraceEvent, TraceEventDirection, TraceEventInfo, TransportTraceEventType,
};
pub use transport::{Transport, TransportDump, TransportEvent, TransportStats, TransportTuple};
pub use webrtc_server::WebRtcServer;
pub use webrtc_transport::{
    ConnectError, CreateTransportError, WebRtcTransport, WebRtcTransportListen, WebRtcTransportOptions,
};
pub use worker::{Worker, WorkerEvent, WorkerSettings};
pub use worker_manager::WorkerManager;
