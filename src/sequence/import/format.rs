//! The formats, and the options that each of them uses.

/// A format of recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignFormat {
    /// Pictures with text files of events and times.
    Pictures,
    /// HighREV, the data of NTIRE.
    HighRev,
    /// HS-ERGB and BS-ERGB.
    TimeLens,
    /// EFNet's HDF5 files.
    EfNet,
    /// ROS 1 bags and MCAP files.
    Ros,
}

impl ForeignFormat {
    /// All formats.
    pub const ALL: [Self; 5] =
        [Self::Pictures, Self::HighRev, Self::TimeLens, Self::EfNet, Self::Ros];

    /// The name, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pictures => "pictures with text files",
            Self::HighRev => "HighREV",
            Self::TimeLens => "HS-ERGB and BS-ERGB",
            Self::EfNet => "EFNet's HDF5",
            Self::Ros => "ROS bags and MCAP files",
        }
    }

    /// Whether recordings of this format use an option of `gem-live import`, such as `--columns`.
    pub fn uses(self, option: &str) -> bool {
        self.options().contains(&option)
    }

    /// The options that the format uses. Every format uses --event-offset-us and --sensor, which are
    /// not listed; those that belong to --average need it.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Pictures => &[
                "--exposure-us",
                "--contiguous",
                "--stamp",
                "--columns",
                "--event-unit",
                "--frame-unit",
            ],
            Self::HighRev => &["--event-unit"],
            Self::TimeLens => &[
                "--exposure-us",
                "--contiguous",
                "--stamp",
                "--event-unit",
                "--frame-unit",
                "--average",
            ],
            Self::EfNet => &["--exposure-us", "--contiguous", "--stamp", "--event-unit", "--bgr"],
            Self::Ros => {
                &["--exposure-us", "--contiguous", "--stamp", "--frame-topic", "--event-topic"]
            }
        }
    }
}
