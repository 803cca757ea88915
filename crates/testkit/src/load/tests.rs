//! Each reader is given a right stream in pieces of any size, and then each kind of damage.
use super::boxes::Boxes;
use super::chunks;
use super::content::{Check, Content};
use super::flv::Flv;
use super::http::{Get, Mse};
use super::publish::{Frames, Shape, track};
use super::rtmp::{Rtmp, Wish};
use super::rtsp::Rtsp;
use super::watch::{Client, Tally, Watch};
use formats::amf0::{self, Value};
use formats::flv::{Muxer, MuxerOptions};
use formats::mp4::Fragmenter;
use formats::rtp::{PacketBatch, Packetizer, PacketizerOptions};
use media::Unit;
use std::cell::RefCell;
use std::rc::Rc;

/// A whole stream as a server sends it: what comes before, then one piece a frame.
struct Wire {
    opening: Vec<u8>,
    frames: Vec<Vec<u8>>,
}

impl Wire {
    fn bytes(&self) -> Vec<u8> {
        [self.opening.clone(), self.frames.concat()].concat()
    }
}

type MakeClient = fn() -> Box<dyn Client>;

fn units() -> Vec<Unit> {
    let mut frames = Frames::new(Shape { bits_per_second: 400_000, fps: 25, gop: 10 });
    (0..30).map(|_| frames.next_unit()).collect()
}

