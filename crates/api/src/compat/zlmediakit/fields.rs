//! The parameters of a call: from the query, a form or a JSON object; where two say something, the query wins.
use super::envelope::Failure;
use axum::body::to_bytes;
use axum::extract::Request;
use http::header::{CONTENT_TYPE, HOST};
use serde_json::Value;

/// Largest body: 64 KiB. ZLMediaKit takes 40 KiB; no call here needs one.
const BODY_MAX: usize = 64 << 10;

/// The parameters, in order of preference.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

/// The host that a request was sent to, without its port.
pub(super) fn host(request: &Request) -> String {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let without_port = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|c| c.is_ascii_digit()));
    without_port.map_or(host, |(host, _)| host).trim_matches(['[', ']']).to_owned()
}

impl Fields {
    pub(super) async fn read(request: Request) -> Result<Self, Failure> {
        let mut all = pairs(request.uri().query().unwrap_or_default().as_bytes());
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_json = kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
        let body = to_bytes(request.into_body(), BODY_MAX).await;
        let body = body.map_err(|error| Failure::exception(format!("the body: {error}")))?;
        if is_json && !body.is_empty() {
            let body: Value = serde_json::from_slice(&body)
                .map_err(|error| Failure::exception(format!("the body is no JSON: {error}")))?;
            all.extend(body.as_object().into_iter().flatten().filter_map(scalar));
        } else {
            all.extend(pairs(&body));
        }
        Ok(Self(all))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(this, _)| this == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that is there and not empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// All of these, or the refusal that names them as ZLMediaKit does.
    pub(super) fn required<const N: usize>(&self, names: [&str; N]) -> Result<[&str; N], Failure> {
        let missing = || {
            let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
            Failure::invalid(format!("Required parameter missed: {}", names.join(",")))
        };
        let mut values = [""; N];
        for (value, name) in values.iter_mut().zip(names) {
            *value = self.given(name).ok_or_else(missing)?;
        }
        Ok(values)
    }

    /// A whole number; `None` where it is not given.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.given(name) else { return Ok(None) };
        let number = text.trim().parse().map_err(|_| Failure::invalid(format!("{name}={text} is no number")));
        number.map(Some)
    }

    /// True for what ZLMediaKit takes as true.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.given(name).is_some_and(|value| matches!(value, "1" | "true" | "True" | "TRUE"))
    }
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

fn scalar((name, value): (&String, &Value)) -> Option<(String, String)> {
    match value {
        Value::String(text) => Some((name.clone(), text.clone())),
        Value::Bool(_) | Value::Number(_) => Some((name.clone(), value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
