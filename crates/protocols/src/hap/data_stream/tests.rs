//! Against what hap-nodejs computes and writes (`fixtures/hap/make.js`), and both sides against each other.
use super::data_send::{
    ACK, Assembler, AssemblyError, CHUNK_BYTES, CLOSE, Chunks, Close, DATA, Data, DataType, OPEN, Open,
    PROTOCOL, Packet, Piece, Reason, open_answer,
};
use super::frames::{FrameError, PAYLOAD_BYTES_MAX};
use super::keys::DataStreamKeys;
use super::setup::{SetupRequest, SetupResponse, supported};
use super::value::{Dictionary, REPEATED_BYTES_MAX, VALUES_MAX, Value, ValueError};
use super::{Accepted, Connection, Kind, Message, MessageError, Output, REQUESTS_MAX, Status, StreamError};
use crate::hap::tests::fixture;
use crate::hap::tlv8::{Tlv8, Tlv8Error};
use bytes::Bytes;
use proptest::prelude::*;

const NODE: &str = include_str!("../../../fixtures/hap/data_stream_node.txt");

fn node(name: &str) -> Vec<u8> {
    fixture(NODE)[name].clone()
}

fn row<const N: usize>(from: u8) -> [u8; N] {
    std::array::from_fn(|index| from + index as u8)
}

fn keys() -> DataStreamKeys {
    DataStreamKeys::derive(&row::<32>(0), &row(64), &row(128)).unwrap()
}

fn parse(bytes: impl Into<Bytes>) -> Result<Dictionary, ValueError> {
    Dictionary::parse(bytes.into())
}

fn written(dictionary: &Dictionary) -> Vec<u8> {
    let mut bytes = Vec::new();
    dictionary.write(&mut bytes);
    bytes
}

/// Everything that is due: bytes of frames, and the rest.
fn drain(connection: &mut Connection) -> (Vec<u8>, Vec<Output>) {
    let (mut bytes, mut rest) = (Vec::new(), Vec::new());
    while let Some(output) = connection.poll_output() {
        match output {
            Output::Send(frame) => bytes.extend_from_slice(&frame),
            Output::Ready | Output::Message(_) => rest.push(output),
        }
    }
    (bytes, rest)
}

/// A controller and an accessory after their hello.
fn pair() -> (Connection, Connection) {
    let mut controller = Connection::of_controller(&keys()).unwrap();
    let (hello, _) = drain(&mut controller);
    let mut accepted = Accepted::default();
    assert_eq!(accepted.handle_input(&hello[..10]), Ok(false));
    assert_eq!(accepted.handle_input(&hello[10..]), Ok(true));
    let other = DataStreamKeys::derive(&row::<32>(1), &row(64), &row(128)).unwrap();
    let Err(accepted) = accepted.identify(&other) else { panic!("it is not that one's") };
    let Ok(Ok(mut accessory)) = accepted.identify(&keys()) else { panic!("it is that one's") };
    let (answer, ready) = drain(&mut accessory);
    assert_eq!(ready, [Output::Ready]);
    controller.handle_input(&answer).unwrap();
    assert_eq!(drain(&mut controller).1, [Output::Ready]);
    (controller, accessory)
}

/// What one says comes to the other.
fn pass(from: &mut Connection, to: &mut Connection) -> Vec<Message> {
    to.handle_input(&drain(from).0).unwrap();
    let message = |output| match output {
        Output::Message(message) => message,
        Output::Ready | Output::Send(_) => panic!("{output:?}"),
    };
    drain(to).1.into_iter().map(message).collect()
}

#[test]
fn keys_are_those_of_hap_nodejs_and_not_shown() {
    assert_eq!(keys().to_controller.to_vec(), node("read_key"));
    assert_eq!(keys().to_accessory.to_vec(), node("write_key"));
    assert_eq!(format!("{:?}", keys()), "DataStreamKeys(***)");
}

