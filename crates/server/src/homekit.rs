//! HomeKit wired: what cameras of others need, and what the API asks of them.
use crate::config::Config;
use api::{HomekitAccessory, HomekitControl, HomekitDevice, HomekitPairing, HomekitProblem, HomekitSetup};
use futures_util::future::BoxFuture;
use gateway::homekit::accessory::{AccessoriesHandle, Report};
use gateway::homekit::mdns::{Category, Found, Mdns, MdnsKeeper, Where};
use gateway::homekit::secrets::{Secrets, SecretsKeeper, StoredCamera};
use gateway::homekit::{CameraError, HomekitAccess, Hurdle};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// The store of secrets, where the configuration says.
pub(crate) fn secrets(config: &Config) -> (Secrets, SecretsKeeper) {
    Secrets::new(Path::new(&config.state.path))
}

/// mDNS, if the configuration wants it.
pub(crate) fn mdns(config: &Config) -> (Mdns, MdnsKeeper) {
    Mdns::new(if config.mdns.enabled { Where::Everywhere } else { Where::Off })
}

/// What the API asks.
struct Control {
    access: HomekitAccess,
    accessories: AccessoriesHandle,
}

/// Makes it.
pub(crate) fn control(access: HomekitAccess, accessories: AccessoriesHandle) -> Arc<dyn HomekitControl> {
    Arc::new(Control { access, accessories })
}

impl HomekitControl for Control {
    fn discovered(&self) -> BoxFuture<'static, Vec<HomekitDevice>> {
        let access = self.access.clone();
        Box::pin(async move {
            let found = access.discovered().await;
            // one that cannot be read is said where pairings are asked for
            let ours = access.secrets.cameras().await.unwrap_or_default();
            let ours: BTreeSet<String> = ours.iter().map(|camera| key(&camera.pairing.id)).collect();
            found.into_iter().map(|found| device(found, &ours)).collect()
        })
    }

    fn paired(&self) -> BoxFuture<'static, Result<Vec<HomekitPairing>, HomekitProblem>> {
        let secrets = self.access.secrets.clone();
        Box::pin(async move {
            let cameras = secrets.cameras().await.map_err(|error| problem(&error.into()))?;
            Ok(cameras.into_iter().map(pairing).collect())
        })
    }

    fn pair(&self, whom: String, pin: String) -> BoxFuture<'static, Result<HomekitPairing, HomekitProblem>> {
        let access = self.access.clone();
        Box::pin(async move { access.pair(&whom, &pin).await.map(pairing).map_err(|error| problem(&error)) })
    }

    fn unpair(&self, id: String, forget: bool) -> BoxFuture<'static, Result<(), HomekitProblem>> {
        let access = self.access.clone();
        Box::pin(async move { access.unpair(&id, forget).await.map_err(|error| problem(&error)) })
    }

    fn accessories(&self) -> BoxFuture<'static, Vec<HomekitAccessory>> {
        let accessories = self.accessories.clone();
        Box::pin(async move { accessories.reports().await.into_iter().map(accessory).collect() })
    }

    fn forget_controllers(&self, name: String) -> BoxFuture<'static, Result<(), HomekitProblem>> {
        let accessories = self.accessories.clone();
        Box::pin(async move {
            match accessories.unpair(&name).await {
                true => Ok(()),
                false => Err(HomekitProblem::NotFound(format!("homekit has no accessory {name:?}"))),
            }
        })
    }

    fn unpair_url(&self, url: String) -> BoxFuture<'static, Result<(), HomekitProblem>> {
        let access = self.access.clone();
        Box::pin(async move { access.unpair_url(&url).await.map_err(|error| problem(&error)) })
    }

    fn describe_url(&self, url: String) -> BoxFuture<'static, Result<String, HomekitProblem>> {
        let access = self.access.clone();
        Box::pin(async move { access.describe_url(&url).await.map_err(|error| problem(&error)) })
    }
}

fn accessory(report: Report) -> HomekitAccessory {
    let setup = report.setup.map(|setup| HomekitSetup {
        pin: setup.code.expose().to_owned(),
        id: setup.id.as_str().to_owned(),
        uri: setup.to_string(),
    });
    HomekitAccessory {
        name: report.name,
        title: report.title,
        id: report.id,
        category_id: report.category.0,
        address: report.address.to_string(),
        streams: report.streams.iter().map(ToString::to_string).collect(),
        controllers: report.pairings,
        connections: report.connections,
        views: report.views,
        setup,
    }
}

fn key(id: &str) -> String {
    id.to_ascii_uppercase()
}

fn pairing(camera: StoredCamera) -> HomekitPairing {
    let StoredCamera { pairing, name, model, address } = camera;
    HomekitPairing { id: pairing.id, name, model, address }
}

fn device(found: Found, ours: &BTreeSet<String>) -> HomekitDevice {
    let told = found.advertisement;
    HomekitDevice {
        paired_here: ours.contains(&key(&told.id)),
        id: told.id,
        name: found.name,
        model: told.model,
        category: match told.category {
            Category::CAMERA => "camera",
            Category::VIDEO_DOORBELL => "doorbell",
            Category::BRIDGE => "bridge",
            _ => "other",
        },
        addresses: found.addresses.iter().map(ToString::to_string).collect(),
        paired: !told.unpaired,
        flags: (told.features, u8::from(told.unpaired)),
    }
}

fn problem(error: &CameraError) -> HomekitProblem {
    let text = error.to_string();
    match error.hurdle() {
        Hurdle::Wrong => HomekitProblem::Wrong(text),
        Hurdle::NotFound => HomekitProblem::NotFound(text),
        Hurdle::WrongPin => HomekitProblem::WrongPin(text),
        Hurdle::Taken => HomekitProblem::Taken(text),
        Hurdle::NotNow => HomekitProblem::NotNow(text),
        Hurdle::Stranger | Hurdle::Broken => HomekitProblem::Broken(text),
    }
}
