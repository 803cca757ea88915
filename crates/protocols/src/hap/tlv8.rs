//! TLV8: the items that pairing and cameras' characteristics are made of; type and length are one byte each.
//!
//! Source: HAP specification (R2) §14.1. A value longer than 255 bytes is a run of fragments of one type, each full but the last;
//! items of one type that follow each other are kept apart by an item without a value. Owns what was parsed, in its order.
//!
//! Implementations differ, and each of it is read: HAP-python and Apple's cameras write lists without separators (so items are only
//! joined when the earlier one is full), hap-nodejs separates lists with type 0, pairing uses type 255.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The longest value of one fragment: its length is a byte.
const FRAGMENT_BYTES_MAX: usize = 255;

/// Why bytes are no TLV8.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Tlv8Error {
    /// The bytes end within an item.
    #[error("item of type {kind} at byte {at} has {left} of {length} bytes")]
    Truncated {
        /// Its type.
        kind: u8,
        /// Where it starts.
        at: usize,
        /// What it says it has.
        length: usize,
        /// What is there.
        left: usize,
    },
    /// The bytes end after a type.
    #[error("item of type {kind} at byte {at} has no length")]
    NoLength {
        /// The type.
        kind: u8,
        /// Where it stands.
        at: usize,
    },
    /// An integer that is empty or longer than 8 bytes, or a fixed value of another length.
    #[error("item of type {kind} has {length} bytes, which cannot be")]
    Length {
        /// Its type.
        kind: u8,
        /// Its length.
        length: usize,
    },
    /// An item that must be there is not.
    #[error("no item of type {kind}")]
    Missing {
        /// Its type.
        kind: u8,
    },
    /// A number that means nothing here, or is too large.
    #[error("item of type {kind} is {number}, which cannot be")]
    Value {
        /// Its type.
        kind: u8,
        /// What it says.
        number: u64,
    },
    /// A characteristic's value is no base64.
    #[error("the value is no base64")]
    Base64,
}

/// One item, its fragments joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Its type.
    pub kind: u8,
    /// Its value.
    pub value: Vec<u8>,
}

/// Items in their order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tlv8 {
    items: Vec<Item>,
}

impl Tlv8 {
    /// No items.
    pub const fn new() -> Self {
        Self { items: Vec::new() }
    }

    /// Reads all items.
    ///
    /// # Errors
    /// The bytes end within one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Tlv8Error> {
        let mut items: Vec<Item> = Vec::new();
        let mut at = 0;
        let mut goes_on = false;
        while let Some(&kind) = bytes.get(at) {
            let Some(&length) = bytes.get(at + 1) else { return Err(Tlv8Error::NoLength { kind, at }) };
            let length = usize::from(length);
            let Some(value) = bytes.get(at + 2..at + 2 + length) else {
                return Err(Tlv8Error::Truncated { kind, at, length, left: bytes.len() - at - 2 });
            };
            match items.last_mut() {
                Some(last) if goes_on && last.kind == kind => last.value.extend_from_slice(value),
                _ => items.push(Item { kind, value: value.to_vec() }),
            }
            goes_on = length == FRAGMENT_BYTES_MAX;
            at += 2 + length;
        }
        Ok(Self { items })
    }

    /// Reads a characteristic's value.
    ///
    /// # Errors
    /// It is no base64, or ends within an item.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        Self::parse(&BASE64.decode(text.trim()).map_err(|_| Tlv8Error::Base64)?)
    }

    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        BASE64.encode(self.to_bytes())
    }

    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for item in &self.items {
            if item.value.is_empty() {
                bytes.extend_from_slice(&[item.kind, 0]);
            }
            for fragment in item.value.chunks(FRAGMENT_BYTES_MAX) {
                bytes.push(item.kind);
                bytes.push(fragment.len() as u8);
                bytes.extend_from_slice(fragment);
            }
        }
        bytes
    }

    /// With one more item.
    #[must_use]
    pub fn with(mut self, kind: u8, value: impl Into<Vec<u8>>) -> Self {
        self.push(kind, value);
        self
    }

    /// Appends an item.
    pub fn push(&mut self, kind: u8, value: impl Into<Vec<u8>>) {
        self.items.push(Item { kind, value: value.into() });
    }

    /// All items.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The value of the first item of this type.
    pub fn get(&self, kind: u8) -> Option<&[u8]> {
        self.all(kind).next()
    }

    /// The values of all items of this type.
    pub fn all(&self, kind: u8) -> impl Iterator<Item = &[u8]> {
        self.items.iter().filter(move |item| item.kind == kind).map(|item| item.value.as_slice())
    }

    /// The value of the first item of this type.
    ///
    /// # Errors
    /// There is none.
    pub fn required(&self, kind: u8) -> Result<&[u8], Tlv8Error> {
        self.get(kind).ok_or(Tlv8Error::Missing { kind })
    }

    /// A value of a fixed length.
    ///
    /// # Errors
    /// There is none, or it has another length.
    pub fn array<const N: usize>(&self, kind: u8) -> Result<[u8; N], Tlv8Error> {
        let value = self.required(kind)?;
        value.try_into().map_err(|_| Tlv8Error::Length { kind, length: value.len() })
    }

    /// An unsigned integer of up to 8 bytes, the lowest first.
    ///
    /// # Errors
    /// It is longer, or empty.
    pub fn uint(&self, kind: u8) -> Result<Option<u64>, Tlv8Error> {
        self.get(kind).map(|value| uint(kind, value)).transpose()
    }

    /// An item whose value is TLV8.
    ///
    /// # Errors
    /// There is none, or its value is none.
    pub fn nested(&self, kind: u8) -> Result<Tlv8, Tlv8Error> {
        Self::parse(self.required(kind)?)
    }

    /// The items between separators.
    pub fn split(&self, separator: u8) -> impl Iterator<Item = Tlv8> {
        self.items
            .split(move |item| item.kind == separator && item.value.is_empty())
            .map(|items| Tlv8 { items: items.to_vec() })
    }
}