#[test]
fn frames_of_hap_nodejs_are_opened_and_its_recording_is_read() {
    let mut controller = Connection::of_controller(&keys()).unwrap();
    for byte in node("frames") {
        controller.handle_input(&[byte]).unwrap();
    }
    let (_, outputs) = drain(&mut controller);
    let [Output::Ready, Output::Message(message)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((message.protocol.as_str(), message.topic.as_str()), (PROTOCOL, DATA));
    let packet = Packet {
        data: row::<100>(0).to_vec().into(),
        kind: DataType::Initialization,
        piece: 1,
        chunk: 1,
        is_last: true,
        total: Some(100),
    };
    let data = Data { stream: 7, packets: vec![packet], end_of_stream: Some(false) };
    assert_eq!(Data::from_body(&message.body), Some(data));
}

#[test]
fn values_of_hap_nodejs_are_read() {
    let values = parse(node("values")).unwrap();
    let numbers = [-1, 0, 38, 100, -128, 300, -32768, 70000].map(Value::Int).to_vec();
    let expected = Dictionary::new()
        .with("numbers", Value::Array(numbers))
        .with("yes", true)
        .with("no", false)
        .with("none", Value::Null)
        .with("short", "a")
        .with("long", "b".repeat(40).as_str())
        .with("longer", "c".repeat(300).as_str())
        .with("data", Bytes::from(row::<8>(0).to_vec()))
        .with("big", Bytes::from(vec![7; 300]))
        .with("uuid", Value::Uuid([0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255]))
        .with("date", Value::Date(1.5))
        .with("half", Value::Float32(0.5))
        .with("quarter", Value::Float64(0.25));
    assert_eq!(values, expected);
    assert_eq!(parse(written(&expected)), Ok(expected));
    let many = parse(node("many")).unwrap();
    assert_eq!((many.entries().len(), many.array("name 19").unwrap().len()), (20, 15));
}

#[test]
fn pointers_back_of_hap_nodejs_are_followed() {
    let again = parse(node("again")).unwrap();
    let thousand = Value::Int(1000);
    let other = Value::Array(vec![thousand.clone(), thousand.clone(), thousand]);
    let expected = Dictionary::new()
        .with("first", "second")
        .with("second", "first")
        .with("number", 1000)
        .with("other", other);
    assert_eq!(again, expected);
}

#[test]
fn a_stream_is_set_up_with_hap_nodejs() {
    assert_eq!(supported().as_bytes(), node("supported_transport"));
    let request = SetupRequest { salt: row(64) };
    assert_eq!(SetupRequest::from_base64(&request.to_base64()), Ok(request));
    for response in
        [SetupResponse::Success { port: 51000, salt: row(128) }, SetupResponse::Error, SetupResponse::Busy]
    {
        assert_eq!(SetupResponse::from_base64(&response.to_base64()), Ok(response));
    }
    let short = Tlv8::new().with(1, [0]).with(2, [0]).with(3, [1; 31]).to_base64();
    assert_eq!(SetupRequest::from_base64(&short), Err(Tlv8Error::Length { kind: 3, length: 31 }));
    let udp = Tlv8::new().with(1, [0]).with(2, [1]).with(3, [1; 32]).to_base64();
    assert_eq!(SetupRequest::from_base64(&udp), Err(Tlv8Error::Value { kind: 2, number: 1 }));
}

#[test]
fn a_recording_is_opened_sent_in_chunks_acknowledged_and_closed() {
    let (mut controller, mut accessory) = pair();
    let open = Open::recording(3);
    let id = controller.request(PROTOCOL, OPEN, open.to_body()).unwrap();
    let asked = pass(&mut controller, &mut accessory).remove(0);
    assert_eq!(asked.kind, Kind::Request(id));
    assert_eq!(Open::from_body(&asked.body), Some(open));
    let (status, body) = open_answer(Ok(()));
    accessory.respond(&asked, status, body).unwrap();
    let answer = pass(&mut accessory, &mut controller).remove(0);
    assert_eq!(answer.kind, Kind::Response(id, Status::Success));

    let pieces = [Bytes::from(vec![1; 700]), Bytes::from(vec![2; 2 * CHUNK_BYTES + 1])];
    let mut chunks = Chunks::new(3);
    let head = chunks.cut(DataType::Initialization, &pieces[0], false);
    let events: Vec<Data> = head.chain(chunks.cut(DataType::Fragment, &pieces[1], true)).collect();
    for event in &events {
        accessory.event(PROTOCOL, DATA, event.to_body()).unwrap();
    }
    let got = pass(&mut accessory, &mut controller);
    assert_eq!(got.len(), 4);
    let mut assembler = Assembler::default();
    let mut assembled = Vec::new();
    for message in &got {
        assembled.extend(assembler.take(&Data::from_body(&message.body).unwrap()).unwrap());
    }
    let piece = |kind, index: usize| Piece { kind, data: pieces[index].clone() };
    assert_eq!(assembled, [piece(DataType::Initialization, 0), piece(DataType::Fragment, 1)]);
    assert_eq!(Data::from_body(&got[2].body).unwrap().end_of_stream, None);
    assert_eq!(Data::from_body(&got[3].body).unwrap().end_of_stream, Some(true));

    controller.event(PROTOCOL, ACK, Dictionary::new().with("streamId", 3).with("endOfStream", true)).unwrap();
    let close = Close { stream: 3, reason: Reason::Timeout };
    controller.event(PROTOCOL, CLOSE, close.to_body()).unwrap();
    let told = pass(&mut controller, &mut accessory);
    assert_eq!((told[0].topic.as_str(), Close::from_body(&told[1].body)), (ACK, Some(close)));
}

#[test]
fn a_refusal_says_why() {
    let (mut controller, mut accessory) = pair();
    controller.request(PROTOCOL, OPEN, Open::recording(1).to_body()).unwrap();
    let asked = pass(&mut controller, &mut accessory).remove(0);
    let (status, body) = open_answer(Err(Reason::InvalidConfiguration));
    accessory.respond(&asked, status, body).unwrap();
    let answer = pass(&mut accessory, &mut controller).remove(0);
    assert_eq!(answer.kind, Kind::Response(2, Status::ProtocolSpecific));
    assert_eq!(answer.body.int("status"), Some(9));
}

#[test]
fn anything_but_a_hello_ends_a_connection_that_begins() {
    let mut accepted = Accepted::default();
    let mut eager = Connection::of_controller(&keys()).unwrap();
    assert_eq!(eager.event(PROTOCOL, ACK, Dictionary::new()), Err(StreamError::NotReady));
    let (_hello, _) = drain(&mut eager);
    let mut other = super::frames::Sealer::new(&keys().to_accessory).unwrap();
    let kind = Kind::Request(1);
    let open = Message { protocol: PROTOCOL.into(), topic: OPEN.into(), kind, body: Dictionary::new() };
    accepted.handle_input(&other.seal(open.to_payload().unwrap()).unwrap()).unwrap();
    let Ok(Err(error)) = accepted.identify(&keys()) else { panic!("it ends") };
    assert_eq!(error, StreamError::NoHello("dataSend/open".into()));
}

#[test]
fn frames_that_are_damaged_lost_or_too_long_end_the_connection_for_ever() {
    let (mut controller, mut accessory) = pair();
    accessory.event(PROTOCOL, ACK, Dictionary::new()).unwrap();
    let (mut frame, _) = drain(&mut accessory);
    let last = frame.len() - 1;
    frame[last] ^= 1;
    let refused = Err(StreamError::Frame(FrameError::NotAuthentic { number: 1 }));
    assert_eq!(controller.handle_input(&frame), refused);
    frame[last] ^= 1;
    assert_eq!(controller.handle_input(&frame), Ok(()), "nothing is read any more");
    assert_eq!(drain(&mut controller), (vec![], vec![]));
    assert_eq!(controller.event(PROTOCOL, ACK, Dictionary::new()), Err(StreamError::NotReady));

    let mut accepted = Accepted::default();
    assert_eq!(accepted.handle_input(&[2, 0, 0, 1]), Err(FrameError::Type { number: 0, kind: 2 }));
    let mut accepted = Accepted::default();
    let too_long = FrameError::TooLong { number: 0, length: 0xff_ffff };
    assert_eq!(accepted.handle_input(&[1, 0xff, 0xff, 0xff]), Err(too_long));
    let (_, mut accessory) = pair();
    let body = Dictionary::new().with("data", Bytes::from(vec![0; PAYLOAD_BYTES_MAX]));
    let refused = accessory.event(PROTOCOL, DATA, body);
    assert!(matches!(refused, Err(StreamError::Frame(FrameError::TooLong { .. }))), "{refused:?}");
}

#[test]
fn answers_to_nothing_end_it_and_no_more_than_16_requests_wait() {
    let (mut controller, mut accessory) = pair();
    for _ in 0..REQUESTS_MAX {
        controller.request(PROTOCOL, OPEN, Dictionary::new()).unwrap();
    }
    assert_eq!(controller.request(PROTOCOL, OPEN, Dictionary::new()), Err(StreamError::Waiting));
    let asked = pass(&mut controller, &mut accessory).remove(0);
    accessory.respond(&asked, Status::MissingProtocol, Dictionary::new()).unwrap();
    accessory.respond(&asked, Status::MissingProtocol, Dictionary::new()).unwrap();
    assert_eq!(controller.handle_input(&drain(&mut accessory).0), Err(StreamError::Unasked(2)));
}

#[test]
fn hostile_values_are_refused_with_their_place() {
    let tag = |at, tag| Err(ValueError::Tag { at, tag });
    assert_eq!(parse(vec![]), Err(ValueError::Truncated { at: 0, needed: 1, left: 0 }));
    assert_eq!(parse(vec![0x08]), Err(ValueError::NoDictionary));
    assert_eq!(parse(vec![0xe1, 0x41, b'a', 0x00]), tag(3, 0));
    assert_eq!(parse(vec![0xe1, 0x41, b'a', 0x03]), tag(3, 3));
    assert_eq!(parse(vec![0xe1, 0x08, 0x08]), Err(ValueError::Name { at: 1 }));
    assert_eq!(parse(vec![0xe1, 0x41, 0xff, 0x08]), Err(ValueError::Text { at: 2 }));
    assert_eq!(parse(vec![0xe0, 0x08]), Err(ValueError::TooLong { bytes: 1 }));
    let back = Err(ValueError::Back { at: 3, index: 1, known: 1 });
    assert_eq!(parse(vec![0xe1, 0x41, b'a', 0xa1]), back);
    let huge = [&[0xe1, 0x41, b'a', 0x94][..], &[0xff; 8]].concat();
    assert_eq!(parse(huge), Err(ValueError::Truncated { at: 12, needed: u64::MAX, left: 0 }));
    let deep = [&[0xe1, 0x41, b'a'][..], &[0xdf; 1000]].concat();
    assert_eq!(parse(deep), Err(ValueError::TooDeep));
    let many = [&[0xe1, 0x41, b'a', 0xdf][..], &[0x01; VALUES_MAX], &[0x03]].concat();
    assert_eq!(parse(many), Err(ValueError::TooMany));
    let text = "b".repeat(REPEATED_BYTES_MAX / 4);
    let once = written(&Dictionary::new().with("a", text.as_str()));
    let bomb = [&[0xe2][..], &once[1..], &[0x41, b'c', 0xd6], &[0xa1; 6]].concat();
    assert_eq!(parse(bomb), Err(ValueError::Repeated));
}

#[test]
fn messages_without_what_they_need_are_refused() {
    let payload = |head: Dictionary| {
        let head = written(&head);
        Bytes::from([&[head.len() as u8][..], &head, &[0xe0]].concat())
    };
    let of = |name: &str| Dictionary::new().with("protocol", "p").with(name, "t");
    let missing = |name| Err(MessageError::Missing(name));
    assert_eq!(Message::parse(&payload(of("nothing"))), missing("topic"));
    assert_eq!(Message::parse(&payload(of("request"))), missing("id"));
    assert_eq!(Message::parse(&payload(of("response").with("id", 1))), missing("status"));
    assert_eq!(Message::parse(&payload(Dictionary::new().with("event", "t"))), missing("protocol"));
    let short = Err(MessageError::Truncated { length: 9, left: 1 });
    assert_eq!(Message::parse(&Bytes::from_static(&[9, 0])), short);
    let long =
        Message { protocol: "p".repeat(300), topic: "t".into(), kind: Kind::Event, body: Dictionary::new() };
    assert!(matches!(long.to_payload(), Err(MessageError::HeadTooLong(_))));
}

#[test]
fn pieces_that_do_not_fit_together_are_refused() {
    let packet = |piece, chunk, length: usize, is_last, total| Packet {
        data: vec![0; length].into(),
        kind: DataType::Fragment,
        piece,
        chunk,
        is_last,
        total,
    };
    let take = |packets| Assembler::default().take(&Data { stream: 1, packets, end_of_stream: None });
    let out_of_order = AssemblyError::OutOfOrder { chunk: 3, piece: 1, due_chunk: 2, due_piece: 1 };
    let lost = vec![packet(1, 1, 5, false, Some(15)), packet(1, 3, 5, true, None)];
    assert_eq!(take(lost), Err(out_of_order));
    let long = take(vec![packet(1, 1, 5, true, Some(4))]);
    assert_eq!(long, Err(AssemblyError::TooLong { piece: 1, length: 5, limit: 4 }));
    let short = take(vec![packet(1, 1, 5, true, Some(6))]);
    assert_eq!(short, Err(AssemblyError::Short { piece: 1, length: 5, total: 6 }));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-200..40_000_i64).prop_map(Value::Int),
        prop::num::f32::NORMAL.prop_map(Value::Float32),
        prop::num::f64::NORMAL.prop_map(Value::Float64),
        prop::num::f64::NORMAL.prop_map(Value::Date),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        "[a-zß]{0,70}".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|data| Value::Data(data.into())),
    ];
    leaf.prop_recursive(4, 64, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::Array),
            dictionary(inner).prop_map(Value::Dictionary),
        ]
    })
}

fn dictionary(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Dictionary> {
    prop::collection::vec(("[a-z]{0,40}", inner), 0..20).prop_map(|entries| {
        entries.into_iter().fold(Dictionary::new(), |all, (name, value)| all.with(&name, value))
    })
}

proptest! {
    #[test]
    fn values_come_back(values in dictionary(value())) {
        prop_assert_eq!(parse(written(&values)), Ok(values));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(bytes.clone());
        let _ = Message::parse(&Bytes::from(bytes.clone()));
        let _ = Accepted::default().handle_input(&bytes);
        let mut controller = Connection::of_controller(&keys()).unwrap();
        let _ = controller.handle_input(&bytes);
    }

    /// One byte of what hap-nodejs writes is another one: nothing panics.
    #[test]
    fn turned_bytes_are_read_or_refused(at in 0..900_usize, byte in any::<u8>()) {
        for name in ["values", "many", "again"] {
            let mut bytes = node(name);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = parse(bytes);
        }
    }
}
