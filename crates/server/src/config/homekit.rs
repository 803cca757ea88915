//! Settings of HomeKit: the streams that are cameras in Apple's Home, and where their media goes.
use super::sections::{Config, Foreign};
use super::values::{Listen, SecretText};
use gateway::homekit::accessory::{AccessoryConfig, CameraConfig};
use gateway::homekit::hex::key_from_hex;
use media::StreamName;
use protocols::hap::advertisement::Category;
use protocols::hap::derived;
use protocols::hap::pairing::{Identity, Pairing, Permissions, SetupCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Media of HomeKit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct SrtpSection {
    /// The one UDP port of all HomeKit media, of cameras and of our own accessories. `""` switches it off. It is opened at the
    /// start when the configuration has HomeKit in it or this address differs, else when it is needed.
    pub listen: Listen,
}

impl Default for SrtpSection {
    fn default() -> Self {
        Self { listen: Listen::local(8443) }
    }
}

/// The code where none is given: go2rtc's.
const PIN_DEFAULT: &str = "19550224";
/// Words for what an accessory is, besides the numbers of HomeKit.
const CATEGORIES: [(&str, Category); 3] =
    [("bridge", Category::BRIDGE), ("camera", Category::CAMERA), ("doorbell", Category::VIDEO_DOORBELL)];

/// An accessory: a stream as a camera in Apple's Home, or a bridge for several.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct HomekitEntry {
    /// The code that pairs with it, eight digits. Left out: 19550224, as everybody knows who has seen go2rtc.
    pub pin: SecretText,
    /// Its name in the Home. Left out: made of its identifier.
    pub name: String,
    /// Its identifier, `XX:XX:XX:XX:XX:XX`, or a text that one is made of. Left out: made of the stream's name.
    pub device_id: String,
    /// Its key: 128 hexadecimal digits, or a text that one is made of. Left out: drawn and kept with the pairings, or, where
    /// there are `pairings`, made of the stream's name as go2rtc does.
    pub device_private: SecretText,
    /// What it is, for pictures in the Home: `camera`, `doorbell`, `bridge`, or a number. Left out: what it is.
    pub category_id: String,
    /// go2rtc's pairings, `client_id=…&client_public=…&permissions=1`: taken once, when nothing is known of the accessory. From
    /// then on they are kept apart from the configuration.
    pub pairings: Vec<SecretText>,
    /// Where it listens, a port for itself. Left out: the address of `api.listen`, and any free port, which is told by mDNS.
    pub listen: Option<Listen>,
    /// The bridge that the camera is behind: its name here, where its `pin` and the rest may stand, or any other name. Left
    /// out: the camera is an accessory for itself.
    pub bridge: String,
    /// It has a button: a doorbell. It is pressed by a `device.event` of the stream: one of its source's, or of
    /// `POST /api/v1/streams/NAME/events`.
    pub doorbell: bool,
    /// It has a motion sensor, told the same way.
    pub motion_sensor: bool,
    /// Pictures that Apple's devices do not take (anything but H.264, B frames, levels above 4.0) may be coded anew by ffmpeg,
    /// as the stream `NAME/homekit`, while somebody looks.
    pub transcode: bool,
    /// Sound goes along, as Opus or AAC-ELD.
    pub sound: bool,
    /// Whoever looks may talk: the phone's microphone goes into the stream's talk stream, where it has one when
    /// the configuration is read.
    pub talk: bool,
    /// Secure Video: a home hub (Apple TV, HomePod) may record it when something moves, from 4 s before. The stream runs all the
    /// time then, once the hub is told to record; its pictures must be H.264, its sound is recorded where it is AAC.
    pub secure_video: bool,
    /// go2rtc's: Secure Video; not read, see `secure_video`.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub hksv: Foreign,
    /// go2rtc's: motion, found in the picture; not supported. Ours is `motion_sensor`.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub motion: Foreign,
    /// go2rtc's: motion; not supported yet.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub motion_threshold: Foreign,
}

impl Default for HomekitEntry {
    fn default() -> Self {
        Self {
            pin: SecretText::default(),
            name: String::new(),
            device_id: String::new(),
            device_private: SecretText::default(),
            category_id: String::new(),
            pairings: Vec::new(),
            listen: None,
            bridge: String::new(),
            doorbell: false,
            motion_sensor: false,
            transcode: false,
            sound: true,
            talk: true,
            secure_video: false,
            hksv: Foreign::default(),
            motion: Foreign::default(),
            motion_threshold: Foreign::default(),
        }
    }
}

