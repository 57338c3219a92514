//! Bias currents: what the raw numbers of a DAVIS mean, and two dials for people.
//!
//! The contrast threshold of a pixel is the logarithm of the ratio of two bias currents
//! (Nozaki and Delbruck, "Temperature and Parasitic Photocurrent Effects in Dynamic Vision
//! Sensors", 2017), and its bandwidth grows with those of the photoreceptor.

use super::registers::BIAS;

/// Addresses of the biases of a DAVIS346 that the dials move, from libcaer's `devices/davis.h`.
const DIFF: u8 = 10;
const ON: u8 = 11;
const OFF: u8 = 12;
const PHOTORECEPTOR: u8 = 14;
const SOURCE_FOLLOWER: u8 = 15;

/// Currents of the eight coarse steps in picoamperes, as libcaer's table has them.
const COARSE_PA: [f64; 8] =
    [11.0, 94.0, 756.0, 6_054.0, 48_437.0, 387_500.0, 3_100_000.0, 24_800_000.0];
/// Steps of the fine divider.
const FINE: f64 = 255.0;

/// The current that a raw bias stands for, in picoamperes.
pub(super) fn current_pa(raw: u32) -> f64 {
    let coarse = COARSE_PA.get((raw >> 12 & 7) as usize).copied().unwrap_or(0.0);
    coarse * f64::from(raw >> 4 & 0xff) / FINE
}

/// The raw bias nearest to a current in picoamperes; the lowest four bits, its kind, stay.
pub(super) fn with_current(raw: u32, pa: f64) -> u32 {
    let last = COARSE_PA.len() - 1;
    let coarse = COARSE_PA.iter().position(|most| pa <= *most).unwrap_or(last);
    let most = COARSE_PA.get(coarse).copied().unwrap_or(1.0);
    let fine = (pa * FINE / most).round().clamp(1.0, FINE) as u32;
    raw & 0xf | fine << 4 | (coarse as u32) << 12
}

/// The two dials, around the biases that libcaer sets by default.
#[derive(Clone, Debug)]
pub(super) struct Dials {
    defaults: [(u8, u32); 5],
    /// From -1 to 1: at 1 both thresholds are half of the default, at -1 twice as large.
    pub(super) sensitivity: f64,
    /// From -1 to 1: at 1 the photoreceptor's currents are four times the default.
    pub(super) bandwidth: f64,
}

impl Dials {
    /// Around what `read` tells of the biases now; `None` where one cannot be read.
    pub(super) fn new(read: impl Fn(i8, u8) -> Option<u32>) -> Option<Self> {
        let of = |address: u8| Some((address, read(BIAS, address)?));
        let defaults = [of(DIFF)?, of(ON)?, of(OFF)?, of(PHOTORECEPTOR)?, of(SOURCE_FOLLOWER)?];
        Some(Self { defaults, sensitivity: 0.0, bandwidth: 0.0 })
    }

    /// Address and raw value of every bias that the dials' present places ask for.
    pub(super) fn biases(&self) -> [(u8, u32); 4] {
        let [(_, diff), (_, on), (_, off), (_, receptor), (_, follower)] = self.defaults;
        let (stretch, speed) = (2_f64.powf(-self.sensitivity), 4_f64.powf(self.bandwidth));
        // A divider of zero stands for the smallest current there is.
        let middle = current_pa(diff).max(1.0);
        let threshold = |raw: u32| {
            let ratio = current_pa(raw).max(1.0) / middle;
            with_current(raw, middle * ratio.powf(stretch))
        };
        let faster = |raw: u32| with_current(raw, current_pa(raw) * speed);
        [
            (ON, threshold(on)),
            (OFF, threshold(off)),
            (PHOTORECEPTOR, faster(receptor)),
            (SOURCE_FOLLOWER, faster(follower)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A normal n-type bias.
    fn raw(coarse: u32, fine: u32) -> u32 {
        0xf | fine << 4 | coarse << 12
    }

    #[test]
    fn raw_biases_stand_for_currents_and_come_back() {
        assert_eq!(current_pa(raw(4, 255)), 48_437.0);
        for (coarse, fine) in [(0, 255), (3, 200), (5, 100), (7, 255), (4, 39)] {
            let there = raw(coarse, fine);
            assert_eq!(with_current(0xf, current_pa(there)), there, "{coarse} {fine}");
        }
        assert_eq!(with_current(0x3, 1e12), 0x7ff3, "no more than there is");
        assert_eq!(with_current(0x3, 0.0), 0x0013, "never off");
    }

    #[test]
    fn the_dials_scale_thresholds_and_speed() {
        let read = |_: i8, address: u8| {
            Some(match address {
                DIFF => raw(4, 39),
                ON => raw(5, 255),
                OFF => raw(3, 1),
                _ => raw(2, 58),
            })
        };
        let mut dials = Dials::new(read).unwrap();
        let log = |raw: u32| (current_pa(raw) / current_pa(read(0, DIFF).unwrap())).ln();
        let [(_, on), (_, off), (_, receptor), _] = dials.biases();
        assert_eq!((on, receptor), (raw(5, 255), raw(2, 58)), "in the middle nothing moves");
        let (on_0, off_0) = (log(on), log(off));
        for (sensitivity, factor) in [(1.0, 0.5), (-1.0, 2.0)] {
            dials.sensitivity = sensitivity;
            let [(_, on), (_, off), ..] = dials.biases();
            assert!((log(on) / on_0 - factor).abs() < 0.02, "{sensitivity}: {}", log(on) / on_0);
            // Its current at -1 is below what the chip can divide to.
            let least = if sensitivity < 0.0 { 1.5 } else { 0.45 };
            assert!((least..2.1).contains(&(log(off) / off_0)));
        }
        dials.bandwidth = 1.0;
        let [.., (_, receptor), _] = dials.biases();
        assert!((current_pa(receptor) / current_pa(raw(2, 58)) - 4.0).abs() < 0.1);
    }
}
