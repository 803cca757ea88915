//! Query strings, as browsers and go2rtc's clients write them.
use ::http::Uri;
use media::{NameError, StreamName};

/// The pairs of a query, decoded, in order.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The first value of a key; an empty one counts as none.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
            .filter(|v| !v.is_empty())
    }

    /// The stream that `key` names.
    pub(crate) fn stream(&self, key: &str) -> Result<StreamName, String> {
        let value = self.get(key).ok_or_else(|| format!("the query needs {key}=NAME, the stream's name"))?;
        StreamName::new(value).map_err(|e: NameError| format!("{key}={value}: {e}"))
    }
}
