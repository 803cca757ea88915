use super::super::JSON;
use super::*;
use proptest::prelude::*;

fn read(mut reader: Reader, bytes: &[u8]) -> Result<Vec<Incoming>, HttpError> {
    reader.handle_input(bytes);
    let mut messages = Vec::new();
    while let Some(message) = reader.poll_output()? {
        messages.push(message);
    }
    Ok(messages)
}

#[test]
fn requests_are_read_as_they_are_written() {
    let requests = [
        Request::get("/characteristics?id=1.9,1.10&ev=1"),
        Request::with_body(Method::Put, "/characteristics", JSON, b"{}".to_vec()),
        Request::with_body(Method::Post, "/pair-setup", "application/pairing+tlv8", vec![6, 1, 1]),
    ];
    let bytes: Vec<u8> = requests.iter().flat_map(|request| request.to_bytes("camera.local:5001")).collect();
    assert!(
        bytes.starts_with(
            b"GET /characteristics?id=1.9,1.10&ev=1 HTTP/1.1\r\nHost: camera.local:5001\r\n\r\n"
        )
    );
    let came = read(Reader::of_accessory(), &bytes).unwrap();
    assert_eq!(came.len(), 3);
    for (came, sent) in came.iter().zip(&requests) {
        let Incoming::Request(came) = came else { panic!("{came:?}") };
        assert_eq!((came.method, &came.target, &came.body), (sent.method, &sent.target, &sent.body));
    }
    assert_eq!((requests[0].path(), requests[0].parameter("id")), ("/characteristics", Some("1.9,1.10")));
    assert_eq!((requests[0].parameter("ev"), requests[0].parameter("meta")), (Some("1"), None));
}

#[test]
fn events_come_between_responses() {
    let event = Response::with_body(200, JSON, b"{\"characteristics\":[]}".to_vec());
    let bytes = [
        Response::empty(204).to_bytes(),
        event.to_event_bytes(),
        Response::with_body(207, JSON, b"{}".to_vec()).to_bytes(),
    ]
    .concat();
    let came = read(Reader::of_controller(), &bytes).unwrap();
    assert!(
        matches!(&came[0], Incoming::Response(response) if response.status == 204 && response.body.is_empty())
    );
    assert!(matches!(&came[1], Incoming::Event(came) if came.body == event.body));
    assert!(matches!(&came[2], Incoming::Response(response) if response.status == 207));
}

#[test]
fn responses_in_chunks_are_joined_as_hap_nodejs_sends_them() {
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Type: application/hap+json\r\nDate: Mon, 30 Nov 2026 10:00:00 GMT\r\n\
        Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"acces\"\r\n2;x=1\r\n:1\r\n0\r\n\r\n\
        EVENT/1.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    let came = read(Reader::of_controller(), bytes).unwrap();
    assert!(matches!(&came[0], Incoming::Response(response) if response.body == b"{\"acces\":1"));
    assert!(matches!(&came[1], Incoming::Event(_)));
}

#[test]
fn whatever_is_no_message_is_refused_for_ever() {
    for (bytes, error) in [
        (&b"HELLO\r\n\r\n"[..], "\"HELLO\" starts no message"),
        (b"DELETE / HTTP/1.1\r\n\r\n", "\"DELETE / HTTP/1.1\" starts no message"),
        (b"GET / HTTP/2\r\n\r\n", "\"GET / HTTP/2\" starts no message"),
        (b"GET / HTTP/1.1\r\nHost\r\n\r\n", "\"Host\" is no field"),
        (b"PUT / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", "the length of a body is \"+1\""),
        (
            b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "the length of a body is \"2\"",
        ),
        (
            b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "the length of a body is \"chunked\"",
        ),
        (b"PUT / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", "a body is longer than 65536 bytes"),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "\"-1\" is no chunk"),
        (
            b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n",
            "a body is longer than 65536 bytes",
        ),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz", "\"yz\" is no chunk"),
    ] {
        let mut reader = Reader::of_accessory();
        reader.handle_input(bytes);
        let refused = reader.poll_output().unwrap_err();
        assert_eq!(refused.to_string(), error);
        reader.handle_input(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(reader.poll_output(), Err(refused));
    }
}

#[test]
fn heads_and_chunked_bodies_have_limits() {
    let head = vec![b'a'; HEAD_BYTES_MAX + 5];
    assert_eq!(read(Reader::of_accessory(), &head), Err(HttpError::HeadTooLong));
    let mut body = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..5 {
        body.extend(b"4000\r\n");
        body.extend([b'x'; 0x4000]);
        body.extend(b"\r\n");
    }
    let max = BODY_BYTES_MAX_ACCESSORY;
    assert_eq!(read(Reader::of_accessory(), &body), Err(HttpError::BodyTooLong { max }));
}

#[test]
fn no_value_can_start_another_line() {
    let request = Request::get("/x HTTP/1.1\r\nEvil: 1");
    assert!(
        request
            .to_bytes("h\r\nEvil: 1")
            .starts_with(b"GET /xHTTP/1.1Evil:1 HTTP/1.1\r\nHost: h  Evil: 1\r\n\r\n")
    );
}

proptest! {
    #[test]
    fn messages_are_read_however_they_are_cut(body in prop::collection::vec(any::<u8>(), 0..300), cut in 1..80_usize) {
        let bytes = [
            Response::with_body(200, JSON, body.clone()).to_bytes(),
            Response::with_body(200, JSON, body.clone()).to_event_bytes(),
        ].concat();
        let mut reader = Reader::of_controller();
        let mut came = Vec::new();
        for part in bytes.chunks(cut) {
            reader.handle_input(part);
            while let Some(message) = reader.poll_output().unwrap() {
                came.push(message);
            }
        }
        prop_assert_eq!(came.len(), 2);
        prop_assert!(matches!(&came[1], Incoming::Event(event) if event.body == body));
        prop_assert_eq!(reader.pending_bytes(), 0);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(Reader::of_accessory(), &bytes);
        let _ = read(Reader::of_controller(), &bytes);
    }
}
