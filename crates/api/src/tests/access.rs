//! Who may do what, on every kind of route.
use super::{HERE, THERE, given, plain, with_login};

/// A route of each kind, with what it takes to use it.
const READS: [&str; 7] =
    ["/", "/api", "/api/schemes", "/api/streams", "/api/v1/streams", "/api/v1/info", "/metrics"];
const CONTROLS: [(&str, &str); 10] = [
    ("PUT", "/api/streams?src=fake://h&name=x"),
    ("PATCH", "/api/streams?src=fake://h&name=x"),
    ("DELETE", "/api/streams?src=x"),
    ("PUT", "/api/preload?src=x"),
    ("GET", "/api/log"),
    ("GET", "/api/config"),
    ("GET", "/api/v1/children"),
    ("GET", "/api/v1/config"),
    ("POST", "/api/exit?code=200"),
    ("DELETE", "/api/v1/streams/x"),
];

#[tokio::test]
async fn without_a_login_strangers_look_and_do_not_touch() {
    let given = plain(&[("cam", "fake://ann:secret@h/x")]).await;
    for path in READS {
        let answer = given.ask_from(THERE, &[], "GET", path, "").await;
        assert_eq!(answer.status.as_u16(), 200, "{path}");
        assert!(!answer.body.contains("secret"), "{path}: {}", answer.body);
    }
    for (method, path) in CONTROLS {
        let answer = given.ask_from(THERE, &[], method, path, "").await;
        assert_eq!(answer.status.as_u16(), 403, "{method} {path}");
        assert!(answer.body.contains("api.username"), "it says what to set: {}", answer.body);
        assert_ne!(given.ask(method, path).await.status.as_u16(), 403, "{method} {path} from here");
    }
    assert!(given.ask("GET", "/api/v1/streams").await.json()["streams"].is_array());
}

#[tokio::test]
async fn with_a_login_everybody_shows_it_everywhere() {
    let given = given(&[("cam", "fake://ann:secret@h/x")], with_login(), "").await;
    let routes = READS.iter().map(|path| ("GET", *path)).chain(CONTROLS);
    for (method, path) in routes {
        for (peer, headers) in [
            (HERE, vec![]),
            (THERE, vec![("authorization", "Basic YW5uOndyb25n")]),
            (THERE, vec![("authorization", "Bearer YW5uOnJpZ2h0")]),
            (THERE, vec![("authorization", "Basic !")]),
        ] {
            let answer = given.ask_from(peer, &headers, method, path, "").await;
            assert_eq!(answer.status.as_u16(), 401, "{method} {path}");
            assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{method} {path}");
        }
        let answer =
            given.ask_from(THERE, &[("authorization", "basic YW5uOnJpZ2h0")], method, path, "").await;
        assert!(!matches!(answer.status.as_u16(), 401 | 403), "{method} {path}: {}", answer.status);
    }
}

#[tokio::test]
async fn owners_see_sources_whole_in_go2rtcs_list_and_nobody_does_in_ours() {
    let given = plain(&[("cam", "fake://ann:secret@h/x")]).await;
    let mine = given.ask("GET", "/api/streams").await.body;
    let theirs = given.ask_from(THERE, &[], "GET", "/api/streams", "").await.body;
    assert!(mine.contains("fake://ann:secret@h/x") && theirs.contains("fake://***@h/x"), "{mine}{theirs}");
    assert!(given.ask("GET", "/api/v1/streams").await.body.contains("fake://***@h/x"));
}

#[tokio::test]
async fn below_a_base_path_everything_is_as_without_and_nothing_is_beside_it() {
    let given = given(&[], with_login_for_nobody(), "/cams").await;
    assert_eq!(given.ask("GET", "/cams/api").await.status.as_u16(), 200);
    assert_eq!(given.ask("GET", "/cams/").await.status.as_u16(), 200);
    assert_eq!(given.ask("GET", "/cams").await.status.as_u16(), 200);
    assert_eq!(given.ask("GET", "/api").await.status.as_u16(), 404);
}

fn with_login_for_nobody() -> hub::Access {
    hub::Access { section: "api", ..hub::Access::default() }
}
