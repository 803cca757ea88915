//! A conference of bots in a room of the server (docs/rooms.md): everybody joins by WebSocket as a browser does, some send,
//! all receive, and every packet that comes is judged.
//!
//! The bots' media runs on a thread of its own, their signalling on this one.
mod client;
mod report;

pub use report::RoomReport;

use super::driver::{LoadError, raise_file_limit};
use super::options::RoomOptions;
use super::target::Target;
use super::usage::Usage;
use crate::conference::{
    AudioOptions, Device, Fleet, LinkOptions, Sending, Transport, TransportOptions, VideoOptions, Viewing,
};
use client::{Client, Offer};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

/// How long a participant may take to come in: 20 s.
const JOIN_MAX: Duration = Duration::from_secs(20);
/// How long all may take to see and hear all others, once they are in: 30 s.
const MEET_MAX: Duration = Duration::from_secs(30);
/// How long the bots may take to say goodbye.
const LEAVE_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether all are there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One who takes part.
#[derive(Default)]
struct Participant {
    /// From the knock until all that it sends is produced.
    joined: Option<Duration>,
    /// What it sends; it ends when this is dropped.
    _sending: Vec<Sending>,
    transports: Vec<Transport>,
    views: Vec<View>,
    /// Why it is out.
    failed: Option<String>,
}

/// One medium of another one, as it comes.
struct View {
    viewing: Viewing,
    video: bool,
    /// From the knock until it was offered and taken.
    offered: Duration,
}

/// What all of a run share.
struct Meeting {
    target: Target,
    fleet: Fleet,
    options: RoomOptions,
}

/// Lets them meet, watches for some seconds, and reports.
pub(super) async fn run(options: &RoomOptions) -> Result<RoomReport, LoadError> {
    let participants = usize::from(options.participants);
    raise_file_limit(participants * 3)?;
    let path = format!("{}/api/rooms/ws?room={}", options.url.trim_end_matches('/'), options.room);
    let target = Target::parse(&path, &[("http", 80), ("ws", 80)])?;
    let before = match options.server_pid {
        Some(pid) => Some(Usage::of(pid).ok_or(LoadError::NoServer(pid))?),
        None => None,
    };
    let fleet = Fleet::start("bots").map_err(|error| LoadError::Bots(error.to_string()))?;
    let meeting = Rc::new(Meeting { target, fleet, options: options.clone() });
    let all: Vec<Rc<RefCell<Participant>>> = (0..participants).map(|_| Rc::default()).collect();
    let tasks = LocalSet::new();
    for (index, place) in all.iter().enumerate() {
        let (meeting, place) = (meeting.clone(), place.clone());
        tasks.spawn_local(async move {
            let Err(why) = take_part(&meeting, index, &place).await;
            place.borrow_mut().failed = Some(why);
        });
    }
    let mut report = tasks.run_until(watch(&meeting, &all)).await;
    for place in &all {
        report.add(&place.borrow());
    }
    if let (Some(before), Some(after)) = (before, report.server_resident_kib) {
        let more = after.saturating_sub(before.resident_kib) as f64;
        report.server_resident_kib_per_participant = Some(more / participants as f64);
    }
    drop(tasks);
    if let Some(meeting) = Rc::into_inner(meeting) {
        meeting.fleet.stop(LEAVE_MAX).map_err(|error| LoadError::Bots(error.to_string()))?;
    }
    Ok(report)
}

/// A participant's life: ends with the connection only.
async fn take_part(
    meeting: &Meeting,
    index: usize,
    place: &RefCell<Participant>,
) -> Result<std::convert::Infallible, String> {
    let began = Instant::now();
    let joining = timeout(JOIN_MAX, join(meeting, index, place));
    let (mut client, receiving) = joining.await.map_err(|_| "not joined in time".to_owned())??;
    place.borrow_mut().joined = Some(began.elapsed());
    loop {
        let Offer { id, parameters, tag, video } = client.offer().await?;
        let viewing = receiving.consume(&parameters, tag).map_err(|error| error.to_string())?;
        place.borrow_mut().views.push(View { viewing, video, offered: began.elapsed() });
        client.answer(id).await?;
    }
}

