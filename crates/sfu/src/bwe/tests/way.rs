//! A way with a capacity, a queue, a delay, jitter and loss. Seeded: each run is the same.

pub(super) struct Way {
    bps: u64,
    pub(super) queue_bytes_max: u64,
    pub(super) delay_us: u64,
    pub(super) jitter_us: u64,
    /// Lost of a million.
    pub(super) lost_ppm: u64,
    random: u64,
    free_us: u64,
    last_arrival_us: u64,
}

impl Way {
    pub(super) fn new(bps: u64, queue_bytes_max: u64, delay_ms: u64) -> Self {
        Self {
            bps,
            queue_bytes_max,
            delay_us: 1000 * delay_ms,
            jitter_us: 0,
            lost_ppm: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            free_us: 0,
            last_arrival_us: 0,
        }
    }

    /// When a packet arrives that is sent now; `None` if it does not. Packets do not overtake each other.
    pub(super) fn send(&mut self, now_us: u64, bytes: usize) -> Option<u64> {
        let random = self.random();
        if random % 1_000_000 < self.lost_ppm {
            return None;
        }
        if self.queue_us(now_us) * self.bps / 8_000_000 + bytes as u64 > self.queue_bytes_max {
            return None;
        }
        self.free_us = self.free_us.max(now_us) + bytes as u64 * 8_000_000 / self.bps;
        let jitter_us = (random >> 24) % (self.jitter_us + 1);
        self.last_arrival_us = self.last_arrival_us.max(self.free_us + self.delay_us + jitter_us);
        Some(self.last_arrival_us)
    }

    /// From now on the way bears this much; what is in its queue leaves it at the new rate.
    pub(super) fn set_bps(&mut self, bps: u64, ms: u64) {
        self.free_us = 1000 * ms + self.queue_us(1000 * ms) * self.bps / bps;
        self.bps = bps;
    }

    /// How long a packet waits that is sent now.
    pub(super) fn queue_us(&self, now_us: u64) -> u64 {
        self.free_us.saturating_sub(now_us)
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 8
    }
}
