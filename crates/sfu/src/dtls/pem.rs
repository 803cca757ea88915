//! Text around DER. Source: RFC 7468.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters in a line. Source: RFC 7468 §2.
const LINE_CHARS: usize = 64;
/// What a certificate's block is called.
pub(super) const CERTIFICATE: &str = "CERTIFICATE";
/// How the names of private keys' blocks end: there are `PRIVATE KEY` and `EC PRIVATE KEY`.
pub(super) const PRIVATE_KEY: &str = "PRIVATE KEY";

/// The first block whose name ends so. What stands before it is passed over: `openssl ecparam` writes a key behind its
/// parameters.
pub(super) fn decode(text: &str, label_end: &str) -> Option<Vec<u8>> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| {
        line.strip_prefix("-----BEGIN ")
            .and_then(|rest| rest.strip_suffix("-----"))
            .is_some_and(|label| label.ends_with(label_end))
    })?;
    let mut base64 = String::new();
    for line in lines {
        if line.starts_with("-----END ") {
            return STANDARD.decode(base64).ok();
        }
        base64.push_str(line);
    }
    None
}

/// A certificate as text.
pub(super) fn encode_certificate(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {CERTIFICATE}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE_CHARS));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {CERTIFICATE}-----\n"));
    text
}
