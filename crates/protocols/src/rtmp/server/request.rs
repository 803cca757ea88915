//! What a peer asks for, and what it said about itself in `connect`.
use super::super::command::Command;
use formats::amf0::Value;

/// A request to publish or to play.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The application, without query and slashes around it: `live`.
    pub app: String,
    /// The stream, without query and slashes before it: `camera`. Empty when the peer names none.
    pub stream: String,
    /// The queries of both, joined with `&`: `user=a&pass=b`. Often holds credentials.
    pub query: String,
    /// The URL as the peer gave it, without the stream.
    pub tc_url: String,
    /// What the peer calls itself, such as `FMLE/3.0 (compatible; Lavf59.27)`.
    pub flash_version: String,
    /// The web page that embeds a Flash player.
    pub page_url: String,
    /// FourCCs of the codecs that the peer says it takes beyond the old ones; `*` means any.
    pub four_ccs: Vec<String>,
}

impl Request {
    /// Application and stream as one path, `live/camera`; one of them when the other is empty.
    pub fn path(&self) -> String {
        let parts: Vec<&str> =
            [self.app.as_str(), self.stream.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("/")
    }
}

/// What `connect` said.
#[derive(Clone, Debug, Default)]
pub(super) struct Connect {
    app: String,
    query: String,
    tc_url: String,
    flash_version: String,
    page_url: String,
    four_ccs: Vec<String>,
    /// It told capabilities of enhanced RTMP, so it understands ours.
    pub(super) is_enhanced: bool,
}

impl Connect {
    pub(super) fn parse(command: &Command) -> Self {
        let object = command.values.first();
        let get = |key: &str| object.and_then(|object| object.get(key));
        let text = |key: &str| get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (app, query) = split_query(&text("app"));
        let mut four_ccs: Vec<String> = match get("fourCcList") {
            Some(Value::StrictArray(list)) => {
                list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(
                Value::Number(_)
                | Value::Bool(_)
                | Value::String(_)
                | Value::Object(_)
                | Value::EcmaArray(_)
                | Value::Date(_)
                | Value::Null
                | Value::Undefined,
            )
            | None => Vec::new(),
        };
        for map in ["videoFourCcInfoMap", "audioFourCcInfoMap"] {
            let codes = get(map).map(Value::properties).unwrap_or_default();
            four_ccs.extend(codes.iter().map(|(code, _)| code.clone()));
        }
        let is_enhanced = !four_ccs.is_empty() || get("capsEx").is_some();
        Self {
            app,
            query,
            tc_url: text("tcUrl"),
            flash_version: text("flashVer"),
            page_url: text("pageUrl"),
            four_ccs,
            is_enhanced,
        }
    }

    pub(super) fn request(&self, stream: &str) -> Request {
        let (stream, query) = split_query(stream);
        let queries: Vec<&str> =
            [self.query.as_str(), query.as_str()].into_iter().filter(|query| !query.is_empty()).collect();
        Request {
            app: self.app.clone(),
            stream,
            query: queries.join("&"),
            tc_url: self.tc_url.clone(),
            flash_version: self.flash_version.clone(),
            page_url: self.page_url.clone(),
            four_ccs: self.four_ccs.clone(),
        }
    }
}

/// Parts `name?query`; takes the slashes off the name.
fn split_query(text: &str) -> (String, String) {
    let (name, query) = text.split_once('?').unwrap_or((text, ""));
    (name.trim_matches('/').to_owned(), query.to_owned())
}
