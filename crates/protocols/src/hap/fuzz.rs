//! Entries for fuzz targets: arbitrary bytes in arbitrary splits; none may panic, loop for ever, or keep more than it says.
//!
//! The first byte chooses the length of the pieces.
use super::accessory::{Accessory, Information, Server};
use super::camera::{
    SelectedStream, SetupRequest, SetupResponse, StreamingStatus, SupportedAudio, SupportedRtp,
    SupportedVideo,
};
use super::frames;
use super::http::{Incoming, Reader, Response};
use super::pairing::{Identity, Pairings, SessionKeys, SetupAccessory, SetupCode};
use super::random::{KeyError, Random};
use super::session::{Host, Output, Session};
use super::tlv8::Tlv8;
use media::Moment;

/// More outputs than this for one input is a loop.
const OUTPUTS_MAX: usize = 10_000;

/// The same each time, so that what was found is found again.
struct Repeated(u8);

impl Random for Repeated {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), KeyError> {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
        Ok(())
    }
}

fn pieces(data: &[u8]) -> std::slice::Chunks<'_, u8> {
    let step = usize::from(data.first().copied().unwrap_or(0)) + 1;
    data.get(1..).unwrap_or_default().chunks(step)
}

/// TLV8, and all that is read out of it. What is understood is written as it was read.
pub fn tlv(data: &[u8]) {
    let Ok(tlv) = Tlv8::parse(data) else { return };
    let text = tlv.to_base64();
    let again = Tlv8::from_base64(&text);
    assert!(again.is_ok_and(|again| again.items() == tlv.items()), "it is read as another");
    for kind in 0..=u8::MAX {
        drop((tlv.uint(kind), tlv.nested(kind), tlv.array::<16>(kind)));
    }
    drop((SupportedRtp::from_base64(&text), SupportedVideo::from_base64(&text)));
    drop((SupportedAudio::from_base64(&text), SetupRequest::from_base64(&text)));
    drop((SetupResponse::from_base64(&text), SelectedStream::from_base64(&text)));
    drop(StreamingStatus::from_base64(&text));
}

/// The HTTP dialect, as both sides read it.
pub fn http(data: &[u8]) {
    for mut reader in [Reader::of_accessory(), Reader::of_controller()] {
        'pieces: for piece in pieces(data) {
            reader.handle_input(piece);
            loop {
                match reader.poll_output() {
                    Ok(Some(Incoming::Request(_) | Incoming::Response(_) | Incoming::Event(_))) => {}
                    Ok(None) => break,
                    Err(_) => break 'pieces,
                }
            }
        }
    }
}

/// Frames: none of these bytes was enciphered for this reader, so none comes through.
pub fn frames(data: &[u8]) {
    let Ok(keys) = SessionKeys::derive(&[7; 32]) else { return };
    let Ok((_, mut opener)) = frames::of_accessory(&keys) else { return };
    let mut plain = Vec::new();
    for piece in pieces(data) {
        if opener.handle_input(piece, &mut plain).is_err() {
            break;
        }
    }
    assert!(plain.is_empty(), "something came through");
}

/// A connection to an accessory, from somebody it does not know.
pub fn accessory(data: &[u8]) {
    let information = Information {
        name: "Door".into(),
        manufacturer: "Aqueduct".into(),
        model: "Camera".into(),
        serial_number: "1".into(),
        firmware: "1.0.0".into(),
    };
    let (Ok(identity), Ok(code)) =
        (Identity::from_seed("11:22:33:44:55:66", [1; 32]), SetupCode::new("031-45-154"))
    else {
        return;
    };
    let mut host = Host {
        identity,
        setup: SetupAccessory::new(code, 0),
        pairings: Pairings::default(),
        accessories: Server::new(vec![Accessory::new(1, &information)]),
    };
    let mut session = Session::new(1);
    let (mut random, mut outputs) = (Repeated(0), 0);
    for (index, piece) in pieces(data).enumerate() {
        let now = Moment::from_millis(index as u64);
        if session.handle_input(&mut host, piece, &mut random, now).is_err() {
            break;
        }
        while let Some(output) = session.poll_output() {
            outputs += 1;
            assert!(outputs < OUTPUTS_MAX, "a loop");
            if let Output::Write(_) | Output::Snapshot { .. } = output
                && session.respond(&mut host, &Response::empty(204), &mut random, now).is_err()
            {
                break;
            }
        }
    }
    session.handle_disconnected(&mut host);
}
