//! A simulated device's thread, with a fault that can be changed at any time.
use std::io;
use std::thread::JoinHandle;
use tokio::sync::watch;
use tokio::task::LocalSet;

/// A thread with something to do until its owner goes.
#[derive(Debug)]
pub(crate) struct Runner<F> {
    /// Gone when the owner goes, which the thread ends for.
    fault: Option<watch::Sender<F>>,
    thread: Option<JoinHandle<()>>,
}

impl<F: Clone + Send + Sync + 'static> Runner<F> {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn start<R, Fut>(name: &str, fault: F, run: R) -> io::Result<Self>
    where
        R: FnOnce(watch::Receiver<F>) -> Fut + Send + 'static,
        Fut: Future<Output = ()>,
    {
        let (sender, receiver) = watch::channel(fault);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut over = receiver.clone();
            LocalSet::new().block_on(&runtime, async move {
                tokio::select! {
                    () = run(receiver) => {}
                    () = async { while over.changed().await.is_ok() {} } => {}
                }
            });
        })?;
        Ok(Self { fault: Some(sender), thread: Some(thread) })
    }

    /// Changes what is wrong.
    pub(crate) fn set_fault(&self, fault: F) {
        if let Some(sender) = &self.fault {
            let _ = sender.send(fault);
        }
    }
}

impl<F> Drop for Runner<F> {
    fn drop(&mut self) {
        self.fault = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
