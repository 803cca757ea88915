//! Statistics as `mediasoup-client`'s users know them: a list of objects, each with its `type`.
use super::requests::to_json;
use crate::refusal::Refusal;
use serde::Serialize;
use serde_json::{Value, json};
use sfu::{SentStats, WorkerGone};

/// One, with its type.
fn of_type(kind: &str, stat: &impl Serialize) -> Result<Value, Refusal> {
    let mut stat = to_json(stat)?;
    if let Value::Object(map) = &mut stat {
        map.insert("type".into(), kind.into());
    }
    Ok(stat)
}

/// The answer with one object, or why there is none.
pub(super) fn one(
    kind: &str,
    stat: Result<Option<impl Serialize>, WorkerGone>,
    closed: impl FnOnce() -> Refusal,
) -> Result<Value, Refusal> {
    let stat = stat?.ok_or_else(closed)?;
    Ok(json!({ "stats": [of_type(kind, &stat)?] }))
}

/// The answer with what comes from a participant, stream by stream.
pub(super) fn received(stats: Result<Vec<impl Serialize>, WorkerGone>) -> Result<Value, Refusal> {
    let stats: Result<Vec<Value>, Refusal> = stats?.iter().map(|stat| of_type("inbound-rtp", stat)).collect();
    Ok(json!({ "stats": stats? }))
}

/// The answer with what goes to a participant, and then what it is made of.
pub(super) fn sent(stats: Result<SentStats, WorkerGone>) -> Result<Value, Refusal> {
    let stats = stats?;
    let sent = stats.consumer.iter().map(|stat| of_type("outbound-rtp", stat));
    let received = stats.producer.iter().map(|stat| of_type("inbound-rtp", stat));
    let all: Result<Vec<Value>, Refusal> = sent.chain(received).collect();
    Ok(json!({ "stats": all? }))
}
