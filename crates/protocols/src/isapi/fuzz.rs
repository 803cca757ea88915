//! An entry for a fuzz target: arbitrary bytes in arbitrary splits; none may panic or loop for ever.
//!
//! The first byte chooses the length of the pieces, the second what the driver does between them.
use super::client::{Client, Config, Occupied, Output, Upload};
use media::Moment;
use std::time::Duration;

/// More outputs than this for one input is a loop.
const OUTPUTS_MAX: usize = 100_000;

/// Feeds a call as if a device had sent it; each connection gets what is left of the bytes.
pub fn client(data: &[u8]) {
    let step = usize::from(data.first().copied().unwrap_or(0)) + 1;
    let choice = data.get(1).copied().unwrap_or(0);
    let mut config = Config::new("isapi://u:p@h/");
    config.upload = if choice & 1 == 1 { Upload::LongBody } else { Upload::BehindReply };
    config.occupied = if choice & 2 == 2 { Occupied::Close } else { Occupied::Leave };
    let Ok(mut client) = Client::new(config) else { return };
    let mut now = Moment::ZERO;
    client.handle_start(now);
    let mut newest = 0;
    for piece in data.get(2..).unwrap_or_default().chunks(step) {
        for _ in 0..OUTPUTS_MAX {
            match client.poll_output(now) {
                Output::Connect { connection } => {
                    newest = connection;
                    client.handle_connected(connection, now);
                }
                Output::WaitUntil(_) => break,
                Output::Send { .. }
                | Output::Close { .. }
                | Output::Offer(_)
                | Output::Opened
                | Output::Ended(_) => {}
            }
        }
        client.handle_bytes(newest, piece, now);
        if piece.first().is_some_and(|byte| *byte < choice / 4) {
            client.handle_eof(newest, now);
        }
        client.handle_audio(&[0; 160], Duration::from_millis(20), now);
        now += Duration::from_millis(u64::from(choice));
    }
    client.handle_stop(now);
    for _ in 0..OUTPUTS_MAX {
        match client.poll_output(now) {
            Output::Ended(_) | Output::WaitUntil(Moment::FAR_FUTURE) => return,
            Output::WaitUntil(at) => now = at,
            Output::Connect { connection } => client.handle_connected(connection, now),
            Output::Send { .. } | Output::Close { .. } | Output::Offer(_) | Output::Opened => {}
        }
    }
    unreachable!("the call never ends")
}
