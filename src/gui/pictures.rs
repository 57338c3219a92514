//! The pictures of one exposure in GPU memory.

use super::gpu::Gpu;
use super::gpu_image::GpuImage;
use crate::exposure::Exposure;
use crate::image::ImageU8;
use crate::live::RestoredFrame;
use crate::time::TimeRange;
use eframe::egui_wgpu::RenderState;

/// Kind of picture of an exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PictureKind {
    Blurry,
    Edi,
    Restored,
    Truth,
}

impl PictureKind {
    /// Label on the screen.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Blurry => "Blurry",
            Self::Edi => "EDI",
            Self::Restored => "Restored",
            Self::Truth => "Ground truth",
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// Slot for one picture: whether it is present, and its GPU image if there is a GPU.
#[derive(Debug, Default)]
struct Slot {
    present: bool,
    image: Option<GpuImage>,
}

/// All pictures of the exposure that is shown.
pub(super) struct Pictures {
    /// Draws the pictures; none in tests that do not render.
    pub gpu: Option<Gpu>,
    slots: [Slot; 4],
    events: Slot,
    counts: Vec<u8>,
}

impl Pictures {
    /// Uses the GPU that renders the window.
    pub(super) fn new(state: Option<&RenderState>) -> Self {
        let gpu = state.map(Gpu::new);
        let (slots, events) = (Default::default(), Slot::default());
        Self { gpu, slots, events, counts: Vec::new() }
    }

    /// Uploads the pictures of instant `index` of a restored frame, and its events if `events`.
    pub(super) fn set(&mut self, frame: &RestoredFrame, index: usize, events: bool) {
        let at = frame.instants.get(index).copied().unwrap_or(0.5);
        let captured = &frame.captured;
        self.put(PictureKind::Blurry, Some(&captured.picture));
        if !self.show_on_device(frame, index) {
            self.put(PictureKind::Restored, frame.restored.get(index));
        }
        self.put(PictureKind::Edi, frame.edi.get(index));
        self.put(PictureKind::Truth, captured.truth_at(at));
        self.events.present = events;
        if events {
            count(&captured.exposure, &mut self.counts);
            if let Some(gpu) = &self.gpu {
                gpu.events(&mut self.events.image, captured.exposure.sensor, &self.counts);
            }
        }
    }

    /// Shows a picture that the engine has left on the window's device; false if there is none.
    #[cfg(feature = "wgpu")]
    fn show_on_device(&mut self, frame: &RestoredFrame, index: usize) -> bool {
        let picture = frame.on_device.as_ref().filter(|_| index == 0);
        let slot = self.slots.get_mut(PictureKind::Restored.index());
        let (Some(picture), Some(slot)) = (picture, slot) else { return false };
        (slot.present, slot.image) = (true, Some(GpuImage::on_device(picture)));
        true
    }

    #[cfg(not(feature = "wgpu"))]
    fn show_on_device(&mut self, _: &RestoredFrame, _: usize) -> bool {
        false
    }

    fn put(&mut self, kind: PictureKind, picture: Option<&ImageU8>) {
        let Some(slot) = self.slots.get_mut(kind.index()) else { return };
        slot.present = picture.is_some();
        if let (Some(gpu), Some(picture)) = (&self.gpu, picture) {
            gpu.picture(&mut slot.image, picture);
        }
    }

    /// Whether there is a picture of this kind.
    pub(super) fn has(&self, kind: PictureKind) -> bool {
        self.slots.get(kind.index()).is_some_and(|p| p.present)
    }

    /// Borrows the GPU, the images of two pictures and the event counts; none if one of the
    /// pictures is missing.
    pub(super) fn on_gpu(&mut self, kinds: [PictureKind; 2]) -> Option<GpuPictures<'_>> {
        let image = |kind: PictureKind| self.slots.get(kind.index()).and_then(|s| s.image.as_ref());
        let pictures = [image(kinds[0])?, image(kinds[1])?];
        let events = self.events.image.as_ref().filter(|_| self.events.present);
        Some((self.gpu.as_mut()?, pictures, events))
    }
}

/// The GPU, two pictures, and the event counts of the overlay.
pub(super) type GpuPictures<'a> = (&'a mut Gpu, [&'a GpuImage; 2], Option<&'a GpuImage>);

/// Counts OFF and ON events per sensor pixel within the exposure: `counts` becomes
/// height x width x 2, row by row, saturating at 255.
fn count(exposure: &Exposure, counts: &mut Vec<u8>) {
    let (sensor, TimeRange { start_us, end_us }) = (exposure.sensor, exposure.span);
    counts.clear();
    counts.resize(2 * sensor.area(), 0);
    for e in exposure.events.iter().filter(|e| (start_us..end_us).contains(&(e.t_us as f64))) {
        if usize::from(e.x) >= sensor.width {
            continue;
        }
        let at = usize::from(e.y) * sensor.width + usize::from(e.x);
        if let Some(count) = counts.get_mut(2 * at + usize::from(e.polarity)) {
            *count = count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::image::{ImageF32, Size};

    #[test]
    fn events_are_counted_per_pixel_and_polarity_within_the_exposure_and_the_sensor() {
        let event = |x, t_us, on| Event { t_us, x, y: 1, polarity: on };
        let exposure = Exposure {
            frame: ImageF32::filled(false, Size::new(4, 4), 0.5).into(),
            span: TimeRange::new(10.0, 20.0),
            events: vec![
                event(0, 10, true),
                event(0, 12, true),
                event(1, 19, false),
                event(1, 20, false),
                event(9, 15, true),
            ]
            .into(),
            sensor: Size::new(2, 2),
        };
        let mut counts = vec![7; 100];
        count(&exposure, &mut counts);
        assert_eq!(counts, [0, 0, 0, 0, 0, 2, 1, 0]);
    }
}
