//! The values that messages of a data stream are made of, and their bytes: a tag each, small ones within it.
//!
//! Source: the behaviour of hap-nodejs 1.2.0 (`DataStreamParser`). Values that come again may be written as a number that points
//! back to the first one. We read that, and write each value in full, since implementations differ in what they count: hap-nodejs
//! writes numbers by one rule and reads them by another, where booleans and small integers count as well. Read here is what it, and
//! the OPACK of Apple that this is, write: what has no bytes beside its tag is not counted, nor are lists and dictionaries.
mod read;
mod write;

pub use read::ValueError;

use bytes::Bytes;

/// Deepest nesting: 16. Recordings have 4.
pub const DEPTH_MAX: usize = 16;
/// Most values of a payload: 4096. Recordings have 30; a value of one byte takes 40 in memory.
pub const VALUES_MAX: usize = 4096;
/// Most bytes of text that pointers back may repeat in a payload: 64 KiB. Names have some ten.
pub const REPEATED_BYTES_MAX: usize = 64 << 10;

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// None.
    Null,
    /// Yes or no.
    Bool(bool),
    /// Up to 64 bits.
    Int(i64),
    /// 32 bits.
    Float32(f32),
    /// 64 bits.
    Float64(f64),
    /// Seconds since the year 2001.
    Date(f64),
    /// A UUID.
    Uuid([u8; 16]),
    /// A text.
    Text(String),
    /// Bytes; those that were read share the frame's memory.
    Data(Bytes),
    /// A list.
    Array(Vec<Value>),
    /// Names and their values.
    Dictionary(Dictionary),
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Self {
        Self::Data(value)
    }
}

impl From<Dictionary> for Value {
    fn from(value: Dictionary) -> Self {
        Self::Dictionary(value)
    }
}

/// Names and values, in their order.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Dictionary {
    entries: Vec<(String, Value)>,
}

impl Dictionary {
    /// Without entries.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// With one more entry.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.push(name.to_owned(), value.into());
        self
    }

    fn push(&mut self, name: String, value: Value) {
        self.entries.push((name, value));
    }

    /// Its entries.
    pub fn entries(&self) -> &[(String, Value)] {
        &self.entries
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// An integer.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Value::Int(number)) => Some(*number),
            Some(_) | None => None,
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            Some(_) | None => None,
        }
    }

    /// Yes or no.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Some(Value::Bool(value)) => Some(*value),
            Some(_) | None => None,
        }
    }

    /// Bytes.
    pub fn data(&self, name: &str) -> Option<&Bytes> {
        match self.get(name) {
            Some(Value::Data(data)) => Some(data),
            Some(_) | None => None,
        }
    }

    /// A list.
    pub fn array(&self, name: &str) -> Option<&[Value]> {
        match self.get(name) {
            Some(Value::Array(values)) => Some(values),
            Some(_) | None => None,
        }
    }

    /// A dictionary within this one.
    pub fn dictionary(&self, name: &str) -> Option<&Dictionary> {
        match self.get(name) {
            Some(Value::Dictionary(dictionary)) => Some(dictionary),
            Some(_) | None => None,
        }
    }

    /// Reads a dictionary, which must be all of the bytes.
    ///
    /// # Errors
    /// They are none.
    pub fn parse(bytes: Bytes) -> Result<Self, ValueError> {
        read::dictionary(bytes)
    }

    /// Appends it to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::dictionary(self, out);
    }
}

/// Tags. Those named `_0` are the first of a row; what is behind it is in the tag.
mod tag {
    pub(super) const TRUE: u8 = 0x01;
    pub(super) const FALSE: u8 = 0x02;
    pub(super) const TERMINATOR: u8 = 0x03;
    pub(super) const NULL: u8 = 0x04;
    pub(super) const UUID: u8 = 0x05;
    pub(super) const DATE: u8 = 0x06;
    pub(super) const MINUS_ONE: u8 = 0x07;
    pub(super) const INT_0: u8 = 0x08;
    pub(super) const INT_LAST: u8 = 0x2f;
    pub(super) const INT8: u8 = 0x30;
    pub(super) const INT16: u8 = 0x31;
    pub(super) const INT32: u8 = 0x32;
    pub(super) const INT64: u8 = 0x33;
    pub(super) const FLOAT32: u8 = 0x35;
    pub(super) const FLOAT64: u8 = 0x36;
    pub(super) const TEXT_0: u8 = 0x40;
    pub(super) const TEXT_LAST: u8 = 0x60;
    pub(super) const TEXT8: u8 = 0x61;
    pub(super) const TEXT16: u8 = 0x62;
    pub(super) const TEXT32: u8 = 0x63;
    pub(super) const TEXT64: u8 = 0x64;
    pub(super) const TEXT_TERMINATED: u8 = 0x6f;
    pub(super) const DATA_0: u8 = 0x70;
    pub(super) const DATA_LAST: u8 = 0x90;
    pub(super) const DATA8: u8 = 0x91;
    pub(super) const DATA16: u8 = 0x92;
    pub(super) const DATA32: u8 = 0x93;
    pub(super) const DATA64: u8 = 0x94;
    pub(super) const DATA_TERMINATED: u8 = 0x9f;
    pub(super) const BACK_0: u8 = 0xa0;
    pub(super) const BACK_LAST: u8 = 0xcf;
    pub(super) const ARRAY_0: u8 = 0xd0;
    pub(super) const ARRAY_LAST: u8 = 0xde;
    pub(super) const ARRAY_TERMINATED: u8 = 0xdf;
    pub(super) const DICTIONARY_0: u8 = 0xe0;
    pub(super) const DICTIONARY_LAST: u8 = 0xee;
    pub(super) const DICTIONARY_TERMINATED: u8 = 0xef;
}
