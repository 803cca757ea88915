//! What is kept of an accessory, and how it follows the configuration: pairings stay, the number of the configuration rises
//! when its shape does.
use super::AccessoryConfig;
use crate::homekit::secrets::{Secrets, SecretsError, StoredAccessory};
use protocols::hap::pairing::{Identity, Pairings};
use protocols::hap::random::SystemRandom;
use protocols::hap::setup_uri::SetupId;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The first number behind a bridge; 1 is the bridge itself.
const NUMBER_FIRST: u64 = 2;

/// What is kept of this accessory, as it is to be from now on; written where that differs from what it was.
///
/// # Errors
/// The file cannot be read or written.
pub(super) async fn load(
    secrets: &Secrets,
    config: &AccessoryConfig,
) -> Result<StoredAccessory, SecretsError> {
    let before = secrets.accessory(&config.name).await?;
    // Another identifier or key is another accessory, to which nobody is paired.
    let is_same = |stored: &StoredAccessory| {
        let given = config.identity.as_ref();
        stored.identity.id() == config.id
            && given.is_none_or(|identity| identity.seed() == stored.identity.seed())
    };
    let known = before.filter(is_same);
    let mut changed = known.is_none();
    let mut stored = match known {
        Some(stored) => stored,
        None => fresh(config)?,
    };
    // A new code is a new chance.
    if stored.setup_code != config.code {
        stored.setup_code = config.code.clone();
        stored.failed_tries = 0;
        changed = true;
    }
    if config.is_bridge {
        for camera in &config.cameras {
            let next = stored.numbers.values().max().map_or(NUMBER_FIRST, |last| last + 1);
            let name = camera.stream.to_string();
            if let std::collections::btree_map::Entry::Vacant(entry) = stored.numbers.entry(name) {
                entry.insert(next);
                changed = true;
            }
        }
    }
    let shape = shape(config);
    if stored.shape != shape {
        if !stored.shape.is_empty() {
            stored.configuration = stored.configuration.wrapping_add(1).max(1);
        }
        stored.shape = shape;
        changed = true;
    }
    if changed {
        secrets.put_accessory(&config.name, stored.clone()).await?;
    }
    Ok(stored)
}

fn fresh(config: &AccessoryConfig) -> Result<StoredAccessory, SecretsError> {
    let identity = match &config.identity {
        Some(identity) => identity.clone(),
        None => Identity::generate(config.id.clone(), &mut SystemRandom).map_err(|_| SecretsError::NoKey)?,
    };
    Ok(StoredAccessory {
        identity,
        setup_code: config.code.clone(),
        setup_id: SetupId::random(&mut SystemRandom).map_err(|_| SecretsError::NoKey)?,
        failed_tries: 0,
        configuration: 1,
        shape: String::new(),
        numbers: BTreeMap::new(),
        pairings: config.pairings.clone(),
        values: BTreeMap::new(),
    })
}

/// What controllers remember of an accessory and must be told to forget when it changes: all that `/accessories` shows, but
/// for values.
fn shape(config: &AccessoryConfig) -> String {
    let mut shape = format!("{}{}", env!("CARGO_PKG_VERSION"), if config.is_bridge { " bridge" } else { "" });
    for camera in &config.cameras {
        // a string takes whatever is written
        let _ = write!(shape, " {}", camera.stream);
        for (has, mark) in [(camera.doorbell, "d"), (camera.motion, "m"), (camera.sound, "s")] {
            shape.push_str(if has { mark } else { "-" });
        }
        // those without it have the shape that they had
        if camera.secure_video {
            shape.push('v');
        }
        if camera.talk {
            shape.push('t');
        }
    }
    shape
}

/// Keeps pairings and tries as they are now.
pub(super) async fn save(
    secrets: &Secrets,
    name: &str,
    stored: &mut StoredAccessory,
    pairings: &Pairings,
    failed_tries: u32,
) -> Result<(), SecretsError> {
    stored.pairings = pairings.as_slice().to_vec();
    stored.failed_tries = failed_tries;
    secrets.put_accessory(name, stored.clone()).await
}
