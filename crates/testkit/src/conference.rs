//! Bots for conferences: WebRTC clients without a browser, to test and to load an SFU in mediasoup's shape.
//!
//! They are built on str0m, so on another code base than our server, and know no signalling: JSON goes in and comes out in the
//! shapes of `mediasoup-client`, and the caller carries it. A [`Fleet`] is a thread with any number of [`Transport`]s; cameras and
//! microphones send packets that say what they are, and viewers judge every one of them.
//!
//! ```no_run
//! use serde_json::{Value, json};
//! use std::time::Duration;
//! use testkit::conference::{BotError, Device, Fleet, TransportOptions, VideoOptions};
//!
//! /// `ask` is the way to the server: in process or by WebSocket.
//! fn one_sees_the_other(ask: impl Fn(&str, Value) -> Value) -> Result<(), BotError> {
//!     let fleet = Fleet::start("bots")?;
//!     let device = Device::load(&ask("getRouterRtpCapabilities", json!({})))?;
//!     let created = ask("createWebRtcTransport", json!({}));
//!     let alice = fleet.transport(&device, &created, TransportOptions::send())?;
//!     ask("connect", json!({ "id": created["id"], "dtlsParameters": alice.dtls_parameters() }));
//!     let camera = alice.publish_video(VideoOptions::simulcast(1))?;
//!     let produce = json!({ "kind": camera.kind(), "rtpParameters": camera.rtp_parameters() });
//!     let producer = ask("produce", produce);
//!     let created = ask("createWebRtcTransport", json!({}));
//!     let bob = fleet.transport(&device, &created, TransportOptions::receive())?;
//!     ask("connect", json!({ "id": created["id"], "dtlsParameters": bob.dtls_parameters() }));
//!     let consume = json!({ "producerId": producer["id"], "rtpCapabilities": device.rtp_capabilities() });
//!     let view = bob.consume(&ask("consume", consume)["rtpParameters"], Some(camera.tag()))?;
//!     ask("resume", json!({}));
//!     let report = view.wait(Duration::from_secs(5), |report| report.frames_decodable > 60)?;
//!     assert_eq!(report.faults(), Vec::<String>::new());
//!     fleet.stop(Duration::from_secs(5)).map(drop)
//! }
//! ```
//!
//! - [`VideoOptions`] and [`AudioOptions`] say what is sent, [`LinkOptions`] what happens on the way, [`DataOptions`] what travels
//!   on data channels, [`Verify`] how closely a viewer looks: [`Verify::Light`] and [`Verify::None`] are for load.
//! - [`BotReport`], [`SourceReport`], [`DataReport`], [`TransportReport`] and [`FleetReport`] say what came of it.
//! - [`BotTransport`] is one connection sans I/O, and [`Driver`] runs many of them; [`Fleet`] wraps both for tests.
mod body;
mod data;
mod device;
mod driver;
mod fleet;
mod judge;
mod link;
mod parameters;
mod payload;
mod report;
mod source;
#[cfg(test)]
mod tests;
mod transport;

pub use data::{DataOptions, DataTag, Promise};
pub use device::Device;
pub use driver::Driver;
pub use fleet::{Channel, Fleet, Sending, Transport, Viewing};
pub use judge::Verify;
pub use link::LinkOptions;
pub use parameters::*;
pub use payload::VideoCodec;
pub use report::{BotReport, DataReport, FleetReport, LayerChange, SourceReport, TransportReport};
pub use source::{AudioOptions, Layering, VideoOptions, Voice};
pub use transport::{BotTransport, Direction, TransportOptions, Via};

/// Why a bot could not do something.
#[derive(Debug, thiserror::Error)]
pub enum BotError {
    /// The server's JSON is not what `mediasoup-client` needs.
    #[error("{what} from the server: {why}")]
    Json {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A codec that the router does not know, or with another number.
    #[error("the router knows no {0}")]
    Codec(String),
    /// A header extension that the router does not know, or with another number.
    #[error("the router knows no header extension {0}")]
    Extension(String),
    /// Layers that no encoder makes.
    #[error("one to three spatial layers, and those of one stream with VP9 only")]
    Layers,
    /// The server's fingerprint is missing or unreadable.
    #[error("no fingerprint that can be used")]
    Fingerprint,
    /// An address that cannot be used.
    #[error("candidate: {0}")]
    Candidate(String),
    /// A data channel that cannot be opened.
    #[error("data channel {0} is in use, sends more than 65,536 bytes at once, or the transport has no SCTP")]
    Channel(u16),
    /// There is no certificate.
    #[error("no DTLS certificate could be made")]
    Crypto,
    /// The transport, its part, or the whole fleet has ended.
    #[error("it has ended already")]
    Gone,
    /// The fleet's thread does not answer.
    #[error("the fleet's thread does not answer")]
    Stuck,
    /// The fleet's thread panicked.
    #[error("the fleet's thread panicked: {0}")]
    Panicked(String),
    /// What was waited for did not happen.
    #[error("waited in vain; the last report was {0}")]
    Late(String),
    /// str0m's.
    #[error(transparent)]
    Rtc(#[from] str0m::RtcError),
    /// The system's.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The kernel's.
    #[error(transparent)]
    Kernel(#[from] nix::errno::Errno),
}
