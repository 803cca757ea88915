//! The past: what was recorded of a stream, played as a stream of its own.
//!
//! Whoever has recordings implements [`Past`], the server hands it to the hub, and listeners ask there: they need not
//! know who records.
use futures_util::future::BoxFuture;
use media::{StreamName, WallTime};
use std::ops::RangeInclusive;

/// What to play.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PastSpec {
    /// From this moment on, which is shown from the key frame at or before it.
    pub from: WallTime,
    /// Up to this one; `None`: as far as there is anything, and on with what is being recorded.
    pub to: Option<WallTime>,
    /// How fast: one of [`PastSpec::SPEEDS`].
    pub speed: f64,
    /// Show where it begins, and wait for [`PastChange::paused`].
    pub paused: bool,
}

/// What to change of what plays; `None` leaves things as they are.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct PastChange {
    /// Go on from there.
    pub seek: Option<WallTime>,
    /// End there.
    pub to: Option<WallTime>,
    /// Go on so fast.
    pub speed: Option<f64>,
    /// Stand still, or go on.
    pub paused: Option<bool>,
}

/// Why there is nothing to see.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PastError {
    /// What was asked for cannot be; one sentence.
    #[error("{0}")]
    Wrong(String),
    /// Nothing is recorded there; one sentence.
    #[error("{0}")]
    Nothing(String),
    /// Not now; one sentence.
    #[error("{0}")]
    Busy(String),
}

/// Knows what was recorded.
pub trait Past: Send + Sync {
    /// Makes a stream that plays what was recorded of another one.
    fn open(&self, stream: &StreamName, spec: PastSpec) -> BoxFuture<'static, Result<PastStream, PastError>>;
}

/// Changes what one stream plays. Dropping it ends the stream.
pub trait PastControl: Send {
    /// Changes it; returns what it shows then, when whoever plays it knows, which is not yet when it is done.
    fn change(&self, change: PastChange) -> BoxFuture<'static, Result<WallTime, PastError>>;

    /// Lets go of it: it ends when nobody has read it for a while.
    fn keep(self: Box<Self>);
}

/// A stream that plays the past, with whom it belongs to: it ends when this is dropped.
pub struct PastStream {
    /// Its name, to be read as any other.
    pub name: StreamName,
    /// What changes it.
    pub control: Box<dyn PastControl>,
}

impl PastStream {
    /// Lets go of it: it ends when nobody has read it for a while.
    pub fn keep(self) -> StreamName {
        self.control.keep();
        self.name
    }
}

impl PastSpec {
    /// From a tenth to 32 times as fast as it was: slower shows nothing more, and faster nothing that an eye can follow.
    pub const SPEEDS: RangeInclusive<f64> = 0.1..=32.0;

    /// From a moment on, as fast as it was.
    pub const fn from(from: WallTime) -> Self {
        Self { from, to: None, speed: 1.0, paused: false }
    }

    /// A speed that there is, or what is wrong with it.
    pub fn check_speed(speed: f64) -> Result<f64, PastError> {
        if Self::SPEEDS.contains(&speed) {
            return Ok(speed);
        }
        let (least, most) = (Self::SPEEDS.start(), Self::SPEEDS.end());
        Err(PastError::Wrong(format!("speed is {speed}: it is {least} to {most}")))
    }

    /// What a query asks for with `from`, `to` and `speed`, decoded. `None`: it is about the present.
    pub fn of_query<K: AsRef<str>, V: AsRef<str>>(
        query: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Option<Self>, PastError> {
        let (mut from, mut to, mut speed) = (None, None, 1.0);
        for (key, value) in query {
            let (key, value) = (key.as_ref(), value.as_ref().trim());
            match key {
                "from" if !value.is_empty() => from = Some(time(key, value)?),
                "to" if !value.is_empty() => to = Some(time(key, value)?),
                "speed" if !value.is_empty() => {
                    let wrong = || PastError::Wrong(format!("speed is {value:?}: write a number such as 2"));
                    speed = Self::check_speed(value.parse().map_err(|_| wrong())?)?;
                }
                _ => {}
            }
        }
        let Some(from) = from else { return Ok(None) };
        if to.is_some_and(|to| to <= from) {
            return Err(PastError::Wrong("`from` is not before `to`".into()));
        }
        Ok(Some(Self { from, to, speed, paused: false }))
    }
}

fn time(key: &str, text: &str) -> Result<WallTime, PastError> {
    // The `+` of an offset arrives as a space where somebody forgot to escape it.
    WallTime::parse_any(text).or_else(|| WallTime::parse_any(&text.replacen(' ', "+", 1))).ok_or_else(|| {
        PastError::Wrong(format!(
            "`{key}` is {text:?}: write 2026-11-29T10:00:00Z, 20261129T100000Z, or seconds since 1970"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_without_from_is_about_the_present_and_a_wrong_one_says_what_helps() {
        let of = |pairs: &[(&str, &str)]| PastSpec::of_query(pairs.iter().copied());
        assert_eq!(of(&[("video", ""), ("speed", "2")]), Ok(None));
        let ten = WallTime::from_micros(1_795_946_400_000_000);
        assert_eq!(of(&[("from", "2026-11-29T10:00:00Z")]), Ok(Some(PastSpec::from(ten))));
        let asked =
            of(&[("from", "20261129T100000Z"), ("to", "2026-11-29T13:00:00 02:00"), ("speed", "0.5")]);
        let to = Some(WallTime::from_micros(ten.as_micros() + 3_600_000_000));
        assert_eq!(asked, Ok(Some(PastSpec { to, speed: 0.5, ..PastSpec::from(ten) })));
        for (pairs, why) in [
            ([("from", "yesterday"), ("to", "")], "seconds since 1970"),
            ([("from", "100"), ("to", "99")], "not before"),
            ([("from", "100"), ("speed", "33")], "0.1 to 32"),
            ([("from", "100"), ("speed", "NaN")], "0.1 to 32"),
        ] {
            assert!(of(&pairs).unwrap_err().to_string().contains(why), "{pairs:?}");
        }
    }
}
