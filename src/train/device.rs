//! The device that computes gradients, selected by name.

use super::TrainError;
use std::str::FromStr;

/// A device that computes gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The CPU, with this program's own kernels.
    #[default]
    Processor,
    /// The CPU, through burn: the GPU's code path, but slow. For tests.
    BurnProcessor,
    /// The NVIDIA GPU of this number, through burn.
    Cuda(usize),
}

impl FromStr for Device {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let number = |n: &str| n.parse().ok().map(Self::Cuda);
        if name.starts_with("cuda") && name.contains(',') {
            return Err(format!("{name}: training runs on one GPU: cuda or cuda:N"));
        }
        let found = match name {
            "cpu" => Some(Self::Processor),
            "burn-cpu" => Some(Self::BurnProcessor),
            "cuda" => Some(Self::Cuda(0)),
            other => other.strip_prefix("cuda:").and_then(number),
        };
        found.ok_or_else(|| format!("{name}: expected cpu, cuda or cuda:N"))
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Processor => write!(f, "cpu"),
            Self::BurnProcessor => write!(f, "burn-cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl Device {
    /// The error for a device that this build does not support.
    pub(super) fn missing(self) -> TrainError {
        let feature = if self == Self::BurnProcessor { "train-burn" } else { "train-cuda" };
        let why =
            format!("this program was built without it; use cargo build --features {feature}");
        TrainError::Device { device: self, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_round_trip_and_invalid_ones_are_refused() {
        for name in ["cpu", "burn-cpu", "cuda:0", "cuda:3"] {
            assert_eq!(name.parse::<Device>().map(|d| d.to_string()), Ok(name.to_owned()));
        }
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        for (name, why) in
            [("cuda:0,1", "on one GPU"), ("cuda:x", "expected cpu"), ("gpu", "expected cpu")]
        {
            assert!(name.parse::<Device>().is_err_and(|e| e.contains(why)), "{name}");
        }
    }
}
