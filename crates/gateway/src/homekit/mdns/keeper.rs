//! The owner of the mDNS thread: what is announced, what was found, who waits for whom.
use super::{Announced, Found, GOODBYE_MAX, Where};
use mdns_sd::{DaemonEvent, IfKind, Receiver, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use media::Moment;
use protocols::hap::advertisement::{Advertisement, SERVICE};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Accessories that are remembered: 1024. A home has some dozens; whoever announces more than that floods us.
const FOUND_MAX: usize = 1024;
/// Longest name of a service: 63 bytes (RFC 1035 §2.3.4).
const NAME_BYTES_MAX: usize = 63;

pub(super) enum Command {
    Announce { key: u64, what: Announced },
    Update { key: u64, advertisement: Advertisement },
    Withdraw { key: u64, reply: Option<oneshot::Sender<()>> },
    Found { reply: oneshot::Sender<FoundSince> },
    Find { id: String, reply: oneshot::Sender<Found> },
    End { reply: oneshot::Sender<()> },
}

/// What was found, and how long we have been listening.
pub(super) struct FoundSince {
    pub(super) found: Vec<Found>,
    pub(super) listening: Duration,
}

/// `Idle` → `Runs` with the first wish, or `Off`, which is final.
enum Daemon {
    Idle,
    Runs { daemon: ServiceDaemon, events: Receiver<DaemonEvent> },
    Off,
}

/// The owner of mDNS. Its `run` belongs on a control thread.
pub struct MdnsKeeper {
    place: Where,
    commands: mpsc::Receiver<Command>,
    daemon: Daemon,
    announced: HashMap<u64, Announced>,
    browsing: Option<(Receiver<ServiceEvent>, Moment)>,
    /// By the full names of their services.
    found: BTreeMap<String, Found>,
    waiting: Vec<(String, oneshot::Sender<Found>)>,
    complained: bool,
}

/// What one turn brought.
enum Turn {
    Command(Option<Command>),
    Browsed(Option<ServiceEvent>),
    Told(Option<DaemonEvent>),
}

fn service_type() -> String {
    format!("{SERVICE}.local.")
}

impl MdnsKeeper {
    pub(super) fn new(place: Where, commands: mpsc::Receiver<Command>) -> Self {
        Self {
            place,
            commands,
            daemon: if place == Where::Off { Daemon::Off } else { Daemon::Idle },
            announced: HashMap::new(),
            browsing: None,
            found: BTreeMap::new(),
            waiting: Vec::new(),
            complained: false,
        }
    }

    /// Runs until it is told to end, or nobody has a handle any more.
    pub async fn run(mut self) {
        loop {
            match self.turn().await {
                Turn::Command(Some(Command::End { reply })) => {
                    self.end().await;
                    let _ = reply.send(());
                    return;
                }
                Turn::Command(Some(command)) => self.handle(command).await,
                Turn::Command(None) => return self.end().await,
                Turn::Browsed(Some(event)) => self.take(event),
                Turn::Browsed(None) => self.browsing = None,
                Turn::Told(Some(DaemonEvent::Error(error))) => self.complain(&error),
                Turn::Told(Some(event)) => tracing::debug!(?event, "mdns"),
                Turn::Told(None) => {
                    self.complain(&"its thread has ended");
                    self.daemon = Daemon::Off;
                }
            }
        }
    }

    async fn turn(&mut self) -> Turn {
        let Self { commands, browsing, daemon, .. } = self;
        let browsed = async {
            match browsing {
                Some((events, _)) => events.recv_async().await.ok(),
                None => std::future::pending().await,
            }
        };
        let told = async {
            match daemon {
                Daemon::Runs { events, .. } => events.recv_async().await.ok(),
                Daemon::Idle | Daemon::Off => std::future::pending().await,
            }
        };
        tokio::select! {
            command = commands.recv() => Turn::Command(command),
            event = browsed => Turn::Browsed(event),
            event = told => Turn::Told(event),
        }
    }

    async fn handle(&mut self, command: Command) {
        self.waiting.retain(|(_, reply)| !reply.is_closed());
        match command {
            Command::Announce { key, what } => {
                self.register(&what);
                self.announced.insert(key, what);
            }
            Command::Update { key, advertisement } => {
                let Some(what) = self.announced.get_mut(&key) else { return };
                what.advertisement = advertisement;
                let what = what.clone();
                self.register(&what);
            }
            Command::Withdraw { key, reply } => {
                if let Some(what) = self.announced.remove(&key) {
                    self.unregister(&what).await;
                }
                // who withdraws by dropping does not wait
                let _ = reply.map(|reply| reply.send(()));
            }
            Command::Found { reply } => {
                self.browse();
                let listening =
                    self.browsing.as_ref().map_or(Duration::MAX, |(_, since)| hub::now().since(*since));
                let found = self.found.values().cloned().collect();
                let _ = reply.send(FoundSince { found, listening });
            }
            Command::Find { id, reply } => {
                self.browse();
                match self.found.values().find(|found| found.advertisement.id.eq_ignore_ascii_case(&id)) {
                    Some(found) => {
                        let _ = reply.send(found.clone());
                    }
                    // dropped, the reply says at once that nobody will be found
                    None if self.browsing.is_none() => {}
                    None => self.waiting.push((id, reply)),
                }
            }
            // the caller's
            Command::End { .. } => {}
        }
    }

    /// The thread, started if it must be.
    fn daemon(&mut self) -> Option<&ServiceDaemon> {
        if matches!(self.daemon, Daemon::Idle) {
            self.daemon = match start(self.place) {
                Ok((daemon, events)) => Daemon::Runs { daemon, events },
                Err(error) => {
                    self.complain(&error);
                    Daemon::Off
                }
            };
        }
        match &self.daemon {
            Daemon::Runs { daemon, .. } => Some(daemon),
            Daemon::Idle | Daemon::Off => None,
        }
    }

    /// Once: some errors come with every question.
    fn complain(&mut self, error: &dyn std::fmt::Display) {
        if std::mem::replace(&mut self.complained, true) {
            tracing::debug!(%error, "mdns");
        } else {
            tracing::warn!(
                %error,
                "HomeKit accessories may neither be found nor announced by mDNS; they go on by address and port"
            );
        }
    }

    /// Announces, or tells what has changed.
    fn register(&mut self, what: &Announced) {
        let service = match service(what) {
            Ok(service) => service,
            Err(error) => return self.complain(&error),
        };
        let Some(daemon) = self.daemon() else { return };
        if let Err(error) = daemon.register(service) {
            self.complain(&error);
        }
    }

    async fn unregister(&mut self, what: &Announced) {
        let Daemon::Runs { daemon, .. } = &self.daemon else { return };
        let Ok(service) = service(what) else { return };
        if let Ok(done) = daemon.unregister(service.get_fullname()) {
            let _ = tokio::time::timeout(GOODBYE_MAX, done.recv_async()).await;
        }
    }

    fn browse(&mut self) {
        if self.browsing.is_some() {
            return;
        }
        let Some(daemon) = self.daemon() else { return };
        match daemon.browse(&service_type()) {
            Ok(events) => self.browsing = Some((events, hub::now())),
            Err(error) => self.complain(&error),
        }
    }

    fn take(&mut self, event: ServiceEvent) {
        match event {
            ServiceEvent::ServiceResolved(service) => {
                let Some(found) = found(&service) else {
                    tracing::debug!(name = service.fullname, "an accessory that tells too little of itself");
                    return;
                };
                let known = self.found.contains_key(&service.fullname);
                if !known && self.found.len() >= FOUND_MAX {
                    tracing::warn!(
                        "more than {FOUND_MAX} HomeKit accessories: those that come now are left out"
                    );
                    return;
                }
                let id = &found.advertisement.id;
                for (_, reply) in self.waiting.extract_if(.., |(wanted, _)| wanted.eq_ignore_ascii_case(id)) {
                    let _ = reply.send(found.clone());
                }
                self.found.insert(service.fullname.clone(), found);
            }
            ServiceEvent::ServiceRemoved(_, name) => {
                self.found.remove(&name);
            }
            // the beginning of a search, and names without an address yet
            ServiceEvent::SearchStarted(_)
            | ServiceEvent::ServiceFound(..)
            | ServiceEvent::SearchStopped(_)
            | _ => {}
        }
    }

    async fn end(mut self) {
        for what in std::mem::take(&mut self.announced).into_values() {
            self.unregister(&what).await;
        }
        let Daemon::Runs { daemon, .. } = &self.daemon else { return };
        if let Ok(done) = daemon.shutdown() {
            let _ = tokio::time::timeout(GOODBYE_MAX, done.recv_async()).await;
        }
    }
}

fn start(place: Where) -> Result<(ServiceDaemon, Receiver<DaemonEvent>), mdns_sd::Error> {
    let daemon = match place {
        Where::Loopback { port } => {
            let daemon = ServiceDaemon::new_with_port(port)?;
            daemon.disable_interface(IfKind::All)?;
            daemon.enable_interface(IfKind::LoopbackV4)?;
            daemon
        }
        Where::Everywhere | Where::Off => {
            let daemon = ServiceDaemon::new()?;
            // an accessory told there is found by nobody else
            daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
            daemon
        }
    };
    let events = daemon.monitor()?;
    Ok((daemon, events))
}

fn service(what: &Announced) -> Result<ServiceInfo, mdns_sd::Error> {
    let mut end = what.name.len().min(NAME_BYTES_MAX);
    while !what.name.is_char_boundary(end) {
        end -= 1;
    }
    let host = format!("aqueduct-{}.local.", what.advertisement.id.replace(':', "").to_ascii_lowercase());
    let txt = what.advertisement.to_txt();
    let new = |address: &str| {
        ServiceInfo::new(&service_type(), &what.name[..end], &host, address, what.port, &txt[..])
    };
    match what.address {
        Some(address) => new(&address.to_string()),
        None => Ok(new("")?.enable_addr_auto()),
    }
}

fn found(service: &ResolvedService) -> Option<Found> {
    let suffix = format!(".{}", service_type());
    let name = service.fullname.strip_suffix(&suffix).unwrap_or(&service.fullname);
    let txt = service.txt_properties.iter().map(|pair| (pair.key(), pair.val_str()));
    let advertisement = Advertisement::from_txt(txt).ok()?;
    let usable = |address: &IpAddr| match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => !address.is_unicast_link_local(),
    };
    let addresses = service.addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr).filter(usable);
    let mut addresses: Vec<_> = addresses.map(|address| SocketAddr::new(address, service.port)).collect();
    addresses.sort();
    let name = name.replace("\\.", ".").replace("\\\\", "\\");
    (!addresses.is_empty()).then_some(Found { name, addresses, advertisement })
}
