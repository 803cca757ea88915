//! Typed header fields: `Session`, `RTP-Info`, `Range`, `Public`. Source: RFC 2326 §12.
use super::message::{Method, leading_number};
use media::WallTime;
use std::fmt;
use std::time::Duration;

/// `Session`: the id and how long the server keeps it without hearing from us. Source: RFC 2326 §12.37.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionField {
    /// The id, opaque.
    pub id: String,
    /// The timeout, if named.
    pub timeout: Option<Duration>,
}

impl SessionField {
    /// Reads the field; none without an id. A timeout of 0 counts as none named.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        let timeout = parts
            .filter_map(|part| part.split_once('='))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case("timeout"))
            .and_then(|(_, value)| leading_number(value))
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs);
        Some(Self { id, timeout })
    }
}

impl fmt::Display for SessionField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        match self.timeout {
            Some(timeout) => write!(f, ";timeout={}", timeout.as_secs()),
            None => Ok(()),
        }
    }
}

/// One track in `RTP-Info`: where its media starts. Source: RFC 2326 §12.33.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RtpInfo {
    /// The track's control URL.
    pub url: String,
    /// The first packet's sequence number.
    pub sequence: Option<u16>,
    /// The RTP time that belongs to the start of the range.
    pub rtptime: Option<u32>,
}

impl RtpInfo {
    /// Reads every track of the field. URLs may hold commas and semicolons: only `url=` starts a track, and only
    /// the known names after it are cut off its end.
    pub fn parse_all(value: &str) -> Vec<RtpInfo> {
        let lower = value.to_ascii_lowercase();
        let mut starts: Vec<usize> = Vec::new();
        for (at, _) in lower.match_indices("url=") {
            let before = lower[..at].trim_end();
            if before.is_empty() || before.ends_with([',', ';']) {
                starts.push(at);
            }
        }
        let ends = starts.iter().skip(1).copied().chain([value.len()]);
        starts.iter().zip(ends).map(|(start, end)| RtpInfo::parse(&value[start + 4..end])).collect()
    }

    fn parse(entry: &str) -> RtpInfo {
        let mut info = RtpInfo::default();
        let mut url = String::new();
        for part in entry.split(';') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let number = || leading_number::<u64>(value.trim().trim_matches('"'));
            match key.trim().to_ascii_lowercase().as_str() {
                "seq" => info.sequence = number().map(|number| number as u16),
                "rtptime" => info.rtptime = number().map(|number| number as u32),
                "ssrc" => {}
                _ if url.is_empty() => url.push_str(part),
                _ => {
                    url.push(';');
                    url.push_str(part);
                }
            }
        }
        info.url = url.trim().trim_end_matches([',', ' ']).trim_matches('"').to_owned();
        info
    }
}

impl fmt::Display for RtpInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "url={}", self.url)?;
        if let Some(sequence) = self.sequence {
            write!(f, ";seq={sequence}")?;
        }
        match self.rtptime {
            Some(rtptime) => write!(f, ";rtptime={rtptime}"),
            None => Ok(()),
        }
    }
}

/// `Range`: what part to play. Source: RFC 2326 §12.29.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Range {
    /// Normal play time; no start means from now.
    Npt {
        /// From here; none for `now`.
        start: Option<Duration>,
        /// To here; none for the end.
        end: Option<Duration>,
    },
    /// Absolute time. Source: RFC 2326 §3.7.
    Clock {
        /// From here.
        start: WallTime,
        /// To here; none for the end.
        end: Option<WallTime>,
    },
    /// `smpte=` and the like, and what is not understood, as it stood there.
    Other(String),
}

impl Range {
    /// Reads the field. Leaves out `;time=`.
    pub fn parse(value: &str) -> Option<Range> {
        let range = value.split(';').next()?.trim();
        if let Some(clock) =
            range.strip_prefix("clock").map(str::trim_start).and_then(|rest| rest.strip_prefix('='))
        {
            let (start, end) = clock.split_once('-').unwrap_or((clock, ""));
            let other = || Range::Other(range.to_owned());
            let Some(start) = WallTime::parse_clock(start) else { return Some(other()) };
            return Some(Range::Clock { start, end: WallTime::parse_clock(end) });
        }
        let Some(npt) =
            range.strip_prefix("npt").map(str::trim_start).and_then(|rest| rest.strip_prefix('='))
        else {
            return (!range.is_empty()).then(|| Range::Other(range.to_owned()));
        };
        let (start, end) = npt.split_once('-').unwrap_or((npt, ""));
        Some(Range::Npt { start: seconds(start), end: seconds(end) })
    }
}

