//! The large statistics strip, readable from two metres away.

use crate::gui::state::Window;
use crate::gui::theme;
use eframe::egui::{self, Align2, Color32, FontId, Role, Sense, Ui, WidgetInfo, pos2};

/// A value and its label.
struct Item {
    value: String,
    label: String,
    colour: Color32,
}

/// Font size of the values on a screen of this height, both in points.
pub(crate) fn letters(screen: f32) -> f32 {
    (screen / 27.0).clamp(20.0, 60.0)
}

/// Height of the strip on a screen of this height, both in points.
pub(crate) fn height(screen: f32) -> f32 {
    // Two lines and the margins.
    letters(screen) * 1.95 + 16.0
}

/// Draws the items side by side, as many as fit.
pub(crate) fn show(window: &Window, ui: &mut Ui) {
    let letters = letters(ui.ctx().content_rect().height());
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    let items = items(window);
    response.widget_info(|| {
        let all: Vec<String> = items.iter().map(|i| format!("{} {}", i.value, i.label)).collect();
        WidgetInfo::labeled(Role::Label, true, all.join(", "))
    });
    let painter = ui.painter();
    let large = FontId::proportional(letters);
    let small = FontId::proportional((letters * 0.42).max(12.0));
    let gap = letters * 1.1;
    let laid = items.into_iter().map(|item| {
        let value = painter.layout_no_wrap(item.value, large.clone(), item.colour);
        let label = painter.layout_no_wrap(item.label, small.clone(), theme::QUIET);
        let width = value.size().x.max(label.size().x);
        (value, label, width)
    });
    let mut laid: Vec<_> = laid.collect();
    // The items are ordered by importance: the last ones are left out first.
    let room = rect.width() - 2.0 * gap;
    let total = |laid: &[(_, _, f32)]| {
        laid.iter().map(|(.., w)| w).sum::<f32>() + gap * (laid.len().max(1) - 1) as f32
    };
    while laid.len() > 1 && total(&laid) > room {
        laid.pop();
    }
    let mut x = rect.center().x - total(&laid) / 2.0;
    for (value, label, width) in laid {
        let middle = x + width / 2.0;
        let place = Align2::CENTER_TOP.anchor_size(pos2(middle, rect.top()), value.size());
        let below = Align2::CENTER_BOTTOM.anchor_size(pos2(middle, rect.bottom()), label.size());
        painter.galley(place.min, value, Color32::WHITE);
        painter.galley(below.min, label, theme::QUIET);
        x += width + gap;
    }
}

fn items(window: &Window) -> Vec<Item> {
    let stats = window.session.snapshot();
    let item =
        |value: String, label: &str| Item { value, label: label.into(), colour: Color32::WHITE };
    let mut items = Vec::new();
    if window.recorder.running(&window.session.rig_handle) {
        let frames = window.recorder.frames(&window.session.rig_handle);
        items.push(Item { colour: theme::ALERT, ..item(frames, "frames recorded") });
    }
    if window.held {
        items.push(Item { colour: theme::WARNING, ..item("paused".into(), "Space to resume") });
    } else {
        items.push(item(format!("{:.1} fps", stats.rate_out), "restored and shown"));
    }
    let restored = window.latest.as_ref().is_some_and(|o| !o.restored.is_empty());
    if restored {
        items.push(item(format!("{:.0} ms", stats.restore.p50_ms), "restore time"));
    }
    if !window.held {
        items.push(item(format!("{:.0} ms", stats.latency.p50_ms), "shutter to screen"));
    }
    let scores = window.quality.scores.map(|s| s.psnr_db.1 - s.psnr_db.0);
    let gain = window.latest.as_ref().and_then(|o| o.sharpness_gain);
    let improvement = match (scores.filter(|db| db.is_finite()), gain) {
        (Some(db), _) => Some((format!("{db:+.1} dB"), "PSNR gain")),
        (None, Some(gain)) => Some((format!("{gain:.1} x"), "sharper")),
        (None, None) => None,
    };
    if let Some((value, label)) = improvement.filter(|_| restored) {
        items.push(Item { colour: theme::RESTORED, ..item(value, label) });
    }
    items.push(item(short(&window.session.engine()), "engine"));
    items
}

/// Name of an engine without the reason why it was chosen.
fn short(engine: &str) -> String {
    let name = engine.split(" (").next().unwrap_or(engine);
    crate::gui::text_format::capitalized(name.strip_prefix("the ").unwrap_or(name))
}

/// Frame of the strip.
pub(crate) fn frame() -> egui::Frame {
    egui::Frame::new().fill(theme::SURROUND).inner_margin(egui::Margin::symmetric(8, 8))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_engine_name_is_shortened() {
        let long = "the processor, 2 threads, Avx512 (there is no CUDA device 0)";
        assert_eq!(super::short(long), "Processor, 2 threads, Avx512");
        assert_eq!(super::short("NVIDIA H100"), "NVIDIA H100");
    }
}
