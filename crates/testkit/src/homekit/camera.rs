//! One simulated camera: its connections, what is asked on them, and its streams. All of it is one task's.
use super::stream::{Agreed, Streams};
use super::{Command, Counters, PIN, Setup, moment};
use formats::replay::Clip;
use media::Moment;
use protocols::hap::accessory::{
    Accessory, CameraIds, CameraOptions, CharacteristicId, Information, Output as Due, PendingWrite, Server,
    Status, characteristics, services,
};
use protocols::hap::camera::{
    AudioCodec, AudioConfiguration, Command as StreamCommand, CryptoSuite, H264Level, H264Profile,
    SampleRate, SelectedStream, SetupRequest, StreamingStatus, SupportedAudio, SupportedRtp, SupportedVideo,
    VideoAttributes, VideoConfiguration,
};
use protocols::hap::http::Response;
use protocols::hap::pairing::{Identity, Pairings, SetupAccessory, SetupCode};
use protocols::hap::random::SystemRandom;
use protocols::hap::session::{Host, Output, Session};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What is asked again when nothing is due for long.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Longest datagram.
const DATAGRAM_BYTES: usize = 2048;
/// Between two tries for a port that is still taken.
const AGAIN: Duration = Duration::from_millis(20);

struct Connection {
    session: Session,
    to: OwnedWriteHalf,
}

/// A camera on its thread.
pub(super) struct Running {
    setup: Setup,
    address: SocketAddr,
    counters: Arc<Counters>,
    host: Host,
    ids: CameraIds,
    /// What mutes its loudspeaker.
    mute: Option<CharacteristicId>,
    began: Instant,
    connections: BTreeMap<u64, Connection>,
    next_id: u64,
    streams: Streams,
    /// Where it listens, while it is switched on.
    udp_port: u16,
}

/// What is open while it is switched on.
struct Open {
    listener: TcpListener,
    udp: UdpSocket,
    /// Where it sends from, if that is elsewhere.
    elsewhere: Option<UdpSocket>,
}

impl Open {
    fn out(&self) -> &UdpSocket {
        self.elsewhere.as_ref().unwrap_or(&self.udp)
    }
}

impl Running {
    pub(super) fn new(setup: Setup, address: SocketAddr, clip: Clip, counters: Arc<Counters>) -> Self {
        let (accessory, ids) = accessory(&setup);
        let speaker =
            accessory.find(services::SPEAKER).and_then(|speaker| speaker.find(&characteristics::MUTE));
        let mute = speaker.map(|mute| CharacteristicId { aid: accessory.aid, iid: mute.iid });
        let code = SetupCode::new(PIN).unwrap_or_else(|error| panic!("{error}"));
        let identity = Identity::generate(setup.id.clone(), &mut SystemRandom);
        let host = Host {
            identity: identity.unwrap_or_else(|error| panic!("{error}")),
            setup: SetupAccessory::new(code, 0),
            pairings: Pairings::default(),
            accessories: Server::new(vec![accessory]),
        };
        let streams = Streams::new(clip, &setup, counters.clone());
        let mut camera = Self {
            setup,
            address,
            counters,
            host,
            ids,
            mute,
            began: Instant::now(),
            connections: BTreeMap::new(),
            next_id: 1,
            streams,
            udp_port: 0,
        };
        camera.set(mute, &json!(true));
        camera.counters.muted.store(mute.is_some(), Ordering::SeqCst);
        camera
    }

    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let (mut open, mut wants_power) = (None, true);
        let (heard, mut said) = mpsc::channel::<(u64, Vec<u8>)>(64);
        let mut readers = JoinSet::new();
        let mut datagram = vec![0; DATAGRAM_BYTES];
        loop {
            if wants_power && open.is_none() {
                open = self.switch_on().await;
            }
            let wait = match (&open, wants_power) {
                (None, true) => AGAIN,
                (Some(open), _) => self.streams.send(open.out(), moment(self.began)).min(WAIT_MAX),
                (None, false) => WAIT_MAX,
            };
            let wait = wait.min(self.tell_events().await);
            let accept = async {
                match &open {
                    Some(Open { listener, .. }) => listener.accept().await,
                    None => std::future::pending().await,
                }
            };
            let receive = async {
                match &open {
                    Some(Open { udp, .. }) => udp.recv_from(&mut datagram).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                accepted = accept => if let Ok((stream, _)) = accepted {
                    let _ = stream.set_nodelay(true);
                    let (from, to) = stream.into_split();
                    let id = self.next_id;
                    self.next_id += 1;
                    self.connections.insert(id, Connection { session: Session::new(id), to });
                    readers.spawn_local(read(id, from, heard.clone()));
                },
                received = receive => if let Ok((length, from)) = received {
                    self.streams.handle_datagram(from, &mut datagram[..length]);
                },
                Some((id, bytes)) = said.recv() => self.hear(id, &bytes).await,
                command = commands.recv() => match command {
                    None => return,
                    Some(Command::Power(on)) => {
                        wants_power = on;
                        if !on {
                            open = None;
                            for id in self.connections.keys().copied().collect::<Vec<_>>() {
                                self.cut(id);
                            }
                            self.streams.end_all();
                        }
                    }
                    Some(Command::Mute(mute)) => self.streams.mute = mute,
                    Some(Command::Repeat) => if let Some(open) = &open {
                        self.streams.repeat(open.out());
                    },
                    Some(Command::Ring) => self.set(self.ids.pressed, &json!(0)),
                    Some(Command::Motion(moves)) => self.set(self.ids.motion, &json!(moves)),
                },
                () = tokio::time::sleep(wait) => {}
                Some(_) = readers.join_next() => {}
            }
            self.counters.connections.store(self.connections.len(), Ordering::SeqCst);
            self.counters.pairings.store(self.host.pairings.as_slice().len(), Ordering::SeqCst);
        }
    }

