//! Whose thread an association belongs to: asserted at every use, in builds with debug assertions.
//!
//! Source: mediasoup #1320 and #1352 (docs: defect 4), where timers of one worker drove the associations of others, about
//! one call in ten thousand, and only under loss: a test that merely waits for a crash proves nothing. Owns one thread id.
//! In builds without debug assertions this is an empty type, and it never needs a lock: it only compares.
#[cfg(debug_assertions)]
use std::thread::{ThreadId, current};

/// The thread that used the association first, or took it over since.
#[derive(Debug, Default)]
pub(super) struct Owner {
    #[cfg(debug_assertions)]
    thread: Option<ThreadId>,
}

impl Owner {
    /// Makes the current thread the owner at the first use; panics on any other thread later.
    #[inline]
    pub(super) fn assert(&mut self) {
        #[cfg(debug_assertions)]
        {
            self.thread.get_or_insert_with(|| current().id());
            self.assert_unchanged();
        }
    }

    /// The same for a use that changes nothing, which makes nobody the owner.
    #[inline]
    pub(super) fn assert_unchanged(&self) {
        #[cfg(debug_assertions)]
        if let Some(owner) = self.thread {
            let here = current().id();
            assert!(owner == here, "the SCTP association of {owner:?} is driven from {here:?}");
        }
    }

    /// The deliberate hand-over: from now on the current thread is the owner.
    pub(super) fn move_to_this_thread(&mut self) {
        #[cfg(debug_assertions)]
        {
            self.thread = Some(current().id());
        }
    }
}
