//! Bias currents: raw register values of a DAVIS, and two user controls for them.
//!
//! The contrast threshold of a pixel is the logarithm of the ratio of two bias currents
//! (Nozaki and Delbruck, "Temperature and Parasitic Photocurrent Effects in Dynamic Vision
//! Sensors", 2017). Its bandwidth grows with the photoreceptor's bias currents.

/// Register module of the biases (`DAVIS_CONFIG_BIAS` of libcaer).
pub(super) const BIAS: i8 = 5;

/// Addresses of a chip's configurable biases, within the bias module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    /// `DIFFBN`: the reference between the two thresholds.
    pub(super) diff: u8,
    /// `ONBN`: the threshold of ON events.
    pub(super) on: u8,
    /// `OFFBN`: the threshold of OFF events.
    pub(super) off: u8,
    /// `PRBP`: the photoreceptor.
    pub(super) photoreceptor: u8,
    /// `PRSFBP`: the source follower after the photoreceptor.
    pub(super) source_follower: u8,
    /// `REFRBP`: the refractory period.
    pub(super) refractory: u8,
}

/// `DAVIS128_CONFIG_BIAS_*`, and the same for DAVIS208, DAVIS346 and DAVIS640.
const COMMON: Addresses =
    Addresses { diff: 10, on: 11, off: 12, photoreceptor: 14, source_follower: 15, refractory: 16 };
/// `DAVIS240_CONFIG_BIAS_*`: addresses 11 to 16 belong to the AER handshake.
const DAVIS240: Addresses =
    Addresses { diff: 0, on: 1, off: 2, photoreceptor: 8, source_follower: 9, refractory: 10 };
/// `DAVIS640H_CONFIG_BIAS_*`.
const DAVIS640H: Addresses =
    Addresses { diff: 14, on: 15, off: 16, photoreceptor: 17, source_follower: 18, refractory: 19 };

impl Addresses {
    /// The addresses for a `DAVIS_CHIP_*` number; both come from libcaer's `devices/davis.h`.
    /// Returns `None` for a chip that is not listed there. Its biases must not be changed, because
    /// the same address may control another circuit.
    pub(super) fn of_chip(chip: i16) -> Option<Self> {
        match chip {
            // DAVIS240A, B and C.
            0..=2 => Some(DAVIS240),
            // DAVIS128, 346A, 346B, 640, 208 and 346C.
            3..=6 | 8 | 9 => Some(COMMON),
            7 => Some(DAVIS640H),
            _ => None,
        }
    }
}

/// Currents of the eight coarse steps in picoamperes, from libcaer's table.
const COARSE_PA: [f64; 8] =
    [11.0, 94.0, 756.0, 6_054.0, 48_437.0, 387_500.0, 3_100_000.0, 24_800_000.0];
/// Steps of the fine divider.
const FINE: f64 = 255.0;

/// The current of a raw bias value, in picoamperes.
pub(super) fn current_pa(raw: u32) -> f64 {
    let coarse = COARSE_PA.get((raw >> 12 & 7) as usize).copied().unwrap_or(0.0);
    coarse * f64::from(raw >> 4 & 0xff) / FINE
}

/// The raw bias value nearest to a current in picoamperes. The lowest four bits, which hold the
/// bias type, are kept.
pub(super) fn with_current(raw: u32, pa: f64) -> u32 {
    let last = COARSE_PA.len() - 1;
    let coarse = COARSE_PA.iter().position(|maximum| pa <= *maximum).unwrap_or(last);
    let maximum = COARSE_PA.get(coarse).copied().unwrap_or(1.0);
    let fine = (pa * FINE / maximum).round().clamp(1.0, FINE) as u32;
    raw & 0xf | fine << 4 | (coarse as u32) << 12
}

/// Raw bias values at the neutral positions of the bias controls.
#[derive(Clone, Copy, Debug)]
struct Defaults {
    diff: u32,
    on: u32,
    off: u32,
    photoreceptor: u32,
    source_follower: u32,
}

/// The two user controls, relative to libcaer's default biases.
#[derive(Clone, Debug)]
pub(super) struct BiasControls {
    addresses: Addresses,
    defaults: Defaults,
    /// From -1 to 1: at 1 both thresholds are half of the default, at -1 twice the default.
    pub(super) sensitivity: f64,
    /// From -1 to 1: at 1 the photoreceptor's currents are four times the default.
    pub(super) bandwidth: f64,
}

