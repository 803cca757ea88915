//! The newest log lines, for the API.
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Most bytes kept: 1 MiB, as go2rtc does.
const BYTES_MAX: usize = 1 << 20;

/// A bounded list of lines. Any thread adds to it; the lock is held for one line.
#[derive(Debug, Default)]
pub struct LogRing(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<String>,
    bytes: usize,
}

impl LogRing {
    /// Adds a line; the oldest go.
    pub fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.bytes += line.len();
        lines.lines.push_back(line);
        while lines.bytes > BYTES_MAX {
            let Some(oldest) = lines.lines.pop_front() else { return };
            lines.bytes -= oldest.len();
        }
    }

    /// All lines, each with its line feed.
    pub(crate) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::with_capacity(lines.bytes + lines.lines.len());
        for line in &lines.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Forgets all lines.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Lines::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_go_when_it_is_full() {
        let ring = LogRing::default();
        for index in 0..5 {
            ring.push(format!("{index}{}", "x".repeat(300_000)));
        }
        let text = ring.text();
        assert!(text.starts_with('2') && text.len() <= BYTES_MAX + 3, "{} bytes", text.len());
        ring.clear();
        assert_eq!(ring.text(), "");
    }
}
