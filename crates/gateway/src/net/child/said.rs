//! What a child says on stderr: lines of bounded length, the last of them kept for the failure's reason, some of them
//! logged.
//!
//! Owns the unfinished line, the last lines and the allowance of log lines. A child that floods costs no memory, and of
//! each bite only its end is looked at.
use super::mask::Mask;
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Longest line kept: 400 bytes. What tells the reason stands at its beginning.
const LINE_BYTES_MAX: usize = 400;
/// Last lines kept: 12. ffmpeg needs up to eight to say what is wrong with an input.
const LINES_KEPT: usize = 12;
/// Of one bite so many bytes are looked at, its last: 8 KiB, a hundred lines. A talkative child says less at a time.
const LOOKED_AT_MAX: usize = 8 << 10;
/// Log lines that one child may write at once: 20, a program's words at its start.
const BURST: u32 = 20;
/// And then one in this time: 2 s.
const REFILL: Duration = Duration::from_secs(2);

/// One thing to log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum LogLine {
    /// The child said this.
    Said(String),
    /// So many of its lines were not logged since.
    Dropped(u64),
}

/// A child's words.
pub(super) struct Said {
    mask: Mask,
    partial: Vec<u8>,
    /// The unfinished line is longer than is kept.
    cut: bool,
    last: VecDeque<String>,
    allowance: u32,
    refilled: Moment,
    dropped: u64,
}

impl Said {
    pub(super) fn new(mask: Mask, now: Moment) -> Self {
        Self {
            mask,
            partial: Vec::new(),
            cut: false,
            last: VecDeque::new(),
            allowance: BURST,
            refilled: now,
            dropped: 0,
        }
    }

    /// Takes a bite of its stderr; returns what to log.
    pub(super) fn handle_bytes(&mut self, bytes: &[u8], now: Moment) -> Vec<LogLine> {
        let mut log = Vec::new();
        let mut rest = bytes;
        if bytes.len() > LOOKED_AT_MAX {
            let (over, end) = bytes.split_at(bytes.len() - LOOKED_AT_MAX);
            self.dropped += over.iter().filter(|byte| **byte == b'\n').count() as u64;
            rest = end;
            // What is left of the line that was cut in two tells nothing.
            self.partial.clear();
            self.cut = true;
        }
        // Programs that count on a terminal write over their line with `\r`.
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.keep(&rest[..at]);
            self.finish_line(now, &mut log);
            rest = &rest[at + 1..];
        }
        self.keep(rest);
        log
    }

    /// It says no more: the unfinished line is its last.
    pub(super) fn handle_end(&mut self, now: Moment) -> Vec<LogLine> {
        let mut log = Vec::new();
        self.finish_line(now, &mut log);
        if self.dropped > 0 {
            log.push(LogLine::Dropped(std::mem::take(&mut self.dropped)));
        }
        log
    }

    /// Its last lines, the newest last.
    pub(super) fn last_lines(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX - self.partial.len();
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.cut |= bytes.len() > room;
    }

    fn finish_line(&mut self, now: Moment, log: &mut Vec<LogLine>) {
        let cut = std::mem::take(&mut self.cut);
        let line = String::from_utf8_lossy(&self.partial);
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.partial.clear();
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        let mut line = self.mask.hide(line);
        if cut {
            line.push('…');
        }
        if self.may_log(now) {
            if self.dropped > 0 {
                log.push(LogLine::Dropped(std::mem::take(&mut self.dropped)));
            }
            log.push(LogLine::Said(line.clone()));
        } else {
            self.dropped += 1;
        }
        if self.last.len() == LINES_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    fn may_log(&mut self, now: Moment) -> bool {
        while self.allowance < BURST && now.since(self.refilled) >= REFILL {
            self.refilled += REFILL;
            self.allowance += 1;
        }
        if self.allowance == BURST {
            self.refilled = now;
        }
        let may = self.allowance > 0;
        self.allowance = self.allowance.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Moment = Moment::from_millis(1_000);

    fn said() -> Said {
        Said::new(Mask::default(), START)
    }

    #[test]
    fn the_last_lines_are_kept_also_an_unfinished_one() {
        let mut said = said();
        for number in 0..20 {
            said.handle_bytes(format!("line {number}\n").as_bytes(), START);
        }
        said.handle_bytes(b"and no", START);
        said.handle_bytes(b" end", START);
        said.handle_end(START);
        let last = said.last_lines();
        assert_eq!((last.len(), last[0].as_str(), last[11].as_str()), (12, "line 9", "and no end"));
    }

    #[test]
    fn a_talkative_child_is_logged_so_far_and_then_counted() {
        let mut said = said();
        let log = said.handle_bytes("word\r".repeat(100).as_bytes(), START);
        assert_eq!(log, vec![LogLine::Said("word".into()); 20]);
        let later = START + Duration::from_secs(4);
        let log = said.handle_bytes(b"three\nmore\nwords\n", later);
        let [LogLine::Dropped(80), LogLine::Said(_), LogLine::Said(_)] = &log[..] else {
            panic!("{log:?}");
        };
        assert_eq!(said.handle_end(later), [LogLine::Dropped(1)]);
    }

    #[test]
    fn of_a_flood_only_the_end_is_looked_at() {
        let mut said = said();
        let mut flood = b"y\n".repeat(1 << 20);
        flood.extend_from_slice(b"the reason\n");
        let log = said.handle_bytes(&flood, START);
        assert!(matches!(log[0], LogLine::Dropped(1_000_000..)), "{:?}", log[0]);
        assert_eq!(said.last_lines().last().map(String::as_str), Some("the reason"));
        said.handle_bytes(&[b'x'; 100_000], START);
        said.handle_bytes(b"\n", START);
        let last = said.last_lines().pop().unwrap();
        assert!(last.ends_with('…') && last.len() < 500, "{last}");
    }

    #[test]
    fn control_characters_do_not_reach_the_log() {
        let mut said = said();
        said.handle_bytes(b"\x1b[31mred\x1b[0m\x07\n\n  \n", START);
        assert_eq!(said.last_lines(), ["[31mred [0m"]);
    }
}
