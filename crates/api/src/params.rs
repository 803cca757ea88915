//! Query parameters in order, repeated ones included.
use axum::extract::FromRequestParts;
use http::request::Parts;
use std::convert::Infallible;

/// The parameters of a request's address.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Those of a query.
    pub(crate) fn of(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(this, _)| this == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter, unless it is empty.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Every value of a parameter, without empty ones.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(this, value)| this == name && !value.is_empty());
        values.map(|(_, value)| value.clone()).collect()
    }

    /// All of these parameters as they were given, as a query.
    pub(crate) fn only(&self, names: &[&str]) -> String {
        let given = self.0.iter().filter(|(name, _)| names.contains(&name.as_str()));
        let pairs = given.map(
            |(name, value)| {
                if value.is_empty() { name.clone() } else { format!("{name}={value}") }
            },
        );
        pairs.collect::<Vec<_>>().join("&")
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.query().unwrap_or_default()))
    }
}
