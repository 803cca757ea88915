//! The sample tables of one track while its samples come in, run-length coded from the start.
//!
//! Source: ISO/IEC 14496-12 §8.6 and §8.7.

/// A run-length coded table: so many times a value.
#[derive(Debug, Default)]
pub(super) struct Runs(pub(super) Vec<(u32, u32)>);

impl Runs {
    fn push(&mut self, count: u32, value: u32) {
        match self.0.last_mut() {
            Some((times, same)) if *same == value => *times = times.saturating_add(count),
            Some(_) | None if count > 0 => self.0.push((count, value)),
            Some(_) | None => {}
        }
    }
}

/// Samples of one track that lie together in the movie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// From the first byte of the media.
    pub(super) at: u64,
    pub(super) samples: u32,
    /// The number of their sample entry, from 1.
    pub(super) entry: u32,
}

/// One unit on its way into the tables; times are in ticks on the movie's line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Added {
    pub(super) dts: i64,
    pub(super) pts: i64,
    pub(super) ticks: u32,
    pub(super) size: u32,
    pub(super) key: bool,
}

/// The newest unit: how long it lasts is told by the next one.
#[derive(Clone, Copy, Debug)]
struct Newest {
    dts: i64,
    ticks: u32,
    samples: u32,
}

/// A unit is a sample, but for PCM: there one instant of all channels is.
#[derive(Debug)]
pub(super) struct Tables {
    /// Bytes of a sample of PCM.
    pcm_bytes: Option<u32>,
    /// Samples so far.
    pub(super) count: u32,
    pub(super) durations: Runs,
    /// As two's complement where they are negative.
    pub(super) compositions: Runs,
    /// The size of all samples, as long as it is the same.
    pub(super) same_size: u32,
    /// The sizes, once they are not.
    pub(super) sizes: Vec<u32>,
    /// Numbers of key frames, from 1.
    pub(super) keys: Vec<u32>,
    pub(super) chunks: Vec<Chunk>,
    first_dts: i64,
    newest: Option<Newest>,
    /// When the last of it has been shown.
    end: i64,
}

impl Tables {
    pub(super) fn new(pcm_bytes: Option<u32>) -> Self {
        Self {
            pcm_bytes,
            count: 0,
            durations: Runs::default(),
            compositions: Runs::default(),
            same_size: 0,
            sizes: Vec::new(),
            keys: Vec::new(),
            chunks: Vec::new(),
            first_dts: 0,
            newest: None,
            end: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// When the first sample is decoded, on the movie's line.
    pub(super) fn first_dts(&self) -> i64 {
        self.first_dts
    }

    /// When the newest unit is decoded.
    pub(super) fn newest_dts(&self) -> Option<i64> {
        self.newest.map(|newest| newest.dts)
    }

    /// When the last of it has been shown, on the movie's line; zero before the first sample.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// Ticks from the first sample to the end of the last, in decoding time.
    pub(super) fn media_ticks(&self) -> i64 {
        self.durations.0.iter().fold(0, |sum, (count, ticks)| sum + i64::from(*count) * i64::from(*ticks))
    }

    /// How many samples a unit of this size is; 0 for one that cannot be carried.
    pub(super) fn samples_in(&self, size: u32) -> u32 {
        match self.pcm_bytes {
            Some(bytes) if size.is_multiple_of(bytes) => size / bytes,
            Some(_) => 0,
            None => u32::from(size > 0),
        }
    }

    /// Takes a unit. What is decoded no later than the one before comes right after it.
    pub(super) fn push(&mut self, unit: &Added) {
        let samples = self.samples_in(unit.size);
        let dts = match self.newest {
            Some(newest) => {
                let dts = unit.dts.max(newest.dts.saturating_add(newest.samples.into()));
                self.close(newest, u32::try_from(dts.saturating_sub(newest.dts)).unwrap_or(u32::MAX));
                dts
            }
            None => unit.dts,
        };
        if self.is_empty() {
            self.first_dts = dts;
            self.same_size = self.pcm_bytes.unwrap_or(unit.size);
        }
        if self.pcm_bytes.is_none() {
            self.push_size(unit.size);
            let composition = unit.pts.saturating_sub(dts).clamp(i32::MIN.into(), i32::MAX.into());
            self.compositions.push(1, composition as i32 as u32);
            if unit.key {
                self.keys.push(self.count.saturating_add(1));
            }
        }
        self.count = self.count.saturating_add(samples);
        self.newest = Some(Newest { dts, ticks: unit.ticks, samples });
        self.end = self.end.max(unit.pts.saturating_add(unit.ticks.into()));
    }

    /// Writes down how long the last unit lasts: as long as it says itself.
    pub(super) fn finish(&mut self) {
        if let Some(newest) = self.newest.take() {
            self.close(newest, newest.ticks.max(newest.samples));
        }
    }

    /// The samples of a unit last for one tick each, the last one for the rest.
    fn close(&mut self, unit: Newest, ticks: u32) {
        self.durations.push(unit.samples.saturating_sub(1), 1);
        self.durations.push(1, ticks.saturating_sub(unit.samples.saturating_sub(1)));
    }

    fn push_size(&mut self, size: u32) {
        if self.sizes.is_empty() && size != self.same_size {
            self.sizes = vec![self.same_size; self.count as usize];
        }
        if size != self.same_size || !self.sizes.is_empty() {
            self.sizes.push(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(dts: i64, size: u32) -> Added {
        Added { dts, pts: dts, ticks: 160, size, key: true }
    }

    #[test]
    fn sizes_become_a_table_with_the_first_that_differs() {
        let mut tables = Tables::new(None);
        [unit(0, 7), unit(160, 7)].iter().for_each(|unit| tables.push(unit));
        assert_eq!((tables.same_size, &tables.sizes[..]), (7, &[][..]));
        [unit(320, 8), unit(480, 7)].iter().for_each(|unit| tables.push(unit));
        assert_eq!(tables.sizes, [7, 7, 8, 7]);
        tables.finish();
        assert_eq!((&tables.durations.0[..], tables.media_ticks()), (&[(4, 160)][..], 640));
    }

    #[test]
    fn pcm_has_a_sample_for_each_instant_and_a_gap_makes_the_one_before_it_longer() {
        let mut tables = Tables::new(Some(2));
        [unit(0, 320), unit(160, 320), unit(1_000, 320)].iter().for_each(|unit| tables.push(unit));
        tables.finish();
        assert_eq!(tables.durations.0, [(319, 1), (1, 681), (160, 1)]);
        assert_eq!((tables.count, tables.media_ticks()), (480, 1_160));
        assert_eq!(tables.samples_in(3), 0);
    }

    #[test]
    fn what_would_be_decoded_too_early_comes_right_after_the_one_before() {
        let mut tables = Tables::new(None);
        [unit(0, 7), unit(-5, 7), unit(160, 7)].iter().for_each(|unit| tables.push(unit));
        assert_eq!(tables.durations.0, [(1, 1), (1, 159)]);
        assert_eq!(tables.compositions.0, [(1, 0), (1, -6_i32 as u32), (1, 0)]);
    }
}
