//! Fragmented MP4 as it comes: box framing, decoding times, content.
//!
//! Source: ISO/IEC 14496-12 §4.2, §8.8.
use super::content::Checksum;
use super::watch::{Order, Sink, Watch};

/// Longest `moof`: 64 KiB. One frame's has 200 bytes.
const MOOF_BYTES_MAX: u64 = 64 << 10;
/// Most tracks that are told apart.
const TRACKS_MAX: u32 = 8;

enum Stage {
    Header,
    Moof { left: usize },
    Media { left: u64 },
    Other { left: u64 },
}

/// Reads fragments without keeping them.
pub(super) struct Boxes {
    stage: Stage,
    head: Vec<u8>,
    /// The frame whose bytes the next `mdat` holds.
    frame: Option<(u8, i64, Checksum)>,
}

impl Boxes {
    pub(super) fn new() -> Self {
        Self { stage: Stage::Header, head: Vec::with_capacity(256), frame: None }
    }

    /// Type and size of the box whose header is in `head`, once it is whole.
    fn header(&self) -> Result<Option<([u8; 4], u64)>, String> {
        let Some((start, rest)) = self.head.split_first_chunk::<8>() else { return Ok(None) };
        let [s3, s2, s1, s0, k0, k1, k2, k3] = *start;
        let kind = [k0, k1, k2, k3];
        let (size, header) = match (u32::from_be_bytes([s3, s2, s1, s0]), rest.first_chunk::<8>()) {
            (1, None) => return Ok(None),
            (1, Some(size)) => (u64::from_be_bytes(*size), 16),
            (size, _) => (size.into(), 8),
        };
        let body = size.checked_sub(header).ok_or_else(|| format!("box {} of {size} bytes", name(kind)))?;
        Ok(Some((kind, body)))
    }

    fn fragment(&mut self, watch: &mut Watch) -> Result<(), String> {
        self.frame = None;
        for (kind, traf) in children(&self.head)? {
            if kind != *b"traf" {
                continue;
            }
            let (mut track, mut time) = (None, None);
            for (kind, body) in children(traf)? {
                match (&kind, body) {
                    (b"tfhd", [_, _, _, _, t3, t2, t1, t0, ..]) => {
                        track = Some(u32::from_be_bytes([*t3, *t2, *t1, *t0]));
                    }
                    (b"tfdt", [0, _, _, _, rest @ ..]) => {
                        time = rest.first_chunk().map(|t| u32::from_be_bytes(*t).into())
                    }
                    (b"tfdt", [1, _, _, _, rest @ ..]) => {
                        time = rest.first_chunk().map(|t| u64::from_be_bytes(*t))
                    }
                    (_, _) => {}
                }
            }
            let (Some(track), Some(time)) = (track, time) else {
                return Err("a traf without tfhd and tfdt".to_owned());
            };
            let (track, time) = (track.min(TRACKS_MAX) as u8, time as i64);
            let sum = watch.frame(track, time, Order::Rising);
            if self.frame.is_none() {
                self.frame = sum.map(|sum| (track, time, sum));
            }
        }
        Ok(())
    }
}

fn name(kind: [u8; 4]) -> String {
    String::from_utf8_lossy(&kind).into_owned()
}

/// Type and body.
type Child<'a> = ([u8; 4], &'a [u8]);

/// The boxes in a box.
fn children(mut bytes: &[u8]) -> Result<Vec<Child<'_>>, String> {
    let mut found = Vec::new();
    while let Some(([s3, s2, s1, s0, k0, k1, k2, k3], _)) = bytes.split_first_chunk::<8>() {
        let size = u32::from_be_bytes([*s3, *s2, *s1, *s0]) as usize;
        let body = bytes.get(8..size).ok_or("a box in moof that is longer than moof")?;
        found.push(([*k0, *k1, *k2, *k3], body));
        bytes = &bytes[size..];
    }
    if bytes.is_empty() { Ok(found) } else { Err("bytes after the last box in moof".to_owned()) }
}

impl Sink for Boxes {
    fn push(&mut self, mut bytes: &[u8], watch: &mut Watch) -> Result<(), String> {
        while !bytes.is_empty() {
            match self.stage {
                Stage::Header => {
                    self.head.push(bytes[0]);
                    bytes = &bytes[1..];
                    let Some((kind, body)) = self.header()? else { continue };
                    self.head.clear();
                    self.stage = match &kind {
                        _ if body == 0 => Stage::Header,
                        b"moof" if body > MOOF_BYTES_MAX => return Err(format!("moof of {body} bytes")),
                        b"moof" => Stage::Moof { left: body as usize },
                        b"mdat" => Stage::Media { left: body },
                        b"ftyp" | b"moov" | b"styp" | b"sidx" | b"free" | b"skip" | b"emsg" | b"prft"
                        | b"mfra" => Stage::Other { left: body },
                        _ => return Err(format!("box of type {}", name(kind))),
                    };
                }
                Stage::Moof { left } => {
                    let (now, rest) = bytes.split_at(left.min(bytes.len()));
                    self.head.extend_from_slice(now);
                    bytes = rest;
                    self.stage = Stage::Moof { left: left - now.len() };
                    if left == now.len() {
                        self.fragment(watch)?;
                        self.head.clear();
                        self.stage = Stage::Header;
                    }
                }
                Stage::Media { left } => {
                    let take = left.min(bytes.len() as u64);
                    let (now, rest) = bytes.split_at(take as usize);
                    if let Some((_, _, sum)) = &mut self.frame {
                        sum.push(now);
                    }
                    bytes = rest;
                    self.stage =
                        if left == take { Stage::Header } else { Stage::Media { left: left - take } };
                    if left == take
                        && let Some((track, time, sum)) = self.frame.take()
                    {
                        watch.frame_ended(track, time, sum);
                    }
                }
                Stage::Other { left } => {
                    let take = left.min(bytes.len() as u64);
                    bytes = &bytes[take as usize..];
                    self.stage =
                        if left == take { Stage::Header } else { Stage::Other { left: left - take } };
                }
            }
        }
        Ok(())
    }
}
