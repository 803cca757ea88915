//! The configuration, read again while the server runs: on SIGHUP, and when the API asks. One reload at a time.
//!
//! With anything wrong, nothing changes. Streams, accessories of HomeKit and log levels apply at once, and touch only what they change; what else
//! differs from the settings in force is named until a restart. Owns the settings in force.
use crate::config::{self, Config, Loaded, Note, Problem, Problems, Weight};
use crate::{logging, wiring};
use api::{Api, ConfigState, Reload, StreamChanges, StreamProblem};
use gateway::config::TlsConfig;
use gateway::homekit::accessory::AccessoriesHandle;
use hub::{Hub, What, wall_now};
use recorder::Recorder;
use std::path::PathBuf;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};

/// The settings that lead to the certificate.
const CERTIFICATE: [&str; 4] = ["tls.cert", "tls.key", "api.tls_cert", "api.tls_key"];

/// Reads the configuration again, and brings it into force.
pub(crate) struct Reloader {
    files: Vec<PathBuf>,
    /// The settings in force.
    config: Config,
    /// The certificate in force: files may change behind one path.
    tls: TlsConfig,
    /// What is given without effect, and was logged.
    notes: Vec<Note>,
    live: Live,
    state: watch::Sender<ConfigState>,
}

/// What follows the configuration while it runs.
pub(crate) struct Live {
    pub(crate) levels: logging::Levels,
    pub(crate) hub: Hub,
    pub(crate) recorder: Recorder,
    pub(crate) accessories: AccessoriesHandle,
}

/// What was read, and found right by itself.
struct Fresh {
    loaded: Loaded,
    tls: TlsConfig,
}

impl Reloader {
    /// `loaded` is in force.
    pub(crate) fn new(loaded: Loaded, tls: TlsConfig, live: Live) -> Self {
        let Loaded { config, notes, files, .. } = loaded;
        let (state, _) = watch::channel(ConfigState {
            files: files.iter().map(|path| path.display().to_string()).collect(),
            shown: config::shown(&config),
            read: wall_now(),
            ..ConfigState::default()
        });
        Self { files, config, tls, notes, live, state }
    }

    /// How the configuration is.
    pub(crate) fn state(&self) -> watch::Receiver<ConfigState> {
        self.state.subscribe()
    }

    /// Reloads whenever somebody asks, one after the other.
    pub(crate) async fn run(
        mut self,
        api: Api,
        mut asked: mpsc::Receiver<oneshot::Sender<Reload>>,
        mut hangup: Signal,
    ) {
        loop {
            tokio::select! {
                Some(reply) = asked.recv() => {
                    let outcome = self.reload(&api).await;
                    // Whoever asked may have hung up; it is done all the same.
                    let _ = reply.send(outcome);
                }
                Some(()) = hangup.recv() => {
                    self.reload(&api).await;
                }
                else => return,
            }
        }
    }

    async fn reload(&mut self, api: &Api) -> Reload {
        if self.files.is_empty() {
            tracing::info!("the server runs without a configuration file: there is none to read again");
            return Reload::NoFile;
        }
        let files = self.files.clone();
        // Disks may be slow: not on this thread.
        let fresh = tokio::task::spawn_blocking(move || read(&files)).await;
        let Fresh { loaded, tls } = match fresh.unwrap_or_else(|error| Err(nowhere(error.to_string()))) {
            Ok(fresh) => fresh,
            Err(problems) => return self.refuse(problems),
        };
        let live = self.config.with_live(&loaded.config);
        let mut needs_restart = live.differences(&loaded.config);
        if differs(&self.tls, &tls) && !needs_restart.iter().any(|path| CERTIFICATE.contains(&path.as_str()))
        {
            needs_restart.push(CERTIFICATE[0].to_owned());
        }
        match api.reload(wiring::streams(&loaded.config)).await {
            Ok(streams) => {
                let mut problems = self.record(&live).await;
                problems.extend(self.show_in_home(&live).await);
                self.take(live, [loaded.notes, problems].concat(), streams, needs_restart)
            }
            Err(problems) => self.refuse(in_the_way(&loaded, problems, &needs_restart)),
        }
    }

    /// Makes the recordings be as the file says now. What cannot be is a note: the streams are in force already.
    async fn record(&self, now: &Config) -> Vec<Note> {
        let (before, now) = (wiring::recordings(&self.config), wiring::recordings(now));
        let gone =
            before.keys().filter(|stream| !now.contains_key(*stream)).map(|stream| (stream, Vec::new()));
        let all = gone.chain(now.iter().map(|(stream, plans)| (stream, plans.clone())));
        let mut notes = Vec::new();
        for (stream, plans) in all {
            if let Err(error) = self.live.recorder.configure(stream, plans).await {
                notes.push(Note::warn(format!("streams.{stream}.record: {error}")));
            }
        }
        notes
    }

