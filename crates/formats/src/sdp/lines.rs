//! Splits a description into its lines and sections, forgivingly.
//!
//! Source: RFC 8866 §5. Seen and forgiven: CR or LF alone, spaces around `=` and `:`, a byte order mark, NUL or
//! garbage after the end, lines without a type, bytes that are not UTF-8.

/// The lines from one `m=` up to the next, or those before the first.
#[derive(Debug, Default)]
pub(super) struct Section<'a> {
    /// The value of `m=`; empty for the session.
    pub(super) media: &'a str,
    lines: Vec<(u8, &'a str)>,
}

impl<'a> Section<'a> {
    /// The values of all lines of one type.
    pub(super) fn values(&self, kind: u8) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |line| line.0 == kind).map(|line| line.1)
    }

    /// Attributes: name and value, which is empty for flags.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.values(b'a').map(|line| match line.split_once(':') {
            Some((name, value)) => (name.trim(), value.trim()),
            None => (line, ""),
        })
    }

    /// The value of the first attribute of that name.
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Values of attributes that begin with a payload type, such as `rtpmap` and `fmtp`.
    pub(super) fn by_payload_type(&self, name: &'static str) -> impl Iterator<Item = (u8, &'a str)> {
        self.attributes().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).filter_map(
            |(_, value)| {
                // Some leave the space away: `rtpmap:96H264/90000`.
                let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
                Some((value[..digits].parse().ok()?, value[digits..].trim()))
            },
        )
    }
}

/// The session's own lines, and the media sections.
pub(super) fn split(text: &str) -> (Section<'_>, Vec<Section<'_>>) {
    let (mut session, mut sections) = (Section::default(), Vec::new());
    for line in text.trim_start_matches('\u{feff}').split(['\r', '\n', '\0']) {
        let Some((kind, value)) = line.split_once('=') else { continue };
        let &[kind] = kind.trim().as_bytes() else { continue };
        let value = value.trim();
        if kind == b'm' {
            sections.push(Section { media: value, lines: Vec::new() });
        } else {
            sections.last_mut().unwrap_or(&mut session).lines.push((kind, value));
        }
    }
    (session, sections)
}
