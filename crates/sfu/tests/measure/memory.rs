//! Memory of a transport, of our half alone: the bots are in a process of their own.
use crate::room::{Room, consume, number, produce, resident};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use testkit::conference::{Device, Fleet, TransportOptions, VideoOptions};

/// Where the bots' process is told what to do.
const PORT: &str = "MEASURE_BOTS_PORT";

/// The bots' process. It is asked for one thing at a time.
struct Bots {
    child: Child,
    line: BufReader<TcpStream>,
}

impl Bots {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "memory::bots_of_memory"]).stdout(Stdio::null());
        let port = listener.local_addr().unwrap().port().to_string();
        let child = command.env(PORT, port).spawn().unwrap();
        Self { child, line: BufReader::new(listener.accept().unwrap().0) }
    }

    fn ask(&mut self, what: Value) -> Value {
        say(self.line.get_mut(), &what);
        hear(&mut self.line).unwrap()
    }
}

impl Drop for Bots {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(stream: &mut TcpStream, what: &Value) {
    stream.write_all(format!("{what}\n").as_bytes()).unwrap();
}

fn hear(line: &mut BufReader<TcpStream>) -> Option<Value> {
    let mut text = String::new();
    line.read_line(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// The other process of [`memory`].
#[test]
#[ignore = "the bots of `memory`, which starts it as a process of its own"]
fn bots_of_memory() {
    let Ok(port) = std::env::var(PORT) else { return };
    let mut line = BufReader::new(TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap());
    let fleet = Fleet::start("bots").unwrap();
    let device = Device::load(&hear(&mut line).unwrap()).unwrap();
    say(line.get_mut(), &json!({}));
    let (mut bots, mut kept) = (Vec::new(), Vec::new());
    while let Some(asked) = hear(&mut line) {
        let answer = if let Some(created) = asked.get("create") {
            let sends = asked["sends"] == true;
            let options = if sends { TransportOptions::send() } else { TransportOptions::receive() };
            let bot = fleet.transport(&device, created, options).unwrap();
            let mut answer = json!({ "dtls": bot.dtls_parameters() });
            if sends {
                let camera =
                    bot.publish_video(VideoOptions { layers: vec![1_000_000], ..VideoOptions::new(1) });
                let camera = camera.unwrap();
                answer["kind"] = json!(camera.kind());
                answer["rtpParameters"] = camera.rtp_parameters().clone();
            }
            bots.push(bot);
            answer
        } else if let Some(parameters) = asked.get("consume") {
            kept.push(bots.last().unwrap().consume(parameters, Some(1)).unwrap());
            json!({})
        } else {
            let decodable = kept.iter().filter(|view| view.report().unwrap().frames_decodable > 30).count();
            json!({ "connected": fleet.report().unwrap().connected, "decodable": decodable })
        };
        say(line.get_mut(), &answer);
    }
}

async fn connect(room: &Room, bots: &mut Bots, sends: bool) -> (sfu::WebRtcTransport, Value) {
    let (ours, created) = room.create().await;
    let answer = bots.ask(json!({ "create": created, "sends": sends }));
    ours.connect(serde_json::from_value(answer["dtls"].clone()).unwrap()).await.unwrap();
    (ours, answer)
}

#[tokio::test]
#[ignore = "a measurement: docs/performance.md, Conferences"]
async fn memory() {
    let consumers = number("CONSUMERS", 200);
    let room = Room::new(number("WORKERS", 1)).await;
    let mut bots = Bots::start();
    bots.ask(serde_json::to_value(room.router.rtp_capabilities()).unwrap());
    let (ours, answer) = connect(&room, &mut bots, true).await;
    let producer = produce(&ours, &answer["kind"], &answer["rtpParameters"]).await;
    let mut kept = vec![ours];
    // the first few bring what all share
    let mut viewers = Vec::new();
    let mut marks = Vec::new();
    for part in [5, consumers, consumers] {
        for _ in 0..part {
            let (ours, _) = connect(&room, &mut bots, false).await;
            if marks.len() < 2 {
                let consumer = consume(&ours, &producer, &room.device).await;
                bots.ask(json!({ "consume": consumer.rtp_parameters() }));
                consumer.resume().await.unwrap();
                viewers.push(consumer);
            }
            kept.push(ours);
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        println!("{part} more: {}", bots.ask(json!({})));
        marks.push(resident());
    }
    let each = |index: usize| (marks[index] - marks[index - 1]) / consumers as f64 / 1024.0;
    println!(
        "{consumers} viewers of 1 Mbit/s: {:.0} KiB each; {consumers} connected and idle: {:.0} KiB each",
        each(1),
        each(2)
    );
    room.manager.close().await;
}
