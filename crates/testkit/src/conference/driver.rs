//! Sockets and time of many transports, on one thread: one epoll, one set of deadlines, datagrams in batches.
mod io;

use super::BotError;
use super::device::Device;
use super::link::{LinkOptions, Way};
use super::parameters::RemoteTransport;
use super::report::{FleetReport, TransportReport};
use super::transport::{BotTransport, Outgoing, TransportOptions};
use io::{Io, Received};
use media::Moment;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::resource::{UsageWho, getrusage};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sockets looked at in one turn.
const EVENTS_MAX: usize = 256;
/// The bell's number among the sockets.
const BELL: u64 = 0;

/// A transport, its socket, and its way to the server.
struct Slot {
    bot: BotTransport,
    io: Io,
    up: Option<Way<(SocketAddr, Vec<u8>)>>,
    down: Option<Way<(SocketAddr, Vec<u8>)>>,
    /// As it stands in the set of deadlines.
    wake: Instant,
    seed: u64,
    closing: bool,
}

/// Runs transports. Its owner calls [`turn`](Self::turn) again and again.
pub struct Driver {
    epoll: Epoll,
    bell: Arc<EventFd>,
    slots: HashMap<u64, Slot>,
    wakes: BTreeSet<(Instant, u64)>,
    next_key: u64,
    start: Instant,
    received: Received,
    out: Vec<Outgoing>,
    /// Of transports that are gone.
    closed: FleetReport,
    ended: bool,
}

