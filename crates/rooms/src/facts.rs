//! What the server API is told of rooms.
use crate::config::RoomLimits;
use crate::name::RoomName;
use media::WallTime;
use sfu::receive::IncomingStreamStats;
use sfu::rtp_parameters::MediaKind;
use sfu::{ConsumerId, DataProducerId, ProducerId, SentStats, TransportId};

/// A room in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomFacts {
    /// Its name.
    pub name: RoomName,
    /// Since when it is there.
    pub since: WallTime,
    /// Who has joined, hidden ones and recorders too.
    pub participants: usize,
    /// Connections, joined or not.
    pub connections: usize,
    /// Producers.
    pub producers: usize,
    /// Consumers.
    pub consumers: usize,
    /// Its limits.
    pub limits: RoomLimits,
}

/// A room with all that is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomDetails {
    /// As in a list.
    pub room: RoomFacts,
    /// Who has joined.
    pub participants: Vec<ParticipantFacts>,
}

/// A participant.
#[derive(Clone, Debug, PartialEq)]
pub struct ParticipantFacts {
    /// Who.
    pub identity: String,
    /// Display name.
    pub name: String,
    /// What the token says besides.
    pub metadata: Option<String>,
    /// Since when they are there.
    pub joined: WallTime,
    /// Where they come from.
    pub remote: String,
    /// Others do not know.
    pub hidden: bool,
    /// They record.
    pub recorder: bool,
    /// Their transports.
    pub transports: Vec<TransportFacts>,
    /// What they send.
    pub producers: Vec<ProducerFacts>,
    /// What they receive.
    pub consumers: Vec<ConsumerFacts>,
    /// Data that they send.
    pub data_producers: Vec<DataProducerFacts>,
}

/// A producer of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataProducerFacts {
    /// Which.
    pub id: DataProducerId,
    /// What it is for, as its sender says: `chat`.
    pub label: String,
}

/// A transport.
#[derive(Clone, Debug, PartialEq)]
pub struct TransportFacts {
    /// Which.
    pub id: TransportId,
    /// From the client; otherwise to it.
    pub sends: bool,
}

/// A producer.
#[derive(Clone, Debug, PartialEq)]
pub struct ProducerFacts {
    /// Which.
    pub id: ProducerId,
    /// Sound or picture.
    pub kind: MediaKind,
    /// What it shows, as its sender says.
    pub source: Option<String>,
    /// Nothing is forwarded.
    pub paused: bool,
    /// Of each of its streams, where they were asked for.
    pub stats: Option<Vec<IncomingStreamStats>>,
}

/// A consumer.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerFacts {
    /// Which.
    pub id: ConsumerId,
    /// Whose media.
    pub producer_id: ProducerId,
    /// Sound or picture.
    pub kind: MediaKind,
    /// The client has paused it, or not yet made it.
    pub paused: bool,
    /// Where they were asked for.
    pub stats: Option<SentStats>,
}
