//! Watches one worker: asks it whether it lives, and says when it does not.
use crate::clock;
use crate::worker::WorkerHandle;
use media::Moment;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

#[derive(Clone, Copy)]
enum Asked {
    No,
    Since(Moment),
    Gone,
}

pub(crate) struct Watch {
    handle: WorkerHandle,
    asked: Rc<Cell<Asked>>,
}

impl Watch {
    pub(crate) fn new(handle: WorkerHandle) -> Self {
        Self { handle, asked: Rc::new(Cell::new(Asked::No)) }
    }

    pub(crate) fn handle(&self) -> &WorkerHandle {
        &self.handle
    }

    /// Asks again if the last answer came; says what is wrong if it did not come in `stall`.
    pub(crate) fn look(&self, now: Moment, stall: Duration) -> Option<String> {
        match self.asked.get() {
            Asked::Gone => Some("its thread ended".to_owned()),
            Asked::Since(at) if now.since(at) > stall => {
                Some(format!("it has not answered for {} s", now.since(at).as_secs()))
            }
            Asked::Since(_) => None,
            Asked::No => {
                self.asked.set(Asked::Since(clock::now()));
                let (handle, asked) = (self.handle.clone(), self.asked.clone());
                tokio::task::spawn_local(async move {
                    asked.set(if handle.ping().await.is_ok() { Asked::No } else { Asked::Gone });
                });
                None
            }
        }
    }
}
