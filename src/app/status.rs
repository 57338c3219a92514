//! The line below the pictures, and the help.

use super::Window;
use eframe::egui;

/// Rates, times, counts, and the instant within the exposure.
pub(super) fn show(window: &mut Window, ui: &mut egui::Ui) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 14.0;
        if let Some(shown) = &window.latest {
            let exposure = &shown.captured.exposure;
            let ms = shown.time.as_secs_f64() * 1e3;
            ui.monospace(format!("{:4.1} fps", window.rate.per_second()));
            ui.monospace(format!("restored in {ms:4.0} ms"));
            ui.label(format!("{}, events {}", exposure.frame.size(), exposure.sensor));
            ui.label(format!("{:.2} Mev/s", shown.captured.event_rate() / 1e6));
        }
        let counts = window.pipeline.counts();
        ui.label(format!("skipped {}", counts.missed_by_engine + counts.missed_by_window))
            .on_hover_text(format!(
                "{} exposures came, {} restored, {} skipped while the engine was busy, {} never \
                 shown, {} failed",
                counts.captured,
                counts.restored,
                counts.missed_by_engine,
                counts.missed_by_window,
                counts.failed
            ));
        ui.label(format!("processor, {}", window.engine));
        let slider =
            egui::Slider::new(&mut window.instant, 0.0..=1.0).text("instant").fixed_decimals(2);
        if ui.add(slider).on_hover_text("which moment of the exposure to restore").changed() {
            window.pipeline.set_instant(window.instant);
        }
        if window.paused {
            ui.strong("paused");
        }
        ui.weak("H: help");
    });
}

/// The keys.
pub(super) fn help(ui: &egui::Ui) {
    const KEYS: [(&str, &str); 5] = [
        ("Space", "pause, or go on"),
        ("→", "one exposure further, while paused"),
        ("F", "full screen"),
        ("H, F1", "this help"),
        ("Q", "quit"),
    ];
    egui::Window::new("Keys")
        .collapsible(false)
        .resizable(false)
        .anchor(egui::Align2::CENTER_CENTER, [0.0, 0.0])
        .show(ui, |ui| {
            egui::Grid::new("keys").num_columns(2).spacing([24.0, 6.0]).show(ui, |ui| {
                for (key, meaning) in KEYS {
                    ui.monospace(key);
                    ui.label(meaning);
                    ui.end_row();
                }
            });
        });
}
