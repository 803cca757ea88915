//! Settings of conferences. What they mean is in docs/rooms.md.
use super::values::{Interval, MediaListen, SecretText, Size, not_zero};
use garde::Validate;
use rooms::token::{KeyError, Keys, Secret};
use rooms::{RoomLimits, RoomsConfig, RoomsLimits, SameIdentity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sfu::ListenInfo;
use sfu::ice::Protocol;
use std::collections::BTreeMap;

/// Smallest message limit: what browsers send to make a transport and join has 10 KiB.
const MESSAGE_BYTES: std::ops::RangeInclusive<u64> = (16 << 10)..=(256 << 10);

/// Conferences for mediasoup-client.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct RoomsSection {
    /// Where media of rooms comes and goes, UDP and TCP: `:8560`. With `/udp` or `/tcp` behind it, only that. Each further
    /// worker takes the next port. `""`: rooms are off. Without `keys`, an address of this machine only.
    pub listen: MediaListen,
    /// The address or host name that browsers are told in place of that of `listen`: needed where `listen` names none, and
    /// behind a router.
    pub public_address: String,
    /// Threads for media of rooms. 0: one for each core.
    #[garde(range(max = 256))]
    pub workers: usize,
    /// Who may sign tokens: a secret of 32 bytes at least by the id that a token's `kid` names. Without any, this machine joins
    /// without a token and nobody else joins.
    pub keys: BTreeMap<String, SecretText>,
    /// What happens when somebody joins who is there already: `replace` (the new connection takes over) or `refuse`.
    pub same_identity: SameIdentityWord,
    /// Limits. Reaching one is an error that names it.
    #[garde(dive)]
    pub limits: RoomsLimitsSection,
}

impl Default for RoomsSection {
    fn default() -> Self {
        Self {
            listen: MediaListen { listen: super::Listen::default(), udp: true, tcp: true },
            public_address: String::new(),
            workers: 0,
            keys: BTreeMap::new(),
            same_identity: SameIdentityWord::default(),
            limits: RoomsLimitsSection::default(),
        }
    }
}

/// What happens when somebody joins who is there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum SameIdentityWord {
    /// The new connection takes over.
    #[default]
    Replace,
    /// The new connection is refused.
    Refuse,
}

/// Limits of rooms.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct RoomsLimitsSection {
    /// Most rooms at once.
    #[garde(range(min = 1))]
    pub rooms_max: usize,
    /// Most connections to one room.
    #[garde(range(min = 1))]
    pub participants_max: usize,
    /// Most transports of one participant; two are needed.
    #[garde(range(min = 2))]
    pub transports_per_participant_max: usize,
    /// Most producers of one participant.
    #[garde(range(min = 1))]
    pub producers_per_participant_max: usize,
    /// Most data producers of one participant.
    pub data_producers_per_participant_max: usize,
    /// Longest message of a participant.
    #[garde(custom(message_size))]
    pub message_bytes_max: Size,
    /// Most requests of one connection that are not answered yet.
    #[garde(range(min = 1))]
    pub requests_in_flight_max: usize,
    /// Most messages that wait for a slow connection, before it is closed.
    #[garde(range(min = 16, max = 65_536))]
    pub queue_max: usize,
    /// A room in which nobody has been for this long ends. Recorders and streams are nobody.
    #[garde(custom(not_zero))]
    pub empty_after: Interval,
}

fn message_size(size: &Size, _: &()) -> garde::Result {
    if MESSAGE_BYTES.contains(&size.0) {
        return Ok(());
    }
    Err(garde::Error::new("must be 16KiB to 256KiB"))
}

impl Default for RoomsLimitsSection {
    fn default() -> Self {
        let limits = RoomsLimits::default();
        Self {
            rooms_max: limits.rooms_max,
            participants_max: limits.room.participants_max,
            transports_per_participant_max: limits.transports_per_participant_max,
            producers_per_participant_max: limits.room.producers_per_participant_max,
            data_producers_per_participant_max: limits.room.data_producers_per_participant_max,
            message_bytes_max: Size(limits.message_bytes_max as u64),
            requests_in_flight_max: limits.requests_in_flight_max,
            queue_max: limits.queue_max,
            empty_after: Interval(limits.empty_after),
        }
    }
}

