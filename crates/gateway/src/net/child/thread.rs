//! The thread that all children belong to: it starts them, knows them, and takes notice of their ends.
//!
//! It lives as long as the process or any child: the kernel kills children when the thread that started them ends.
use super::environment;
use super::group::Group;
use super::ladder::Ladder;
use super::mask::Mask;
use super::orphans::{self, Look};
use super::owner::{Common, Owner, Parts, Shown};
use super::processes;
use super::report::{ChildReport, ChildUsage};
use super::said::Said;
use super::spawn;
use super::spec::Spec;
use super::sweep;
use super::{Child, ChildrenConfig, Command, SpawnError};
use media::{Moment, StreamName, WallTime};
use nix::unistd::Pid;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};

/// Commands waiting for the thread; whoever has more waits.
const COMMANDS: usize = 64;
/// What the holder of a child may have told its owner and was not heard yet: the first bytes, and to stop.
const TOLD: usize = 4;
/// Children whose ends wait for a sweep; more wait themselves.
const SWEEPS: usize = 16;
/// A known child's end is its owner's to see: so long until the next look for orphans behind it.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A running child, as the table knows it.
struct Known {
    pid: Pid,
    name: &'static str,
    stream: Option<StreamName>,
    command: Vec<String>,
    since: WallTime,
    shown: Rc<Shown>,
}

type Table = Rc<RefCell<HashMap<u64, Known>>>;

pub(super) struct Thread {
    config: ChildrenConfig,
    environment: Vec<(OsString, OsString)>,
    table: Table,
    common: Common,
    ending: watch::Sender<bool>,
    /// Changes when the table loses one.
    lost: watch::Sender<()>,
    next: u64,
    /// What marks of this process have in common, and no other's.
    mark: u64,
}

