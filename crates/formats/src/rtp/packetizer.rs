//! Units of one track in, RTP packets out: once per stream and frame, for all its readers.
//!
//! Sources: RFC 3550, 3551 and the payload formats named in the folder's files. Owns the sequence number. Each
//! byte of a unit is copied once, into the batch; there is no allocation per packet.
//!
//! For UDP GSO the fragments of one NAL unit (H.264, H.265), of one VP8, VP9 or MPEG audio frame and of one G.711
//! or L16 unit have equal length but for the last. An AV1 packet may be shorter by the size of a length field, the
//! first JPEG packet carries tables besides, and parameter sets come in a packet of their own:
//! [`Packets::segments`](super::Packets::segments) finds the runs.
mod audio;
mod av1;
mod jpeg;
mod nal;
mod vpx;

use super::batch::PacketBatch;
use super::packet::{HEADER_BYTES, Header};
use super::{PacketizeError, SetupError};
use media::{Codec, CodecParams, Track, Unit, rescale};

/// Smallest limit for a packet: 256 bytes. The first JPEG packet has 152 bytes of headers and tables.
pub const PACKET_BYTES_MIN: usize = 256;

/// How packets are to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PacketizerOptions {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Sequence number of the first packet.
    pub first_sequence: u16,
    /// RTP time of a unit with time 0.
    pub timestamp_offset: u32,
    /// Longest packet with its header, without a `$` frame: [`PACKET_BYTES_MIN`] to 65,535. Only an Opus packet,
    /// which cannot be split, may be longer.
    pub packet_bytes_max: usize,
    /// Channel of an RTSP connection: then each packet gets its `$` frame.
    pub interleaved_channel: Option<u8>,
    /// Clock rate in `a=rtpmap`; [`clock_rate`](super::clock_rate) of the track, mostly.
    pub rtp_clock_rate: u32,
}

enum Payload {
    Nal(nal::Nal),
    Av1(av1::Av1),
    Vpx(vpx::Vpx),
    Jpeg(jpeg::Jpeg),
    Aac,
    Opus,
    Samples { bytes: usize },
    Mp3,
}

/// Makes packets of one track's units.
pub struct Packetizer {
    codec: Codec,
    clock_rate: u32,
    options: PacketizerOptions,
    sequence: u16,
    payload: Payload,
}

/// Writes the packets of one unit.
struct Writer<'a> {
    batch: &'a mut PacketBatch,
    header: Header,
    interleaved_channel: Option<u8>,
    /// Longest payload.
    room: usize,
}

impl Writer<'_> {
    fn open(&mut self, marker: bool) {
        self.header.marker = marker;
        self.batch.open(self.header, self.interleaved_channel);
        self.header.sequence = self.header.sequence.wrapping_add(1);
    }

    fn extend(&mut self, payload: &[u8]) {
        self.batch.extend(payload);
    }

    fn close(&mut self) {
        self.batch.close();
    }

    /// Sets the marker of the last packet written.
    fn mark_last(&mut self) {
        self.batch.mark_last();
    }

    /// One packet of several pieces.
    fn packet(&mut self, marker: bool, pieces: &[&[u8]]) {
        self.open(marker);
        for piece in pieces {
            self.batch.extend(piece);
        }
        self.batch.close();
    }
}

