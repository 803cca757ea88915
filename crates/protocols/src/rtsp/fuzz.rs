//! Entries for fuzz targets: arbitrary bytes in arbitrary splits; none may panic or loop for ever.
//!
//! The first byte chooses the length of the pieces, the second what the driver answers.
use super::client::{self, Client};
use super::server::{self, Session};
use super::{Framer, Incoming};
use media::{Moment, WallTime};
use std::time::Duration;

/// More outputs than this for one input is a loop.
const OUTPUTS_MAX: usize = 100_000;

fn pieces(data: &[u8]) -> (usize, u8, std::slice::Chunks<'_, u8>) {
    let step = usize::from(data.first().copied().unwrap_or(0)) + 1;
    let choice = data.get(1).copied().unwrap_or(0);
    (step, choice, data.get(2..).unwrap_or_default().chunks(step))
}

/// Feeds the framer.
pub fn framer(data: &[u8]) {
    let mut framer = Framer::new();
    for piece in pieces(data).2 {
        framer.handle_input(piece);
        loop {
            match framer.poll() {
                Ok(Some(Incoming::Request(request))) => drop(request.encode()),
                Ok(Some(Incoming::Response(response))) => drop(response.encode()),
                Ok(Some(Incoming::Interleaved { .. })) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    drop(framer.take_incomplete());
}

/// Feeds a client session as if a server had sent it.
pub fn client(data: &[u8]) {
    let (_, choice, pieces) = pieces(data);
    let mut config = client::Config::new("rtsp://u:p@h/a?b");
    if choice & 1 == 1 {
        config.transport = client::TransportPreference::Udp;
    }
    if choice & 2 == 2 {
        config.back_channel = client::BackChannel::WithMedia;
    }
    let Ok(mut session) = Client::new(config) else { return };
    let mut now = Moment::ZERO;
    session.handle_connected(now);
    for piece in pieces {
        session.handle_input(piece, now);
        if !drain_client(&mut session, now) {
            return;
        }
        now += Duration::from_millis(u64::from(choice) * 10);
    }
    session.close(now);
    drain_client(&mut session, now);
    session.handle_disconnected(now);
    drain_client(&mut session, now);
}

fn drain_client(session: &mut Client, now: Moment) -> bool {
    for _ in 0..OUTPUTS_MAX {
        match session.poll_output(now) {
            Ok(client::Output::WaitUntil(_)) => return true,
            Ok(client::Output::Event(client::Event::SetupUdp { track })) => {
                session.udp_ports(track, 5000, 5001, now)
            }
            Ok(client::Output::Event(client::Event::Rtp { track, data })) => {
                session.send_rtcp(track, &data);
            }
            Ok(client::Output::Event(client::Event::Playing { .. })) => {
                session.choose(1);
                session.handle_audio(&[0; 160], Duration::from_millis(20), now, WallTime::from_micros(0));
            }
            Ok(client::Output::Event(_) | client::Output::Transmit(_) | client::Output::Datagram { .. }) => {}
            Err(_) => return false,
        }
    }
    unreachable!("the client never drains")
}

/// Feeds a server session as if a client had sent it.
pub fn server(data: &[u8]) {
    let (_, choice, pieces) = pieces(data);
    let mut now = Moment::ZERO;
    let verifier = (choice & 1 == 1).then(|| {
        let users = vec![crate::auth::Credentials::new("u", "p")];
        crate::auth::Verifier::new("r", users, crate::auth::Offers { basic: true, ..Default::default() })
    });
    let config = server::Config { back_channel: choice & 8 == 8, ..server::Config::default() };
    let mut session = Session::new(config, verifier, now);
    for piece in pieces {
        session.handle_input(piece, now);
        if !drain_server(&mut session, choice, now) {
            return;
        }
        now += Duration::from_millis(u64::from(choice) * 10);
    }
    session.handle_disconnected(now);
    drain_server(&mut session, choice, now);
}

fn drain_server(session: &mut Session, choice: u8, now: Moment) -> bool {
    const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0\r\nm=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\nm=audio 0 RTP/AVP 8\r\na=control:trackID=2\r\na=sendonly\r\n";
    for _ in 0..OUTPUTS_MAX {
        let answered = match session.poll_output(now) {
            Ok(server::Output::WaitUntil(_)) => return true,
            Ok(server::Output::Transmit(_)) => continue,
            Ok(server::Output::Event(_)) if choice & 6 == 6 => session.reject(404, "no such stream"),
            Ok(server::Output::Event(event)) => match event {
                server::Event::Describe { .. } => session.describe_ok(SDP),
                server::Event::Announce { .. } => session.announce_ok(),
                server::Event::Setup { .. } => session.setup_ok(Some((6000, 6001)), Some(1)),
                server::Event::Play { .. } => {
                    session.play_ok(&[server::TrackStart { track: 0, sequence: 1, rtptime: 2 }])
                }
                server::Event::Pause
                | server::Event::Record
                | server::Event::Teardown
                | server::Event::Rtp { .. }
                | server::Event::Rtcp { .. }
                | server::Event::Closed => true,
            },
            Err(_) => return false,
        };
        debug_assert!(answered || choice & 6 == 6);
    }
    unreachable!("the server never drains")
}
