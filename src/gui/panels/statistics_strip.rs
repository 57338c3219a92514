//! The large statistics strip, readable from two metres away.

use crate::gui::player::Player;
use crate::gui::recording::Recording;
use crate::gui::scores::Scores;
use crate::gui::session::Session;
use crate::gui::{describe, theme};
use eframe::egui::{self, Align2, Color32, FontId, Role, Sense, Ui, WidgetInfo, pos2};

/// A value and its label.
struct Item {
    value: String,
    label: String,
    colour: Color32,
}

/// Font size of the values on a screen of this height, both in points.
pub(crate) fn font_size(screen: f32) -> f32 {
    (screen / 27.0).clamp(20.0, 60.0)
}

/// Height of the strip on a screen of this height, both in points.
pub(crate) fn height(screen: f32) -> f32 {
    // Two lines and the margins.
    font_size(screen) * 1.95 + 16.0
}

/// The strip.
#[derive(Default)]
pub(crate) struct StatisticsStrip;

impl StatisticsStrip {
    /// Draws the items side by side, as many as fit.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        player: &Player,
        recording: &Recording,
        scores: Option<Scores>,
    ) {
        draw(ui, items(session, player, recording, scores));
    }
}

fn draw(ui: &mut Ui, items: Vec<Item>) {
    let font_size = font_size(ui.ctx().content_rect().height());
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    response.widget_info(|| {
        let all: Vec<String> = items.iter().map(|i| format!("{} {}", i.value, i.label)).collect();
        WidgetInfo::labeled(Role::Label, true, all.join(", "))
    });
    let painter = ui.painter();
    let large = FontId::proportional(font_size);
    let small = FontId::proportional((font_size * 0.42).max(12.0));
    let gap = font_size * 1.1;
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

fn items(
    session: &Session,
    player: &Player,
    recording: &Recording,
    scores: Option<Scores>,
) -> Vec<Item> {
    let stats = session.snapshot();
    let item =
        |value: String, label: &str| Item { value, label: label.into(), colour: Color32::WHITE };
    let mut items = Vec::new();
    if recording.is_running(&session.rig_handle) {
        let frames = recording.frames(&session.rig_handle);
        items.push(Item { colour: theme::ALERT, ..item(frames, "frames recorded") });
    }
    if player.paused {
        items.push(Item { colour: theme::WARNING, ..item("paused".into(), "Space to resume") });
    } else {
        items.push(item(format!("{:.1} fps", stats.rate_out), "restored and shown"));
    }
    if player.is_restored() {
        items.push(item(format!("{:.0} ms", stats.restore.p50_ms), "restore time"));
    }
    if !player.paused {
        items.push(item(format!("{:.0} ms", stats.latency.p50_ms), "shutter to screen"));
    }
    let psnr_gain_db = scores.map(|s| s.psnr_db.1 - s.psnr_db.0).filter(|db| db.is_finite());
    let sharpness_gain = player.latest.as_ref().and_then(|frame| frame.sharpness_gain);
    let improvement = match (psnr_gain_db, sharpness_gain) {
        (Some(db), _) => Some((format!("{db:+.1} dB"), "PSNR gain")),
        (None, Some(gain)) => Some((format!("{gain:.1} x"), "sharper")),
        (None, None) => None,
    };
    if let Some((value, label)) = improvement.filter(|_| player.is_restored()) {
        items.push(Item { colour: theme::RESTORED, ..item(value, label) });
    }
    items.push(item(describe::engine(&session.engine()), "engine"));
    items
}

/// Frame of the strip.
pub(crate) fn frame() -> egui::Frame {
    egui::Frame::new().fill(theme::SURROUND).inner_margin(egui::Margin::symmetric(8, 8))
}
