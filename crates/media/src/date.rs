//! Wall times as text: `2026-11-29T16:45:00.000Z`.
//!
//! Source: ISO/IEC 8601, in the form of RFC 3339 §5.6; the calendar is the Gregorian one, also before it was.
use crate::WallTime;
use std::fmt::{self, Display, Formatter};

const DAY_SECONDS: i64 = 86_400;
/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01, where the count below begins, to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

/// A wall time to the millisecond, in UTC; [`Display`] writes it.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339(WallTime);

impl WallTime {
    /// As RFC 3339 writes it.
    pub const fn rfc3339(self) -> Rfc3339 {
        Rfc3339(self)
    }

    /// Reads a date and time with an offset from UTC; `None` for other text.
    pub fn parse_rfc3339(text: &str) -> Option<WallTime> {
        parse(text)
    }

    /// Reads `20261129T164500.25Z`, always UTC; `None` for other text. Source: RFC 2326 §3.7.
    pub fn parse_clock(text: &str) -> Option<WallTime> {
        let (date, time) = text.trim().split_once('T')?;
        let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
        let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
        parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}"))
    }

    /// Reads a time as people and programs write it: RFC 3339, RFC 2326, or seconds since 1970, which may have a fraction.
    pub fn parse_any(text: &str) -> Option<WallTime> {
        match text.trim().parse::<f64>() {
            Ok(seconds) if seconds.abs() < 1e11 => {
                Some(WallTime::from_micros((seconds * 1e6).round() as i64))
            }
            Ok(_) | Err(_) => parse(text).or_else(|| Self::parse_clock(text)),
        }
    }
}

/// `2026-11-29`, so many days after 1970-01-01.
pub fn date_text(days: i64) -> String {
    let (year, month, day) = date_of(days);
    format!("{year:04}-{month:02}-{day:02}")
}

impl Display for Rfc3339 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_micros().div_euclid(1_000);
        let (seconds, millis) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
        let (year, month, day) = date_of(seconds.div_euclid(DAY_SECONDS));
        let second = seconds.rem_euclid(DAY_SECONDS);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

fn parse(text: &str) -> Option<WallTime> {
    let (date, time) = text.trim().split_once(['T', 't', ' '])?;
    let mut fields = date.splitn(3, '-');
    let (year, month, day) =
        (number(fields.next()?, 4)?, number(fields.next()?, 2)?, number(fields.next()?, 2)?);
    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at_checked(zone_at)?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut fields = time.splitn(3, ':');
    let (hour, minute, second) =
        (number(fields.next()?, 2)?, number(fields.next()?, 2)?, number(fields.next()?, 2)?);
    // A leap second is the first of the next minute.
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days_of(year, month, day) * DAY_SECONDS + hour * 3_600 + minute * 60 + second;
    let micros = fraction_micros(fraction)?;
    Some(WallTime::from_micros((seconds - zone_seconds(zone)?) * 1_000_000 + micros))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let all = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

/// Digits behind the point, of which six count.
fn fraction_micros(digits: &str) -> Option<i64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let six = digits.bytes().map(|byte| i64::from(byte - b'0')).chain(std::iter::repeat(0)).take(6);
    Some(six.fold(0, |sum, digit| sum * 10 + digit))
}

/// `Z`, `+01:00` or `+0100`.
fn zone_seconds(zone: &str) -> Option<i64> {
    let (sign, offset) = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => return Some(0),
        ("+", offset) => (1, offset),
        ("-", offset) => (-1, offset),
        (_, _) => return None,
    };
    let digits = offset.replace(':', "");
    let offset = number(&digits, 4)?;
    Some(sign * (offset / 100 * 3_600 + offset % 100 * 60))
}

/// Year, month and day, so many days after 1970-01-01. Years are counted from March, so that leap days come last.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let (era, day) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (day - day / 1_460 + day / 36_524 - day / (ERA_DAYS - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Of five months from March on, 153 days.
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day_of_month)
}

/// The reverse of [`date_of`].
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day = (153 * month + 2) / 5 + day - 1;
    era * ERA_DAYS + 365 * year + year / 4 - year / 100 + day - EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_eight_hundred_years_comes_back_and_follows_the_one_before() {
        let mut before = date_of(-146_098);
        for days in -146_097..146_097 {
            let (year, month, day) = date_of(days);
            assert_eq!(days_of(year, month, day), days);
            assert!((year, month, day) > before && (1..=31).contains(&day), "{year}-{month}-{day}");
            before = (year, month, day);
        }
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(date_of(11_016), (2000, 2, 29));
    }

    #[test]
    fn times_are_written_in_utc_and_read_from_any_zone() {
        let wall = WallTime::from_micros(1_795_970_700_123_456);
        assert_eq!(Rfc3339(wall).to_string(), "2026-11-29T16:45:00.123Z");
        for text in [
            "2026-11-29T16:45:00.123456Z",
            "2026-11-29T17:45:00.123456+01:00",
            "2026-11-29T06:15:00.123456789-1030",
        ] {
            assert_eq!(parse(text), Some(wall), "{text}");
        }
        for text in ["20261129T164500.123456Z", "1795970700.123456", "2026-11-29T16:45:00.123456Z"] {
            assert_eq!(WallTime::parse_any(text), Some(wall), "{text}");
        }
        assert_eq!(WallTime::parse_clock("20261129T164500"), None);
        assert_eq!(WallTime::parse_clock("20261é129T164500Z"), None);
        for text in
            ["", "2026-11-29", "2026-13-29T00:00:00Z", "2026-11-29T00:00:00", "2026-11-29T24:00:00Z", "é"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(Rfc3339(WallTime::from_micros(-1)).to_string(), "1969-12-31T23:59:59.999Z");
    }
}
