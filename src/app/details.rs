//! The panel of numbers and plots beside the pictures.

use super::{Window, style};
use crate::frame::Picture;
use eframe::egui::{self, Color32, RichText, Sense, Shape, Stroke, Ui, pos2, vec2};
use egui_plot::{Line, Plot, PlotPoints};

/// Draws the panel.
pub(super) fn show(window: &mut Window, ui: &mut Ui) {
    let now = window.pipeline.stats().snapshot();
    egui::ScrollArea::vertical().show(ui, |ui| {
        group(ui, "Rates", |ui| {
            row(ui, "Source", &format!("{:.1} /s", now.rate_in));
            row(ui, "Screen", &format!("{:.1} /s", now.rate_out));
            row(ui, "Waiting", &now.queued.to_string());
        });
        group(ui, "Times", |ui| {
            let t = |t: crate::pipeline::Times| {
                format!("{:.0} / {:.0} / {:.0} ms", t.p50_ms, t.p95_ms, t.max_ms)
            };
            row(ui, "Restoring", &t(now.restore));
            row(ui, "Shutter to screen", &t(now.latency));
            ui.label("");
            ui.label(RichText::new("half, 95 of 100, longest").color(style::QUIET).size(11.0));
            ui.end_row();
        });
        group(ui, "Skipped", |ui| {
            row(ui, "Camera or cable", &now.drops.source.to_string());
            row(ui, "Queue full", &now.drops.queue.to_string());
            row(ui, "Engine busy", &now.drops.engine.to_string());
            row(ui, "Window busy", &now.drops.display.to_string());
            row(ui, "Failed", &now.drops.failed.to_string());
        });
        group(ui, "Picture", |ui| {
            let Some(o) = &window.latest else { return };
            let e = &o.captured.exposure;
            row(ui, "Frame", &e.frame.size().to_string());
            row(ui, "Events", &format!("{}, {} events", e.sensor, e.events.len()));
            row(ui, "Exposure", &format!("{:.1} ms", e.span.duration_us() / 1e3));
            match (o.psnr_db, o.sharpness_gain) {
                (Some((before, after)), _) => {
                    row(ui, "PSNR", &format!("{before:.1}, restored {after:.1} dB"));
                }
                (None, Some(gain)) => row(ui, "Sharpness", &format!("{gain:.1} times")),
                (None, None) => {}
            }
        });
        group(ui, "Runs on", |ui| {
            row(ui, "Source", &window.pipeline.source());
            row(ui, "Engine", &window.pipeline.engine());
            for (name, value) in window.pipeline.facts() {
                row(ui, name, &value);
            }
        });
        if !window.pipeline.controls().is_empty() {
            title(ui, "Camera");
            super::controls::show(window, ui);
            ui.add_space(8.0);
        }
        title(ui, &format!("Events: {:.2} million a second", now.event_rate / 1e6));
        let rates: Vec<f64> =
            window.pipeline.stats().event_rates().iter().map(|r| r / 1e6).collect();
        let line = Line::new("million events a second", PlotPoints::from_ys_f64(&rates));
        Plot::new("event rate")
            .height(70.0)
            .include_y(0.0)
            .show_axes(false)
            .show_grid(false)
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .show(ui, |plot| plot.line(line.color(style::RESTORED).width(1.5)));
        ui.add_space(8.0);
        title(ui, "Brightness");
        if let Some(o) = &window.latest {
            histogram(ui, &o.captured.picture, o.restored.first());
        }
    });
}

fn title(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).strong().size(13.0));
}

fn group(ui: &mut Ui, name: &str, rows: impl FnOnce(&mut Ui)) {
    title(ui, name);
    egui::Grid::new(name)
        .num_columns(2)
        .min_col_width(104.0)
        .max_col_width(150.0)
        .spacing([8.0, 3.0])
        .show(ui, rows);
    ui.add_space(8.0);
}

fn row(ui: &mut Ui, name: &str, value: &str) {
    ui.label(RichText::new(name).color(style::QUIET));
    // A value that does not fit would push the whole panel out of the window.
    ui.add(egui::Label::new(value).wrap());
    ui.end_row();
}

const BINS: usize = 64;

/// Share of the samples in every bin, and at both ends of the scale.
fn bins(picture: &Picture) -> ([f32; BINS], [f32; 2]) {
    let (mut bins, mut ends) = ([0.0; BINS], [0.0; 2]);
    let one = 1.0 / picture.data().len() as f32;
    for v in picture.data() {
        if let Some(bin) = bins.get_mut(usize::from(*v) * BINS / 256) {
            *bin += one;
        }
        if *v == 0 {
            ends[0] += one;
        } else if *v == 255 {
            ends[1] += one;
        }
    }
    (bins, ends)
}

fn histogram(ui: &mut Ui, blurry: &Picture, restored: Option<&Picture>) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 70.0), Sense::hover());
    ui.painter().rect_filled(rect, 4.0, style::SURROUND);
    let curves = [Some((blurry, style::BLURRY)), restored.map(|r| (r, style::RESTORED))];
    let mut clipped = [0.0; 2];
    for (picture, colour) in curves.into_iter().flatten() {
        let (bins, ends) = bins(picture);
        let top = bins.iter().copied().fold(1e-6, f32::max);
        let at = |(i, v): (usize, &f32)| {
            let x = rect.left() + (i as f32 + 0.5) / BINS as f32 * rect.width();
            pos2(x, rect.bottom() - 2.0 - (v / top).sqrt() * (rect.height() - 6.0))
        };
        let points = bins.iter().enumerate().map(at).collect();
        ui.painter().add(Shape::line(points, Stroke::new(1.5, colour)));
        if colour == style::BLURRY {
            clipped = ends.map(|e| e * 100.0);
        }
    }
    let warn = clipped.iter().any(|c| *c > 1.0);
    let colour = if warn { Color32::from_rgb(230, 120, 90) } else { style::QUIET };
    let text =
        format!("clipped in the camera: {:.1} % dark, {:.1} % bright", clipped[0], clipped[1]);
    ui.label(RichText::new(text).size(11.0).color(colour));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    #[test]
    fn the_histogram_counts_every_sample_once_and_clipping_apart() {
        let data = vec![0, 0, 128, 255];
        let (bins, ends) = bins(&Picture::new(1, Size::new(2, 2), data).unwrap());
        assert!((bins.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!((bins[0], bins[32], bins[63]), (0.5, 0.25, 0.25));
        assert_eq!(ends, [0.5, 0.25]);
    }
}
