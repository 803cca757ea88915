//! Pair verify.
use super::*;

fn pairings() -> Pairings {
    let (id, public_key) = (controller_identity().id().to_owned(), *controller_identity().public_key());
    Pairings::new(vec![Pairing { id, public_key, permissions: Permissions::User }])
}

fn accessory_pairing() -> AccessoryPairing {
    let (id, public_key) = (accessory_identity().id().to_owned(), *accessory_identity().public_key());
    AccessoryPairing { id, public_key }
}

struct Stage {
    accessory: VerifyAccessory,
    controller: VerifyController,
    pairings: Pairings,
    random: Counting,
    /// What the controller sent.
    sent: Vec<Vec<u8>>,
}

impl Stage {
    fn new() -> Self {
        let mut controller = VerifyController::new(controller_identity(), accessory_pairing());
        let sent = vec![controller.start(&mut Counting::new(5)).unwrap()];
        let (accessory, random) = (VerifyAccessory::new(), Counting::new(3));
        Self { accessory, controller, pairings: pairings(), random, sent }
    }

    /// M2 was answered, M3 is next.
    fn answered() -> Self {
        let mut stage = Self::new();
        let outcome = stage.tell(&stage.sent[0].clone());
        let VerifyStep::Send(message) = stage.controller.handle_reply(&outcome.reply.body).unwrap() else {
            unreachable!()
        };
        stage.sent.push(message);
        stage
    }

    fn tell(&mut self, body: &[u8]) -> VerifyOutcome {
        self.accessory.handle_message(body, &accessory_identity(), &self.pairings, &mut self.random)
    }
}

/// How a row of a table is named, and how its state is reached.
type State = (&'static str, fn() -> Stage);

#[test]
fn both_sides_come_to_the_same_keys() {
    let mut stage = Stage::answered();
    let outcome = stage.tell(&stage.sent[1].clone());
    let event = outcome.event.unwrap();
    assert_eq!(
        (event.controller.as_str(), event.permissions),
        (controller_identity().id(), Permissions::User)
    );
    assert_eq!(stage.controller.handle_reply(&outcome.reply.body), Ok(VerifyStep::Done(event.keys)));
}

#[test]
fn an_accessory_with_another_long_term_key_is_found_out() {
    let mut stage = Stage::new();
    let imposter = Identity::from_seed(accessory_identity().id(), [9; 32]).unwrap();
    let (first, pairings) = (stage.sent[0].clone(), pairings());
    let outcome = stage.accessory.handle_message(&first, &imposter, &pairings, &mut stage.random);
    let refused = stage.controller.handle_reply(&outcome.reply.body);
    assert_eq!(refused, Err(PairingError::NotAuthentic { step: 2 }));
}

#[test]
fn a_public_key_of_low_order_is_refused() {
    let mut stage = Stage::new();
    let outcome = stage.tell(&Tlv8::new().with(6, [1]).with(3, [0; 32]).to_bytes());
    assert_eq!(shown(&outcome.reply), "200 M2 Authentication");
}

/// Every state × every message: what is answered, and where it leads.
#[test]
fn every_message_in_every_state_of_an_accessory() {
    let states: [State; 4] = [
        ("Idle", Stage::new),
        ("Answered", Stage::answered),
        ("Answered, unpaired", || {
            let mut stage = Stage::answered();
            stage.pairings = Pairings::default();
            stage
        }),
        ("Verified", || {
            let mut stage = Stage::answered();
            stage.tell(&stage.sent[1].clone());
            stage
        }),
    ];
    let mut other = Stage::new();
    other.random = Counting::new(77);
    let reply = other.tell(&other.sent[0].clone()).reply;
    let VerifyStep::Send(of_other_exchange) = other.controller.handle_reply(&reply.body).unwrap() else {
        unreachable!()
    };
    let right = Stage::answered().sent;
    let resume = Tlv8::new().with(6, [1]).with(0, [6]).with(3, [9; 32]).with(14, [0; 8]).with(5, [0; 16]);
    let messages: [(&str, Vec<u8>); 9] = [
        ("M1", right[0].clone()),
        ("M1 that resumes", resume.to_bytes()),
        ("M1 with a short key", Tlv8::new().with(6, [1]).with(3, [1; 31]).to_bytes()),
        ("M3", right[1].clone()),
        ("M3 of another exchange", of_other_exchange),
        ("M3 sealed by somebody else", Tlv8::new().with(6, [3]).with(5, [0; 60]).to_bytes()),
        ("M3 without items", Tlv8::new().with(6, [3]).to_bytes()),
        ("M5", Tlv8::new().with(6, [5]).to_bytes()),
        ("no TLV8", vec![6, 1]),
    ];
    let mut table = String::new();
    for (state, make) in states {
        for (name, body) in &messages {
            let mut stage = make();
            let outcome = stage.tell(body);
            let event = if outcome.event.is_some() { ", verified" } else { "" };
            let end = stage.accessory.state();
            table += &format!("{state} × {name}: {}{event} → {end}\n", shown(&outcome.reply));
        }
    }
    insta::assert_snapshot!(table);
}

/// Every state × every reply: what a controller makes of it, and where it leads.
#[test]
fn every_reply_in_every_state_of_a_controller() {
    let states: [State; 4] = [
        ("Idle", || {
            let mut stage = Stage::new();
            stage.controller = VerifyController::new(controller_identity(), accessory_pairing());
            stage
        }),
        ("AwaitsM2", Stage::new),
        ("AwaitsM4", Stage::answered),
        ("Ended", || {
            let mut stage = Stage::answered();
            stage.controller.handle_reply(&Tlv8::new().with(6, [4]).to_bytes()).unwrap();
            stage
        }),
    ];
    let right = Stage::new().tell(&Stage::new().sent[0]).reply.body;
    let mut forged = Tlv8::parse(&right).unwrap();
    forged = Tlv8::new().with(6, [2]).with(3, forged.required(3).unwrap()).with(5, [0; 100]);
    let replies: [(&str, Vec<u8>); 7] = [
        ("M2", right),
        ("M2 sealed by somebody else", forged.to_bytes()),
        ("M4", Tlv8::new().with(6, [4]).to_bytes()),
        ("M4 Authentication", Reply::refused(4, ErrorCode::Authentication).body),
        ("without items", vec![]),
        ("no TLV8", vec![6]),
        ("start", vec![]),
    ];
    let mut table = String::new();
    for (state, make) in states {
        for (name, body) in &replies {
            let mut stage = make();
            let outcome = if *name == "start" {
                stage.controller.start(&mut stage.random).map(VerifyStep::Send)
            } else {
                stage.controller.handle_reply(body)
            };
            let outcome = match outcome {
                Ok(VerifyStep::Send(body)) => {
                    format!("send M{}", Tlv8::parse(&body).unwrap().get(6).unwrap()[0])
                }
                Ok(VerifyStep::Done(_)) => "verified".to_owned(),
                Err(error) => format!("{error} ({})", error.fault().as_str()),
            };
            table += &format!("{state} × {name}: {outcome} → {}\n", stage.controller.state());
        }
    }
    insta::assert_snapshot!(table);
}
