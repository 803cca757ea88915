//! FLV as it comes: framing, times, content.
//!
//! Source: FLV 10.1 §E.2 to §E.4.
use super::tag::{AUDIO, Body, VIDEO};
use super::watch::{Sink, Watch};

/// Type of a tag of script data.
const SCRIPT: u8 = 18;
/// Bytes of the file header together with the size before the first tag.
const FILE_HEADER: usize = 13;
/// Bytes of a tag's header.
const TAG_HEADER: usize = 11;

#[derive(Clone, Copy)]
enum Stage {
    File,
    Header,
    Body { left: usize, length: usize },
    Trailer { length: usize },
}

/// Reads FLV without keeping it.
pub(super) struct Flv {
    stage: Stage,
    head: Vec<u8>,
    body: Body,
}

impl Flv {
    pub(super) fn new() -> Self {
        Self { stage: Stage::File, head: Vec::with_capacity(16), body: Body::default() }
    }

    /// Collects `wanted` bytes in `head`; true once they are there.
    fn collect(&mut self, bytes: &mut &[u8], wanted: usize) -> bool {
        let take = (wanted - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..take]);
        *bytes = &bytes[take..];
        self.head.len() == wanted
    }

    fn tag(&mut self) -> Result<Stage, String> {
        let [kind, l2, l1, l0, t2, t1, t0, t3, ..] = self.head[..] else { return Ok(Stage::Header) };
        let length = u32::from_be_bytes([0, l2, l1, l0]) as usize;
        if !matches!(kind, AUDIO | VIDEO | SCRIPT) {
            return Err(format!("FLV tag of type {kind}"));
        }
        if self.head[8..] != [0; 3] {
            return Err("FLV tag with a stream id".to_owned());
        }
        self.body = Body::new(kind, u32::from_be_bytes([t3, t2, t1, t0]));
        Ok(Stage::Body { left: length, length })
    }
}

impl Sink for Flv {
    fn push(&mut self, mut bytes: &[u8], watch: &mut Watch) -> Result<(), String> {
        while !bytes.is_empty() {
            match self.stage {
                Stage::File => {
                    if self.collect(&mut bytes, FILE_HEADER) {
                        if !self.head.starts_with(b"FLV\x01") || self.head[5..] != [0, 0, 0, 9, 0, 0, 0, 0] {
                            return Err("no FLV file header".to_owned());
                        }
                        self.head.clear();
                        self.stage = Stage::Header;
                    }
                }
                Stage::Header => {
                    if self.collect(&mut bytes, TAG_HEADER) {
                        self.stage = self.tag()?;
                        self.head.clear();
                    }
                }
                Stage::Body { left, length } => {
                    let (now, rest) = bytes.split_at(left.min(bytes.len()));
                    self.body.push(now, watch);
                    bytes = rest;
                    let left = left - now.len();
                    self.stage =
                        if left == 0 { Stage::Trailer { length } } else { Stage::Body { left, length } };
                }
                Stage::Trailer { length } => {
                    if self.collect(&mut bytes, 4) {
                        let size = self.head[..].try_into().map_or(0, u32::from_be_bytes) as usize;
                        if size != length + TAG_HEADER {
                            return Err(format!(
                                "the tag had {} bytes, {size} say those after it",
                                length + TAG_HEADER
                            ));
                        }
                        self.body.end(watch);
                        self.head.clear();
                        self.stage = Stage::Header;
                    }
                }
            }
        }
        Ok(())
    }
}
