//! All that one worker owns, and everything that may happen to it. Sans-IO: datagrams, commands and time come in,
//! datagrams go to a [`Sink`], events to whoever listens.
//!
//! A turn of the worker: inputs are handled one after the other, each changing only what it is about and noting whom
//! else to look at; then [`Core::turn`] hands out the packets that are due and looks at those noted.
mod arrivals;
mod bandwidth;
mod batch;
mod carrier;
mod close;
mod consume;
mod consumer;
mod data;
mod direct;
mod drive;
mod fan_out;
mod farewell;
mod keys;
mod listener;
mod observe;
mod packet;
mod plain;
mod ports;
mod produce;
mod producer;
mod receive;
mod relay;
mod report;
mod router;
mod server;
mod status;
mod trace;
mod transport;
mod webrtc;

pub(crate) use batch::{Route, Sink};
pub use close::{ReceivedStats, SentStats};
pub(crate) use consume::ConsumeMode;
pub(crate) use data::{DIRECT_MESSAGE_MAX, Message};
pub(crate) use keys::{
    ConsumerKey, DataConsumerKey, DataProducerKey, ObserverKey, PortKey, ProducerKey, RouterKey, ServerKey,
    TransportKey,
};
pub(crate) use observe::ObserverSetup;
pub(crate) use plain::{PlainFacts, PlainMade, PlainSetup, PlainSocket};
pub(crate) use ports::{Datagram, PortOwner};
pub(crate) use webrtc::WebRtcSetup;

use crate::dtls::DtlsContext;
use crate::epoch::Epoch;
use crate::ids::RouterId;
use crate::mailbox::Mailbox;
use batch::Batch;
use consumer::ConsumerState;
use data::{DataConsumerState, DataProducerState};
use keys::RelayKey;
use media::Moment;
use observe::ObserverState;
use producer::ProducerState;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use relay::RelayState;
use router::RouterState;
use server::ServerState;
use slotmap::SlotMap;
use std::collections::{BTreeSet, HashMap};
use transport::TransportState;

/// All that one worker owns.
pub(crate) struct Core {
    mailbox: Mailbox,
    random: StdRng,
    routers: SlotMap<RouterKey, RouterState>,
    router_keys: HashMap<RouterId, RouterKey>,
    transports: SlotMap<TransportKey, TransportState>,
    producers: SlotMap<ProducerKey, ProducerState>,
    consumers: SlotMap<ConsumerKey, ConsumerState>,
    relays: SlotMap<RelayKey, RelayState>,
    data_producers: SlotMap<DataProducerKey, DataProducerState>,
    data_consumers: SlotMap<DataConsumerKey, DataConsumerState>,
    observers: SlotMap<ObserverKey, ObserverState>,
    ports: SlotMap<PortKey, PortOwner>,
    servers: SlotMap<ServerKey, ServerState>,
    dtls: DtlsContext,
    epoch: Epoch,
    /// Transports to look at in this turn.
    touched: Vec<TransportKey>,
    /// Producers whose packets are to be handed out in this turn.
    due: Vec<ProducerKey>,
    /// When producers' packets wait for the rest of their frame, until when at most.
    waiting: Vec<ProducerKey>,
    timers: BTreeSet<(Moment, TransportKey)>,
    observer_timers: BTreeSet<(Moment, ObserverKey)>,
    closing: bool,
    /// What transports that have ended still say to their peers.
    farewells: Vec<(Route, Vec<u8>)>,
    /// Used again and again.
    batch: Batch,
}

impl Core {
    /// Owns nothing yet. `seed` makes SSRCs and first sequence numbers.
    pub(crate) fn new(mailbox: Mailbox, dtls: DtlsContext, epoch: Epoch, seed: u64) -> Self {
        Self {
            mailbox,
            random: StdRng::seed_from_u64(seed),
            routers: SlotMap::with_key(),
            router_keys: HashMap::new(),
            transports: SlotMap::with_key(),
            producers: SlotMap::with_key(),
            consumers: SlotMap::with_key(),
            relays: SlotMap::with_key(),
            data_producers: SlotMap::with_key(),
            data_consumers: SlotMap::with_key(),
            observers: SlotMap::with_key(),
            ports: SlotMap::with_key(),
            servers: SlotMap::with_key(),
            dtls,
            epoch,
            closing: false,
            farewells: Vec::new(),
            touched: Vec::new(),
            due: Vec::new(),
            waiting: Vec::new(),
            timers: BTreeSet::new(),
            observer_timers: BTreeSet::new(),
            batch: Batch::default(),
        }
    }

    /// Notes that a transport is to be looked at in this turn.
    fn touch(&mut self, key: TransportKey) {
        if let Some(transport) = self.transports.get_mut(key)
            && !transport.touched
        {
            transport.touched = true;
            self.touched.push(key);
        }
    }

    /// Whether the worker is to end.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    fn count_transports(&self) {
        let transports = &self.mailbox.about().transports;
        transports.store(self.transports.len(), std::sync::atomic::Ordering::Relaxed);
    }

    /// An SSRC that no stream here has; 0 and those with a meaning of their own are left out.
    fn random_ssrc(&mut self) -> u32 {
        self.random.random_range(100_000_000..1_000_000_000)
    }
}