impl Packetizer {
    /// For the units of `track`.
    pub fn new(track: &Track, options: PacketizerOptions) -> Result<Self, SetupError> {
        if options.rtp_clock_rate == 0 || track.clock_rate == 0 {
            return Err(SetupError::ClockRate { codec: track.codec });
        }
        if !(PACKET_BYTES_MIN..=usize::from(u16::MAX)).contains(&options.packet_bytes_max) {
            return Err(SetupError::PacketSize { bytes: options.packet_bytes_max });
        }
        let payload = match track.codec {
            Codec::H264 => Payload::Nal(nal::Nal::h264()),
            Codec::H265 => Payload::Nal(nal::Nal::h265()),
            Codec::Av1 => Payload::Av1(av1::Av1::default()),
            Codec::Vp8 => Payload::Vpx(vpx::Vpx::vp8()),
            Codec::Vp9 => Payload::Vpx(vpx::Vpx::vp9()),
            Codec::Mjpeg => Payload::Jpeg(jpeg::Jpeg::default()),
            Codec::Aac => Payload::Aac,
            Codec::Opus => Payload::Opus,
            Codec::Pcmu | Codec::Pcma | Codec::G722 => {
                Payload::Samples { bytes: usize::from(track.channels.max(1)) }
            }
            Codec::L16 => Payload::Samples { bytes: 2 * usize::from(track.channels.max(1)) },
            Codec::Mp3 => Payload::Mp3,
        };
        let mut packetizer = Self {
            codec: track.codec,
            clock_rate: track.clock_rate,
            options,
            sequence: options.first_sequence,
            payload,
        };
        packetizer.set_params(&track.params);
        Ok(packetizer)
    }

    /// Takes new parameters of the track: they go out with the next keyframe.
    pub fn set_params(&mut self, params: &CodecParams) {
        match &mut self.payload {
            Payload::Nal(nal) => nal.set_params(params),
            Payload::Av1(av1) => av1.set_params(params),
            Payload::Vpx(_)
            | Payload::Jpeg(_)
            | Payload::Aac
            | Payload::Opus
            | Payload::Samples { .. }
            | Payload::Mp3 => {}
        }
    }

    /// Sequence number of the next packet, as `RTP-Info` wants it.
    pub fn next_sequence(&self) -> u16 {
        self.sequence
    }

    /// RTP time of a moment in the ticks of the track, as `RTP-Info` and sender reports want it.
    pub fn rtp_time(&self, ticks: i64) -> u32 {
        let ticks = rescale(ticks, self.clock_rate, self.options.rtp_clock_rate);
        self.options.timestamp_offset.wrapping_add(ticks as u32)
    }

    /// Appends the packets of `unit` to `out`. After an error nothing of it is there, and no number is used up.
    pub fn push(&mut self, unit: &Unit, out: &mut PacketBatch) -> Result<(), PacketizeError> {
        let room = self.options.packet_bytes_max - HEADER_BYTES;
        let before = out.len();
        out.reserve(unit.data.len() / room + 4, unit.data.len() + unit.data.len() / 64 + 64);
        let header = Header {
            marker: false,
            payload_type: self.options.payload_type,
            sequence: self.sequence,
            timestamp: self.rtp_time(unit.pts),
            ssrc: self.options.ssrc,
        };
        let interleaved_channel = self.options.interleaved_channel;
        let mut writer = Writer { batch: out, header, interleaved_channel, room };
        let result = match &mut self.payload {
            Payload::Nal(nal) => nal.write(unit, &mut writer),
            Payload::Av1(av1) => av1.write(unit, &mut writer),
            Payload::Vpx(vpx) => vpx.write(unit, &mut writer),
            Payload::Jpeg(jpeg) => jpeg.write(&unit.data, &mut writer),
            Payload::Aac => audio::write_aac(&unit.data, &mut writer),
            Payload::Opus => {
                writer.packet(false, &[&unit.data]);
                Ok(())
            }
            Payload::Samples { bytes } => {
                audio::write_samples(
                    &unit.data,
                    *bytes,
                    self.clock_rate,
                    self.options.rtp_clock_rate,
                    &mut writer,
                );
                Ok(())
            }
            Payload::Mp3 => {
                audio::write_mp3(&unit.data, &mut writer);
                Ok(())
            }
        };
        match result {
            Ok(()) => self.sequence = writer.header.sequence,
            Err(_) => out.truncate(before),
        }
        result
    }

    /// The codec of the track.
    pub fn codec(&self) -> Codec {
        self.codec
    }
}
