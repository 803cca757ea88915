//! This server itself in a room: streams that are brought in, and participants that are taken as streams.
use crate::fixtures::{Client, all, event, lobby, opus, service, service_with, soon, vp8};
use ::media::Codec;
use rooms::{Ending, Guest, GuestEvent, GuestSpec, Numbers, RoomHappening, Rooms, Tap, TapError, TapEvent};
use serde_json::json;
use std::time::Duration;

fn door() -> GuestSpec {
    GuestSpec {
        identity: "stream:door".into(),
        name: "Front door".into(),
        remote: "stream door".into(),
        codecs: vec![Codec::Vp8, Codec::Opus],
    }
}

async fn guest(rooms: &Rooms) -> Guest {
    soon(rooms.invite(&lobby(), door())).await.unwrap()
}

/// An RTP packet; a key frame of VP8 where `key` says so.
fn packet(numbers: Numbers, sequence: u16, key: bool) -> bytes::Bytes {
    let mut bytes = vec![0x80, 0x80 | numbers.payload_type];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 3000).to_be_bytes());
    bytes.extend(numbers.ssrc.to_be_bytes());
    bytes.extend([0x10, u8::from(!key), 0, 0, 0x9d, 0x01, 0x2a, sequence as u8]);
    bytes.into()
}

/// The next packet of a tap: its track, and its last byte.
async fn next_packet(tap: &mut Tap) -> (u8, u8) {
    loop {
        if let TapEvent::Rtp { track, packet } = soon(tap.next()).await.expect("it goes on") {
            return (track, packet[packet.len() - 1]);
        }
    }
}

/// Returns when a guest is asked for a key frame: PLI is payload-specific feedback, format 1 (RFC 4585 §6.3.1).
async fn key_frame_wanted(guest: &mut Guest) {
    loop {
        match guest.next().await {
            GuestEvent::Rtcp(compound) if compound.windows(2).any(|two| two == [0x81, 206]) => return,
            GuestEvent::Rtcp(_) => {}
            GuestEvent::Ended(ending) => panic!("{ending:?}"),
        }
    }
}

#[tokio::test]
async fn a_stream_is_a_participant_like_others_to_the_others() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    ann.transport("recv").await;
    let guest = guest(&rooms).await;
    let peer = &ann.told("newPeer").await["data"];
    assert_eq!((&peer["id"], &peer["displayName"]), (&json!("stream:door"), &json!("Front door")));
    for (kind, source) in [("video", "camera"), ("audio", "microphone")] {
        let offer = ann.told("newConsumer").await;
        assert_eq!(offer["data"]["peerId"], "stream:door");
        assert_eq!(offer["data"]["kind"], kind);
        assert_eq!(offer["data"]["appData"], json!({ "source": source }));
        assert_eq!(offer["data"]["type"], "simple");
        ann.answer(&offer).await;
    }
    let details = rooms.details(&lobby(), false).await.unwrap();
    assert_eq!(details.participants[1].remote, "stream door");
    guest.set_paused(true).await;
    ann.told("consumerPaused").await;
    guest.set_paused(false).await;
    ann.told("consumerResumed").await;
    soon(guest.leave("taken_out")).await;
    assert_eq!(
        ann.told("peerClosed").await["data"],
        json!({ "peerId": "stream:door", "reason": "taken_out" })
    );
    ann.told("consumerClosed").await;
}

#[tokio::test]
async fn whoever_comes_later_is_offered_the_stream_as_well() {
    let rooms = service().await;
    let _guest = guest(&rooms).await;
    let mut ann = Client::connect(&rooms, "ann", all()).await;
    let capabilities = ann.ok("getRouterRtpCapabilities", json!({})).await;
    ann.transport("recv").await;
    let joined = ann.ok("join", json!({ "rtpCapabilities": capabilities })).await;
    assert_eq!(joined["peers"][0]["id"], "stream:door");
    assert_eq!(ann.told("newConsumer").await["data"]["peerId"], "stream:door");
    ann.told("newConsumer").await;
}

#[tokio::test]
async fn streams_alone_do_not_keep_a_room_and_are_told_of_its_end() {
    let rooms = service_with(|config| config.limits.empty_after = Duration::from_millis(50)).await;
    let mut events = rooms.events();
    let mut guest = guest(&rooms).await;
    assert_eq!(soon(guest.next()).await, GuestEvent::Ended(Ending::RoomClosed("nobody was there".into())));
    drop(guest);
    let mut told = Vec::new();
    while told.last() != Some(&"finished") {
        told.push(match event(&mut events).await.what {
            RoomHappening::Started => "started",
            RoomHappening::ParticipantJoined { .. } => "joined",
            RoomHappening::TrackPublished { .. } => "published",
            RoomHappening::TrackUnpublished { .. } => "unpublished",
            RoomHappening::ParticipantLeft { reason, .. } => reason,
            RoomHappening::Finished { .. } => "finished",
        });
    }
    let all = [
        "started",
        "joined",
        "published",
        "published",
        "unpublished",
        "unpublished",
        "room_closed",
        "finished",
    ];
    assert_eq!(told, all);
}