/// An unsigned integer of up to 8 bytes, the lowest first.
///
/// # Errors
/// It is longer, or empty.
pub fn uint(kind: u8, value: &[u8]) -> Result<u64, Tlv8Error> {
    if value.is_empty() || value.len() > 8 {
        return Err(Tlv8Error::Length { kind, length: value.len() });
    }
    Ok(value.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hap::tests::fixture;
    use proptest::prelude::*;

    #[test]
    fn what_others_write_is_read_and_written_the_same() {
        let vectors = fixture(include_str!("../../fixtures/hap/tlv8.txt"));
        let long: Vec<u8> = (0..600_u16).map(|index| index as u8).collect();
        let hap_python = Tlv8::parse(&vectors["hap_python"]).unwrap();
        assert_eq!(hap_python, Tlv8::new().with(6, [3]).with(3, long.clone()).with(4, [0x2a; 64]));
        assert_eq!(hap_python.to_bytes(), vectors["hap_python"]);
        let aiohomekit = Tlv8::parse(&vectors["aiohomekit"]).unwrap();
        assert_eq!(aiohomekit, Tlv8::new().with(6, [3]).with(3, long).with(255, []).with(3, [1]));
        assert_eq!(aiohomekit.to_bytes(), vectors["aiohomekit"]);
        assert_eq!(aiohomekit.split(255).count(), 2);
    }

    #[test]
    fn short_items_of_one_type_without_a_separator_are_two_items() {
        let levels = Tlv8::parse(&[2, 1, 0, 2, 1, 2]).unwrap();
        assert_eq!(levels.all(2).collect::<Vec<_>>(), [&[0], &[2]]);
    }

    #[test]
    fn a_value_of_exactly_255_bytes_is_one_fragment_and_an_empty_one_after_it_joins() {
        let bytes = Tlv8::new().with(9, [7; 255]).to_bytes();
        assert_eq!(bytes.len(), 257);
        let mut closed = bytes.clone();
        closed.extend([9, 0]);
        assert_eq!(Tlv8::parse(&closed), Tlv8::parse(&bytes));
    }

    #[test]
    fn a_truncated_item_says_where_it_starts() {
        assert_eq!(
            Tlv8::parse(&[6, 1, 1, 3, 4, 0]),
            Err(Tlv8Error::Truncated { kind: 3, at: 3, length: 4, left: 1 })
        );
        assert_eq!(Tlv8::parse(&[6, 1, 1, 3]), Err(Tlv8Error::NoLength { kind: 3, at: 3 }));
    }

    #[test]
    fn integers_are_little_endian_and_no_longer_than_8_bytes() {
        let items = Tlv8::new().with(1, [0x34, 0x12]).with(2, []).with(3, [0; 9]);
        assert_eq!(items.uint(1), Ok(Some(0x1234)));
        assert_eq!(items.uint(2), Err(Tlv8Error::Length { kind: 2, length: 0 }));
        assert_eq!(items.uint(3), Err(Tlv8Error::Length { kind: 3, length: 9 }));
        assert_eq!(items.uint(4), Ok(None));
        assert_eq!(items.array::<3>(1), Err(Tlv8Error::Length { kind: 1, length: 2 }));
    }

    proptest! {
        #[test]
        fn items_of_alternating_types_come_back(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 0..6)) {
            let mut items = Tlv8::new();
            for (index, value) in values.into_iter().enumerate() {
                items.push((index % 2) as u8, value);
            }
            prop_assert_eq!(Tlv8::parse(&items.to_bytes()), Ok(items));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Tlv8::parse(&bytes);
        }
    }
}