    /// Makes the accessories be as the file says now. What cannot be is a note, as for recordings.
    async fn show_in_home(&self, now: &Config) -> Vec<Note> {
        // Problems were said when the file was read.
        let wanted = config::accessories(now).unwrap_or_default();
        let problems = self.live.accessories.configure(wanted).await;
        problems.into_iter().map(|problem| Note::warn(problem.to_string())).collect()
    }

    /// It is in force.
    fn take(
        &mut self,
        live: Config,
        notes: Vec<Note>,
        mut streams: StreamChanges,
        needs_restart: Vec<String>,
    ) -> Reload {
        self.config = live;
        self.live.levels.set(&self.config.log);
        let new: Vec<Note> = notes.iter().filter(|note| !self.notes.contains(note)).cloned().collect();
        log_notes(&new);
        log_changes(&streams, &needs_restart);
        streams.notes.extend(notes.iter().map(ToString::to_string));
        self.notes = notes;
        self.state.send_modify(|state| {
            state.shown = config::shown(&self.config);
            state.read = wall_now();
            state.needs_restart.clone_from(&needs_restart);
            state.refused = None;
        });
        self.live.hub.emit(What::ConfigReloaded {
            added: streams.added.len(),
            changed: streams.changed.len(),
            removed: streams.removed.len(),
            unchanged: streams.unchanged,
            needs_restart: needs_restart.clone(),
        });
        Reload::Done { streams, needs_restart }
    }

    /// It is wrong: everything stays as it is.
    fn refuse(&self, Problems(problems): Problems) -> Reload {
        for problem in &problems {
            tracing::warn!("the configuration is not taken: {problem}");
        }
        let reason = problems.first().map(Problem::for_everybody).unwrap_or_default();
        self.live.hub.emit(What::ConfigRefused { problems: problems.len(), reason });
        let problems: Vec<api::ConfigProblem> = problems.iter().map(Into::into).collect();
        self.state.send_modify(|state| state.refused = Some((wall_now(), problems.clone())));
        Reload::Refused(problems)
    }
}

/// Reads the files, with the checks that there are at the start.
fn read(files: &[PathBuf]) -> Result<Fresh, Problems> {
    let loaded = config::load_again(files, &wiring::judge)?;
    let gateway = wiring::gateway_config(&loaded.config).map_err(|error| nowhere(error.to_string()))?;
    Ok(Fresh { loaded, tls: gateway.tls })
}

fn nowhere(message: String) -> Problems {
    Problems(vec![Problem::nowhere(message)])
}

fn differs(one: &TlsConfig, other: &TlsConfig) -> bool {
    one.certificate_pem != other.certificate_pem || one.key_pem != other.key_pem
}

/// What stands between right files and what runs: streams that the API made, and settings that wait for a restart.
fn in_the_way(loaded: &Loaded, problems: Vec<StreamProblem>, needs_restart: &[String]) -> Problems {
    let waits = match needs_restart {
        [] => String::new(),
        paths => format!(" (a restart would bring {} into force)", paths.join(", ")),
    };
    let problem = |problem: StreamProblem| {
        let message = format!("{}{waits}", problem.message);
        match problem.stream {
            Some(stream) => loaded.wrong_stream(stream.as_str(), &message),
            None => Problem::nowhere(message),
        }
    };
    Problems(problems.into_iter().map(problem).collect())
}

/// Says what is given without effect.
pub(crate) fn log_notes(notes: &[Note]) {
    for note in notes {
        match note.weight {
            Weight::Info => tracing::info!("{note}"),
            Weight::Warn => tracing::warn!("{note}"),
        }
    }
}

/// Says what was done beyond the counts of the event: each step of each end.
fn log_changes(streams: &StreamChanges, needs_restart: &[String]) {
    for note in &streams.notes {
        tracing::info!("{note}");
    }
    for path in needs_restart {
        tracing::warn!("{path} in the configuration is not what is in force: it needs a restart");
    }
    for (stream, removal) in &streams.removed {
        let took_ms = removal.took.as_millis();
        if removal.unanswered {
            tracing::warn!(%stream, took_ms, "it left the configuration; its owner did not answer in time");
        }
        for end in &removal.ends {
            let steps: Vec<String> =
                end.steps.iter().map(|step| format!("{} {}", step.what, step.outcome)).collect();
            let (what, url, in_time) = (end.what, api::mask::url(&end.url), end.in_time);
            tracing::info!(
                stream = %end.stream, what, index = end.index, url, in_time, took_ms = end.took.as_millis(),
                "ended: {}", steps.join(", ")
            );
        }
    }
}
