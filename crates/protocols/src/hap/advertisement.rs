//! What an accessory tells on the network, as data: the TXT record of its service `_hap._tcp`.
//!
//! Source: HAP specification (R2) §6.4 table 6-7.
use super::crypto::sha512;
use super::setup_uri::SetupId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The type of the service.
pub const SERVICE: &str = "_hap._tcp";
/// The version of the protocol that is told.
pub const PROTOCOL_VERSION: &str = "1.1";

/// What an accessory is; for controllers' pictures only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Category(pub u8);

impl Category {
    /// Anything else.
    pub const OTHER: Category = Category(1);
    /// A bridge.
    pub const BRIDGE: Category = Category(2);
    /// A sensor.
    pub const SENSOR: Category = Category(10);
    /// A camera.
    pub const CAMERA: Category = Category(17);
    /// A doorbell with a camera.
    pub const VIDEO_DOORBELL: Category = Category(18);
}

/// Why a record is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the record has no \"{key}\", or no number there")]
pub struct RecordError {
    /// What is missing.
    pub key: &'static str,
}

/// What an accessory tells of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advertisement {
    /// `c#`: the number of its configuration, from 1; it rises whenever `/accessories` changes its shape.
    pub configuration: u32,
    /// `ff`: bit 0 says that it has a certificate, bit 1 that it pairs with software authentication.
    pub features: u8,
    /// `id`: its identifier, `XX:XX:XX:XX:XX:XX`.
    pub id: String,
    /// `md`: its model.
    pub model: String,
    /// `s#`: the number of its state, always 1 over IP.
    pub state: u32,
    /// `sf`, bit 0: it is not paired.
    pub unpaired: bool,
    /// `ci`: what it is.
    pub category: Category,
    /// `sh`: made of setup id and identifier, so that a scanned code finds its accessory.
    pub setup_hash: Option<String>,
}

impl Advertisement {
    /// What an accessory of ours tells.
    pub fn new(
        id: impl Into<String>,
        model: impl Into<String>,
        category: Category,
        setup: &SetupId,
        configuration: u32,
        unpaired: bool,
    ) -> Self {
        let id = id.into();
        let setup_hash = Some(setup_hash(setup, &id));
        Self { configuration, features: 0, id, model: model.into(), state: 1, unpaired, category, setup_hash }
    }

    /// Keys and values of the record.
    pub fn to_txt(&self) -> Vec<(&'static str, String)> {
        let mut txt = vec![
            ("c#", self.configuration.to_string()),
            ("ff", self.features.to_string()),
            ("id", self.id.clone()),
            ("md", self.model.clone()),
            ("pv", PROTOCOL_VERSION.to_owned()),
            ("s#", self.state.to_string()),
            ("sf", u8::from(self.unpaired).to_string()),
            ("ci", self.category.0.to_string()),
        ];
        txt.extend(self.setup_hash.clone().map(|hash| ("sh", hash)));
        txt
    }

    /// Reads a record; keys are of any case.
    ///
    /// # Errors
    /// Identifier, configuration or flags are missing.
    pub fn from_txt<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, RecordError> {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let text = |key: &str| {
            pairs.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| *value)
        };
        let number = |key: &'static str| text(key).and_then(|value| value.trim().parse::<u32>().ok());
        Ok(Self {
            configuration: number("c#").ok_or(RecordError { key: "c#" })?,
            features: number("ff").and_then(|flags| u8::try_from(flags).ok()).unwrap_or(0),
            id: text("id").filter(|id| !id.is_empty()).ok_or(RecordError { key: "id" })?.to_owned(),
            model: text("md").unwrap_or_default().to_owned(),
            state: number("s#").unwrap_or(1),
            unpaired: number("sf").ok_or(RecordError { key: "sf" })? & 1 == 1,
            category: number("ci").and_then(|ci| u8::try_from(ci).ok()).map_or(Category::OTHER, Category),
            setup_hash: text("sh").map(str::to_owned),
        })
    }
}

/// `sh` of an accessory.
pub fn setup_hash(setup: &SetupId, id: &str) -> String {
    let hash = sha512(&[setup.as_str().as_bytes(), id.to_ascii_uppercase().as_bytes()]);
    BASE64.encode(&hash[..4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hap::tests::fixture;

    #[test]
    fn the_record_comes_back_and_its_hash_is_that_of_hap_nodejs() {
        let setup = SetupId::new("AQ42").unwrap();
        let ours =
            Advertisement::new("11:22:33:44:55:66", "Doorbell", Category::VIDEO_DOORBELL, &setup, 3, true);
        let vectors = fixture(include_str!("../../fixtures/hap/setup_node.txt"));
        assert_eq!(ours.setup_hash.clone().unwrap().into_bytes(), vectors["hash"]);
        let txt = ours.to_txt();
        let keys: Vec<_> = txt.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(keys[..4], ["c#=3", "ff=0", "id=11:22:33:44:55:66", "md=Doorbell"]);
        assert_eq!(keys[4..8], ["pv=1.1", "s#=1", "sf=1", "ci=18"]);
        assert_eq!(Advertisement::from_txt(txt.iter().map(|(key, value)| (*key, value.as_str()))), Ok(ours));
    }

    #[test]
    fn a_record_needs_identifier_configuration_and_flags() {
        for (pairs, key) in [
            (vec![("id", "x"), ("sf", "1")], "c#"),
            (vec![("c#", "1"), ("sf", "1")], "id"),
            (vec![("c#", "1"), ("id", "x"), ("sf", "?")], "sf"),
        ] {
            assert_eq!(Advertisement::from_txt(pairs), Err(RecordError { key }));
        }
        let least = Advertisement::from_txt([("C#", "1"), ("ID", "x"), ("SF", "0")]).unwrap();
        assert_eq!((least.category, least.state, least.unpaired), (Category::OTHER, 1, false));
    }
}
