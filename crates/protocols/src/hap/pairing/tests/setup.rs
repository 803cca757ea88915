//! Pair setup.
use super::*;

struct Stage {
    accessory: SetupAccessory,
    random: Counting,
    now: Moment,
    is_paired: bool,
}

impl Stage {
    fn new(failed_tries: u32) -> Self {
        let accessory = SetupAccessory::new(code(), failed_tries);
        Self { accessory, random: Counting::new(3), now: Moment::from_millis(1), is_paired: false }
    }

    fn tell(&mut self, connection: ConnectionId, body: &[u8]) -> SetupOutcome {
        let identity = accessory_identity();
        let random: &mut dyn Random = &mut self.random;
        self.accessory.handle_message(connection, body, self.is_paired, &identity, random, self.now)
    }
}

/// A controller, and what it has sent.
struct Pilot {
    controller: SetupController,
    random: Counting,
    sent: Vec<Vec<u8>>,
}

impl Pilot {
    fn new(code: &str) -> Self {
        let code = SetupCode::new(code).unwrap();
        let mut controller = SetupController::new(code, controller_identity(), None);
        let sent = vec![controller.start().unwrap()];
        Self { controller, random: Counting::new(9), sent }
    }

    /// Exchanges messages until `step` is the next to be sent.
    fn until(mut self, stage: &mut Stage, step: usize) -> Self {
        while 2 * self.sent.len() - 1 < step {
            let outcome = stage.tell(CONNECTION, self.sent.last().unwrap());
            let next = self.controller.handle_reply(&outcome.reply.body, &mut self.random).unwrap();
            let SetupStep::Send(message) = next else { unreachable!("{next:?}") };
            self.sent.push(message);
        }
        self
    }

    fn message(&self) -> &[u8] {
        self.sent.last().unwrap()
    }
}