    /// None: its port is still taken by connections that end.
    async fn switch_on(&mut self) -> Option<Open> {
        let listener = TcpListener::bind(self.address).await.ok()?;
        let udp = UdpSocket::bind((self.address.ip(), 0)).await.ok()?;
        self.udp_port = udp.local_addr().ok()?.port();
        let elsewhere = match self.setup.tells_port {
            true => None,
            false => Some(UdpSocket::bind((self.address.ip(), 0)).await.ok()?),
        };
        Some(Open { listener, udp, elsewhere })
    }

    fn set(&mut self, id: Option<CharacteristicId>, value: &Value) {
        let Some(id) = id else { return };
        let done = self.host.accessories.set_value(id, value, moment(self.began));
        assert_eq!(done, Ok(()), "{} cannot tell {value}", self.setup.id);
    }

    /// Sends events that are due; returns when there is the next one.
    async fn tell_events(&mut self) -> Duration {
        loop {
            let now = moment(self.began);
            match self.host.accessories.poll_output(now) {
                Due::Event { connection, event } => {
                    if let Some(known) = self.connections.get_mut(&connection) {
                        let _ = known.session.send_event(&event);
                        self.answer(connection).await;
                    }
                }
                Due::WaitUntil(Moment::FAR_FUTURE) => return WAIT_MAX,
                Due::WaitUntil(at) => return at.since(now),
            }
        }
    }

    /// No bytes: the connection has ended.
    async fn hear(&mut self, id: u64, bytes: &[u8]) {
        let now = moment(self.began);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let taken = connection.session.handle_input(&mut self.host, bytes, &mut SystemRandom, now);
        if bytes.is_empty() || taken.is_err() {
            return self.cut(id);
        }
        self.answer(id).await;
    }

    fn cut(&mut self, id: u64) {
        if let Some(mut connection) = self.connections.remove(&id) {
            connection.session.handle_disconnected(&mut self.host);
            self.streams.end_of(id);
            self.tell_status();
        }
    }

    async fn answer(&mut self, id: u64) {
        loop {
            let Some(connection) = self.connections.get_mut(&id) else { return };
            let Some(output) = connection.session.poll_output() else { return };
            let response = match output {
                Output::Send(bytes) => {
                    if connection.to.write_all(&bytes).await.is_err() {
                        return self.cut(id);
                    }
                    continue;
                }
                Output::Close => return self.cut(id),
                Output::Write(write) => self.write(id, write),
                Output::Snapshot { .. } => Response::with_body(200, "image/jpeg", vec![0xff; 3000]),
                Output::Identify
                | Output::StorePairings
                | Output::StoreTries(_)
                | Output::Unpaired(_)
                | Output::Verified(_) => continue,
            };
            let now = moment(self.began);
            let Some(connection) = self.connections.get_mut(&id) else { return };
            if connection.session.respond(&mut self.host, &response, &mut SystemRandom, now).is_err() {
                return self.cut(id);
            }
        }
    }

