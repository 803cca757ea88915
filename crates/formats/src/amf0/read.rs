//! Reads AMF0 values.
use super::{Amf0Error, DEPTH_MAX, VALUES_MAX, Value, marker};

/// Reads one value after another from a message.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the beginning of `data`.
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, values: 0 }
    }

    /// Bytes read so far.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The next value; `None` at the end.
    pub fn next_value(&mut self) -> Result<Option<Value>, Amf0Error> {
        if self.at == self.data.len() {
            return Ok(None);
        }
        self.value(0).map(Some)
    }

    /// Every value that is left. A fault after the first value ends the list without an error: some encoders
    /// leave rubbish behind the arguments.
    pub fn rest(&mut self) -> Vec<Value> {
        let mut values = Vec::new();
        while let Ok(Some(value)) = self.next_value() {
            values.push(value);
        }
        values
    }

    fn value(&mut self, depth: usize) -> Result<Value, Amf0Error> {
        let at = self.at;
        if depth > DEPTH_MAX {
            return Err(Amf0Error::TooDeep { at });
        }
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(Amf0Error::TooMany { at });
        }
        Ok(match self.byte()? {
            marker::NUMBER => Value::Number(self.number()?),
            marker::BOOLEAN => Value::Bool(self.byte()? != 0),
            marker::STRING => Value::String(self.short_string()?),
            marker::LONG_STRING | marker::XML_DOCUMENT => {
                let length = self.u32()? as usize;
                Value::String(text(self.take(length)?))
            }
            marker::OBJECT => Value::Object(self.properties(depth)?),
            marker::TYPED_OBJECT => {
                self.short_string()?;
                Value::Object(self.properties(depth)?)
            }
            marker::ECMA_ARRAY => {
                self.u32()?;
                Value::EcmaArray(self.properties(depth)?)
            }
            marker::STRICT_ARRAY => {
                let count = self.u32()? as usize;
                let mut values = Vec::with_capacity(count.min(self.data.len() - self.at).min(1024));
                for _ in 0..count {
                    values.push(self.value(depth + 1)?);
                }
                Value::StrictArray(values)
            }
            marker::DATE => {
                let millis = self.number()?;
                self.take(2)?;
                Value::Date(millis)
            }
            marker::NULL => Value::Null,
            marker::UNDEFINED | marker::UNSUPPORTED => Value::Undefined,
            marker::REFERENCE => {
                self.take(2)?;
                Value::Undefined
            }
            marker => return Err(Amf0Error::Marker { at, marker }),
        })
    }

    /// Properties up to the end marker. Some FLV writers forget it at the end of the data; so no bytes left
    /// where a name should begin is an end, too.
    fn properties(&mut self, depth: usize) -> Result<Vec<(String, Value)>, Amf0Error> {
        let mut properties = Vec::new();
        while self.at < self.data.len() {
            let key = self.short_string()?;
            if key.is_empty() && self.data.get(self.at) == Some(&marker::OBJECT_END) {
                self.at += 1;
                break;
            }
            properties.push((key, self.value(depth + 1)?));
        }
        Ok(properties)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Amf0Error> {
        let end = self.at.checked_add(length).ok_or(Amf0Error::Truncated { at: self.data.len() })?;
        let taken = self.data.get(self.at..end).ok_or(Amf0Error::Truncated { at: self.data.len() })?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Amf0Error> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, Amf0Error> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, Amf0Error> {
        self.array().map(u32::from_be_bytes)
    }

    fn number(&mut self) -> Result<f64, Amf0Error> {
        self.array().map(f64::from_be_bytes)
    }

    fn short_string(&mut self) -> Result<String, Amf0Error> {
        let length = self.array().map(u16::from_be_bytes)?;
        self.take(usize::from(length)).map(text)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Entry for fuzzing: reads whatever is given and writes it again.
#[doc(hidden)]
pub fn fuzz_amf0(data: &[u8]) {
    let values = Reader::new(data).rest();
    let written = super::encode(&values);
    let again = Reader::new(&written).rest();
    debug_assert_eq!(again.len(), values.len());
}

#[cfg(test)]
mod tests {
    use super::super::encode;
    use super::*;

    fn one(data: &[u8]) -> Result<Option<Value>, Amf0Error> {
        Reader::new(data).next_value()
    }

    fn sample() -> Vec<Value> {
        vec![
            Value::from("onMetaData"),
            Value::EcmaArray(vec![
                ("width".into(), Value::Number(1920.0)),
                ("stereo".into(), Value::Bool(true)),
                ("made".into(), Value::Date(1.7e12)),
                ("long".into(), Value::String("x".repeat(70_000))),
                ("list".into(), Value::StrictArray(vec![Value::Null, Value::Undefined, Value::from("ü")])),
                ("inner".into(), Value::object([("a", Value::Number(-1.5)), ("b", Value::object([]))])),
            ]),
        ]
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(Reader::new(&encode(&sample())).rest(), sample());
    }

    #[test]
    fn an_associative_array_may_end_with_the_data_instead_of_its_marker() {
        let data = encode(&[Value::EcmaArray(vec![("a".into(), Value::Null)])]);
        assert_eq!(one(&data[..data.len() - 3]), Ok(Some(Value::EcmaArray(vec![("a".into(), Value::Null)]))));
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused() {
        let mut data = Vec::new();
        for _ in 0..100_000 {
            data.extend_from_slice(&[marker::STRICT_ARRAY, 0, 0, 0, 1]);
        }
        assert_eq!(one(&data), Err(Amf0Error::TooDeep { at: (DEPTH_MAX + 1) * 5 }));
    }

    #[test]
    fn a_million_nulls_are_refused() {
        let mut data = vec![marker::STRICT_ARRAY, 0, 0x0f, 0x42, 0x40];
        data.resize(1_000_005, marker::NULL);
        assert_eq!(one(&data), Err(Amf0Error::TooMany { at: 5 + VALUES_MAX - 1 }));
    }

    #[test]
    fn a_switch_to_amf3_and_a_string_that_is_too_short_say_where() {
        assert_eq!(one(&[0x11, 0x01]), Err(Amf0Error::Marker { at: 0, marker: 0x11 }));
        assert_eq!(one(&[2, 0, 9, b'a']), Err(Amf0Error::Truncated { at: 4 }));
    }

    #[test]
    fn no_mutation_of_a_message_panics() {
        let valid = encode(&sample()[..1])
            .iter()
            .chain(&encode(&[sample()[1].clone()])[..200])
            .copied()
            .collect::<Vec<_>>();
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..20_000 {
            let mut data = valid.clone();
            for _ in 0..4 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let at = state as usize % data.len();
                data[at] = (state >> 32) as u8;
            }
            data.truncate((state >> 40) as usize % (data.len() + 1));
            fuzz_amf0(&data);
        }
    }
}
