//! What a bot saw: one report a consumer, a source and a data channel, and sums over many.
use serde::Serialize;
use std::time::Duration;

/// A change of what is seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct LayerChange {
    /// Since the consumer began.
    pub at: Duration,
    /// Spatial layer, or simulcast stream, from 0.
    pub spatial: u8,
    /// Highest temporal layer among the frames of the last half second, from 0.
    pub temporal: u8,
}

/// What one consumer received. With [`Verify::Light`](super::Verify::Light) only packets, bytes and sequence numbers are looked at.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct BotReport {
    /// Received, repairs among them; each once.
    pub packets: u64,
    /// Of payload.
    pub bytes: u64,
    /// Complete, with all they refer to.
    pub frames_decodable: u64,
    /// With a part missing or changed, or with nothing to refer to.
    pub frames_broken: u64,
    /// Of the decodable ones, those to begin with.
    pub key_frames: u64,
    /// Times of more than 500 ms without a decodable frame, after the first one.
    pub freezes: u64,
    /// All of them together.
    pub frozen: Duration,
    /// From the moment that a packet was missed to the next decodable frame.
    pub longest_recovery: Duration,
    /// What was seen when.
    pub layers: Vec<LayerChange>,
    /// Sent by this consumer.
    pub key_frames_wanted: u64,
    /// Since the consumer began.
    pub first_packet: Option<Duration>,
    /// Since the consumer began.
    pub first_decodable_frame: Option<Duration>,
    /// Packets that did not come within the time for repair.
    pub sequence_gaps: u64,
    /// Packets that came out of order, so that something else had come before.
    pub out_of_order: u64,
    /// Packets that came twice, or after they were given up.
    pub duplicates: u64,
    /// Packets of which a byte is not as it was sent.
    pub corrupt: u64,
    /// Packets of another producer or stream. Must be 0.
    pub foreign: u64,
    /// Frames whose rest was left out since another layer's key frame began.
    pub cut_at_switch: u64,
    /// Packets whose number is not their place in the frame.
    pub misplaced: u64,
    /// Frames that end without a marker, or where one is set before the end.
    pub marker_faults: u64,
    /// Frames whose RTP time does not follow from the sender's by more than 30 ms.
    pub timestamp_steps: u64,
    /// The largest of those differences, small ones too.
    pub timestamp_step_max: Duration,
    /// Frames whose picture id is not the one after the last frame's.
    pub picture_id_steps: u64,
    /// Frames whose TL0PICIDX is not what follows.
    pub tl0_steps: u64,
    /// Frames whose descriptor names another layer than their body.
    pub layer_faults: u64,
    /// Sound packets that only say that nobody speaks.
    pub comfort_packets: u64,
}

impl BotReport {
    /// What must not be, whatever the network does, in words; empty if there is nothing.
    pub fn faults(&self) -> Vec<String> {
        let faults = [
            (self.foreign, "packets of another producer"),
            (self.corrupt, "packets changed under way"),
            (self.misplaced, "packets with a wrong number"),
            (self.marker_faults, "frames with a wrong marker"),
            (self.timestamp_steps, "timestamp steps"),
            (self.picture_id_steps, "picture id steps"),
            (self.tl0_steps, "TL0PICIDX steps"),
            (self.layer_faults, "frames with a wrong layer"),
        ];
        faults.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
    }

    /// The layers of the last change.
    pub fn layer(&self) -> Option<(u8, u8)> {
        self.layers.last().map(|change| (change.spatial, change.temporal))
    }
}

/// What one source sent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct SourceReport {
    /// Pictures, or sound packets.
    pub frames: u64,
    /// Without repairs.
    pub packets: u64,
    /// Of payload.
    pub bytes: u64,
    /// Key frames, each layer's.
    pub key_frames: u64,
    /// PLI and FIR that came.
    pub key_frame_requests: u64,
}

/// What one end of a data channel did.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct DataReport {
    /// Given to SCTP.
    pub sent: u64,
    /// Of those messages.
    pub bytes_sent: u64,
    /// How often SCTP took none because its buffer was full.
    pub full: u64,
    /// Received.
    pub received: u64,
    /// Of those messages.
    pub bytes_received: u64,
    /// Messages that came after a later one.
    pub out_of_order: u64,
    /// Messages that came twice.
    pub duplicates: u64,
    /// Messages between the first and the last that did not come.
    pub missing: u64,
    /// Messages of which a byte is not as it was sent.
    pub corrupt: u64,
    /// Messages of another channel. Must be 0.
    pub foreign: u64,
}

/// What one transport did.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct TransportReport {
    /// ICE and DTLS are through.
    pub connected: bool,
    /// From its making to that.
    pub connect_time: Option<Duration>,
    /// How often the server stopped answering checks.
    pub ice_lost: u64,
    /// Why it ended, if it did.
    pub ended: Option<String>,
    /// Received, of all kinds.
    pub datagrams_received: u64,
    /// Of those.
    pub bytes_received: u64,
    /// Sent, of all kinds.
    pub datagrams_sent: u64,
    /// Of those.
    pub bytes_sent: u64,
    /// RTP of streams that nobody consumes here.
    pub strays: u64,
    /// With [`Verify::None`](super::Verify::None): RTP that did not come, by the numbers in the clear.
    pub missing: u64,
    /// Data channels that are open.
    pub channels_open: u64,
    /// Lost, late and dropped by the simulated link, both ways.
    pub lost_by_link: u64,
}

/// All of a fleet.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct FleetReport {
    /// Now there.
    pub transports: usize,
    /// Now connected.
    pub connected: usize,
    /// Received since the start, of transports that are closed too.
    pub datagrams_received: u64,
    /// Of those.
    pub bytes_received: u64,
    /// Sent since the start.
    pub datagrams_sent: u64,
    /// Of those.
    pub bytes_sent: u64,
    /// RTP nobody asked for.
    pub strays: u64,
    /// RTP that did not come, with [`Verify::None`](super::Verify::None).
    pub missing: u64,
    /// Processor time of the fleet's thread: what is to be taken off a measurement of the process.
    pub cpu: Duration,
}