/// `20261129T164500.000Z`.
fn clock(wall: WallTime) -> String {
    wall.rfc3339().to_string().replace(['-', ':'], "")
}

/// Seconds with fraction, or `h:mm:ss`.
fn seconds(text: &str) -> Option<Duration> {
    let mut total = 0f64;
    for part in text.trim().split(':') {
        let part: f64 = part.parse().ok()?;
        total = total * 60.0 + part;
    }
    Duration::try_from_secs_f64(total).ok()
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Range::Npt { start, end } => {
                match start {
                    Some(start) => write!(f, "npt={:.3}-", start.as_secs_f64())?,
                    None => f.write_str("npt=now-")?,
                }
                end.map_or(Ok(()), |end| write!(f, "{:.3}", end.as_secs_f64()))
            }
            Range::Clock { start, end } => {
                write!(f, "clock={}-", clock(*start))?;
                end.map_or(Ok(()), |end| f.write_str(&clock(end)))
            }
            Range::Other(text) => f.write_str(text),
        }
    }
}

/// `Public` or `Allow`: what methods a server knows.
pub(crate) fn methods(value: &str) -> Vec<Method> {
    value
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|name| !name.is_empty())
        .map(Method::parse)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_field_is_read_with_and_without_timeout() {
        let parse = |text| SessionField::parse(text).map(|field| (field.id, field.timeout));
        assert_eq!(parse("123;timeout=60"), Some(("123".into(), Some(Duration::from_secs(60)))));
        assert_eq!(parse(" ab12 ; Timeout = 30s"), Some(("ab12".into(), Some(Duration::from_secs(30)))));
        assert_eq!(parse("x;timeout=0"), Some(("x".into(), None)));
        assert_eq!(parse(";timeout=60"), None);
    }

    #[test]
    fn rtp_info_is_read_though_the_url_holds_commas() {
        let all = RtpInfo::parse_all(
            "url=rtsp://h/a?x=1,2;y=3/trackID=0;seq=17;rtptime=4294967296, url=trackID=1;rtptime=9,URL=\"c\";seq=",
        );
        let info = |url: &str, sequence, rtptime| RtpInfo { url: url.into(), sequence, rtptime };
        assert_eq!(
            all,
            [
                info("rtsp://h/a?x=1,2;y=3/trackID=0", Some(17), Some(0)),
                info("trackID=1", None, Some(9)),
                info("c", None, None),
            ]
        );
        assert_eq!(RtpInfo::parse_all("seq=1"), []);
    }

    #[test]
    fn ranges_are_read_and_written() {
        let npt = |start, end| Range::Npt { start, end };
        let at = |ms| Some(Duration::from_millis(ms));
        for (text, range, written) in [
            ("npt=0.000-", npt(at(0), None), "npt=0.000-"),
            ("npt=now-", npt(None, None), "npt=now-"),
            ("npt = 1:02.5-00:01:10;time=x", npt(at(62_500), at(70_000)), "npt=62.500-70.000"),
            (
                "clock=19961108T143720.25Z-",
                Range::Clock { start: WallTime::from_micros(847_463_840_250_000), end: None },
                "clock=19961108T143720.250Z-",
            ),
            (
                "clock = 19961108T143720Z-19961108T153720Z",
                Range::Clock {
                    start: WallTime::from_micros(847_463_840_000_000),
                    end: Some(WallTime::from_micros(847_467_440_000_000)),
                },
                "clock=19961108T143720.000Z-19961108T153720.000Z",
            ),
            ("clock=now-", Range::Other("clock=now-".into()), "clock=now-"),
        ] {
            let read = Range::parse(text).unwrap();
            assert_eq!((&read, read.to_string().as_str()), (&range, written), "{text}");
        }
        assert_eq!(Range::parse("npt=-1e400-9e99"), Some(npt(None, None)));
    }
}
