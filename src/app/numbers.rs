//! The heads-up display: rates, times, losses, quality, synchronisation, plots.

use super::style;
use super::widgets::{group, hint, row, title};
use super::window::Window;
use crate::pipeline::{Snapshot, Times};
use eframe::egui::{RichText, Ui};
use egui_plot::{Line, Plot, PlotPoints};

/// Draws the panel.
pub(super) fn show(window: &mut Window, ui: &mut Ui) {
    let now = window.session.snapshot();
    quality(window, ui);
    group(ui, "Speed", |ui| {
        row(ui, "Camera", format!("{:.1} frames/s", now.rate_in));
        row(ui, "Screen", RichText::new(format!("{:.1} frames/s", now.rate_out)).strong());
        row(ui, "Restoring", times(now.restore));
        row(ui, "Shutter to screen", times(now.latency));
        ui.label("");
        ui.label(RichText::new("half / 95 of 100 / longest").color(style::QUIET).size(11.5));
        ui.end_row();
        row(ui, "Waiting", format!("{} frames", now.queued));
    });
    lost(window, ui, &now);
    let rates = window.session.event_rates();
    events(ui, now.event_rate, &rates);
    title(ui, "Brightness");
    window.histogram.show(ui);
    ui.checkbox(&mut window.settings.clipping, "Mark clipped pixels (C)");
    ui.add_space(8.0);
    group(ui, "Runs on", |ui| {
        row(ui, "Source", window.session.source());
        row(ui, "Engine", window.session.engine());
        row(ui, "Weights", window.session.weights());
        for (name, value) in window.session.facts().into_iter().filter(|(n, _)| *n != "lost") {
            row(ui, name, value);
        }
    });
}

fn times(t: Times) -> String {
    format!("{:.0} / {:.0} / {:.0} ms", t.p50_ms, t.p95_ms, t.max_ms)
}

/// How good the restored picture is: against the truth where it is known.
fn quality(window: &Window, ui: &mut Ui) {
    let Some(o) = &window.latest else { return };
    group(ui, "Picture", |ui| {
        if let Some(scores) = window.quality.scores {
            let (before, after) = scores.psnr_db;
            let value = format!("{before:.1} to {after:.1} dB");
            row(ui, "PSNR", RichText::new(value).strong().color(style::RESTORED));
            if let Some((before, after)) = scores.ssim {
                row(ui, "SSIM", format!("{before:.3} to {after:.3}"));
            }
        }
        if let Some(gain) = o.sharpness_gain {
            row(ui, "Sharpness", format!("{gain:.1} times the blurry one"));
        }
        let e = &o.captured.exposure;
        row(ui, "Frame", e.frame.size().to_string());
        row(ui, "Exposure", format!("{:.1} ms", e.span.duration_us() / 1e3));
        row(ui, "Events", format!("{} from {}", e.events.len(), e.sensor));
    });
}

/// What never reached the screen, by cause.
fn lost(window: &Window, ui: &mut Ui, now: &Snapshot) {
    let d = now.drops;
    let causes = [
        ("Camera or cable", d.source),
        ("Queue full", d.queue),
        ("Engine busy", d.engine),
        ("Window busy", d.display),
        ("Not restored", d.failed),
    ];
    let facts = window.session.facts();
    let lost: Vec<&String> = facts.iter().filter(|(n, _)| *n == "lost").map(|(_, v)| v).collect();
    group(ui, "Frames not shown", |ui| {
        for (name, count) in causes.into_iter().filter(|(_, count)| *count > 0) {
            row(ui, name, count.to_string());
        }
        for value in &lost {
            row(ui, "Lost", RichText::new(value.as_str()).color(style::WARNING));
        }
        if d.total() == 0 && lost.is_empty() {
            row(ui, "None", "");
        }
    });
}

/// The rate of events over the last exposures.
fn events(ui: &mut Ui, now: f64, rates: &[f64]) {
    title(ui, &format!("Events: {:.2} million a second", now / 1e6));
    let millions: Vec<f64> = rates.iter().map(|r| r / 1e6).collect();
    let most = millions.iter().copied().fold(0.0, f64::max);
    let line = Line::new("million events a second", PlotPoints::from_ys_f64(&millions));
    Plot::new("event rate")
        .height(74.0)
        .include_y(0.0)
        .include_y(most * 1.1 + 1e-3)
        .show_axes(false)
        .show_grid(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show(ui, |plot| plot.line(line.color(style::RESTORED).width(1.5)));
    hint(ui, format!("the last {} frames, at most {most:.2} million", millions.len()));
    ui.add_space(8.0);
}
