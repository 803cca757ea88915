use super::*;
use formats::rtp::rtcp::{SenderReport, write_sender_report};
use formats::rtp::{PacketBatch, Packetizer, PacketizerOptions, clock_rate};
use formats::sdp;
use media::{Codec, CodecParams};

const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\nm=audio 0 RTP/AVP 8\r\n";

fn at(ms: u64) -> Moment {
    Moment::from_millis(ms)
}

/// A sender of VP8 and PCMA, whose RTP clocks start anywhere.
struct Sender {
    packetizers: [Packetizer; 2],
    batch: PacketBatch,
}

impl Sender {
    fn new() -> Self {
        let tracks = [
            Track::video(0, Codec::Vp8, CodecParams::None),
            Track::audio(1, Codec::Pcma, 8_000, 1, CodecParams::None),
        ];
        let packetizers = tracks.map(|track| {
            let options = PacketizerOptions {
                payload_type: if track.id == 0 { 96 } else { 8 },
                ssrc: 7 + u32::from(track.id),
                first_sequence: 65_530,
                timestamp_offset: u32::MAX - 100,
                packet_bytes_max: 1000,
                interleaved_channel: None,
                rtp_clock_rate: clock_rate(&track),
            };
            Packetizer::new(&track, options).unwrap()
        });
        Self { packetizers, batch: PacketBatch::new() }
    }

