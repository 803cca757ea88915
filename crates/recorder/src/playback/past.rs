//! The past as listeners see it: playbacks that belong to whoever watches.
use super::Playbacks;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hub::{Past, PastChange, PastControl, PastError, PastSpec, PastStream};
use media::{StreamName, WallTime};

impl Past for Playbacks {
    fn open(&self, stream: &StreamName, spec: PastSpec) -> BoxFuture<'static, Result<PastStream, PastError>> {
        let (playbacks, of) = (self.clone(), stream.clone());
        async move {
            let report = playbacks.create(&of, spec).await?;
            let control = Control { id: report.id, playbacks: Some(playbacks) };
            Ok(PastStream { name: report.stream, control: Box::new(control) })
        }
        .boxed()
    }
}

/// A playback that ends with this.
struct Control {
    id: u64,
    /// `None`: it was let go of.
    playbacks: Option<Playbacks>,
}

impl PastControl for Control {
    fn change(&self, change: PastChange) -> BoxFuture<'static, Result<WallTime, PastError>> {
        let (id, playbacks) = (self.id, self.playbacks.clone());
        async move {
            let gone = || PastError::Nothing(format!("playback {id} has ended"));
            let changed = playbacks.ok_or_else(gone)?.change(id, change).await?;
            changed.map(|report| report.at).ok_or_else(gone)
        }
        .boxed()
    }

    fn keep(mut self: Box<Self>) {
        self.playbacks = None;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(playbacks) = self.playbacks.take() {
            playbacks.let_go(self.id);
        }
    }
}
