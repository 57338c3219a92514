//! Encodings of `event_camera_msgs/EventPacket`: Prophesee's EVT 3.0 (its public data format), and
//! `mono`, `libcaer` and `libcaer_cmp` of the ROS drivers.

use super::wire::MessageError;
use crate::event::Event;
use crate::formats::limits::MAX_EVENTS;

/// Times of EVT 3.0 have this many bits, in microseconds.
const EVT3_BITS: u32 = 24;

/// The state of a decoder between packets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Decoder {
    x: u16,
    y: u16,
    polarity: bool,
    low: i64,
    /// The upper bits of the time, once they are known.
    high: Option<i64>,
    /// How often the time has wrapped, in microseconds.
    wrapped_us: i64,
}

/// Whether the times of an encoding are the camera's own, unrelated to the time of the message.
pub(super) fn is_sensor_time(encoding: &str) -> bool {
    matches!(encoding, "evt3" | "mono")
}

impl Decoder {
    pub(super) fn decode(
        &mut self,
        encoding: &str,
        base_us: i64,
        big_endian: bool,
        data: &[u8],
        out: &mut Vec<Event>,
    ) -> Result<(), MessageError> {
        match encoding {
            "evt3" => self.evt3(data, big_endian, out)?,
            "libcaer_cmp" => self.libcaer_compressed(data, base_us, big_endian, out)?,
            "mono" => for_each_u64(data, big_endian, |bits| {
                let t_us = base_us.saturating_add((bits & 0xffff_ffff) as i64 / 1000);
                let (x, y) = ((bits >> 32) as u16, (bits >> 48) as u16 & 0x7fff);
                out.push(Event { t_us, x, y, polarity: bits >> 63 != 0 });
            }),
            "libcaer" => for_each_u64(data, big_endian, |bits| {
                let t_us = base_us.saturating_add(i64::from((bits >> 32) as i32));
                let (x, y) = ((bits >> 17) as u16 & 0x7fff, (bits >> 2) as u16 & 0x7fff);
                out.push(Event { t_us, x, y, polarity: bits & 2 != 0 });
            }),
            "trigger" => {}
            other => return Err(format!("events of encoding {other:?} are not read")),
        }
        Ok(())
    }

    fn time_us(&self) -> Option<i64> {
        self.high.map(|high| self.wrapped_us + ((high << 12) | self.low))
    }

    fn evt3(
        &mut self,
        data: &[u8],
        big_endian: bool,
        out: &mut Vec<Event>,
    ) -> Result<(), MessageError> {
        for word in words(data, big_endian) {
            check_count(out)?;
            let (kind, value) = (word >> 12, word & 0xfff);
            match kind {
                0x0 => self.y = value & 0x7ff,
                0x2 => {
                    let polarity = value & 0x800 != 0;
                    if let Some(t_us) = self.time_us() {
                        out.push(Event { t_us, x: value & 0x7ff, y: self.y, polarity });
                    }
                }
                0x3 => (self.x, self.polarity) = (value & 0x7ff, value & 0x800 != 0),
                0x4 | 0x5 => {
                    let count = if kind == 0x4 { 12 } else { 8 };
                    for bit in 0..count {
                        let Some(t_us) = self.time_us().filter(|_| value >> bit & 1 != 0) else {
                            continue;
                        };
                        let (x, y) = (self.x.saturating_add(bit), self.y);
                        out.push(Event { t_us, x, y, polarity: self.polarity });
                    }
                    self.x = self.x.saturating_add(count);
                }
                0x6 => self.low = value.into(),
                0x8 => self.set_high(value.into()),
                // Triggers and continuations.
                _ => {}
            }
        }
        Ok(())
    }

    /// A fall by more than half the range is a wrap; smaller ones are errors of single bits.
    fn set_high(&mut self, high: i64) {
        const RANGE: i64 = 1 << (EVT3_BITS - 12);
        match self.high {
            Some(before) if before - high > RANGE / 2 => self.wrapped_us += 1 << EVT3_BITS,
            Some(before) if high < before => return,
            _ => {}
        }
        if self.high != Some(high) {
            self.low = 0;
        }
        self.high = Some(high);
    }

