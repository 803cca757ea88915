//! The socket of HomeKit's media. Its owner counts; a new owner counts from 0 again, as a restart does.
use super::{Counters, whole};
use futures_util::future::BoxFuture;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::Arc;

/// What is counted at the socket.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SrtpFacts {
    /// Sessions now.
    pub sessions: usize,
    /// Datagrams that were a session's.
    pub received: u64,
    /// Packets that were sent.
    pub sent: u64,
    /// What was dropped, by reason.
    pub dropped: Vec<(&'static str, u64)>,
}

/// Asks for it; none while the socket is not needed.
pub type AskSrtp = Arc<dyn Fn() -> BoxFuture<'static, Option<SrtpFacts>> + Send + Sync>;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfReason {
    reason: &'static str,
}

pub(super) async fn register(registry: &mut Registry, ask: &AskSrtp) {
    let Some(facts) = ask().await else { return };
    let sessions: Gauge = Gauge::default();
    sessions.set(whole(facts.sessions as u64));
    registry.register("srtp_sessions", "Media of HomeKit sessions now", sessions);
    for (name, help, count) in [
        ("srtp_received", "SRTP datagrams that were a session's", facts.received),
        ("srtp_sent", "SRTP packets sent", facts.sent),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(count);
        registry.register(name, help, counter);
    }
    let dropped: Counters<OfReason> = Counters::default();
    registry.register("srtp_dropped", "SRTP packets dropped, by reason", dropped.clone());
    for (reason, count) in facts.dropped {
        dropped.get_or_create(&OfReason { reason }).inc_by(count);
    }
}
