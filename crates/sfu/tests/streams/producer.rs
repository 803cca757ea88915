//! A simulcast producer of VP8 in three temporal layers, and the network that loses, delays and doubles its packets.

/// Numbers that look random (xorshift), the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// A packet on its way.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// How many packets of the stream were sent before.
    pub(crate) index: u64,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) temporal: u8,
    pub(crate) starts_frame: bool,
    /// Its frame needs none of the upper temporal layers.
    pub(crate) sync: bool,
    /// First packet of a key frame.
    pub(crate) begins_key_frame: bool,
    pub(crate) payload: Vec<u8>,
}

/// One of the streams.
pub(crate) struct Stream {
    first_sequence: u16,
    first_timestamp: u32,
    picture_id: u16,
    tl0_picture: u8,
    sent: u64,
    since_key_frame: u64,
    pub(crate) key_frame_wanted: bool,
    pub(crate) silent_until_ms: u64,
    /// Packets that come after so many others.
    delayed: Vec<(u64, Sent)>,
    arrived: u64,
}

impl Stream {
    /// Its counters begin near their wraps.
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            first_sequence: (65_536 - random.below(400)) as u16,
            first_timestamp: u32::MAX - random.below(200_000) as u32,
            picture_id: (32_768 - 1 - random.below(100)) as u16,
            tl0_picture: random.below(256) as u8,
            sent: 0,
            since_key_frame: 0,
            key_frame_wanted: true,
            silent_until_ms: 0,
            delayed: Vec::new(),
            arrived: 0,
        }
    }

    /// The packets of the frame at this time.
    pub(crate) fn frame(&mut self, at_ms: u64, random: &mut Random) -> Vec<Sent> {
        if at_ms < self.silent_until_ms {
            return Vec::new();
        }
        let key_frame = std::mem::take(&mut self.key_frame_wanted);
        self.since_key_frame = if key_frame { 0 } else { self.since_key_frame + 1 };
        let temporal = [0, 2, 1, 2][(self.since_key_frame % 4) as usize];
        // the upper layers' frames before the second base frame depend on the base alone
        let sync = temporal > 0 && self.since_key_frame % 4 < 3;
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        self.tl0_picture = self.tl0_picture.wrapping_add(u8::from(temporal == 0));
        let count = 1 + random.below(4);
        let packets = (0..count).map(|number| {
            let [high, low] = self.picture_id.to_be_bytes();
            let start = if number == 0 { 0x10 } else { 0 };
            let layers = temporal << 6 | u8::from(sync) << 5;
            let index = self.sent + number;
            Sent {
                index,
                sequence: self.first_sequence.wrapping_add(index as u16),
                timestamp: self.first_timestamp.wrapping_add(at_ms as u32 * 90),
                marker: number + 1 == count,
                temporal,
                starts_frame: number == 0,
                sync,
                begins_key_frame: key_frame && number == 0,
                payload: vec![
                    0x80 | start,
                    0xe0,
                    0x80 | high,
                    low,
                    self.tl0_picture,
                    layers,
                    u8::from(!key_frame),
                    7,
                ],
            }
        });
        let packets = packets.collect();
        self.sent += count;
        packets
    }

    /// What arrives now that this packet was sent.
    pub(crate) fn transmit(&mut self, sent: Sent, calm: bool, random: &mut Random) -> Vec<Sent> {
        let mut arriving = Vec::new();
        if calm {
            arriving.push(sent);
        } else if random.one_in(30) {
            self.delayed.push((self.arrived + 1 + random.below(50), sent));
        } else if !random.one_in(40) {
            if random.one_in(50) {
                arriving.push(sent.clone());
            }
            arriving.push(sent);
        }
        self.arrived += 1;
        let arrived = self.arrived;
        arriving.extend(self.delayed.extract_if(.., |(after, _)| *after <= arrived).map(|(_, sent)| sent));
        arriving
    }
}
