//! Values out of bytes that a peer sent.
use super::{DEPTH_MAX, Dictionary, REPEATED_BYTES_MAX, VALUES_MAX, Value, tag};
use bytes::Bytes;
use media::Fault;

/// Why bytes are no value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueError {
    /// They end within one.
    #[error("the value at byte {at} needs {needed} bytes, {left} are left")]
    Truncated {
        /// Where.
        at: usize,
        /// What it needs.
        needed: u64,
        /// What there is.
        left: usize,
    },
    /// A tag that is none, or a terminator of nothing.
    #[error("tag {tag:#04x} at byte {at} means nothing")]
    Tag {
        /// Where.
        at: usize,
        /// Which.
        tag: u8,
    },
    /// A pointer back to a value that has not come.
    #[error("byte {at} points back to value {index} of {known}")]
    Back {
        /// Where.
        at: usize,
        /// To which.
        index: usize,
        /// How many there are.
        known: usize,
    },
    /// A text that is none.
    #[error("the text at byte {at} is not UTF-8")]
    Text {
        /// Where.
        at: usize,
    },
    /// A name in a dictionary that is no text.
    #[error("the name at byte {at} is not a text")]
    Name {
        /// Where.
        at: usize,
    },
    /// Too many values.
    #[error("more than {VALUES_MAX} values")]
    TooMany,
    /// Too deep.
    #[error("values nest deeper than {DEPTH_MAX}")]
    TooDeep,
    /// Pointers that make a payload grow.
    #[error("more than {REPEATED_BYTES_MAX} bytes are repeated")]
    Repeated,
    /// It is not a dictionary.
    #[error("the value is not a dictionary")]
    NoDictionary,
    /// There is more than one.
    #[error("{bytes} bytes follow the value")]
    TooLong {
        /// How many.
        bytes: usize,
    },
}

impl ValueError {
    /// The peer's, always.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

pub(super) fn dictionary(bytes: Bytes) -> Result<Dictionary, ValueError> {
    let mut reader = Reader { bytes, at: 0, known: Vec::new(), values: 0, repeated: 0 };
    let Some(Value::Dictionary(dictionary)) = reader.value(0)? else { return Err(ValueError::NoDictionary) };
    match reader.bytes.len() - reader.at {
        0 => Ok(dictionary),
        bytes => Err(ValueError::TooLong { bytes }),
    }
}

struct Reader {
    bytes: Bytes,
    at: usize,
    /// What may be pointed back to: values with bytes beside their tag, each once. Numbers of other widths are others.
    known: Vec<(u8, Value)>,
    values: usize,
    repeated: usize,
}

impl Reader {
    fn take(&mut self, needed: u64) -> Result<Bytes, ValueError> {
        let left = self.bytes.len() - self.at;
        let length = usize::try_from(needed).ok().filter(|length| *length <= left);
        let length = length.ok_or(ValueError::Truncated { at: self.at, needed, left })?;
        let taken = self.bytes.slice(self.at..self.at + length);
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        let mut array = [0; N];
        array.copy_from_slice(&self.take(N as u64)?);
        Ok(array)
    }

    /// A length behind its tag, of 1 to 8 bytes.
    fn length(&mut self, bytes: u64) -> Result<u64, ValueError> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// Up to a byte, which goes as well.
    fn until(&mut self, end: u8) -> Result<Bytes, ValueError> {
        let rest = &self.bytes[self.at..];
        let found = rest.iter().position(|byte| *byte == end);
        let left = rest.len();
        let length = found.ok_or(ValueError::Truncated { at: self.at, needed: left as u64 + 1, left })?;
        let taken = self.take(length as u64)?;
        self.at += 1;
        Ok(taken)
    }

