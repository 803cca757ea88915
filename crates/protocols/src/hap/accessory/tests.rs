//! Reads, writes, timed writes, subscriptions and events, as a controller sees them.
use super::client::*;
use super::*;
use crate::hap::http::{Request, Response};
use media::Moment;
use serde_json::{Value, json};
use std::time::Duration;

const MUTE: CharacteristicId = CharacteristicId { aid: 1, iid: 11 };
const VOLUME: CharacteristicId = CharacteristicId { aid: 1, iid: 12 };
const PRESS: CharacteristicId = CharacteristicId { aid: 1, iid: 14 };
const LOCK: CharacteristicId = CharacteristicId { aid: 1, iid: 16 };
const IDENTIFY: CharacteristicId = CharacteristicId { aid: 1, iid: 2 };

fn server() -> Server {
    let information = Information {
        name: "Front door".to_owned(),
        manufacturer: "Aqueduct".to_owned(),
        model: "Doorbell".to_owned(),
        serial_number: "1".to_owned(),
        firmware: "1.0.0".to_owned(),
    };
    let mut accessory = Accessory::new(1, &information);
    let muted = (characteristics::MUTE, json!(false));
    accessory.add(services::MICROPHONE, &[muted, (characteristics::VOLUME, json!(50))]);
    accessory.add(services::DOORBELL, &[(characteristics::PROGRAMMABLE_SWITCH_EVENT, Value::Null)]);
    let switch = accessory.add(services::SWITCH, &[(characteristics::ON, json!(false))]);
    accessory.service_mut(switch).unwrap().characteristics[0].perms.timed_write = true;
    Server::new(vec![accessory])
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

/// Writes, and lets everything succeed.
fn write(server: &mut Server, connection: u64, body: &Value, now: Moment) -> Response {
    match server.handle_write(connection, body.to_string().as_bytes(), now) {
        Ok(pending) => server.finish_write(pending, now),
        Err(response) => response,
    }
}

fn one(id: CharacteristicId, more: &Value) -> Value {
    let mut item = json!({ "aid": id.aid, "iid": id.iid });
    for (name, value) in more.as_object().unwrap() {
        item[name] = value.clone();
    }
    json!({ "characteristics": [item] })
}

/// The statuses of an answer; none of a 204.
fn statuses(response: &Response) -> Vec<i64> {
    read_answers(response).unwrap().iter().map(|answer| answer.status.number()).collect()
}

#[test]
fn accessories_come_back_from_their_json() {
    let server = server();
    let accessories = read_accessories_response(&server.handle_accessories()).unwrap();
    assert_eq!(accessories, server.accessories());
    let information = accessories[0].find(services::ACCESSORY_INFORMATION).unwrap();
    assert_eq!(information.find(&characteristics::NAME).unwrap().value, Some(json!("Front door")));
    let json: Value = serde_json::from_slice(&server.handle_accessories().body).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn values_are_read_with_what_is_asked_for() {
    let mut server = server();
    let answers = read_answers(&server.handle_read(1, &values_request(&[MUTE, VOLUME]))).unwrap();
    assert_eq!(answers[1], Answer { id: VOLUME, status: Status::Success, value: Some(json!(50)) });
    write(&mut server, 1, &one(VOLUME, &json!({ "ev": true })), at(0));
    let request = Request::get("/characteristics?id=1.12&meta=1&perms=1&type=1&ev=1");
    let body: Value = serde_json::from_slice(&server.handle_read(1, &request).body).unwrap();
    assert_eq!(
        body,
        json!({ "characteristics": [{
            "aid": 1, "iid": 12, "value": 50, "type": "119", "perms": ["pr", "pw", "ev"], "format": "uint8",
            "unit": "percentage", "minValue": 0, "maxValue": 100, "minStep": 1, "ev": true,
        }] })
    );
}

#[test]
fn one_characteristic_that_cannot_be_read_gives_each_a_status() {
    let missing = CharacteristicId { aid: 2, iid: 9 };
    let response = server().handle_read(1, &values_request(&[MUTE, IDENTIFY, missing]));
    assert_eq!((response.status, statuses(&response)), (207, vec![0, -70405, -70409]));
}

#[test]
fn reads_of_nothing_are_refused_whole() {
    for target in
        ["/characteristics", "/characteristics?id=", "/characteristics?id=1", "/characteristics?id=1.x"]
    {
        let response = server().handle_read(1, &Request::get(target));
        let refused = AnswerError::Refused { http: 400, status: Some(Status::InvalidValue) };
        assert_eq!(read_answers(&response), Err(refused), "{target}");
    }
}

#[test]
fn each_write_has_its_status() {
    for (id, more, status) in [
        (MUTE, json!({ "value": true }), None),
        (MUTE, json!({ "value": 1 }), None),
        (MUTE, json!({ "value": 2 }), Some(-70410)),
        (VOLUME, json!({ "value": 101 }), Some(-70410)),
        (VOLUME, json!({ "value": 50.0 }), None),
        (VOLUME, json!({ "value": "50" }), Some(-70410)),
        (VOLUME, json!({}), Some(-70410)),
        (VOLUME, json!({ "ev": "yes" }), Some(-70410)),
        (IDENTIFY, json!({ "value": true }), None),
        (IDENTIFY, json!({ "ev": true }), Some(-70406)),
        (PRESS, json!({ "value": 0 }), Some(-70404)),
        (LOCK, json!({ "value": true }), Some(-70410)),
        (CharacteristicId { aid: 1, iid: 99 }, json!({ "value": 0 }), Some(-70409)),
    ] {
        let response = write(&mut server(), 1, &one(id, &more), at(0));
        assert_eq!(statuses(&response), status.into_iter().collect::<Vec<_>>(), "{id:?} {more}");
        assert_eq!(response.status, if status.is_some() { 207 } else { 204 });
    }
}

#[test]
fn what_is_no_write_is_refused_whole() {
    for body in ["", "{}", "[1]", "{\"characteristics\":[{\"aid\":1}]}", "{\"characteristics\":7}"] {
        let response = server().handle_write(1, body.as_bytes(), at(0)).err().unwrap();
        assert_eq!(response.status, 400, "{body}");
    }
    let many = json!({ "characteristics": vec![json!({ "aid": 1, "iid": 2, "value": 1 }); IDS_MAX + 1] });
    assert_eq!(write(&mut server(), 1, &many, at(0)).status, 400);
}

#[test]
fn the_owner_decides_what_came_of_a_write_and_what_it_answers() {
    let mut server = server();
    let changes = [
        Change { id: VOLUME, value: Some(json!(30)), watch: None, wants_response: true },
        Change { id: MUTE, value: Some(json!(true)), watch: None, wants_response: false },
    ];
    let mut pending = server.handle_write(1, &write_request(&changes, None).body, at(0)).unwrap();
    assert_eq!(pending.connection(), 1);
    for item in pending.items_mut() {
        item.result = if item.id == VOLUME { Ok(Some(json!(25))) } else { Err(Status::Busy) };
    }
    let answers = read_answers(&server.finish_write(pending, at(0))).unwrap();
    assert_eq!(
        answers,
        [
            Answer { id: VOLUME, status: Status::Success, value: Some(json!(25)) },
            Answer { id: MUTE, status: Status::Busy, value: None },
        ]
    );
    assert_eq!(server.find(VOLUME).unwrap().value, Some(json!(25)));
    assert_eq!(server.find(MUTE).unwrap().value, Some(json!(false)));
}

#[test]
fn a_timed_write_is_good_once_in_time_and_with_its_number() {
    let body = |pid: u64| {
        let mut body = one(LOCK, &json!({ "value": true }));
        body["pid"] = json!(pid);
        body
    };
    let mut server = server();
    assert_eq!(server.handle_prepare(1, &prepare_request(7, 1000).body, at(0)).status, 200);
    assert_eq!(write(&mut server, 1, &body(7), at(999)).status, 204);
    assert_eq!(statuses(&write(&mut server, 1, &body(7), at(999))), [-70410], "a second time");
    server.handle_prepare(1, &prepare_request(8, 1000).body, at(1000));
    assert_eq!(statuses(&write(&mut server, 1, &body(8), at(2000))), [-70410], "too late");
    server.handle_prepare(1, &prepare_request(9, 1000).body, at(2000));
    assert_eq!(statuses(&write(&mut server, 1, &body(8), at(2001))), [-70410], "another number");
    server.handle_prepare(1, &prepare_request(10, 1000).body, at(2000));
    assert_eq!(statuses(&write(&mut server, 2, &body(10), at(2001))), [-70410], "another connection");
    assert_eq!(server.handle_prepare(1, b"{}", at(0)).status, 400);
}

#[test]
fn whoever_watches_is_told_but_not_of_what_it_wrote() {
    let mut server = server();
    for connection in [1, 2] {
        write(&mut server, connection, &one(VOLUME, &json!({ "ev": true })), at(0));
    }
    write(&mut server, 1, &one(VOLUME, &json!({ "value": 10 })), at(5));
    let Output::Event { connection: 2, event } = server.poll_output(at(5)) else { panic!() };
    let told = Answer { id: VOLUME, status: Status::Success, value: Some(json!(10)) };
    assert_eq!(read_answers(&event).unwrap(), [told]);
    assert_eq!(server.poll_output(at(5)), Output::WaitUntil(Moment::FAR_FUTURE));
    server.set_value(VOLUME, &json!(10), at(6)).unwrap();
    assert_eq!(server.poll_output(at(6)), Output::WaitUntil(Moment::FAR_FUTURE), "nothing changed");
    write(&mut server, 2, &one(VOLUME, &json!({ "ev": false })), at(7));
    server.handle_disconnected(1);
    server.set_value(VOLUME, &json!(11), at(8)).unwrap();
    assert_eq!(server.poll_output(at(9999)), Output::WaitUntil(Moment::FAR_FUTURE));
}

#[test]
fn events_come_once_a_second_with_the_newest_values_but_a_press_at_once() {
    let mut server = server();
    for id in [VOLUME, MUTE, PRESS] {
        write(&mut server, 1, &one(id, &json!({ "ev": true })), at(0));
    }
    let values = |output: Output| match output {
        Output::Event { event, .. } => {
            read_answers(&event).unwrap().iter().map(|told| told.value.clone().unwrap()).collect()
        }
        Output::WaitUntil(_) => vec![],
    };
    server.set_value(VOLUME, &json!(1), at(0)).unwrap();
    assert_eq!(values(server.poll_output(at(0))), [json!(1)]);
    server.set_value(VOLUME, &json!(2), at(100)).unwrap();
    server.set_value(VOLUME, &json!(3), at(200)).unwrap();
    server.set_value(MUTE, &json!(true), at(300)).unwrap();
    assert_eq!(server.poll_output(at(300)), Output::WaitUntil(at(0) + COALESCE));
    assert_eq!(values(server.poll_output(at(1000))), [json!(true), json!(3)]);
    server.set_value(PRESS, &json!(0), at(1100)).unwrap();
    assert_eq!(values(server.poll_output(at(1100))), [json!(0)]);
    server.set_value(PRESS, &json!(0), at(1200)).unwrap();
    assert_eq!(values(server.poll_output(at(1200))), [json!(0)], "the same press again");
    let pressed = read_answers(&server.handle_read(1, &values_request(&[PRESS]))).unwrap();
    assert_eq!(pressed[0].value, Some(Value::Null), "a press has no state");
    assert_eq!(server.set_value(PRESS, &json!(3), at(1200)), Err(Status::InvalidValue));
    assert_eq!(Duration::from_secs(1), COALESCE);
}
