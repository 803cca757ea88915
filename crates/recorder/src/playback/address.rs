//! URLs of recordings: `recording:cam?from=2026-11-29T10:00:00Z&to=…&speed=2`, and `recording:7` for a playback.
use hub::{PastSpec, SourceError};
use media::StreamName;
use percent_encoding::percent_decode_str;

/// What a URL of ours asks for.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Address {
    /// The playback of this number.
    Playback(u64),
    /// What was recorded of a stream.
    Past(StreamName, PastSpec),
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, SourceError> {
        let wrong = |why: String| SourceError::config(format!("recording: {why}"));
        let rest = url.strip_prefix("recording:").ok_or_else(|| wrong("it is no such URL".into()))?;
        if rest.contains('#') {
            return Err(wrong("it has no options behind #; write # in a name as %23".into()));
        }
        let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.is_empty()
            && let Ok(number) = name.parse()
        {
            return Ok(Address::Playback(number));
        }
        let name =
            percent_decode_str(name).decode_utf8().map_err(|_| wrong("the name is no UTF-8".into()))?;
        let name = StreamName::new(&name).map_err(|error| wrong(error.to_string()))?;
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let spec = PastSpec::of_query(pairs).map_err(|error| wrong(error.to_string()))?;
        let spec = spec.ok_or_else(|| wrong(format!("write recording:{name}?from=2026-11-29T10:00:00Z")))?;
        Ok(Address::Past(name, spec))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::WallTime;

    #[test]
    fn urls_name_a_stream_and_a_moment_or_a_playback() {
        let ten = WallTime::from_micros(1_795_946_400_000_000);
        let past = |name: &str, spec| Ok(Address::Past(StreamName::new(name).unwrap(), spec));
        assert_eq!(Address::parse("recording:7"), Ok(Address::Playback(7)));
        assert_eq!(Address::parse("recording:7?from=1795946400"), past("7", PastSpec::from(ten)));
        assert_eq!(
            Address::parse("recording:yard/K%C3%BCche?from=2026-11-29T10:00:00Z&speed=2"),
            past("yard/Küche", PastSpec { speed: 2.0, ..PastSpec::from(ten) })
        );
        for wrong in
            ["recording:", "recording:cam", "recording:cam?speed=2", "recording:cam?from=1#x", "file:x"]
        {
            let error = Address::parse(wrong).unwrap_err();
            assert!(!error.retry && error.message.starts_with("recording: "), "{wrong}: {error}");
        }
    }
}
