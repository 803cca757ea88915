//! Wall-clock times as text.
use media::WallTime;

/// `2026-11-21T10:00:00.000Z`.
pub fn rfc3339(time: WallTime) -> String {
    time.rfc3339().to_string()
}

/// A time as people and programs write it: RFC 3339 with any offset, or seconds since 1970, with a fraction or without.
pub fn parse(text: &str) -> Option<WallTime> {
    match text.trim().parse::<f64>() {
        Ok(seconds) if seconds.abs() < 1e11 => Some(WallTime::from_micros((seconds * 1e6).round() as i64)),
        Ok(_) | Err(_) => WallTime::parse_rfc3339(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written_and_in_other_zones() {
        for micros in [0, 951_782_400_000_000, 1_795_257_000_123_000, 4_107_542_399_999_000] {
            assert_eq!(parse(&rfc3339(WallTime::from_micros(micros))), Some(WallTime::from_micros(micros)));
        }
        let at = Some(WallTime::from_micros(1_795_257_000_500_000));
        for text in [
            "2026-11-21T10:30:00.5Z",
            "2026-11-21T12:30:00.5+02:00",
            "2026-11-21 05:00:00.5-05:30",
            "1795257000.5",
        ] {
            assert_eq!(parse(text), at, "{text}");
        }
        for bad in [
            "",
            "now",
            "2026-11-21",
            "2026-13-01T00:00:00Z",
            "2026-11-21T10:30:00",
            "2026-11-21T25:00:00Z",
            "é",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_become_dates_also_in_leap_years_and_before_1970() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
            (1_795_257_000_123_456, "2026-11-21T10:30:00.123Z"),
            (4_107_542_399_999_000, "2100-02-28T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(WallTime::from_micros(micros)), text);
        }
    }
}
