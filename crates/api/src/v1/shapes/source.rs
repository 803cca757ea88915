//! Sources and outputs: what is dialled, how that goes, and the policy in force.
use crate::{mask, time};
use hub::{OutputReport, Policy, SourceReport};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// A source.
#[derive(Serialize, ToSchema)]
pub(crate) struct Source {
    /// Its URL, with credentials hidden.
    url: String,
    /// `idle`, `connecting`, `live`, `backoff`, `gave_up` or `removed`.
    state: &'static str,
    /// Which attempt this is or was; 0 before the first.
    attempt: u32,
    /// When the next one is due, RFC 3339.
    next_try: Option<String>,
    /// What went wrong last.
    error: Option<String>,
    /// Whose fault that was: `peer`, `us` or `config`; null also when the peer ended it in order.
    fault: Option<&'static str>,
    /// Since when it is in this state, RFC 3339.
    since: String,
    /// It runs for somebody, or would if it did not fail.
    wanted: bool,
    /// It stands in only while the sources before it fail.
    fallback: bool,
    /// How it is tried again.
    policy: PolicyInForce,
}

/// A device that the stream's media goes to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Output {
    /// Its URL, with credentials hidden.
    url: String,
    /// `idle`, `connecting`, `live`, `backoff`, `gave_up` or `removed`.
    state: &'static str,
    /// Which attempt this is or was; 0 before the first.
    attempt: u32,
    /// When the next one is due, RFC 3339.
    next_try: Option<String>,
    /// What went wrong last.
    error: Option<String>,
    /// Whose fault that was: `peer`, `us` or `config`; null also when the device ended it in order.
    fault: Option<&'static str>,
    /// Since when it is in this state, RFC 3339.
    since: String,
    /// What the device takes, while it does: `PCMU/8000`.
    opened: Option<String>,
    /// Frames that went out, ever.
    frames: u64,
    /// Bytes that went out, ever.
    bytes: u64,
    /// How loud what goes out is, in dBFS: 0 is the loudest there can be. Null while nothing goes out.
    level_dbfs: Option<f32>,
}

/// The policy in force, with the keys that `supervision` has.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyInForce {
    /// Wait after the first failure.
    start_ms: u64,
    /// Each further wait is this many times the one before.
    factor: f64,
    /// Longest wait.
    ceiling_ms: u64,
    /// Share by which waits are changed at random.
    jitter: f64,
    /// Failing for this long in all, it gives up; 0: never.
    budget_ms: u64,
    /// Media must flow for this long before a failure counts as the first again.
    steady_ms: u64,
}

impl Source {
    pub(crate) fn new(source: &SourceReport) -> Self {
        Self {
            url: mask::url(&source.url),
            state: source.state,
            attempt: source.attempt,
            next_try: source.next_try.map(time::rfc3339),
            error: source.error.clone(),
            fault: source.fault.map(media::Fault::as_str),
            since: time::rfc3339(source.since),
            wanted: source.wanted,
            fallback: source.fallback,
            policy: PolicyInForce::new(&source.policy),
        }
    }
}

impl Output {
    pub(crate) fn new(output: &OutputReport) -> Self {
        Self {
            url: mask::url(&output.url),
            state: output.state,
            attempt: output.attempt,
            next_try: output.next_try.map(time::rfc3339),
            error: output.error.clone(),
            fault: output.fault.map(media::Fault::as_str),
            since: time::rfc3339(output.since),
            opened: output.opened.clone(),
            frames: output.frames,
            bytes: output.bytes,
            level_dbfs: output.level_dbfs.filter(|level| level.is_finite()),
        }
    }
}

impl PolicyInForce {
    fn new(policy: &Policy) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            start_ms: ms(policy.start),
            factor: policy.factor,
            ceiling_ms: ms(policy.ceiling),
            jitter: policy.jitter,
            budget_ms: ms(policy.budget.unwrap_or_default()),
            steady_ms: ms(policy.steady),
        }
    }
}
