//! Strangers who reach the SRTP port: what they send, and how it must be counted.
use super::dice::Dice;
use super::house::{CAMERAS, COLLIDING, House, SOON};
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use testkit::homekit::Camera;

/// A whole header, and a whole tag behind it: nothing shorter is a packet.
const WHOLE: usize = 12 + 10;
/// Between two packets: some hundred a second.
const PAUSE: Duration = Duration::from_millis(4);
/// How often each kind is sent where all is counted.
const ROUNDS: u64 = 20;

/// How often each reason to drop was given.
type Tally = BTreeMap<&'static str, u64>;

pub(super) struct Strangers<'a> {
    house: &'a House,
    dice: Dice,
    sockets: Vec<UdpSocket>,
    pub(super) sent: Tally,
}

impl<'a> Strangers<'a> {
    pub(super) fn new(house: &'a House, dice: Dice) -> Self {
        let socket = || UdpSocket::bind("127.0.0.1:0").unwrap();
        Self { house, dice, sockets: (0..3).map(|_| socket()).collect(), sent: Tally::new() }
    }

    fn send(&mut self, datagram: &[u8], reason: &'static str) {
        let socket = &self.sockets[self.dice.among(0..self.sockets.len())];
        socket.send_to(datagram, &self.house.srtp).unwrap();
        *self.sent.entry(reason).or_default() += 1;
        std::thread::sleep(PAUSE);
    }

    /// Bytes that are neither RTP nor RTCP.
    fn noise(&mut self) {
        let length = self.dice.among(1..1400);
        let mut bytes = self.dice.bytes(length);
        bytes[0] &= 0x7f;
        self.send(&bytes, "no_rtp");
    }

    /// RTP or RTCP in looks, of an SSRC that nobody has.
    fn unknown(&mut self) {
        let length = self.dice.among(WHOLE..1300);
        let mut bytes = self.dice.bytes(length);
        bytes[0] = 0x80;
        bytes[1] = if self.dice.below(4) == 0 { 200 } else { 99 };
        self.send(&bytes, "foreign");
    }

    /// What the network carries of a camera, cut off after so many bytes. The SSRC is known as long as the camera streams.
    fn cut_off(&mut self, length: usize) {
        let camera = self.dice.among(0..CAMERAS);
        let packet = self.house.camera(camera).newest_packet();
        if packet.len() >= WHOLE {
            self.send(&packet[..length], "short");
        }
    }

    /// What a camera sent, from another address. Of two cameras with one SSRC, it may be said to be nobody's.
    fn replay(&mut self) {
        let camera = self.dice.among(COLLIDING..CAMERAS);
        let packet = self.house.camera(camera).newest_packet();
        if !packet.is_empty() {
            self.send(&packet, "replayed");
        }
    }

    /// A known SSRC from elsewhere, with another number than the tag is of. Where two have the SSRC, the number may be an old one of
    /// the other.
    fn guess(&mut self) {
        let camera = self.dice.among(COLLIDING..CAMERAS);
        let mut packet = self.house.camera(camera).newest_packet();
        if packet.len() >= WHOLE {
            let number = u16::from_be_bytes([packet[2], packet[3]]).wrapping_add(100);
            packet[2..4].copy_from_slice(&number.to_be_bytes());
            self.send(&packet, "foreign");
        }
    }

    /// All of it again and again.
    pub(super) fn disturb(mut self, until: Instant) -> Tally {
        while Instant::now() < until {
            match self.dice.below(5) {
                0 => self.noise(),
                1 => self.unknown(),
                2 => {
                    let length = self.dice.among(0..WHOLE);
                    self.cut_off(length);
                }
                3 => self.replay(),
                _ => self.guess(),
            }
        }
        self.sent
    }

    /// While every camera streams: each packet is counted for what it is.
    pub(super) fn are_counted(mut self) -> Tally {
        let house = self.house;
        let before = house.counted().dropped;
        let repeated = || house.rig.cameras.iter().map(Camera::repeated).sum::<u64>();
        let repeated_before = repeated();
        for _ in 0..ROUNDS {
            self.noise();
            self.unknown();
            self.replay();
            self.guess();
        }
        for length in 0..WHOLE {
            self.cut_off(length);
        }
        for camera in &house.rig.cameras {
            camera.repeat();
        }
        let deadline = Instant::now() + SOON;
        loop {
            let (now, repeated) = (house.counted().dropped, repeated() - repeated_before);
            let mut expected = self.sent.clone();
            *expected.entry("replayed").or_default() += repeated;
            *expected.entry("forged").or_default() += repeated;
            let counted = expected.keys().map(|reason| (*reason, now[*reason] - before[*reason]));
            let counted: Tally = counted.collect();
            if repeated >= CAMERAS as u64 / 2 && counted == expected {
                return counted;
            }
            assert!(Instant::now() < deadline, "{expected:?} were sent, and {counted:?} counted");
            std::thread::sleep(PAUSE);
        }
    }
}
