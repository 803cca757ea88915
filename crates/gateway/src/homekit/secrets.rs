//! The secrets of HomeKit: who our accessories are and whom they trust, who we are as a controller, and which cameras trust us.
//!
//! They are kept apart from the configuration, in one file that its owner alone may read (`file`). [`SecretsKeeper`] is the only
//! one who touches it; it has no memory, so that a file that was put back by hand counts at once. Everybody else has
//! [`Secrets`], a bounded mailbox. What is answered is on the disk.
mod file;
mod record;

pub use record::{StoredAccessory, StoredCamera};

use protocols::hap::pairing::Identity;
use protocols::hap::random::SystemRandom;
use record::Records;
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// The file's name in the folder of the server's own data.
pub const FILE_NAME: &str = "homekit.json";
/// Requests that wait: 64. Each takes a read of some kilobytes and at most one write; senders wait beyond that.
const REQUESTS: usize = 64;

/// Why a secret cannot be had or kept.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SecretsError {
    /// The system refuses.
    #[error(
        "HomeKit's keys in {path}: {what}: {why}; let the server's user read and write this file and its folder"
    )]
    System {
        /// The file.
        path: String,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        why: String,
    },
    /// The file is not what we wrote. It is never written over.
    #[error(
        "HomeKit's keys in {path}: {why}; the file is left as it is: put a copy of it back, or move it away and pair \
         everything again"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong, without what stands there.
        why: String,
    },
    /// There is no randomness, or a key is none.
    #[error("no key can be made: the system gives no random bytes")]
    NoKey,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Ended,
}

type Job = Box<dyn FnOnce(&Path) + Send>;

/// The way to the secrets, from any thread.
#[derive(Clone)]
pub struct Secrets {
    jobs: mpsc::Sender<Job>,
}

/// The owner of the file. Its `run` belongs on a control thread.
pub struct SecretsKeeper {
    path: PathBuf,
    jobs: mpsc::Receiver<Job>,
}

impl Secrets {
    /// Secrets in this folder. Nothing is read or made before something is asked for.
    pub fn new(folder: &Path) -> (Self, SecretsKeeper) {
        let (sender, jobs) = mpsc::channel(REQUESTS);
        (Self { jobs: sender }, SecretsKeeper { path: folder.join(FILE_NAME), jobs })
    }

    /// The accessory that we are under this name.
    ///
    /// # Errors
    /// See [`SecretsError`]; so for all of these.
    pub async fn accessory(&self, name: &str) -> Result<Option<StoredAccessory>, SecretsError> {
        let name = name.to_owned();
        self.read(move |records| records.accessories.get(&name).cloned()).await
    }

    /// The names of all accessories that we are, or were: who is no longer configured keeps its pairings.
    pub async fn accessories(&self) -> Result<Vec<String>, SecretsError> {
        self.read(|records| records.accessories.keys().cloned().collect()).await
    }

    /// Keeps an accessory in place of what was kept under its name.
    pub async fn put_accessory(&self, name: &str, accessory: StoredAccessory) -> Result<(), SecretsError> {
        let name = name.to_owned();
        self.change(move |records| {
            records.accessories.insert(name, accessory);
            Ok(())
        })
        .await
    }

    /// Forgets an accessory. False when it was not known.
    pub async fn remove_accessory(&self, name: &str) -> Result<bool, SecretsError> {
        let name = name.to_owned();
        self.change(move |records| Ok(records.accessories.remove(&name).is_some())).await
    }

    /// Who we are as a controller, the same for all cameras; drawn when it is asked for the first time.
    pub async fn controller(&self) -> Result<Identity, SecretsError> {
        if let Some(known) = self.read(|records| records.controller.clone()).await? {
            return Ok(known);
        }
        self.change(|records| {
            if records.controller.is_none() {
                let id = Uuid::new_v4().hyphenated().to_string().to_uppercase();
                let drawn = Identity::generate(id, &mut SystemRandom).map_err(|_| SecretsError::NoKey)?;
                records.controller = Some(drawn);
            }
            records.controller.clone().ok_or(SecretsError::NoKey)
        })
        .await
    }

    /// The cameras that trust us, by their identifiers.
    pub async fn cameras(&self) -> Result<Vec<StoredCamera>, SecretsError> {
        self.read(|records| records.cameras.values().cloned().collect()).await
    }

    /// One of them; identifiers are of any case.
    pub async fn camera(&self, id: &str) -> Result<Option<StoredCamera>, SecretsError> {
        let id = record::camera_key(id);
        self.read(move |records| records.cameras.get(&id).cloned()).await
    }

    /// Keeps a camera in place of what was kept of it.
    pub async fn put_camera(&self, camera: StoredCamera) -> Result<(), SecretsError> {
        self.change(move |records| {
            records.cameras.insert(record::camera_key(&camera.pairing.id), camera);
            Ok(())
        })
        .await
    }

    /// Keeps where a camera was found, if it is elsewhere than before.
    pub async fn set_address(&self, id: &str, address: String) -> Result<(), SecretsError> {
        let known = self.camera(id).await?;
        if known.is_none_or(|camera| camera.address.as_ref() == Some(&address)) {
            return Ok(());
        }
        let id = record::camera_key(id);
        self.change(move |records| {
            if let Some(camera) = records.cameras.get_mut(&id) {
                camera.address = Some(address);
            }
            Ok(())
        })
        .await
    }

    /// Forgets a camera. False when it was not known.
    pub async fn remove_camera(&self, id: &str) -> Result<bool, SecretsError> {
        let id = record::camera_key(id);
        self.change(move |records| Ok(records.cameras.remove(&id).is_some())).await
    }

    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Records) -> T + Send + 'static,
    ) -> Result<T, SecretsError> {
        self.ask(move |path| Ok(look(&file::read(path)?))).await
    }

    /// What `make` refuses is not written.
    async fn change<T: Send + 'static>(
        &self,
        make: impl FnOnce(&mut Records) -> Result<T, SecretsError> + Send + 'static,
    ) -> Result<T, SecretsError> {
        self.ask(move |path| {
            let mut records = file::read(path)?;
            let made = make(&mut records)?;
            file::write(path, &records)?;
            Ok(made)
        })
        .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Path) -> Result<T, SecretsError> + Send + 'static,
    ) -> Result<T, SecretsError> {
        let (reply, answer) = oneshot::channel();
        let job = move |path: &Path| {
            // whoever asked may have gone; what was asked for is done all the same
            let _ = reply.send(job(path));
        };
        self.jobs.send(Box::new(job)).await.map_err(|_| SecretsError::Ended)?;
        answer.await.map_err(|_| SecretsError::Ended)?
    }
}

impl SecretsKeeper {
    /// Does one request after the other, on a thread that may wait for the disk, until the last handle is gone.
    pub async fn run(mut self) {
        while let Some(job) = self.jobs.recv().await {
            let path = self.path.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || job(&path)).await {
                tracing::error!(%error, "a request for HomeKit's keys ended without an answer");
            }
        }
    }
}

#[cfg(test)]
mod tests;