    fn write(&mut self, connection: u64, mut write: PendingWrite) -> Response {
        let (local, port) = (self.address.ip(), self.udp_port);
        for item in write.items_mut() {
            if Some(item.id) == self.mute
                && let Some(muted) = item.value.as_bool()
            {
                self.counters.muted.store(muted, Ordering::SeqCst);
            }
            let text = item.value.as_str().unwrap_or_default();
            for (index, ids) in self.ids.streams.iter().enumerate() {
                if item.id == ids.setup_endpoints {
                    item.result = match SetupRequest::from_base64(text) {
                        Ok(request) => {
                            let agreed = Agreed { request, connection };
                            let response = self.streams.set_up(index, agreed, local, port);
                            Ok(Some(json!(response.to_base64())))
                        }
                        Err(_) => Err(Status::InvalidValue),
                    };
                } else if item.id == ids.selected {
                    item.result = match SelectedStream::from_base64(text) {
                        Ok(selected) if selected.command == StreamCommand::Start => {
                            self.streams.start(index, &selected).then_some(None).ok_or(Status::NotAllowed)
                        }
                        Ok(selected) if selected.command == StreamCommand::End => self
                            .streams
                            .end(index, selected.session)
                            .then_some(None)
                            .ok_or(Status::NotAllowed),
                        Ok(_) => Ok(None),
                        Err(_) => Err(Status::InvalidValue),
                    };
                }
            }
        }
        let response = self.host.accessories.finish_write(write, moment(self.began));
        self.tell_status();
        response
    }

    fn tell_status(&mut self) {
        let ids: Vec<_> = self.ids.streams.iter().map(|ids| ids.status).collect();
        for (index, id) in ids.into_iter().enumerate() {
            let in_use = self.streams.is_in_use(index);
            let status = if in_use { StreamingStatus::InUse } else { StreamingStatus::Available };
            self.set(Some(id), &json!(status.to_base64()));
        }
    }
}

async fn read(id: u64, mut from: OwnedReadHalf, heard: mpsc::Sender<(u64, Vec<u8>)>) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut buffer).await.unwrap_or(0);
        if heard.send((id, buffer[..length].to_vec())).await.is_err() || length == 0 {
            return;
        }
    }
}

fn accessory(setup: &Setup) -> (Accessory, CameraIds) {
    let information = Information {
        name: "Door".to_owned(),
        manufacturer: "Aqueduct".to_owned(),
        model: "Simulated".to_owned(),
        serial_number: setup.id.clone(),
        firmware: "1.0.0".to_owned(),
    };
    let picture = |width, height| VideoAttributes { width, height, fps: 30 };
    let video = VideoConfiguration {
        profiles: vec![H264Profile::Baseline, H264Profile::Main, H264Profile::High],
        levels: vec![H264Level::L31, H264Level::L40],
        attributes: vec![picture(1920, 1080), picture(1280, 720), picture(640, 360)],
    };
    let (codec, rate) = if setup.eld {
        (AudioCodec::AacEld, SampleRate::Khz16)
    } else {
        (AudioCodec::Opus, SampleRate::Khz24)
    };
    let sound = (setup.eld || setup.opus_clock_hz.is_some()).then_some(AudioConfiguration {
        codec,
        channels: 1,
        constant_bitrate: false,
        rate,
        packet_ms: None,
    });
    let options = CameraOptions {
        video: SupportedVideo { configurations: vec![video] },
        audio: SupportedAudio { configurations: sound.into_iter().collect(), comfort_noise: false },
        rtp: SupportedRtp { suites: vec![CryptoSuite::AesCm128] },
        streams: 2,
        speaker: setup.speaker,
        doorbell: true,
        motion: true,
        recording: None,
    };
    Accessory::camera(1, &information, &options)
}