impl RoomsLimitsSection {
    fn limits(&self) -> RoomsLimits {
        RoomsLimits {
            rooms_max: self.rooms_max,
            room: RoomLimits {
                participants_max: self.participants_max,
                producers_per_participant_max: self.producers_per_participant_max,
                data_producers_per_participant_max: self.data_producers_per_participant_max,
            },
            transports_per_participant_max: self.transports_per_participant_max,
            message_bytes_max: usize::try_from(self.message_bytes_max.0).unwrap_or(usize::MAX),
            requests_in_flight_max: self.requests_in_flight_max,
            queue_max: self.queue_max,
            empty_after: self.empty_after.0,
            ..RoomsLimits::default()
        }
    }
}

impl RoomsSection {
    fn keys(&self) -> Result<Keys, KeyError> {
        Keys::new(self.keys.iter().map(|(id, secret)| (id.clone(), Secret::new(secret.0.expose()))))
    }

    /// What is wrong: the key, and why.
    pub(crate) fn check(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        if let Err(error) = self.keys() {
            wrong.push(("keys", error.to_string()));
        }
        let Some(listen) = self.listen.listen.0 else { return wrong };
        if self.keys.is_empty() && !listen.ip().is_loopback() {
            let why = "without `rooms.keys` only this machine joins: listen on 127.0.0.1, or name a key";
            wrong.push(("listen", why.to_owned()));
        }
        if listen.ip().is_unspecified() && self.public_address.is_empty() {
            let why = "browsers need an address to send to: name one here, or in `rooms.public_address`";
            wrong.push(("listen", why.to_owned()));
        }
        wrong
    }

    /// As the service takes them; `None` when rooms are off.
    pub fn config(&self) -> Option<RoomsConfig> {
        let listen = self.listen.listen.0?;
        let wanted = [(Protocol::Udp, self.listen.udp), (Protocol::Tcp, self.listen.tcp)];
        let infos = wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(protocol, _)| {
            let mut info = ListenInfo::new(protocol, listen.ip());
            info.port = Some(listen.port());
            info.announced_address = Some(self.public_address.clone()).filter(|address| !address.is_empty());
            info
        });
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Some(RoomsConfig {
            // checked when the configuration was read; none is right for no token
            keys: self.keys().unwrap_or_default(),
            listen: infos.collect(),
            workers: if self.workers == 0 { cores } else { self.workers },
            codecs: rooms::default_codecs(),
            same_identity: match self.same_identity {
                SameIdentityWord::Replace => SameIdentity::Replace,
                SameIdentityWord::Refuse => SameIdentity::Refuse,
            },
            limits: self.limits.limits(),
            wall_now: hub::wall_now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{good, wrong};

    #[test]
    fn rooms_are_off_unless_they_listen() {
        assert!(good("").0.rooms.config().is_none());
        let config = good("rooms: {listen: '127.0.0.1:8560/udp', limits: {empty_after: 5s}}")
            .0
            .rooms
            .config()
            .unwrap();
        assert_eq!((config.listen.len(), config.limits.empty_after.as_secs()), (1, 5));
        assert!(config.keys.is_empty() && config.workers > 0);
    }

    #[test]
    fn without_keys_they_listen_on_this_machine_only_and_secrets_cannot_be_guessed() {
        let of = |text: &str| wrong(text).join("\n");
        assert!(
            of("rooms: {listen: '192.0.2.1:8560'}").contains("without `rooms.keys` only this machine joins")
        );
        let key = "0123456789abcdef0123456789abcdef";
        assert!(
            of(&format!("rooms: {{listen: ':8560', keys: {{web: {key}}}}}")).contains("rooms.public_address")
        );
        let short = of("rooms: {listen: '127.0.0.1:8560', keys: {web: hunter2}}");
        assert!(short.contains("7 bytes") && !short.contains("hunter2"), "{short}");
        assert!(of("rooms: {limits: {message_bytes_max: 1KiB}}").contains("16KiB to 256KiB"));
        let config =
            good(&format!("rooms: {{listen: ':8560', public_address: h.example, keys: {{web: {key}}}}}")).0;
        assert!(!crate::config::shown(&config).contains(key));
    }
}
