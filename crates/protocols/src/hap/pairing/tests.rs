//! Whole pairings, and every state × every message.
use super::*;
use crate::hap::random::Random;
use crate::hap::srp;
use crate::hap::tests::Counting;
use crate::hap::tlv8::Tlv8;
use media::Moment;
use std::time::Duration;

mod admin;
mod setup;
mod verify;

const CONNECTION: ConnectionId = 1;
const OTHER: ConnectionId = 2;

fn code() -> SetupCode {
    SetupCode::new("031-45-154").unwrap()
}

fn accessory_identity() -> Identity {
    Identity::from_seed("11:22:33:44:55:66", [1; 32]).unwrap()
}

fn controller_identity() -> Identity {
    Identity::from_seed("4F4C2B2E-0000-4000-8000-0000000000AA", [2; 32]).unwrap()
}

/// One line of a table: status, items, event.
fn shown(reply: &Reply) -> String {
    let items = Tlv8::parse(&reply.body).unwrap();
    let mut text = format!("{} M{}", reply.status, items.uint(6).unwrap().unwrap());
    if let Some(code) = items.uint(7).unwrap() {
        text += &format!(" {:?}", ErrorCode::from_number(code));
    }
    if let Some(delay) = items.uint(8).unwrap() {
        text += &format!(" in {delay} s");
    }
    text
}
