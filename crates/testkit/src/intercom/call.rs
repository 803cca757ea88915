//! The one call of the device: who ends it, and when.
use super::{Fault, Records, Shared};
use std::time::{Duration, Instant};

/// A call that is open.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) number: usize,
    pub(super) channel: usize,
    opened_at: Instant,
    heard_at: Instant,
    /// A connection brings sound.
    pub(super) has_sound: bool,
}

/// What a request about a call comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Done; the number of the call.
    Done(usize),
    /// There is another call.
    Busy,
    /// There is no such call, or no such channel.
    Invalid,
}

impl Records {
    pub(super) fn open(&mut self, channel: usize, busy: bool) -> Verdict {
        if self.call.is_some() || busy {
            return Verdict::Busy;
        }
        self.opens += 1;
        let (number, now) = (self.opens, Instant::now());
        self.call = Some(Call { number, channel, opened_at: now, heard_at: now, has_sound: false });
        Verdict::Done(number)
    }

    /// A close is taken also where nothing is open (go2rtc #967).
    pub(super) fn close(&mut self) -> Verdict {
        self.closes += 1;
        match self.call.take() {
            Some(call) => Verdict::Done(call.number),
            None => {
                self.idle_closes += 1;
                Verdict::Done(0)
            }
        }
    }

    pub(super) fn begin_sound(&mut self, channel: usize) -> Verdict {
        match &mut self.call {
            Some(call) if call.channel != channel => Verdict::Invalid,
            Some(call) if call.has_sound => Verdict::Busy,
            Some(call) => {
                call.has_sound = true;
                Verdict::Done(call.number)
            }
            None => Verdict::Invalid,
        }
    }

    /// Keeps sound; false when the call it belongs to is over.
    pub(super) fn hear(&mut self, number: usize, bytes: &[u8]) -> bool {
        let Some(call) = self.call.as_mut().filter(|call| call.number == number) else { return false };
        if !bytes.is_empty() {
            call.heard_at = Instant::now();
            self.sound.push(super::Sound { at: call.heard_at, bytes: bytes.to_vec() });
        }
        true
    }

    /// The connection that brought the sound is gone: the device ends the call.
    pub(super) fn lost_sound(&mut self, number: usize) {
        if self.call.as_ref().is_some_and(|call| call.number == number) {
            self.announce();
        }
    }

    fn announce(&mut self) {
        self.call = None;
        self.announcements += 1;
    }
}

impl Shared {
    /// Ends a call whose time is over; says how long to wait until it might be.
    pub(super) fn end_calls(&self, fault: &Fault) -> Duration {
        let mut records = self.records();
        let Some(call) = &records.call else { return Duration::from_millis(20) };
        let silent_at = call.heard_at + self.config.silence_max;
        let end = match fault {
            Fault::EndsCalls(after) => silent_at.min(call.opened_at + *after),
            Fault::None
            | Fault::HangUp
            | Fault::Status(..)
            | Fault::NoAnswer(_)
            | Fault::Stall(_)
            | Fault::Drip(_)
            | Fault::HalfClose
            | Fault::Reset(_)
            | Fault::Busy
            | Fault::OldNonce(_)
            | Fault::UnauthorizedForEver
            | Fault::Garbage => silent_at,
        };
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            records.announce();
        }
        left.clamp(Duration::from_millis(1), Duration::from_millis(20))
    }
}
