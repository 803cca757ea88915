//! Accessories and their services, as plain data, and how they are put together.
use super::{Characteristic, KnownCharacteristic, KnownService, TypeId, characteristics, services};
use serde_json::{Value, json};

/// The version of the protocol that accessories tell.
const PROTOCOL_VERSION: &str = "1.1.0";

/// A service.
#[derive(Clone, PartialEq, Debug)]
pub struct Service {
    /// Its number within the accessory; it must never change.
    pub iid: u64,
    /// What it is.
    pub kind: TypeId,
    /// The accessory's main purpose.
    pub primary: bool,
    /// Users do not see it.
    pub hidden: bool,
    /// Services that belong to it.
    pub linked: Vec<u64>,
    /// What it is made of.
    pub characteristics: Vec<Characteristic>,
}

impl Service {
    /// Its characteristic of this type.
    pub fn find(&self, known: &KnownCharacteristic) -> Option<&Characteristic> {
        self.characteristics.iter().find(|characteristic| characteristic.kind == TypeId::Apple(known.number))
    }
}

/// Who an accessory is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Information {
    /// Its name.
    pub name: String,
    /// Who made it.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// Its serial number.
    pub serial_number: String,
    /// Its firmware, as `1.2.3`.
    pub firmware: String,
}

/// An accessory: a camera, or one of those behind a bridge.
#[derive(Clone, PartialEq, Debug)]
pub struct Accessory {
    /// Its number; 1 is the one that the address belongs to. It must never change.
    pub aid: u64,
    /// What it is made of.
    pub services: Vec<Service>,
}

impl Accessory {
    /// An accessory with its information, and, when it is the first, the protocol's.
    pub fn new(aid: u64, information: &Information) -> Self {
        let mut accessory = Self { aid, services: Vec::new() };
        accessory.add(
            services::ACCESSORY_INFORMATION,
            &[
                (characteristics::IDENTIFY, Value::Null),
                (characteristics::MANUFACTURER, cut(&information.manufacturer)),
                (characteristics::MODEL, cut(&information.model)),
                (characteristics::NAME, cut(&information.name)),
                (characteristics::SERIAL_NUMBER, cut(&information.serial_number)),
                (characteristics::FIRMWARE_REVISION, cut(&information.firmware)),
            ],
        );
        if aid == 1 {
            let version = (characteristics::VERSION, json!(PROTOCOL_VERSION));
            accessory.add(services::PROTOCOL_INFORMATION, &[version]);
        }
        accessory
    }

    /// Appends a service after the last number; returns its own. Numbers follow the order of the calls, which must therefore never
    /// change: what may come and go has a place of its own by [`Accessory::add_at`].
    pub fn add(&mut self, service: KnownService, characteristics: &[(KnownCharacteristic, Value)]) -> u64 {
        let last =
            self.services.iter().map(|service| service.iid + service.characteristics.len() as u64).max();
        let iid = last.unwrap_or(0) + 1;
        self.add_at(iid, service, characteristics);
        iid
    }

    /// Appends a service with this number; those of its characteristics follow. All of them must be free.
    pub fn add_at(
        &mut self,
        iid: u64,
        service: KnownService,
        characteristics: &[(KnownCharacteristic, Value)],
    ) {
        let numbered = (iid + 1..).zip(characteristics);
        self.services.push(Service {
            iid,
            kind: TypeId::Apple(service.number),
            primary: false,
            hidden: false,
            linked: Vec::new(),
            characteristics: numbered
                .map(|(iid, (known, value))| Characteristic::known(iid, known, value))
                .collect(),
        });
    }

    /// The service of this number.
    pub fn service_mut(&mut self, iid: u64) -> Option<&mut Service> {
        self.services.iter_mut().find(|service| service.iid == iid)
    }

    /// The first service of this type.
    pub fn find(&self, known: KnownService) -> Option<&Service> {
        self.services.iter().find(|service| service.kind == TypeId::Apple(known.number))
    }

    /// The characteristic of this number.
    pub fn characteristic(&self, iid: u64) -> Option<&Characteristic> {
        self.services.iter().flat_map(|service| &service.characteristics).find(|known| known.iid == iid)
    }

    pub(super) fn characteristic_mut(&mut self, iid: u64) -> Option<&mut Characteristic> {
        self.services
            .iter_mut()
            .flat_map(|service| &mut service.characteristics)
            .find(|known| known.iid == iid)
    }
}

/// A text as long as a string may be.
fn cut(text: &str) -> Value {
    let mut end = text.len().min(super::STRING_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Value::String(text[..end].to_owned())
}