    fn libcaer_compressed(
        &mut self,
        data: &[u8],
        base_us: i64,
        big_endian: bool,
        out: &mut Vec<Event>,
    ) -> Result<(), MessageError> {
        // Times start again with each packet.
        (self.low, self.high, self.wrapped_us) = (0, Some(0), base_us);
        for word in words(data, big_endian) {
            check_count(out)?;
            let (kind, value) = (word >> 12, word & 0xfff);
            let (place, polarity) = (value & 0x7ff, value & 0x800 != 0);
            let t_us = self.time_us().unwrap_or(base_us);
            match kind {
                0 => self.high = Some(value.into()),
                1 => self.low = value.into(),
                2 => self.x = place,
                3 => out.push(Event { t_us, x: self.x, y: place, polarity }),
                4 => (self.y, self.polarity) = (place, polarity),
                5 => {
                    for bit in (0..8).filter(|bit| value >> bit & 1 != 0) {
                        let (x, y) = (self.x, self.y.saturating_add(bit));
                        out.push(Event { t_us, x, y, polarity: self.polarity });
                    }
                    self.y = self.y.saturating_add(8);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Two bytes can hold twelve events.
fn check_count(events: &[Event]) -> Result<(), MessageError> {
    if events.len() <= MAX_EVENTS {
        return Ok(());
    }
    Err(format!("more than {MAX_EVENTS} events at once"))
}

fn words(data: &[u8], big_endian: bool) -> impl Iterator<Item = u16> + '_ {
    data.chunks_exact(2).filter_map(|b| b.try_into().ok()).map(move |b: [u8; 2]| match big_endian {
        true => u16::from_be_bytes(b),
        false => u16::from_le_bytes(b),
    })
}

/// Passes every eight bytes as a number.
fn for_each_u64(data: &[u8], big_endian: bool, mut each: impl FnMut(u64)) {
    for bytes in data.chunks_exact(8).filter_map(|b| <[u8; 8]>::try_from(b).ok()) {
        each(if big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    fn bytes(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }

    #[test]
    fn evt3_is_decoded_across_packets_and_wraps() {
        let mut state = Decoder::default();
        let mut out = Vec::new();
        let mut decode = |words: &[u16]| {
            state.decode("evt3", 0, false, &bytes(words), &mut out).unwrap();
            std::mem::take(&mut out)
        };
        let on = |t_us, x, y| Event { t_us, x, y, polarity: true };
        // An event before the first time is left out.
        assert!(decode(&[0x0005, 0x2003]).is_empty());
        // Time 4096 * 2 + 7; row 5, column 3, on.
        assert_eq!(decode(&[0x8002, 0x6007, 0x0005, 0x2803]), [on(8199, 3, 5)]);
        // A vector of columns 16 and 18, then 28 and 35 of the next twelve and eight.
        let vector = decode(&[0x3810, 0x4005, 0x5081]);
        assert_eq!(vector, [on(8199, 16, 5), on(8199, 18, 5), on(8199, 28, 5), on(8199, 35, 5)]);
        // The highest time, then the wrap; a small step back is not a wrap.
        decode(&[0x8fff]);
        decode(&[0x8ffe]);
        assert_eq!(decode(&[0x8000, 0x6001, 0x2803]), [on((1 << 24) + 1, 3, 5)]);
        let triggers = decode(&[0xa001, 0xe123, 0xf000]);
        assert!(triggers.is_empty());
    }

    #[test]
    fn the_encodings_of_the_drivers_are_decoded() {
        let decode = |encoding, data: &[u8]| {
            let mut out = Vec::new();
            Decoder::default().decode(encoding, 1000, false, data, &mut out).map(|()| out)
        };
        let wanted = Event { t_us: 1007, x: 300, y: 200, polarity: true };
        let mono: u64 = 1 << 63 | 200 << 48 | 300 << 32 | 7_900;
        assert_eq!(decode("mono", &mono.to_le_bytes()).unwrap(), [wanted]);
        let libcaer: u64 = 7 << 32 | 300 << 17 | 200 << 2 | 2 | 1;
        assert_eq!(decode("libcaer", &libcaer.to_le_bytes()).unwrap(), [wanted]);
        // Low time 7, column 300, row 200, on; then rows 200 and 203 as a vector.
        let compressed = bytes(&[0x0000, 0x1007, 0x212c, 0x38c8, 0x48c8, 0x5009]);
        let lower = Event { y: 203, ..wanted };
        assert_eq!(decode("libcaer_cmp", &compressed).unwrap(), [wanted, wanted, lower]);
        assert!(decode("evt5", &[]).unwrap_err().contains("evt5"));
    }
}
