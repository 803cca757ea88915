//! Which stream `vhost`, `app` and `stream` mean. One rule, that of the RTMP listener: `app/stream` is the stream's name,
//! and the application `live` stands for none. So `live` + `cam` is `cam`; a stream that is called `live/cam` is meant
//! where there is no `cam`. The other way, a name without a slash is of the application `live`.
//!
//! There is one virtual host, as in ZLMediaKit with `enableVhost=0`: whatever a caller says, it means that one.
use super::envelope::Failure;
use super::fields::Fields;
use crate::shared::Shared;
use media::StreamName;

/// The application that stands for none.
const APP_OF_NONE: &str = "live";

/// What ZLMediaKit says where there is no stream.
const MISSING: &str = "can not find the stream";

/// The names that the parameters may mean, the better one first.
pub(super) fn names(fields: &Fields) -> Result<Vec<StreamName>, Failure> {
    let [_, app, stream] = fields.required(["vhost", "app", "stream"])?;
    of(app, stream)
}

/// The names that an application and a stream in it may mean.
pub(super) fn of(app: &str, stream: &str) -> Result<Vec<StreamName>, Failure> {
    let name = |name: &str| StreamName::new(name).map_err(Failure::invalid);
    let whole = name(&format!("{app}/{stream}"))?;
    Ok(if app == APP_OF_NONE { vec![name(stream)?, whole] } else { vec![whole] })
}

/// The stream that there is of these names.
pub(super) async fn existing(shared: &Shared, names: Vec<StreamName>) -> Option<StreamName> {
    for name in names {
        if shared.hub.has(&name).await {
            return Some(name);
        }
    }
    None
}

/// The stream that the parameters mean.
pub(super) async fn find(shared: &Shared, fields: &Fields) -> Result<StreamName, Failure> {
    existing(shared, names(fields)?).await.ok_or_else(missing)
}

pub(super) fn missing() -> Failure {
    Failure::not_found(MISSING)
}

/// Application and stream of a name.
pub(super) fn parts(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or((APP_OF_NONE, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_stands_for_no_application_and_every_other_one_is_part_of_the_name() {
        let names = |app, stream| {
            let names = of(app, stream).map_err(|failure| failure.msg)?;
            Ok::<_, String>(names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(names("live", "cam").as_deref(), Ok("cam live/cam"));
        assert_eq!(names("rtp", "34020000001320000001").as_deref(), Ok("rtp/34020000001320000001"));
        assert_eq!(names("live", "house/door").as_deref(), Ok("house/door live/house/door"));
        assert!(names("live", "..").is_err() && names("..", "etc").is_err());
        for (name, expected) in
            [("cam", ("live", "cam")), ("rtp/1", ("rtp", "1")), ("house/door/talk", ("house", "door/talk"))]
        {
            assert_eq!(parts(name), expected);
            assert!(of(expected.0, expected.1).unwrap().iter().any(|known| known.as_str() == name));
        }
    }
}
