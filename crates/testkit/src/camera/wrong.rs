//! A camera that answers wrongly, or not at all.
use super::{Fault, Shared};
use protocols::rtsp::{Framer, Incoming, Method, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Answers every request as the fault wants, until the peer or the fault goes.
pub(super) async fn answer(stream: &mut TcpStream, shared: &Shared) {
    let mut faults = shared.fault.clone();
    let fault = faults.borrow_and_update().clone();
    let mut framer = Framer::new();
    let mut buffer = vec![0; 16 << 10];
    let mut nonce = 0_u64;
    loop {
        let length = tokio::select! {
            read = stream.read(&mut buffer) => read.unwrap_or(0),
            // Another fault is for another connection.
            _ = faults.changed() => 0,
        };
        if length == 0 {
            return;
        }
        framer.handle_input(&buffer[..length]);
        while let Ok(Some(incoming)) = framer.poll() {
            let Incoming::Request(request) = incoming else { continue };
            nonce += 1;
            let Some(response) = response(&fault, &request.method, nonce) else { continue };
            let cseq = request.headers.get("CSeq").unwrap_or_default().to_owned();
            if stream.write_all(&response.with("CSeq", cseq).encode()).await.is_err() {
                return;
            }
        }
    }
}

fn response(fault: &Fault, method: &Method, nonce: u64) -> Option<Response> {
    if *fault == Fault::Mute {
        return None;
    }
    if *method == Method::Options {
        return Some(Response::new(200).with("Public", "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"));
    }
    match fault {
        Fault::UnauthorizedForEver => {
            let challenge = format!("Digest realm=\"camera\", nonce=\"{nonce:016x}\", stale=true");
            Some(Response::new(401).with("WWW-Authenticate", challenge))
        }
        Fault::Redirect(to) => Some(Response::new(302).with("Location", to.clone())),
        Fault::Status(status) => Some(Response::new(*status)),
        Fault::None
        | Fault::Refuse
        | Fault::HangUp
        | Fault::Mute
        | Fault::SlowDescribe(_)
        | Fault::Stall { .. }
        | Fault::StopVideo { .. }
        | Fault::CloseMidFrame { .. }
        | Fault::ClockJump { .. }
        | Fault::ClockReset { .. }
        | Fault::SsrcChange { .. }
        | Fault::Slow { .. }
        | Fault::Lossy(_) => Some(Response::new(500)),
    }
}
