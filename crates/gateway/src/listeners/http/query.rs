//! Query strings, as browsers and go2rtc's clients write them.
use crate::listeners::past;
use ::http::Uri;
use hub::{PastError, PastSpec, Worker};
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

    /// The stream that a reader of `name` means: that one, or, with `from`, one that plays its past.
    pub(crate) async fn past(&self, worker: &Worker, name: StreamName) -> Result<StreamName, PastError> {
        match PastSpec::of_query(self.0.iter().map(|(key, value)| (key, value)))? {
            Some(spec) => Ok(past::open(worker, &name, spec).await?.keep()),
            None => Ok(name),
        }
    }

    /// The stream that `key` names.
    pub(crate) fn stream(&self, key: &str) -> Result<StreamName, String> {
        let value = self.get(key).ok_or_else(|| format!("the query needs {key}=NAME, the stream's name"))?;
        StreamName::new(value).map_err(|e: NameError| format!("{key}={value}: {e}"))
    }
}
