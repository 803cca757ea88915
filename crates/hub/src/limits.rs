//! Every limit of the runtime, with its reason. Reaching one is an event.
use crate::alert::AlertLimits;
use std::time::Duration;

/// Limits of workers, streams and readers. One value for the process, set at the start.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most streams at once. 4,096: an integrator with "hundreds of cameras", sub-streams and talk streams, four times.
    pub streams_max: usize,
    /// Most readers of one stream. 20,000 sockets is what a process gets by default.
    pub readers_per_stream_max: usize,
    /// Most publishers of one stream that mix or wait. 8: more voices at one door are not understood.
    pub publishers_per_stream_max: usize,
    /// Most bytes one ring keeps (a stream's units, and each rendition of them). 64 MiB: 10 s at 50 Mbit/s.
    pub ring_bytes_max: usize,
    /// How long a ring keeps what is older than its newest key frame, for readers that lag. 4 s.
    pub ring_keep: Duration,
    /// A reader this far behind in bytes is cut back to the newest key frame. 16 MiB: 4 s at 32 Mbit/s.
    pub reader_lag_bytes_max: u64,
    /// A reader this far behind in time is cut back to the newest key frame. 4 s, what the ring keeps.
    pub reader_lag_max: Duration,
    /// A reader that takes nothing for this long is ended. 15 s: three times what a browser tab in the background needs.
    pub reader_stall_max: Duration,
    /// How long a reader that asks for a stream waits for its tracks. 15 s: a camera may take 10 s to wake up.
    pub start_wait_max: Duration,
    /// A source or publisher that sends nothing for this long is ended. 15 s.
    pub silence_max: Duration,
    /// A live stream one of whose tracks is silent for this long is `stalled`, not `live`. 5 s.
    pub track_silence_max: Duration,
    /// Readers of a pushed stream wait this long for its publisher to come back. 15 s.
    pub publisher_linger: Duration,
    /// A source on demand stops this long after its last reader. 5 s.
    pub source_linger: Duration,
    /// A source gets this long to end in order (TEARDOWN and its answer) before it is dropped. 2 s.
    pub source_stop_max: Duration,
    /// Audio waits at most this long for the video frame it is written with. 20 ms: half a frame at 25 a second.
    pub flush_delay: Duration,
    /// A worker that does not answer for this long is given up and replaced. 10 s.
    pub worker_stall_max: Duration,
    /// Waiting units per publisher before it feels back-pressure. 256: some seconds.
    pub ingest_queue: usize,
    /// How much trouble is worth an alert.
    pub alerts: AlertLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams_max: 4096,
            readers_per_stream_max: 20_000,
            publishers_per_stream_max: 8,
            ring_bytes_max: 64 << 20,
            ring_keep: Duration::from_secs(4),
            reader_lag_bytes_max: 16 << 20,
            reader_lag_max: Duration::from_secs(4),
            reader_stall_max: Duration::from_secs(15),
            start_wait_max: Duration::from_secs(15),
            silence_max: Duration::from_secs(15),
            track_silence_max: Duration::from_secs(5),
            publisher_linger: Duration::from_secs(15),
            source_linger: Duration::from_secs(5),
            source_stop_max: Duration::from_secs(2),
            flush_delay: Duration::from_millis(20),
            worker_stall_max: Duration::from_secs(10),
            ingest_queue: 256,
            alerts: AlertLimits::default(),
        }
    }
}
