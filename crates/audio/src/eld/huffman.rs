//! Huffman codes: the codebooks of spectra and that of scalefactors, read and written.
//!
//! Source: ISO/IEC 14496-3 §4.6.3. All of these codes are complete: any bits are a code, and damage shows as too few
//! bits or as values that contradict each other.
use super::bits::{Reader, Writer};
use super::tables::{self, Packed};

/// Most symbols of a codebook: 289, of codebook 11.
const SYMBOLS_MAX: usize = 289;
/// Longest code: 19 bits, of scalefactors.
const BITS_MAX: usize = 19;
/// Values of a spectrum are below this: an escape has 12 bits behind its prefix at most.
pub(super) const VALUE_MAX: i32 = 8_191;
/// What codebook 11 puts in the place of a larger value.
const ESCAPE: i32 = 16;

/// One code.
#[derive(Debug)]
pub(super) struct Code {
    packed: &'static Packed,
    /// The first code longer than so many bits, moved to the top of 32.
    ends: [u64; BITS_MAX + 1],
    /// What is to be taken from a code of so many bits to get its symbol's place.
    bases: [u32; BITS_MAX + 1],
    codes: [u32; SYMBOLS_MAX],
    lengths: [u8; SYMBOLS_MAX],
}

impl Code {
    const fn new(packed: &'static Packed) -> Self {
        let mut this = Self {
            packed,
            ends: [0; BITS_MAX + 1],
            bases: [0; BITS_MAX + 1],
            codes: [0; SYMBOLS_MAX],
            lengths: [0; SYMBOLS_MAX],
        };
        let (mut code, mut place, mut length) = (0u32, 0, 1);
        while length <= packed.counts.len() {
            code <<= 1;
            this.bases[length] = code.wrapping_sub(place as u32);
            let end = place + packed.counts[length - 1] as usize;
            while place < end {
                let symbol = packed.symbols[place] as usize;
                (this.codes[symbol], this.lengths[symbol]) = (code, length as u8);
                (code, place) = (code + 1, place + 1);
            }
            this.ends[length] = (code as u64) << (32 - length);
            length += 1;
        }
        this
    }

    /// Reads one symbol.
    pub(super) fn read(&self, reader: &mut Reader<'_>) -> Result<usize, &'static str> {
        let bits = reader.peek();
        let mut length = 1;
        while u64::from(bits) >= self.ends[length] {
            length += 1;
        }
        reader.skip(length)?;
        let place = (bits >> (32 - length)).wrapping_sub(self.bases[length]);
        Ok(usize::from(self.packed.symbols[place as usize]))
    }

    /// Bits that a symbol takes.
    pub(super) const fn cost(&self, symbol: usize) -> u32 {
        self.lengths[symbol] as u32
    }

    pub(super) fn write(&self, symbol: usize, writer: &mut Writer<'_>) {
        writer.bits(self.codes[symbol], self.cost(symbol));
    }
}

/// The code of differences between scalefactors; the symbol is the difference plus 60.
pub(super) static SCALEFACTORS: Code = Code::new(&tables::SCALEFACTORS);

/// A codebook of spectra: how two or four values are one symbol.
#[derive(Debug)]
pub(super) struct Book {
    code: Code,
    /// Values in a symbol.
    pub(super) values: usize,
    /// Different values at each place.
    span: i32,
    /// The lowest value; 0 where signs follow the code.
    lowest: i32,
}

impl Book {
    const fn new(packed: &'static Packed, values: usize, span: i32, signed: bool) -> Self {
        let lowest = if signed { -(span / 2) } else { 0 };
        Self { code: Code::new(packed), values, span, lowest }
    }

    /// The codebook of this number, 1 to 11.
    pub(super) fn of(number: u8) -> Option<&'static Self> {
        BOOKS.get(usize::from(number).wrapping_sub(1))
    }

    /// The largest value it has a code for.
    #[cfg(test)]
    pub(super) const fn largest(&self) -> i32 {
        if self.lowest < 0 {
            -self.lowest
        } else if self.escapes() {
            VALUE_MAX
        } else {
            self.span - 1
        }
    }

    const fn escapes(&self) -> bool {
        self.span > ESCAPE
    }

