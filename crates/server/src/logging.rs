//! The log: to stdout as text or JSON, and into the ring that the API reads.
mod events;
mod text;
mod to_ring;

pub use events::write_events;

use crate::config::{LogFormat, LogSection, MODULES};
use api::LogRing;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// Which format the log has: go2rtc's for programs that configure us as go2rtc, unless something else is asked for.
pub fn format(section: &LogSection, as_go2rtc: bool) -> LogFormat {
    section.format.unwrap_or(if as_go2rtc { LogFormat::Go2rtc } else { LogFormat::Text })
}

/// Changes how much is logged.
pub struct Levels(reload::Handle<EnvFilter, Registry>);

impl Levels {
    /// Sets the levels of a section.
    pub fn set(&self, section: &LogSection) {
        // Only a log that has ended takes no more.
        let _ = self.0.reload(filter(section));
    }
}

fn filter(section: &LogSection) -> EnvFilter {
    EnvFilter::builder().parse_lossy(directives(section))
}

/// Sets the log up for the whole process.
pub fn start(section: &LogSection, format: LogFormat, ring: Arc<LogRing>) -> Levels {
    let (filter, levels) = reload::Layer::new(filter(section));
    let registry = tracing_subscriber::registry().with(filter).with(to_ring::ToRing(ring));
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stdout);
    // A second start in one process (tests) keeps the first log.
    let _ = match format {
        LogFormat::Text => {
            let lines = text::Lines { style: text::Style::Ours, colours };
            registry.with(layer.with_ansi(colours).event_format(lines)).try_init()
        }
        LogFormat::Go2rtc => {
            let lines = text::Lines { style: text::Style::Go2rtc, colours: false };
            registry.with(layer.with_ansi(false).event_format(lines)).try_init()
        }
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    Levels(levels)
}

/// The filter that the section stands for.
fn directives(section: &LogSection) -> String {
    let mut directives = section.level.as_str().to_owned();
    for (module, level) in &section.modules {
        for target in
            MODULES.iter().filter(|(name, _)| name == module).flat_map(|(_, targets)| targets.iter())
        {
            directives.push_str(&format!(",{target}={}", level.as_str()));
        }
    }
    directives
}

/// Says that HTTP listens, in the words that Home Assistant waits for: `INF [api] listen addr=…`.
pub fn say_listening(format: LogFormat, address: std::net::SocketAddr) {
    match format {
        LogFormat::Text => {
            let line = format!("{} INF [api] listen addr={address}\n", text::time_of_day(hub::wall_now()));
            write(&line);
        }
        LogFormat::Go2rtc => tracing::info!(target: "api", addr = %address, "listen"),
        LogFormat::Json => tracing::info!(target: "api", addr = %address, "INF [api] listen addr={address}"),
    }
}

/// Writes lines that are no log, to stdout.
pub fn write(lines: &str) {
    let mut out = std::io::stdout().lock();
    // Without stdout there is nobody to tell.
    let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Level;

    #[test]
    fn a_module_has_the_targets_it_stands_for() {
        let mut section = LogSection { level: Level::Warn, ..LogSection::default() };
        section.modules.insert("streams".into(), Level::Debug);
        section.modules.insert("homekit".into(), Level::Trace);
        assert_eq!(directives(&section), "warn,hub=debug");
    }
}
