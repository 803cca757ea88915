//! One characteristic, as plain data.
use super::{Format, KnownCharacteristic, TypeId};
use serde_json::Value;

/// What may be done with a characteristic. Source: HAP specification (R2) table 6-4.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Perms {
    /// `pr`: paired controllers read it.
    pub read: bool,
    /// `pw`: they write it.
    pub write: bool,
    /// `ev`: it gives events.
    pub notify: bool,
    /// `aa`: writing wants additional authorization.
    pub additional_authorization: bool,
    /// `tw`: it is written after `PUT /prepare` only.
    pub timed_write: bool,
    /// `hd`: users do not see it.
    pub hidden: bool,
    /// `wr`: a write may ask for a value in its answer.
    pub write_response: bool,
}

impl Perms {
    /// `pr`
    pub const READ: Perms = Perms {
        read: true,
        write: false,
        notify: false,
        additional_authorization: false,
        timed_write: false,
        hidden: false,
        write_response: false,
    };
    /// `pw`
    pub const WRITE: Perms = Perms { read: false, write: true, ..Self::READ };
    /// `pr`, `pw`
    pub const READ_WRITE: Perms = Perms { write: true, ..Self::READ };
    /// `pr`, `ev`
    pub const READ_NOTIFY: Perms = Perms { notify: true, ..Self::READ };
    /// `pr`, `pw`, `ev`
    pub const ALL: Perms = Perms { write: true, ..Self::READ_NOTIFY };

    pub(super) fn names(self) -> Vec<&'static str> {
        let all = [
            (self.read, "pr"),
            (self.write, "pw"),
            (self.notify, "ev"),
            (self.additional_authorization, "aa"),
            (self.timed_write, "tw"),
            (self.hidden, "hd"),
            (self.write_response, "wr"),
        ];
        all.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect()
    }

    pub(super) fn from_names<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut perms = Self::default();
        for name in names {
            match name {
                "pr" => perms.read = true,
                "pw" => perms.write = true,
                "ev" => perms.notify = true,
                "aa" => perms.additional_authorization = true,
                "tw" => perms.timed_write = true,
                "hd" => perms.hidden = true,
                "wr" => perms.write_response = true,
                _ => {}
            }
        }
        perms
    }
}

/// What values are possible.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Limits {
    /// `unit`, as it is written.
    pub unit: Option<String>,
    /// `minValue`
    pub min: Option<f64>,
    /// `maxValue`
    pub max: Option<f64>,
    /// `minStep`
    pub step: Option<f64>,
    /// `maxLen`, in bytes.
    pub max_len: Option<usize>,
    /// `valid-values`; all when empty.
    pub valid: Vec<i64>,
}

impl Limits {
    pub(super) fn allow(&self, number: f64) -> bool {
        let listed = self.valid.is_empty() || self.valid.iter().any(|valid| *valid as f64 == number);
        listed && self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
    }
}

/// A characteristic.
#[derive(Clone, PartialEq, Debug)]
pub struct Characteristic {
    /// Its number within the accessory; it must never change.
    pub iid: u64,
    /// What it is.
    pub kind: TypeId,
    /// Its format.
    pub format: Format,
    /// What may be done with it.
    pub perms: Perms,
    /// What values are possible.
    pub limits: Limits,
    /// What is read; none before the first value, and always for what only happens, as a button's press.
    pub value: Option<Value>,
}

impl Characteristic {
    /// A well-known one. A value that it cannot have is none.
    pub fn known(iid: u64, known: &KnownCharacteristic, value: &Value) -> Self {
        let limits = known.limits();
        let value = known.format.check(value, &limits).ok();
        Self {
            iid,
            kind: TypeId::Apple(known.number),
            format: known.format,
            perms: known.perms,
            limits,
            value,
        }
    }

    /// It has no state, only events; they are not held up (HAP specification R2 §6.8).
    pub fn is_event_only(&self) -> bool {
        let happens = [
            super::characteristics::PROGRAMMABLE_SWITCH_EVENT.number,
            super::characteristics::BUTTON_EVENT.number,
        ];
        matches!(self.kind, TypeId::Apple(number) if happens.contains(&number))
    }
}
