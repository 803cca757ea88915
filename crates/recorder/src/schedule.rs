//! When a recording is on: hours of the week, in local time. The only place that knows time zones.
//!
//! An hour that the clock is put forward over is not recorded by it, one that comes twice is recorded twice, as whoever
//! looks at the clock on the wall expects.
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use media::WallTime;
use std::fmt;

const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Where clocks show the hours of schedules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// A zone by its name in the IANA database, such as `Europe/Berlin`; that of the system for none.
    pub fn new(name: &str) -> Result<Self, ScheduleError> {
        if name.is_empty() {
            return Ok(Self(TimeZone::system()));
        }
        TimeZone::get(name).map(Self).map_err(|_| ScheduleError::Zone(name.to_owned()))
    }

    /// A moment as people there say it: `Mon 2026-11-30 07:00`.
    pub fn local(&self, wall: WallTime) -> String {
        match Timestamp::from_microsecond(wall.as_micros()) {
            Ok(at) => at.to_zoned_datetime(self.0.clone()).strftime("%a %Y-%m-%d %H:%M").to_string(),
            Err(_) => wall.rfc3339().to_string(),
        }
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// Hours of the week.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// From and to, in minutes since Monday 00:00; in order, and none touches another.
    windows: Vec<(u32, u32)>,
}

/// Why a text is no schedule.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Not a day.
    #[error(
        "{0:?} is no day: a schedule is such as `mon-fri 07:00-19:00`, with mon, tue, wed, thu, fri, sat, sun"
    )]
    Day(String),
    /// Not a span of hours.
    #[error("{0:?} are no hours: they are such as `07:00-19:00`, or `22:00-06:00` over midnight")]
    Hours(String),
    /// It would never record.
    #[error("a schedule without hours never records: leave it out to record always")]
    Empty,
    /// Not a zone.
    #[error(
        "{0:?} is no time zone of the IANA database: they are such as `Europe/Berlin`; left out, it is the system's"
    )]
    Zone(String),
}

/// Whether it is on at a moment, and until when; `None`: for ever. While clocks are put back it may change earlier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Phase {
    /// On.
    pub on: bool,
    /// When that changes.
    pub until: Option<WallTime>,
}

impl Schedule {
    /// Reads lines such as `mon-fri 07:00-12:00 13:00-19:00`, `sat,sun` or `22:00-06:00`: days, hours, or both. Hours over
    /// midnight belong to the day on which they begin.
    pub fn parse<T: AsRef<str>>(lines: &[T]) -> Result<Self, ScheduleError> {
        let mut windows = Vec::new();
        for line in lines {
            let mut words = line.as_ref().split_whitespace().peekable();
            let is_days = |word: &&str| !word.starts_with(|c: char| c.is_ascii_digit());
            let days = match words.next_if(is_days) {
                Some(word) => days(word)?,
                None if words.peek().is_none() => return Err(ScheduleError::Empty),
                None => vec![0, 1, 2, 3, 4, 5, 6],
            };
            let spans: Vec<(u32, u32)> = words.map(hours).collect::<Result<_, _>>()?;
            let spans = if spans.is_empty() { vec![(0, DAY)] } else { spans };
            for day in days {
                windows.extend(spans.iter().map(|(from, to)| (day * DAY + from, day * DAY + to)));
            }
        }
        if windows.is_empty() {
            return Err(ScheduleError::Empty);
        }
        Ok(Self { windows: merged(windows) })
    }

    /// True when both are on at some moment of the week.
    pub fn overlaps(&self, other: &Schedule) -> bool {
        let meets = |a: &(u32, u32)| other.windows.iter().any(|b| a.0 < b.1 && b.0 < a.1);
        self.windows.iter().any(meets)
    }

