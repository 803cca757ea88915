//! Values as bytes, each in its shortest form that hap-nodejs, and with it Apple's hubs, are known to take.
use super::{Dictionary, Value, tag};

/// Longer texts and data have their length beside the tag.
const INLINE_BYTES_MAX: usize = 32;
/// Longer lists end with a terminator; the tags would have room for 14, hap-nodejs uses them up to here.
const ARRAY_INLINE_MAX: usize = 12;
/// Longer dictionaries end with a terminator.
const DICTIONARY_INLINE_MAX: usize = 14;
/// The highest integer that is written within its tag; the tags go on to 39, which others do not write.
const INT_INLINE_MAX: i64 = 38;
/// The tags of texts and of data, by how their length is written.
const TEXT: [u8; 5] = [tag::TEXT_0, tag::TEXT8, tag::TEXT16, tag::TEXT32, tag::TEXT64];
const DATA: [u8; 5] = [tag::DATA_0, tag::DATA8, tag::DATA16, tag::DATA32, tag::DATA64];

fn value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(tag::NULL),
        Value::Bool(true) => out.push(tag::TRUE),
        Value::Bool(false) => out.push(tag::FALSE),
        Value::Int(number) => int(*number, out),
        Value::Float32(number) => put(out, tag::FLOAT32, &number.to_le_bytes()),
        Value::Float64(number) => put(out, tag::FLOAT64, &number.to_le_bytes()),
        Value::Date(seconds) => put(out, tag::DATE, &seconds.to_le_bytes()),
        Value::Uuid(uuid) => put(out, tag::UUID, uuid),
        Value::Text(text) => sized(out, &TEXT, text.as_bytes()),
        Value::Data(data) => sized(out, &DATA, data),
        Value::Array(values) => {
            let is_inline = values.len() <= ARRAY_INLINE_MAX;
            out.push(if is_inline { tag::ARRAY_0 + values.len() as u8 } else { tag::ARRAY_TERMINATED });
            values.iter().for_each(|one| self::value(one, out));
            if !is_inline {
                out.push(tag::TERMINATOR);
            }
        }
        Value::Dictionary(of) => dictionary(of, out),
    }
}

pub(super) fn dictionary(of: &Dictionary, out: &mut Vec<u8>) {
    let count = of.entries.len();
    let is_inline = count <= DICTIONARY_INLINE_MAX;
    out.push(if is_inline { tag::DICTIONARY_0 + count as u8 } else { tag::DICTIONARY_TERMINATED });
    for (name, one) in &of.entries {
        sized(out, &TEXT, name.as_bytes());
        value(one, out);
    }
    if !is_inline {
        out.push(tag::TERMINATOR);
    }
}

/// Those of 32 bits are written with 64: hap-nodejs does, and so nobody has seen others in the field.
fn int(number: i64, out: &mut Vec<u8>) {
    match (number, i8::try_from(number), i16::try_from(number)) {
        (-1, ..) => out.push(tag::MINUS_ONE),
        (0..=INT_INLINE_MAX, ..) => out.push(tag::INT_0 + number as u8),
        (_, Ok(number), _) => put(out, tag::INT8, &number.to_le_bytes()),
        (_, _, Ok(number)) => put(out, tag::INT16, &number.to_le_bytes()),
        (..) => put(out, tag::INT64, &number.to_le_bytes()),
    }
}

fn put(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

/// Bytes with their length: in the tag, or behind it with 8, 16, 32 or 64 bits.
fn sized(out: &mut Vec<u8>, [inline, bits8, bits16, bits32, bits64]: &[u8; 5], bytes: &[u8]) {
    let length = bytes.len();
    match (u8::try_from(length), u16::try_from(length), u32::try_from(length)) {
        (Ok(short), ..) if length <= INLINE_BYTES_MAX => out.push(inline + short),
        (Ok(length), ..) => put(out, *bits8, &[length]),
        (_, Ok(length), _) => put(out, *bits16, &length.to_le_bytes()),
        (_, _, Ok(length)) => put(out, *bits32, &length.to_le_bytes()),
        (..) => put(out, *bits64, &(length as u64).to_le_bytes()),
    }
    out.extend_from_slice(bytes);
}
