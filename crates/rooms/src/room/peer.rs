//! What a room keeps of one connection. Dropping it closes its transports and all on them.
use super::rate::Rate;
use crate::outbox::{Full, Outbox};
use crate::refusal::Refusal;
use crate::request::Direction;
use crate::token::{Claims, Grants, Publish, RoomScope};
use crate::wire;
use media::WallTime;
use serde_json::{Value, json};
use sfu::rtp_parameters::{MediaKind, RtpCapabilities};
use sfu::{
    Consumer, ConsumerId, DataConsumer, DataConsumerId, DataProducer, DataProducerId, Producer, ProducerId,
    TransportId, WebRtcTransport,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tokio::time::Instant;

/// Names a connection within its room; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct PeerKey(pub(super) u64);

/// Somebody who has joined.
pub(super) struct Joined {
    pub(super) at: WallTime,
    pub(super) since: Instant,
    /// Without, nothing is received.
    pub(super) capabilities: Option<RtpCapabilities>,
}

/// A transport and which way it goes.
pub(super) struct Way {
    pub(super) transport: WebRtcTransport,
    pub(super) direction: Direction,
    /// Counts up.
    pub(super) number: u64,
}

/// A producer and what it shows.
pub(super) struct Producing {
    pub(super) producer: Producer,
    pub(super) source: Option<String>,
    pub(super) app_data: Value,
    pub(super) paused: bool,
}

impl Producing {
    pub(super) fn kind(&self) -> MediaKind {
        self.producer.kind()
    }
}

/// `Offered` until the client has made it → `Made`, or closed.
pub(super) enum Readiness {
    Offered,
    Made,
}

/// A consumer, and how far it is.
pub(super) struct Consuming {
    pub(super) consumer: Consumer,
    /// The transport it is on.
    pub(super) on: TransportId,
    pub(super) readiness: Readiness,
    /// The client does not want it now.
    pub(super) paused: bool,
}

/// A producer of data.
pub(super) struct DataProducing {
    pub(super) producer: DataProducer,
    pub(super) app_data: Value,
    /// The request that is answered when all these have a consumer, or will have none.
    pub(super) unanswered: Option<(u32, BTreeSet<PeerKey>)>,
}

/// A consumer of data, and how far it is.
pub(super) struct DataConsuming {
    pub(super) consumer: DataConsumer,
    /// The transport it is on.
    pub(super) on: TransportId,
    pub(super) readiness: Readiness,
}

/// What a client is to make its side of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Consumed {
    Media(ConsumerId),
    Data(DataConsumerId),
}

/// A request of ours that the client has not answered.
pub(super) struct Asked {
    pub(super) of: Consumed,
    pub(super) until: Instant,
}

/// One connection.
pub(super) struct Peer {
    pub(super) identity: Option<String>,
    pub(super) name: Option<String>,
    pub(super) metadata: Option<String>,
    pub(super) device: Value,
    pub(super) grants: Grants,
    pub(super) remote: String,
    pub(super) entered: Instant,
    pub(super) joined: Option<Joined>,
    pub(super) transports: BTreeMap<TransportId, Way>,
    /// Of the next transport.
    pub(super) next_way: u64,
    /// Transports that are being made: they count.
    pub(super) transports_coming: usize,
    pub(super) producers: BTreeMap<ProducerId, Producing>,
    /// Producers that are being made: they count.
    pub(super) producers_coming: usize,
    pub(super) consumers: BTreeMap<ConsumerId, Consuming>,
    /// Producers of others that this one consumes, is about to, or cannot.
    pub(super) considered: BTreeMap<ProducerId, TransportId>,
    pub(super) data_producers: BTreeMap<DataProducerId, DataProducing>,
    /// Data producers that are being made: they count.
    pub(super) data_producers_coming: usize,
    /// Those whose channel the client has closed: it may close them by a request, too. As many as it may have at once.
    pub(super) data_producers_ended: VecDeque<DataProducerId>,
    pub(super) data_consumers: BTreeMap<DataConsumerId, DataConsuming>,
    pub(super) data_considered: BTreeMap<DataProducerId, TransportId>,
    pub(super) asked: BTreeMap<u32, Asked>,
    next_request: u32,
    /// Requests that are not answered yet.
    pub(super) in_flight: usize,
    /// How much more it may ask now.
    pub(super) rate: Rate,
    pub(super) outbox: Outbox,
    /// A stream of this server's: nobody who keeps a room.
    pub(super) is_guest: bool,
}