    /// Whether it is on at this moment, in this zone.
    pub fn at(&self, wall: WallTime, zone: &Zone) -> Phase {
        let Ok(now) = Timestamp::from_microsecond(wall.as_micros()) else {
            return Phase { on: true, until: None };
        };
        let local = now.to_zoned_datetime(zone.0.clone());
        let day = u32::from(local.weekday().to_monday_zero_offset().unsigned_abs());
        let minute = day * DAY
            + u32::from(local.hour().unsigned_abs()) * 60
            + u32::from(local.minute().unsigned_abs());
        let on = self.windows.iter().any(|(from, to)| (*from..*to).contains(&minute));
        // The first begin or end that comes after this minute; a window that goes on over the week's end has none there.
        let edges = self.windows.iter().flat_map(|(from, to)| [*from, *to % WEEK]);
        let ahead = |edge: u32| (edge + WEEK - minute - 1) % WEEK + 1;
        let next = edges.filter(|edge| self.changes_at(*edge)).min_by_key(|edge| ahead(*edge));
        let until = next.and_then(|edge| {
            let days = i64::from((minute % DAY + ahead(edge)) / DAY);
            let date = local.date().checked_add(jiff::Span::new().days(days)).ok()?;
            let time = Time::new((edge % DAY / 60) as i8, (edge % 60) as i8, 0, 0).ok()?;
            let at =
                date.to_datetime(time).to_zoned_datetime(zone.0.clone()).ok()?.timestamp().as_microsecond();
            // Where a clock is put back, that may lie behind us: then it is to be looked at again in a minute.
            Some(if at > wall.as_micros() { at } else { wall.as_micros() + 60_000_000 })
        });
        Phase { on, until: until.map(WallTime::from_micros) }
    }

    /// True when what it says before a minute of the week differs from what it says at it.
    fn changes_at(&self, minute: u32) -> bool {
        let on = |minute: u32| self.windows.iter().any(|(from, to)| (*from..*to).contains(&minute));
        on((minute + WEEK - 1) % WEEK) != on(minute)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (from, to)) in self.windows.iter().enumerate() {
            let name = |minute: u32| {
                let day = DAYS.get((minute / DAY) as usize).copied().unwrap_or("sun");
                format!("{day} {:02}:{:02}", minute % DAY / 60, minute % 60)
            };
            write!(f, "{}{} to {}", if place == 0 { "" } else { ", " }, name(*from), name(*to % WEEK))?;
        }
        Ok(())
    }
}

/// `mon-fri`, `sat,sun`, `fri-mon`.
fn days(word: &str) -> Result<Vec<u32>, ScheduleError> {
    let day = |name: &str| {
        let name = name.to_ascii_lowercase();
        let place = DAYS.iter().position(|day| name.starts_with(day));
        let known = place.filter(|place| name.len() == 3 || FULL[*place] == name);
        known.map(|place| place as u32).ok_or(ScheduleError::Day(name))
    };
    const FULL: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let mut found = Vec::new();
    for part in word.split(',') {
        match part.split_once('-') {
            None => found.push(day(part)?),
            Some((first, last)) => {
                let (first, last) = (day(first)?, day(last)?);
                found.extend((0..=(last + 7 - first) % 7).map(|step| (first + step) % 7));
            }
        }
    }
    Ok(found)
}

/// `07:00-19:00`, in minutes of a day; the end of one over midnight lies beyond the day's.
fn hours(word: &str) -> Result<(u32, u32), ScheduleError> {
    let wrong = || ScheduleError::Hours(word.to_owned());
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let two = |text: &str, most: u32| {
            let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u32>().ok().filter(|number| digits && *number <= most)
        };
        Some(two(hour, 24)? * 60 + two(minute, 59)?).filter(|minute| *minute <= DAY)
    };
    let (from, to) = word.trim_end_matches(',').split_once('-').ok_or_else(wrong)?;
    let (from, to) = minute(from).zip(minute(to)).ok_or_else(wrong)?;
    if from == to || from == DAY {
        return Err(wrong());
    }
    Ok((from, if to < from { to + DAY } else { to }))
}