/// Starts the thread. Cancel-safe: one that nobody waits for ends.
pub(super) async fn start(config: ChildrenConfig) -> io::Result<mpsc::Sender<Command>> {
    let (commands, commands_rx) = mpsc::channel(COMMANDS);
    let (started, start) = oneshot::channel();
    std::thread::Builder::new().name("children".into()).spawn(move || {
        let options = tokio::runtime::LocalOptions::default();
        // Whoever starts the thread waits for the word how that went.
        match tokio::runtime::Builder::new_current_thread().enable_all().build_local(options) {
            Ok(runtime) => runtime.block_on(async move {
                match signal(SignalKind::child()) {
                    Ok(child_ends) => {
                        let _ = started.send(Ok(()));
                        run(config, child_ends, commands_rx).await;
                    }
                    Err(error) => {
                        let _ = started.send(Err(error));
                    }
                }
            }),
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
    })?;
    start.await.map_err(|_| io::Error::other("the children's thread ended at its start"))??;
    Ok(commands)
}

/// Runs the thread until nobody holds its handle any more and no child is left.
async fn run(config: ChildrenConfig, child_ends: Signal, mut commands: mpsc::Receiver<Command>) {
    let (exits_tx, exits) = watch::channel(());
    let (ending, ending_rx) = watch::channel(false);
    let (sweeper, swept) = mpsc::channel(SWEEPS);
    let environment = environment::for_children(std::env::vars_os(), &config.pass_environment);
    let mut thread = Thread {
        config,
        environment,
        table: Table::default(),
        common: Common { exits, ending: ending_rx, sweeper },
        ending,
        lost: watch::channel(()).0,
        next: 1,
        mark: rand::random(),
    };
    tokio::task::spawn_local(sweep::run(swept));
    tokio::task::spawn_local(take_notice(child_ends, exits_tx, thread.table.clone()));
    while let Some(command) = commands.recv().await {
        match command {
            Command::Spawn { spec, reply } => {
                // Whoever asked may have given up: then the child comes back here and is dropped, which ends it.
                let _ = reply.send(thread.spawn(*spec));
            }
            Command::Reports { reply } => {
                let _ = reply.send(thread.reports());
            }
            Command::Shutdown { within, reply } => {
                thread.ending.send_replace(true);
                tokio::task::spawn_local(answer_when_empty(
                    thread.table.clone(),
                    thread.lost.subscribe(),
                    within,
                    reply,
                ));
            }
        }
    }
    thread.ending.send_replace(true);
    let mut lost = thread.lost.subscribe();
    while !thread.table.borrow().is_empty() && lost.changed().await.is_ok() {}
}

/// Hears of ends: lets the owners look, and reaps what nobody owns.
async fn take_notice(mut child_ends: Signal, exits: watch::Sender<()>, table: Table) {
    while child_ends.recv().await.is_some() {
        exits.send_replace(());
        while orphans::come_to_us() && orphans::reap(|pid| is_known(&table, pid)) == Look::Known {
            tokio::time::sleep(LOOK_AGAIN).await;
            // That one may have ended meanwhile, and its signal is heard only after this.
            exits.send_replace(());
        }
    }
}

fn is_known(table: &Table, pid: Pid) -> bool {
    table.borrow().values().any(|known| known.pid == pid)
}

async fn answer_when_empty(
    table: Table,
    mut lost: watch::Receiver<()>,
    within: Duration,
    reply: oneshot::Sender<usize>,
) {
    let all = async { while !table.borrow().is_empty() && lost.changed().await.is_ok() {} };
    // How many are left is the answer.
    let _ = tokio::time::timeout(within, all).await;
    let _ = reply.send(table.borrow().len());
}

impl Thread {
    fn spawn(&mut self, spec: Spec) -> Result<Child, SpawnError> {
        if *self.ending.borrow() {
            return Err(SpawnError::Shutdown);
        }
        let max = self.config.children_max;
        if self.table.borrow().len() >= max {
            return Err(SpawnError::TooMany(max));
        }
        let id = self.next;
        self.next += 1;
        let mark = format!("{:016x}-{id}", self.mark);
        let mut environment = self.environment.clone();
        environment.push((sweep::MARK.into(), mark.clone().into()));
        let spawned = spawn::spawn(&spec, &environment)
            .map_err(|error| SpawnError::new(&spec.program.to_string_lossy(), &error))?;
        let group = Group::new(spawned.pid);
        let now = hub::now();
        let stderr = spawned.stderr.and_then(|pipe| pipe::Receiver::from_owned_fd(pipe).ok());
        let secrets = spec.secrets.iter().map(String::as_str);
        let mask = Mask::new(spec.arguments.iter().map(String::as_str), secrets);
        let program = spec.shown_program();
        let shown_arguments = spec.arguments.iter().map(|argument| mask.hide(argument));
        let command: Vec<String> = std::iter::once(program.clone()).chain(shown_arguments).collect();
        let stream = spec.stream.as_ref().map(tracing::field::display);
        tracing::debug!(
            stream,
            pid = spawned.pid.as_raw(),
            name = spec.name,
            ?command,
            "a child was started"
        );
        let ladder = Ladder::new(spec.times(), now);
        let shown = Rc::new(Shown { state: Cell::new(ladder.state()) });
        let (told, told_rx) = mpsc::channel(TOLD);
        let (end, ended) = watch::channel(None);
        let known = Known {
            pid: spawned.pid,
            name: spec.name,
            stream: spec.stream.clone(),
            command,
            since: hub::wall_now(),
            shown: shown.clone(),
        };
        let parts = Parts {
            name: spec.name,
            stream: spec.stream,
            program: program.clone(),
            group,
            ladder,
            signal: spec.signal,
            said: Said::new(mask, now),
            stderr,
            mark: format!("{}={mark}", sweep::MARK),
            told: told_rx,
            end,
            shown,
        };
        self.table.borrow_mut().insert(id, known);
        self.own(id, parts, now);
        Ok(Child::new(spawned.pid.as_raw(), program, spawned.stdin, spawned.stdout, told, ended))
    }

    fn own(&self, id: u64, parts: Parts, now: Moment) {
        let listed = Listed { id, table: self.table.clone(), lost: self.lost.clone() };
        let owner = Owner::new(parts, self.common.clone(), now);
        tokio::task::spawn_local(async move {
            // Off the list when the owner has ended, or failed.
            let _listed = listed;
            owner.run().await;
        });
    }

    fn reports(&self) -> Vec<ChildReport> {
        let table = self.table.borrow();
        if table.is_empty() {
            return Vec::new();
        }
        let usage = processes::usage();
        let report = |known: &Known| ChildReport {
            pid: known.pid.as_raw(),
            name: known.name,
            stream: known.stream.clone(),
            command: known.command.clone(),
            since: known.since,
            state: known.shown.state.get(),
            usage: usage.get(&known.pid.as_raw()).map(|usage| ChildUsage {
                cpu: usage.cpu,
                rss_bytes: usage.rss_bytes,
                processes: usage.processes,
            }),
        };
        let mut reports: Vec<_> = table.values().map(report).collect();
        reports.sort_by_key(|report| (report.since, report.pid));
        reports
    }
}

/// An entry of the table, for as long as its owner runs.
struct Listed {
    id: u64,
    table: Table,
    lost: watch::Sender<()>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.table.borrow_mut().remove(&self.id);
        self.lost.send_replace(());
    }
}
