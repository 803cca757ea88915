//! Wall-clock times as text. Source: RFC 3339; the civil calendar from days (proleptic Gregorian).
use media::WallTime;

/// `2026-11-21T10:00:00.000Z`.
pub fn rfc3339(time: WallTime) -> String {
    let micros = time.as_micros();
    let days = micros.div_euclid(86_400_000_000);
    let ms = micros.rem_euclid(86_400_000_000) / 1000;
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Year, month and day of a day counted from 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that the leap day is a year's last: eras of 400 years repeat exactly.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

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
