use super::*;
use proptest::prelude::*;

fn entry(uri: &str, millis: u64) -> Entry {
    Entry {
        uri: uri.into(),
        byte_range: None,
        duration: Duration::from_millis(millis),
        program_date_time: None,
        discontinuity: false,
        map: None,
    }
}

/// 2026-11-29 16:45:00 UTC.
fn at(seconds: i64) -> Option<WallTime> {
    Some(WallTime::from_micros((1_795_970_700 + seconds) * 1_000_000))
}

#[test]
fn a_recording_in_fragments_of_mp4() {
    let map =
        |uri: &str| Some(Map { uri: uri.into(), byte_range: Some(ByteRange { length: 1_200, offset: 0 }) });
    let part = |uri: &str, length, offset, seconds| Entry {
        byte_range: Some(ByteRange { length, offset }),
        program_date_time: at(seconds),
        map: map(uri),
        ..entry(uri, 6_000)
    };
    let playlist = Playlist {
        kind: Kind::Vod,
        entries: vec![
            part("a.mp4", 500_000, 1_200, 0),
            part("a.mp4", 510_000, 501_200, 6),
            Entry {
                discontinuity: true,
                duration: Duration::from_micros(6_040_001),
                ..part("b.mp4", 9, 1_200, 60)
            },
        ],
        ..Playlist::default()
    };
    insta::assert_snapshot!(playlist, @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-TARGETDURATION:7
    #EXT-X-PLAYLIST-TYPE:VOD
    #EXT-X-MEDIA-SEQUENCE:0
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MAP:URI="a.mp4",BYTERANGE="1200@0"
    #EXT-X-PROGRAM-DATE-TIME:2026-11-29T16:45:00.000Z
    #EXTINF:6.000000,
    #EXT-X-BYTERANGE:500000@1200
    a.mp4
    #EXT-X-PROGRAM-DATE-TIME:2026-11-29T16:45:06.000Z
    #EXTINF:6.000000,
    #EXT-X-BYTERANGE:510000@501200
    a.mp4
    #EXT-X-DISCONTINUITY
    #EXT-X-MAP:URI="b.mp4",BYTERANGE="1200@0"
    #EXT-X-PROGRAM-DATE-TIME:2026-11-29T16:46:00.000Z
    #EXTINF:6.040001,
    #EXT-X-BYTERANGE:9@1200
    b.mp4
    #EXT-X-ENDLIST
    "#);
    let read = parse(&playlist.to_string()).unwrap();
    assert_eq!(read, Playlist { ended: true, target_seconds_min: 7, ..playlist });
    assert_eq!(read.duration(), Duration::from_micros(18_040_001));
}

#[test]
fn a_live_playlist_of_transport_streams() {
    let mut playlist = Playlist {
        media_sequence: 41,
        discontinuity_sequence: 2,
        target_seconds_min: 4,
        entries: vec![entry("41.ts", 2_000), entry("42.ts", 2_001)],
        ..Playlist::default()
    };
    insta::assert_snapshot!(playlist, @r"
    #EXTM3U
    #EXT-X-VERSION:3
    #EXT-X-TARGETDURATION:4
    #EXT-X-MEDIA-SEQUENCE:41
    #EXT-X-DISCONTINUITY-SEQUENCE:2
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXTINF:2.000000,
    41.ts
    #EXTINF:2.001000,
    42.ts
    ");
    assert_eq!(parse(&playlist.to_string()), Ok(playlist.clone()));
    (playlist.kind, playlist.ended, playlist.entries) = (Kind::Event, true, vec![]);
    insta::assert_snapshot!(playlist, @r"
    #EXTM3U
    #EXT-X-VERSION:3
    #EXT-X-TARGETDURATION:4
    #EXT-X-PLAYLIST-TYPE:EVENT
    #EXT-X-MEDIA-SEQUENCE:41
    #EXT-X-DISCONTINUITY-SEQUENCE:2
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-ENDLIST
    ");
}

#[test]
fn no_uri_leaves_its_line_or_its_quotation_marks() {
    let map = Map { uri: "in\"it\n.mp4".into(), byte_range: None };
    let playlist = Playlist {
        entries: vec![Entry { map: Some(map), ..entry("#a b\r\n#EXT-X-ENDLIST", 500) }],
        ..Playlist::default()
    };
    insta::assert_snapshot!(playlist, @r##"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-TARGETDURATION:1
    #EXT-X-MEDIA-SEQUENCE:0
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MAP:URI="in%22it%0A.mp4"
    #EXTINF:0.500000,
    %23a%20b%0D%0A#EXT-X-ENDLIST
    "##);
}

#[test]
fn playlists_of_others_are_read() {
    let text = "#EXTM3U\r\n#EXT-X-VERSION:4\r\n## made by hand\r\n#EXT-X-TARGETDURATION:10\r\n\r\n\
        #EXTINF:9.009,a title, with a comma\r\n#EXT-X-BYTERANGE:100@50\r\nall.ts\r\n\
        #EXTINF:10\r\n#EXT-X-BYTERANGE:20\r\nall.ts\r\n#EXT-X-ENDLIST\r\n";
    let playlist = parse(text).unwrap();
    let found: Vec<(&str, u128, Option<ByteRange>)> = playlist
        .entries
        .iter()
        .map(|entry| (&entry.uri[..], entry.duration.as_millis(), entry.byte_range))
        .collect();
    let range = |length, offset| Some(ByteRange { length, offset });
    assert_eq!(found, [("all.ts", 9_009, range(100, 50)), ("all.ts", 10_000, range(20, 150))]);
    assert_eq!((playlist.kind, playlist.ended, playlist.target_seconds()), (Kind::Live, true, 10));
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, said) in [
        ("", "line 1 of the playlist: does not begin with #EXTM3U"),
        ("#EXTM3U\n", "line 1 of the playlist: has no target duration"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:x\n", "line 2 of the playlist: is no whole number"),
        ("#EXTM3U\n#EXTINF:1,\na\nb\n", "line 4 of the playlist: has no duration before it"),
        ("#EXTM3U\n#EXTINF:-1,\na\n", "line 2 of the playlist: is no duration"),
        (
            "#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:5\na\n",
            "line 4 of the playlist: has a byte range that follows nothing",
        ),
        (
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na\n",
            "line 2 of the playlist: lists playlists and not segments",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), said);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(#EXT[A-Z-]*:?|[ -~]|\n|é|@|\"|[0-9]){0,200}") {
        let _ = parse(&text);
        let _ = parse(&format!("#EXTM3U\n#EXT-X-MAP:{text}"));
        let _ = parse(&format!("#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:{text}"));
        let _ = parse(&format!("#EXTM3U\n#EXTINF:{text}"));
    }

    #[test]
    fn what_is_written_is_read_and_no_segment_rounds_to_more_than_the_target(
        durations in proptest::collection::vec(0_u64..20_000_000, 0..20),
    ) {
        let entries = durations.iter().map(|micros| Entry { duration: Duration::from_micros(*micros), ..entry("a", 0) });
        let playlist = Playlist { entries: entries.collect(), ..Playlist::default() };
        let read = parse(&playlist.to_string()).unwrap();
        prop_assert_eq!(&read.entries, &playlist.entries);
        let target = read.target_seconds_min;
        prop_assert!(durations.iter().all(|micros| (micros + 500_000) / 1_000_000 <= target));
    }
}