    fn text(&mut self, tag: u8, bytes: &Bytes) -> Result<Value, ValueError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ValueError::Text { at: self.at - bytes.len() })?;
        let value = Value::Text(text.to_owned());
        Ok(self.know(tag, value))
    }

    /// Remembers a value that can be pointed back to. Only the first 48 can.
    fn know(&mut self, tag: u8, value: Value) -> Value {
        let room = usize::from(tag::BACK_LAST - tag::BACK_0) + 1;
        let is_new = || !self.known.iter().any(|(other, known)| *other == tag && *known == value);
        if self.known.len() < room && is_new() {
            self.known.push((tag, value.clone()));
        }
        value
    }

    fn back(&mut self, index: usize) -> Result<Value, ValueError> {
        let known = self.known.len();
        let found = self.known.get(index).map(|(_, value)| value.clone());
        let value = found.ok_or(ValueError::Back { at: self.at - 1, index, known })?;
        if let Value::Text(text) = &value {
            self.repeated += text.len();
        }
        if self.repeated > REPEATED_BYTES_MAX { Err(ValueError::Repeated) } else { Ok(value) }
    }

    /// The next value; none is a terminator.
    fn value(&mut self, depth: usize) -> Result<Option<Value>, ValueError> {
        let at = self.at;
        let [tag] = self.array()?;
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(ValueError::TooMany);
        }
        let value = match tag {
            tag::TERMINATOR => return Ok(None),
            tag::TRUE => Value::Bool(true),
            tag::FALSE => Value::Bool(false),
            tag::NULL => Value::Null,
            tag::MINUS_ONE => Value::Int(-1),
            tag::INT_0..=tag::INT_LAST => Value::Int(i64::from(tag - tag::INT_0)),
            tag::ARRAY_0..=tag::ARRAY_TERMINATED => self.list(tag, depth + 1)?,
            tag::DICTIONARY_0..=tag::DICTIONARY_TERMINATED => self.names(tag, depth + 1)?,
            tag::BACK_0..=tag::BACK_LAST => self.back(usize::from(tag - tag::BACK_0))?,
            tag::TEXT_0..=tag::TEXT_TERMINATED => {
                let bytes = match tag {
                    tag::TEXT_0..=tag::TEXT_LAST => self.take(u64::from(tag - tag::TEXT_0))?,
                    tag::TEXT8..=tag::TEXT64 => self.sized(tag - tag::TEXT8)?,
                    tag::TEXT_TERMINATED => self.until(0)?,
                    _ => return Err(ValueError::Tag { at, tag }),
                };
                self.text(tag, &bytes)?
            }
            _ => {
                let value = match tag {
                    tag::UUID => Value::Uuid(self.array()?),
                    tag::DATE => Value::Date(f64::from_le_bytes(self.array()?)),
                    tag::INT8 => Value::Int(i8::from_le_bytes(self.array()?).into()),
                    tag::INT16 => Value::Int(i16::from_le_bytes(self.array()?).into()),
                    tag::INT32 => Value::Int(i32::from_le_bytes(self.array()?).into()),
                    tag::INT64 => Value::Int(i64::from_le_bytes(self.array()?)),
                    tag::FLOAT32 => Value::Float32(f32::from_le_bytes(self.array()?)),
                    tag::FLOAT64 => Value::Float64(f64::from_le_bytes(self.array()?)),
                    tag::DATA_0..=tag::DATA_LAST => Value::Data(self.take(u64::from(tag - tag::DATA_0))?),
                    tag::DATA8..=tag::DATA64 => Value::Data(self.sized(tag - tag::DATA8)?),
                    tag::DATA_TERMINATED => Value::Data(self.until(tag::TERMINATOR)?),
                    _ => return Err(ValueError::Tag { at, tag }),
                };
                self.know(tag, value)
            }
        };
        Ok(Some(value))
    }

    /// Bytes behind a length of 1, 2, 4 or 8 bytes.
    fn sized(&mut self, power: u8) -> Result<Bytes, ValueError> {
        let length = self.length(1 << power)?;
        self.take(length)
    }

    fn list(&mut self, tag: u8, depth: usize) -> Result<Value, ValueError> {
        let mut values = Vec::new();
        let count = (tag <= tag::ARRAY_LAST).then(|| usize::from(tag - tag::ARRAY_0));
        while let Some(value) = self.element(count, values.len(), depth)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn names(&mut self, tag: u8, depth: usize) -> Result<Value, ValueError> {
        let mut dictionary = Dictionary::new();
        let count = (tag <= tag::DICTIONARY_LAST).then(|| usize::from(tag - tag::DICTIONARY_0));
        loop {
            let at = self.at;
            let Some(name) = self.element(count, dictionary.entries.len(), depth)? else { break };
            let Value::Text(name) = name else { return Err(ValueError::Name { at }) };
            let value = self.value_of(depth)?;
            dictionary.push(name, value);
        }
        Ok(Value::Dictionary(dictionary))
    }

    /// The next one of so many, or, where none says how many, up to the terminator.
    fn element(
        &mut self,
        count: Option<usize>,
        so_far: usize,
        depth: usize,
    ) -> Result<Option<Value>, ValueError> {
        if depth > DEPTH_MAX {
            return Err(ValueError::TooDeep);
        }
        match count {
            None => self.value(depth),
            Some(count) if so_far < count => self.value_of(depth).map(Some),
            Some(_) => Ok(None),
        }
    }

    /// A value where no terminator can be.
    fn value_of(&mut self, depth: usize) -> Result<Value, ValueError> {
        let at = self.at;
        self.value(depth)?.ok_or(ValueError::Tag { at, tag: tag::TERMINATOR })
    }
}