#[tokio::test]
async fn a_stream_takes_nobody_s_place_and_is_thrown_out_and_muted_like_others() {
    let rooms = service().await;
    let mut first = guest(&rooms).await;
    assert_eq!(rooms.invite(&lobby(), door()).await.err().unwrap().code, 409);
    let strange = GuestSpec { identity: "x".into(), codecs: vec![Codec::H265], ..door() };
    let refusal = rooms.invite(&lobby(), strange).await.err().unwrap();
    assert!(refusal.code == 400 && refusal.reason.contains("H265"), "{refusal}");
    // what an operator muted does not go on by itself
    rooms.mute(&lobby(), "stream:door", None, true).await.unwrap();
    let mut tap = rooms.tap(&lobby(), "stream:door", &[]).await.unwrap();
    while !tap.tracks().iter().all(|track| track.began_paused) {
        tap = rooms.tap(&lobby(), "stream:door", &[]).await.unwrap();
    }
    // it hears of that
    let _ = tokio::time::timeout(Duration::from_millis(50), first.next()).await;
    first.set_paused(false).await;
    let tap = rooms.tap(&lobby(), "stream:door", &[]).await.unwrap();
    assert!(tap.tracks().iter().all(|track| track.began_paused));
    rooms.kick(&lobby(), "stream:door", "enough").await.unwrap();
    assert_eq!(soon(first.next()).await, GuestEvent::Ended(Ending::Kicked("enough".into())));
}

#[tokio::test]
async fn what_a_participant_sends_is_taken_and_its_end_is_told() {
    let rooms = service().await;
    assert_eq!(rooms.tap(&lobby(), "stream:door", &[]).await.err(), Some(TapError::NoRoom));
    let mut guest = guest(&rooms).await;
    assert_eq!(rooms.tap(&lobby(), "bob", &[]).await.err(), Some(TapError::NoParticipant));
    let screen = ["screen".to_owned()];
    assert_eq!(rooms.tap(&lobby(), "stream:door", &screen).await.err(), Some(TapError::Nothing));
    let mut tap = rooms.tap(&lobby(), "stream:door", &[]).await.unwrap();
    let codecs: Vec<Codec> = tap.tracks().iter().map(|track| track.codec).collect();
    assert_eq!(codecs, [Codec::Vp8, Codec::Opus]);
    tap.start().await;
    guest.send(packet(guest.numbers(1).unwrap(), 1, true));
    assert_eq!(next_packet(&mut tap).await, (1, 1));
    guest.send(packet(guest.numbers(0).unwrap(), 0, false));
    soon(key_frame_wanted(&mut guest)).await;
    // a key frame of a hundred packets that nobody takes for a while is there whole
    for sequence in 1..=150 {
        guest.send(packet(guest.numbers(0).unwrap(), sequence, sequence == 1));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for sequence in 1..=150 {
        assert_eq!(next_packet(&mut tap).await, (0, sequence));
    }
    soon(guest.leave("taken_out")).await;
    let mut closed = Vec::new();
    while closed.len() < 2 {
        if let Some(TapEvent::Closed { track }) = soon(tap.next()).await {
            closed.push(track);
        }
    }
    closed.sort_unstable();
    assert_eq!(closed, [0, 1]);
}

#[tokio::test]
async fn a_tap_takes_the_camera_before_the_screen_and_what_is_named_before_both() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let send = ann.transport("send").await;
    let screen = ann.produce(&send, vp8(100), "screen").await;
    let camera = ann.produce(&send, vp8(200), "camera").await;
    let voice = ann.produce(&send, opus(300), "microphone").await;
    let of = async |sources: &[&str]| {
        let sources: Vec<String> = sources.iter().map(|one| (*one).to_owned()).collect();
        let tap = rooms.tap(&lobby(), "ann", &sources).await.unwrap();
        tap.tracks().iter().map(|track| json!(track.producer)).collect::<Vec<_>>()
    };
    assert_eq!(of(&[]).await, [camera.clone(), voice.clone()]);
    assert_eq!(of(&["screen"]).await, std::slice::from_ref(&screen));
    assert_eq!(of(&["screen", "microphone"]).await, [screen, voice]);
}
