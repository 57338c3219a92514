//! Brightness histograms of the blurry and restored picture, and shares of clipped samples.

use crate::gui::theme;
use crate::image::ImageU8;
use crate::live::RestoredFrame;
use eframe::egui::{self, RichText, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

const BINS: usize = 64;
/// Maximum number of samples that are counted, about; more would not change the curve.
const SAMPLES: usize = 200_000;
/// Share of clipped samples above which a warning is shown, in percent.
const WARN: f32 = 1.0;

/// Histogram of one picture.
#[derive(Clone, Debug, PartialEq)]
struct Curve {
    /// Share of samples per bin, 0 to 1.
    bins: [f32; BINS],
    /// Shares of samples that are exactly 0 and exactly 255.
    ends: [f32; 2],
}

impl Curve {
    fn of(picture: &ImageU8) -> Self {
        let (mut bins, mut ends) = ([0.0; BINS], [0.0; 2]);
        // An odd step avoids sampling the same columns in every row.
        let step = (picture.data().len() / SAMPLES).max(1) | 1;
        let count = picture.data().len().div_ceil(step);
        let share = 1.0 / count.max(1) as f32;
        for v in picture.data().iter().step_by(step) {
            if let Some(bin) = bins.get_mut(usize::from(*v) * BINS / 256) {
                *bin += share;
            }
            match v {
                0 => ends[0] += share,
                255 => ends[1] += share,
                _ => {}
            }
        }
        Self { bins, ends }
    }
}

/// Histograms of the blurry and the restored picture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    blurry: Option<Curve>,
    restored: Option<Curve>,
}

impl Histogram {
    /// Computes the histograms; called once per shown picture, not per repaint.
    pub(crate) fn set(&mut self, frame: &RestoredFrame, index: usize) {
        self.blurry = Some(Curve::of(&frame.captured.picture));
        let restored = frame.restored.get(index).map(Curve::of);
        // The curve of the last picture in memory stays while pictures stay on the device.
        if restored.is_some() || frame.on_device.is_none() {
            self.restored = restored;
        }
    }

    /// Draws the curves and the shares of clipped samples.
    pub(crate) fn show(&self, ui: &mut Ui) {
        let wide = vec2(ui.available_width(), 74.0);
        let (rect, response) = ui.allocate_exact_size(wide, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Histogram"));
        ui.painter().rect_filled(rect, 4.0, theme::SURROUND);
        let curves = [(&self.blurry, theme::BLURRY), (&self.restored, theme::RESTORED)];
        for (curve, colour) in curves {
            let Some(curve) = curve else { continue };
            let top = curve.bins.iter().copied().fold(1e-6, f32::max);
            let at = |(i, v): (usize, &f32)| {
                let x = rect.left() + (i as f32 + 0.5) / BINS as f32 * rect.width();
                // The square root makes rare values visible.
                pos2(x, rect.bottom() - 2.0 - (v / top).sqrt() * (rect.height() - 6.0))
            };
            let points = curve.bins.iter().enumerate().map(at).collect();
            ui.painter().add(Shape::line(points, Stroke::new(1.5, colour)));
        }
        let ends = self.blurry.as_ref().map_or([0.0; 2], |c| c.ends.map(|e| e * 100.0));
        let warn = ends.iter().any(|e| *e > WARN);
        let colour = if warn { theme::WARNING } else { theme::QUIET };
        ui.horizontal(|ui| {
            let small =
                |text: &str, colour| RichText::new(text.to_owned()).size(11.5).color(colour);
            ui.label(small("blurry", theme::BLURRY));
            ui.label(small("restored", theme::RESTORED));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let text = format!("clipped: {:.1} % dark, {:.1} % bright", ends[0], ends[1]);
                ui.label(small(&text, colour));
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Size;

    #[test]
    fn every_sample_is_counted_once_and_clipped_ones_separately() {
        let data = vec![0, 0, 128, 255];
        let curve = Curve::of(&ImageU8::new(1, Size::new(2, 2), data).unwrap());
        assert!((curve.bins.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!((curve.bins[0], curve.bins[32], curve.bins[63]), (0.5, 0.25, 0.25));
        assert_eq!(curve.ends, [0.5, 0.25]);
    }

    #[test]
    fn a_large_picture_is_sampled_without_changing_the_shares() {
        let size = Size::new(1152, 768);
        let data = (0..3 * size.area()).map(|i| if i % 4 == 0 { 255 } else { 100 }).collect();
        let curve = Curve::of(&ImageU8::new(3, size, data).unwrap());
        assert!((curve.ends[1] - 0.25).abs() < 0.005, "{:?}", curve.ends);
    }
}