impl Peer {
    pub(super) fn new(
        claims: Option<Claims>,
        room: &crate::RoomName,
        remote: String,
        outbox: Outbox,
    ) -> Self {
        let (identity, name, metadata, grants) = match claims {
            Some(claims) => (Some(claims.identity), claims.name, claims.metadata, claims.grants),
            None => (None, None, None, Grants::participant(RoomScope::One(room.clone()))),
        };
        Self {
            identity,
            name,
            metadata,
            device: json!({}),
            grants,
            remote,
            entered: Instant::now(),
            joined: None,
            transports: BTreeMap::new(),
            next_way: 0,
            transports_coming: 0,
            producers: BTreeMap::new(),
            producers_coming: 0,
            consumers: BTreeMap::new(),
            considered: BTreeMap::new(),
            data_producers: BTreeMap::new(),
            data_producers_coming: 0,
            data_producers_ended: VecDeque::new(),
            data_consumers: BTreeMap::new(),
            data_considered: BTreeMap::new(),
            asked: BTreeMap::new(),
            next_request: 1,
            in_flight: 0,
            rate: Rate::new(Instant::now()),
            outbox,
            is_guest: false,
        }
    }

    /// Who this is to others.
    pub(super) fn id(&self) -> &str {
        self.identity.as_deref().unwrap_or_default()
    }

    pub(super) fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.id())
    }

    /// Whether others know of this one.
    pub(super) fn is_announced(&self) -> bool {
        self.joined.is_some() && self.grants.is_announced()
    }

    /// What others are told.
    pub(super) fn shown(&self) -> Value {
        let mut shown = json!({ "id": self.id(), "displayName": self.display_name(), "device": self.device });
        if let (Value::Object(map), Some(metadata)) = (&mut shown, &self.metadata) {
            map.insert("metadata".into(), metadata.as_str().into());
        }
        if let (Value::Object(map), Some(joined)) = (&mut shown, &self.joined) {
            // milliseconds, as JavaScript's Date counts
            map.insert("joinedAt".into(), (joined.at.as_micros() / 1000).into());
        }
        shown
    }

    /// One of its transports, which is to be for this direction.
    pub(super) fn way(&self, id: TransportId, direction: Direction) -> Result<&Way, Refusal> {
        let way = self.transports.get(&id).ok_or_else(|| Refusal::no_such("transport", id))?;
        if way.direction != direction {
            let other = if direction == Direction::Send { "receiving" } else { "sending" };
            return Err(Refusal::wrong(format!("transportId: this transport is for {other}")));
        }
        Ok(way)
    }

    /// A transport is gone: another one may take over what was received by it.
    pub(super) fn forget_considered_on(&mut self, transport: TransportId) {
        self.considered.retain(|_, on| *on != transport);
        self.data_considered.retain(|_, on| *on != transport);
    }

    /// The transport by which it receives: the newest, since the client makes its objects on that.
    pub(super) fn receiving(&self) -> Option<&WebRtcTransport> {
        let ways = self.transports.values().filter(|way| way.direction == Direction::Recv);
        ways.max_by_key(|way| way.number).map(|way| &way.transport)
    }

    /// Whether it sends anything.
    pub(super) fn may_send(&self) -> bool {
        self.grants.publish != Publish::Nothing || self.grants.data
    }

    pub(super) fn notify(&self, method: &str, data: Value) -> Result<(), Full> {
        self.outbox.say(&wire::notification(method, data))
    }

    /// Asks the client to make its side of a consumer.
    pub(super) fn ask(&mut self, method: &str, data: Value, asked: Asked) -> Result<(), Full> {
        let id = self.next_request;
        self.next_request = self.next_request.wrapping_add(1);
        self.asked.insert(id, asked);
        self.outbox.say(&wire::request(id, method, data))
    }
}