    /// Reads as many values as a symbol has.
    pub(super) fn read(&self, reader: &mut Reader<'_>, out: &mut [i32]) -> Result<(), &'static str> {
        let mut symbol = self.code.read(reader)? as i32;
        for value in out.iter_mut().rev() {
            *value = symbol % self.span + self.lowest;
            symbol /= self.span;
        }
        if self.lowest < 0 {
            return Ok(());
        }
        for value in out.iter_mut().filter(|value| **value != 0) {
            if reader.flag()? {
                *value = -*value;
            }
        }
        if self.escapes() {
            for value in out.iter_mut().filter(|value| value.abs() == ESCAPE) {
                let magnitude = read_escape(reader)?;
                *value = if *value < 0 { -magnitude } else { magnitude };
            }
        }
        Ok(())
    }

    fn symbol(&self, values: &[i32]) -> usize {
        let place = |value: i32| if self.lowest < 0 { value - self.lowest } else { value.abs().min(ESCAPE) };
        values.iter().fold(0, |symbol, value| symbol * self.span + place(*value)) as usize
    }

    /// Bits that these values take, which are not above [`largest`](Self::largest).
    pub(super) fn cost(&self, values: &[i32]) -> u32 {
        let code = self.code.cost(self.symbol(values));
        if self.lowest < 0 {
            return code;
        }
        let signs = values.iter().filter(|value| **value != 0).count() as u32;
        let escapes = if self.escapes() { values.iter().map(|value| escape_cost(*value)).sum() } else { 0 };
        code + signs + escapes
    }

    pub(super) fn write(&self, values: &[i32], writer: &mut Writer<'_>) {
        self.code.write(self.symbol(values), writer);
        if self.lowest < 0 {
            return;
        }
        for value in values.iter().filter(|value| **value != 0) {
            writer.bits(u32::from(*value < 0), 1);
        }
        if self.escapes() {
            for value in values.iter().filter(|value| value.abs() >= ESCAPE) {
                write_escape(value.unsigned_abs(), writer);
            }
        }
    }
}

/// Ones as a prefix, a zero, and four bits and one more for each one. Source: §4.6.3.3.
fn read_escape(reader: &mut Reader<'_>) -> Result<i32, &'static str> {
    let ones = (!reader.peek()).leading_zeros();
    if ones > 8 {
        return Err("a value of its spectrum has more than 13 bits");
    }
    reader.skip(ones as usize + 1)?;
    let low = reader.bits(ones + 4)?;
    Ok((1 << (ones + 4) | low) as i32)
}

const fn escape_cost(value: i32) -> u32 {
    let value = value.unsigned_abs();
    if value < ESCAPE as u32 { 0 } else { 2 * value.ilog2() - 3 }
}

fn write_escape(value: u32, writer: &mut Writer<'_>) {
    let low = value.ilog2();
    writer.bits((1 << (low - 3)) - 2, low - 3);
    writer.bits(value, low);
}

static BOOKS: [Book; 11] = [
    Book::new(&tables::SPECTRUM_1, 4, 3, true),
    Book::new(&tables::SPECTRUM_2, 4, 3, true),
    Book::new(&tables::SPECTRUM_3, 4, 3, false),
    Book::new(&tables::SPECTRUM_4, 4, 3, false),
    Book::new(&tables::SPECTRUM_5, 2, 9, true),
    Book::new(&tables::SPECTRUM_6, 2, 9, true),
    Book::new(&tables::SPECTRUM_7, 2, 8, false),
    Book::new(&tables::SPECTRUM_8, 2, 8, false),
    Book::new(&tables::SPECTRUM_9, 2, 13, false),
    Book::new(&tables::SPECTRUM_10, 2, 13, false),
    Book::new(&tables::SPECTRUM_11, 2, 17, false),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_complete_and_every_symbol_has_one() {
        let codes = BOOKS.iter().map(|book| &book.code).chain([&SCALEFACTORS]);
        for code in codes {
            let mut symbols: Vec<u16> = code.packed.symbols.to_vec();
            symbols.sort_unstable();
            assert!(symbols.iter().zip(0..).all(|(symbol, index)| *symbol == index));
            assert_eq!(
                code.packed.counts.iter().map(|count| usize::from(*count)).sum::<usize>(),
                symbols.len()
            );
            assert_eq!(code.ends[code.packed.counts.len()], 1 << 32, "no bits are without a symbol");
        }
    }

    #[test]
    fn what_a_book_writes_it_reads_and_costs_what_it_says() {
        for number in 1..=11u8 {
            let book = Book::of(number).unwrap();
            let most = book.largest();
            let steps = [0, 1, -1, most, -most, most / 2, 15.min(most), -16i32.min(most), 17.min(most)];
            for first in steps {
                for last in steps {
                    let values = [first, last, 0, first];
                    let values = &values[..book.values];
                    let mut bytes = Vec::new();
                    let mut writer = Writer::new(&mut bytes);
                    book.write(values, &mut writer);
                    writer.bits(1, 1);
                    writer.finish();
                    let mut reader = Reader::new(&bytes);
                    let mut found = [0; 4];
                    book.read(&mut reader, &mut found[..book.values]).unwrap();
                    assert_eq!(&found[..book.values], values, "book {number}");
                    assert_eq!(bytes.len() as u32, book.cost(values) / 8 + 1);
                }
            }
        }
        assert!(Book::of(0).is_none() && Book::of(12).is_none());
    }
}
