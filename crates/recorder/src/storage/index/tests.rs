//! The index by itself: what is asked each second must not read everything.
use super::*;
use crate::segment::FileFormat::{Fmp4, Hls};

fn index(what: &str) -> (Index, std::path::PathBuf) {
    let path = std::env::temp_dir().join(format!("aqueduct-index-{what}-{}.sqlite3", std::process::id()));
    let _ = std::fs::remove_file(&path);
    (Index::open(&path, WallTime::default()).unwrap(), path)
}

fn add(index: &mut Index, stream: &str, format: FileFormat, second: i64) -> i64 {
    let from = WallTime::from_micros(second * 1_000_000);
    let path = format!("{stream}/{}/{second}.mp4", format.as_str());
    let new = NewSegment { stream, format, path: &path, from, tracks: "", gap: None, head: 0 };
    let id = index.begin(&new).unwrap();
    let to = WallTime::from_micros((second + 1) * 1_000_000);
    index.close(id, Span { from, to }, 10, 0).unwrap();
    id
}

fn ids(found: Result<Vec<Segment>, IndexError>) -> Vec<i64> {
    found.unwrap().into_iter().map(|segment| segment.id).collect()
}

#[test]
fn the_oldest_are_those_of_the_stream_and_format_that_ended_before_and_are_not_protected() {
    let (mut index, path) = index("oldest");
    let first = add(&mut index, "cam", Fmp4, 1);
    let second = add(&mut index, "cam", Fmp4, 2);
    let list = add(&mut index, "cam", Hls, 1);
    let other = add(&mut index, "other", Fmp4, 0);
    let open = NewSegment {
        stream: "cam",
        format: Fmp4,
        path: "open.mp4",
        from: WallTime::default(),
        tracks: "",
        gap: None,
        head: 0,
    };
    index.begin(&open).unwrap();
    assert_eq!(ids(index.oldest(None, None, 10)), [other, first, list, second]);
    assert_eq!(ids(index.oldest(Some(("cam", Fmp4)), None, 10)), [first, second]);
    let before = Some(WallTime::from_micros(2_000_000));
    assert_eq!(ids(index.oldest(Some(("cam", Fmp4)), before, 10)), [first]);
    assert_eq!(index.bytes_of("cam", Fmp4).unwrap(), 20);
    let at = WallTime::from_micros(1_500_000);
    let id = index.protect("cam", Span { from: at, to: WallTime::from_micros(1_600_000) }, "").unwrap();
    assert_eq!(ids(index.oldest(Some(("cam", Fmp4)), None, 10)), [second]);
    assert!(index.unprotect("cam", id).unwrap() && !index.unprotect("cam", id).unwrap());
    assert_eq!(ids(index.oldest(None, None, 2)), [other, first]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_was_taken_in_ends_where_the_next_begins_and_says_where_another_recording_does() {
    let (mut index, path) = index("settle");
    let [first, second, third] = [1, 2, 10].map(|second| add(&mut index, "cam", Fmp4, second));
    let list = add(&mut index, "cam", Hls, 2);
    let span = |from, to| Span { from: WallTime::from_micros(from), to: WallTime::from_micros(to) };
    index.close(first, span(1_000_000, 2_020_000), 10, 0).unwrap();
    index.close(second, span(2_000_000, 15_000_000), 10, 0).unwrap();
    assert_eq!(index.settle(WallTime::from_micros(3_000_000)).unwrap(), 0);
    assert_eq!(index.settle(WallTime::default()).unwrap(), 2);
    assert_eq!(index.settle(WallTime::default()).unwrap(), 0);
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.overlaps().unwrap(), []);
    let segments = reader.segments("cam", Span::ALL, None, 10).unwrap();
    let found: Vec<_> = segments.iter().map(|s| (s.id, s.span, s.gap.is_some())).collect();
    let wanted = [
        (first, span(1_000_000, 2_000_000), false),
        (second, span(2_000_000, 15_000_000), false),
        (list, span(2_000_000, 3_000_000), false),
        (third, span(10_000_000, 11_000_000), true),
    ];
    assert_eq!(found, wanted);
    std::fs::remove_file(path).unwrap();
}

/// With a million segments and nothing old enough, a scan would hold up every recording for a second, each second.
#[test]
fn what_retention_asks_begins_in_an_index() {
    let (index, path) = index("plan");
    for (of, wanted) in [
        (None, "segments_by_age (began<?)"),
        (Some(("cam", Fmp4)), "segments_by_time (stream=? AND began<?)"),
    ] {
        let text = format!("EXPLAIN QUERY PLAN {}", Index::oldest_text(of.is_some()));
        let mut statement = index.connection.prepare(&text).unwrap();
        let lines = statement
            .query_map(rusqlite::params![None::<&str>, None::<&str>, 0, 0], |row| row.get::<_, String>(3));
        let plan: Vec<String> = lines.unwrap().map(Result::unwrap).collect();
        assert!(plan.iter().any(|line| line.contains("SEARCH s") && line.contains(wanted)), "{plan:#?}");
        assert!(!plan.iter().any(|line| line.starts_with("SCAN s")), "{plan:#?}");
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_index_of_a_newer_server_is_refused_with_what_helps() {
    let (index, path) = index("newer");
    index.connection.pragma_update(None, "user_version", 99).unwrap();
    drop(index);
    let refused = Index::open(&path, WallTime::default()).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("version 99") && refused.contains("newer server"), "{refused}");
    std::fs::remove_file(path).unwrap();
}
