//! The past for whoever reads: `from`, `to` and `speed` in a query make a stream of what was recorded.
use hub::{PastError, PastSpec, PastStream, Worker};
use media::StreamName;

/// What a query asks for; `None`: the present.
pub(crate) fn of_query(query: &str) -> Result<Option<PastSpec>, PastError> {
    PastSpec::of_query(url::form_urlencoded::parse(query.as_bytes()))
}

/// Opens the past of a stream.
pub(crate) async fn open(
    worker: &Worker,
    name: &StreamName,
    spec: PastSpec,
) -> Result<PastStream, PastError> {
    match worker.hub().past() {
        Some(past) => past.open(name, spec).await,
        None => Err(PastError::Nothing("nothing is recorded here".into())),
    }
}

/// The stream to read for a query about `name`: that one, or one that plays its past, which ends by itself when nobody has
/// read it for a while.
pub(crate) async fn stream(worker: &Worker, name: StreamName, query: &str) -> Result<StreamName, PastError> {
    match of_query(query)? {
        Some(spec) => Ok(open(worker, &name, spec).await?.keep()),
        None => Ok(name),
    }
}
