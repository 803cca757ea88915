//! Writes AMF0 values.
use super::{Value, marker};
use bytes::{BufMut, Bytes, BytesMut};

/// These values, one after the other.
pub fn encode(values: &[Value]) -> Bytes {
    let mut out = BytesMut::with_capacity(256);
    for value in values {
        write_value(&mut out, value);
    }
    out.freeze()
}

/// Appends one value.
pub fn write_value(out: &mut BytesMut, value: &Value) {
    match value {
        Value::Number(number) => {
            out.put_u8(marker::NUMBER);
            out.put_f64(*number);
        }
        Value::Bool(truth) => out.put_slice(&[marker::BOOLEAN, u8::from(*truth)]),
        Value::String(text) => {
            if let Ok(length) = u16::try_from(text.len()) {
                out.put_u8(marker::STRING);
                out.put_u16(length);
                out.put_slice(text.as_bytes());
            } else {
                // No text of 4 GiB can be here: it would not have fitted a message.
                let bytes = &text.as_bytes()[..text.len().min(u32::MAX as usize)];
                out.put_u8(marker::LONG_STRING);
                out.put_u32(bytes.len() as u32);
                out.put_slice(bytes);
            }
        }
        Value::Object(properties) => {
            out.put_u8(marker::OBJECT);
            write_properties(out, properties);
        }
        Value::EcmaArray(properties) => {
            out.put_u8(marker::ECMA_ARRAY);
            out.put_u32(properties.len() as u32);
            write_properties(out, properties);
        }
        Value::StrictArray(values) => {
            out.put_u8(marker::STRICT_ARRAY);
            out.put_u32(values.len() as u32);
            for value in values {
                write_value(out, value);
            }
        }
        Value::Date(millis) => {
            out.put_u8(marker::DATE);
            out.put_f64(*millis);
            out.put_u16(0);
        }
        Value::Null => out.put_u8(marker::NULL),
        Value::Undefined => out.put_u8(marker::UNDEFINED),
    }
}

fn write_properties(out: &mut BytesMut, properties: &[(String, Value)]) {
    for (key, value) in properties {
        // A property name has at most 65,535 bytes; a longer one is cut.
        let mut length = key.len().min(usize::from(u16::MAX));
        while !key.is_char_boundary(length) {
            length -= 1;
        }
        out.put_u16(length as u16);
        out.put_slice(&key.as_bytes()[..length]);
        write_value(out, value);
    }
    out.put_slice(&[0, 0, marker::OBJECT_END]);
}
