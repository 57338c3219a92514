//! What the engine thread makes of an exposure.

use super::LiveFrame;
use crate::engine::DevicePicture;
use crate::image::ImageU8;
use std::sync::Arc;
use std::time::Duration;

/// A restored exposure on its way to the screen.
#[derive(Clone, Debug)]
pub struct RestoredFrame {
    /// The captured exposure.
    pub captured: Arc<LiveFrame>,
    /// The requested instants, as fractions of the exposure.
    pub instants: Vec<f64>,
    /// SAN's images in memory, one per instant; empty if the restoration failed or is off, or if the
    /// only one stayed on the device.
    pub restored: Vec<ImageU8>,
    /// The image of the only instant on the device that the engine shares with the window.
    pub on_device: Option<DevicePicture>,
    /// EDI's images, if they were requested.
    pub edi: Vec<ImageU8>,
    /// Duration of the restoration.
    pub restore_time: Duration,
    /// PSNR in dB of the blurry and the restored image, where ground truth is known.
    pub psnr_db: Option<(f64, f64)>,
    /// SSIM of the blurry and the restored image, where ground truth is known. Computed only from
    /// time to time, because it takes longer than a GPU needs to restore a small image.
    pub ssim: Option<(f64, f64)>,
    /// Sharpness of the restored image over that of the blurry one. If the image stayed on the
    /// device, that of the last one that did not.
    pub sharpness_gain: Option<f64>,
    /// The engine could not restore it; there is only the blurry image.
    pub failed: bool,
    /// The same exposure as before, restored for another request.
    pub repeated: bool,
}

impl RestoredFrame {
    /// The images of an exposure at these instants, without scores and EDI's images.
    pub fn new(captured: Arc<LiveFrame>, instants: Vec<f64>, restored: Vec<ImageU8>) -> Self {
        Self {
            captured,
            instants,
            restored,
            on_device: None,
            edi: Vec::new(),
            restore_time: Duration::ZERO,
            psnr_db: None,
            ssim: None,
            sharpness_gain: None,
            failed: false,
            repeated: false,
        }
    }

    /// Whether there is a restored image, in memory or on the device.
    pub fn is_restored(&self) -> bool {
        !self.restored.is_empty() || self.on_device.is_some()
    }
}
