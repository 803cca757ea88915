//! Log lines as text: ours, and go2rtc's for programs that read its log.
use media::WallTime;
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Whose lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// `2026-11-21T10:00:00.000Z  INFO hub::stream: message key=value`
    Ours,
    /// `10:00:00.000 INF [streams] message key=value`
    Go2rtc,
}

/// Writes events as lines.
pub(super) struct Lines {
    pub(super) style: Style,
    pub(super) colours: bool,
}

/// `10:00:00.000`, in UTC.
pub(super) fn time_of_day(time: WallTime) -> String {
    let text = api::time::rfc3339(time);
    text.get(11..23).unwrap_or_default().to_owned()
}

/// go2rtc's module that a target would be.
fn module(target: &str) -> &str {
    let known = ["rtsp", "rtmp", "webrtc", "api"].into_iter();
    let found = known.into_iter().find(|module| target.split("::").any(|part| part == *module));
    match (found, target.split("::").next()) {
        (Some(module), _) => module,
        (None, Some("hub")) => "streams",
        (None, Some("gateway")) => "api",
        (None, Some(_) | None) => "app",
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let level = *metadata.level();
        let now = hub::wall_now();
        match self.style {
            Style::Ours => {
                write!(to, "{} ", api::time::rfc3339(now))?;
                let (on, off) = if self.colours { (colour(level), "\x1b[0m") } else { ("", "") };
                write!(to, "{on}{level:>5}{off} {}: ", metadata.target())?;
            }
            Style::Go2rtc => {
                let word = match level {
                    Level::ERROR => "ERR",
                    Level::WARN => "WRN",
                    Level::INFO => "INF",
                    Level::DEBUG => "DBG",
                    Level::TRACE => "TRC",
                };
                write!(to, "{} {word} [{}] ", time_of_day(now), module(metadata.target()))?;
            }
        }
        let mut line = Line::default();
        event.record(&mut line);
        writeln!(to, "{}{}", line.message, line.fields)
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

/// A message with its fields behind it. What peers send cannot start a new line or colour the terminal.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

fn plain(text: &str) -> String {
    if text.chars().any(|c| c.is_control() && c != '\t') {
        text.chars()
            .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
            .collect()
    } else {
        text.to_owned()
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = plain(value);
        } else if value.contains([' ', '"']) || value.is_empty() {
            self.fields.push_str(&format!(" {}={value:?}", field.name()));
        } else {
            self.fields.push_str(&format!(" {}={}", field.name(), plain(value)));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = plain(&format!("{value:?}"));
        if field.name() == "message" {
            self.message = text;
        } else {
            self.fields.push_str(&format!(" {}={text}", field.name()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_sends_stays_on_its_line() {
        assert_eq!(plain("a\nb\x1b[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(plain("Kamera Süd"), "Kamera Süd");
        assert_eq!(time_of_day(WallTime::from_micros(1_795_257_000_123_456)), "10:30:00.123");
        assert_eq!(module("gateway::listeners::rtsp::session"), "rtsp");
        assert_eq!(module("hub::stream"), "streams");
    }
}
