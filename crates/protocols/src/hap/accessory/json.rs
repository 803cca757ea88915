//! Accessories as JSON, written and read. Source: HAP specification (R2) §6.6.4.
use super::{Accessory, Characteristic, Format, Limits, Perms, Service, TypeId};
use media::Fault;
use serde_json::{Map, Value, json};

/// Why JSON of an accessory's cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JsonError {
    /// It is no JSON.
    #[error("no JSON: {what}")]
    Syntax {
        /// What is wrong, and where.
        what: String,
    },
    /// Something is not there, or is something else.
    #[error("{what} is missing, or not what it must be")]
    Shape {
        /// What.
        what: &'static str,
    },
}

impl JsonError {
    /// The peer's, always.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

pub(super) fn parse(body: &[u8]) -> Result<Value, JsonError> {
    serde_json::from_slice(body).map_err(|error| JsonError::Syntax { what: error.to_string() })
}

pub(super) fn shape<T>(value: Option<T>, what: &'static str) -> Result<T, JsonError> {
    value.ok_or(JsonError::Shape { what })
}

pub(super) fn array<'a>(value: &'a Value, what: &'static str) -> Result<&'a Vec<Value>, JsonError> {
    shape(value.get(what).and_then(Value::as_array), what)
}

/// Type, permissions and limits of a characteristic, as `/accessories` has all of them and a read what it asks for.
pub(super) struct Details {
    pub(super) kind: bool,
    pub(super) perms: bool,
    pub(super) meta: bool,
}

impl Characteristic {
    pub(super) fn describe(&self, details: &Details, object: &mut Map<String, Value>) {
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        if details.kind {
            put("type", json!(self.kind.to_string()));
        }
        if details.perms {
            put("perms", json!(self.perms.names()));
        }
        if !details.meta {
            return;
        }
        put("format", json!(self.format.as_str()));
        let Limits { unit, min, max, step, max_len, valid } = &self.limits;
        let number = |number: &f64| if number.fract() == 0.0 { json!(*number as i64) } else { json!(number) };
        for (name, value) in [
            ("unit", unit.as_ref().map(|unit| json!(unit))),
            ("minValue", min.as_ref().map(number)),
            ("maxValue", max.as_ref().map(number)),
            ("minStep", step.as_ref().map(number)),
            ("maxLen", max_len.map(|length| json!(length))),
            ("valid-values", (!valid.is_empty()).then(|| json!(valid))),
        ] {
            if let Some(value) = value {
                put(name, value);
            }
        }
    }

    /// What a read answers.
    pub(super) fn readable(&self) -> Value {
        if self.is_event_only() { Value::Null } else { self.value.clone().unwrap_or(Value::Null) }
    }

    fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("iid".to_owned(), json!(self.iid));
        self.describe(&Details { kind: true, perms: true, meta: true }, &mut object);
        if self.perms.read {
            object.insert("value".to_owned(), self.readable());
        }
        Value::Object(object)
    }

    fn from_json(value: &Value) -> Result<Self, JsonError> {
        let number = |name| value.get(name).and_then(Value::as_f64);
        let perms = array(value, "perms")?.iter().filter_map(Value::as_str);
        let valid = value.get("valid-values").and_then(Value::as_array);
        Ok(Self {
            iid: shape(value.get("iid").and_then(Value::as_u64), "iid")?,
            kind: kind(value)?,
            format: shape(value.get("format").and_then(Value::as_str).and_then(Format::parse), "format")?,
            perms: Perms::from_names(perms),
            limits: Limits {
                unit: value.get("unit").and_then(Value::as_str).map(str::to_owned),
                min: number("minValue"),
                max: number("maxValue"),
                step: number("minStep"),
                max_len: value
                    .get("maxLen")
                    .and_then(Value::as_u64)
                    .and_then(|length| usize::try_from(length).ok()),
                valid: valid.map(|all| all.iter().filter_map(Value::as_i64).collect()).unwrap_or_default(),
            },
            value: value.get("value").filter(|value| !value.is_null()).cloned(),
        })
    }
}

impl Service {
    fn to_json(&self) -> Value {
        let all: Vec<Value> = self.characteristics.iter().map(Characteristic::to_json).collect();
        let mut object = json!({ "iid": self.iid, "type": self.kind.to_string(), "characteristics": all });
        if self.primary {
            object["primary"] = json!(true);
        }
        if self.hidden {
            object["hidden"] = json!(true);
        }
        if !self.linked.is_empty() {
            object["linked"] = json!(self.linked);
        }
        object
    }

    fn from_json(value: &Value) -> Result<Self, JsonError> {
        let is = |name| value.get(name).and_then(Value::as_bool).unwrap_or(false);
        let linked = value.get("linked").and_then(Value::as_array);
        let all = array(value, "characteristics")?.iter().map(Characteristic::from_json);
        Ok(Self {
            iid: shape(value.get("iid").and_then(Value::as_u64), "iid")?,
            kind: kind(value)?,
            primary: is("primary"),
            hidden: is("hidden"),
            linked: linked.map(|all| all.iter().filter_map(Value::as_u64).collect()).unwrap_or_default(),
            characteristics: all.collect::<Result<_, _>>()?,
        })
    }
}

/// The body of `GET /accessories`.
pub(super) fn write_accessories(accessories: &[Accessory]) -> Value {
    let all = accessories.iter().map(|accessory| {
        let services: Vec<Value> = accessory.services.iter().map(Service::to_json).collect();
        json!({ "aid": accessory.aid, "services": services })
    });
    json!({ "accessories": all.collect::<Vec<_>>() })
}

/// Reads that body.
pub(super) fn read_accessories(body: &[u8]) -> Result<Vec<Accessory>, JsonError> {
    let accessory = |value: &Value| {
        let services = array(value, "services")?.iter().map(Service::from_json);
        let aid = shape(value.get("aid").and_then(Value::as_u64), "aid")?;
        Ok(Accessory { aid, services: services.collect::<Result<_, _>>()? })
    };
    array(&parse(body)?, "accessories")?.iter().map(accessory).collect()
}

fn kind(value: &Value) -> Result<TypeId, JsonError> {
    shape(value.get("type").and_then(Value::as_str).and_then(TypeId::parse), "type")
}
