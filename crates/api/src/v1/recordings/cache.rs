//! Exports that are being read: a player asks for one in many ranges, and all of them have to be of one file, also while what
//! is exported still grows. Planning it once is cheaper besides.
use media::StreamName;
use recorder::{Export, Span};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An export that nobody asked for in this time is forgotten: 10 min, a player that was paused for so long begins anew.
const KEPT: Duration = Duration::from_secs(600);
/// Exports that are kept: 16. The tables of an hour have 1.3 MB.
const KEPT_MAX: usize = 16;

struct Kept {
    stream: StreamName,
    span: Span,
    export: Arc<Export>,
    used: Instant,
}

/// The exports that are being read, those used last at the end.
#[derive(Default)]
pub(crate) struct Exports(Mutex<Vec<Kept>>);

impl Exports {
    /// The export of this span, if it is being read.
    pub(super) fn get(&self, stream: &StreamName, span: Span, now: Instant) -> Option<Arc<Export>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|kept| now.duration_since(kept.used) < KEPT);
        let place = all.iter().position(|kept| kept.stream == *stream && kept.span == span)?;
        let mut kept = all.remove(place);
        kept.used = now;
        let export = kept.export.clone();
        all.push(kept);
        Some(export)
    }

    /// Keeps an export, in place of the one that there was of this span.
    pub(super) fn put(&self, stream: StreamName, span: Span, export: Arc<Export>, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|kept| kept.stream != stream || kept.span != span);
        if all.len() >= KEPT_MAX {
            all.remove(0);
        }
        all.push(Kept { stream, span, export, used: now });
    }
}