/// How a row of a table is named, and how its state is reached.
type State = (&'static str, fn() -> Stage);

#[test]
fn both_sides_come_to_the_same_pairing() {
    let mut stage = Stage::new(7);
    let mut pilot = Pilot::new("031-45-154").until(&mut stage, 5);
    let outcome = stage.tell(CONNECTION, pilot.message());
    let (id, public_key) = (controller_identity().id().to_owned(), *controller_identity().public_key());
    let pairing = Pairing { id, public_key, permissions: Permissions::Admin };
    assert_eq!(outcome.event, Some(SetupEvent::Paired(pairing)));
    assert_eq!(stage.accessory.failed_tries(), 0);
    let done = pilot.controller.handle_reply(&outcome.reply.body, &mut pilot.random);
    let (id, public_key) = (accessory_identity().id().to_owned(), *accessory_identity().public_key());
    assert_eq!(done, Ok(SetupStep::Done(AccessoryPairing { id, public_key })));
    assert_eq!(pilot.controller.handle_reply(&[], &mut pilot.random), Err(PairingError::NotDue));
}

#[test]
fn a_controller_refuses_an_accessory_that_is_not_the_one_it_called() {
    let mut stage = Stage::new(0);
    let mut pilot = Pilot::new("031-45-154");
    pilot.controller =
        SetupController::new(code(), controller_identity(), Some("aa:bb:cc:dd:ee:ff".to_owned()));
    pilot.controller.start().unwrap();
    let mut pilot = pilot.until(&mut stage, 5);
    let outcome = stage.tell(CONNECTION, pilot.message());
    let refused = pilot.controller.handle_reply(&outcome.reply.body, &mut pilot.random).unwrap_err();
    assert_eq!(refused.to_string(), "accessory 11:22:33:44:55:66 answers instead of aa:bb:cc:dd:ee:ff");
}

#[test]
fn wrong_codes_are_counted_then_held_up_then_locked_out() {
    let mut stage = Stage::new(0);
    let mut delays = Vec::new();
    for tries in 1..=TRIES_MAX {
        let pilot = Pilot::new("031-45-155").until(&mut stage, 3);
        let outcome = stage.tell(CONNECTION, pilot.message());
        assert_eq!(outcome.event, Some(SetupEvent::WrongCode { tries }));
        assert_eq!(shown(&outcome.reply), "200 M4 Authentication");
        let first = Pilot::new("031-45-154");
        let next = shown(&stage.tell(CONNECTION, first.message()).reply);
        if delays.last() != Some(&next) {
            delays.push(next);
        }
        stage.now += BACKOFF_MAX;
    }
    assert_eq!(delays[0], "200 M2");
    assert_eq!(delays[1..4], [1, 2, 4].map(|delay| format!("200 M2 Backoff in {delay} s")));
    assert_eq!(delays[delays.len() - 2..], ["200 M2 Backoff in 60 s", "200 M2 MaxTries"]);
    stage.now += Duration::from_secs(86_400);
    let right = Pilot::new("031-45-154");
    assert_eq!(shown(&stage.tell(CONNECTION, right.message()).reply), "200 M2 MaxTries");
}

#[test]
fn a_refusal_reaches_the_controller_with_its_code_and_delay() {
    let mut stage = Stage::new(BACKOFF_FROM_TRIES);
    let pilot = Pilot::new("031-45-155").until(&mut stage, 3);
    stage.tell(CONNECTION, pilot.message());
    let mut pilot = Pilot::new("031-45-154");
    let reply = stage.tell(CONNECTION, pilot.message()).reply;
    assert_eq!(
        pilot.controller.handle_reply(&reply.body, &mut pilot.random),
        Err(PairingError::Refused { step: 1, code: ErrorCode::Backoff, retry_after: Some(2) })
    );
}

#[test]
fn a_silent_controller_keeps_others_out_no_longer_than_five_minutes() {
    let mut stage = Stage::new(0);
    let pilot = Pilot::new("031-45-154").until(&mut stage, 3);
    assert_eq!(shown(&stage.tell(OTHER, &pilot.sent[0]).reply), "200 M2 Busy");
    stage.now += SETUP_TIMEOUT;
    assert_eq!(shown(&stage.tell(OTHER, &pilot.sent[0]).reply), "200 M2");
    assert_eq!(shown(&stage.tell(CONNECTION, pilot.message()).reply), "400 M4 Unknown");
}

#[test]
fn whoever_asks_for_challenges_in_a_row_is_told_to_wait() {
    let mut stage = Stage::new(0);
    let first = Pilot::new("031-45-154").sent.remove(0);
    let answers: Vec<String> = (0..12).map(|_| shown(&stage.tell(CONNECTION, &first).reply)).collect();
    assert_eq!((&*answers[9], &*answers[10], &*answers[11]), ("200 M2", "200 M2 Busy", "200 M2 Busy"));
    stage.now += Duration::from_secs(1);
    assert_eq!(shown(&stage.tell(CONNECTION, &first).reply), "200 M2");
}

/// Every state × every message: what is answered, what the owner is told, and where it leads.
#[test]
fn every_message_in_every_state_of_an_accessory() {
    let states: [State; 5] = [
        ("Idle", || Stage::new(0)),
        ("Challenged", || {
            let mut stage = Stage::new(0);
            Pilot::new("031-45-154").until(&mut stage, 3);
            stage
        }),
        ("Proven", || {
            let mut stage = Stage::new(0);
            Pilot::new("031-45-154").until(&mut stage, 5);
            stage
        }),
        ("Idle, locked out", || Stage::new(TRIES_MAX)),
        ("Idle, paired", || {
            let mut stage = Stage::new(0);
            stage.is_paired = true;
            stage
        }),
    ];
    let mut replayed = Stage::new(0);
    let right = Pilot::new("031-45-154").until(&mut replayed, 5).sent;
    let wrong = Pilot::new("031-45-155").until(&mut Stage::new(0), 3).sent;
    let sealed = Tlv8::new().with(6, [5]).with(5, [0; 60]).to_bytes();
    let messages: [(&str, ConnectionId, Vec<u8>); 13] = [
        ("M1", CONNECTION, right[0].clone()),
        ("M1 of another connection", OTHER, right[0].clone()),
        ("M1 of another method", CONNECTION, Tlv8::new().with(6, [1]).with(0, [9]).to_bytes()),
        ("M3", CONNECTION, right[1].clone()),
        ("M3 of another connection", OTHER, right[1].clone()),
        ("M3 with another code", CONNECTION, wrong[1].clone()),
        (
            "M3 with key zero",
            CONNECTION,
            Tlv8::new().with(6, [3]).with(3, [0; 384]).with(4, [0; 64]).to_bytes(),
        ),
        ("M3 without a key", CONNECTION, Tlv8::new().with(6, [3]).to_bytes()),
        ("M5", CONNECTION, right[2].clone()),
        ("M5 of another connection", OTHER, right[2].clone()),
        ("M5 sealed by somebody else", CONNECTION, sealed),
        ("M7", CONNECTION, Tlv8::new().with(6, [7]).to_bytes()),
        ("no TLV8", CONNECTION, vec![6, 1]),
    ];
    let mut table = String::new();
    for (state, make) in states {
        for (name, connection, body) in &messages {
            let mut stage = make();
            let outcome = stage.tell(*connection, body);
            let event = match outcome.event {
                None => String::new(),
                Some(SetupEvent::Paired(_)) => ", paired".to_owned(),
                Some(SetupEvent::WrongCode { tries }) => format!(", wrong code {tries}"),
            };
            table += &format!(
                "{state} × {name}: {}{event} → {}\n",
                shown(&outcome.reply),
                stage.accessory.state()
            );
        }
        let mut stage = make();
        stage.accessory.handle_disconnected(OTHER);
        table += &format!("{state} × another connection ends: → {}\n", stage.accessory.state());
        stage.accessory.handle_disconnected(CONNECTION);
        table += &format!("{state} × the connection ends: → {}\n", stage.accessory.state());
    }
    insta::assert_snapshot!(table);
}

/// Every state × every reply: what a controller makes of it, and where it leads.
#[test]
fn every_reply_in_every_state_of_a_controller() {
    let mut table = String::new();
    for (state, step) in [("Idle", 0), ("AwaitsM2", 1), ("AwaitsM4", 3), ("AwaitsM6", 5), ("Ended", 7)] {
        for reply in
            ["M2", "M4", "M6", "M2 with key zero", "Busy", "without items", "no TLV8", "too long", "start"]
        {
            let mut stage = Stage::new(0);
            let mut pilot = Pilot::new("031-45-154").until(&mut stage, step.min(5));
            if step == 0 {
                pilot.controller = SetupController::new(code(), controller_identity(), None);
            }
            if step == 7 {
                let reply = stage.tell(CONNECTION, pilot.message()).reply;
                pilot.controller.handle_reply(&reply.body, &mut pilot.random).unwrap();
            }
            let mut replies = vec![];
            let mut fresh = Stage::new(0);
            let sent = Pilot::new("031-45-154").until(&mut fresh, 5).sent;
            let mut again = Stage::new(0);
            for message in &sent {
                replies.push(again.tell(CONNECTION, message).reply.body);
            }
            let body = match reply {
                "M2" => replies[0].clone(),
                "M4" => replies[1].clone(),
                "M6" => replies[2].clone(),
                "M2 with key zero" => {
                    Tlv8::new().with(6, [2]).with(2, [0; 16]).with(3, [0; srp::PUBLIC_KEY_BYTES]).to_bytes()
                }
                "Busy" => Reply::refused(2, ErrorCode::Busy).body,
                "without items" => vec![],
                "no TLV8" => vec![6],
                "too long" => vec![0; MESSAGE_BYTES_MAX + 1],
                _ => vec![],
            };
            let outcome = if reply == "start" {
                pilot.controller.start().map(SetupStep::Send)
            } else {
                pilot.controller.handle_reply(&body, &mut pilot.random)
            };
            let outcome = match outcome {
                Ok(SetupStep::Send(body)) => {
                    format!("send M{}", Tlv8::parse(&body).unwrap().get(6).unwrap()[0])
                }
                Ok(SetupStep::Done(pairing)) => format!("paired with {}", pairing.id),
                Err(error) => format!("{error} ({})", error.fault().as_str()),
            };
            table += &format!("{state} × {reply}: {outcome} → {}\n", pilot.controller.state());
        }
    }
    insta::assert_snapshot!(table);
}