    fn packets(&mut self, track: TrackId, ms: i64) -> Vec<Bytes> {
        let rate = if track == 0 { 90 } else { 8 };
        // A VP8 key frame of 64 by 64, or a tenth of a second of silence.
        let mut data = vec![0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
        data.resize(if track == 0 { 2500 } else { 800 }, 0);
        let unit = Unit {
            track,
            pts: ms * rate,
            dts: ms * rate,
            arrival: Moment::ZERO,
            wall: WallTime::default(),
            keyframe: true,
            discontinuity: false,
            data: data.into(),
        };
        self.packetizers[usize::from(track)].push(&unit, &mut self.batch).unwrap();
        self.batch.freeze().iter_bytes().collect()
    }

    fn report(&self, track: TrackId, ms: i64, sender_ms: i64) -> Vec<u8> {
        let rate = if track == 0 { 90 } else { 8 };
        let report = SenderReport {
            ssrc: 7 + u32::from(track),
            ntp: WallTime::from_micros(sender_ms * 1000).to_ntp(),
            rtp_time: self.packetizers[usize::from(track)].rtp_time(ms * rate),
            packets: 0,
            octets: 0,
            blocks: Vec::new(),
        };
        let mut out = Vec::new();
        write_sender_report(&report, "sender", &mut out);
        out
    }
}

fn ingest(in_order: bool) -> Ingest {
    Ingest::new(&sdp::parse(SDP.as_bytes()).unwrap().sections, in_order).unwrap()
}

fn give(ingest: &mut Ingest, packets: Vec<Bytes>, track: TrackId, ms: u64) {
    for packet in packets {
        ingest.handle_rtp(track, packet, at(ms));
    }
}

fn units(ingest: &mut Ingest) -> Vec<Unit> {
    std::iter::from_fn(|| ingest.poll())
        .filter_map(|item| match item {
            Ingested::Unit(unit) => Some(unit),
            Ingested::Tracks(_) => None,
        })
        .collect()
}

#[test]
fn tracks_come_first_and_sound_lies_where_the_senders_clock_says() {
    let (mut sender, mut ingest) = (Sender::new(), ingest(true));
    ingest.set_wall_clock(at(0), WallTime::from_micros(1_000_000_000_000_000));
    // Both reports are there before the first packets; the sound comes 300 ms late.
    ingest.handle_rtcp(0, &sender.report(0, 0, 1_000_000_000_000), at(0));
    ingest.handle_rtcp(1, &sender.report(1, 0, 1_000_000_000_000), at(0));
    give(&mut ingest, sender.packets(0, 100), 0, 100);
    give(&mut ingest, sender.packets(1, 100), 1, 400);
    let Some(Ingested::Tracks(tracks)) = ingest.poll() else { panic!() };
    assert_eq!(tracks.iter().map(|track| track.codec).collect::<Vec<_>>(), [Codec::Vp8, Codec::Pcma]);
    let units = units(&mut ingest);
    assert_eq!(units.iter().map(|unit| unit.track).collect::<Vec<_>>(), [0, 1]);
    let ms = |unit: &Unit| unit.pts / if unit.track == 0 { 90 } else { 8 };
    assert_eq!(ms(&units[0]), ms(&units[1]));
    // Both were captured when the sender says, not when they came.
    for unit in &units {
        assert!((unit.wall.as_micros() - 1_000_000_000_100_000).abs() < 2_000, "{unit:?}");
    }
}

#[test]
fn a_track_that_starts_where_rtp_info_says_needs_no_report() {
    let (mut sender, mut ingest) = (Sender::new(), ingest(true));
    let start =
        |track: TrackId, rate: i64| (track, sender.packetizers[usize::from(track)].rtp_time(50 * rate));
    ingest.set_starts([start(0, 90), start(1, 8)]);
    give(&mut ingest, sender.packets(0, 100), 0, 100);
    give(&mut ingest, sender.packets(1, 60), 1, 900);
    let units = units(&mut ingest);
    assert_eq!(units[0].pts / 90 - units[1].pts / 8, 40);
}

#[test]
fn packets_out_of_order_make_whole_frames_and_a_lost_one_is_counted_and_marked() {
    let (mut sender, mut ingest) = (Sender::new(), ingest(false));
    give(&mut ingest, sender.packets(0, 0), 0, 0);
    let mut second = sender.packets(0, 40);
    second.swap(1, 2);
    give(&mut ingest, second, 0, 40);
    let mut third = sender.packets(0, 80);
    third.remove(1);
    give(&mut ingest, third, 0, 80);
    give(&mut ingest, sender.packets(0, 120), 0, 120);
    give(&mut ingest, sender.packets(1, 0), 1, 120);
    assert!(ingest.next_deadline() <= at(300));
    ingest.handle_timeout(at(400));
    let units = units(&mut ingest);
    let video: Vec<_> = units.iter().filter(|unit| unit.track == 0).collect();
    let marks: Vec<_> = video.iter().map(|unit| (unit.pts / 90, unit.discontinuity)).collect();
    assert_eq!(marks, [(0, false), (40, false), (120, true)]);
    assert_eq!((ingest.take_lost(), ingest.take_lost()), (1, 0));
}

#[test]
fn a_silent_track_is_waited_for_only_so_long_and_one_left_out_not_at_all() {
    let (mut sender, mut waiting) = (Sender::new(), ingest(true));
    // VP8 tells its parameters with its first frame, which does not come.
    give(&mut waiting, sender.packets(1, 0), 1, 0);
    assert!(waiting.poll().is_none());
    waiting.handle_timeout(at(10_000));
    assert!(matches!(waiting.poll(), Some(Ingested::Tracks(tracks)) if tracks.len() == 1));
    let mut without = ingest(true);
    without.leave_out(0);
    give(&mut without, sender.packets(1, 100), 1, 100);
    assert!(matches!(without.poll(), Some(Ingested::Tracks(tracks)) if tracks.len() == 1));
    assert_eq!(units(&mut without).len(), 1);
}

#[test]
fn reports_go_out_for_each_track_heard_and_not_more_often_than_every_5_s() {
    let (mut sender, mut ingest) = (Sender::new(), ingest(true));
    assert!(ingest.reports(at(0)).is_empty());
    give(&mut ingest, sender.packets(0, 0), 0, 0);
    let reports = ingest.reports(at(10));
    assert_eq!(reports.len(), 1);
    assert!(matches!(
        &rtcp::parse(&reports[0].1).unwrap()[0],
        Message::ReceiverReport { blocks, .. } if blocks[0].ssrc == 7
    ));
    assert!(ingest.reports(at(4_000)).is_empty());
    assert_eq!(ingest.reports(at(5_010)).len(), 1);
}

#[test]
fn no_input_panics() {
    let mut sender = Sender::new();
    let seed: Vec<Bytes> = sender.packets(0, 0).into_iter().chain(sender.packets(1, 0)).collect();
    let report = sender.report(0, 0, 5);
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for round in 0..3_000u64 {
        let mut ingest = ingest(round % 2 == 0);
        for packet in seed.iter().map(|packet| &packet[..]).chain([&report[..]]) {
            let mut bytes = packet.to_vec();
            for _ in 0..3 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let at = random as usize % bytes.len();
                bytes[at] = (random >> 32) as u8;
                if random.is_multiple_of(11) {
                    bytes.truncate(at.max(1));
                }
            }
            let track = (random % 3) as TrackId;
            if random.is_multiple_of(3) {
                ingest.handle_rtcp(track, &bytes, at(round));
            } else {
                ingest.handle_rtp(track, bytes.into(), at(round));
            }
        }
        ingest.handle_timeout(at(round + 60_000));
        while ingest.poll().is_some() {}
    }
}
