//! The event cameras that can be opened, and their USB identifiers.

use crate::image::Size;

/// A model of event camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// Prophesee EVK3 HD.
    Evk3Hd,
    /// Prophesee EVK4.
    Evk4,
    /// CenturyArks SilkyEvCam HD.
    SilkyEvCamHd,
    /// CenturyArks SilkyEvCam VGA.
    SilkyEvCamVga,
    /// IDS uEye with a sensor of Prophesee.
    Ueye,
    /// iniVation DVXplorer.
    Dvxplorer,
    /// iniVation DAVIS346, which also delivers frames.
    Davis346,
}

impl Model {
    /// All models.
    pub const ALL: [Self; 7] = [
        Self::Evk3Hd,
        Self::Evk4,
        Self::SilkyEvCamHd,
        Self::SilkyEvCamVga,
        Self::Ueye,
        Self::Dvxplorer,
        Self::Davis346,
    ];

    /// Manufacturer and model.
    pub fn name(self) -> &'static str {
        match self {
            Self::Evk3Hd => "Prophesee EVK3 HD",
            Self::Evk4 => "Prophesee EVK4",
            Self::SilkyEvCamHd => "CenturyArks SilkyEvCam HD",
            Self::SilkyEvCamVga => "CenturyArks SilkyEvCam VGA",
            Self::Ueye => "IDS uEye event camera",
            Self::Dvxplorer => "iniVation DVXplorer",
            Self::Davis346 => "iniVation DAVIS346",
        }
    }

    /// The kind of source that opens it.
    pub fn source(self) -> &'static str {
        match self {
            Self::Evk3Hd => "evk3",
            Self::Evk4 => "evk4",
            Self::SilkyEvCamHd | Self::SilkyEvCamVga => "silkyevcam",
            Self::Ueye => "ueye",
            Self::Dvxplorer => "dvxplorer",
            Self::Davis346 => "davis",
        }
    }

    /// USB vendor and product numbers. Those of the EVK3 and EVK4 are the ones that Cypress gives to
    /// every maker of devices with its USB chip, so a match of them proves nothing.
    pub fn usb_ids(self) -> &'static [(u16, u16)] {
        match self {
            Self::Evk3Hd | Self::Evk4 => &[(0x04b4, 0x00f4), (0x04b4, 0x00f5)],
            Self::SilkyEvCamHd => &[(0x31f7, 0x0003), (0x31f7, 0x0004)],
            Self::SilkyEvCamVga => &[(0x31f7, 0x0002)],
            Self::Ueye => &[(0x1409, 0x8e00)],
            Self::Dvxplorer => &[(0x152a, 0x8419)],
            Self::Davis346 => &[(0x152a, 0x841a)],
        }
    }

    /// Whether other makers' devices have its identifiers too: those of Cypress' USB chip.
    pub(super) fn has_shared_ids(self) -> bool {
        matches!(self, Self::Evk3Hd | Self::Evk4)
    }

    /// Size of the event sensor.
    pub fn sensor(self) -> Size {
        match self {
            Self::Evk3Hd | Self::Evk4 | Self::SilkyEvCamHd | Self::Ueye => Size::new(1280, 720),
            Self::SilkyEvCamVga | Self::Dvxplorer => Size::new(640, 480),
            Self::Davis346 => Size::new(346, 260),
        }
    }

    /// Whether its biases can be set while it streams. The crate ignores those of a DVXplorer, and does
    /// not know the ranges of those of a SilkyEvCam VGA.
    pub fn has_settings(self) -> bool {
        !matches!(self, Self::Dvxplorer | Self::SilkyEvCamVga)
    }

    /// Whether its event rate can be limited: the sensors of Prophesee.
    pub fn has_rate_limit(self) -> bool {
        !matches!(self, Self::Dvxplorer | Self::Davis346)
    }
}
