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

mod consumer;
mod core;
mod data_consumer;
mod data_producer;
mod direct_transport;
mod events;
mod ids;
mod listen;
mod mailbox;
mod producer;
mod router;
mod supported;
mod transport;
mod webrtc_server;
mod webrtc_transport;
mod worker;
mod worker_manager;

pub use consumer::{
    ConsumeError, Consumer, ConsumerEvent, ConsumerOptions, ConsumerScore, ConsumerStatus, ConsumerType,
};
pub use core::{ReceivedStats, SentStats};
pub use data_consumer::{
    ConsumeDataError, DataConsumer, DataConsumerEvent, DataConsumerOptions, DataConsumerStats,
    DataConsumerStatus, DataConsumerType,
};
pub use data_producer::{
    DataProducer, DataProducerEvent, DataProducerOptions, DataProducerStats, DataProducerType,
    MessageOptions, ProduceDataError, SendMessageError,
};
pub use direct_transport::{DirectTransport, DirectTransportEvent, DirectTransportOptions};
pub use events::EventStream;
pub use ids::{
    ConsumerId, DataConsumerId, DataProducerId, ProducerId, RouterId, TransportId, WebRtcServerId, WorkerId,
};
pub use listen::{ListenError, ListenInfo, SocketFlags};
pub use mailbox::WorkerGone;
pub use producer::{
    ProduceError, Producer, ProducerEvent, ProducerOptions, ProducerScore, ProducerType, VideoOrientation,
};
pub use router::{
    CreateRouterError, PipeDataError, PipeError, Router, RouterDump, RouterEvent, RouterOptions,
};
pub use supported::supported_rtp_capabilities;
pub use transport::{Transport, TransportDump, TransportEvent, TransportStats, TransportTuple};
pub use webrtc_server::WebRtcServer;
pub use webrtc_transport::{
    ConnectError, CreateTransportError, WebRtcTransport, WebRtcTransportListen, WebRtcTransportOptions,
};
pub use worker::{Worker, WorkerEvent, WorkerSettings};
pub use worker_manager::WorkerManager;
