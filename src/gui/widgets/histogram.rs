//! Brightness of blurry and restored, and what is clipped.

use crate::gui::theme;
use crate::image::ImageU8;
use crate::live::RestoredFrame;
use eframe::egui::{self, RichText, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

const BINS: usize = 64;
/// Samples that are looked at; more would not change the curve.
const SAMPLES: usize = 200_000;
/// A share of clipped samples that deserves a warning, in percent.
const WARN: f32 = 1.0;

/// One curve.
#[derive(Clone, Debug, PartialEq)]
struct Curve {
    bins: [f32; BINS],
    /// Shares at both ends of the scale.
    ends: [f32; 2],
}

impl Curve {
    fn of(picture: &ImageU8) -> Self {
        let (mut bins, mut ends) = ([0.0; BINS], [0.0; 2]);
        // An odd step meets every column of every size in time.
        let step = (picture.data().len() / SAMPLES).max(1) | 1;
        let count = picture.data().len().div_ceil(step);
        let one = 1.0 / count.max(1) as f32;
        for v in picture.data().iter().step_by(step) {
            if let Some(bin) = bins.get_mut(usize::from(*v) * BINS / 256) {
                *bin += one;
            }
            match v {
                0 => ends[0] += one,
                255 => ends[1] += one,
                _ => {}
            }
        }
        Self { bins, ends }
    }
}

/// Both curves of one outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    blurry: Option<Curve>,
    restored: Option<Curve>,
}

impl Histogram {
    /// Counts; once for every picture that is shown, not for every time it is drawn.
    pub(crate) fn set(&mut self, outcome: &RestoredFrame, index: usize) {
        self.blurry = Some(Curve::of(&outcome.captured.picture));
        self.restored = outcome.restored.get(index).map(Curve::of);
    }

    /// Draws the curves, and says what is clipped.
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
                // The root lets rare values show.
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
    fn the_histogram_counts_every_sample_once_and_clipping_apart() {
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
