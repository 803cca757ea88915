//! Devices and networks that do anything at any time: the duty to hang up holds.
use super::*;
use std::collections::BTreeMap;

const STEP: Duration = Duration::from_millis(10);

/// Numbers that are the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % end
    }

    fn percent(&mut self, so_many: u64) -> bool {
        self.below(100) < so_many
    }

    fn millis(&mut self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

/// What reaches the client on a connection.
enum Arrival {
    Connected,
    Bytes(Vec<u8>),
    Eof,
    Lost,
}

/// A device behind a network, and somebody who talks at times.
struct World {
    client: Client,
    dice: Dice,
    now: Moment,
    under_way: BTreeMap<(Moment, u64), (ConnectionId, Arrival)>,
    number: u64,
    opens: usize,
    /// Closes behind an open.
    closes: usize,
    /// A refusal of the open was answered, and arrived whole.
    refusal_arrives: bool,
    report: Option<Report>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut config = Config::new("isapi://u:p@door/");
        config.occupied = if dice.percent(25) { Occupied::Close } else { Occupied::Leave };
        config.upload = if dice.percent(25) { Upload::LongBody } else { Upload::BehindReply };
        Self {
            client: Client::new(config).unwrap(),
            dice,
            now: Moment::from_millis(1_000),
            under_way: BTreeMap::new(),
            number: 0,
            opens: 0,
            closes: 0,
            refusal_arrives: false,
            report: None,
        }
    }

    fn arrives(&mut self, connection: ConnectionId, after: Duration, what: Arrival) {
        self.number += 1;
        self.under_way.insert((self.now + after, self.number), (connection, what));
    }

    /// Brings an answer, whole or in pieces or not at all; true when it comes whole and soon.
    fn answer(&mut self, connection: ConnectionId, text: &str) -> bool {
        let after = self.dice.millis(150);
        match self.dice.below(20) {
            0 => self.arrives(connection, after, Arrival::Eof),
            1 => self.arrives(connection, after, Arrival::Lost),
            2 => {}
            3 => self.arrives(connection, after, Arrival::Bytes(b"SSH-2.0\r\n\r\n".to_vec())),
            4 => {
                let half = text.as_bytes()[..text.len() / 2].to_vec();
                self.arrives(connection, after, Arrival::Bytes(half));
            }
            5 => {
                for (at, byte) in text.bytes().enumerate() {
                    self.arrives(connection, Duration::from_millis(at as u64), Arrival::Bytes(vec![byte]));
                }
                return true;
            }
            _ => {
                self.arrives(connection, after, Arrival::Bytes(text.as_bytes().to_vec()));
                return true;
            }
        }
        false
    }

    /// The device takes a request.
    fn take(&mut self, connection: ConnectionId, request: &str) {
        let reply = |status: u16, body: &str| {
            format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        if !request.contains("Authorization") {
            let close = if self.dice.percent(50) { "Connection: close\r\n" } else { "" };
            let challenge = "WWW-Authenticate: Basic realm=\"x\"\r\n";
            self.answer(
                connection,
                &format!("HTTP/1.1 401 X\r\n{close}{challenge}Content-Length: 0\r\n\r\n"),
            );
            return;
        }
        let line = request.lines().next().unwrap();
        if line.starts_with("GET") {
            let list = if self.dice.percent(50) { ULAW.to_owned() } else { ULAW.replace("false", "true") };
            self.answer(connection, &reply(200, &list));
        } else if line.contains("/open") {
            if self.dice.percent(65) {
                self.opens += 1;
                self.answer(connection, &reply(200, ""));
            } else {
                let (status, body) =
                    [(403, BUSY), (200, BUSY), (500, ""), (503, "")][self.dice.below(4) as usize];
                self.refusal_arrives = self.answer(connection, &reply(status, body));
            }
        } else if line.contains("/close") {
            self.closes += self.opens;
            self.answer(connection, &reply(200, ""));
        } else {
            let status = if self.dice.percent(85) { 200 } else { 500 };
            self.answer(connection, &reply(status, ""));
            if self.dice.percent(40) {
                let after = self.dice.millis(2_000);
                self.arrives(connection, after, Arrival::Eof);
            }
        }
    }

    fn poll(&mut self) {
        loop {
            match self.client.poll_output(self.now) {
                Output::Connect { connection } => {
                    let after = self.dice.millis(50);
                    match self.dice.below(25) {
                        0 => self.arrives(connection, after, Arrival::Lost),
                        1 => {}
                        _ => self.arrives(connection, after, Arrival::Connected),
                    }
                }
                Output::Send { connection, bytes } => {
                    if let Ok(text) = std::str::from_utf8(&bytes) {
                        self.take(connection, text);
                    }
                }
                // What is still under way to it comes all the same: drivers are slow.
                Output::Close { .. } | Output::Offer(_) | Output::Opened => {}
                Output::Ended(report) => self.report = Some(*report),
                Output::WaitUntil(at) => {
                    assert!(at > self.now);
                    return;
                }
            }
        }
    }

    fn step(&mut self, speaks: bool) {
        self.now += STEP;
        while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (connection, what) = entry.remove();
            match what {
                Arrival::Connected => self.client.handle_connected(connection, self.now),
                Arrival::Bytes(bytes) => self.client.handle_bytes(connection, &bytes, self.now),
                Arrival::Eof => self.client.handle_eof(connection, self.now),
                Arrival::Lost => self.client.handle_lost(connection, "reset", self.now),
            }
            self.poll();
        }
        if speaks {
            self.client.handle_audio(&[0xff; 80], STEP, self.now);
        }
        self.poll();
    }
}