fn http_flv() -> (MakeClient, Wire) {
    let mut muxer = Muxer::new(&[track()], MuxerOptions::default()).unwrap();
    let chunk = |body: &[u8]| [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat();
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let opening = [head, chunk(&muxer.file_header(0))].concat();
    let frames = units().iter().map(|unit| chunk(&muxer.push(unit).unwrap().tag().concat())).collect();
    (|| Box::new(Get::new("localhost", "/", Flv::new())), Wire { opening, frames })
}

fn mse() -> (MakeClient, Wire) {
    let mut fragmenter = Fragmenter::new(&[track()]).unwrap();
    let message = |body: &[u8]| {
        let mut frame = vec![0x82, 127];
        frame.extend_from_slice(&(body.len() as u64).to_be_bytes());
        frame.extend_from_slice(body);
        frame
    };
    let mut opening = b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello".to_vec();
    opening.extend(message(&fragmenter.init()));
    let mut frames = Vec::new();
    for unit in units() {
        if let Some(fragment) = fragmenter.push(&unit) {
            frames.push(message(&fragment.parts.concat()));
        }
    }
    (|| Box::new(Mse::new("localhost", "/", Boxes::new())), Wire { opening, frames })
}

fn rtsp() -> (MakeClient, Wire) {
    let mut opening = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 40\r\n\r\n".to_vec();
    opening.extend(format!("{:<40}", "v=0\r\nm=video 0 RTP/AVP 96\r\na=control:x").bytes());
    opening.extend(b"RTSP/1.0 200 OK\r\nSession: 1;timeout=60\r\n\r\nRTSP/1.0 200 OK\r\n\r\n");
    let options = PacketizerOptions {
        payload_type: 96,
        ssrc: 1,
        first_sequence: 65_530,
        timestamp_offset: 7,
        packet_bytes_max: 600,
        interleaved_channel: Some(0),
        rtp_clock_rate: 90_000,
    };
    let mut packetizer = Packetizer::new(&track(), options).unwrap();
    let mut batch = PacketBatch::new();
    let mut frame = |unit: &Unit| {
        packetizer.push(unit, &mut batch).unwrap();
        // A report between the frames, as servers send them.
        [&batch.freeze().data[..], b"$\x01\x00\x02ab"].concat()
    };
    let frames = units().iter().map(&mut frame).collect();
    (|| Box::new(Rtsp::new("rtsp://localhost/a")), Wire { opening, frames })
}

fn rtmp() -> (MakeClient, Wire) {
    let mut opening = vec![3];
    opening.resize(1 + 2 * 1536, 9);
    let mut say = |size: usize, values: &[Value]| {
        chunks::write(&mut opening, 3, 20, 0, 0, &amf0::encode(values), size);
    };
    say(128, &["_result".into(), 1.0.into(), Value::Null, Value::Null]);
    say(128, &["_result".into(), 2.0.into(), Value::Null, 1.0.into()]);
    let status =
        Value::object([("code", "NetStream.Play.Start".into()), ("text", "x".repeat(300).as_str().into())]);
    say(128, &["onStatus".into(), 0.0.into(), Value::Null, status]);
    chunks::write(&mut opening, 2, 1, 0, 0, &500_u32.to_be_bytes(), 128);
    let mut muxer = Muxer::new(&[track()], MuxerOptions::default()).unwrap();
    let message = |message: &formats::flv::Message| {
        let mut out = Vec::new();
        // Beyond what fits the header: times after 4 h 40 min.
        let time = 0x00ff_fff0 + message.timestamp_ms();
        chunks::write(&mut out, 6, message.kind().number(), 1, time, &message.body().concat(), 500);
        out
    };
    opening.extend(muxer.headers(0).iter().flat_map(message));
    let frames = units().iter().map(|unit| message(&muxer.push(unit).unwrap())).collect();
    (|| Box::new(Rtmp::new(Wish::Play, "localhost", "live/a")), Wire { opening, frames })
}

fn all() -> [(&'static str, (MakeClient, Wire)); 4] {
    [("flv", http_flv()), ("mse", mse()), ("rtsp", rtsp()), ("rtmp", rtmp())]
}

/// Readers that are held to what the others see.
struct Group {
    content: Rc<RefCell<Content>>,
}

impl Group {
    fn new() -> Self {
        Self { content: Rc::new(RefCell::new(Content::new(Check::All))) }
    }

    fn read(&self, client: MakeClient, bytes: &[u8], piece: usize) -> (Tally, Result<(), String>) {
        let tally: Rc<RefCell<Tally>> = Rc::default();
        let mut watch = Watch::new(tally.clone(), self.content.clone());
        let (mut client, mut out) = (client(), Vec::new());
        client.start(&mut out);
        let result = bytes.chunks(piece).try_for_each(|piece| client.push(piece, &mut watch, &mut out));
        let tally = tally.borrow().clone();
        (tally, result)
    }
}

#[test]
fn a_right_stream_is_right_however_it_is_cut() {
    for (name, (client, wire)) in all() {
        let group = Group::new();
        for piece in [usize::MAX, 1, 2, 7, 100, 1_000, 4_096] {
            let (tally, result) = group.read(client, &wire.bytes(), piece.min(1 << 20));
            assert_eq!(result, Ok(()), "{name} in pieces of {piece}");
            assert_eq!((tally.gaps, tally.disorder, tally.mismatches), (0, 0, 0), "{name}: {tally:?}");
            assert!((29..=30).contains(&tally.frames), "{name}: {tally:?}");
            // The last frame ends with the next one.
            let compared = if piece == usize::MAX { 0 } else { tally.frames - 1 };
            assert!(tally.compared >= compared, "{name}: {tally:?}");
        }
    }
}

#[test]
fn a_missing_frame_is_a_gap() {
    for (name, (client, mut wire)) in all() {
        let group = Group::new();
        group.read(client, &wire.bytes(), 1_000).1.unwrap();
        wire.frames.remove(12);
        let (tally, result) = group.read(client, &wire.bytes(), 1_000);
        assert_eq!(result, Ok(()), "{name}");
        assert!(tally.gaps >= 1, "{name}: {tally:?}");
        assert_eq!(tally.mismatches, 0, "{name}: {tally:?}");
    }
}

#[test]
fn frames_in_the_wrong_order_are_noticed() {
    for (name, (client, mut wire)) in all() {
        wire.frames.swap(12, 13);
        let (tally, _) = Group::new().read(client, &wire.bytes(), 1_000);
        assert!(tally.disorder >= 1, "{name}: {tally:?}");
    }
}

#[test]
fn one_wrong_byte_in_a_frame_is_a_mismatch() {
    for (name, (client, mut wire)) in all() {
        let group = Group::new();
        group.read(client, &wire.bytes(), 1_000).1.unwrap();
        let frame = &mut wire.frames[12];
        // Near the end, but before a report and the line after a chunk.
        let at = frame.len() - 20;
        frame[at] ^= 0x55;
        let (tally, result) = group.read(client, &wire.bytes(), 1_000);
        assert_eq!(result, Ok(()), "{name}");
        assert_eq!(tally.mismatches, 1, "{name}: {tally:?}");
    }
}

#[test]
fn bytes_that_are_lost_break_the_framing() {
    for (name, (client, wire)) in all() {
        let mut bytes = wire.bytes();
        let at = wire.opening.len() + wire.frames[0].len() + 100;
        bytes.drain(at..at + 50);
        let (tally, result) = Group::new().read(client, &bytes, 1_000);
        // RTMP has no mark at the start of a chunk: it may find nothing wrong but that hardly a frame comes.
        assert!(result.is_err() || tally.frames < 25, "{name}: {tally:?}");
    }
}

#[test]
fn no_bytes_make_a_reader_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for (_, (client, wire)) in all() {
        let whole = wire.bytes();
        for _ in 0..300 {
            let mut bytes = whole.clone();
            for _ in 0..next() % 30 {
                let at = next() % bytes.len().min(wire.opening.len() + 4_000);
                bytes[at] = next() as u8;
            }
            bytes.truncate(next() % bytes.len());
            let _ = Group::new().read(client, &bytes, 1 + next() % 2_000);
        }
    }
}
