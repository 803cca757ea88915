//! The clock of a peer's Opus. RFC 7587 says 48 kHz; Apple's count in the sample rate that was asked for, ffmpeg in 48 kHz. So it
//! is measured: two packets in a row are apart by what the first one lasts. Timestamps are then stretched to 48 kHz.
use formats::bitstream::opus::packet_duration_48k;
use formats::rtp::Packet;

/// Clocks that peers count in, by what one of their ticks is worth in those of 48 kHz.
const FACTORS: [u32; 4] = [1, 2, 3, 6];
/// After so many pairs that tell nothing the clock is taken for what RFC 7587 says: 50, a second.
const PAIRS_MAX: u32 = 50;

/// Measures, then stretches.
#[derive(Default)]
pub(crate) struct OpusClock {
    factor: Option<u32>,
    /// The last packet: its number, its timestamp, and what it lasts in ticks of 48 kHz.
    last: Option<(u16, u32, u32)>,
    pairs: u32,
}

impl OpusClock {
    /// Stretches a packet's timestamp. False while the clock is not known: such a packet is of no use.
    pub(crate) fn stretch(&mut self, packet: &mut Packet) -> bool {
        if self.factor.is_none() {
            self.measure(packet);
        }
        let Some(factor) = self.factor else { return false };
        // multiples of the modulus stay multiples of it, so that wraps need no care
        packet.header.timestamp = packet.header.timestamp.wrapping_mul(factor);
        true
    }

    /// The same for the timestamp of a sender report; none while the clock is not known.
    pub(crate) fn stretched(&self, timestamp: u32) -> Option<u32> {
        self.factor.map(|factor| timestamp.wrapping_mul(factor))
    }

    fn measure(&mut self, packet: &Packet) {
        let Some(duration) = packet_duration_48k(&packet.payload) else { return };
        let (sequence, timestamp) = (packet.header.sequence, packet.header.timestamp);
        let last = self.last.replace((sequence, timestamp, duration));
        let in_a_row = last.filter(|(before, ..)| sequence == before.wrapping_add(1));
        let Some((_, then, lasted)) = in_a_row else { return };
        let step = timestamp.wrapping_sub(then);
        self.factor = FACTORS.into_iter().find(|factor| step.checked_mul(*factor) == Some(lasted));
        self.pairs += 1;
        if self.factor.is_none() && self.pairs >= PAIRS_MAX {
            self.factor = Some(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use formats::rtp::Header;

    /// 20 ms in one frame (configuration 9, code 0).
    fn packet(sequence: u16, timestamp: u32) -> Packet {
        let header = Header { sequence, timestamp, ..Header::default() };
        Packet { header, payload: Bytes::from_static(&[9 << 3, 0]), ..Packet::default() }
    }

    #[test]
    fn timestamps_of_any_rate_come_out_in_48_khz_also_past_their_wrap() {
        for (step, factor) in [(960, 1), (480, 2), (320, 3), (160, 6)] {
            let mut clock = OpusClock::default();
            let start = u32::MAX - 2 * step;
            assert_eq!(clock.stretched(start), None);
            let mut seen = Vec::new();
            for number in 0..6u16 {
                let mut packet =
                    packet(u16::MAX.wrapping_add(number), start.wrapping_add(u32::from(number) * step));
                if clock.stretch(&mut packet) {
                    seen.push(packet.header.timestamp);
                }
            }
            assert_eq!(seen.len(), 5, "the first tells nothing yet");
            assert!(seen.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 960), "{step}");
            assert_eq!(clock.stretched(7), Some(7 * factor));
        }
    }

    #[test]
    fn losses_tell_nothing_and_a_senseless_clock_is_that_of_the_standard_in_the_end() {
        let mut clock = OpusClock::default();
        for (sequence, timestamp) in [(0, 0), (2, 1920), (4, 3840)] {
            assert!(!clock.stretch(&mut packet(sequence, timestamp)));
        }
        assert!(clock.stretch(&mut packet(5, 3840 + 320)));
        let mut clock = OpusClock::default();
        let good =
            (0..200u16).filter(|number| clock.stretch(&mut packet(*number, u32::from(*number) * 7))).count();
        assert_eq!(good, 200 - PAIRS_MAX as usize);
    }
}