impl BiasControls {
    /// Starts from the current biases of a chip, as returned by `read`. Returns `None` if one of
    /// them cannot be read.
    pub(super) fn new(addresses: Addresses, read: impl Fn(i8, u8) -> Option<u32>) -> Option<Self> {
        let of = |address: u8| read(BIAS, address);
        let defaults = Defaults {
            diff: of(addresses.diff)?,
            on: of(addresses.on)?,
            off: of(addresses.off)?,
            photoreceptor: of(addresses.photoreceptor)?,
            source_follower: of(addresses.source_follower)?,
        };
        Some(Self { addresses, defaults, sensitivity: 0.0, bandwidth: 0.0 })
    }

    /// Address and raw value of each bias for the current positions of the controls.
    pub(super) fn biases(&self) -> [(u8, u32); 4] {
        let Defaults { diff, on, off, photoreceptor, source_follower } = self.defaults;
        let (exponent, factor) = (2_f64.powf(-self.sensitivity), 4_f64.powf(self.bandwidth));
        // A divider of zero means the smallest available current.
        let reference = current_pa(diff).max(1.0);
        let threshold = |raw: u32| {
            let ratio = current_pa(raw).max(1.0) / reference;
            with_current(raw, reference * ratio.powf(exponent))
        };
        let scaled = |raw: u32| with_current(raw, current_pa(raw) * factor);
        [
            (self.addresses.on, threshold(on)),
            (self.addresses.off, threshold(off)),
            (self.addresses.photoreceptor, scaled(photoreceptor)),
            (self.addresses.source_follower, scaled(source_follower)),
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
    fn raw_biases_convert_to_currents_and_back() {
        assert_eq!(current_pa(raw(4, 255)), 48_437.0);
        for (coarse, fine) in [(0, 255), (3, 200), (5, 100), (7, 255), (4, 39)] {
            let raw_value = raw(coarse, fine);
            assert_eq!(with_current(0xf, current_pa(raw_value)), raw_value, "{coarse} {fine}");
        }
        assert_eq!(with_current(0x3, 1e12), 0x7ff3, "clamped to the maximum");
        assert_eq!(with_current(0x3, 0.0), 0x0013, "never switched off");
    }

    fn raw_diff() -> u32 {
        raw(4, 39)
    }

    #[test]
    fn only_chips_listed_by_libcaer_have_addresses() {
        let on = |chip| Addresses::of_chip(chip).map(|a| a.on);
        assert!((0..=2).all(|chip| on(chip) == Some(1)));
        assert!([3, 4, 5, 6, 8, 9].into_iter().all(|chip| on(chip) == Some(11)));
        assert_eq!((on(7), on(-1), on(10)), (Some(15), None, None));
    }

    #[test]
    fn the_controls_scale_thresholds_and_bandwidth() {
        let read = |_: i8, address: u8| {
            Some(match address {
                10 => raw(4, 39),
                11 => raw(5, 255),
                12 => raw(3, 1),
                _ => raw(2, 58),
            })
        };
        let mut bias_controls = BiasControls::new(COMMON, read).unwrap();
        let log = |raw: u32| (current_pa(raw) / current_pa(raw_diff())).ln();
        let [(_, on), (_, off), (_, receptor), _] = bias_controls.biases();
        assert_eq!(
            (on, receptor),
            (raw(5, 255), raw(2, 58)),
            "the neutral position changes nothing"
        );
        let (on_0, off_0) = (log(on), log(off));
        for (sensitivity, factor) in [(1.0, 0.5), (-1.0, 2.0)] {
            bias_controls.sensitivity = sensitivity;
            let [(_, on), (_, off), ..] = bias_controls.biases();
            assert!((log(on) / on_0 - factor).abs() < 0.02, "{sensitivity}: {}", log(on) / on_0);
            // The current needed at -1 is below the chip's smallest step.
            let least = if sensitivity < 0.0 { 1.5 } else { 0.45 };
            assert!((least..2.1).contains(&(log(off) / off_0)));
        }
        bias_controls.bandwidth = 1.0;
        let [.., (_, receptor), _] = bias_controls.biases();
        assert!((current_pa(receptor) / current_pa(raw(2, 58)) - 4.0).abs() < 0.1);
    }
}