/// Cut at the week's end, in order, with those that touch made one.
fn merged(windows: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    let mut cut: Vec<(u32, u32)> = Vec::with_capacity(windows.len() + 1);
    for (from, to) in windows {
        cut.push((from, to.min(WEEK)));
        if to > WEEK {
            cut.push((0, to - WEEK));
        }
    }
    cut.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::with_capacity(cut.len());
    for (from, to) in cut {
        match merged.last_mut() {
            Some(before) if from <= before.1 => before.1 = before.1.max(to),
            Some(_) | None => merged.push((from, to)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Zone {
        Zone::new("Europe/Berlin").unwrap()
    }

    fn at(text: &str) -> WallTime {
        WallTime::from_micros(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    fn schedule(lines: &[&str]) -> Schedule {
        Schedule::parse(lines).unwrap()
    }

    #[test]
    fn it_is_on_in_its_hours_and_says_until_when() {
        let office = schedule(&["mon-fri 07:00-12:00 13:00-19:00", "sat"]);
        for (now, on, until) in [
            ("2026-11-30T05:59:59Z", false, "2026-11-30T06:00:00Z"),
            ("2026-11-30T06:00:00Z", true, "2026-11-30T11:00:00Z"),
            ("2026-11-30T11:30:00Z", false, "2026-11-30T12:00:00Z"),
            // Friday evening until Saturday, and that until Monday.
            ("2026-12-04T18:00:00Z", false, "2026-12-04T23:00:00Z"),
            ("2026-12-05T12:00:00Z", true, "2026-12-05T23:00:00Z"),
            ("2026-12-05T23:00:00Z", false, "2026-12-07T06:00:00Z"),
        ] {
            assert_eq!(office.at(at(now), &berlin()), Phase { on, until: Some(at(until)) }, "{now}");
        }
        assert_eq!(berlin().local(at("2026-11-30T06:00:00Z")), "Mon 2026-11-30 07:00");
        assert_eq!(
            schedule(&["mon", "tue-sun"]).at(at("2026-11-30T05:59:59Z"), &berlin()),
            Phase { on: true, until: None }
        );
    }

    #[test]
    fn nights_belong_to_the_day_they_begin_on_also_at_the_end_of_the_week() {
        let nights = schedule(&["sun 22:00-06:00"]);
        for (now, on, until) in [
            ("2026-11-29T20:59:00Z", false, "2026-11-29T21:00:00Z"),
            ("2026-11-29T21:00:00Z", true, "2026-11-30T05:00:00Z"),
            ("2026-11-29T23:30:00Z", true, "2026-11-30T05:00:00Z"),
            ("2026-11-30T05:00:00Z", false, "2026-12-06T21:00:00Z"),
        ] {
            assert_eq!(nights.at(at(now), &berlin()), Phase { on, until: Some(at(until)) }, "{now}");
        }
    }

    #[test]
    fn when_clocks_are_put_forward_or_back_the_clock_on_the_wall_counts() {
        let night = schedule(&["02:30-04:00"]);
        // 2026-03-29: 02:00 CET is 03:00 CEST; what lies between does not exist.
        assert_eq!(night.at(at("2026-03-29T00:59:00Z"), &berlin()).until, Some(at("2026-03-29T01:30:00Z")));
        assert_eq!(
            night.at(at("2026-03-29T01:30:00Z"), &berlin()),
            Phase { on: true, until: Some(at("2026-03-29T02:00:00Z")) }
        );
        // 2026-10-25: 03:00 CEST is 02:00 CET; 02:30 comes twice.
        assert!(night.at(at("2026-10-25T00:30:00Z"), &berlin()).on, "02:30 CEST");
        assert!(!night.at(at("2026-10-25T01:10:00Z"), &berlin()).on, "02:10 CET");
        assert!(night.at(at("2026-10-25T01:30:00Z"), &berlin()).on, "02:30 CET");
        // Walked through minute by minute, what was promised is what comes, or it is looked at again at once.
        for start in ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"] {
            for minute in 0..2 * 24 * 60 {
                let now = WallTime::from_micros(at(start).as_micros() + minute * 60_000_000);
                let phase = night.at(now, &berlin());
                let until = phase.until.unwrap();
                assert!(until > now, "{now:?} {phase:?}");
            }
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_what_helps() {
        let parse = |line: &str| Schedule::parse(&[line]).map(|s| s.to_string());
        assert_eq!(parse("mon-fry 07:00-19:00"), Err(ScheduleError::Day("fry".into())));
        assert_eq!(parse("07:00"), Err(ScheduleError::Hours("07:00".into())));
        for wrong in ["25:00-26:00", "07:00-07:00", "7-19", "24:00-07:00", "07:60-08:00", "+7:00-08:00"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse(""), Err(ScheduleError::Empty));
        assert_eq!(Schedule::parse::<&str>(&[]), Err(ScheduleError::Empty));
        assert_eq!(Zone::new("Mars/Olympus"), Err(ScheduleError::Zone("Mars/Olympus".into())));
        assert_eq!(
            parse("Friday-Mon 7:00-9:30").unwrap(),
            "mon 07:00 to mon 09:30, fri 07:00 to fri 09:30, sat 07:00 to sat 09:30, sun 07:00 to sun 09:30"
        );
    }

    #[test]
    fn two_that_share_an_hour_overlap() {
        let day = schedule(&["07:00-19:00"]);
        assert!(!day.overlaps(&schedule(&["19:00-07:00"])));
        assert!(day.overlaps(&schedule(&["sun 18:59-20:00"])));
    }
}
