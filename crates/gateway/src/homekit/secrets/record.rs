//! What is kept, as values and as JSON. Unknown keys are refused: a file of a later version would lose them when it is written.
use crate::homekit::hex::{key_from_hex, to_hex};
use protocols::hap::pairing::{AccessoryPairing, Identity, Pairing, Permissions, SetupCode};
use protocols::hap::setup_uri::SetupId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of the file that we write, and the only one that we read.
const VERSION: u32 = 1;

/// An accessory that we are: a camera, a doorbell or a bridge. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct StoredAccessory {
    /// Its identifier and long-term key.
    pub identity: Identity,
    /// The code that pairs with it.
    pub setup_code: SetupCode,
    /// What ties a scanned code to it.
    pub setup_id: SetupId,
    /// How many wrong codes there were: a hundred lock it.
    pub failed_tries: u32,
    /// `c#`: rises whenever `shape` changes.
    pub configuration: u32,
    /// What it is made of, in a few characters, so that a change is seen.
    pub shape: String,
    /// Accessories behind a bridge: their numbers by the streams' names. A number is never another's.
    pub numbers: BTreeMap<String, u64>,
    /// Whom it trusts.
    pub pairings: Vec<Pairing>,
    /// What controllers wrote and expect to find again, by `aid.iid`: whether and how a hub records.
    pub values: BTreeMap<String, Value>,
}

/// A camera that trusts us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredCamera {
    /// Its identifier and long-term key.
    pub pairing: AccessoryPairing,
    /// Its name, where it told one.
    pub name: String,
    /// Its model, where it told one.
    pub model: String,
    /// `HOST:PORT` where it was last.
    pub address: Option<String>,
}

/// How a camera's identifier is looked up: it is told in capital letters by some and in small ones by others.
pub(super) fn camera_key(id: &str) -> String {
    id.to_ascii_uppercase()
}

/// All that is kept.
#[derive(Clone, Default)]
pub(super) struct Records {
    pub(super) accessories: BTreeMap<String, StoredAccessory>,
    pub(super) controller: Option<Identity>,
    pub(super) cameras: BTreeMap<String, StoredCamera>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    accessories: BTreeMap<String, Accessory>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    controller: Option<Key>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cameras: Vec<Camera>,
}

/// An identifier and its secret key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    id: String,
    key: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accessory {
    id: String,
    key: String,
    setup_code: String,
    setup_id: String,
    #[serde(default)]
    failed_tries: u32,
    configuration: u32,
    #[serde(default)]
    shape: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    numbers: BTreeMap<String, u64>,
    #[serde(default)]
    pairings: Vec<Controller>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, Value>,
}

/// A controller that an accessory trusts.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Controller {
    id: String,
    public_key: String,
    admin: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Camera {
    id: String,
    public_key: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

impl Records {
    pub(super) fn to_json(&self) -> String {
        let file = File {
            version: VERSION,
            accessories: self.accessories.iter().map(|(name, of)| (name.clone(), accessory(of))).collect(),
            controller: self.controller.as_ref().map(key),
            cameras: self.cameras.values().map(camera).collect(),
        };
        // nothing in it can fail: keys are texts, numbers are whole
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }

    /// What is wrong is said without what stands there: it may be a key.
    pub(super) fn from_json(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let place = |error: serde_json::Error| match error.classify() {
            serde_json::error::Category::Eof => "it ends too early".to_owned(),
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Data => {
                format!("it makes no sense at line {}, column {}", error.line(), error.column())
            }
        };
        let Head { version } = serde_json::from_str(text).map_err(place)?;
        if version != VERSION {
            return Err(format!("it is of version {version}, this server knows version {VERSION}"));
        }
        let file: File = serde_json::from_str(text).map_err(place)?;
        let mut records = Self { controller: file.controller.map(identity).transpose()?, ..Self::default() };
        for (name, of) in file.accessories {
            records.accessories.insert(name, stored_accessory(of)?);
        }
        for of in file.cameras {
            records.cameras.insert(camera_key(&of.id), stored_camera(of)?);
        }
        Ok(records)
    }
}

fn key(of: &Identity) -> Key {
    Key { id: of.id().to_owned(), key: to_hex(of.seed()) }
}

fn accessory(of: &StoredAccessory) -> Accessory {
    let controller = |pairing: &Pairing| Controller {
        id: pairing.id.clone(),
        public_key: to_hex(&pairing.public_key),
        admin: pairing.permissions == Permissions::Admin,
    };
    Accessory {
        id: of.identity.id().to_owned(),
        key: to_hex(of.identity.seed()),
        setup_code: of.setup_code.expose().to_owned(),
        setup_id: of.setup_id.as_str().to_owned(),
        failed_tries: of.failed_tries,
        configuration: of.configuration,
        shape: of.shape.clone(),
        numbers: of.numbers.clone(),
        pairings: of.pairings.iter().map(controller).collect(),
        values: of.values.clone(),
    }
}

fn camera(of: &StoredCamera) -> Camera {
    Camera {
        id: of.pairing.id.clone(),
        public_key: to_hex(&of.pairing.public_key),
        name: of.name.clone(),
        model: of.model.clone(),
        address: of.address.clone(),
    }
}

fn identity(of: Key) -> Result<Identity, String> {
    let seed = key_from_hex(&of.key).ok_or_else(|| format!("the key of {} is none", of.id))?;
    Identity::from_seed(of.id.clone(), seed).map_err(|_| format!("the key of {} cannot be used", of.id))
}

fn stored_accessory(of: Accessory) -> Result<StoredAccessory, String> {
    let wrong = |what: &str| format!("the {what} of {} is none", of.id);
    let pairings = of.pairings.iter().map(|controller| {
        Ok(Pairing {
            id: controller.id.clone(),
            public_key: key_from_hex(&controller.public_key)
                .ok_or_else(|| wrong(&format!("key of a controller, {},", controller.id)))?,
            permissions: if controller.admin { Permissions::Admin } else { Permissions::User },
        })
    });
    Ok(StoredAccessory {
        pairings: pairings.collect::<Result<_, String>>()?,
        setup_code: SetupCode::new(&of.setup_code).map_err(|_| wrong("setup code"))?,
        setup_id: SetupId::new(&of.setup_id).map_err(|_| wrong("setup id"))?,
        failed_tries: of.failed_tries,
        configuration: of.configuration,
        shape: of.shape,
        numbers: of.numbers,
        values: of.values,
        identity: identity(Key { id: of.id, key: of.key })?,
    })
}

fn stored_camera(of: Camera) -> Result<StoredCamera, String> {
    let public_key = key_from_hex(&of.public_key).ok_or_else(|| format!("the key of {} is none", of.id))?;
    let pairing = AccessoryPairing { id: of.id, public_key };
    Ok(StoredCamera { pairing, name: of.name, model: of.model, address: of.address })
}
