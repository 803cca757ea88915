//! Talking: what a player's microphone sends goes into the talk stream, as long as it sends.
use super::live::{Client, camera, name, peer_info, server, until};
use crate::talker::{Button, TalkState, talk_line};
use hub::{Hub, PublisherReport, StreamSpec};
use media::{Codec, StreamName};
use std::time::{Duration, Instant};
use str0m::media::{Direction, MediaKind};

const TWO_WAY: [(MediaKind, Direction); 2] =
    [(MediaKind::Video, Direction::RecvOnly), (MediaKind::Audio, Direction::SendRecv)];

fn talk_name() -> StreamName {
    StreamName::new("cam/talk").unwrap()
}

async fn talkers(hub: &Hub) -> Vec<PublisherReport> {
    hub.report(&talk_name()).await.map(|report| report.publishers).unwrap_or_default()
}

fn connect(client: &mut Client) {
    let connected = |client: &Client| client.events.iter().any(|e| matches!(e, str0m::Event::Connected));
    assert!(client.run_until(Duration::from_secs(5), connected));
}

/// Lets a client live on a thread of its own meanwhile.
async fn meanwhile(mut client: Client, live: impl FnOnce(&mut Client) + Send + 'static) -> Client {
    tokio::task::spawn_blocking(move || {
        live(&mut client);
        client
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_talker_publishes_from_its_first_packet_until_it_falls_silent_and_hears_on() {
    let (hub, handle) = server().await;
    hub.put(&talk_name(), StreamSpec::default()).await.unwrap();
    let camera = camera(&hub).await;
    let (mut client, offer) = Client::with(TWO_WAY, None);
    let (mut control, line) = talk_line();
    let (id, answer) = handle.play(&name(), &offer, peer_info(), Some(line)).await.unwrap();
    client.accept(&answer);
    let client = meanwhile(client, |client| {
        connect(client);
        client.run_until(Duration::from_millis(500), |_| false);
    })
    .await;
    assert!(talkers(&hub).await.is_empty(), "nothing was said yet");

    let client = meanwhile(client, |client| client.speak(1, 50)).await;
    let talking = talkers(&hub).await;
    assert_eq!(talking.len(), 1);
    assert_eq!(talking[0].tracks.iter().map(|track| track.codec).collect::<Vec<_>>(), [Codec::Opus]);
    assert!(talking[0].units >= 40, "{} of 50 pieces", talking[0].units);
    assert_eq!(control.changed().await, Some(TalkState::Open));

    let (heard, seen) = (client.packets(1), client.packets(0));
    let silent = |client: &mut Client| {
        client.run_until(Duration::from_secs(3), |_| false);
    };
    let client = meanwhile(client, silent).await;
    assert!(talkers(&hub).await.is_empty(), "nothing was said for 3 s");
    assert_eq!(control.changed().await, Some(TalkState::Silent));
    assert!(client.packets(1) > heard + 100 && client.packets(0) > seen + 100, "the camera goes on");

    let client = meanwhile(client, |client| client.speak(1, 10)).await;
    assert_eq!(talkers(&hub).await.len(), 1, "it speaks again");
    handle.close(id).await.unwrap();
    assert!(until(async || talkers(&hub).await.is_empty()).await, "the talk ends with its session");
    drop(client);
    camera.abort();
    hub.shutdown(Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_second_talker_is_told_who_talks_and_gets_the_word_when_the_first_lets_go() {
    let (hub, handle) = server().await;
    hub.put(&talk_name(), StreamSpec::default()).await.unwrap();
    let camera = camera(&hub).await;
    let mut clients = Vec::new();
    let mut controls = Vec::new();
    for _ in 0..2 {
        let (mut client, offer) = Client::with(TWO_WAY, None);
        let (control, line) = talk_line();
        let (_, answer) = handle.play(&name(), &offer, peer_info(), Some(line)).await.unwrap();
        client.accept(&answer);
        clients.push(meanwhile(client, connect).await);
        controls.push(control);
    }
    let (second, first) = (clients.pop().unwrap(), clients.pop().unwrap());
    controls[0].press(Button::Down);
    let first = meanwhile(first, |client| client.speak(1, 10)).await;
    let second = meanwhile(second, |client| client.speak(1, 10)).await;
    let Some(TalkState::Refused(why)) = controls[1].changed().await else { panic!("it was not refused") };
    assert!(why.contains("webrtc from test"), "{why}");

    controls[0].press(Button::Up);
    assert!(until(async || talkers(&hub).await.is_empty()).await, "letting go is enough");
    let first = meanwhile(first, |client| client.speak(1, 10)).await;
    assert!(talkers(&hub).await.is_empty(), "what comes after the button is not heard");
    controls[1].press(Button::Down);
    let second = meanwhile(second, |client| client.speak(1, 10)).await;
    assert_eq!(controls[1].changed().await, Some(TalkState::Open));
    assert_eq!(talkers(&hub).await.len(), 1);
    drop((first, second));
    camera.abort();
    hub.shutdown(Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_button_whose_page_is_gone_is_let_go_although_its_session_lives_on() {
    let (hub, handle) = server().await;
    hub.put(&talk_name(), StreamSpec::default()).await.unwrap();
    let camera = camera(&hub).await;
    let (mut client, offer) = Client::with(TWO_WAY, None);
    let (control, line) = talk_line();
    let (_, answer) = handle.play(&name(), &offer, peer_info(), Some(line)).await.unwrap();
    client.accept(&answer);
    let client = meanwhile(client, connect).await;
    control.press(Button::Down);
    let client = meanwhile(client, |client| client.speak(1, 10)).await;
    assert_eq!(talkers(&hub).await.len(), 1);
    let began = Instant::now();
    drop(control);
    assert!(until(async || talkers(&hub).await.is_empty()).await);
    assert!(began.elapsed() < Duration::from_secs(1), "it did not have to fall silent first");
    let client = meanwhile(client, |client| client.speak(1, 10)).await;
    assert!(talkers(&hub).await.is_empty(), "nobody can let go of what is said now");
    drop(client);
    camera.abort();
    hub.shutdown(Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_talker_in_a_queue_is_told_how_many_come_first_and_when_its_turn_comes() {
    let (hub, handle) = server().await;
    let spec = StreamSpec { conflict: Some(hub::Conflict::Queue), ..StreamSpec::default() };
    hub.put(&talk_name(), spec).await.unwrap();
    let camera = camera(&hub).await;
    let first = hub.publish(&talk_name(), peer_info(), None).await.unwrap();
    let (mut client, offer) = Client::with(TWO_WAY, None);
    let (mut control, line) = talk_line();
    let (_, answer) = handle.play(&name(), &offer, peer_info(), Some(line)).await.unwrap();
    client.accept(&answer);
    let client = meanwhile(client, |client| {
        connect(client);
        client.speak(1, 10);
    })
    .await;
    assert_eq!(control.changed().await, Some(TalkState::Waiting(1)));
    drop(first);
    let client = meanwhile(client, |client| client.speak(1, 10)).await;
    assert_eq!(control.changed().await, Some(TalkState::Open));
    assert!(talkers(&hub).await[0].units >= 5, "it is heard");
    drop(client);
    camera.abort();
    hub.shutdown(Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_microphone_is_not_taken_without_a_talk_stream_or_the_right() {
    let (hub, handle) = server().await;
    let camera = camera(&hub).await;
    let sections = [
        (MediaKind::Audio, Direction::SendOnly),
        (MediaKind::Video, Direction::RecvOnly),
        (MediaKind::Audio, Direction::RecvOnly),
    ];
    let takes = |answer: &str| {
        let audio = answer.split("m=").filter(|section| section.starts_with("audio"));
        audio.map(|section| section.contains("a=recvonly")).collect::<Vec<_>>()
    };
    let (_, offer) = Client::with(sections, None);
    let answer = handle.play(&name(), &offer, peer_info(), Some(talk_line().1)).await.unwrap().1;
    assert_eq!(takes(&answer), [false, false], "no talk stream: {answer}");
    hub.put(&talk_name(), StreamSpec::default()).await.unwrap();
    let (_, offer) = Client::with(sections, None);
    let answer = handle.play(&name(), &offer, peer_info(), None).await.unwrap().1;
    assert_eq!(takes(&answer), [false, false], "no right: {answer}");
    let (_, offer) = Client::with(sections, None);
    let answer = handle.play(&name(), &offer, peer_info(), Some(talk_line().1)).await.unwrap().1;
    assert_eq!(takes(&answer), [true, false], "{answer}");
    assert!(answer.split("m=").nth(3).is_some_and(|section| section.contains("a=sendonly")), "{answer}");
    camera.abort();
    hub.shutdown(Duration::from_secs(2)).await;
}
