//! One alert that may be: raised once its trouble is due, ended once there is none.
use super::{Alert, AlertKind, AlertOutput};
use crate::next_id;
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// What a watch finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// All is well; the words for the end of an alert that runs.
    Fine(&'static str),
    /// There is trouble since then, worth an alert from `due` on, and all is well before.
    Trouble { since: Moment, due: Moment, fine: &'static str },
}

impl Verdict {
    /// Trouble that is worth an alert at once.
    pub(super) const fn at_once(since: Moment) -> Self {
        Verdict::Trouble { since, due: since, fine: "" }
    }

    /// Trouble once it has lasted for `limit`; a limit of 0 is switched off.
    pub(super) fn after(since: Moment, limit: Duration, fine: &'static str) -> Self {
        if limit.is_zero() {
            return Verdict::Fine(fine);
        }
        Verdict::Trouble { since, due: since + limit, fine }
    }
}

/// `None` → `Some` when trouble is due → `None` when all is well.
#[derive(Debug)]
pub(super) struct Slot {
    kind: AlertKind,
    raised: Option<Alert>,
}

impl Slot {
    pub(super) const fn new(kind: AlertKind) -> Self {
        Self { kind, raised: None }
    }

    pub(super) fn raised(&self) -> Option<&Alert> {
        self.raised.as_ref()
    }

    /// Brings the alert in line with what is found. Returns when trouble that brews is due.
    pub(super) fn settle(
        &mut self,
        source: Option<usize>,
        verdict: Verdict,
        detail: impl FnOnce() -> String,
        now: Moment,
        told: &mut VecDeque<AlertOutput>,
    ) -> Moment {
        match verdict {
            Verdict::Fine(why) => self.end(why, now, told),
            Verdict::Trouble { due, fine, .. } if now < due => {
                self.end(fine, now, told);
                return due;
            }
            Verdict::Trouble { .. } if self.raised.is_some() => {}
            Verdict::Trouble { since, .. } => {
                let alert = Alert { id: next_id(), kind: self.kind, source, since, detail: detail() };
                told.push_back(AlertOutput::Started(alert.clone()));
                self.raised = Some(alert);
            }
        }
        Moment::FAR_FUTURE
    }

    /// Ends the alert, if it runs.
    pub(super) fn end(&mut self, why: &str, now: Moment, told: &mut VecDeque<AlertOutput>) {
        if let Some(alert) = self.raised.take() {
            let lasted = now.since(alert.since);
            told.push_back(AlertOutput::Ended { alert, lasted, why: why.to_owned() });
        }
    }
}
