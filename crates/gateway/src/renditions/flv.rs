//! FLV as HTTP and WebSocket carry it, and the time line that it shares with RTMP.
use bytes::Bytes;
use formats::flv;
use hub::{Chunk, Format, Muxer, Wants};
use media::{Codec, Kind, Track, TrackId, Tracks, Unit};
use std::cell::RefCell;
use std::rc::Rc;

/// FLV with its file header and tags, of the tracks with these ids; see [`carried`].
pub fn format(ids: &[TrackId]) -> Format {
    let kept = KeptLine::new(ids);
    let key = format!("flv:{ids:?}");
    Format::new(key, move |tracks: &Tracks| Ok(Box::new(Flv(kept.line(tracks)?)))).of(ids.iter().copied())
}

/// The codecs that FLV has a place for.
const VIDEO: [Codec; 5] = [Codec::H264, Codec::H265, Codec::Av1, Codec::Vp8, Codec::Vp9];
const AUDIO: [Codec; 5] = [Codec::Aac, Codec::Opus, Codec::Mp3, Codec::Pcmu, Codec::Pcma];

/// What a reader of FLV or RTMP wants: one of each kind that it can carry.
pub fn wants() -> Wants {
    Wants::none().with(Kind::Video, VIDEO).with(Kind::Audio, AUDIO)
}

/// The tracks of an offer that FLV and RTMP carry: the first of each kind that it has a place for. All, when it has for
/// none: the muxer's error then names them.
pub fn carried(offer: &[Track]) -> Vec<TrackId> {
    match flv::Muxer::new(offer, flv::MuxerOptions::default()) {
        Ok(muxer) => muxer.carried_tracks().collect(),
        Err(_) => offer.iter().map(|track| track.id).collect(),
    }
}

/// The muxer with the time it came to.
pub(super) struct Line {
    pub(super) muxer: flv::Muxer,
    pub(super) last_ms: u32,
}

/// Keeps the line of a rendition whose muxer is made anew for changed parameter sets: players would take a jump back to
/// zero for a new stream, or for an error.
pub(super) struct KeptLine {
    ids: Vec<TrackId>,
    line: RefCell<Option<Rc<RefCell<Line>>>>,
}

impl KeptLine {
    pub(super) fn new(ids: &[TrackId]) -> Self {
        Self { ids: ids.to_vec(), line: RefCell::default() }
    }

    /// The line, now for these tracks; an error when none of them can be carried.
    pub(super) fn line(&self, tracks: &Tracks) -> Result<Rc<RefCell<Line>>, String> {
        let tracks: Vec<Track> =
            tracks.iter().filter(|track| self.ids.contains(&track.id)).cloned().collect();
        let mut kept = self.line.borrow_mut();
        let line = match &*kept {
            Some(line) => {
                line.borrow_mut().muxer.set_tracks(&tracks).map_err(|e| e.to_string())?;
                line.clone()
            }
            None => {
                let options = flv::MuxerOptions::default();
                let muxer = flv::Muxer::new(&tracks, options).map_err(|e| e.to_string())?;
                kept.insert(Rc::new(RefCell::new(Line { muxer, last_ms: 0 }))).clone()
            }
        };
        for left in line.borrow().muxer.left_out() {
            tracing::info!(track = left.track, codec = %left.codec, why = left.why, "FLV and RTMP leave a track out");
        }
        Ok(line)
    }
}

impl Line {
    /// The message of a unit, if its track is carried.
    pub(super) fn push(&mut self, unit: &Unit) -> Option<flv::Message> {
        let message = self.muxer.push(unit)?;
        self.last_ms = message.timestamp_ms();
        Some(message)
    }
}

struct Flv(Rc<RefCell<Line>>);

impl Muxer for Flv {
    fn header(&mut self, again: bool) -> Bytes {
        let line = self.0.borrow();
        if !again {
            return line.muxer.file_header(line.last_ms);
        }
        let mut bytes = Vec::new();
        for message in line.muxer.headers(line.last_ms) {
            for part in message.tag() {
                bytes.extend_from_slice(&part);
            }
        }
        bytes.into()
    }

    fn push(&mut self, unit: &Unit, out: &mut Vec<Chunk>) {
        if let Some(message) = self.0.borrow_mut().push(unit) {
            out.push(Chunk::new(unit, message.tag()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{CodecParams, Moment, WallTime};

    /// The 24 bits of a timestamp.
    fn timestamp(bytes: &[u8], at: usize) -> u32 {
        u32::from_be_bytes([0, bytes[at], bytes[at + 1], bytes[at + 2]])
    }

    #[test]
    fn changed_parameter_sets_do_not_set_the_time_line_back() {
        // Where the time stands in an FLV tag, and in an RTMP chunk of type 0.
        for (format, at) in [(format(&[0]), 4), (super::super::rtmp::format(&[0]), 1)] {
            let sound = |config: &'static [u8]| {
                let params = CodecParams::Aac { config: Bytes::from_static(config) };
                Tracks::from([Track::audio(0, Codec::Aac, 48_000, 2, params)])
            };
            let unit = |seconds: i64| Unit {
                track: 0,
                pts: seconds * 48_000,
                dts: seconds * 48_000,
                arrival: Moment::ZERO,
                wall: WallTime::default(),
                keyframe: true,
                discontinuity: false,
                data: Bytes::from_static(b"frame"),
            };
            let mut out = Vec::new();
            let mut before = (format.make)(&sound(&[0x11, 0x90])).unwrap();
            before.push(&unit(7), &mut out);
            before.push(&unit(9), &mut out);
            let mut after = (format.make)(&sound(&[0x11, 0x88])).unwrap();
            assert_eq!(timestamp(&after.header(true), at), 2_000, "{}", format.key);
            after.push(&unit(10), &mut out);
            let times: Vec<u32> = out.iter().map(|chunk| timestamp(&chunk.parts[0], at)).collect();
            assert_eq!(times, [0, 2_000, 3_000], "{}", format.key);
        }
    }
}