impl Driver {
    /// A driver of nothing. Whoever rings the bell ends its waiting.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(bell: Arc<EventFd>) -> Result<Self, BotError> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&*bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        Ok(Self {
            epoll,
            bell,
            slots: HashMap::new(),
            wakes: BTreeSet::new(),
            next_key: BELL + 1,
            start: Instant::now(),
            received: Received::default(),
            out: Vec::new(),
            closed: FleetReport::default(),
            ended: false,
        })
    }

    /// Makes a transport and its socket; returns its key. Nothing is sent before the next [`turn`](Self::turn).
    ///
    /// # Errors
    /// If the server's parameters cannot be used, or there is no socket.
    pub fn open(
        &mut self,
        device: &Device,
        remote: &RemoteTransport,
        options: TransportOptions,
    ) -> Result<u64, BotError> {
        let server = BotTransport::server_address(remote, options.via);
        let server = server.ok_or_else(|| BotError::Candidate("none of this protocol".to_owned()))?;
        let io = Io::open(server, options.via)?;
        let now = Instant::now();
        let bot = BotTransport::new(device, remote, options, io.local_address()?, now)?;
        let key = self.next_key;
        self.next_key += 1;
        io.register(&self.epoll, key)?;
        self.wakes.insert((now, key));
        let seed = options.seed;
        self.slots.insert(key, Slot { bot, io, up: None, down: None, wake: now, seed, closing: false });
        Ok(key)
    }

    /// A transport, to change it. It has its turn at once.
    ///
    /// # Errors
    /// [`BotError::Gone`] if there is none.
    pub fn transport(&mut self, key: u64) -> Result<&mut BotTransport, BotError> {
        let now = Instant::now();
        let slot = self.slots.get_mut(&key).ok_or(BotError::Gone)?;
        slot.bot.touch(now);
        self.wakes.remove(&(slot.wake, key));
        slot.wake = now;
        self.wakes.insert((now, key));
        Ok(&mut slot.bot)
    }

    /// Changes a transport's way to the server and back. Over TCP nothing happens to it.
    ///
    /// # Errors
    /// [`BotError::Gone`] if there is none.
    pub fn set_link(&mut self, key: u64, up: LinkOptions, down: LinkOptions) -> Result<(), BotError> {
        let slot = self.slots.get_mut(&key).ok_or(BotError::Gone)?;
        slot.up.get_or_insert_with(|| Way::new(up, slot.seed)).set_options(up);
        slot.down.get_or_insert_with(|| Way::new(down, slot.seed.wrapping_add(1))).set_options(down);
        Ok(())
    }

    /// What a transport did until now.
    ///
    /// # Errors
    /// [`BotError::Gone`] if there is none.
    pub fn report(&self, key: u64) -> Result<TransportReport, BotError> {
        self.slots.get(&key).map(Slot::report).ok_or(BotError::Gone)
    }

    /// Says goodbye to the server and ends a transport.
    ///
    /// # Errors
    /// [`BotError::Gone`] if there is none.
    pub fn close(&mut self, key: u64) -> Result<TransportReport, BotError> {
        self.transport(key)?.close();
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.closing = true;
        }
        self.run(key, Instant::now());
        self.remove(key).ok_or(BotError::Gone)
    }

    /// Ends a transport as a browser that crashes: without a word.
    ///
    /// # Errors
    /// [`BotError::Gone`] if there is none.
    pub fn vanish(&mut self, key: u64) -> Result<TransportReport, BotError> {
        self.remove(key).ok_or(BotError::Gone)
    }

    fn remove(&mut self, key: u64) -> Option<TransportReport> {
        let slot = self.slots.remove(&key)?;
        self.wakes.remove(&(slot.wake, key));
        let report = slot.report();
        add(&mut self.closed, &report);
        Some(report)
    }

    /// All transports together, and what this thread cost.
    pub fn fleet_report(&self) -> FleetReport {
        let mut all = self.closed.clone();
        for slot in self.slots.values() {
            let report = slot.report();
            all.transports += 1;
            all.connected += usize::from(report.connected);
            add(&mut all, &report);
        }
        all.cpu = cpu();
        all
    }

    /// Lets its owner go after this turn.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Whether its owner may go.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Keys of all transports.
    pub fn keys(&self) -> Vec<u64> {
        self.slots.keys().copied().collect()
    }

    /// Waits for datagrams, deadlines or the bell, at most so long, and does what is to be done.
    ///
    /// # Errors
    /// The kernel's.
    pub fn turn(&mut self, wait_max: Duration) -> Result<(), BotError> {
        let now = Instant::now();
        let due = self.wakes.first().map_or(wait_max, |(at, _)| at.saturating_duration_since(now));
        // Up to the next millisecond: better late by one than awake for one.
        let wait = due.min(wait_max).as_micros().div_ceil(1_000) as u16;
        let mut events = [EpollEvent::empty(); EVENTS_MAX];
        let ready = match self.epoll.wait(&mut events, EpollTimeout::from(wait)) {
            Ok(ready) => ready,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        for event in &events[..ready] {
            if event.data() == BELL {
                self.bell.read()?;
            } else {
                self.receive(event.data());
            }
        }
        let now = Instant::now();
        while let Some((at, key)) = self.wakes.first().copied()
            && at <= now
        {
            self.run(key, now);
        }
        Ok(())
    }

    fn moment(&self, at: Instant) -> Moment {
        Moment::from_nanos(at.saturating_duration_since(self.start).as_nanos() as u64)
    }

    fn receive(&mut self, key: u64) {
        let Some(slot) = self.slots.get_mut(&key) else { return };
        let now = Instant::now();
        let moment = Moment::from_nanos(now.saturating_duration_since(self.start).as_nanos() as u64);
        let (bot, down, out) = (&mut slot.bot, &mut slot.down, &mut self.out);
        slot.io.receive(&mut self.received, |source, bytes| match down {
            Some(way) => way.send((source, bytes.to_vec()), bytes.len(), moment),
            None => bot.handle_datagram(source, bytes, now, out),
        });
        self.run(key, now);
    }

    /// A transport's turn.
    fn run(&mut self, key: u64, now: Instant) {
        let moment = self.moment(now);
        let Some(slot) = self.slots.get_mut(&key) else { return };
        if let Some(down) = &mut slot.down {
            while let Some((source, bytes)) = down.receive(moment) {
                slot.bot.handle_datagram(source, &bytes, now, &mut self.out);
            }
        }
        // Datagrams were drained as they came: a receiver that only counts costs nothing here.
        if slot.bot.wake() <= now {
            slot.bot.poll(now, &mut self.out);
        }
        for Outgoing { to, bytes } in self.out.drain(..) {
            let length = bytes.len();
            match &mut slot.up {
                Some(up) if !slot.closing => up.send((to, bytes), length, moment),
                _ => slot.io.send(to, &bytes),
            }
        }
        if let Some(up) = &mut slot.up {
            while let Some((to, bytes)) = up.receive(moment) {
                slot.io.send(to, &bytes);
            }
        }
        let ways = [&slot.up, &slot.down].into_iter().flatten().filter_map(Way::next_at).min();
        let ways = ways.map(|at| self.start + Duration::from_nanos(at.as_nanos()));
        let wake =
            [Some(slot.bot.wake()), ways, slot.io.flush(now)].into_iter().flatten().min().unwrap_or(now);
        // Never twice in a turn.
        let wake = wake.max(now + Duration::from_micros(100));
        self.wakes.remove(&(slot.wake, key));
        slot.wake = wake;
        self.wakes.insert((wake, key));
    }
}

impl Slot {
    fn report(&self) -> TransportReport {
        let mut report = self.bot.report();
        report.lost_by_link = [&self.up, &self.down].into_iter().flatten().map(Way::lost).sum();
        report
    }
}

fn add(all: &mut FleetReport, report: &TransportReport) {
    all.datagrams_received += report.datagrams_received;
    all.bytes_received += report.bytes_received;
    all.datagrams_sent += report.datagrams_sent;
    all.bytes_sent += report.bytes_sent;
    all.strays += report.strays;
    all.missing += report.missing;
}

/// What the calling thread has used of a processor, user and system.
fn cpu() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_THREAD) else { return Duration::ZERO };
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64;
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}
