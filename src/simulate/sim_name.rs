//! Parameters of a simulated rig as text, such as `1152x768@30,seed=7`.

use crate::image::Size;
use crate::simulate::rig::RigModel;
use std::str::FromStr;

/// Sizes of frames and event sensor, written as `288x192` or `1152x768/288x192`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Frame size.
    pub image: Size,
    /// Event sensor size.
    pub sensor: Size,
}

impl Sizes {
    /// Frame width from which the event sensor has a quarter of the frames' resolution, as in the
    /// rig of MS-RBD (1152x768 and 288x192); below it half.
    const QUARTER_FROM: usize = 1024;

    /// Frames of this size, and an event sensor of the default size for them.
    pub fn of(image: Size) -> Self {
        let factor = if image.width >= Self::QUARTER_FROM { 4 } else { 2 };
        let part = |n: usize| n.div_ceil(factor).max(1);
        Self { image, sensor: Size::new(part(image.width), part(image.height)) }
    }
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = |text: &str, least: usize| {
            let sides = text.split_once('x');
            let sides = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            match sides {
                Some((w, h)) if [w, h].iter().all(|n| (least..=4096).contains(n)) => {
                    Ok(Size::new(w, h))
                }
                _ => Err(format!(
                    "{text}: expected a size like 288x192, with sides from {least} to 4096"
                )),
            }
        };
        match text.split_once('/') {
            None => Ok(Self::of(size(text, 32)?)),
            Some((image, sensor)) => Ok(Self { image: size(image, 32)?, sensor: size(sensor, 8)? }),
        }
    }
}

impl std::fmt::Display for Sizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { image, sensor } = self;
        match *self == Self::of(*image) {
            true => write!(f, "{image}"),
            false => write!(f, "{image}/{sensor}"),
        }
    }
}

/// Parameters of a simulated rig, written as `288x192`, `1152x768/288x192`, `1152x768@30` or
/// `288x192@30,seed=7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimName {
    /// Sizes of frames and event sensor.
    pub sizes: Sizes,
    /// Frames per second, 1 to 60.
    pub frames_hz: u32,
    /// Determines the scene, the motion and all noise.
    pub seed: u64,
}

impl SimName {
    /// The default seed.
    const SEED: u64 = 1;
    /// The default frame rate, that of MS-RBD.
    const FRAMES_HZ: u32 = 15;

    /// The rig of the name `sim`: two processor cores render and restore every frame of it.
    pub fn small() -> Self {
        let sizes = Sizes::of(Size::new(384, 256));
        Self { sizes, frames_hz: 5, seed: Self::SEED }
    }

    /// The rig model of these parameters.
    pub fn model(&self) -> RigModel {
        let Sizes { image, sensor } = self.sizes;
        let model = RigModel { sensor, ..RigModel::new(image, self.seed) };
        if self.frames_hz == Self::FRAMES_HZ {
            return model;
        }
        // The exposure time is three fifths of the period, at most that of the default rate.
        let period_us = 1_000_000 / i64::from(self.frames_hz.max(1));
        let exposure_us = (period_us * 3 / 5).min(period_us - 10_000).min(model.exposure_us);
        RigModel { period_us, exposure_us, ..model }
    }
}

impl FromStr for SimName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sizes, options) = match text.split_once(',') {
            Some((sizes, options)) => (sizes, Some(options)),
            None => (text, None),
        };
        let seed = match options {
            None => Self::SEED,
            Some(options) => {
                let digits = options.strip_prefix("seed=").and_then(|n| n.parse().ok());
                digits.ok_or_else(|| format!("{options}: expected a seed like seed=7"))?
            }
        };
        let (sizes, frames_hz) = match sizes.split_once('@') {
            None => (sizes, Self::FRAMES_HZ),
            Some((sizes, rate)) => {
                let hz = rate.parse().ok().filter(|hz| (1..=60).contains(hz));
                (sizes, hz.ok_or_else(|| format!("{rate}: expected 1 to 60 frames per second"))?)
            }
        };
        Ok(Self { sizes: sizes.parse()?, frames_hz, seed })
    }
}

impl std::fmt::Display for SimName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.sizes)?;
        if self.frames_hz != Self::FRAMES_HZ {
            write!(f, "@{}", self.frames_hz)?;
        }
        match self.seed {
            Self::SEED => Ok(()),
            seed => write!(f, ",seed={seed}"),
        }
    }
}