/// Comes in, and sends what this one sends.
async fn join(
    meeting: &Meeting,
    index: usize,
    place: &RefCell<Participant>,
) -> Result<(Client, Transport), String> {
    let options = &meeting.options;
    let mut client = Client::connect(&meeting.target).await?;
    let capabilities = client.ask("getRouterRtpCapabilities", json!({})).await?;
    let device = Device::load(&capabilities["routerRtpCapabilities"]).map_err(|error| error.to_string())?;
    let join = json!({
        "displayName": format!("Bot {index}"), "identity": format!("bot-{index}"),
        "rtpCapabilities": device.rtp_capabilities(),
    });
    client.ask("join", join).await?;
    let (receiving, _) = connect(meeting, &mut client, &device, "recv", index).await?;
    place.borrow_mut().transports.push(receiving.clone());
    let has_camera = index < usize::from(options.cameras.unwrap_or(options.participants));
    let has_microphone = index < usize::from(options.microphones.unwrap_or(options.participants));
    if has_camera || has_microphone {
        let (sending, id) = connect(meeting, &mut client, &device, "send", index).await?;
        // a tag for each medium, by which whoever receives it knows whose it must be
        let tag = 2 * index as u32 + 1;
        let mut media = Vec::new();
        if has_camera {
            media.push(sending.publish_video(camera(options, tag)).map_err(|error| error.to_string())?);
        }
        if has_microphone {
            let microphone = sending.publish_audio(AudioOptions::new(tag + 1));
            media.push(microphone.map_err(|error| error.to_string())?);
        }
        for medium in &media {
            let produce = json!({
                "transportId": id, "kind": medium.kind(), "rtpParameters": medium.rtp_parameters(),
                "appData": { "tag": medium.tag() },
            });
            client.ask("produce", produce).await?;
        }
        let mut place = place.borrow_mut();
        place._sending = media;
        place.transports.push(sending);
    }
    Ok((client, receiving))
}

fn camera(options: &RoomOptions, tag: u32) -> VideoOptions {
    let one = VideoOptions::new(tag);
    let layers = match options.simulcast {
        true => return VideoOptions { fps: options.fps, ..VideoOptions::simulcast(tag) },
        false => vec![u32::try_from(options.bitrate).unwrap_or(u32::MAX)],
    };
    VideoOptions { layers, fps: options.fps, ..one }
}

async fn connect(
    meeting: &Meeting,
    client: &mut Client,
    device: &Device,
    direction: &str,
    index: usize,
) -> Result<(Transport, Value), String> {
    let created = client.ask("createWebRtcTransport", json!({ "direction": direction })).await?;
    let options = if direction == "send" { TransportOptions::send() } else { TransportOptions::receive() };
    let seed = 2 * index as u64 + u64::from(direction == "send");
    let options = TransportOptions { verify: meeting.options.verify.into(), seed, ..options };
    let transport = meeting.fleet.transport(device, &created, options).map_err(|error| error.to_string())?;
    let link = LinkOptions { link: meeting.options.link(), ..LinkOptions::default() };
    if link != LinkOptions::default() {
        transport.set_link(link, link).map_err(|error| error.to_string())?;
    }
    let connect = json!({ "transportId": created["id"], "dtlsParameters": transport.dtls_parameters() });
    client.ask("connectWebRtcTransport", connect).await?;
    Ok((transport, created["id"].clone()))
}

/// Waits until all see all, then measures.
async fn watch(meeting: &Meeting, all: &[Rc<RefCell<Participant>>]) -> RoomReport {
    let options = &meeting.options;
    let mut report = RoomReport::expecting(options);
    let deadline = Instant::now() + JOIN_MAX + MEET_MAX;
    let met = || {
        let views: usize = all.iter().map(|place| place.borrow().views.len()).sum();
        views >= report.consumers_expected || all.iter().any(|place| place.borrow().failed.is_some())
    };
    while !met() && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
    }
    let usage = || options.server_pid.and_then(Usage::of);
    let (began, own, server) = (Instant::now(), Usage::own(), usage());
    let traffic = meeting.fleet.report().unwrap_or_default();
    sleep(Duration::from_secs(options.seconds)).await;
    report.seconds = began.elapsed().as_secs_f64();
    report.own_cpu_seconds = (Usage::own().cpu - own.cpu).as_secs_f64();
    let after = meeting.fleet.report().unwrap_or_default();
    // where the bots' thread is gone, both are nothing, and each transport says why
    report.datagrams_received = after.datagrams_received.saturating_sub(traffic.datagrams_received);
    report.bytes_received = after.bytes_received.saturating_sub(traffic.bytes_received);
    if let (Some(before), Some(after)) = (server, usage()) {
        report.set_server_cpu(after.cpu.saturating_sub(before.cpu));
        report.server_resident_kib = Some(after.resident_kib);
    }
    report
}
