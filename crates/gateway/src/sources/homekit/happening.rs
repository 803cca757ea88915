//! What a camera tells of, as events of the hub.
use super::camera::Told;
use hub::What;
use media::StreamName;
use protocols::hap::accessory::CharacteristicId;
use protocols::hap::accessory::client::{Answer, read_answers};
use protocols::hap::http::Response;
use serde_json::Value;

/// What an event message says of what is watched; anything else in it is let go.
pub(super) fn happenings(
    stream: &StreamName,
    event: &Response,
    watched: &[(CharacteristicId, Told)],
) -> Vec<What> {
    let answers = match read_answers(event) {
        Ok(answers) => answers,
        Err(error) => {
            tracing::debug!(%stream, %error, "an event of a camera's that makes no sense");
            return Vec::new();
        }
    };
    let named = answers.iter().filter_map(|answer: &Answer| {
        let (_, told) = watched.iter().find(|(id, _)| *id == answer.id)?;
        let kind = name(*told, answer.value.as_ref()?)?;
        Some(What::DeviceEvent { stream: stream.clone(), kind })
    });
    named.collect()
}

/// The name of an event.
fn name(told: Told, value: &Value) -> Option<&'static str> {
    // some write booleans as numbers
    let is_on = value.as_bool().or_else(|| value.as_u64().map(|number| number != 0));
    match told {
        Told::Doorbell => match value.as_u64()? {
            0 => Some("doorbell"),
            1 => Some("doorbell.double"),
            2 => Some("doorbell.long"),
            _ => None,
        },
        Told::Motion => is_on.map(|on| if on { "motion" } else { "motion.ended" }),
        Told::Occupancy => is_on.map(|on| if on { "occupancy" } else { "occupancy.ended" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocols::hap::http::JSON;
    use serde_json::json;

    #[test]
    fn rings_and_motion_have_names_and_the_rest_is_let_go() {
        let id = |iid| CharacteristicId { aid: 1, iid };
        let watched = [(id(5), Told::Doorbell), (id(6), Told::Motion), (id(7), Told::Occupancy)];
        let names = |all: Value| {
            let body = json!({ "characteristics": all }).to_string().into_bytes();
            let event = Response::with_body(200, JSON, body);
            let found = happenings(&StreamName::new("door").unwrap(), &event, &watched);
            let names = found.into_iter().map(|what| {
                let What::DeviceEvent { kind, .. } = what else { panic!("{what:?}") };
                kind
            });
            names.collect::<Vec<_>>()
        };
        let all = json!([
            { "aid": 1, "iid": 5, "value": 0 },
            { "aid": 1, "iid": 6, "value": 1 },
            { "aid": 1, "iid": 7, "value": false },
            { "aid": 1, "iid": 8, "value": true },
            { "aid": 2, "iid": 6, "value": true },
            { "aid": 1, "iid": 5, "value": 7 },
            { "aid": 1, "iid": 5 },
        ]);
        assert_eq!(names(all), ["doorbell", "motion", "occupancy.ended"]);
        let none = happenings(&StreamName::new("door").unwrap(), &Response::empty(200), &watched);
        assert!(none.is_empty());
    }
}
