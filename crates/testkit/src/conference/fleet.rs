//! A thread full of bots, and handles to them for whoever writes a test.
//!
//! All calls wait for the thread's answer, which comes within a turn; so a server under test must not run on the calling thread's
//! own executor alone.
mod handles;

pub use handles::{Channel, Sending, Transport, Viewing};

use super::BotError;
use super::device::Device;
use super::driver::Driver;
use super::parameters::RemoteTransport;
use super::report::{BotReport, FleetReport};
use super::transport::TransportOptions;
use nix::sys::eventfd::{EfdFlags, EventFd};
use serde_json::Value;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest wait for an answer: 10 s. The thread is busy for some milliseconds a turn, unless the machine is overloaded.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long the thread sleeps when there is nothing to do.
const TURN_MAX: Duration = Duration::from_secs(1);
/// How long a dropped fleet's thread may take to end.
const END_MAX: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce(&mut Driver) + Send>;

/// The way to the thread.
struct Mailbox {
    jobs: Sender<Job>,
    bell: Arc<EventFd>,
}

impl Mailbox {
    /// Lets the thread do something, and waits for what comes of it.
    fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Driver) -> R + Send + 'static,
    ) -> Result<R, BotError> {
        let (answer, answered) = channel();
        let job: Job = Box::new(move |driver| drop(answer.send(job(driver))));
        self.jobs.send(job).map_err(|_| BotError::Gone)?;
        self.bell.write(1)?;
        answered.recv_timeout(ANSWER_MAX).map_err(|error| match error {
            RecvTimeoutError::Timeout => BotError::Stuck,
            RecvTimeoutError::Disconnected => BotError::Gone,
        })
    }
}

/// Owns a thread on which any number of transports run. Dropped, it ends it.
pub struct Fleet {
    mailbox: Arc<Mailbox>,
    ended: Receiver<Result<(), BotError>>,
    thread: Option<JoinHandle<()>>,
}

impl Fleet {
    /// Starts the thread.
    ///
    /// # Errors
    /// The kernel's.
    pub fn start(name: &str) -> Result<Self, BotError> {
        let bell = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
        let (jobs, inbox) = channel::<Job>();
        let (end, ended) = channel();
        let driver_bell = bell.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _ = end.send(run(driver_bell, &inbox));
        })?;
        Ok(Self { mailbox: Arc::new(Mailbox { jobs, bell }), ended, thread: Some(thread) })
    }

    /// Makes a transport of what the server answered to `createWebRtcTransport`. It connects as soon as the server was told
    /// [`Transport::dtls_parameters`].
    ///
    /// # Errors
    /// If the server's answer cannot be used.
    pub fn transport(
        &self,
        device: &Device,
        created: &Value,
        options: TransportOptions,
    ) -> Result<Transport, BotError> {
        let (device, remote) = (device.clone(), RemoteTransport::parse(created)?);
        let (key, dtls) = self.mailbox.call(move |driver| {
            let key = driver.open(&device, &remote, options)?;
            Ok::<_, BotError>((key, driver.transport(key)?.dtls_parameters()))
        })??;
        Ok(Transport::new(self.mailbox.clone(), key, dtls))
    }

    /// All transports together, and what the thread cost.
    ///
    /// # Errors
    /// If the thread is gone.
    pub fn report(&self) -> Result<FleetReport, BotError> {
        self.mailbox.call(|driver| driver.fleet_report())
    }

    /// What each consumer of each transport saw.
    ///
    /// # Errors
    /// If the thread is gone.
    pub fn consumer_reports(&self) -> Result<Vec<BotReport>, BotError> {
        self.mailbox.call(|driver| {
            let keys = driver.keys();
            keys.iter()
                .filter_map(|key| Some(driver.transport(*key).ok()?.consumer_reports()))
                .flatten()
                .collect()
        })
    }

    /// Does something on the thread that there is no method for.
    ///
    /// # Errors
    /// If the thread is gone.
    pub fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Driver) -> R + Send + 'static,
    ) -> Result<R, BotError> {
        self.mailbox.call(job)
    }

    /// Ends the thread: says goodbye for all transports, and waits at most so long.
    ///
    /// # Errors
    /// [`BotError::Panicked`] if the thread has, [`BotError::Stuck`] if it does not end, or what ended it before.
    pub fn stop(mut self, deadline: Duration) -> Result<FleetReport, BotError> {
        let report = self.mailbox.call(|driver| {
            for key in driver.keys() {
                let _ = driver.close(key);
            }
            driver.fleet_report()
        });
        self.end(deadline)?;
        report
    }

    fn end(&mut self, deadline: Duration) -> Result<(), BotError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        let (jobs, _) = channel();
        let bell = self.mailbox.bell.clone();
        let _ = self.mailbox.call(|driver| driver.end());
        self.mailbox = Arc::new(Mailbox { jobs, bell });
        match self.ended.recv_timeout(deadline) {
            Ok(ended) => {
                let _ = thread.join();
                ended
            }
            Err(RecvTimeoutError::Timeout) => Err(BotError::Stuck),
            Err(RecvTimeoutError::Disconnected) => {
                let why = thread.join().err().map_or_else(String::new, |panic| {
                    let text = panic.downcast_ref::<String>().cloned();
                    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                        .unwrap_or_default()
                });
                Err(BotError::Panicked(why))
            }
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.end(END_MAX);
    }
}

fn run(bell: Arc<EventFd>, inbox: &Receiver<Job>) -> Result<(), BotError> {
    let mut driver = Driver::new(bell)?;
    while !driver.has_ended() {
        for job in inbox.try_iter() {
            job(&mut driver);
        }
        driver.turn(TURN_MAX)?;
    }
    Ok(())
}
