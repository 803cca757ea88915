//! What else servers and programs send, so that an error can name it.

/// What it is, as part of a sentence; `None` for what is not known, or not yet.
pub(super) fn name(head: &[u8]) -> Option<&'static str> {
    let text = head.trim_ascii_start();
    let lower = text.get(..text.len().min(16)).unwrap_or_default().to_ascii_lowercase();
    Some(if head.starts_with(b"\x89PNG") {
        "a PNG picture"
    } else if head.starts_with(b"GIF8") {
        "a GIF picture"
    } else if text.starts_with(b"#EXTM3U") {
        "an HLS playlist"
    } else if head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        "Matroska or WebM"
    } else if head.starts_with(b"OggS") {
        "Ogg"
    } else if head.starts_with(b"fLaC") {
        "FLAC"
    } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"AVI ") {
        "AVI"
    } else if head.starts_with(b"YUV4MPEG2") {
        "uncompressed video (Y4M)"
    } else if head.starts_with(&[0, 0, 1, 0xba]) {
        "an MPEG programme stream"
    } else if head.starts_with(&[0x30, 0x26, 0xb2, 0x75]) {
        "ASF (Windows Media)"
    } else if head.starts_with(b"DKIF") {
        "IVF"
    } else if head.starts_with(&[0x1f, 0x8b]) {
        "gzip"
    } else if lower.starts_with(b"<!doctype") || lower.starts_with(b"<html") {
        "a web page"
    } else if text.starts_with(b"<?xml") {
        "XML"
    } else if text.starts_with(b"{\"") || text.starts_with(b"[{") {
        "JSON"
    } else {
        return None;
    })
}
