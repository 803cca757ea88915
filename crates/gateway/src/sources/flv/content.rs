//! What an HTTP server sends, by its first bytes; by what it says where they tell nothing.

/// Bytes that tell every kind apart.
pub(super) const HEAD_BYTES: usize = 16;

/// True when it begins as FLV does.
pub(super) fn is_flv(head: &[u8]) -> bool {
    head.starts_with(b"FLV")
}

/// What it is, as part of a sentence.
pub(super) fn describe(content_type: &str, head: &[u8]) -> String {
    let text = head.trim_ascii_start();
    let lower = text.to_ascii_lowercase();
    let sniffed = if head.starts_with(&[0xff, 0xd8, 0xff]) {
        "a JPEG picture"
    } else if head.starts_with(b"\x89PNG") {
        "a PNG picture"
    } else if head.get(4..8).is_some_and(|kind| matches!(kind, b"ftyp" | b"styp" | b"moov" | b"moof")) {
        "MP4"
    } else if text.starts_with(b"#EXTM3U") {
        "an HLS playlist"
    } else if head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        "Matroska or WebM"
    } else if head.starts_with(b"RIFF") {
        "WAV or AVI"
    } else if lower.starts_with(b"<!doctype") || lower.starts_with(b"<html") {
        "a web page"
    } else if text.starts_with(b"<") {
        "XML"
    } else if text.starts_with(b"{") || text.starts_with(b"[") {
        "JSON"
    } else if head.starts_with(b"--") {
        "a multipart stream (MJPEG)"
    } else if head.starts_with(b"ID3") {
        "MP3"
    } else if matches!(head, [0xff, 0xf0..=0xf1 | 0xf8..=0xf9, ..]) {
        "AAC"
    } else if matches!(head, [0x47, ..]) {
        "MPEG-TS"
    } else if head.starts_with(&[0, 0, 0, 1]) || head.starts_with(&[0, 0, 1]) {
        "a bare H.264 or H.265 stream"
    } else {
        ""
    };
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    match (sniffed, kind) {
        ("", "") => "something unknown without a content type".into(),
        ("", kind) => format!("{kind:.80}"),
        (sniffed, "") => sniffed.into(),
        (sniffed, kind) => format!("{sniffed} ({kind:.80})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_flv_is_named() {
        assert!(is_flv(b"FLV\x01\x05"));
        assert_eq!(describe("text/html; charset=utf-8", b"\n<!DOCTYPE html>"), "a web page (text/html)");
        assert_eq!(describe("video/x-flv", b"\0\0\0\x20ftypisom"), "MP4 (video/x-flv)");
        assert_eq!(describe("", b"\x47\x40\0\x10"), "MPEG-TS");
        assert_eq!(
            describe("multipart/x-mixed-replace; boundary=a", b"\r\n--a"),
            "multipart/x-mixed-replace"
        );
        assert_eq!(describe("", b""), "something unknown without a content type");
    }
}
