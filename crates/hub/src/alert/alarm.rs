//! A stream's alerts as events. Whatever becomes of the stream's owner, each alert that started ends.
use super::{AlertOutput, AlertReport, Alerts};
use crate::event::What;
use crate::worker::Worker;
use crate::{clock, wall_now};
use media::{Moment, StreamName, WallTime};
use std::ops::{Deref, DerefMut};

/// The alerts of one stream, told as events. Dropping it ends those that run.
pub(crate) struct Alarm {
    alerts: Alerts,
    stream: StreamName,
    worker: Worker,
}

impl Alarm {
    pub(crate) fn new(stream: StreamName, worker: Worker) -> Self {
        Self { alerts: Alerts::new(worker.limits().alerts), stream, worker }
    }

    /// Tells what is to be told.
    pub(crate) fn tell(&mut self, now: Moment) {
        loop {
            let what = match self.alerts.poll_output(now) {
                AlertOutput::WaitUntil(_) => return,
                AlertOutput::Started(alert) => What::AlertStarted {
                    id: alert.id,
                    stream: Some(self.stream.clone()),
                    alert: alert.kind.as_str(),
                    source: alert.source,
                    since: wall(alert.since, now),
                    detail: alert.detail,
                },
                AlertOutput::Ended { alert, lasted, why } => What::AlertEnded {
                    id: alert.id,
                    stream: Some(self.stream.clone()),
                    alert: alert.kind.as_str(),
                    source: alert.source,
                    lasted_ms: u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
                    why,
                },
            };
            self.worker.emit(what);
        }
    }

    /// Ends all of them.
    pub(crate) fn end(&mut self, why: &str, now: Moment) {
        self.alerts.end_all(why, now);
        self.tell(now);
    }

    /// Those that run.
    pub(crate) fn reports(&self, now: Moment) -> Vec<AlertReport> {
        let report = |alert: &super::Alert| AlertReport {
            id: alert.id,
            kind: alert.kind,
            source: alert.source,
            since: wall(alert.since, now),
            detail: alert.detail.clone(),
        };
        self.alerts.running().map(report).collect()
    }
}

impl Deref for Alarm {
    type Target = Alerts;
    fn deref(&self) -> &Alerts {
        &self.alerts
    }
}

impl DerefMut for Alarm {
    fn deref_mut(&mut self) -> &mut Alerts {
        &mut self.alerts
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.end(
            "the stream's owner ended; if it starts again, what is still wrong is told anew",
            clock::now(),
        );
    }
}

/// A moment of the past, as the clock on the wall said.
fn wall(moment: Moment, now: Moment) -> WallTime {
    let ago = i64::try_from(now.since(moment).as_micros()).unwrap_or(i64::MAX);
    WallTime::from_micros(wall_now().as_micros().saturating_sub(ago))
}
