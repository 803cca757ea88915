//! `GET /metrics` for Prometheus: made on each scrape from the hub's reports, so that nothing is counted twice.
//!
//! Source: OpenMetrics 1.0. Series are bounded by `limits.streams_max`: nothing is told apart by peer address.
mod counts;
mod process;
mod recordings;
mod srtp;

pub(crate) use counts::EventCounts;
pub use srtp::{AskSrtp, SrtpFacts};

use crate::answer;
use crate::shared::Shared;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use hub::{AlertKind, StreamReport};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfStream {
    stream: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfState {
    stream: String,
    state: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfProtocol {
    stream: String,
    protocol: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfWorker {
    worker: usize,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfHook {
    hook: usize,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfVersion {
    version: &'static str,
}

type Gauges<L> = Family<L, Gauge>;
type Counters<L> = Family<L, Counter>;

pub(crate) async fn get(State(shared): State<Arc<Shared>>) -> Response {
    let mut registry = Registry::with_prefix("aqueduct");
    let build: Gauges<OfVersion> = Family::default();
    registry.register("build", "Always 1; its label is the version", build.clone());
    build.get_or_create(&OfVersion { version: shared.version }).set(1);
    let reports = shared.hub.reports().await;
    streams(&mut registry, &reports);
    alerts(&mut registry, &reports, &shared.recorder.alerts().await);
    recordings::register(&mut registry, &shared.recorder).await;
    let load: Gauges<OfWorker> = Family::default();
    registry.register(
        "worker_owners",
        "Streams, readers and connections that live on a worker",
        load.clone(),
    );
    for worker in shared.hub.workers().await {
        load.get_or_create(&OfWorker { worker: worker.id() }).set(whole(worker.load() as u64));
    }
    let lost: Counter = Counter::default();
    lost.inc_by(shared.hub.events_lost());
    registry.register("events_lost", "Events lost because too many came at once", lost);
    let events: Counters<OfKind> = Family::default();
    registry.register("events", "Events by kind", events.clone());
    for (kind, count) in shared.counts.all() {
        events.get_or_create(&OfKind { kind }).inc_by(count);
    }
    hooks(&mut registry, &shared);
    srtp::register(&mut registry, &shared.srtp).await;
    process_metrics(&mut registry);
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => answer::plain(TYPE, text),
        Err(error) => answer::text(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn streams(registry: &mut Registry, reports: &[StreamReport]) {
    let state: Gauges<OfState> = Family::default();
    let bytes: Counters<OfStream> = Family::default();
    let units: Counters<OfStream> = Family::default();
    let bitrate: Gauges<OfStream> = Family::default();
    let ring: Gauges<OfStream> = Family::default();
    let attempts: Gauges<OfStream> = Family::default();
    let readers: Gauges<OfProtocol> = Family::default();
    let sent: Gauges<OfProtocol> = Family::default();
    let skipped: Gauges<OfProtocol> = Family::default();
    let lag: Gauges<OfProtocol> = Family::default();
    registry.register("stream_state", "1 for the state that the stream is in", state.clone());
    registry.register_with_unit("stream_in", "Bytes that came in", Unit::Bytes, bytes.clone());
    registry.register("stream_in_units", "Frames that came in", units.clone());
    registry.register("stream_in_bits_per_second", "Bits a second that came in lately", bitrate.clone());
    registry.register_with_unit("stream_ring", "Bytes that rings keep", Unit::Bytes, ring.clone());
    registry.register("stream_source_attempt", "Highest attempt that a source is at", attempts.clone());
    registry.register("stream_readers", "Readers now", readers.clone());
    registry.register_with_unit(
        "stream_readers_sent",
        "Bytes that readers of now took",
        Unit::Bytes,
        sent.clone(),
    );
    registry.register(
        "stream_readers_skipped",
        "Pieces that readers of now did not get for slowness",
        skipped.clone(),
    );
    registry.register("stream_readers_lag_ms_max", "How far the slowest reader is behind", lag.clone());
    for report in reports {
        let stream = report.name.to_string();
        let of = OfStream { stream: stream.clone() };
        state.get_or_create(&OfState { stream: stream.clone(), state: report.state.as_str() }).set(1);
        bytes.get_or_create(&of).inc_by(report.bytes_in);
        units.get_or_create(&of).inc_by(report.units_in);
        bitrate.get_or_create(&of).set(whole(report.bitrate_in));
        ring.get_or_create(&of).set(whole(report.ring_bytes as u64));
        if let Some(attempt) = report.sources.iter().map(|source| source.attempt).max() {
            attempts.get_or_create(&of).set(i64::from(attempt));
        }
        for reader in &report.readers {
            let of = OfProtocol { stream: stream.clone(), protocol: reader.peer.protocol };
            readers.get_or_create(&of).inc();
            sent.get_or_create(&of).inc_by(whole(reader.bytes));
            skipped.get_or_create(&of).inc_by(whole(reader.skipped));
            let lag = lag.get_or_create(&of);
            lag.set(lag.get().max(whole(reader.lag_ms)));
        }
    }
}

fn alerts(registry: &mut Registry, reports: &[StreamReport], recorders: &[recorder::RecordingAlert]) {
    let alerts: Gauges<OfKind> = Family::default();
    registry.register("alerts", "Alerts that run, by kind", alerts.clone());
    // A rule on a kind that never ran needs its zero.
    for kind in AlertKind::ALL {
        alerts.get_or_create(&OfKind { kind: kind.as_str() }).set(0);
    }
    for alert in reports.iter().flat_map(|report| &report.alerts) {
        alerts.get_or_create(&OfKind { kind: alert.kind.as_str() }).inc();
    }
    for kind in [recorder::RECORDING_STOPPED, recorder::STORAGE_TROUBLE] {
        alerts.get_or_create(&OfKind { kind }).set(0);
    }
    for alert in recorders {
        alerts.get_or_create(&OfKind { kind: alert.kind }).inc();
    }
}

fn hooks(registry: &mut Registry, shared: &Shared) {
    let queued: Gauges<OfHook> = Family::default();
    registry.register("hook_queued", "Events that wait for a hook's receiver", queued.clone());
    let counters: [Counters<OfHook>; 5] = std::array::from_fn(|_| Family::default());
    for (counter, (name, help)) in counters.iter().zip([
        ("hook_tries", "Requests to a hook's receiver"),
        ("hook_delivered", "Events that a hook's receiver took"),
        ("hook_failed", "Events given up after tries"),
        ("hook_dropped", "Events not taken in, since too many waited"),
        ("hook_unheard", "Events that came too fast to be heard"),
    ]) {
        registry.register(name, help, counter.clone());
    }
    for (hook, report) in shared.hooks.hooks().into_iter().enumerate() {
        let of = OfHook { hook };
        queued.get_or_create(&of).set(whole(report.queued as u64));
        let counts = [report.tries, report.delivered, report.failed, report.dropped, report.unheard];
        for (counter, count) in counters.iter().zip(counts) {
            counter.get_or_create(&of).inc_by(count);
        }
    }
    let (written, lost) = shared.hooks.dead_letters();
    for (name, help, count) in [
        ("hook_dead_letters", "Undeliverable events that were written down", written),
        ("hook_dead_letters_lost", "Undeliverable events that could not be written down", lost),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(count);
        registry.register(name, help, counter);
    }
}

/// What Prometheus's own clients say of a process, under their names.
fn process_metrics(registry: &mut Registry) {
    let Some(usage) = process::usage() else { return };
    let registry = registry.sub_registry_with_prefix("process");
    let cpu: Counter<f64, AtomicU64> = Counter::default();
    cpu.inc_by(usage.cpu_seconds);
    registry.register_with_unit("cpu", "CPU time of the process", Unit::Seconds, cpu);
    for (name, help, value) in [
        ("resident_memory_bytes", "Memory of the process", usage.resident_bytes),
        ("open_fds", "Open files and sockets", usage.open_files),
        ("threads", "Threads", usage.threads),
    ] {
        let gauge: Gauge = Gauge::default();
        gauge.set(whole(value));
        registry.register(name, help, gauge);
    }
}