/// What is wrong with an entry: the key, and why.
type Wrong = (&'static str, String);

impl HomekitEntry {
    fn code(&self) -> Result<SetupCode, Wrong> {
        let pin = self.pin.0.expose();
        let pin = if pin.is_empty() { PIN_DEFAULT } else { pin };
        SetupCode::new(pin).map_err(|error| ("pin", error.to_string()))
    }

    fn category(&self, usual: Category) -> Result<Category, Wrong> {
        let text = self.category_id.as_str();
        if text.is_empty() {
            return Ok(usual);
        }
        let named = CATEGORIES.iter().find(|(name, _)| *name == text).map(|(_, category)| *category);
        let numbered = || text.parse().ok().map(Category);
        named.or_else(numbered).ok_or_else(|| {
            ("category_id", format!("{text:?} is neither camera, doorbell, bridge nor a number of HomeKit"))
        })
    }

    /// Those of go2rtc.
    fn pairings(&self) -> Result<Vec<Pairing>, Wrong> {
        let pairing = |text: &SecretText| {
            let part = |key: &str| {
                let parts = text.0.expose().split('&').filter_map(|part| part.split_once('='));
                parts.filter(|(name, _)| *name == key).map(|(_, value)| value).next()
            };
            let public_key = key_from_hex(part("client_public")?)?;
            let permissions = if part("permissions").unwrap_or("1") == "1" {
                Permissions::Admin
            } else {
                Permissions::User
            };
            Some(Pairing { id: part("client_id")?.to_owned(), public_key, permissions })
        };
        let all: Option<Vec<_>> = self.pairings.iter().map(pairing).collect();
        all.ok_or_else(|| ("pairings", "one is not client_id=…&client_public=…&permissions=1".to_owned()))
    }

    /// The accessory of this name, without its cameras.
    fn accessory(&self, name: &str, is_bridge: bool, listen: SocketAddr) -> Result<AccessoryConfig, Wrong> {
        let id = derived::device_id(&self.device_id, name);
        let pairings = self.pairings()?;
        let private = self.device_private.0.expose();
        let identity = if private.is_empty() && pairings.is_empty() {
            None
        } else {
            let made = Identity::from_seed(id.clone(), derived::seed(private, name));
            Some(made.map_err(|error| ("device_private", error.to_string()))?)
        };
        let usual = match (is_bridge, self.doorbell) {
            (true, _) => Category::BRIDGE,
            (false, true) => Category::VIDEO_DOORBELL,
            (false, false) => Category::CAMERA,
        };
        Ok(AccessoryConfig {
            name: name.to_owned(),
            title: self.title(name),
            code: self.code()?,
            category: self.category(usual)?,
            listen: self.listen.and_then(|listen| listen.0).unwrap_or(listen),
            id,
            identity,
            pairings,
            cameras: Vec::new(),
            is_bridge,
        })
    }

    fn title(&self, name: &str) -> String {
        match self.name.as_str() {
            "" => derived::name(&derived::device_id(&self.device_id, name)),
            given => given.to_owned(),
        }
    }

    fn camera(&self, name: &str) -> Option<CameraConfig> {
        Some(CameraConfig {
            stream: StreamName::new(name).ok()?,
            title: self.title(name),
            doorbell: self.doorbell || self.category_id == "doorbell" || self.category_id == "18",
            motion: self.motion_sensor,
            transcode: self.transcode,
            sound: self.sound,
            talk: self.talk,
            secure_video: self.secure_video,
        })
    }
}

/// The accessories of the configuration, in the order of their names; or the entry and the key that are wrong, and why.
pub(crate) fn accessories(
    config: &Config,
) -> Result<Vec<AccessoryConfig>, Vec<(String, &'static str, String)>> {
    let address = config.api.listen.0.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |listen| listen.ip());
    let any_port = SocketAddr::new(address, 0);
    let (mut all, mut wrong) = (BTreeMap::<String, AccessoryConfig>::new(), Vec::new());
    let entries = &config.homekit;
    let bridges: BTreeSet<&str> =
        entries.values().map(|entry| entry.bridge.as_str()).filter(|bridge| !bridge.is_empty()).collect();
    let default = HomekitEntry::default();
    for bridge in &bridges {
        if config.streams.contains_key(*bridge) {
            let why = format!("`{bridge}` is a stream, and a bridge is none: give the bridge another name");
            wrong.push(((*bridge).to_owned(), "bridge", why));
            continue;
        }
        match entries.get(*bridge).unwrap_or(&default).accessory(bridge, true, any_port) {
            Ok(accessory) => drop(all.insert((*bridge).to_owned(), accessory)),
            Err((key, why)) => wrong.push(((*bridge).to_owned(), key, why)),
        }
    }
    for (name, entry) in entries.iter().filter(|(name, _)| !bridges.contains(name.as_str())) {
        if !config.streams.contains_key(name) {
            let known: Vec<&str> = config.streams.keys().map(String::as_str).collect();
            let hint = super::nearest(name, &known)
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            wrong.push((name.clone(), "", format!("there is no stream of this name{hint}")));
            continue;
        }
        let camera = entry.camera(name);
        if entry.bridge.is_empty() {
            match entry.accessory(name, false, any_port) {
                Ok(mut accessory) => {
                    accessory.cameras.extend(camera);
                    all.insert(name.clone(), accessory);
                }
                Err((key, why)) => wrong.push((name.clone(), key, why)),
            }
            continue;
        }
        let own = [
            ("pin", !entry.pin.is_empty()),
            ("listen", entry.listen.is_some()),
            ("pairings", !entry.pairings.is_empty()),
        ];
        if let Some((key, _)) = own.iter().find(|(_, is_given)| *is_given) {
            let why = format!("this camera is behind a bridge: write `{key}` in homekit.{}", entry.bridge);
            wrong.push((name.clone(), key, why));
        }
        if let Some(bridge) = all.get_mut(&entry.bridge) {
            bridge.cameras.extend(camera);
        }
    }
    if wrong.is_empty() { Ok(all.into_values().collect()) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{good, wrong};
    use super::*;

    fn of(text: &str) -> Vec<AccessoryConfig> {
        accessories(&good(text).0).unwrap()
    }

    #[test]
    fn a_name_alone_is_a_camera_with_what_go2rtc_gives_it() {
        let all = of("streams: {dahua1: 'demo:'}\nhomekit:\n  dahua1:\n");
        let [camera] = &all[..] else { panic!("{all:?}") };
        assert_eq!(
            (camera.code.expose(), camera.category, camera.is_bridge),
            ("195-50-224", Category::CAMERA, false)
        );
        assert_eq!(camera.id, derived::device_id("", "dahua1"));
        assert!(camera.title.starts_with("go2rtc-") && camera.identity.is_none());
        assert_eq!(camera.listen, "127.0.0.1:0".parse().unwrap());
        assert!(camera.cameras[0].sound && camera.cameras[0].talk && !camera.cameras[0].transcode);
    }

    #[test]
    fn what_go2rtc_keeps_in_its_configuration_is_taken_with_its_key() {
        let pairing = format!("client_id=4F4C&client_public={}&permissions=1", "0a".repeat(32));
        let text = format!(
            "api: {{listen: ':1984'}}\nstreams: {{door: 'demo:'}}\n\
             homekit:\n  door: {{pin: 31415926, name: Door, category_id: doorbell, device_id: 11:22:33:44:55:66, pairings: ['{pairing}']}}\n"
        );
        let all = of(&text);
        assert_eq!(all[0].identity.as_ref().unwrap().seed(), &derived::seed("", "door"));
        assert_eq!(all[0].pairings[0].public_key, [10; 32]);
        assert_eq!((all[0].category, all[0].cameras[0].doorbell), (Category::VIDEO_DOORBELL, true));
        assert_eq!(all[0].listen, "0.0.0.0:0".parse().unwrap());
        assert!(!format!("{all:?}").contains("31415926"));
    }

    #[test]
    fn cameras_of_one_bridge_are_one_accessory() {
        let text = "streams: {door: 'demo:', yard: 'demo:'}\n\
                    homekit:\n  door: {bridge: house}\n  yard: {bridge: house, transcode: true}\n  house: {pin: 031-45-154}\n";
        let all = of(text);
        assert_eq!((all.len(), all[0].is_bridge, all[0].code.expose()), (1, true, "031-45-154"));
        let streams: Vec<&str> = all[0].cameras.iter().map(|camera| camera.stream.as_str()).collect();
        assert_eq!(streams, ["door", "yard"]);
    }

    #[test]
    fn what_cannot_be_says_where_and_why() {
        for (text, why) in [
            ("streams: {cam: 'demo:'}\nhomekit:\n  camm:\n", "did you mean `cam`?"),
            (
                "streams: {cam: 'demo:'}\nhomekit:\n  cam: {pin: 12345678}\n",
                "`homekit.cam.pin`: this setup code is forbidden",
            ),
            (
                "streams: {cam: 'demo:'}\nhomekit:\n  cam: {category_id: toaster}\n",
                "neither camera, doorbell, bridge",
            ),
            (
                "streams: {cam: 'demo:'}\nhomekit:\n  cam: {bridge: house, pin: 31415926}\n",
                "write `pin` in homekit.house",
            ),
        ] {
            let said = wrong(text).join("\n");
            assert!(said.contains(why) && said.contains("a.yaml:3:"), "{said}");
        }
    }
}