#[test]
fn whatever_happens_a_call_that_was_opened_is_closed_once_and_in_time() {
    let (mut opened, mut refused, mut ends) = (0, 0, BTreeMap::<String, usize>::new());
    for seed in 1..=500 {
        let mut world = World::new(seed);
        world.client.handle_start(world.now);
        world.poll();
        let speaks_from = world.dice.below(40);
        let speaks_for = world.dice.below(300);
        let stops_at = world.dice.below(900);
        for step in 0..stops_at {
            world.step((speaks_from..speaks_from + speaks_for).contains(&step));
        }
        let stopped = world.now;
        world.client.handle_stop(world.now);
        world.poll();
        while world.report.is_none() {
            world.step(true);
        }
        // The open that must not be overtaken, and the close, to the next step.
        let took = world.now.since(stopped);
        assert!(took <= Duration::from_millis(1_320), "seed {seed}: {took:?}");
        let report = world.report.clone().unwrap();
        assert!(world.opens <= 1 && world.closes <= 1, "seed {seed}: {} {}", world.opens, world.closes);
        let close = report.close();
        if world.opens == 1 {
            let close = close.unwrap_or_else(|| panic!("seed {seed}: {:?}", report.steps));
            let arrived = matches!(close.answer, Answer::Status(_) | Answer::Garbage);
            assert!(world.closes == 1 || !arrived, "seed {seed}: {close:?}");
        }
        if world.refusal_arrives
            && report
                .steps
                .iter()
                .any(|step| matches!(step, Step { ask: Ask::Open, answer: Answer::Status(_), .. }))
        {
            assert_eq!(close, None, "seed {seed}: somebody else's call");
            refused += 1;
        }
        let closes = report.steps.iter().filter(|step| step.ask == Ask::Close).count();
        assert!(closes <= 1, "seed {seed}: {:?}", report.steps);
        opened += world.opens;
        let why = report.why.map_or_else(|error| format!("{:?}", error.fault()), |end| format!("{end:?}"));
        *ends.entry(why).or_default() += 1;
        // Behind the end, nothing.
        let (opens, closes) = (world.opens, world.closes);
        for _ in 0..100 {
            world.step(true);
        }
        assert_eq!((world.opens, world.closes), (opens, closes), "seed {seed}");
    }
    assert!(
        opened > 120 && refused > 35 && ends.len() >= 4,
        "{opened} {refused} {ends:?}: too little happens"
    );
}
